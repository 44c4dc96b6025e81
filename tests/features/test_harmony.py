"""Chroma, tuning and tonal centroid, against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.features import harmony
from genrewise.features.frontend import F32, FrontEnd
from genrewise.features.spectral import Spectra

SR = 22050


@pytest.fixture(scope="module")
def spectra(music: F32) -> Spectra:
    return Spectra(music)


def constant_q(seed: int = 0, t: int = 90) -> F32:
    return np.random.default_rng(seed).random((t, 84), dtype=np.float32) ** 4


@pytest.mark.parametrize("sr", [22050, 44100, 8000, 4000])
@pytest.mark.parametrize("n_fft", [2048, 4096])
@pytest.mark.parametrize("tuning", [0.0, -0.31, 0.49])
def test_filters_are_librosas(sr: int, n_fft: int, tuning: float) -> None:
    theirs = librosa.filters.chroma(sr=sr, n_fft=n_fft, tuning=tuning)
    ours = harmony._chroma_filters(sr, 1 + n_fft // 2, tuning)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-6)


@pytest.mark.parametrize("sr", [22050, 44100, 6000])
@pytest.mark.parametrize("power", [1, 2])
def test_tuning_is_librosas(spectra: Spectra, sr: int, power: int) -> None:
    S = spectra.magnitude**power
    theirs = librosa.estimate_tuning(S=S.T, sr=sr)
    assert harmony.estimate_tuning(S, sr) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("cents", [-40, -10, 0, 25])
def test_tuning_of_tones_out_of_tune(cents: int) -> None:
    t = np.arange(SR * 2) / SR
    freqs = 440 * 2 ** (np.array([0, 4, 7]) / 12 + cents / 1200)
    y = sum(np.sin(2 * np.pi * f * t) for f in freqs).astype(np.float32)
    found = harmony.estimate_tuning(Spectra(y).magnitude, SR)
    assert found == pytest.approx(cents / 100, abs=0.03)


def test_tuning_without_peaks_is_none() -> None:
    assert harmony.estimate_tuning(np.zeros((5, 1025), dtype=np.float32), SR) == 0
    assert harmony.estimate_tuning(np.ones((5, 3), dtype=np.float32), 100) == 0


def test_chroma_is_librosas(music: F32, spectra: Spectra) -> None:
    theirs = librosa.feature.chroma_stft(y=music, sr=SR).T
    ours = harmony.chroma_stft(spectra.power, SR)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    theirs = librosa.feature.chroma_stft(S=spectra.power.T, sr=SR, tuning=0.2).T
    np.testing.assert_allclose(harmony.chroma_stft(spectra.power, SR, 0.2), theirs, atol=1e-5)


@pytest.mark.parametrize(("note", "column"), [("C4", 0), ("A4", 9), ("F#3", 6)])
def test_a_note_is_found_in_its_column(note: str, column: int) -> None:
    t = np.arange(SR) / SR
    y = np.sin(2 * np.pi * librosa.note_to_hz(note) * t).astype(np.float32)
    chroma = harmony.chroma_stft(Spectra(y, FrontEnd(n_fft=4096)).power, SR)
    assert set(chroma[2:-2].argmax(axis=1)) == {column}


@pytest.mark.parametrize("t", [1, 10, 42, 43, 200])
def test_folded_constant_q(t: int) -> None:
    C = constant_q(t=t)
    theirs = librosa.feature.chroma_cqt(C=C.T, bins_per_octave=12).T
    np.testing.assert_allclose(harmony.chroma_cqt(C), theirs, atol=1e-6)
    theirs = librosa.feature.chroma_cens(C=C.T, bins_per_octave=12).T
    np.testing.assert_allclose(harmony.chroma_cens(C), theirs, atol=1e-6)


def test_incomplete_octaves_are_folded_too() -> None:
    C = constant_q()[:, :30]
    theirs = librosa.feature.chroma_cqt(C=C.T, bins_per_octave=12).T
    np.testing.assert_allclose(harmony.chroma_cqt(C), theirs, atol=1e-6)


def test_tonnetz_is_librosas() -> None:
    chroma = harmony.chroma_cqt(constant_q())
    theirs = librosa.feature.tonnetz(chroma=chroma.T).T
    np.testing.assert_allclose(harmony.tonnetz(chroma), theirs, atol=1e-6)


def test_silence_gives_zeros() -> None:
    C = np.zeros((50, 84), dtype=np.float32)
    assert not harmony.chroma_cqt(C).any()
    assert not harmony.chroma_cens(C).any()
    assert not harmony.tonnetz(harmony.chroma_cens(C)).any()
    assert not harmony.chroma_stft(np.zeros((4, 1025), dtype=np.float32), SR).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), semitones=st.integers(1, 11))
def test_transposing_rolls_the_columns(seed: int, semitones: int) -> None:
    C = constant_q(seed, t=20)
    C[:, -12:] = 0
    higher = np.roll(C, semitones, axis=1)
    np.testing.assert_allclose(
        harmony.chroma_cqt(higher), np.roll(harmony.chroma_cqt(C), semitones, axis=1), atol=1e-5
    )
    size = np.hypot(*harmony.tonnetz(harmony.chroma_cqt(C)).T[:2])
    moved = np.hypot(*harmony.tonnetz(harmony.chroma_cqt(higher)).T[:2])
    np.testing.assert_allclose(size, moved, atol=1e-5)
