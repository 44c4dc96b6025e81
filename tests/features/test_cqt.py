"""The constant-Q transform against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from genrewise.errors import AudioError
from genrewise.features.cqt import cqt
from genrewise.features.frontend import F32
from genrewise.features.harmony import chroma_cens, chroma_cqt


def tones(sr: int, seconds: float = 3.0) -> F32:
    t = np.arange(int(sr * seconds)) / sr
    sweep = np.sin(2 * np.pi * (60 * t + 400 * t**2))
    return (0.3 * sweep + 0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


@pytest.mark.parametrize(
    ("sr", "hop", "tuning"),
    [(22050, 512, 0.0), (22050, 512, 0.23), (44100, 512, -0.4), (48000, 1024, 0.0), (9000, 64, 0)],
)
def test_values_are_librosas(sr: int, hop: int, tuning: float) -> None:
    y = tones(sr)
    theirs = librosa.cqt(y, sr=sr, hop_length=hop, n_bins=84, tuning=tuning).T
    ours = cqt(y, sr, hop, tuning)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.complex64
    # Filters are sparsified by magnitude and that of librosa in single precision.
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())
    np.testing.assert_allclose(
        chroma_cqt(np.abs(ours)),
        librosa.feature.chroma_cqt(C=np.abs(theirs).T, bins_per_octave=12).T,
        atol=2e-3,
    )


def test_smoothed_chroma_is_librosas(music: F32) -> None:
    C = np.abs(librosa.cqt(music, sr=22050, n_bins=84))
    theirs = librosa.feature.chroma_cens(C=C, bins_per_octave=12).T
    ours = chroma_cens(np.abs(cqt(music, 22050)))
    # Quantising makes steps of a quarter out of the last digit; smoothing spreads them.
    assert np.abs(ours - theirs).max() < 0.02
    assert np.abs(ours - theirs).mean() < 1e-3


@pytest.mark.parametrize("note", ["C1", "E2", "A4", "B7"])
def test_a_note_is_loudest_in_its_bin(note: str) -> None:
    freq = float(librosa.note_to_hz(note))
    y = np.sin(2 * np.pi * freq * np.arange(22050 * 3) / 22050).astype(np.float32)
    C = np.abs(cqt(y, 22050))[30:-30]
    assert set(C.argmax(axis=1)) == {librosa.note_to_midi(note) - librosa.note_to_midi("C1")}


def test_short_music_gives_frames() -> None:
    for n in (1, 100, 3000):
        y = tones(22050)[:n]
        assert cqt(y, 22050).shape == (1 + n // 512, 84)


def test_a_low_rate_is_refused_with_the_one_that_is_needed() -> None:
    with pytest.raises(AudioError, match="at 8000 Hz; expected a sample rate of at least 8245 Hz"):
        cqt(tones(8000), 8000)
    assert cqt(tones(8245), 8245).shape[1] == 84
