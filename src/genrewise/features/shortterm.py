"""The 34 short-term features of pyAudioAnalysis (Giannakopoulos 2015) and their changes.

Its conventions are kept, odd ones included, as tables made with it are what this layout
is for: the signal without its mean, over its maximum; frames that are not windowed;
spectra of which the last bin is left out; filters whose bins are named at twice their
frequency; pitch classes of which only the last bin of each semitone is counted.
All frames are computed at once, in blocks, in double precision as there.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import AudioError
from genrewise.features.frontend import F32, dct_matrix

__all__ = ["mid_term", "names", "short_term"]

F64 = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_N_MFCC = 13
_N_CHROMA = 12
_PARTS = 10
_BLOCK = 256

#: Names as pyAudioAnalysis gives them, without those of the changes.
BASE_NAMES = (
    "zcr",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    *(f"mfcc_{i + 1}" for i in range(_N_MFCC)),
    *(f"chroma_{i + 1}" for i in range(_N_CHROMA)),
    "chroma_std",
)


def names() -> tuple[str, ...]:
    """Names of the 136 values of :func:`mid_term`: means of 68 features, then deviations."""
    short = (*BASE_NAMES, *(f"delta {name}" for name in BASE_NAMES))
    return tuple(f"{name}_{kind}" for kind in ("mean", "std") for name in short)


def _filters(sr: int, n: int) -> F64:
    """13 linear and 27 logarithmic triangles over `n` bins, shape (n, 40)."""
    linear = 133.33 + 200 / 3 * np.arange(13)
    edges = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    bins = np.floor(edges * n / sr).astype(int) + 1
    freqs = np.arange(n) / n * sr
    if bins[-1] > n:
        raise AudioError(f"short-term features at {sr} Hz", f"more than {edges[-1]:.0f} Hz")
    out = np.zeros((n, 40))
    for i, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        height = 2.0 / (high - low)
        rise, fall = slice(bins[i], bins[i + 1]), slice(bins[i + 1], bins[i + 2])
        out[rise, i] = height / (centre - low) * (freqs[rise] - low)
        out[fall, i] = height / (high - centre) * (high - freqs[fall])
    return out


def _pitch_classes(sr: int, n: int) -> F64:
    """Weights of `n` bins in the pitch classes from A, shape (n, 12).

    Of the bins that fall on one semitone only the last is read, and is divided by how
    many bins the semitone *numbered as the place it is read from* has.
    """
    semitones = np.round(12.0 * np.log2((np.arange(n) + 1) * sr / (2 * n) / 27.5)).astype(int)
    _, inverse, counts = np.unique(semitones, return_inverse=True, return_counts=True)
    size = counts[inverse]
    if semitones[-1] >= n:
        raise AudioError(f"frames of {2 * n} samples at {sr} Hz", "longer frames")
    weights = np.zeros((n, _N_CHROMA))
    places = {int(s) % n: k for k, s in enumerate(semitones)}  # the last bin wins
    for place, k in places.items():
        weights[k, place % _N_CHROMA] = 1.0 / size[semitones[place]]
    return weights


@lru_cache(maxsize=8)
def _tables(sr: int, n: int) -> tuple[F64, F64]:
    """The filters and pitch classes of spectra of `n` bins."""
    return _filters(sr, n), _pitch_classes(sr, n)


def _entropy(energies: F64, total: F64) -> F64:
    """Entropy (bits) of the energy of ten parts of a row."""
    length = energies.shape[1] // _PARTS
    parts = energies[:, : length * _PARTS].reshape(len(energies), _PARTS, length).sum(axis=2)
    shares = parts / (total[:, None] + _EPS)
    return np.asarray(-(shares * np.log2(shares + _EPS)).sum(axis=1))


def _moments(X: F64, sr: int) -> tuple[F64, F64]:
    """Centroid and spread of the magnitude, as parts of half the sample rate."""
    freqs = np.arange(1, X.shape[1] + 1) * (sr / (2.0 * X.shape[1]))
    largest = X.max(axis=1, keepdims=True)
    scaled = X / np.where(largest == 0, _EPS, largest)
    total = scaled.sum(axis=1) + _EPS
    centroid = scaled @ freqs / total
    square = ((freqs - centroid[:, None]) ** 2 * scaled).sum(axis=1) / total
    return centroid / (sr / 2), np.sqrt(square) / (sr / 2)


def _flux(X: F64, before: F64) -> F64:
    """Squared change of the normalised spectrum from one frame to the next."""
    shares = X / (X + _EPS).sum(axis=1, keepdims=True)
    change = np.diff(shares, axis=0, prepend=before / (before + _EPS).sum(axis=1, keepdims=True))
    return np.asarray((change**2).sum(axis=1))


def _block(x: F64, before: F64 | None, sr: int) -> tuple[F64, F64]:
    """Features of some frames, shape (t, 34), and the last frame's spectrum."""
    from scipy.fft import rfft  # imported where used: it costs 0.2 s

    n = x.shape[1] // 2
    X = np.abs(rfft(x, axis=1)[:, :n]) / n
    filters, classes = _tables(sr, n)
    energy, power = x * x, X * X
    total = energy.sum(axis=1)
    loud = power.sum(axis=1)
    # A rise from silence counts twice as much as one across zero.
    crossings = np.abs(np.diff(np.sign(x), axis=1)).sum(axis=1) / 2 / (x.shape[1] - 1)
    rolloff = np.argmax(np.cumsum(power, axis=1) + _EPS > 0.9 * loud[:, None], axis=1) / n
    cepstrum = np.log10(X @ filters + _EPS) @ dct_matrix(filters.shape[1], _N_MFCC)
    chroma = power @ classes / np.where(loud == 0, _EPS, loud)[:, None]
    columns = (
        crossings,
        total / x.shape[1],
        _entropy(energy, total),
        *_moments(X, sr),
        _entropy(power, loud),
        _flux(X, X[:1] if before is None else before),
        rolloff,
        cepstrum,
        chroma,
        chroma.std(axis=1),
    )
    return np.column_stack(columns), X[-1:]


