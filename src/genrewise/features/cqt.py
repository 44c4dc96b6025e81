"""Constant-Q transform: bins a semitone apart, by octaves (Schörkhuber & Klapuri 2010).

The top octave's filters serve every octave, as the signal is halved from one to the
next.  librosa multiplies the filters' spectra with short-time spectra; the same numbers
come from multiplying frames of samples with the filters taken back to time, which are
one small matrix: no transform at all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_resample import resample
from genrewise.errors import AudioError, RecipeError
from genrewise.features.frontend import BLOCK

__all__ = ["cqt"]

F32 = NDArray[np.float32]
C64 = NDArray[np.complex64]

#: C1 in Hz.
FMIN = 440.0 * 2.0 ** (-45 / 12)
BINS = 12
OCTAVES = 7
#: Equivalent noise bandwidth of a Hann window, in bins.
_HANN_BANDWIDTH = 1.50018310546875


def _relative_bandwidth() -> float:
    step: float = 2.0 ** (2.0 / BINS)
    return (step - 1.0) / (step + 1.0)


@lru_cache(maxsize=32)
def _kernel(relative: tuple[float, ...]) -> tuple[C64, int]:
    """Filters of an octave as a matrix over samples.

    Parameters
    ----------
    relative : tuple of float
        Frequencies of the bins over the sample rate.

    Returns
    -------
    tuple
        ndarray, shape (n_fft, bins), complex64, and n_fft.
    """
    lengths = 1.0 / (_relative_bandwidth() * np.array(relative))
    n_fft = 1 << int(np.ceil(np.log2(lengths.max())))
    filters = np.zeros((len(relative), n_fft), dtype=np.complex64)
    for row, freq, length in zip(filters, relative, lengths, strict=True):
        times = np.arange(-length // 2, length // 2)
        n = len(times)
        wave = np.exp(2j * np.pi * freq * times) * (
            0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        )
        left = (n_fft - n) // 2
        row[left : left + n] = wave / np.abs(wave).sum()
    filters *= (lengths / n_fft)[:, None]
    spectra = _without_the_faintest(np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1])
    turns = np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) % n_fft
    return (np.exp(-2j * np.pi / n_fft * turns) @ spectra.T).astype(np.complex64), n_fft


def _without_the_faintest(spectra: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Spectra whose smallest values, a hundredth of the magnitude, are zero."""
    size = np.abs(spectra)
    ordered = np.sort(size, axis=1)
    shares = np.cumsum(ordered / size.sum(axis=1, keepdims=True), axis=1)
    at = np.argmin(shares < 0.01, axis=1)
    least = np.take_along_axis(ordered, at[:, None], axis=1)
    return np.where(size >= least, spectra, 0)


def _halved(y: F32, times: int) -> F32:
    """Samples at a ``2**times``-th of the rate, with the energy kept."""
    factor = 2**times
    n = -(-len(y) // factor)
    out = resample(y, factor, 1)[:n]
    return np.pad(out, (0, n - len(out))) * np.float32(factor**0.5)


def _response(y: F32, kernel: C64, n_fft: int, hop: int) -> C64:
    """Products of centred frames with the filters, shape (t, bins)."""
    padded = np.pad(y, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    both = np.ascontiguousarray(np.concatenate([kernel.real, kernel.imag], axis=1))
    out = np.empty((len(frames), kernel.shape[1]), dtype=np.complex64)
    for i in range(0, len(frames), BLOCK):
        products = np.ascontiguousarray(frames[i : i + BLOCK]) @ both
        out[i : i + BLOCK].real = products[:, : kernel.shape[1]]
        out[i : i + BLOCK].imag = products[:, kernel.shape[1] :]
    return out


def _early_halvings(sr: float, top: float, hop: int) -> int:
    """How often the signal may be halved before the top octave."""
    cutoff = top * (1.0 + 0.5 * _HANN_BANDWIDTH * _relative_bandwidth())
    if cutoff > sr / 2:
        raise AudioError(
            f"a constant-Q transform of {OCTAVES} octaves at {sr:g} Hz",
            f"a sample rate of at least {np.ceil(2 * cutoff):.0f} Hz",
            "resample it",
        )
    by_rate = int(np.ceil(np.log2(sr / 2 / cutoff)) - 1) - 1
    twos = (hop & -hop).bit_length() - 1
    return max(0, min(by_rate, twos - OCTAVES + 1))


def cqt(y: F32, sr: float, hop_length: int = 512, tuning: float = 0.0) -> C64:
    """Constant-Q transform over seven octaves from C1, 12 bins each, as ``librosa.cqt``.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : float
        Hz.
    hop_length : int
        Samples, a multiple of 64.
    tuning : float
        Parts of a bin by which the music differs from 440 Hz.

    Returns
    -------
    ndarray, shape (t, 84), complex64
        Scaled by the square root of the filters' lengths.

    Raises
    ------
    AudioError
        Where the sample rate is too low for the top octave.
    RecipeError
        Where the hop is no multiple of 64: halved six times it would be no whole number.
    """
    least = 2 ** (OCTAVES - 1)
    if hop_length < least or hop_length % least:
        raise RecipeError(f"a constant-Q transform each {hop_length} samples", f"n x {least}")
    freqs = FMIN * 2.0 ** ((tuning + np.arange(OCTAVES * BINS)) / BINS)
    early = _early_halvings(sr, float(freqs[-1]), hop_length)
    if early:
        y = _halved(y, early)
    rate, hop = sr / 2**early, hop_length >> early
    lengths = rate / (_relative_bandwidth() * freqs)
    octaves = []
    for i in range(OCTAVES):
        top = len(freqs) - i * BINS
        kernel, n_fft = _kernel(tuple(freqs[top - BINS : top] * (2**i / rate)))
        octaves.append(_response(y, kernel * np.float32(2 ** (i / 2)), n_fft, hop))
        if i < OCTAVES - 1:
            y, hop = _halved(y, 1), hop // 2
    t = min(map(len, octaves))
    joined = np.concatenate([o[:t] for o in reversed(octaves)], axis=1)
    return np.asarray(joined / np.sqrt(lengths), dtype=np.complex64)
