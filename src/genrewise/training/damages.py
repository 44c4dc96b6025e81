"""What happens to sound on its way: codecs, telephones, noise, haste, a few seconds of the whole.

A damage is a pure function of samples.  What it computes is cut off at full scale, as 16-bit files
do; a part of the samples stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import UnknownName
from genrewise.training.coding import aac, channels, mp3, opus, resampled

__all__ = ["CLEAN", "DAMAGES", "Damage", "chances", "chosen"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

#: Samples (n, channels), rate in Hz and chances to damaged samples with as many channels; None
#: where the damage would change nothing: a second channel that is not there, a clip that is short
#: already.
Damage = Callable[[F32, int, np.random.Generator], F32 | None]

#: Seconds over which a track is faded in and out.
FADE = 10.0
#: Seconds of hiss in front of the music, and how far below it in dB.
HISS, HISS_BELOW = 5.0, 30.0
#: Of the filter that lets only low tones pass: order, ripple below and least loss above, in dB.
LOW_PASS = (12, 0.1, 60.0)


def chances(name: str, damage: str) -> np.random.Generator:
    """The generator of one damage to one item: the same on every machine and in any order."""
    digest = sha256(f"{name}\0{damage}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(list(digest))


def _limited(y: F32 | F64) -> F32:
    return np.clip(y, -1.0, 1.0).astype(np.float32)


def _fitted(y: F32, n: int) -> F32:
    """So many samples: cut off at the end, or silence added."""
    return np.pad(y[:n], ((0, max(0, n - len(y))), (0, 0)))


# ------------------------------------------------------------------- codecs


def _through(encode: Callable[[F32, int, int], bytes], kbps: int) -> Damage:
    """Encoded and decoded; what the encoder adds at the end is cut off.

    An mp3 of 32 kbit/s has no room to say by how much its sound is late: 50 ms stay, as in players.
    """

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32:
        decoded, rate = channels(encode(y, sr, kbps))
        return _limited(_fitted(resampled(decoded, rate, sr), len(y)))

    return damage


# ------------------------------------------------------------------- level and spectrum


def _gain(decibels: float) -> Damage:
    """Softer or louder."""
    factor = np.float32(10.0 ** (decibels / 20.0))
    return lambda y, _sr, _rng: _limited(factor * y)


def _filtered(y: F32, sections: F64) -> F32:
    from scipy.signal import sosfilt

    return _limited(np.asarray(sosfilt(sections, y, axis=0)))


def _telephone(y: F32, sr: int, _rng: np.random.Generator) -> F32:
    """What a line of 8 kHz leaves: 300 to 3400 Hz."""
    from scipy.signal import butter

    sections = butter(8, (300.0, 3400.0), "bandpass", output="sos", fs=8_000)
    line = _filtered(resampled(y, sr, 8_000), sections)
    return _limited(_fitted(resampled(line, 8_000, sr), len(y)))


def _below(hertz: float) -> Damage:
    """Nothing above a frequency; a file that can hold none of it stays as it is."""

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32 | None:
        from scipy.signal import ellip

        if sr <= 2 * hertz:
            return None
        return _filtered(y, ellip(*LOW_PASS, hertz, "lowpass", output="sos", fs=sr))

    return damage


def _white(n: int, decibels: float, y: F32, rng: np.random.Generator) -> F64:
    """White noise, shape (n, 1), that far below the mean power of the mix of `y`."""
    power = float(np.mean(y.mean(axis=1, dtype=np.float64) ** 2))
    noise = rng.standard_normal((n, 1))
    noise *= np.sqrt(power / 10.0 ** (decibels / 10.0) / max(np.mean(noise**2), 1e-12))
    return noise


def _noise(decibels: float) -> Damage:
    """White noise all along, the same in all channels."""
    return lambda y, _sr, rng: _limited(y + _white(len(y), decibels, y, rng))


# ------------------------------------------------------------------- tempo and pitch


def _stretched(y: F32, sr: int, speed: float) -> F32:
    """Every channel at another tempo; of two the middle and the side.

    The phases of a channel are free to turn against those of the other: stretched by themselves
    the two would cancel out here and there in their mean, which a model hears.
    """
    from genrewise.training.augment.vocoder import stretched

    if y.shape[1] != 2:
        return np.stack([stretched(column, sr, speed) for column in y.T], axis=1)
    middle, side = (
        stretched(part.astype(np.float32), sr, speed)
        for part in ((y[:, 0] + y[:, 1]) / 2, (y[:, 0] - y[:, 1]) / 2)
    )
    return np.stack([middle + side, middle - side], axis=1)


def _tempo(factor: float) -> Damage:
    """Faster or slower at the same pitch."""
    return lambda y, sr, _rng: _limited(_stretched(y, sr, factor))


def _pitch(semitones: float) -> Damage:
    """Higher or lower at the same tempo: stretched, then played faster or slower."""
    ratio = 2.0 ** (semitones / 12.0)

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32:
        out = resampled(_stretched(y, sr, 1.0 / ratio), round(sr * ratio), sr)
        return _limited(_fitted(out, len(y)))

    return damage


def _speed(factor: float) -> Damage:
    """As a turntable that runs too fast or too slow: pitch and tempo together."""
    return lambda y, sr, _rng: _limited(resampled(y, round(sr * factor), sr))


# ------------------------------------------------------------------- channels


def _differ(y: F32) -> bool:
    return y.shape[1] == 2 and not np.array_equal(y[:, 0], y[:, 1])


def _left(y: F32, _sr: int, _rng: np.random.Generator) -> F32 | None:
    """The left channel on both sides."""
    return y[:, [0, 0]] if _differ(y) else None


def _wider(y: F32, _sr: int, _rng: np.random.Generator) -> F32 | None:
    """What the channels differ by, doubled; their mean changes only where that is cut off."""
    if not _differ(y):
        return None
    middle, side = (y[:, 0] + y[:, 1]) / 2, y[:, 0] - y[:, 1]
    return _limited(np.stack([middle + side, middle - side], axis=1))


# ------------------------------------------------------------------- parts of a track


def _excerpt(seconds: float, place: float) -> Damage:
    """So many seconds alone: from the beginning (0), the middle (0.5) or the end (1)."""

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32 | None:
        n = round(seconds * sr)
        start = round(place * (len(y) - n))
        return y[start : start + n] if len(y) > n else None

    return damage


def _faded(y: F32, sr: int, _rng: np.random.Generator) -> F32 | None:
    """Faded in and out in straight lines; None where the two would meet."""
    n = round(FADE * sr)
    if len(y) < 2 * n:
        return None
    level = np.ones((len(y), 1), dtype=np.float32)
    level[:n, 0] = np.arange(n) / n
    level[len(y) - n :] = level[:n][::-1]
    return y * level


def _hiss_first(y: F32, sr: int, rng: np.random.Generator) -> F32:
    """A tape that runs before the music begins."""
    noise = np.repeat(_white(round(HISS * sr), HISS_BELOW, y, rng), y.shape[1], axis=1)
    return np.concatenate([_limited(noise), y])


def _silence_first(y: F32, _sr: int, _rng: np.random.Generator) -> F32:
    """Silence in front, half as long as the music."""
    return np.pad(y, ((len(y) // 2, 0), (0, 0)))


#: The row that all others are held against.
CLEAN = "clean"

#: What is done to the audio, by the name of its row.
DAMAGES: Mapping[str, Damage] = {
    CLEAN: lambda y, _sr, _rng: y,
    "mp3, 320 kbit/s": _through(mp3, 320),
    "mp3, 128 kbit/s": _through(mp3, 128),
    "mp3, 64 kbit/s": _through(mp3, 64),
    "mp3, 32 kbit/s": _through(mp3, 32),
    "Opus, 64 kbit/s": _through(opus, 64),
    "Opus, 32 kbit/s": _through(opus, 32),
    "m4a (AAC), 96 kbit/s": _through(aac, 96),
    "6 dB louder": _gain(6.0),
    "6 dB softer": _gain(-6.0),
    "20 dB softer": _gain(-20.0),
    "10 dB louder, clipped": _gain(10.0),
    "nothing above 8 kHz": _below(8_000.0),
    "nothing above 4 kHz": _below(4_000.0),
    "telephone, 300–3400 Hz": _telephone,
    "white noise, 20 dB below": _noise(20.0),
    "white noise, 10 dB below": _noise(10.0),
    "6 % faster, same pitch": _tempo(1.06),
    "6 % slower, same pitch": _tempo(0.94),
    "1 semitone up": _pitch(1.0),
    "1 semitone down": _pitch(-1.0),
    "5 % faster": _speed(1.05),
    "5 % slower": _speed(0.95),
    "left channel only": _left,
    "wider stereo": _wider,
    "first 5 s only": _excerpt(5.0, 0.0),
    "middle 5 s only": _excerpt(5.0, 0.5),
    "first 10 s only": _excerpt(10.0, 0.0),
    "middle 10 s only": _excerpt(10.0, 0.5),
    "last 10 s only": _excerpt(10.0, 1.0),
    "faded in and out": _faded,
    "5 s of hiss in front": _hiss_first,
    "long silence in front": _silence_first,
}


def _typed(name: str) -> str:
    """A name as it may be typed: in any case, with a hyphen for the dash."""
    return " ".join(name.casefold().replace("–", "-").split())


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The damages that are asked for, in the order of the table; all where none is.

    Parameters
    ----------
    names : iterable of str
        In any case; a hyphen may stand for the dash.

    Returns
    -------
    tuple of str
        :data:`CLEAN` is always the first.

    Raises
    ------
    UnknownName
        With the nearest names.
    """
    known = {_typed(name): name for name in DAMAGES}
    wanted = set()
    for name in names:
        if _typed(name) not in known:
            raise UnknownName("damage", name, DAMAGES)
        wanted.add(known[_typed(name)])
    return tuple(name for name in DAMAGES if not wanted or name in {CLEAN, *wanted})
