"""Real tracks: features against librosa, and what they must tell of music."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from genrewise.audio import load
from genrewise.features import harmony, hpss, rhythm, spectral, summary
from genrewise.features.cqt import cqt
from genrewise.features.frontend import F32
from genrewise.features.pictures import picture
from genrewise.features.spectral import Spectra

SR = 22050
TRACKS = ("classical/classical.00010", "metal/metal.00007", "hiphop/hiphop.00005")


@pytest.fixture(scope="module", params=TRACKS)
def song(request: pytest.FixtureRequest, shared_data: Path) -> F32:
    return load(shared_data / "gtzan" / f"{request.param}.opus", SR, start=3, duration=6).y


@pytest.fixture(scope="module")
def spectra(song: F32) -> Spectra:
    return Spectra(song)


def test_spectral_features(song: F32, spectra: Spectra) -> None:
    S = spectra.magnitude
    pairs = {
        "centroid": (
            spectral.spectral_centroid(S, SR),
            librosa.feature.spectral_centroid(y=song, sr=SR)[0],
        ),
        "bandwidth": (
            spectral.spectral_bandwidth(S, SR),
            librosa.feature.spectral_bandwidth(y=song, sr=SR)[0],
        ),
        "flatness": (
            spectral.spectral_flatness(spectra.power),
            librosa.feature.spectral_flatness(y=song)[0],
        ),
        "rms": (spectral.rms(song), librosa.feature.rms(y=song)[0]),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, err_msg=name)
    theirs = librosa.feature.spectral_contrast(y=song, sr=SR).T
    # The coder leaves nothing in the top band: its valleys are rounding.
    np.testing.assert_allclose(spectral.spectral_contrast(S, SR)[:, :6], theirs[:, :6], atol=0.05)
    theirs = librosa.feature.mfcc(y=song, sr=SR).T
    np.testing.assert_allclose(spectral.mfcc(spectra.mel_db), theirs, atol=0.05)
    theirs = librosa.feature.spectral_rolloff(y=song, sr=SR)[0]
    assert (np.abs(spectral.spectral_rolloff(S, SR) - theirs) < 1).mean() > 0.98


def test_harmony(song: F32, spectra: Spectra) -> None:
    tuning = librosa.estimate_tuning(S=spectra.power.T, sr=SR)
    assert harmony.estimate_tuning(spectra.power, SR) == pytest.approx(tuning, abs=0.011)
    theirs = librosa.feature.chroma_stft(y=song, sr=SR, tuning=tuning).T
    np.testing.assert_allclose(harmony.chroma_stft(spectra.power, SR, tuning), theirs, atol=1e-3)
    C = np.abs(librosa.cqt(song, sr=SR, n_bins=84)).T
    ours = np.abs(cqt(song, SR))
    np.testing.assert_allclose(ours, C, atol=2e-3 * C.max())
    theirs = librosa.feature.chroma_cqt(C=C.T, bins_per_octave=12).T
    np.testing.assert_allclose(harmony.chroma_cqt(ours), theirs, atol=0.02)
    theirs = librosa.feature.chroma_cens(C=C.T, bins_per_octave=12).T
    assert np.abs(harmony.chroma_cens(ours) - theirs).mean() < 2e-3


def test_harmonic_and_percussive_parts(song: F32, spectra: Spectra) -> None:
    ours, theirs = hpss.hpss(spectra), librosa.effects.hpss(song)
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-5)
    np.testing.assert_allclose(ours[1], theirs[1], atol=2e-5)


def test_rhythm(song: F32, spectra: Spectra) -> None:
    onset = rhythm.onset_strength(spectra.mel_db)
    theirs = librosa.onset.onset_strength(y=song, sr=SR)
    np.testing.assert_allclose(onset, theirs, atol=0.02)
    tempo, beats = librosa.beat.beat_track(onset_envelope=theirs, sr=SR)
    found, ours = rhythm.beat_track(theirs, SR / 512)
    assert found == pytest.approx(float(np.squeeze(tempo)))
    np.testing.assert_array_equal(ours, beats)


def test_layouts_of_the_lossy_copy_are_finite(song: F32) -> None:
    for layout in (summary.gtzan57, summary.fma518, summary.pyaudio136, summary.statistics):
        assert np.isfinite(layout(song, SR).values).all()


def test_pictures_show_something(song: F32) -> None:
    grey = picture(song, SR)
    assert (grey.min(), grey.max()) == (0, 255)
    # Music is louder below than above.
    assert grey[64:].mean() > grey[:64].mean() + 20


def test_classical_music_is_darker_and_quieter_than_metal(shared_data: Path) -> None:
    def column(path: str, name: str) -> float:
        y = load(shared_data / "gtzan" / f"{path}.opus", SR, duration=8).y
        vector = summary.gtzan57(y, SR)
        return float(vector.values[vector.names.index(name)])

    classical, metal = TRACKS[0], TRACKS[1]
    for name in ("rms_mean", "spectral_centroid_mean", "zero_crossing_rate_mean"):
        assert column(classical, name) < column(metal, name), name
