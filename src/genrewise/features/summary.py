"""A track as one named vector, in the layouts that well-known tables have.

``gtzan57``
    the columns of the table that goes round with GTZAN (``features_30_sec.csv``) but for
    its ``length``: mean and variance over the frames.  ``harmony`` and ``perceptr`` there
    are the harmonic and the percussive signal.
``fma518``
    the columns of FMA's ``features.csv`` (Defferrard et al. 2017), three heading rows
    joined to one name: seven statistics of 74 values a frame.
``pyaudio136``
    pyAudioAnalysis' 68 short-term features, mean and deviation.
``statistics``
    our own, what the models see of a window (:mod:`genrewise.features.statistics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from genrewise.audio_resample import resample
from genrewise.errors import AudioError
from genrewise.features import harmony, rhythm, shortterm, spectral
from genrewise.features import statistics as own
from genrewise.features.cqt import cqt
from genrewise.features.frontend import F32, Framer, FrontEnd
from genrewise.features.hpss import hpss
from genrewise.features.spectral import Spectra

__all__ = ["NamedVector", "fma518", "gtzan57", "pyaudio136", "statistics"]

F64 = NDArray[np.float64]

GTZAN_SR = 22050
_N_MFCC = 20

#: FMA's values of a frame, in the order of its table (sorted by name), and how many each.
_FMA = (
    ("chroma_cens", 12),
    ("chroma_cqt", 12),
    ("chroma_stft", 12),
    ("mfcc", 20),
    ("rmse", 1),
    ("spectral_bandwidth", 1),
    ("spectral_centroid", 1),
    ("spectral_contrast", 7),
    ("spectral_rolloff", 1),
    ("tonnetz", 6),
    ("zcr", 1),
)
_FMA_STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")


@dataclass(frozen=True)
class NamedVector:
    """Values and their names, in one order.

    Parameters
    ----------
    names : tuple of str
    values : ndarray, shape (len(names),), float32
    """

    names: tuple[str, ...]
    values: F32

    def __post_init__(self) -> None:
        assert self.values.shape == (len(self.names),), (self.values.shape, len(self.names))


def _checked(y: F32) -> F32:
    """Samples that there are."""
    if not len(y):
        raise AudioError("audio of 0 samples", "at least one sample")
    return np.ascontiguousarray(y, dtype=np.float32)


def _mean_and_variance(x: F32) -> list[float]:
    return [float(x.mean(dtype=np.float64)), float(x.var(dtype=np.float64))]


def gtzan57(y: F32, sr: int) -> NamedVector:
    """The 57 columns of the well-known GTZAN table.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz; resampled to the table's 22,050.

    Returns
    -------
    NamedVector
        Mean and variance each of chroma, RMS, centroid (Hz), bandwidth (Hz), roll-off
        (Hz), zero-crossing rate, harmonic and percussive signal; tempo (beats a minute);
        mean and variance each of 20 MFCCs.

    Raises
    ------
    AudioError
        Where there is no sample.
    """
    y = resample(_checked(y), sr, GTZAN_SR)
    spectra = Spectra(y)
    S = spectra.magnitude
    harmonic, percussive = hpss(spectra)
    found = {
        "chroma_stft": harmony.chroma_stft(spectra.power, GTZAN_SR),
        "rms": spectral.rms(y),
        "spectral_centroid": spectral.spectral_centroid(S, GTZAN_SR),
        "spectral_bandwidth": spectral.spectral_bandwidth(S, GTZAN_SR),
        "rolloff": spectral.spectral_rolloff(S, GTZAN_SR),
        "zero_crossing_rate": spectral.zero_crossing_rate(y),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    values = [v for x in found.values() for v in _mean_and_variance(x)]
    frame_rate = spectra.frontend.frame_rate
    values.append(rhythm.tempo(rhythm.onset_strength(spectra.mel_db), frame_rate))
    for column in spectral.mfcc(spectra.mel_db, _N_MFCC).T:
        values += _mean_and_variance(column)
    mfcc = [f"mfcc{i + 1}" for i in range(_N_MFCC)]
    first, last = ([f"{n}_{kind}" for n in ns for kind in ("mean", "var")] for ns in (found, mfcc))
    return NamedVector((*first, "tempo", *last), np.array(values, dtype=np.float32))


@cache
def _fma_names() -> tuple[str, ...]:
    return tuple(
        f"{name}_{statistic}_{i + 1:02d}"
        for name, count in _FMA
        for statistic in _FMA_STATISTICS
        for i in range(count)
    )


def _seven(x: F32) -> F64:
    """FMA's seven statistics of columns, shape (7, k), in the order of the table.

    Kurtosis is above that of a normal distribution (-3 where nothing varies), skewness and
    kurtosis are not corrected for the number of frames, as SciPy's.
    """
    x64 = x.astype(np.float64)
    mean = x64.mean(axis=0)
    away = x64 - mean
    second = (away**2).mean(axis=0)
    flat = second <= (np.finfo(np.float64).eps * mean) ** 2
    scale = np.where(flat, 1.0, second)
    skew = np.where(flat, 0.0, (away**3).mean(axis=0) / scale**1.5)
    kurtosis = np.where(flat, 0.0, (away**4).mean(axis=0) / scale**2) - 3.0
    largest, median, least = x64.max(axis=0), np.median(x64, axis=0), x64.min(axis=0)
    return np.stack([kurtosis, largest, mean, median, least, skew, np.sqrt(second)])


def fma518(y: F32, sr: int) -> NamedVector:
    """The 518 columns of FMA's feature table.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz; as the file has it, which is what FMA did.

    Returns
    -------
    NamedVector
        Named ``FEATURE_STATISTIC_NN``.  As in the table, which librosa 0.5 made, the ends
        of the track are mirrored, and ``rmse`` is the root of the mean power of the bins.

    Raises
    ------
    AudioError
        Where there is no sample, or the sample rate is below some 12.8 kHz.
    """
    y = _checked(y)
    spectra = Spectra(y, FrontEnd(sr=sr, pad_mode="reflect"))
    S = spectra.magnitude
    C = np.abs(cqt(y, sr, tuning=harmony.estimate_tuning(S, sr)))
    cens = harmony.chroma_cens(C)
    found = (
        cens,
        harmony.chroma_cqt(C),
        harmony.chroma_stft(spectra.power, sr),
        spectral.mfcc(spectra.mel_db, _N_MFCC),
        np.sqrt(spectra.power.mean(axis=1)),
        spectral.spectral_bandwidth(S, sr),
        spectral.spectral_centroid(S, sr),
        spectral.spectral_contrast(S, sr),
        spectral.spectral_rolloff(S, sr),
        harmony.tonnetz(cens),
        spectral.zero_crossing_rate(y),
    )
    columns = [_seven(x.reshape(len(x), -1)).ravel() for x in found]
    return NamedVector(_fma_names(), np.concatenate(columns).astype(np.float32))


def pyaudio136(y: F32, sr: int, *, mid_window: float = 0.0, mid_step: float = 0.0) -> NamedVector:
    """Mean and deviation of pyAudioAnalysis' 68 short-term features.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz; as the file has it.
    mid_window, mid_step : float
        Seconds of a mid-term window and from one to the next, whose statistics are
        averaged (1 and 1 are that library's usual choice); 0 means one window, the whole
        track.

    Returns
    -------
    NamedVector
        Named as that library names them; from frames of 50 ms, one each 25 ms.

    Raises
    ------
    AudioError
        Where there is no whole frame, or the sample rate is below 7 kHz.
    """
    window, step = 0.05, 0.025
    features = shortterm.short_term(_checked(y), sr, window, step)
    size, hop = round(sr * window), round(sr * step)
    length = max(1, round((round(mid_window * sr) - (size - hop)) / hop)) if mid_window else 0
    values = shortterm.mid_term(features, length, round(mid_step * sr / hop))
    return NamedVector(shortterm.names(), values)


def statistics(y: F32, sr: int) -> NamedVector:
    """Our own statistics of a window.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz; resampled to what the layout's front end wants.

    Returns
    -------
    NamedVector

    Raises
    ------
    AudioError
        Where there is no sample.
    """
    wanted = own.FRONTEND.sr
    y = resample(_checked(y), sr, wanted)
    frames = Framer(own.FRONTEND).push(y, last=True)
    return NamedVector(own.names(), own.window_statistics(own.statistics_frames(frames)))
