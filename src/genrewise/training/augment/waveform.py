"""Kinds that change the samples: what rooms, players, codecs and DJs do to music.

Each draws its own random numbers once a call; what they are drawn from is in the constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq
from scipy.signal import butter, sosfilt

from genrewise.audio import load, resample
from genrewise.training.augment import WAVEFORM_KINDS, check
from genrewise.training.augment.vocoder import stretched

__all__ = ["CHANGES", "transform"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bounds = tuple[float, float]

#: dB.
GAIN: Bounds = (-12.0, 6.0)
SNR: Bounds = (15.0, 40.0)
EQ_GAIN: Bounds = (-8.0, 8.0)
#: Factor of the speed; semitones.
SPEED: Bounds = (0.85, 1.15)
PITCH: Bounds = (-2.0, 2.0)
#: Share that may be missing at either end.
CROP: Bounds = (0.0, 0.1)
#: Hz: corners of the shelves, middle of the peak, and what a band leaves out.
LOW_SHELF: Bounds = (60.0, 300.0)
PEAK: Bounds = (300.0, 4000.0)
HIGH_SHELF: Bounds = (3000.0, 10000.0)
HIGH_PASS: Bounds = (20.0, 150.0)
LOW_PASS: Bounds = (3000.0, 12000.0)
#: Quality of the peak.
Q: Bounds = (0.5, 2.0)
#: libsndfile's measure of compression; 1 is the smallest file.
COMPRESSION: Bounds = (0.3, 1.0)
#: Rates that an mp3 may have.
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)

#: Samples written at once: libsndfile's Vorbis encoder overflows its stack on long ones.
_WRITTEN = 65_536
#: Share of the sample rate above which no filter is put.
_HIGHEST = 0.45


def _octaves(rng: Generator, bounds: Bounds, sr: int) -> float:
    """A frequency, even on a logarithmic scale and below half the rate."""
    low, high = (min(hz, _HIGHEST * sr) for hz in bounds)
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def random_crop(y: F32, sr: int, rng: Generator) -> F32:
    """Up to a tenth less at either end."""
    del sr
    start, stop = (int(share * len(y)) for share in rng.uniform(*CROP, 2))
    return y[start : len(y) - stop]


def time_stretch(y: F32, sr: int, rng: Generator) -> F32:
    """Faster or slower at the same pitch."""
    return stretched(y, sr, rng.uniform(*SPEED))


def pitch_shift(y: F32, sr: int, rng: Generator) -> F32:
    """Higher or lower at the same speed: stretched, then played faster or slower."""
    ratio = 2.0 ** (rng.uniform(*PITCH) / 12.0)
    out = resample(stretched(y, sr, 1.0 / ratio), round(sr * ratio), sr)[: len(y)]
    return np.pad(out, (0, len(y) - len(out)))


def _peak(hz: float, sr: int, gain: float, quality: float) -> F64:
    """A second-order section that raises a band by `gain` dB.

    R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients",
    peakingEQ.
    """
    A, w = 10.0 ** (gain / 40.0), 2.0 * math.pi * hz / sr
    alpha, turn = math.sin(w) / (2.0 * quality), -2.0 * math.cos(w)
    section = np.array([1 + alpha * A, turn, 1 - alpha * A, 1 + alpha / A, turn, 1 - alpha / A])
    return np.asarray(section / section[3])


def _shelf(hz: float, sr: int, gain: float, high: bool) -> F64:
    """A second-order section that raises what lies below, or above, a corner by `gain` dB.

    The same cookbook, lowShelf and highShelf with slope 1; one is the other with the
    spectrum turned round, which changes the sign of the cosine and of every z⁻¹.
    """
    A, w = 10.0 ** (gain / 40.0), 2.0 * math.pi * hz / sr
    sign = -1.0 if high else 1.0
    cos, root = sign * math.cos(w), math.sqrt(2.0 * A) * math.sin(w)
    up, down = A + 1.0, A - 1.0
    section = np.array(
        [
            A * (up - down * cos + root),
            sign * 2.0 * A * (down - up * cos),
            A * (up - down * cos - root),
            up + down * cos + root,
            sign * -2.0 * (down + up * cos),
            up + down * cos - root,
        ]
    )
    return np.asarray(section / section[3])


def eq(y: F32, sr: int, rng: Generator) -> F32:
    """A low shelf, a peak and a high shelf, each up or down."""
    low, middle, high = rng.uniform(*EQ_GAIN, 3)
    sections = np.stack(
        [
            _shelf(_octaves(rng, LOW_SHELF, sr), sr, low, high=False),
            _peak(_octaves(rng, PEAK, sr), sr, middle, rng.uniform(*Q)),
            _shelf(_octaves(rng, HIGH_SHELF, sr), sr, high, high=True),
        ]
    )
    return np.asarray(sosfilt(sections, y.astype(np.float64)), dtype=np.float32)


def band_limit(y: F32, sr: int, rng: Generator) -> F32:
    """Neither the lowest nor the highest tones: small loudspeakers, old recordings, radio."""
    edges = _octaves(rng, HIGH_PASS, sr), _octaves(rng, LOW_PASS, sr)
    sections = butter(2, edges, "bandpass", fs=sr, output="sos")
    return np.asarray(sosfilt(sections, y.astype(np.float64)), dtype=np.float32)


def _noise(n: int, pink: bool, rng: Generator) -> F64:
    """White noise, or noise with as much power in every octave."""
    size = next_fast_len(n, real=True)
    frequency = rfftfreq(size) * size
    spectrum = rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency))
    if pink:
        spectrum /= np.sqrt(np.maximum(frequency, 1.0))
    return np.asarray(irfft(spectrum, size)[:n])


def noise(y: F32, sr: int, rng: Generator) -> F32:
    """White or pink noise, so many dB below the music."""
    del sr
    snr, pink = rng.uniform(*SNR), bool(rng.integers(2))
    added = _noise(len(y), pink, rng)
    power = float(np.mean(np.square(y, dtype=np.float64)))
    have = float(np.mean(np.square(added)))
    factor = math.sqrt(power / have * 10.0 ** (-snr / 10.0)) if have else 0.0
    return np.asarray(y + factor * added, dtype=np.float32)


def gain(y: F32, sr: int, rng: Generator) -> F32:
    """Louder or softer; what passes full scale is not clipped."""
    del sr
    return y * np.float32(10.0 ** (rng.uniform(*GAIN) / 20.0))


def codec(y: F32, sr: int, rng: Generator) -> F32:
    """Through an mp3 or an Ogg Vorbis file in memory and back."""
    mp3, compression = bool(rng.integers(2)) and sr in MP3_RATES, rng.uniform(*COMPRESSION)
    kind = ("MP3", "MPEG_LAYER_III") if mp3 else ("OGG", "VORBIS")
    # Both clip at full scale, which is no part of what is tried here.
    loudest = max(1.0, float(np.abs(y).max(initial=0.0)))
    coded = BytesIO()
    with soundfile.SoundFile(
        coded, "w", sr, 1, kind[1], format=kind[0], compression_level=compression
    ) as file:
        for start in range(0, len(y), _WRITTEN):
            file.write(y[start : start + _WRITTEN] / np.float32(loudest))
    out = load(BytesIO(coded.getvalue())).y[: len(y)] * np.float32(loudest)
    return np.pad(out, (0, len(y) - len(out)))


#: ``(y, sr, rng) -> y`` by kind.
CHANGES: dict[str, Callable[[F32, int, Generator], F32]] = {
    "random-crop": random_crop,
    "time-stretch": time_stretch,
    "pitch-shift": pitch_shift,
    "eq": eq,
    "band-limit": band_limit,
    "noise": noise,
    "gain": gain,
    "codec": codec,
}


def transform(kinds: Sequence[str], y: F32, sr: int, rng: Generator) -> F32:
    """Samples after each of the kinds once, in the order of :data:`WAVEFORM_KINDS`.

    Parameters
    ----------
    kinds : sequence of str
        Of :data:`genrewise.training.augment.WAVEFORM_KINDS`.
    y : ndarray, shape (n,), float32
        Mono, full scale at 1; left alone.
    sr : int
        Hz.
    rng : Generator

    Returns
    -------
    ndarray, shape (m,), float32
        Finite, at the same rate.

    Raises
    ------
    UnknownName
        No such kind.
    """
    for kind in check(kinds, WAVEFORM_KINDS):
        y = CHANGES[kind](y, sr, rng)
    return y
