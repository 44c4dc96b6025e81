"""What must hold of features whatever the music is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.features import harmony, hpss, rhythm, shortterm, spectral, summary
from genrewise.features.cqt import cqt
from genrewise.features.frontend import F32, FrontEnd, apply_mel, log_mel, mel_filters
from genrewise.features.spectral import Spectra

SR = 22050
seeds = st.integers(0, 10_000)
gains = st.floats(0.02, 5.0)
some = settings(max_examples=15, deadline=None)


def noise(n: int, seed: int) -> F32:
    rng = np.random.default_rng(seed)
    colour = np.convolve(rng.standard_normal(n), rng.standard_normal(8), mode="same")
    envelope = 0.2 + np.abs(np.sin(np.arange(n) / 3000))
    return (0.1 * colour * envelope).astype(np.float32)


@some
@given(seed=seeds, gain=gains)
def test_a_gain_moves_only_the_levels_of_the_gtzan_columns(seed: int, gain: float) -> None:
    y = noise(20000, seed)
    quiet = summary.gtzan57(y, SR)
    loud = summary.gtzan57(y * np.float32(gain), SR)
    before = dict(zip(quiet.names, quiet.values.tolist(), strict=True))
    after = dict(zip(loud.names, loud.values.tolist(), strict=True))
    for name in ("rms_mean",):
        assert after[name] == pytest.approx(gain * before[name], rel=1e-4)
    for name in ("rms_var", "harmony_var", "perceptr_var"):
        assert after[name] == pytest.approx(gain**2 * before[name], rel=1e-3)
    for name in ("spectral_centroid_mean", "spectral_bandwidth_mean", "zero_crossing_rate_mean"):
        assert after[name] == pytest.approx(before[name], rel=1e-4)
    assert after["chroma_stft_mean"] == pytest.approx(before["chroma_stft_mean"], abs=1e-3)
    assert after["tempo"] == before["tempo"]
    rise = 20 * np.log10(gain) * np.sqrt(128)
    assert after["mfcc1_mean"] - before["mfcc1_mean"] == pytest.approx(rise, abs=0.05)
    assert after["mfcc2_mean"] == pytest.approx(before["mfcc2_mean"], abs=0.01)


@some
@given(seed=seeds, gain=gains)
def test_a_gain_does_not_move_short_term_features(seed: int, gain: float) -> None:
    y = noise(20000, seed)
    np.testing.assert_allclose(
        shortterm.short_term(y * np.float32(gain), SR),
        shortterm.short_term(y, SR),
        rtol=1e-2,
        atol=1e-3,
    )


@some
@given(seed=seeds)
def test_turning_the_sign_moves_nothing(seed: int) -> None:
    y = noise(20000, seed)
    for layout in (summary.fma518, summary.pyaudio136):
        up, down = layout(y, SR), layout(-y, SR)
        np.testing.assert_allclose(up.values, down.values, rtol=2e-2, atol=2e-2)


@some
@given(seed=seeds, frames=st.integers(1, 30))
def test_a_shift_by_whole_frames_shifts_the_spectrum(seed: int, frames: int) -> None:
    y = noise(40000, seed)
    moved = np.concatenate([np.zeros(512 * frames, dtype=np.float32), y])
    a, b = log_mel(y, FrontEnd()), log_mel(moved, FrontEnd())
    inner = slice(2, len(a) - 2)
    np.testing.assert_allclose(b[frames:][inner], a[inner], atol=1e-2)


@some
@given(seed=seeds)
def test_mel_bands_are_sums_of_bins(seed: int) -> None:
    S = np.random.default_rng(seed).random((70, 1025), dtype=np.float32)
    fe = FrontEnd(log="none")
    np.testing.assert_allclose(apply_mel(S, fe), S @ mel_filters(fe), rtol=1e-5)
    np.testing.assert_allclose(
        apply_mel(S[:1] + S[1:2], fe), apply_mel(S[:1], fe) + apply_mel(S[1:2], fe), rtol=1e-5
    )


@some
@given(seed=seeds)
def test_rows_do_not_depend_on_the_rows_about_them(seed: int) -> None:
    S = np.random.default_rng(seed).random((150, 1025), dtype=np.float32)
    one = slice(77, 78)
    for f in (
        lambda x: spectral.spectral_centroid(x, SR),
        lambda x: spectral.spectral_bandwidth(x, SR),
        lambda x: spectral.spectral_rolloff(x, SR),
        spectral.spectral_flatness,
        lambda x: harmony.chroma_stft(x, SR, 0.1),
    ):
        np.testing.assert_allclose(f(S)[one], f(S[one]), rtol=1e-4)


@some
@given(seed=seeds)
def test_centroid_bandwidth_and_rolloff_lie_within_the_spectrum(seed: int) -> None:
    S = np.random.default_rng(seed).random((20, 1025), dtype=np.float32) ** 8
    centroid = spectral.spectral_centroid(S, SR)
    assert np.all((centroid > 0) & (centroid < SR / 2))
    assert np.all(spectral.spectral_bandwidth(S, SR) <= SR / 4 + 1)
    low, high = (spectral.spectral_rolloff(S, SR, share) for share in (0.2, 0.9))
    assert np.all(low <= high)


@some
@given(seed=seeds)
def test_energy_of_the_parts_is_never_above_that_of_the_track_by_much(seed: int) -> None:
    y = noise(20000, seed)
    harmonic, percussive = hpss.hpss(Spectra(y))
    np.testing.assert_allclose(harmonic + percussive, y, atol=1e-6)
    assert harmonic.var() <= y.var() * 1.01
    assert percussive.var() <= y.var() * 1.01


@some
@given(seed=seeds, size=st.sampled_from([3, 9, 31]))
def test_medians_lie_between_the_neighbours(seed: int, size: int) -> None:
    x = np.random.default_rng(seed).standard_normal((60, 8)).astype(np.float32)
    found = hpss.median_filter(x, size)
    assert set(found.ravel().tolist()) <= set(x.ravel().tolist())
    np.testing.assert_array_equal(hpss.median_filter(-x, size), -found)
    np.testing.assert_array_equal(hpss.median_filter(x[::-1], size), found[::-1])
    np.testing.assert_array_equal(hpss.median_filter(x[:, ::-1], size), found[:, ::-1])


@some
@given(seed=seeds, a=st.floats(-2, 2), b=st.floats(-2, 2))
def test_constant_q_is_linear(seed: int, a: float, b: float) -> None:
    x, y = noise(9000, seed), noise(9000, seed + 1)
    mixed = cqt(np.float32(a) * x + np.float32(b) * y, SR)
    apart = np.float32(a) * cqt(x, SR) + np.float32(b) * cqt(y, SR)
    np.testing.assert_allclose(mixed, apart, atol=1e-4)


@some
@given(seed=seeds)
def test_tempograms_are_autocorrelations(seed: int) -> None:
    onset = np.random.default_rng(seed).random(200, dtype=np.float32)
    found = rhythm.tempogram(onset, 64)
    np.testing.assert_allclose(found[:, 0], 1.0, rtol=1e-5)
    assert np.abs(found).max() <= 1 + 1e-5


@some
@given(seed=seeds, gain=gains)
def test_tempo_and_beats_do_not_depend_on_the_level(seed: int, gain: float) -> None:
    onset = np.random.default_rng(seed).random(300, dtype=np.float32) ** 4
    onset[0] = 0
    louder = onset * np.float32(gain)
    assert rhythm.tempo(louder, SR / 512) == rhythm.tempo(onset, SR / 512)
    np.testing.assert_array_equal(
        rhythm.beat_track(louder, SR / 512)[1], rhythm.beat_track(onset, SR / 512)[1]
    )


@some
@given(seed=seeds, bpm=st.floats(60, 200))
def test_beats_rise_and_keep_about_to_the_tempo(seed: int, bpm: float) -> None:
    onset = np.random.default_rng(seed).random(600, dtype=np.float32) ** 4
    onset[0] = 0
    _, beats = rhythm.beat_track(onset, SR / 512, bpm)
    period = round(60 * SR / 512 / bpm)
    steps = np.diff(beats)
    assert np.all(steps >= round(period / 2))
    assert np.all(steps <= 2 * period)


@some
@given(seed=seeds)
def test_chroma_is_between_0_and_1_and_one_class_is_1(seed: int) -> None:
    S = np.random.default_rng(seed).random((30, 1025), dtype=np.float32) ** 6
    chroma = harmony.chroma_stft(S, SR)
    assert chroma.min() >= 0
    np.testing.assert_allclose(chroma.max(axis=1), 1.0, rtol=1e-6)
    assert -0.5 <= harmony.estimate_tuning(S, SR) < 0.5


@some
@given(
    window=st.sampled_from([0.04, 0.05, 0.08]),
    length=st.integers(1, 50),
    hop=st.integers(1, 50),
    seed=seeds,
)
def test_mid_term_means_are_means_of_stretches(
    window: float, length: int, hop: int, seed: int
) -> None:
    features = shortterm.short_term(noise(15000, seed), SR, window, window / 2)
    got = shortterm.mid_term(features, length, hop)
    starts = range(0, len(features), hop)
    means = [features[i : i + length].mean(axis=0) for i in starts]
    stds = [features[i : i + length].std(axis=0) for i in starts]
    np.testing.assert_allclose(got[:68], np.mean(means, axis=0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(got[68:], np.mean(stds, axis=0), rtol=1e-3, atol=1e-5)
