"""Pitch classes (chroma), how they are tuned, and the tonal centroid.

Time first throughout: ``(t, 12)`` with C in the first column.  Values follow librosa 0.11.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["chroma_cens", "chroma_cqt", "chroma_stft", "estimate_tuning", "tonnetz"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

N_CHROMA = 12
#: A0, from which octaves are counted.
_A0 = 27.5
_TINY = float(np.finfo(np.float32).tiny)


def _scaled(x: F32, size: F32) -> F32:
    """Rows divided by their sizes; rows of size 0 stay."""
    divisor = np.where(size < _TINY, np.float32(1.0), size)
    return np.asarray(x / divisor[:, None], dtype=np.float32)


def _peaks(S: F32, sr: float) -> tuple[F64, F64]:
    """Frequencies (Hz) and heights of the spectral peaks between 150 and 4000 Hz.

    A peak stands above a tenth of its frame's maximum; a parabola through it and
    its neighbours places its top (Smith 2011, "Spectral audio signal processing").
    """
    freqs = np.linspace(0.0, sr / 2, S.shape[1])
    inside = np.flatnonzero((freqs >= 150.0) & (freqs < min(4000.0, sr / 2)))
    if not len(inside):
        return np.zeros(0), np.zeros(0)
    first, last = max(int(inside[0]), 1), min(int(inside[-1]) + 1, S.shape[1] - 1)
    middle, left, right = (S[:, first + d : last + d] for d in (0, -1, 1))
    floor = np.float32(0.1) * S.max(axis=1, keepdims=True)
    t, k = np.nonzero((middle > left) & (middle >= right) & (middle > floor))
    a, b, c = (x[t, k].astype(np.float64) for x in (left, middle, right))
    curve, slope = a + c - 2 * b, (c - a) / 2
    shift = np.where(np.abs(slope) >= np.abs(curve), 0.0, -slope / np.where(curve == 0, 1, curve))
    step = sr / 2 / (S.shape[1] - 1)
    return (k + first + shift) * step, b + 0.5 * slope * shift


def estimate_tuning(S: F32, sr: float, bins_per_octave: int = 12) -> float:
    """How far the music is from 440 Hz, as ``librosa.estimate_tuning(S=S.T)``.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Magnitude or power.
    sr : float
        Hz.
    bins_per_octave : int

    Returns
    -------
    float
        Parts of a bin of ``1 / bins_per_octave`` octaves, -0.5 to 0.49 in steps of 0.01;
        0 where there is no peak.
    """
    freqs, heights = _peaks(S, sr)
    if not len(freqs):
        return 0.0
    strong = freqs[heights >= np.median(heights)]
    residual = np.mod(bins_per_octave * np.log2(strong / _A0), 1.0)
    residual[residual >= 0.5] -= 1.0
    counts, edges = np.histogram(residual, np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])


@lru_cache(maxsize=128)
def _chroma_filters(sr: float, n_bins: int, tuning: float) -> F32:
    """Weights of the bins in the pitch classes (Ellis 2007), shape (n_bins, 12).

    A bump of two semitones on each pitch class, columns of length one, octaves weighted
    by a Gaussian about five octaves above A0.
    """
    freqs = np.linspace(0.0, sr / 2, n_bins)[1:]
    pitch = N_CHROMA * np.log2(freqs / (_A0 * 2.0 ** (tuning / N_CHROMA)))
    pitch = np.concatenate([pitch[:1] - 1.5 * N_CHROMA, pitch])
    # The last bin's width needs the bin above it.
    above = pitch[-1] + N_CHROMA * np.log2(n_bins / (n_bins - 1))
    width = np.maximum(np.diff(pitch, append=above), 1.0)
    distance = np.mod(pitch[:, None] - np.arange(N_CHROMA) + 6.0, N_CHROMA) - 6.0
    weights = np.exp(-0.5 * (2.0 * distance / width[:, None]) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    weights *= np.exp(-0.5 * ((pitch / N_CHROMA - 5.0) / 2.0) ** 2)[:, None]
    return np.asarray(np.roll(weights, -3, axis=1), dtype=np.float32)  # from A to C


def chroma_stft(S: F32, sr: float, tuning: float | None = None) -> F32:
    """Pitch classes of a spectrum, as ``librosa.feature.chroma_stft(S=S.T)``.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Power.
    sr : float
        Hz.
    tuning : float, optional
        Parts of a semitone; estimated where it is not given.

    Returns
    -------
    ndarray, shape (t, 12), float32
        From 0 to 1, the strongest class of a frame is 1; zeros in silence.
    """
    found = estimate_tuning(S, sr) if tuning is None else tuning
    raw = S @ _chroma_filters(float(sr), S.shape[1], found)
    return _scaled(raw, raw.max(axis=1))


def _folded(C: F32) -> F32:
    """Constant-Q bins, 12 an octave from a C, folded into one octave."""
    octaves = -(-C.shape[1] // N_CHROMA)
    padded = np.pad(C, ((0, 0), (0, octaves * N_CHROMA - C.shape[1])))
    return np.asarray(padded.reshape(len(C), octaves, N_CHROMA).sum(axis=1))


def chroma_cqt(C: F32) -> F32:
    """Pitch classes of a constant-Q spectrum.

    Parameters
    ----------
    C : ndarray, shape (t, n_bins), float32
        Magnitude of :func:`genrewise.features.cqt.cqt`, 12 bins an octave from a C.

    Returns
    -------
    ndarray, shape (t, 12), float32
        From 0 to 1, the strongest class of a frame is 1; as
        ``librosa.feature.chroma_cqt(C=C.T, bins_per_octave=12)``.
    """
    raw = _folded(C)
    return _scaled(raw, raw.max(axis=1))


def chroma_cens(C: F32, smooth: int = 41) -> F32:
    """Pitch classes, quantised and smoothed (Müller & Ewert 2011: CENS).

    Parameters
    ----------
    C : ndarray, shape (t, n_bins), float32
        Magnitude of :func:`genrewise.features.cqt.cqt`, 12 bins an octave from a C.
    smooth : int
        Frames of the Hann window that smooths.

    Returns
    -------
    ndarray, shape (t, 12), float32
        Rows of length 1; as ``librosa.feature.chroma_cens(C=C.T, bins_per_octave=12)``.
    """
    raw = _folded(C)
    shares = _scaled(raw, raw.sum(axis=1))
    levels = sum((shares > step) * 0.25 for step in (0.4, 0.2, 0.1, 0.05))
    window = np.hanning(smooth + 2)
    window /= window.sum()
    half = len(window) // 2
    columns = [np.convolve(c, window)[half : half + len(C)] for c in np.asarray(levels).T]
    cens = np.stack(columns, axis=1).astype(np.float32)
    return _scaled(cens, np.sqrt((cens * cens).sum(axis=1)))


@lru_cache(maxsize=1)
def _tonnetz_matrix() -> F32:
    """Pitch classes onto circles of fifths, minor and major thirds, shape (12, 6)."""
    turns = np.outer(np.arange(N_CHROMA), [7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    turns[:, ::2] -= 0.5  # a sine
    return (np.cos(np.pi * turns) * [1, 1, 1, 1, 0.5, 0.5]).astype(np.float32)


def tonnetz(chroma: F32) -> F32:
    """Tonal centroid (Harte, Sandler & Gasser 2006).

    Parameters
    ----------
    chroma : ndarray, shape (t, 12), float32

    Returns
    -------
    ndarray, shape (t, 6), float32
        Fifths, minor and major thirds, x and y each, -1 to 1; as
        ``librosa.feature.tonnetz(chroma=chroma.T)``.
    """
    return _scaled(chroma, np.abs(chroma).sum(axis=1)) @ _tonnetz_matrix()
