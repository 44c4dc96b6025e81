"""Pictures against SciPy, matplotlib and Pillow."""

from __future__ import annotations

import io
import sys
import warnings

import librosa
import matplotlib as mpl
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import mlab
from PIL import Image

from genrewise.errors import AudioError, MissingExtra, UnknownName
from genrewise.features import pictures
from genrewise.features.frontend import F32

SR = 22050


def test_grey_is_scipys_spectrogram(music: F32) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its window's name changes between versions
        _, _, S = scipy.signal.spectrogram(music, SR)
    np.testing.assert_allclose(pictures._density_db(music, SR, False), 10 * np.log10(S), atol=0.02)


def test_colour_is_matplotlibs_specgram(music: F32) -> None:
    S, _, _ = mlab.specgram(music, NFFT=256, Fs=SR, noverlap=128)
    np.testing.assert_allclose(pictures._density_db(music, SR, True), 10 * np.log10(S), atol=0.02)


def test_colours_are_matplotlibs(music: F32) -> None:
    grey = pictures._resized(pictures._density_db(music, SR, True)[::-1], (90, 60))
    levels = np.rint((grey - grey.min()) * (255 / (grey.max() - grey.min())))
    picture = pictures.picture(music, SR, "colour", (90, 60))
    table = np.asarray(mpl.colormaps["viridis"](np.arange(256), bytes=True)[:, :3])
    assert {tuple(p) for p in picture.reshape(-1, 3)} <= {tuple(p) for p in table}
    order = {tuple(p): i for i, p in enumerate(table)}
    found = np.array([order[tuple(p)] for p in picture.reshape(-1, 3)])
    np.testing.assert_allclose(found, levels.ravel(), atol=1)


def test_mel_is_librosas(music: F32) -> None:
    S = librosa.power_to_db(librosa.feature.melspectrogram(y=music, sr=SR))
    want = np.rint((S[::-1] - S.min()) * (255 / (S.max() - S.min())))
    got = pictures.picture(music, SR, "mel", (S.shape[1], 128))
    assert np.abs(got.astype(float) - want).max() <= 1


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_sizes_change_as_with_pillow(shape: tuple[int, int], size: tuple[int, int]) -> None:
    S = np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)
    want = np.asarray(Image.fromarray(S).resize(size, Image.Resampling.BILINEAR))
    np.testing.assert_allclose(pictures._resized(S, size), want, atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), colours=st.booleans(), seed=st.integers(0)
)
def test_files_hold_the_pixels(height: int, width: int, colours: bool, seed: int) -> None:
    shape = (height, width, 3) if colours else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    file = pictures.png(pixels)
    assert file == pictures.png(pixels.copy())
    image = Image.open(io.BytesIO(file))
    assert image.mode == ("RGB" if colours else "L")
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_pictures_use_all_levels_and_have_the_size(music: F32, kind: pictures.Kind) -> None:
    picture = pictures.picture(music, SR, kind, (100, 64))
    assert picture.shape == ((64, 100, 3) if kind == "colour" else (64, 100))
    assert picture.dtype == np.uint8
    if kind != "colour":
        assert (picture.min(), picture.max()) == (0, 255)


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_low_frequencies_are_at_the_bottom(kind: pictures.Kind) -> None:
    y = np.sin(2 * np.pi * 500 * np.arange(SR) / SR).astype(np.float32)
    picture = pictures.picture(y, SR, kind, (40, 40)).reshape(40, 40, -1)
    rows = picture[..., -1 if kind != "colour" else 1].mean(axis=1)
    assert rows.argmax() > 25


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_silence_is_a_plain_picture(kind: pictures.Kind) -> None:
    picture = pictures.picture(np.zeros(SR, dtype=np.float32), SR, kind, (8, 8))
    assert len(np.unique(picture.reshape(64, -1), axis=0)) == 1


def test_silence_in_the_middle_leaves_the_rest_as_it_was(music: F32) -> None:
    y = music.copy()
    y[30000:50000] = 0
    picture = pictures.picture(y, SR, "grey", (60, 60))
    assert picture[:, 20].max() == 0
    assert picture[:, 40].max() > 150


def test_wrong_kinds_and_too_little_audio_are_refused(music: F32) -> None:
    with pytest.raises(UnknownName, match="Did you mean grey"):
        pictures.picture(music, SR, "gray")  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="255 samples; expected at least 256"):
        pictures.picture(music[:255], SR)
    assert pictures.picture(music[:256], SR).shape == (128, 128)


def test_colours_without_matplotlib_name_the_extra(
    music: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"coloured pictures needs the extra \[train\]"):
        pictures.picture(music, SR, "colour")
