"""What is read off spectra, against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.errors import AudioError
from genrewise.features import spectral
from genrewise.features.frontend import F32, FrontEnd
from genrewise.features.spectral import Spectra

SR = 22050
RATES = [22050, 44100, 16000]


@pytest.fixture(scope="module")
def spectra(music: F32) -> Spectra:
    return Spectra(music)


@pytest.mark.parametrize(
    "fe",
    [
        FrontEnd(),
        FrontEnd(n_fft=1024, hop_length=300, win_length=800, pad_mode="reflect"),
        FrontEnd(n_fft=512, hop_length=512, center=False),
    ],
    ids=["2048", "1024 reflect", "512 not centred"],
)
def test_stft_is_librosas(music: F32, fe: FrontEnd) -> None:
    theirs = librosa.stft(
        music, n_fft=fe.n_fft, hop_length=fe.hop_length, win_length=fe.win_length or None,
        center=fe.center, pad_mode=fe.pad_mode,
    ).T  # fmt: skip
    ours = spectral.stft(music, fe)
    assert ours.dtype == np.complex64
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_power_magnitude_and_transform_are_one(spectra: Spectra) -> None:
    np.testing.assert_allclose(spectra.magnitude, np.abs(spectra.complex), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(spectra.power, spectra.magnitude**2, rtol=1e-5, atol=1e-12)
    assert spectra.power is spectra.power


def test_mel_spectrum_and_mfcc(music: F32, spectra: Spectra) -> None:
    theirs = librosa.power_to_db(librosa.feature.melspectrogram(y=music, sr=SR))
    np.testing.assert_allclose(spectra.mel_db, theirs.T, atol=2e-3)
    theirs = librosa.feature.mfcc(y=music, sr=SR, n_mfcc=20)
    np.testing.assert_allclose(spectral.mfcc(spectra.mel_db), theirs.T, atol=5e-3)


def test_mel_spectrum_does_not_depend_on_the_power_of_the_front_end(music: F32) -> None:
    other = Spectra(music, FrontEnd(power=1.0, log="log1e4"))
    np.testing.assert_array_equal(other.mel_db, Spectra(music).mel_db)


@pytest.mark.parametrize("sr", RATES)
def test_centroid_and_bandwidth(spectra: Spectra, sr: int) -> None:
    S = spectra.magnitude
    theirs = librosa.feature.spectral_centroid(S=S.T, sr=sr)[0]
    np.testing.assert_allclose(spectral.spectral_centroid(S, sr), theirs, rtol=1e-5)
    theirs = librosa.feature.spectral_bandwidth(S=S.T, sr=sr)[0]
    np.testing.assert_allclose(spectral.spectral_bandwidth(S, sr), theirs, rtol=1e-4)


def test_bandwidth_of_a_narrow_line_far_up_keeps_its_digits() -> None:
    S = np.zeros((2, 1025), dtype=np.float32)
    S[0, 999:1002] = [1, 2, 1]
    S[1, 1000] = 1
    theirs = librosa.feature.spectral_bandwidth(S=S.T, sr=SR)[0]
    np.testing.assert_allclose(spectral.spectral_bandwidth(S, SR), theirs, rtol=1e-6, atol=1e-2)


@pytest.mark.parametrize("share", [0.85, 0.5, 0.99])
def test_rolloff(spectra: Spectra, share: float) -> None:
    theirs = librosa.feature.spectral_rolloff(S=spectra.magnitude.T, sr=SR, roll_percent=share)[0]
    ours = spectral.spectral_rolloff(spectra.magnitude, SR, share)
    # The sums are rounded in another order: a frame may fall one bin beside.
    assert np.abs(ours - theirs).max() <= SR / 2048 + 0.01
    assert (np.abs(ours - theirs) < 0.01).mean() > 0.98


def test_flatness(music: F32, spectra: Spectra) -> None:
    theirs = librosa.feature.spectral_flatness(y=music)[0]
    np.testing.assert_allclose(spectral.spectral_flatness(spectra.power), theirs, rtol=1e-3)


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize("n_bands", [3, 6])
def test_contrast(spectra: Spectra, sr: int, n_bands: int) -> None:
    S = spectra.magnitude
    if sr < 200 * 2**n_bands:
        pytest.skip("above the Nyquist frequency")
    theirs = librosa.feature.spectral_contrast(S=S.T, sr=sr, n_bands=n_bands)
    ours = spectral.spectral_contrast(S, sr, n_bands=n_bands)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-3)


def test_contrast_says_which_rate_it_needs(spectra: Spectra) -> None:
    with pytest.raises(AudioError, match="8000 Hz; expected a sample rate above 12800 Hz"):
        spectral.spectral_contrast(spectra.magnitude, 8000)


@pytest.mark.parametrize(("frame", "hop"), [(2048, 512), (1000, 300), (512, 512), (2048, 1024)])
def test_rms_and_zero_crossings(music: F32, frame: int, hop: int) -> None:
    theirs = librosa.feature.rms(y=music, frame_length=frame, hop_length=hop)[0]
    np.testing.assert_allclose(spectral.rms(music, frame, hop), theirs, rtol=1e-5, atol=1e-7)
    theirs = librosa.feature.zero_crossing_rate(music, frame_length=frame, hop_length=hop)[0]
    np.testing.assert_allclose(spectral.zero_crossing_rate(music, frame, hop), theirs, atol=1e-7)


def test_values_about_zero_are_no_crossings() -> None:
    y = np.array([1e-11, -1e-11, 0.0, -0.0] * 1000, dtype=np.float32)
    assert spectral.zero_crossing_rate(y).max() == 0
    theirs = librosa.feature.zero_crossing_rate(y)[0]
    np.testing.assert_array_equal(spectral.zero_crossing_rate(y), theirs)


def test_silence_gives_numbers() -> None:
    spectra = Spectra(np.zeros(5000, dtype=np.float32))
    S = spectra.magnitude
    assert spectral.spectral_centroid(S, SR).max() == 0
    assert spectral.spectral_bandwidth(S, SR).max() == 0
    assert spectral.spectral_rolloff(S, SR).max() == 0
    np.testing.assert_allclose(spectral.spectral_flatness(spectra.power), 1.0, rtol=1e-6)
    assert spectral.spectral_contrast(S, SR).max() == 0
    assert spectral.rms(spectra.y).max() == 0
    np.testing.assert_allclose(spectra.mel_db, -100.0, rtol=1e-6)


def test_no_samples_are_refused_in_one_line() -> None:
    with pytest.raises(AudioError, match="0 samples; expected at least one sample"):
        Spectra(np.zeros(0, dtype=np.float32))


def test_decibels_are_cut_off_below_the_maximum() -> None:
    S = np.array([1e3, 1.0, 1e-9, 0.0], dtype=np.float32)
    np.testing.assert_allclose(spectral.decibels(S), [30, 0, -50, -50], atol=1e-4)
    np.testing.assert_allclose(spectral.decibels(S, 200), [30, 0, -90, -100], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(gain=st.floats(0.01, 100), seed=st.integers(0, 50))
def test_a_gain_changes_levels_but_no_shapes(gain: float, seed: int) -> None:
    S = np.random.default_rng(seed).random((6, 1025), dtype=np.float32) + np.float32(0.01)
    louder = S * np.float32(gain)
    for f in (spectral.spectral_centroid, spectral.spectral_bandwidth):
        np.testing.assert_allclose(f(louder, SR), f(S, SR), rtol=1e-4)
    rise = spectral.decibels(louder) - spectral.decibels(S)
    np.testing.assert_allclose(rise, 10 * np.log10(gain), atol=1e-3)
    np.testing.assert_allclose(
        spectral.spectral_contrast(louder, SR), spectral.spectral_contrast(S, SR), atol=1e-3
    )


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 3000), hop=st.integers(1, 700))
def test_every_length_gives_the_frames_librosa_gives(n: int, hop: int) -> None:
    y = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    assert len(spectral.rms(y, 1024, hop)) == 1 + n // hop
    assert len(spectral.zero_crossing_rate(y, 1024, hop)) == 1 + n // hop
    theirs = librosa.feature.rms(y=y, frame_length=1024, hop_length=hop)[0]
    np.testing.assert_allclose(spectral.rms(y, 1024, hop), theirs, rtol=1e-4)
