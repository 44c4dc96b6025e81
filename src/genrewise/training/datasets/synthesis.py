"""A small synthesiser: wavetable notes, drum hits, drive and reverberation, all numpy.

Notes read one period of a band-limited wave out of a table, so a note costs one gather;
equal notes of a track are rendered once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["SR", "Mixer", "Voice", "drum_kit", "hertz", "reverberate"]

F32 = NDArray[np.float32]

#: Samples a second of everything rendered here.
SR = 22050
_TABLE = 4096


def hertz(midi: float) -> float:
    """Frequency of a MIDI note number in equal temperament; 69 is 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


@dataclass(frozen=True)
class Voice:
    """The timbre of an instrument.

    Parameters
    ----------
    tilt : float
        Harmonic k has amplitude ``k ** -tilt``: 1 is a saw tooth, 3 nearly a sine.
    even : float
        Factor on the even harmonics: 0 is hollow as a clarinet.
    attack : float
        Seconds to full level.
    decay : float
        Seconds to a third of the level; a large value holds the note.
    detune : float
        Second oscillator, this many cents away; 0 has none.
    vibrato : float
        Depth in cents at 5.5 Hz.
    breath : float
        Level of noise in the tone, 0 to 1.
    """

    tilt: float = 1.0
    even: float = 1.0
    attack: float = 0.005
    decay: float = 0.4
    detune: float = 0.0
    vibrato: float = 0.0
    breath: float = 0.0

    def table(self, frequency: float) -> F32:
        """One period without harmonics above half the sample rate, peak 1.

        Returns
        -------
        ndarray, shape (4096,), float32
        """
        highest = int(np.clip(0.45 * SR / frequency, 1, 40))
        k = np.arange(1, highest + 1)
        amplitude = k ** -float(self.tilt)
        amplitude[1::2] *= self.even
        spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
        spectrum[1 : highest + 1] = -1j * amplitude
        wave = np.fft.irfft(spectrum, _TABLE)
        return np.asarray(wave / np.abs(wave).max(), dtype=np.float32)

    def note(self, midi: float, seconds: float, rng: np.random.Generator) -> F32:
        """One note with its envelope.

        Returns
        -------
        ndarray, shape (int(seconds * SR),), float32
            Peak about 1.
        """
        n = max(1, int(seconds * SR))
        t = np.arange(n, dtype=np.float32) / SR
        frequency = hertz(midi)
        table = self.table(frequency)
        phase = frequency * t
        if self.vibrato:
            depth = frequency * self.vibrato * np.log(2) / 1200 / (2 * np.pi * 5.5)
            phase = phase + np.float32(depth) * np.sin(np.float32(2 * np.pi * 5.5) * t)
        y = table[(phase * _TABLE).astype(np.int64) % _TABLE]
        if self.detune:
            second = phase * np.float32(2 ** (self.detune / 1200)) + np.float32(0.37)
            y = 0.5 * (y + table[(second * _TABLE).astype(np.int64) % _TABLE])
        if self.breath:
            y = y + np.float32(self.breath) * rng.standard_normal(n, dtype=np.float32)
        release = min(0.03, seconds / 4)
        envelope = np.minimum(1.0, t / max(self.attack, 1e-3)) * np.exp(-t / (self.decay * 1.1))
        envelope *= np.minimum(1.0, (t[-1] - t) / release + 1e-3)
        return np.asarray(y * envelope, dtype=np.float32)


def _fall(n: int, seconds: float) -> F32:
    return np.asarray(np.exp(-np.arange(n, dtype=np.float32) / np.float32(seconds * SR)))


def drum_kit(rng: np.random.Generator, weight: float = 1.0) -> dict[str, F32]:
    """One-shots of a drum kit whose tuning is drawn from `rng`.

    Parameters
    ----------
    rng : Generator
    weight : float
        Above 1 a heavier, longer kick.

    Returns
    -------
    dict of str to ndarray, shape (n,), float32
        ``kick``, ``snare``, ``hat``, ``ride``, ``rim``.
    """
    t = np.arange(int(0.4 * SR), dtype=np.float32) / SR
    low = rng.uniform(42, 58) / weight**0.25
    sweep = low * t + rng.uniform(2.0, 4.5) * weight * 0.5 * (1 - np.exp(-t * rng.uniform(30, 50)))
    kick = np.sin(2 * np.pi * sweep) * _fall(len(t), 0.09 * weight)
    short, long = int(0.22 * SR), int(0.35 * SR)
    noise = rng.standard_normal(long).astype(np.float32)
    high = np.diff(noise, prepend=np.float32(0))
    tone = np.sin(2 * np.pi * rng.uniform(165, 230) * t[:short])
    bells = sum(np.sign(np.sin(2 * np.pi * f * t[:long])) for f in rng.uniform(3200, 8500, 5))
    return {
        "kick": np.asarray(kick, dtype=np.float32),
        "snare": np.asarray(
            (0.55 * noise[:short] + 0.5 * tone) * _fall(short, rng.uniform(0.04, 0.075)) * 0.8,
            dtype=np.float32,
        ),
        "hat": np.asarray(high[:short] * _fall(short, rng.uniform(0.012, 0.03)) * 0.35, np.float32),
        "ride": np.asarray(
            (0.06 * bells + 0.12 * high) * _fall(long, rng.uniform(0.1, 0.16)), np.float32
        ),
        "rim": np.asarray(
            np.sin(2 * np.pi * rng.uniform(1500, 2100) * t[:short]) * _fall(short, 0.012) * 0.7,
            np.float32,
        ),
    }


@dataclass
class Mixer:
    """Adds sounds into a track.

    Parameters
    ----------
    seconds : float
        Length of the track; what sounds later is cut off.
    rng : Generator
        Noise of the voices.
    """

    seconds: float
    rng: np.random.Generator
    _notes: dict[tuple[Voice, float, float], F32] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.y = np.zeros(int(self.seconds * SR), dtype=np.float32)

    def add(self, sound: F32, at: float, level: float = 1.0) -> None:
        """Add a sound that starts `at` seconds."""
        start = int(at * SR)
        if 0 <= start < len(self.y):
            end = min(len(self.y), start + len(sound))
            self.y[start:end] += np.float32(level) * sound[: end - start]

    def play(self, voice: Voice, midi: float, at: float, seconds: float, level: float) -> None:
        """Add a note."""
        key = (voice, midi, round(seconds, 3))
        if key not in self._notes:
            self._notes[key] = voice.note(midi, key[2], self.rng)
        self.add(self._notes[key], at, level)

    def hit(self, kit: Mapping[str, F32], drum: str, at: float, level: float) -> None:
        """Add a drum."""
        self.add(kit[drum], at, level)


def reverberate(y: F32, seconds: float, mix: float, rng: np.random.Generator) -> F32:
    """A room: exponentially falling noise, by Fourier transform.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    seconds : float
        Fall of the tail to a third.
    mix : float
        Level of the room beside the dry sound, 0 to 1.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    from scipy.fft import irfft, next_fast_len, rfft

    length = int(min(3 * seconds, 2.5) * SR)
    tail = rng.standard_normal(length, dtype=np.float32) * _fall(length, seconds)
    tail /= np.float32(np.sqrt(np.square(tail).sum()))
    n = next_fast_len(len(y) + length, real=True)
    wet = irfft(rfft(y, n) * rfft(tail, n), n)[: len(y)]
    return np.asarray(y + np.float32(mix) * wet, dtype=np.float32)
