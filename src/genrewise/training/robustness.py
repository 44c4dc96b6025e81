"""How a model's answers bear what happens to audio on its way: codecs, telephones, noise, haste."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio import Source, load, resample
from genrewise.errors import GenrewiseError
from genrewise.inference import Classifier
from genrewise.training.answers import Bars, Task, ask, collect, no_bar, told
from genrewise.training.compare import paired_difference
from genrewise.training.datasets import Dataset
from genrewise.training.metrics import bootstrap_interval

__all__ = ["CLEAN", "DAMAGES", "Damage", "chances", "channels", "mp3", "robustness", "scores"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Samples (n, channels), rate in Hz and chances to damaged samples; None where the damage would
#: change nothing: a second channel that is not there, a clip that is short already.
Damage = Callable[[F32, int, np.random.Generator], F32 | None]

#: Seconds of a file that are heard: every damage is a decoding of its own.
LONGEST = 120.0

#: Seconds that a listener in a hurry gives.
GLANCE = 5.0


def channels(source: Source, start: float = 0.0, duration: float | None = None) -> tuple[F32, int]:
    """Samples of a stereo file side by side; of any other the mean of its channels.

    Returns
    -------
    y : ndarray, shape (n, 1 or 2), float32
    sr : int
        Hz.

    Raises
    ------
    AudioError
        Nothing could be decoded.
    """
    audio = load(source, start=start, duration=duration)
    if audio.info.channels != 2:
        return audio.y[:, None], audio.sr
    sides = [load(source, start=start, duration=duration, channel=c).y for c in (0, 1)]
    return np.stack(sides, axis=1), audio.sr


def chances(name: str, damage: str) -> np.random.Generator:
    """The generator of one damage to one item: the same on every machine and in any order."""
    digest = sha256(f"{name}\0{damage}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(list(digest))


def _gain(decibels: float) -> Damage:
    """Softer or louder; what passes full scale is clipped, as 16-bit files do."""
    factor = np.float32(10.0 ** (decibels / 20.0))
    return lambda y, _sr, _rng: np.clip(factor * y, -1.0, 1.0).astype(np.float32)


def _each(y: F32, sr_in: int, sr_out: int) -> F32:
    """Every channel at another rate."""
    return np.stack([resample(column, sr_in, sr_out) for column in y.T], axis=1)


#: Bit rate in kbit/s: the sample rate in Hz that encoders choose for it, and the lowest and
#: highest bit rate of that sample rate, between which libsndfile counts its level of compression.
MP3_RATES = {64: (44_100, 32, 320), 32: (22_050, 8, 160)}


def mp3(y: F32, sr: int, kbps: int) -> bytes:
    """Samples as MPEG layer III at a constant bit rate.

    Parameters
    ----------
    y : ndarray, shape (n, channels), float32
    sr : int
        Hz.
    kbps : {64, 32}
        Of all channels together.
    """
    import soundfile

    rate, least, most = MP3_RATES[kbps]
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    out = io.BytesIO()
    level = (most - kbps) / (most - least)
    soundfile.write(out, _each(y, sr, rate), rate, compression_level=level, **how)
    return out.getvalue()


def _mp3(kbps: int) -> Damage:
    """To mp3 and back; what the encoder adds at the end is cut off."""

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32:
        decoded, rate = channels(mp3(y, sr, kbps))
        return _each(decoded, rate, sr)[: len(y)]

    return damage


def _filtered(y: F32, sections: F64) -> F32:
    from scipy.signal import sosfilt

    return np.asarray(sosfilt(sections, y, axis=0), dtype=np.float32)


def _telephone(y: F32, sr: int, _rng: np.random.Generator) -> F32:
    """What a line of 8 kHz leaves: 300 to 3400 Hz."""
    from scipy.signal import butter

    sections = butter(8, (300.0, 3400.0), "bandpass", output="sos", fs=8_000)
    return _each(_filtered(_each(y, sr, 8_000), sections), 8_000, sr)[: len(y)]


def _below(hertz: float) -> Damage:
    """Nothing above a frequency; a file that can hold none of it stays as it is."""

    def damage(y: F32, sr: int, _rng: np.random.Generator) -> F32 | None:
        from scipy.signal import butter

        if sr <= 2 * hertz:
            return None
        return _filtered(y, butter(10, hertz, "lowpass", output="sos", fs=sr))

    return damage


def _noise(decibels: float) -> Damage:
    """White noise, the same in all channels, that far below the mean power of their mix."""

    def damage(y: F32, _sr: int, rng: np.random.Generator) -> F32:
        power = float(np.mean(y.mean(axis=1, dtype=np.float64) ** 2))
        noise = rng.standard_normal((len(y), 1))
        noise *= np.sqrt(power / 10.0 ** (decibels / 10.0) / max(np.mean(noise**2), 1e-12))
        return (y + noise).astype(np.float32)

    return damage


def _speed(factor: float) -> Damage:
    """As a turntable that runs too fast or too slow: pitch and tempo together."""
    return lambda y, sr, _rng: _each(y, round(sr * factor), sr)


def _first(y: F32, sr: int, _rng: np.random.Generator) -> F32 | None:
    """The first seconds alone."""
    return y[: round(GLANCE * sr)] if len(y) > GLANCE * sr else None


def _one_side(y: F32, _sr: int, _rng: np.random.Generator) -> F32 | None:
    """The left channel alone."""
    return y[:, :1] if y.shape[1] > 1 else None


#: The row that all others are held against.
CLEAN = "clean"

#: What is done to the audio, by the name of its row.
DAMAGES: Mapping[str, Damage] = {
    CLEAN: lambda y, _sr, _rng: y,
    "20 dB softer": _gain(-20.0),
    "10 dB louder, clipped": _gain(10.0),
    "mp3, 64 kbit/s": _mp3(64),
    "mp3, 32 kbit/s": _mp3(32),
    "telephone, 300–3400 Hz": _telephone,
    "nothing above 4 kHz": _below(4_000.0),
    "white noise, 20 dB below": _noise(20.0),
    "white noise, 10 dB below": _noise(10.0),
    "5 % faster": _speed(1.05),
    "5 % slower": _speed(0.95),
    "first 5 s only": _first,
    "left channel only": _one_side,
}


@dataclass(frozen=True)
class _Job:
    model: str

    def __call__(self) -> Callable[[Task], dict[str, Any]]:
        classifier = Classifier(self.model)

        def work(task: Task) -> dict[str, Any]:
            source, start, duration, name = task
            y, sr = channels(source, start, min(duration or LONGEST, LONGEST))
            found: dict[str, Any] = {}
            for key, damage in DAMAGES.items():
                damaged = damage(y, sr, chances(name, key))
                if damaged is not None:
                    found[key] = _answer(classifier, damaged, sr)
            return found

        return work


def _answer(classifier: Classifier, y: F32, sr: int) -> dict[str, Any] | str:
    """What the model says of damaged samples, or why it says nothing."""
    try:
        return told(classifier.predict(y.mean(axis=1), sr))
    except GenrewiseError as error:  # a clip that became too short costs that row one item
        return str(error)


def scores(
    truth: I64, groups: I64, clean: F64, damaged: F64, answered: NDArray[np.bool_]
) -> dict[str, Any]:
    """One row of the table: damaged items against the same ones undamaged.

    Parameters
    ----------
    truth, groups : ndarray of int, shape (n,)
    clean, damaged : ndarray, shape (n, C)
        Probabilities.
    answered : ndarray of bool, shape (n,)
        Of the damaged items.

    Returns
    -------
    dict
        ``n``, ``groups``, ``accuracy`` with ``interval``; ``change``: accuracy less that of the
        same items undamaged, with ``change_interval``; ``answered``: share;
        ``right_when_answered``, None where nothing is answered; ``truth``: mean change of the
        probability of the truth; ``changed``: share of items with another likeliest label.
    """
    rows = np.arange(len(truth))
    before, after = clean.argmax(axis=1), damaged.argmax(axis=1)
    right = after == truth
    change, low, high = paired_difference(right, before == truth, groups)
    return {
        "n": len(truth),
        "groups": len(np.unique(groups)),
        "accuracy": float(right.mean()),
        "interval": list(bootstrap_interval(right, groups)),
        "change": change,
        "change_interval": [low, high],
        "answered": float(answered.mean()),
        "right_when_answered": float(right[answered].mean()) if answered.any() else None,
        "truth": float((damaged[rows, truth] - clean[rows, truth]).mean()),
        "changed": float((before != after).mean()),
    }


def robustness(
    model: str,
    dataset: Dataset,
    truth: Mapping[int, int],
    keep: Sequence[int],
    workers: int = 0,
    bars: Bars = no_bar,
) -> dict[str, Any]:
    """Score a model on every damage to the same clips.

    Parameters
    ----------
    model : str
        Name or file.
    dataset : Dataset
    truth : mapping of int to int
        The items, and the place in `keep` of each one's label.
    keep : sequence of int
        The model's labels that it chooses among.
    workers : int
    bars : callable

    Returns
    -------
    dict
        ``rows``: a row a damage as of :func:`scores`, with its name as ``damage``;
        ``untouched``: damages that change none of the clips; ``failed``: paths and reasons.

    Raises
    ------
    DatasetError
        Not one file could be read.
    """
    values, unread = ask(_Job(model), dataset, sorted(truth), workers, bars)
    failed = list(unread)
    for i, found in values.items():
        failed += [
            (dataset.items[i].path, f"{name}: {why}")
            for name, why in found.items()
            if isinstance(why, str)
        ]
    group = np.unique([item.group for item in dataset.items], return_inverse=True)[1]
    rows, untouched = [], []
    for name in DAMAGES:
        own = {i: v[name] for i, v in values.items() if isinstance(v.get(name), dict)}
        own = {i: found for i, found in own.items() if isinstance(values[i][CLEAN], dict)}
        if not own:
            untouched.append(name)
            continue
        damaged, clean = collect(own), collect({i: values[i][CLEAN] for i in own})
        items = list(damaged.items)
        row = scores(
            np.array([truth[i] for i in items]),
            group[items],
            clean.among(keep),
            damaged.among(keep),
            damaged.answered,
        )
        exact = {"change_interval": [0.0, 0.0]} if name == CLEAN else {}
        rows.append({"damage": name, **row, **exact})
    return {"rows": rows, "untouched": untouched, "failed": [list(pair) for pair in failed]}
