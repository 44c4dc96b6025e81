"""Spectra and what is read off them frame by frame.

Arrays are time first: ``(t, n_bins)`` and ``(t,)``, the transpose of librosa's layout.
Values equal librosa 0.11's within the tolerances that the tests state.  Functions take a
spectrum, not samples, so that one short-time transform serves all of them;
:class:`Spectra` is that transform with what is derived from it, each made once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import AudioError
from genrewise.features.fft import rfft
from genrewise.features.frontend import (
    BLOCK,
    Framer,
    FrontEnd,
    apply_mel,
    dct_matrix,
    hann_window,
    log_mel,
)

__all__ = [
    "Spectra",
    "decibels",
    "log_mel",
    "mfcc",
    "rms",
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_flatness",
    "spectral_rolloff",
    "stft",
    "zero_crossing_rate",
]

F32 = NDArray[np.float32]
C64 = NDArray[np.complex64]


def stft(y: F32, frontend: FrontEnd) -> C64:
    """Short-time Fourier transform with a Hann window, as ``librosa.stft``.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    frontend : FrontEnd
        Its transform; its mel bands and logarithm play no part.

    Returns
    -------
    ndarray, shape (t, n_bins), complex64
    """
    frames = Framer(frontend).push(np.ascontiguousarray(y, dtype=np.float32), last=True)
    window = hann_window(frontend.n_fft, frontend.win_length)
    out = np.empty((len(frames), frontend.n_bins), dtype=np.complex64)
    for i in range(0, len(frames), BLOCK):
        out[i : i + BLOCK] = rfft(frames[i : i + BLOCK] * window)
    return out


@dataclass(frozen=True)
class Spectra:
    """One short-time transform of a track and what follows from it, each made once.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
        Samples at ``frontend.sr``.
    frontend : FrontEnd
        Its `power` and `log` play no part: both powers are here, and decibels.

    Raises
    ------
    AudioError
        Where there is no sample.
    """

    y: F32
    frontend: FrontEnd = field(default_factory=FrontEnd)

    def __post_init__(self) -> None:
        if not len(self.y):
            raise AudioError("audio of 0 samples", "at least one sample")

    @cached_property
    def complex(self) -> C64:
        """The transform, shape (t, n_bins)."""
        return stft(self.y, self.frontend)

    @cached_property
    def power(self) -> F32:
        """``|complex|²``, shape (t, n_bins)."""
        out: F32 = self.complex.real * self.complex.real
        out += self.complex.imag * self.complex.imag
        return out

    @cached_property
    def magnitude(self) -> F32:
        """``|complex|``, shape (t, n_bins)."""
        return np.sqrt(self.power)

    @cached_property
    def mel_db(self) -> F32:
        """Mel spectrum of the power in dB, at most 80 below its maximum, shape (t, n_mels)."""
        raw = FrontEnd(**{**self.frontend.to_json(), "power": 2.0, "log": "none"})
        return decibels(apply_mel(self.power, raw))


def decibels(S: F32, top_db: float = 80.0) -> F32:
    """Power in decibels, cut off `top_db` below the maximum, as ``librosa.power_to_db``.

    Parameters
    ----------
    S : ndarray, any shape
        Power; below 1e-10 it counts as that.
    top_db : float
        Decibels.

    Returns
    -------
    ndarray, shape of `S`, float32
    """
    out = np.log10(np.maximum(S, np.float32(1e-10)), dtype=np.float32)
    out *= np.float32(10.0)
    np.maximum(out, out.max() - np.float32(top_db), out=out)
    return out


def mfcc(mel_db: F32, n_mfcc: int = 20) -> F32:
    """Mel-frequency cepstral coefficients (Davis & Mermelstein 1980).

    Parameters
    ----------
    mel_db : ndarray, shape (t, n_mels), float32
        Mel spectrum in dB.
    n_mfcc : int

    Returns
    -------
    ndarray, shape (t, n_mfcc), float32
        Orthonormal DCT-II along the bands, as ``librosa.feature.mfcc(S=mel_db.T)``.
    """
    return mel_db @ dct_matrix(mel_db.shape[1], n_mfcc)


def _frequencies(S: F32, sr: float) -> NDArray[np.float64]:
    """Hz of the bins of a spectrum."""
    return np.linspace(0.0, sr / 2, S.shape[1])


def _moments(S: F32, sr: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and mean square of the frequency, weighted by the magnitude."""
    freqs = _frequencies(S, sr)
    weights = np.stack([np.ones_like(freqs), freqs, freqs * freqs], axis=1)
    # Doubles, as the variance is a small difference of large numbers.
    sums = np.concatenate(
        [S[i : i + BLOCK].astype(np.float64) @ weights for i in range(0, len(S), BLOCK)]
    )
    total = np.where(sums[:, 0] > np.finfo(np.float32).tiny, sums[:, 0], 1.0)
    return sums[:, 1] / total, sums[:, 2] / total


def spectral_centroid(S: F32, sr: float) -> F32:
    """Mean frequency of each frame.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Magnitude.
    sr : float
        Hz.

    Returns
    -------
    ndarray, shape (t,), float32
        Hz; 0 in silence.
    """
    return _moments(S, sr)[0].astype(np.float32)


def spectral_bandwidth(S: F32, sr: float) -> F32:
    """Deviation of the frequency from the centroid in each frame.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Magnitude.
    sr : float
        Hz.

    Returns
    -------
    ndarray, shape (t,), float32
        Hz; 0 in silence.
    """
    first, second = _moments(S, sr)
    return np.sqrt(np.maximum(second - first * first, 0.0)).astype(np.float32)


