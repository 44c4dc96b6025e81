"""Medians to the bit; harmonic and percussive parts against librosa."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.errors import RecipeError
from genrewise.features import hpss
from genrewise.features.frontend import F32, FrontEnd
from genrewise.features.spectral import Spectra, stft


def noise(t: int, n: int, seed: int = 0) -> F32:
    # Rounded, so that equal values occur as well.
    return np.random.default_rng(seed).standard_normal((t, n)).astype(np.float32).round(1)


def plain_median(x: F32, size: int) -> F32:
    padded = np.pad(x, ((size // 2, size // 2), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)
    medians: F32 = np.median(windows, axis=-1)
    return medians


@pytest.mark.parametrize("n", range(1, 34))
def test_networks_sort_all_zeros_and_ones(n: int) -> None:
    """The zero-one principle: what sorts these sorts everything."""
    bits = np.random.default_rng(n).integers(0, 2, (min(2**n, 4096), n))
    if n <= 12:
        bits = np.array(list(itertools.product([0, 1], repeat=n)))
    rows = hpss._sorted_rows(list(bits.T.astype(np.float32)))
    np.testing.assert_array_equal(np.array(rows), np.sort(bits.T, axis=0))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 15, 17, 21, 31, 33, 63])
@pytest.mark.parametrize("t", [1, 2, 17, 31, 600])
def test_medians_to_the_bit(t: int, size: int) -> None:
    x = noise(t, 5, seed=size)
    np.testing.assert_array_equal(hpss.median_filter(x, size), plain_median(x, size))


def test_medians_are_scipys_to_the_bit() -> None:
    x = noise(700, 300).T
    theirs = scipy.ndimage.median_filter(x, (31, 1), mode="reflect")
    np.testing.assert_array_equal(hpss.median_filter(x, 31), theirs)


@settings(max_examples=60, deadline=None)
@given(t=st.integers(1, 90), n=st.integers(1, 4), half=st.integers(0, 20), seed=st.integers(0, 9))
def test_medians_of_any_shape(t: int, n: int, half: int, seed: int) -> None:
    x = noise(t, n, seed)
    np.testing.assert_array_equal(
        hpss.median_filter(x, 2 * half + 1), plain_median(x, 2 * half + 1)
    )


def test_even_sizes_are_refused() -> None:
    for size in (0, 2, -1):
        with pytest.raises(RecipeError, match="an odd number above 0"):
            hpss.median_filter(noise(4, 4), size)


def test_mask_is_librosas(music: F32) -> None:
    S = Spectra(music).magnitude
    harmonic, percussive = librosa.decompose.hpss(S.T, mask=True)
    ours = hpss.harmonic_mask(S)
    np.testing.assert_allclose(ours, harmonic.T, atol=1e-5)
    np.testing.assert_allclose(1 - ours, percussive.T, atol=1e-5)


def test_mask_of_silence_is_half() -> None:
    assert np.all(hpss.harmonic_mask(np.zeros((50, 40), dtype=np.float32)) == 0.5)


def test_mask_of_the_faintest_values_is_a_number() -> None:
    faint = np.full((40, 40), np.float32(1e-42))
    np.testing.assert_allclose(hpss.harmonic_mask(faint), 0.5, atol=0.01)


@pytest.mark.parametrize(
    "fe",
    [FrontEnd(), FrontEnd(n_fft=1024, hop_length=300), FrontEnd(win_length=1500, hop_length=400)],
    ids=["2048/512", "1024/300", "1500 of 2048/400"],
)
@pytest.mark.parametrize("n", [20000, 20001, 3000])
def test_inverse_transform_is_librosas_and_gives_the_samples_back(
    music: F32, fe: FrontEnd, n: int
) -> None:
    y = music[:n]
    D = stft(y, fe)
    back = hpss.istft(D, fe, n)
    np.testing.assert_allclose(back, y, atol=2e-6)
    D *= np.linspace(0, 1, D.shape[1], dtype=np.float32)
    theirs = librosa.istft(
        D.T, hop_length=fe.hop_length, win_length=fe.win_length or None, n_fft=fe.n_fft, length=n
    )
    np.testing.assert_allclose(hpss.istft(D, fe, n), theirs, atol=2e-6)


def test_parts_are_librosas(music: F32) -> None:
    harmonic, percussive = hpss.hpss(Spectra(music))
    theirs = librosa.effects.hpss(music)
    np.testing.assert_allclose(harmonic, theirs[0], atol=1e-5)
    np.testing.assert_allclose(percussive, theirs[1], atol=1e-5)
    np.testing.assert_allclose(harmonic + percussive, music, atol=1e-7)


def test_a_tone_is_harmonic_and_a_click_percussive() -> None:
    t = np.arange(22050 * 2) / 22050
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    clicks = np.zeros_like(tone)
    clicks[::5000] = 1
    harmonic, percussive = hpss.hpss(Spectra(tone))
    assert percussive[4096:-4096].var() < 0.01 * harmonic.var()
    harmonic, percussive = hpss.hpss(Spectra(clicks))
    assert harmonic.var() < 0.2 * percussive.var()
