"""Our statistics of a window: what each value measures, and what must not change it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.features.frontend import Framer, apply_mel, power_frames
from genrewise.features.statistics import (
    FRONTEND,
    N_FRAME_FEATURES,
    N_MELS,
    names,
    statistics_frames,
    window_statistics,
)

F32 = NDArray[np.float32]
SR = FRONTEND.sr


def rows(y: F32) -> F32:
    return statistics_frames(Framer(FRONTEND).push(y.astype(np.float32), last=True))


def sine(frequency: float, seconds: float = 3.0, level: float = 0.3) -> F32:
    t = np.arange(round(seconds * SR)) / SR
    return (level * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def noise(seconds: float = 3.0, seed: int = 0) -> F32:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.3, 0.3, round(seconds * SR)).astype(np.float32)


def inner(y: F32) -> F32:
    """Frames that lie wholly within the sound."""
    return rows(y)[2:-2]


def value(x: F32, name: str) -> float:
    return float(window_statistics(x)[names().index(name)])


# -------------------------------------------------------------------- of a frame


def test_a_frame_begins_with_its_log_mel_bands() -> None:
    frames = Framer(FRONTEND).push(noise(), last=True)
    expected = apply_mel(power_frames(frames, FRONTEND), FRONTEND)
    np.testing.assert_array_equal(statistics_frames(frames)[:, :N_MELS], expected)


@pytest.mark.parametrize(
    ("frequency", "pitch"), [(440.0, 0), (880.0, 0), (261.63, 3), (329.63, 7), (1864.66, 1)]
)
def test_a_note_shows_in_its_pitch_class(frequency: float, pitch: int) -> None:
    chroma = inner(sine(frequency))[:, N_MELS : N_MELS + 12]
    assert (chroma.argmax(axis=1) == pitch).all()
    assert chroma.max() == pytest.approx(1.0, abs=1e-4)
    assert chroma.min() >= 0.0


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 4000.0])
def test_the_centroid_of_a_sine_is_its_frequency(frequency: float) -> None:
    centroid, bandwidth = inner(sine(frequency))[:, N_MELS + 12 : N_MELS + 14].T
    assert np.expm1(centroid) == pytest.approx(frequency / 1000, rel=0.01)
    assert np.expm1(bandwidth).max() < 0.03


def test_the_bandwidth_of_white_noise_is_that_of_an_even_spread() -> None:
    half = SR / 2000
    centroid, bandwidth = inner(noise(10.0))[:, N_MELS + 12 : N_MELS + 14].T
    assert np.expm1(centroid).mean() == pytest.approx(half / 2, rel=0.02)
    assert np.expm1(bandwidth).mean() == pytest.approx(half / np.sqrt(12), rel=0.02)


@pytest.mark.parametrize("frequency", [100.0, 441.0, 3000.0])
def test_the_zero_crossings_of_a_sine(frequency: float) -> None:
    zcr = inner(sine(frequency))[:, N_MELS + 15] ** 2
    assert zcr.mean() == pytest.approx(2 * frequency / SR, rel=0.03)


def test_the_roll_off_rises_with_the_pitch() -> None:
    low, high = (inner(sine(f))[:, N_MELS + 14].mean() for f in (200.0, 6000.0))
    assert 0.0 <= low < 0.1
    assert 0.8 < high <= 1.0


def test_every_frame_is_by_itself() -> None:
    """Blocks of frames are for speed and must not show."""
    frames = Framer(FRONTEND).push(noise(20.0), last=True)
    whole = statistics_frames(frames)
    single = np.concatenate([statistics_frames(frames[i : i + 1]) for i in range(0, 400, 37)])
    np.testing.assert_allclose(single, whole[0:400:37], rtol=1e-4, atol=2e-4)
    assert statistics_frames(frames[:0]).shape == (0, N_FRAME_FEATURES)


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_a_stream_gives_the_frames_of_the_whole(sizes: list[int]) -> None:
    y = noise(2.5)
    framer = Framer(FRONTEND)
    edges = [0, *(int(e) for e in np.cumsum(sizes) if e < len(y)), len(y)]
    parts = [statistics_frames(framer.push(y[a:b])) for a, b in itertools.pairwise(edges)]
    parts.append(statistics_frames(framer.push(y[:0], last=True)))
    np.testing.assert_allclose(np.concatenate(parts), rows(y), rtol=1e-4, atol=2e-4)


# ------------------------------------------------------------------- of a window


def test_there_are_as_many_names_as_values() -> None:
    assert len(names()) == len(set(names())) == len(window_statistics(rows(noise())))
    assert window_statistics(rows(noise())).dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 3, 5, 127, 128, 129, 192, 400])
def test_windows_of_any_length(n: int) -> None:
    found = window_statistics(rows(noise(20.0))[:n])
    assert found.shape == (len(names()),)
    assert np.isfinite(found).all()


def test_summaries_of_a_row_against_numpy() -> None:
    x = rows(noise(8.0, seed=3) * np.linspace(0.1, 1, 8 * SR, dtype=np.float32))
    zcr = x[:, N_MELS + 15]
    ordered = np.sort(zcr)
    last = len(zcr) - 1
    expected = {
        "mean": zcr.mean(),
        "std": zcr.std(),
        "move": np.abs(np.diff(zcr)).mean(),
        "p10": ordered[round(0.1 * last)],
        "p90": ordered[round(0.9 * last)],
    }
    for kind, number in expected.items():
        assert value(x, f"spectral_zcr_{kind}") == pytest.approx(number, rel=1e-5)


def test_cepstra_against_scipy() -> None:
    from scipy.fft import dct

    x = rows(noise(4.0))
    mel = x[:, :N_MELS] - x[:, :N_MELS].mean()
    mfcc = dct(mel, norm="ortho", axis=1)[:, :20]
    for i in (0, 1, 7, 19):
        assert value(x, f"mfcc{i + 1}_mean") == pytest.approx(mfcc[:, i].mean(), abs=1e-3)
        assert value(x, f"mfcc{i + 1}_std") == pytest.approx(mfcc[:, i].std(), rel=1e-4)
        assert value(x, f"mfcc{i + 1}_delta1") == pytest.approx(np.diff(mfcc[:, i]).std(), rel=1e-4)
        assert value(x, f"mfcc{i + 1}_delta2") == pytest.approx(
            (mfcc[2:, i] - mfcc[:-2, i]).std(), rel=1e-4
        )
    # 1e-3 steadies the deviation of a coefficient that never moves.
    expected = np.cov(mfcc[:, 2], mfcc[:, 5], bias=True)
    correlation = expected[0, 1] / np.sqrt((expected[0, 0] + 1e-3) * (expected[1, 1] + 1e-3))
    assert value(x, "mfcc3_6_corr") == pytest.approx(correlation, abs=1e-4)


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0, 100.0])
def test_a_gain_changes_nothing(gain: float) -> None:
    y = noise(6.0) * (0.6 + 0.4 * sine(2.0, 6.0, 1.0))
    plain, louder = window_statistics(rows(y)), window_statistics(rows(y * np.float32(gain)))
    np.testing.assert_allclose(louder, plain, rtol=2e-3, atol=2e-3)


def test_the_order_of_the_frames_counts_only_where_it_should() -> None:
    x = rows(noise(6.0) * (0.6 + 0.4 * sine(2.0, 6.0, 1.0)))
    shuffled = x[np.random.default_rng(0).permutation(len(x))]
    a, b = window_statistics(x), window_statistics(shuffled)
    still = [i for i, n in enumerate(names()) if n.endswith(("_mean", "_std", "_p10", "_p90"))]
    still = [i for i in still if not names()[i].startswith("flux")]
    np.testing.assert_allclose(a[still], b[still], rtol=1e-3, atol=1e-3)
    moving = [i for i, n in enumerate(names()) if n.startswith("modulation")]
    assert np.abs(a[moving] - b[moving]).max() > 0.5


@pytest.mark.parametrize(("rate", "bin_"), [(0.5, 1), (2.0, 4), (4.0, 6)])
def test_a_beat_shows_in_its_modulation_bin(rate: float, bin_: int) -> None:
    """Bins of 0.17 Hz: 2–3, 4–5, 6–8, 9–12, 13–17, 18–24, 25–35, …"""
    t = np.arange(20 * SR) / SR
    y = noise(20.0) * (0.55 + 0.45 * np.sin(2 * np.pi * rate * t)).astype(np.float32)
    found = window_statistics(rows(y))
    by_bin = [
        np.mean([found[i] for i, n in enumerate(names()) if n.startswith(f"modulation{m}_")])
        for m in range(1, 10)
    ]
    assert int(np.argmax(by_bin)) + 1 == bin_


def test_silence_has_no_movement() -> None:
    found = window_statistics(rows(np.zeros(3 * SR, dtype=np.float32)))
    assert np.isfinite(found).all()
    still = [i for i, n in enumerate(names()) if n.endswith(("_std", "_move")) or "flux" in n]
    assert np.abs(found[still]).max() < 1e-6


@given(st.integers(0, 2**31), st.integers(1, 300))
@settings(max_examples=20, deadline=None)
def test_any_finite_rows_give_finite_values(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 30, (n, N_FRAME_FEATURES)).astype(np.float32)
    assert np.isfinite(window_statistics(x)).all()


def test_a_window_does_not_change_its_rows() -> None:
    x = rows(noise(3.0))
    before = x.copy()
    window_statistics(x)
    np.testing.assert_array_equal(x, before)


def test_the_front_end_stays_what_the_models_learned_with() -> None:
    assert FRONTEND.fingerprint() == "6c86be4e7a8f"
    assert len(names()) == 648
