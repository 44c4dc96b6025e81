"""Onsets, tempo and beats, as in librosa 0.11 (after Ellis 2007, Grosche et al. 2010)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError

__all__ = ["beat_track", "onset_strength", "tempo", "tempogram"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_TINY = float(np.finfo(np.float32).tiny)


def onset_strength(mel_db: F32, shift: int = 2) -> F32:
    """How much louder each frame is than the one before, over all bands.

    Parameters
    ----------
    mel_db : ndarray, shape (t, n_mels), float32
        Mel spectrum in dB.
    shift : int
        Frames by which the curve is moved towards the end: ``n_fft // (2 * hop_length)``,
        as a centred frame hears an onset before it comes.

    Returns
    -------
    ndarray, shape (t,), float32
        Mean rise in dB, from 0 up.
    """
    rise = np.maximum(mel_db[1:] - mel_db[:-1], 0.0).mean(axis=1)
    return np.pad(rise, (1 + shift, 0))[: len(mel_db)].astype(np.float32)


def _windows(onset: F32, win_length: int) -> F64:
    """Windowed pieces of the onset curve, one centred on each frame."""
    padded = np.pad(onset.astype(np.float64), win_length // 2, mode="linear_ramp")
    pieces = np.lib.stride_tricks.sliding_window_view(padded, win_length)[: len(onset)]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length)
    return np.asarray(pieces * hann)


def _power_spectra(pieces: F64) -> tuple[F64, F64, int]:
    """Power spectra, energies and length of the transform, for autocorrelations."""
    from scipy.fft import next_fast_len, rfft  # imported where used: it costs 0.2 s

    n = next_fast_len(2 * pieces.shape[1] - 1, real=True)
    energy = np.einsum("ij,ij->i", pieces, pieces)
    return np.abs(rfft(pieces, n, axis=1)) ** 2, np.where(energy < _TINY, 1.0, energy), n


def tempogram(onset: F32, win_length: int = 384) -> F32:
    """Autocorrelation of the onset curve about each frame.

    Parameters
    ----------
    onset : ndarray, shape (t,), float32
    win_length : int
        Frames of a window, and lags.

    Returns
    -------
    ndarray, shape (t, win_length), float32
        At most 1, which lag 0 has; zeros in silence.
    """
    spectra, energy, n = _power_spectra(_windows(onset, win_length))
    lags = np.fft.irfft(spectra, n, axis=1)[:, :win_length]
    return (lags / energy[:, None]).astype(np.float32)


def tempo(onset: F32, frame_rate: float, start_bpm: float = 120.0, seconds: float = 8.0) -> float:
    """The one tempo of a track.

    Parameters
    ----------
    onset : ndarray, shape (t,), float32
    frame_rate : float
        Frames a second.
    start_bpm : float
        Where a log-normal expectation of one octave lies.
    seconds : float
        Length of the windows that are compared with themselves.

    Returns
    -------
    float
        Beats a minute, below 320.
    """
    win_length = int(seconds * frame_rate)
    spectra, energy, n = _power_spectra(_windows(onset, win_length))
    # The mean tempogram; the inverse transform of the mean is the mean of the inverse ones.
    mean = np.fft.irfft((spectra / energy[:, None]).mean(axis=0), n)[:win_length]
    bpm = 60.0 * frame_rate / np.arange(1, win_length)
    score = np.log1p(1e6 * np.maximum(mean[1:], 0.0)) - 0.5 * np.log2(bpm / start_bpm) ** 2
    score[bpm >= 320.0] = -np.inf
    return float(bpm[np.argmax(score)])


def _links(score: F64, period: float, tightness: float) -> tuple[F64, NDArray[np.intp]]:
    """Best sum of scores of beats that end in each frame, and the beat before it."""
    lags = np.arange(round(period / 2), int(2 * period) + 1)
    lags = lags[lags > 0]
    cost = tightness * np.log(lags / period) ** 2
    total, links = score.copy(), np.full(len(score), -1)
    started = False
    for i, value in enumerate(score):
        reach = int(np.searchsorted(lags, i, side="right"))
        if reach:
            candidates = total[i - lags[:reach]] - cost[:reach]
            best = int(np.argmax(candidates))
            total[i] = value + candidates[best]
        started = started or value >= 0.01 * score.max()
        if started and reach:
            links[i] = i - lags[best]
    return total, links


def _last_beat(total: F64) -> int:
    """The last local maximum of the sums that is no less than half of their median."""
    padded = np.pad(total, 1, mode="edge")
    tops = np.flatnonzero((total > padded[:-2]) & (total >= padded[2:]))
    if not len(tops):
        return len(total) - 1
    high = tops[total[tops] >= 0.5 * np.median(total[tops])]
    return int(high[-1])


def _trimmed(beats: NDArray[np.intp], score: F64) -> NDArray[np.intp]:
    """Beats without those before and after the frames that carry any."""
    smooth = np.convolve(score[beats], np.hanning(5))[2 : len(score) + 2]
    loud = np.flatnonzero(score > 0.5 * np.sqrt(np.mean(smooth**2)))
    return beats[(beats >= loud[0]) & (beats <= loud[-1])] if len(loud) else beats[:0]


def beat_track(
    onset: F32, frame_rate: float, bpm: float = 0.0, tightness: float = 100.0
) -> tuple[float, NDArray[np.intp]]:
    """Tempo and beats by dynamic programming (Ellis 2007).

    Parameters
    ----------
    onset : ndarray, shape (t,), float32
    frame_rate : float
        Frames a second.
    bpm : float
        Beats a minute; 0 means as :func:`tempo` finds.
    tightness : float
        How much beats must keep to the tempo.

    Returns
    -------
    tuple
        Beats a minute, and the frames of the beats; 0 and none in silence.

    Raises
    ------
    RecipeError
        More beats than frames, or a tempo below 0.
    """
    if not 0 <= bpm <= 60 * frame_rate:
        raise RecipeError(f"{bpm:g} beats a minute", f"0 to {60 * frame_rate:g}")
    if not onset.any():
        return 0.0, np.zeros(0, dtype=np.intp)
    bpm = bpm or tempo(onset, frame_rate)
    period = float(np.round(frame_rate * 60.0 / bpm))
    curve = onset.astype(np.float64) / (onset.std(ddof=1) + _TINY)
    window = np.exp(-0.5 * (np.arange(-period, period + 1) * 32.0 / period) ** 2)
    score = np.convolve(curve, window)[int(period) : int(period) + len(curve)]
    total, links = _links(score, period, tightness)
    beats = [_last_beat(total)]
    while links[beats[-1]] >= 0:
        beats.append(int(links[beats[-1]]))
    return bpm, _trimmed(np.array(beats[::-1], dtype=np.intp), score)
