"""Longer or shorter at the same pitch: a phase vocoder.

Flanagan & Golden 1966: the spectra of the old signal are read faster or slower than they
were taken, and the phase of each bin turns on by what it turned between two of them.  With
the identity phase locking of Laroche & Dolson 1999: only the peaks of a spectrum turn by
themselves, and the bins about a peak keep their old phases relative to it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft

from genrewise.features.fft import rfft

__all__ = ["stretched"]

F32 = NDArray[np.float32]

#: Samples of a frame and between two of them at 22,050 Hz; as long in seconds at other rates.
FRAME = 2048
#: Frames made at once, which bounds the memory for whole songs.
BLOCK = 256


def _turns(a: NDArray[np.complex64], b: NDArray[np.complex64], hop: int) -> NDArray[np.float64]:
    """By how much the phases turn from spectra `a` to spectra `b` one hop later, in radians."""
    bins = a.shape[1]
    due = np.pi * hop / (bins - 1) * np.arange(bins)
    off = np.angle(b * np.conj(a)) - due
    return np.asarray(due + off - 2 * np.pi * np.round(off / (2 * np.pi)))


def _owners(size: F32) -> NDArray[np.intp]:
    """The nearest peak of each bin of each spectrum: a maximum among five bins."""
    bins = np.arange(size.shape[1])
    near = np.lib.stride_tricks.sliding_window_view(np.pad(size, ((0, 0), (2, 2))), 5, axis=1)
    peak = size >= near.max(axis=2)
    before = np.maximum.accumulate(np.where(peak, bins, -len(bins)), axis=1)
    after = np.where(peak, bins, 2 * len(bins))[:, ::-1]
    after = np.minimum.accumulate(after, axis=1)[:, ::-1]
    return np.asarray(np.where(bins - before <= after - bins, before, after))


def _phases(
    a: NDArray[np.complex64], turns: NDArray[np.float64], due: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phases of the new spectra, and those that the next one is due to have.

    Parameters
    ----------
    a : ndarray, shape (t, bins), complex64
        Spectra of the old signal where the new ones are read.
    turns : ndarray, shape (t, bins)
        By how much their phases turn until the next of the new ones.
    due : ndarray, shape (bins,), or None
        Phases that the first one is due to have; None at the beginning.
    """
    old, owner = np.angle(a), _owners(np.abs(a))
    new = np.empty(a.shape)
    for k, row in enumerate(old):
        off = np.zeros(len(row)) if due is None else due - row
        new[k] = row + off[owner[k]]
        due = new[k] + turns[k]
    assert due is not None
    return new, due % (2 * np.pi)


def stretched(y: F32, sr: int, speed: float) -> F32:
    """The same music at another speed.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz.
    speed : float
        Above 1 is shorter.

    Returns
    -------
    ndarray, shape (m,), float32
        m is n / speed, rounded, and at least 1.
    """
    frame = FRAME * max(1, round(sr / 22050))
    hop = frame // 4
    n_out = max(1, round(len(y) / speed))
    count = 2 + n_out // hop + frame // hop
    # Frame k of the new signal is centred on sample k * hop; there are two beyond the last.
    end = math.ceil(count * speed + 2) * hop
    frames = np.lib.stride_tricks.sliding_window_view(
        np.pad(y, (frame // 2, max(0, end + frame - len(y)))), frame
    )[::hop]
    window = np.hanning(frame + 1)[:-1].astype(np.float32)
    out = np.zeros((count - 1) * hop + frame, dtype=np.float32)
    weight = np.zeros_like(out)
    due: NDArray[np.float64] | None = None
    for first in range(0, count, BLOCK):
        at = np.arange(first, min(first + BLOCK, count)) * speed
        before = at.astype(np.int64)
        part = (at - before)[:, None]
        S = rfft(frames[before[0] : before[-1] + 2] * window)
        a, b = S[before - before[0]], S[before - before[0] + 1]
        phases, due = _phases(a, _turns(a, b, hop), due)
        new = ((1 - part) * np.abs(a) + part * np.abs(b)) * np.exp(1j * phases)
        for k, piece in enumerate(irfft(new, frame, axis=1) * window, start=first):
            out[k * hop : k * hop + frame] += piece
            weight[k * hop : k * hop + frame] += window**2
    inside = slice(frame // 2, frame // 2 + n_out)
    return (out[inside] / weight[inside]).astype(np.float32)
