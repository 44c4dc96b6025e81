"""Instruments that sound of strings, hammers, bows, reeds and throats.

Each function gives one note, its peak about 1; `rng` makes no two notes the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import SR, Voice, hertz
from genrewise.training.pieces.desk import band, peak

__all__ = ["blown", "bowed", "keys", "organ", "piano", "pluck", "sung", "synth"]

F32 = NDArray[np.float32]

#: Resonances of the throat in Hz, and their levels in dB.
VOWELS: dict[str, tuple[tuple[float, float], ...]] = {
    "a": ((750, 24), (1150, 20), (2700, 14)),
    "o": ((450, 24), (850, 18), (2600, 8)),
    "u": ((330, 22), (700, 12), (2500, 4)),
    "e": ((480, 24), (1800, 20), (2600, 16)),
    "i": ((300, 22), (2200, 20), (3000, 16)),
}


def _f32(y: Any) -> F32:
    return np.asarray(y, dtype=np.float32)


def _unit(y: Any) -> F32:
    return _f32(y / (float(np.abs(y).max(initial=0.0)) or 1.0))


def _times(seconds: float) -> F32:
    return _f32(np.arange(max(2, int(seconds * SR))) / SR)


def _ends(t: F32, attack: float, release: float) -> F32:
    """Rises over `attack` seconds and falls over the last `release`."""
    return _f32(np.minimum(1.0, t / attack) * np.clip((t[-1] - t) / release, 0.0, 1.0))


def pluck(
    midi: float,
    seconds: float,
    rng: np.random.Generator,
    *,
    ring: float = 3.0,
    bright: float = 0.6,
    pick: float = 0.15,
) -> F32:
    """A plucked string: a delay line with a loss in its loop (Karplus & Strong 1983).

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
        The pluck.
    ring : float
        Seconds to a thousandth at low frequencies.
    bright : float
        Treble in the pluck and in the loop, 0 to 1.
    pick : float
        Where it is plucked, as a share of the string.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    from scipy.signal import lfilter

    t = _times(seconds)
    period = SR / hertz(midi)
    # The loop: a loss in the treble, and a cubic interpolator for the rest of a sample.
    loss = 0.5 * (1.0 - bright) * 0.5
    whole = int(period - 2.0)
    late = period - whole - 1.0
    cubic = np.array([
        -(late - 1) * (late - 2) * (late - 3) / 6,
        late * (late - 2) * (late - 3) / 2,
        -late * (late - 1) * (late - 3) / 2,
        late * (late - 1) * (late - 2) / 6,
    ])  # fmt: skip
    loop = np.convolve([loss, 1 - 2 * loss, loss], cubic)
    loop *= 10.0 ** (-3.0 * period / (SR * ring))
    a = np.zeros(whole + len(loop))
    a[0] = 1.0
    a[whole:] -= loop
    burst = np.zeros(len(t), dtype=np.float64)
    length = min(len(t), round(period))
    burst[:length] = rng.uniform(-1.0, 1.0, length)
    pole = 0.85 * (1.0 - bright)
    burst = lfilter([1 - pole], [1, -pole], burst)
    comb = max(1, round(pick * period))
    burst[comb:] -= 0.9 * burst[:-comb]
    y = lfilter([1.0], a, burst)
    return _f32(_unit(y) * _ends(t, 1e-3, min(0.03, seconds / 3)))


