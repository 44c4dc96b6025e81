"""Drums and cymbals, hit by hit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import SR
from genrewise.training.pieces.desk import band

__all__ = ["clap", "crackle", "cymbal", "kick", "scratch", "snare", "tom"]

F32 = NDArray[np.float32]


def _f32(y: Any) -> F32:
    return np.asarray(y, dtype=np.float32)


def _times(seconds: float) -> F32:
    return _f32(np.arange(int(seconds * SR)) / SR)


def _noise(n: int, rng: np.random.Generator, low: float, high: float) -> F32:
    return band(rng.standard_normal(n, dtype=np.float32), low, high)


def kick(
    rng: np.random.Generator,
    *,
    low: float = 50.0,
    sweep: float = 3.0,
    long: float = 0.12,
    click: float = 0.4,
) -> F32:
    """A bass drum.

    Parameters
    ----------
    rng : Generator
    low : float
        Hz at which it ends.
    sweep : float
        How much it falls, in turns.
    long : float
        Seconds to a third.
    click : float
        Level of the beater.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    t = _times(6 * long)
    turn = low * rng.uniform(0.99, 1.01) * t + sweep * (1 - np.exp(-t * 38))
    beat = _noise(len(t), rng, 1500.0, 6000.0) * np.exp(-t / 0.004)
    body = np.sin(2 * np.pi * turn) * np.exp(-t / long) * np.minimum(1, t / 0.001)
    return _f32(body + click * beat)


def snare(
    rng: np.random.Generator,
    *,
    tone: float = 190.0,
    long: float = 0.11,
    wires: float = 0.8,
    dull: float = 8000.0,
) -> F32:
    """A snare drum.

    Parameters
    ----------
    rng : Generator
    tone : float
        Hz of the skin.
    long : float
        Seconds to a third of the wires.
    wires : float
        Their level.
    dull : float
        Hz above which there is nothing.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    t = _times(6 * long)
    skin = sum(
        level * np.sin(2 * np.pi * (tone * ratio * t + 0.5 * (1 - np.exp(-t * 60))))
        for ratio, level in ((1.0, 0.6), (1.59, 0.35), (2.14, 0.15))
    )
    rattle = _noise(len(t), rng, 600.0, dull) * np.exp(-t / long)
    crack = _noise(len(t), rng, 1500.0, dull) * np.exp(-t / 0.008)
    return _f32(skin * np.exp(-t / 0.06) + wires * rattle + 0.7 * crack)


def tom(rng: np.random.Generator, low: float) -> F32:
    """A tom-tom tuned to `low` Hz."""
    t = _times(0.7)
    skin = np.sin(2 * np.pi * (low * t + 0.8 * (1 - np.exp(-t * 22)))) * np.exp(-t / 0.16)
    return _f32(skin + 0.15 * _noise(len(t), rng, 500.0, 4000.0) * np.exp(-t / 0.02))


def cymbal(rng: np.random.Generator, long: float, *, low: float = 5000.0, ping: float = 0.0) -> F32:
    """A cymbal: clangorous tones and noise.

    Parameters
    ----------
    rng : Generator
    long : float
        Seconds to a third: 0.02 a closed hat, 0.2 an open one, 0.5 a ride, 1 a crash.
    low : float
        Hz below which there is little.
    ping : float
        Level of the stick.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    t = _times(min(4 * long, 3.0))
    bells = sum(np.sin(2 * np.pi * (f * t + rng.random())) for f in rng.uniform(2500, 9500, 24))
    wash = band(_f32(0.18 * bells), low, 0.0) + 0.6 * _noise(len(t), rng, low, 10500.0)
    stick = _noise(len(t), rng, 2500.0, 9000.0) * np.exp(-t / 0.006)
    tone = np.sin(2 * np.pi * 3150.0 * t) * np.exp(-t / 0.1) * 0.2
    fall = 0.6 * np.exp(-t / long) + 0.4 * np.exp(-3 * t / long)
    return _f32(wash * fall * np.minimum(1, t / 0.002) + ping * (stick + tone))


def clap(rng: np.random.Generator) -> F32:
    """Hands, four times within 30 ms."""
    t = _times(0.3)
    envelope = sum(np.where(t >= s, np.exp(-(t - s) / 0.008), 0) for s in (0, 0.011, 0.021))
    envelope = envelope + np.where(t >= 0.03, np.exp(-(t - 0.03) / 0.06), 0)
    return _f32(_noise(len(t), rng, 900.0, 5000.0) * np.minimum(envelope, 1.0))


def scratch(rng: np.random.Generator, seconds: float) -> F32:
    """A record moved to and fro by hand under the needle."""
    t = _times(seconds)
    speed = np.sin(2 * np.pi * t / seconds)
    groove = np.cumsum(speed) / SR
    grain = _noise(int(SR), rng, 300.0, 6000.0)
    tone = np.sign(np.sin(2 * np.pi * 420 * groove)) * 0.4
    at = (np.abs(groove) * SR * 2.0).astype(np.int64) % len(grain)
    return _f32((grain[at] + tone) * np.abs(speed))


def crackle(n: int, rng: np.random.Generator, rate: float = 9.0) -> F32:
    """Dust in the groove: `rate` clicks a second and a rumble, `n` samples."""
    y = np.zeros(n, dtype=np.float32)
    for at in rng.integers(0, n, int(rate * n / SR)):
        y[at] = rng.exponential(1.0) * rng.choice((-1, 1))
    return _f32(band(y, 800.0, 7000.0, 1) + 0.01 * _noise(n, rng, 40.0, 3000.0))
