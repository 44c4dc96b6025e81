"""Windows: laid without gaps, ended by their rule, found again in frames."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genrewise.errors import RecipeError
from genrewise.windows import Span, WindowRule, covered, frame_slice, levels_db, spans, spread

TAILS = st.sampled_from(["shift", "pad", "drop"])
SECONDS = st.floats(0.1, 3 * 3600)  # to three hours
LENGTHS = st.floats(0.5, 60)


def pairs(seconds: float, rule: WindowRule) -> list[tuple[float, float]]:
    return [(s.start, s.stop) for s in spans(seconds, rule)]


@pytest.mark.parametrize(
    ("seconds", "rule", "expected"),
    [
        (30.0, WindowRule(10.0, 5.0), [(0, 10), (5, 15), (10, 20), (15, 25), (20, 30)]),
        (12.0, WindowRule(5.0, 5.0), [(0, 5), (5, 10), (7, 12)]),
        (12.0, WindowRule(5.0, 5.0, "pad"), [(0, 5), (5, 10), (10, 12)]),
        (12.0, WindowRule(5.0, 5.0, "drop"), [(0, 5), (5, 10)]),
        (12.0, WindowRule(10.0, 5.0, "pad"), [(0, 10), (5, 12)]),
        (11.0, WindowRule(5.0, 5.0), [(0, 5), (5, 10)]),  # a fifth of a hop is left out
        (11.0, WindowRule(5.0, 5.0, "pad"), [(0, 5), (5, 11)]),  # or goes with the last
        (11.0, WindowRule(10.0, 5.0, "pad"), [(0, 11)]),
        (11.26, WindowRule(5.0, 5.0), [(0, 5), (5, 10), (6.26, 11.26)]),
        (3.0, WindowRule(5.0, 5.0, "drop"), [(0, 3)]),
        (5.0, WindowRule(5.0, 5.0), [(0, 5)]),
        (0.1, WindowRule(5.0, 1.0), [(0, 0.1)]),
        (38.0, WindowRule(5.0, 30.0), [(0, 5), (30, 35), (33, 38)]),  # a hop that skips
        (50.0, WindowRule(5.0, 30.0, "pad"), [(0, 5), (30, 35)]),
        (0.0, WindowRule(), []),
    ],
)
def test_where_windows_lie(
    seconds: float, rule: WindowRule, expected: list[tuple[float, float]]
) -> None:
    assert pairs(seconds, rule) == [(pytest.approx(a), pytest.approx(b)) for a, b in expected]


def test_thirty_seconds_less_a_sample_are_thirty_seconds() -> None:
    seconds = 30.0 - 1e-7
    found = spans(seconds, WindowRule(10.0, 5.0))
    assert len(found) == 5
    assert found[-1].stop == seconds


@settings(deadline=None, max_examples=60)
@given(SECONDS, LENGTHS, TAILS)
def test_at_hop_equal_to_length_every_sample_is_in_one_window(
    seconds: float, length: float, tail: Any
) -> None:
    rule = WindowRule(length, length, tail)
    found = spans(seconds, rule)
    full = found[:-1] if tail == "shift" and len(found) > 1 else found
    for a, b in itertools.pairwise(full):
        assert b.start == pytest.approx(a.stop, abs=1e-6)
    rest = seconds - found[-1].stop
    if tail == "pad":
        assert rest == 0.0
    else:  # what is left out is less than is worth a window, or all of it as asked
        assert rest <= (length if tail == "drop" else rule.shortest_rest) + 1e-6


@settings(deadline=None, max_examples=60)
@given(SECONDS, LENGTHS, st.floats(0.5, 60), TAILS)
def test_windows_lie_within_the_track_in_order(
    seconds: float, length: float, hop: float, tail: Any
) -> None:
    rule = WindowRule(length, hop, tail)
    found = spans(seconds, rule)
    assert found
    assert found[0].start == 0.0
    assert all(0 <= s.start < s.stop <= seconds + 1e-9 for s in found)
    assert all(a.start < b.start for a, b in itertools.pairwise(found))
    longest = length + (rule.shortest_rest if tail == "pad" else 0.0) + 1e-9
    assert all(s.length <= longest for s in found)
    if tail != "pad" and seconds >= length:
        assert all(s.length == pytest.approx(length, abs=1e-4 + 1e-6 * hop) for s in found)


@settings(deadline=None, max_examples=60)
@given(SECONDS, LENGTHS, st.floats(0.05, 1.0), TAILS)
def test_overlapping_windows_leave_no_gap(
    seconds: float, length: float, share: float, tail: Any
) -> None:
    found = spans(seconds, WindowRule(length, max(0.05, share * length), tail))
    assert all(b.start <= a.stop + 1e-6 for a, b in itertools.pairwise(found))


@settings(deadline=None, max_examples=60)
@given(st.floats(2, 100), LENGTHS, TAILS, st.floats(0.1, 100))
def test_windows_of_a_longer_track_begin_alike(
    factor: float, length: float, tail: Any, more: float
) -> None:
    """What makes one pass over a stream possible: full windows do not move."""
    rule, seconds = WindowRule(length, length, tail), factor * length
    sure = int((seconds - rule.shortest_rest - 1e-3) / length)
    expected = tuple(Span(k * length, k * length + length) for k in range(sure))
    assert spans(seconds, rule)[:sure] == expected
    assert spans(seconds + more, rule)[:sure] == expected


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"length": 0.0}, "window length 0.0 s"),
        ({"hop": -1.0}, "hop -1.0 s"),
        ({"hop": 1e-6}, "both from 0.01 s on"),
        ({"length": math.inf}, "length inf"),
        ({"length": math.nan}, "length nan"),
        ({"length": "10"}, "three numbers"),
        ({"hop": True}, "three numbers"),
        ({"silence_db": None}, "three numbers"),
        ({"silence_db": math.nan}, "silence_db of nan"),
        ({"tail": "mirror"}, "one of shift, pad, drop"),
    ],
)
def test_rules_that_are_none_are_refused(more: dict[str, Any], text: str) -> None:
    with pytest.raises(RecipeError, match=text):
        WindowRule(**more)


def test_a_rule_as_plain_values() -> None:
    rule = WindowRule(4.0, 2.0, "pad", -50.0)
    assert rule.to_json() == {"length": 4.0, "hop": 2.0, "tail": "pad", "silence_db": -50.0}
    assert WindowRule(**rule.to_json()) == rule
    assert WindowRule(length=4, hop=2) == WindowRule(4.0, 2.0)


# ---------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(0.0, 1.0), slice(0, 10)),
        (Span(1.0, 2.0), slice(10, 20)),  # a centre on the edge belongs to the later one
        (Span(0.95, 1.05), slice(10, 11)),
        (Span(1.01, 1.03), slice(10, 11)),  # between two centres: the nearest
        (Span(1.07, 1.09), slice(11, 12)),
        (Span(9.9, 30.0), slice(99, 100)),
        (Span(20.0, 30.0), slice(99, 100)),  # beyond the end: the last
    ],
)
def test_frames_of_a_span(span: Span, expected: slice) -> None:
    assert frame_slice(span, 10.0, 0.0, 100) == expected


def test_there_is_no_frame_where_there_are_none() -> None:
    assert frame_slice(Span(0.0, 1.0), 10.0, 0.0, 0) == slice(0, 0)


@settings(deadline=None, max_examples=60)
@given(SECONDS, LENGTHS, st.floats(0.1, 100), st.floats(0, 0.5))
def test_touching_windows_share_no_frame_and_lose_none(
    seconds: float, length: float, rate: float, share: float
) -> None:
    n, offset = max(1, int(seconds * rate)), share / rate
    assume(length * rate >= 2)
    found = spans(seconds, WindowRule(length, length, "pad"))
    assume(found[-1].length * rate >= 2)
    slices = [frame_slice(s, rate, offset, n) for s in found]
    for a, b in itertools.pairwise(slices):
        assert b.start in (a.stop, n - 1)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 100),
    st.floats(0.01, 50),
    st.floats(0.05, 100),
    st.floats(0, 5),
    st.integers(1, 5000),
)
def test_a_span_always_has_a_frame(
    start: float, length: float, rate: float, offset: float, n: int
) -> None:
    found = frame_slice(Span(start, start + length), rate, offset, n)
    assert 0 <= found.start < found.stop <= n


# ---------------------------------------------------------------------- levels


def test_levels_are_those_of_the_mean_square() -> None:
    power = np.repeat([1.0, 0.25, 0.0], 10)
    windows = (Span(0, 1), Span(1, 2), Span(2, 3), Span(0, 2))
    found = levels_db(power, 10.0, windows)
    assert found[:2] == pytest.approx([0.0, 10 * np.log10(0.25)])
    assert found[2] == -np.inf
    assert found[3] == pytest.approx(10 * np.log10(0.625))


def test_levels_of_nothing() -> None:
    assert levels_db(np.zeros(0), 10.0, (Span(0, 1),)).tolist() == [-np.inf]
    assert levels_db(np.ones(3), 10.0, ()).tolist() == []


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 30)), max_size=8))
def test_covered_seconds_against_a_fine_grid(pairs: list[tuple[float, float]]) -> None:
    windows = [Span(start, start + length) for start, length in sorted(pairs)]
    grid = np.arange(0, 131, 0.01) + 0.005
    inside = np.zeros(len(grid), dtype=bool)
    for span in windows:
        inside |= (grid > span.start) & (grid < span.stop)
    assert covered(windows) == pytest.approx(inside.sum() * 0.01, abs=0.02 * (len(windows) + 1))


@given(st.integers(1, 40), st.floats(0.5, 20), st.floats(1, 50))
def test_spread_windows_are_even_and_apart(n: int, length: float, factor: float) -> None:
    seconds = n * length * factor
    found = spread(seconds, length, n)
    assert len(found) == n
    assert all(s.stop - s.start == pytest.approx(length) for s in found)
    assert all(a.stop <= b.start + 1e-6 for a, b in itertools.pairwise(found))
    assert found[0].start == pytest.approx(seconds - found[-1].stop, abs=1e-6)
    assert found[0].start >= -1e-6