def piano(midi: float, seconds: float, rng: np.random.Generator, *, force: float = 0.6) -> F32:
    """A hammered string: stiff, so its partials are stretched, and two of them, not quite in tune.

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    force : float
        Of the hammer, 0 to 1: more treble.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    f = hertz(midi)
    stiff = 2e-4 * 2 ** ((midi - 60) / 12)
    fall = 0.35 * 2 ** ((midi - 48) / 18)
    y = np.zeros(len(t), dtype=np.float32)
    for k in range(1, 26):
        partial = f * k * np.sqrt(1 + stiff * k * k)
        if partial > 0.42 * SR:
            break
        level = abs(np.sin(np.pi * k / 7.6)) * k**-0.6 * np.exp(-k * f / (900 + 4200 * force))
        # Fast at first, slow later: the strings agree less and less.
        rate = fall * (0.7 + 0.12 * k)
        envelope = 0.75 * np.exp(-3.0 * rate * t) + 0.25 * np.exp(-0.6 * rate * t)
        apart = 1 + rng.uniform(1, 5) * 1e-4
        phase = np.float32(2 * np.pi) * t
        both = np.sin(phase * np.float32(partial)) + np.sin(phase * np.float32(partial * apart))
        y += np.float32(level) * both * envelope
    knock = band(rng.standard_normal(len(t), dtype=np.float32), 100.0, 1800.0) * np.exp(-t * 60)
    y = _unit(y) + np.float32(0.12 * force) * knock
    return _f32(y * _ends(t, 2e-3, min(0.12, seconds / 3)))


def bowed(
    midi: float,
    seconds: float,
    rng: np.random.Generator,
    *,
    tilt: float = 1.15,
    vibrato: float = 18.0,
    attack: float = 0.09,
    slide: float = 0.0,
    scrape: float = 0.02,
) -> F32:
    """A bowed string: a saw tooth that wanders, with vibrato that begins late.

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    tilt : float
        Harmonic k has amplitude ``k ** -tilt``.
    vibrato : float
        Cents.
    attack : float
        Seconds to full level.
    slide : float
        Semitones below from which the finger comes.
    scrape : float
        Level of the bow's noise.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    late = np.clip((t - 0.18) / 0.35, 0.0, 1.0)
    wander = np.cumsum(rng.standard_normal(len(t))) / SR * 60
    cents = rng.normal(0, 3) + wander - 100 * slide * np.exp(-t / 0.06)
    cents = cents + vibrato * late * np.sin(2 * np.pi * (rng.uniform(5.2, 6.2) * t + rng.random()))
    turn = np.cumsum(hertz(midi) * 2 ** (cents / 1200)) / SR + rng.random()
    table = Voice(tilt=tilt).table(hertz(midi))
    y = table[(turn * len(table)).astype(np.int64) % len(table)]
    noise = band(rng.standard_normal(len(t), dtype=np.float32), 1200.0, 6000.0)
    swell = 0.75 + 0.25 * np.sin(np.pi * np.minimum(1.0, t / t[-1]))
    y = (y + np.float32(scrape) * noise * (1 + 4 * np.exp(-t / 0.05))) * swell
    return _f32(y * _ends(t, attack, min(0.12, seconds / 3)))


def blown(
    midi: float,
    seconds: float,
    rng: np.random.Generator,
    *,
    tilt: float = 1.2,
    even: float = 0.8,
    breath: float = 0.04,
    scoop: float = 0.6,
    vibrato: float = 14.0,
    attack: float = 0.035,
) -> F32:
    """A reed or a mouthpiece: brighter the louder, scooped up to, with breath in it.

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    tilt, even : float
        As of a voice of the synthesiser.
    breath : float
        Level of the noise.
    scoop : float
        Semitones below from which the note comes.
    vibrato : float
        Cents.
    attack : float
        Seconds to full level.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    late = np.clip((t - 0.2) / 0.3, 0.0, 1.0)
    cents = rng.normal(0, 4) - 100 * scoop * rng.uniform(0.4, 1.2) * np.exp(-t / 0.04)
    cents = cents + vibrato * late * np.sin(2 * np.pi * (rng.uniform(4.8, 5.6) * t + rng.random()))
    turn = np.cumsum(hertz(midi) * 2 ** (cents / 1200)) / SR + rng.random()
    tables = [Voice(tilt=x, even=even).table(hertz(midi)) for x in (tilt + 1.0, tilt)]
    at = (turn * len(tables[0])).astype(np.int64) % len(tables[0])
    envelope = _ends(t, attack, min(0.06, seconds / 3)) * (0.8 + 0.2 * np.exp(-t / 0.15))
    y = (1 - envelope) * tables[0][at] + envelope * tables[1][at]
    noise = band(rng.standard_normal(len(t), dtype=np.float32), 800.0, 5000.0)
    return _f32((y + np.float32(breath) * noise) * envelope)


def organ(midi: float, seconds: float, rng: np.random.Generator, *, spin: float = 6.3) -> F32:
    """Nine drawbars through a loudspeaker that turns.

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    spin : float
        Turns a second.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    turn = 2 * np.pi * (spin * t + rng.random())
    time = t + np.float32(0.00018) * np.sin(turn)
    y = np.zeros(len(t))
    for ratio, level in ((0.5, 0.8), (1, 1), (1.5, 0.7), (2, 0.6), (3, 0.3), (4, 0.35), (6, 0.1)):
        y += level * np.sin(2 * np.pi * hertz(midi) * ratio * time)
    click = rng.standard_normal(len(t)) * np.exp(-t / 0.004) * 0.3
    return _unit((y + click) * (1 + 0.2 * np.sin(turn)) * _ends(t, 0.006, min(0.03, seconds / 3)))