def spectral_rolloff(S: F32, sr: float, share: float = 0.85) -> F32:
    """The frequency below which `share` of the magnitude of a frame lies.

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Magnitude.
    sr : float
        Hz.
    share : float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (t,), float32
        Hz, a bin's frequency; 0 in silence.
    """
    found = np.empty(len(S), dtype=np.intp)
    for i in range(0, len(S), BLOCK):
        total = np.cumsum(S[i : i + BLOCK], axis=1)
        found[i : i + BLOCK] = np.argmax(total >= np.float32(share) * total[:, -1:], axis=1)
    return _frequencies(S, sr)[found].astype(np.float32)


def spectral_flatness(S: F32) -> F32:
    """Geometric over arithmetic mean of the power of a frame (Dubnov 2004).

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Power; below 1e-10 it counts as that.

    Returns
    -------
    ndarray, shape (t,), float32
        From 0 (a tone) to 1 (white noise, and silence).
    """
    power = np.maximum(S, np.float32(1e-10))
    return np.asarray(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1))


def _contrast_bands(n_bins: int, sr: float, n_bands: int, fmin: float) -> list[tuple[slice, int]]:
    """Bins of each octave band, and how many of them are its peaks and its valleys."""
    freqs = np.linspace(0.0, sr / 2, n_bins)
    edges = [0.0, *(fmin * 2.0**k for k in range(n_bands + 1))]
    if edges[-2] >= sr / 2:
        raise AudioError(
            f"spectral contrast at {sr:g} Hz",
            f"a sample rate above {2 * edges[-2]:g} Hz",
            "resample it",
        )
    bands = []
    for k in range(n_bands + 1):
        inside = np.flatnonzero((freqs >= edges[k]) & (freqs <= edges[k + 1]))
        if len(inside) < (1 if k else 2):  # the lowest band has no bin from below
            raise AudioError(
                f"spectral contrast of {n_bins} bins at {sr:g} Hz",
                f"a bin between {edges[k]:g} and {edges[k + 1]:g} Hz",
                "take longer frames or resample it",
            )
        first = int(inside[0]) - (k > 0)  # a band shares its lowest bin with the one below
        last = n_bins if k == n_bands else int(inside[-1]) + 1
        count = max(1, round(0.02 * (last - first)))
        bands.append((slice(first, last - (k < n_bands)), count))
    return bands


def spectral_contrast(S: F32, sr: float, n_bands: int = 6, fmin: float = 200.0) -> F32:
    """Peaks against valleys in octave bands (Jiang et al. 2002).

    Parameters
    ----------
    S : ndarray, shape (t, n_bins), float32
        Magnitude.
    sr : float
        Hz.
    n_bands : int
        Octaves above `fmin`.
    fmin : float
        Hz; below it lies one further band.

    Returns
    -------
    ndarray, shape (t, n_bands + 1), float32
        Difference in dB of the mean of the 2 % largest and of the 2 % smallest bins.

    Raises
    ------
    AudioError
        Where the sample rate is too low for the bands, or the bins are too wide.
    """
    bands = _contrast_bands(S.shape[1], sr, n_bands, fmin)
    peaks = np.empty((len(S), len(bands)), dtype=np.float32)
    valleys = np.empty_like(peaks)
    for k, (bins, count) in enumerate(bands):
        ordered = np.sort(S[:, bins], axis=1)
        valleys[:, k] = ordered[:, :count].mean(axis=1)
        peaks[:, k] = ordered[:, -count:].mean(axis=1)
    return decibels(peaks) - decibels(valleys)


def _sliding_sums(x: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Sums of `n` neighbours along the only axis; few enough for a plain loop."""
    count = len(x) - n + 1
    out = x[:count].copy()
    for i in range(1, n):
        out += x[i : i + count]
    return out


def rms(y: F32, frame_length: int = 2048, hop_length: int = 512) -> F32:
    """Root mean square of each frame of samples.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    frame_length, hop_length : int
        Samples; frames are centred, with zeros beyond the ends.

    Returns
    -------
    ndarray, shape (1 + n // hop_length,), float32
    """
    # Frames are whole numbers of pieces, so no sample is squared twice.
    piece = math.gcd(frame_length, hop_length)
    padded = np.pad(y, frame_length // 2)
    pieces = padded[: len(padded) // piece * piece].reshape(-1, piece)
    energy = np.einsum("ij,ij->i", pieces, pieces).astype(np.float64)
    sums = _sliding_sums(energy, frame_length // piece)[:: hop_length // piece]
    return np.sqrt(sums / frame_length).astype(np.float32)


def zero_crossing_rate(y: F32, frame_length: int = 2048, hop_length: int = 512) -> F32:
    """Share of the samples of a frame at which the sign changes.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
        Values within 1e-10 of zero count as positive.
    frame_length, hop_length : int
        Samples; frames are centred, the ends repeat the first and the last sample.

    Returns
    -------
    ndarray, shape (1 + n // hop_length,), float32
        From 0 to 1.
    """
    negative = np.pad(y, frame_length // 2, mode="edge") < -1e-10
    changes = np.zeros(len(negative), dtype=np.int64)
    np.cumsum(negative[1:] != negative[:-1], out=changes[1:])
    ends = changes[frame_length - 1 :: hop_length]
    return ((ends - changes[: -frame_length + 1 : hop_length]) / frame_length).astype(np.float32)
