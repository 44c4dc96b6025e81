"""Onsets, tempo and beats, against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.features import rhythm
from genrewise.features.frontend import F32
from genrewise.features.spectral import Spectra

SR = 22050
RATE = SR / 512


def clicks(bpm: float, seconds: float = 12.0, seed: int = 0) -> F32:
    rng = np.random.default_rng(seed)
    y = 0.01 * rng.standard_normal(int(seconds * SR))
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        i = int(start * SR)
        y[i : i + 800] += rng.standard_normal(800) * np.exp(-np.arange(800) / 100)
    return y.astype(np.float32)


@pytest.fixture(scope="module")
def onset(music: F32) -> F32:
    return rhythm.onset_strength(Spectra(music).mel_db)


def test_onsets_are_librosas(music: F32, onset: F32) -> None:
    theirs = librosa.onset.onset_strength(y=music, sr=SR)
    assert onset.shape == theirs.shape
    np.testing.assert_allclose(onset, theirs, atol=2e-3)


def test_onsets_of_one_frame_are_nothing() -> None:
    assert rhythm.onset_strength(np.zeros((1, 128), dtype=np.float32)).tolist() == [0.0]


@pytest.mark.parametrize("win_length", [384, 100, 101])
def test_tempogram_is_librosas(onset: F32, win_length: int) -> None:
    theirs = librosa.feature.tempogram(onset_envelope=onset, sr=SR, win_length=win_length).T
    ours = rhythm.tempogram(onset, win_length)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("bpm", [61, 90, 110, 128, 175])
@pytest.mark.parametrize("seed", [0, 1])
def test_tempo_and_beats_are_librosas(bpm: float, seed: int) -> None:
    onset = rhythm.onset_strength(Spectra(clicks(bpm, seed=seed)).mel_db)
    theirs = float(librosa.feature.tempo(onset_envelope=onset, sr=SR)[0])
    assert rhythm.tempo(onset, RATE) == pytest.approx(theirs)
    tempo, beats = librosa.beat.beat_track(onset_envelope=onset, sr=SR)
    found, ours = rhythm.beat_track(onset, RATE)
    assert found == pytest.approx(float(np.squeeze(tempo)))
    np.testing.assert_array_equal(ours, beats)


def test_beats_fall_on_the_clicks() -> None:
    onset = rhythm.onset_strength(Spectra(clicks(120)).mel_db)
    tempo, beats = rhythm.beat_track(onset, RATE)
    assert tempo == pytest.approx(120, rel=0.04)
    due = np.arange(0.1, 11.9, 0.5)
    nearest = np.abs(beats[:, None] / RATE - due).min(axis=1)
    assert nearest.max() < 0.07


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(3, 500), bpm=st.sampled_from([0.0, 80.0, 140.0]))
def test_beats_of_any_curve_are_librosas(seed: int, n: int, bpm: float) -> None:
    onset = np.random.default_rng(seed).random(n, dtype=np.float32) ** 3
    onset[0] = 0  # as onset_strength gives it; librosa would not read it
    tempo, beats = librosa.beat.beat_track(
        onset_envelope=onset, sr=SR, bpm=np.array([bpm]) if bpm else None
    )
    found, ours = rhythm.beat_track(onset, RATE, bpm)
    assert found == pytest.approx(float(np.squeeze(tempo)))
    np.testing.assert_array_equal(ours, beats)


def test_silence_has_no_beats_and_the_expected_tempo() -> None:
    silent = np.zeros(600, dtype=np.float32)
    assert rhythm.tempo(silent, RATE) == pytest.approx(
        float(librosa.feature.tempo(onset_envelope=silent, sr=SR)[0])
    )
    bpm, beats = rhythm.beat_track(silent, RATE)
    assert (bpm, len(beats)) == (0.0, 0)
    assert not rhythm.tempogram(silent).any()