def keys(midi: float, seconds: float, rng: np.random.Generator, *, bell: float = 1.2) -> F32:
    """An electric piano: a tine by frequency modulation (Chowning 1973).

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    bell : float
        Depth of the modulation.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    turn = 2 * np.pi * hertz(midi) * t
    tine = 0.12 * np.sin(min(14.0, 0.4 * SR / hertz(midi)) * turn) * np.exp(-t / 0.05)
    body = np.sin(turn + bell * np.exp(-t / 0.5) * np.sin(turn + rng.random()))
    shake = 1 + 0.15 * np.sin(2 * np.pi * 4.7 * t)
    y = (body * np.exp(-t / 1.1) + tine) * shake
    return _unit(y * _ends(t, 3e-3, min(0.05, seconds / 3)))


def synth(
    midi: float,
    seconds: float,
    *,
    tilt: float = 1.0,
    even: float = 1.0,
    sweep: float = 0.12,
    hold: float = 0.7,
) -> F32:
    """A synthesiser's bass: bright at first, dull after.

    Parameters
    ----------
    midi, seconds : float
    tilt, even : float
        As of a voice.
    sweep : float
        Seconds in which the filter closes.
    hold : float
        Seconds to a third of the level.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    at = (hertz(midi) * t * 4096).astype(np.int64) % 4096
    bright, dull = (Voice(tilt=x, even=even).table(hertz(midi))[at] for x in (tilt, tilt + 1.5))
    open_ = np.exp(-t / sweep)
    y = open_ * bright + (1 - open_) * dull
    return _f32(y * np.exp(-t / hold) * _ends(t, 4e-3, min(0.03, seconds / 3)))


def sung(
    midi: float,
    seconds: float,
    rng: np.random.Generator,
    *,
    vowel: str = "a",
    tilt: float = 1.6,
    scoop: float = 0.8,
    vibrato: float = 25.0,
    fall: float = 0.0,
    hiss: float = 0.0,
) -> F32:
    """A voice without words: a glottis and three resonances.

    Parameters
    ----------
    midi, seconds : float
    rng : Generator
    vowel : {"a", "o", "u", "e", "i"}
    tilt : float
        Harmonic k of the glottis has amplitude ``k ** -tilt``; less is louder.
    scoop : float
        Semitones below from which the note comes.
    vibrato : float
        Cents.
    fall : float
        Semitones by which it falls to the end, as speech does.
    hiss : float
        Level of a consonant before it.

    Returns
    -------
    ndarray, shape (int(seconds * SR),), float32
    """
    t = _times(seconds)
    late = np.clip((t - 0.2) / 0.3, 0.0, 1.0)
    wander = np.cumsum(rng.standard_normal(len(t))) / SR * 150
    cents = wander - 100 * scoop * np.exp(-t / 0.05) - 100 * fall * t / t[-1]
    cents = cents + vibrato * late * np.sin(2 * np.pi * (rng.uniform(5.0, 5.8) * t + rng.random()))
    turn = np.cumsum(hertz(midi) * 2 ** (cents / 1200)) / SR
    table = Voice(tilt=tilt).table(hertz(midi))
    y = _f32(table[(turn * len(table)).astype(np.int64) % len(table)])
    y = y + np.float32(0.02) * rng.standard_normal(len(t), dtype=np.float32)
    for centre, level in VOWELS[vowel]:
        y = peak(y, centre * rng.uniform(0.95, 1.05), level, 6.0)
    y = _unit(y) * _ends(t, 0.03, min(0.08, seconds / 3))
    burst = band(rng.standard_normal(len(t), dtype=np.float32), 2500.0, 8000.0)
    return _f32(y + np.float32(hiss) * burst * np.exp(-t / 0.025))
