"""Augmented samples: each kind does what it says, by as much as it says."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate, sosfreqz, welch

from genrewise.errors import UnknownName
from genrewise.features.frontend import FrontEnd, log_mel
from genrewise.training.augment import WAVEFORM_KINDS, waveform
from genrewise.training.augment.vocoder import stretched
from genrewise.training.augment.waveform import CHANGES, transform
from genrewise.training.datasets.synthetic import STYLES, artist, render

F32 = NDArray[np.float32]
SR = 22050


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sine(hz: float, seconds: float = 3.0, sr: int = SR) -> F32:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(int(seconds * sr)) / sr)).astype(np.float32)


def white(seconds: float = 4.0, seed: int = 1) -> F32:
    return rng(seed).normal(0, 0.1, int(seconds * SR)).astype(np.float32)


@pytest.fixture(scope="module")
def music() -> F32:
    generator = rng(4)
    style = next(iter(STYLES.values()))
    return np.asarray(render(artist(style, generator), 6.0, generator), dtype=np.float32)


def pitch(y: F32, sr: int = SR) -> float:
    """Frequency of the strongest tone in Hz, away from the ends."""
    middle = y[len(y) // 8 : -len(y) // 8] * np.hanning(len(y[len(y) // 8 : -len(y) // 8]))
    S = np.abs(np.fft.rfft(middle, 2**19))
    return float(S.argmax() * sr / 2**19)


def power(y: F32) -> float:
    return float(np.mean(np.square(y, dtype=np.float64)))


def decibels(ratio: float) -> float:
    return 10 * math.log10(ratio)


def draws(kind: str, y: F32, n: int = 40, sr: int = SR) -> list[F32]:
    return [transform([kind], y, sr, rng(seed)) for seed in range(n)]


def test_every_name_has_one_place() -> None:
    assert set(CHANGES) == set(WAVEFORM_KINDS)


def test_a_kind_that_there_is_none_of() -> None:
    with pytest.raises(UnknownName, match="Did you mean time-stretch"):
        transform(["time-strech"], white(), SR, rng())


@pytest.mark.parametrize("kind", WAVEFORM_KINDS)
@given(
    n=st.integers(1, 6000),
    seed=st.integers(0, 200),
    sr=st.sampled_from([8000, 22050, 44100, 37800]),
    level=st.sampled_from([0.0, 1e-6, 0.3, 3.0]),
)
@settings(max_examples=15, deadline=None)
def test_what_comes_out_are_samples(kind: str, n: int, seed: int, sr: int, level: float) -> None:
    y = (level * rng(seed).uniform(-1, 1, n)).astype(np.float32)
    before = y.copy()
    out = transform([kind], y, sr, rng(seed))
    np.testing.assert_array_equal(y, before)
    assert out.dtype == np.float32
    assert out.ndim == 1
    assert len(out) >= 1
    assert np.isfinite(out).all()
    if not level and kind != "codec":
        assert not out.any()
    if kind not in ("random-crop", "time-stretch"):
        assert len(out) == n
    np.testing.assert_array_equal(out, transform([kind], y, sr, rng(seed)))


def test_all_kinds_together(music: F32) -> None:
    out = transform(WAVEFORM_KINDS, music, SR, rng(2))
    assert np.isfinite(out).all()
    assert 0.65 < len(out) / len(music) < 1.2
    np.testing.assert_array_equal(out, transform(WAVEFORM_KINDS[::-1], music, SR, rng(2)))
    assert not np.array_equal(out, transform(WAVEFORM_KINDS, music, SR, rng(3)))


def test_no_kinds_change_nothing(music: F32) -> None:
    assert transform([], music, SR, rng()) is music


def test_gain_is_one_factor_within_its_bounds() -> None:
    y = white(0.1)
    found = []
    for out in draws("gain", y, 100):
        ratio = out / y
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
        found.append(2 * decibels(float(ratio[0])))
    assert -12 <= min(found) < -10.5
    assert 4.5 < max(found) <= 6


def test_noise_lies_as_far_below_the_music_as_was_drawn(music: F32) -> None:
    found = [decibels(power(music) / power(out - music)) for out in draws("noise", music, 60)]
    assert 14.9 <= min(found) < 19
    assert 36 < max(found) <= 40.1


def test_noise_is_white_or_pink(music: F32) -> None:
    slopes = []
    for out in draws("noise", music, 30):
        frequency, S = welch((out - music).astype(np.float64), SR, nperseg=4096)
        band = (frequency > 60) & (frequency < 9000)
        slopes.append(np.polyfit(np.log10(frequency[band]), 10 * np.log10(S[band]), 1)[0])
    # Decibels a decade: none for white noise, ten for pink.
    is_pink = np.array(slopes) < -5
    assert 5 < is_pink.sum() < 25
    np.testing.assert_allclose(np.array(slopes)[is_pink], -10, atol=0.7)
    np.testing.assert_allclose(np.array(slopes)[~is_pink], 0, atol=0.7)


def response(sections: NDArray[np.float64], hz: float, sr: int = SR) -> float:
    """Gain in dB at a frequency."""
    _, H = sosfreqz(np.atleast_2d(sections), worN=[2 * np.pi * hz / sr])
    return float(20 * np.log10(np.abs(H[0])))


@given(st.floats(60, 8000), st.floats(-12, 12), st.floats(0.4, 4), st.sampled_from([22050, 44100]))
def test_a_peak_raises_its_middle_and_nothing_far_off(
    hz: float, gain: float, quality: float, sr: int
) -> None:
    section = waveform._peak(hz, sr, gain, quality)
    assert response(section, hz, sr) == pytest.approx(gain, abs=1e-6)
    assert response(section, 1e-3, sr) == pytest.approx(0, abs=1e-3)
    assert response(section, sr / 2 - 1e-3, sr) == pytest.approx(0, abs=1e-3)


@given(st.floats(60, 8000), st.floats(-12, 12), st.booleans())
def test_a_shelf_raises_one_side_and_half_of_it_at_the_corner(
    hz: float, gain: float, high: bool
) -> None:
    section = waveform._shelf(hz, SR, gain, high)
    low_end, high_end = response(section, 1e-3), response(section, SR / 2 - 1e-3)
    assert low_end == pytest.approx(0 if high else gain, abs=1e-3)
    assert high_end == pytest.approx(gain if high else 0, abs=1e-3)
    assert response(section, hz) == pytest.approx(gain / 2, abs=1e-6)
    # Poles inside the unit circle.
    assert np.abs(np.roots(section[3:])).max() < 1


def test_the_equaliser_changes_the_colour_smoothly() -> None:
    y = white(8.0)
    found = []
    for out in draws("eq", y, 30):
        frequency, ours = welch(out.astype(np.float64), SR, nperseg=1024)
        _, before = welch(y.astype(np.float64), SR, nperseg=1024)
        curve = 10 * np.log10(ours[1:] / before[1:])
        found.append(curve)
        assert np.abs(curve).max() < 17
        assert np.abs(np.diff(curve[frequency[1:] > 500])).max() < 1.5
    ends = np.array(found)
    assert ends[:, 0].std() > 2
    assert ends[:, -1].std() > 2


def test_a_band_leaves_the_middle() -> None:
    for out in draws("band-limit", white(8.0), 20):
        frequency, S = welch(out.astype(np.float64), SR, nperseg=8192)
        _, before = welch(white(8.0).astype(np.float64), SR, nperseg=8192)
        curve = 10 * np.log10(S / before)
        middle = curve[(frequency > 600) & (frequency < 1500)]
        assert abs(float(middle.mean())) < 0.3
        assert curve[frequency < 8].mean() < -6
        assert curve[-3:].mean() < -6


def test_a_band_at_a_low_rate() -> None:
    y = white(1.0)
    for out in draws("band-limit", y, 20, sr=4000):
        assert 0 < power(out) < power(y)
    for out in draws("eq", y, 20, sr=4000):
        assert np.isfinite(out).all()


def test_a_crop_is_a_piece_of_the_music_in_one() -> None:
    y = np.arange(10_000, dtype=np.float32)
    starts, stops = [], []
    for out in draws("random-crop", y, 200):
        np.testing.assert_array_equal(np.diff(out), 1)
        starts.append(out[0])
        stops.append(9_999 - out[-1])
    for missing in (starts, stops):
        assert 0 <= min(missing) < 60
        assert 940 < max(missing) <= 1000
    assert abs(np.corrcoef(starts, stops)[0, 1]) < 0.25


@pytest.mark.parametrize("sr", [11025, 22050, 44100, 48000])
@pytest.mark.parametrize("hz", [80.0, 440.0, 3000.0])
def test_a_sine_keeps_its_pitch_and_level_when_stretched(hz: float, sr: int) -> None:
    y = sine(hz, 2.0, sr)
    for speed in (0.85, 0.97, 1.0, 1.08, 1.15):
        out = stretched(y, sr, speed)
        assert len(out) == round(len(y) / speed)
        assert pitch(out, sr) == pytest.approx(hz, rel=0.01)
        middle = out[sr // 4 : -sr // 4]
        assert decibels(power(middle) / 0.08) == pytest.approx(0, abs=0.1)


def test_a_song_at_its_own_speed_is_the_song(music: F32) -> None:
    out = stretched(music, SR, 1.0)
    inside = slice(0, len(music) - 2048)
    np.testing.assert_allclose(out[inside], music[inside], atol=1e-4)


def test_a_stretched_song_sounds_as_the_song_does_at_another_time(music: F32) -> None:
    """librosa's vocoder, without locked phases, is 3 dB down here and 3.5 dB off a cell."""
    frontend = FrontEnd()
    before = log_mel(music, frontend)
    for speed in (0.87, 1.13):
        after = log_mel(stretched(music, SR, speed), frontend)[8:-8]
        at = np.arange(8, 8 + len(after)) * speed
        first, part = at.astype(int), (at % 1)[:, None]
        due = (1 - part) * before[first] + part * before[first + 1]
        assert np.corrcoef(after.ravel(), due.ravel())[0, 1] > 0.985
        assert abs(float(np.median(after - due))) < 0.7
        assert np.abs(after - due).mean() < 1.5


