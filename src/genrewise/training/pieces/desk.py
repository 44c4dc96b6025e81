"""Filters, amplifiers, rooms and what else stands between an instrument and a record."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.training.datasets.synthesis import SR, reverberate

__all__ = ["amplify", "band", "compress", "drift", "echo", "equalise", "finish", "peak", "room"]

F32 = NDArray[np.float32]


def _f32(y: Any) -> F32:
    return np.asarray(y, dtype=np.float32)


def band(y: F32, low: float = 0.0, high: float = 0.0, order: int = 2) -> F32:
    """Butterworth filter.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    low, high : float
        Edges in Hz of what passes; 0 leaves that end open.
    order : int
        6 dB an octave each.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    from scipy.signal import butter, sosfilt

    if low:
        y = _f32(sosfilt(butter(order, low, "highpass", fs=SR, output="sos"), y))
    if high:
        y = _f32(sosfilt(butter(order, high, "lowpass", fs=SR, output="sos"), y))
    return y


def peak(y: F32, hertz: float, decibel: float, q: float = 1.0) -> F32:
    """One bell of an equaliser, as a second-order section (bilinear transform).

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    hertz, decibel : float
        Centre and gain there.
    q : float
        Centre over width.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    from scipy.signal import lfilter

    w = 2 * np.pi * hertz / SR
    half = 10.0 ** (decibel / 40)
    wide = np.sin(w) / (2 * q)
    b = np.array([1 + wide * half, -2 * np.cos(w), 1 - wide * half])
    a = np.array([1 + wide / half, -2 * np.cos(w), 1 - wide / half])
    return _f32(lfilter(b / a[0], a / a[0], y))


def amplify(y: F32, drive: float, *, tight: float = 100.0, cabinet: float = 5000.0) -> F32:
    """A valve amplifier and its loudspeaker.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    drive : float
        Gain before the valve; 1 is clean, 30 is metal.
    tight : float
        Hz below which nothing is distorted.
    cabinet : float
        Hz above which the loudspeaker gives nothing.

    Returns
    -------
    ndarray, shape (n,), float32
        Root mean square 0.1.
    """
    from scipy.signal import resample_poly

    y = band(y, low=tight)
    level = float(np.sqrt(np.mean(np.square(y)))) or 1.0
    # Four times the rate, so that the new harmonics do not fold back.
    fine = resample_poly(y * np.float32(drive * 0.1 / level), 4, 1)
    # A little bias gives even harmonics too.
    y = _f32(resample_poly(np.tanh(fine + 0.15) - np.tanh(0.15), 1, 4))
    y = band(y, low=70.0, high=cabinet, order=4)
    y = peak(peak(y, 110.0, 3.0), 2600.0, 4.0)
    return _f32(y * (0.1 / (float(np.sqrt(np.mean(np.square(y)))) or 1.0)))


def compress(y: F32, threshold: float = 0.1, ratio: float = 3.0, release: float = 0.15) -> F32:
    """Turn down what is louder than a threshold.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    threshold : float
        Root mean square from which on it works.
    ratio : float
        Decibels in for a decibel out.
    release : float
        Seconds over which the level is taken.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    from scipy.signal import lfilter

    pole = float(np.exp(-1.0 / (release * SR)))
    level = np.sqrt(lfilter([1 - pole], [1, -pole], np.square(y, dtype=np.float64)) + 1e-12)
    gain = np.minimum(1.0, (level / threshold) ** (1.0 / ratio - 1.0))
    return _f32(y * gain)


def room(
    y: F32, seconds: float, mix: float, rng: np.random.Generator, *, dark: float = 4000.0
) -> F32:
    """A room whose walls swallow the treble.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    seconds : float
        Fall of the tail to a third.
    mix : float
        Level of the room, 0 to 1.
    rng : Generator
    dark : float
        Hz above which the room falls.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    wet = reverberate(y, seconds, 1.0, rng) - y
    late = int(0.012 * SR)
    wet = np.pad(band(wet, low=150.0, high=dark, order=1), (late, 0))[: len(y)]
    return _f32(y + np.float32(mix) * wet)


def echo(y: F32, seconds: float, mix: float, times: int = 4) -> F32:
    """Repeats that get quieter and duller.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    seconds : float
        From one to the next.
    mix : float
        Each against the one before, 0 to 1.
    times : int

    Returns
    -------
    ndarray, shape (n,), float32
    """
    out, last, late = y.copy(), y, int(seconds * SR)
    for _ in range(times):
        last = band(np.pad(last, (late, 0))[: len(y)] * np.float32(mix), 200.0, 2500.0, 1)
        out += last
    return out


def drift(y: F32, cents: float, rng: np.random.Generator) -> F32:
    """Wow of a tape or a turntable: the pitch wanders.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    cents : float
        How far.
    rng : Generator
        Phase of the wander.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    t = np.arange(len(y)) / SR
    late = np.zeros(len(y))
    for rate in (0.55, 1.3, 4.1):
        depth = cents * np.log(2) / 1200 / (2 * np.pi * rate) / 2
        late += depth * np.sin(2 * np.pi * (rate * t + rng.random()))
    return _f32(np.interp(t + late, t, y))


#: Centres of the bands of the equaliser in Hz, an octave apart.
BANDS = (62, 125, 250, 500, 1000, 2000, 4000, 8000)


def equalise(y: F32, decibel: tuple[float, ...]) -> F32:
    """A graphic equaliser, straight lines between its sliders.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    decibel : tuple of float
        Gains at 62, 125, … 8000 Hz.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n = next_fast_len(len(y) + SR, real=True)
    octave = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / SR), 1.0))
    gain = 10.0 ** (np.interp(octave, np.log2(BANDS), decibel) / 20)
    return _f32(irfft(rfft(y, n) * gain, n)[: len(y)])


def finish(
    y: F32,
    rng: np.random.Generator,
    *,
    hiss: float = 0.0015,
    push: float = 1.5,
    top: float = 10400.0,
) -> F32:
    """From the mix to the record: compression, tape, hiss, fades.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    rng : Generator
        The hiss.
    hiss : float
        Level of the noise of the tape.
    push : float
        How loud the tape is driven.
    top : float
        Hz above which the record holds nothing.

    Returns
    -------
    ndarray, shape (n,), float32
        Peak 0.9.
    """
    level = float(np.sqrt(np.mean(np.square(y)))) or 1.0
    y = compress(_f32(y * (0.12 / level)), 0.1, 2.0, 0.2)
    noise = band(rng.standard_normal(len(y), dtype=np.float32), low=60.0, high=9000.0, order=1)
    y = np.tanh(np.float32(push) * y) + np.float32(hiss) * noise
    y = band(band(y, low=30.0), high=top, order=10)
    t = np.arange(len(y), dtype=np.float32) / SR
    y = y * np.minimum(1.0, t / 0.02 + 1e-4) * np.minimum(1.0, (t[-1] - t) / 1.2)
    return _f32(y * (0.9 / float(np.abs(y).max())))
