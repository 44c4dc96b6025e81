"""Change of sample rate, whole and as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.audio import Resampler, resample


@given(
    rates=st.sampled_from([(44_100, 22_050), (48_000, 16_000), (8_000, 44_100), (22_050, 16_000)]),
    cuts=st.lists(st.integers(0, 20_000), max_size=6),
)
@settings(max_examples=30, deadline=None)
def test_a_stream_resamples_as_the_whole_does(rates: tuple[int, int], cuts: list[int]) -> None:
    y = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    resampler = Resampler(*rates)
    parts = [resampler.push(part) for part in np.split(y, sorted(cuts))]
    parts.append(resampler.push(np.zeros(0, dtype=np.float32), last=True))
    expected = soxr.resample(y, *rates, quality="HQ")
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)


def test_equal_rates_pass_the_samples_on() -> None:
    y = np.arange(5, dtype=np.float32)
    assert Resampler(8_000, 8_000).push(y) is y
    np.testing.assert_array_equal(resample(y, 8_000, 8_000), y)


def test_resampling_keeps_a_tone(chirp: Any) -> None:
    y = chirp(1.0, 48_000)[:, 0]
    low = resample(y, 48_000, 16_000)
    assert (len(low), low.dtype) == (16_000, np.float32)
    np.testing.assert_allclose(low[200:-200], chirp(1.0, 16_000)[200:-200, 0], atol=2e-3)