def test_beats_come_sooner_in_proportion() -> None:
    y = 0.001 * white(6.0)
    beats = np.arange(0.5, 6.0, 0.5)
    for at in beats:
        y[int(at * SR) : int(at * SR) + 200] += 0.5
    for speed in (0.85, 1.15):
        out = np.abs(stretched(y, SR, speed))
        for at in beats:
            due = int(at / speed * SR)
            near = out[max(0, due - 4000) : due + 4000]
            assert abs(int(near.argmax()) + max(0, due - 4000) - due) < 0.03 * SR


def test_long_music_is_stretched_as_short_music_is(monkeypatch: pytest.MonkeyPatch) -> None:
    y = white(3.0)
    whole = stretched(y, SR, 0.9)
    monkeypatch.setattr("genrewise.training.augment.vocoder.BLOCK", 7)
    np.testing.assert_allclose(stretched(y, SR, 0.9), whole, atol=1e-4)


def test_time_stretch_stays_within_its_bounds() -> None:
    y = white(0.5)
    speeds = [len(y) / len(out) for out in draws("time-stretch", y, 80)]
    assert 0.849 < min(speeds) < 0.87
    assert 1.13 < max(speeds) < 1.151


@pytest.mark.parametrize("sr", [22050, 44100])
def test_the_pitch_of_a_sine_moves_by_up_to_two_semitones(sr: int) -> None:
    y = sine(440.0, 1.5, sr)
    found = []
    for seed in range(12):
        out = transform(["pitch-shift"], y, sr, rng(seed))
        due = 440.0 * 2 ** (rng(seed).uniform(-2, 2) / 12)
        assert len(out) == len(y)
        assert pitch(out, sr) == pytest.approx(due, rel=0.01)
        middle = out[sr // 4 : -sr // 4]
        assert decibels(power(middle) / 0.08) == pytest.approx(0, abs=0.1)
        found.append(due)
    assert min(found) < 440 < max(found)


@pytest.mark.parametrize("sr", [22050, 44100, 37800])
def test_a_codec_keeps_time_and_most_of_the_sound(music: F32, sr: int) -> None:
    differences = []
    for out in draws("codec", music, 8, sr):
        assert not np.array_equal(out, music)
        lag = correlate(out, music, "full", "fft").argmax() - (len(music) - 1)
        assert abs(lag) <= 1
        differences.append(decibels(power(music) / power(out - music)))
    assert min(differences) > 5
    assert np.ptp(differences) > 1


def test_a_codec_does_not_clip(music: F32) -> None:
    loud = music * np.float32(3.0 / np.abs(music).max())
    for out in draws("codec", loud, 4):
        assert 2.0 < np.abs(out).max() < 4.5


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_kind_draws_from_the_generator_alone(change: Callable[..., F32], music: F32) -> None:
    np.random.seed(0)  # noqa: NPY002 - nothing may depend on it
    one = change(music, SR, rng(8))
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(one, change(music, SR, rng(8)))
    assert any(not np.array_equal(one, change(music, SR, rng(s))) for s in (9, 10, 11))
