"""Short-term features against pyAudioAnalysis."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from genrewise.errors import AudioError
from genrewise.features import shortterm, summary
from genrewise.features.frontend import F32

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, at import
    from pyAudioAnalysis import MidTermFeatures, ShortTermFeatures

SR = 22050


def theirs(y: F32, sr: int, window: float, step: float) -> tuple[NDArray[np.float64], list[str]]:
    features, names = ShortTermFeatures.feature_extraction(
        y * 2**15, sr, round(sr * window), round(sr * step)
    )
    return features.T, names


@pytest.mark.parametrize("sr", [22050, 44100, 16000, 8000])
@pytest.mark.parametrize(("window", "step"), [(0.05, 0.025), (0.04, 0.04), (0.1, 0.03)])
def test_features_are_theirs(music: F32, sr: int, window: float, step: float) -> None:
    y = music[: 2 * sr]
    want, names = theirs(y, sr, window, step)
    got = shortterm.short_term(y, sr, window, step)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6 * np.abs(want).max())
    assert [f"{n}_mean" for n in names] == list(shortterm.names()[:68])


def test_features_of_silence_within_music_are_theirs(music: F32) -> None:
    y = music[:40000].copy()
    y -= y.mean(dtype=np.float64)
    y[10000:30000] = 0
    y[20000] = 1e-3
    want, _ = theirs(y, SR, 0.05, 0.025)
    got = shortterm.short_term(y, SR)
    # The mean that is taken off leaves a value near zero: shares of next to nothing.
    loud = np.r_[0 : 400 // 25, len(want) - 15 : len(want)]
    np.testing.assert_allclose(got[loud], want[loud], rtol=1e-4, atol=1e-4)
    assert np.isfinite(got).all()


def test_silence_gives_numbers() -> None:
    got = shortterm.short_term(np.zeros(SR, dtype=np.float32), SR)
    want, _ = theirs(np.zeros(SR, dtype=np.float32), SR, 0.05, 0.025)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_blocks_leave_no_seams(music: F32, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shortterm.short_term(music, SR)
    monkeypatch.setattr(shortterm, "_BLOCK", 7)
    np.testing.assert_allclose(shortterm.short_term(music, SR), whole, rtol=1e-6, atol=1e-9)


def test_mid_term_of_the_whole_track(music: F32) -> None:
    features = shortterm.short_term(music, SR)
    got = shortterm.mid_term(features)
    np.testing.assert_allclose(got[:68], features.mean(axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(got[68:], features.std(axis=0), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("window", "step"), [(1.0, 1.0), (2.0, 1.0), (1.5, 0.5)])
def test_mid_term_windows_are_theirs(music: F32, window: float, step: float) -> None:
    want, _, names = MidTermFeatures.mid_feature_extraction(
        music * 2**15, SR, round(window * SR), round(step * SR), round(0.05 * SR), round(0.025 * SR)
    )
    got = summary.pyaudio136(music, SR, mid_window=window, mid_step=step)
    assert list(got.names) == names
    np.testing.assert_allclose(got.values, want.mean(axis=1), rtol=1e-4, atol=1e-6)


def test_what_is_too_short_or_too_low_is_refused(music: F32) -> None:
    with pytest.raises(AudioError, match=r"0\.045 s; expected at least 0\.05 s"):
        shortterm.short_term(music[:1000], SR)
    with pytest.raises(AudioError, match="at 6000 Hz; expected more than 6854 Hz"):
        shortterm.short_term(music, 6000)
    with pytest.raises(AudioError, match="expected longer frames"):
        shortterm.short_term(music, SR, 0.005, 0.005)
    assert shortterm.short_term(music[: SR // 20 + 1], SR).shape == (1, 68)