def short_term(y: F32, sr: int, window: float = 0.05, step: float = 0.025) -> F32:
    """Short-term features of a track.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz.
    window, step : float
        Seconds; rounded to samples.

    Returns
    -------
    ndarray, shape (t, 68), float32
        The features and their changes from the frame before (0 in the first), as
        ``ShortTermFeatures.feature_extraction`` gives them, transposed.

    Raises
    ------
    AudioError
        Where there is no whole frame, or its spectrum has too few bins or too little range.
    """
    size, hop = round(sr * window), max(1, round(sr * step))
    if size < 2:
        raise AudioError(f"frames of {size} samples at {sr} Hz", "longer frames")
    if len(y) < size:
        raise AudioError(f"audio of {len(y) / sr:.3f} s", f"at least {window:g} s")
    samples = y.astype(np.float64)
    samples -= samples.mean()
    samples /= np.abs(samples).max() + 1e-10
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    out, before = [], None
    for i in range(0, len(frames), _BLOCK):
        found, before = _block(frames[i : i + _BLOCK], before, sr)
        out.append(found)
    base = np.concatenate(out)
    return np.hstack([base, np.diff(base, axis=0, prepend=base[:1])]).astype(np.float32)


def mid_term(features: F32, length: int = 0, hop: int = 0) -> F32:
    """Means and deviations of short-term features.

    Parameters
    ----------
    features : ndarray, shape (t, k), float32
    length, hop : int
        Frames of a stretch and from one to the next; their statistics are averaged.  0
        means one stretch, the whole track.

    Returns
    -------
    ndarray, shape (2 k,), float32
        Means, then deviations.
    """
    length = length or len(features)
    stretches = [features[i : i + length] for i in range(0, len(features), hop or length)]
    rows = [np.concatenate([s.mean(axis=0), s.std(axis=0)]) for s in stretches]
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)
