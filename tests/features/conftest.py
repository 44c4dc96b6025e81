"""Synthetic music that every feature has something to say of."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def tune(seconds: float = 6.0, sr: int = 22050, seed: int = 0) -> F32:
    """Chords over a beat at 110 a minute, with noise and a little out of tune."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = np.zeros(len(t))
    for start in np.arange(0.0, seconds, 60 / 110):
        at = t - start
        on = (at >= 0) & (at < 0.5)
        decay = np.exp(-6 * np.maximum(at, 0)) * on
        for semitone in rng.choice(24, 3, replace=False):
            freq = 222.0 * 2 ** (semitone / 12)
            y += 0.1 * decay * sum(np.sin(2 * np.pi * freq * k * t) / k for k in (1, 2, 3))
        y += 0.3 * np.exp(-80 * np.maximum(at, 0)) * on * rng.standard_normal(len(t))
    return (y + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="session")
def music() -> F32:
    """Six seconds at 22,050 Hz; not to be written to."""
    y = tune()
    y.flags.writeable = False
    return y
