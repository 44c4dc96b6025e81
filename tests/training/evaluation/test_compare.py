"""McNemar, paired differences and the fall between collections: by hand, by SciPy, by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from genrewise.errors import DatasetError
from genrewise.training.compare import against, fall, paired_difference
from genrewise.training.metrics import bootstrap_interval, resampled_sums

Bools = NDArray[np.bool_]


def four(both: int, only_a: int, only_b: int, neither: int) -> tuple[Bools, Bools]:
    """Answers of two models with these counts."""
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    return a, b


counts = st.integers(0, 40)


@given(counts, counts, counts, counts)
@settings(deadline=None)
def test_against_counts_and_agrees_with_the_binomial_test(
    both: int, only_a: int, only_b: int, neither: int
) -> None:
    n = both + only_a + only_b + neither
    if n == 0:
        return
    found = against(*four(both, only_a, only_b, neither), np.arange(n))
    assert (found["both"], found["only_a"], found["only_b"], found["neither"]) == (
        both,
        only_a,
        only_b,
        neither,
    )
    discordant = only_a + only_b
    expected = binomtest(only_a, discordant, 0.5).pvalue if discordant else 1.0
    assert found["p"] == pytest.approx(expected, abs=1e-12)
    assert found["n"] == found["groups"] == n
    assert found["accuracy"] == pytest.approx([(both + only_a) / n, (both + only_b) / n])
    assert found["difference"] == pytest.approx((only_a - only_b) / n)
    low, high = found["interval"]
    assert -1 <= low <= found["difference"] <= high <= 1


def test_two_surveys_of_the_same_people() -> None:
    """The textbook case: 944 and 880 of 1,600 approve, 86 and 150 changed their minds."""
    found = against(*four(794, 150, 86, 570), np.arange(1600))
    assert found["accuracy"] == [0.59, 0.55]
    corrected = 2 * norm.sf((150 - 86 - 1) / np.sqrt(150 + 86))
    assert found["p"] == pytest.approx(corrected, rel=0.1)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(DatasetError, match="3 answers of one system and 2 of the other"):
        against(np.ones(3, bool), np.ones(2, bool), np.arange(3))


def test_groups_are_counted_once() -> None:
    found = against(*four(2, 3, 1, 0), np.array([0, 0, 1, 1, 2, 2]))
    assert (found["n"], found["groups"]) == (6, 3)


def test_the_interval_is_the_normal_one_where_items_are_many_and_alone() -> None:
    a, b = four(900, 200, 100, 800)
    difference, low, high = paired_difference(a, b, n_bootstrap=4000)
    gain = a.astype(float) - b
    half = norm.ppf(0.975) * gain.std() / np.sqrt(len(gain))
    assert difference == pytest.approx(0.05)
    assert (low, high) == pytest.approx((0.05 - half, 0.05 + half), abs=0.002)


def test_pairs_are_narrower_than_two_intervals_of_their_own() -> None:
    """Two models that nearly always agree: their difference is known better than either."""
    a, b = four(100, 6, 2, 100)
    _, low, high = paired_difference(a, b)
    wide = bootstrap_interval(a)[1] - bootstrap_interval(a)[0]
    assert high - low < wide / 2


def test_items_of_one_group_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random(40) < 0.6, rng.random(40) < 0.4
    alone = paired_difference(a, b, np.arange(40))
    ten = paired_difference(np.repeat(a, 10), np.repeat(b, 10), np.repeat(np.arange(40), 10))
    assert ten == pytest.approx(alone)
    apart = paired_difference(np.repeat(a, 10), np.repeat(b, 10))
    assert apart[2] - apart[1] < (alone[2] - alone[1]) / 2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_turned_round_it_is_the_same_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 30)) < 0.5
    groups = rng.integers(0, 12, 30)
    one, low, high = paired_difference(a, b, groups)
    other, low_too, high_too = paired_difference(b, a, groups)
    assert (other, low_too, high_too) == pytest.approx((-one, -high, -low))


def test_names_of_groups_do_not_matter() -> None:
    a, b = four(5, 4, 2, 3)
    numbers = np.arange(14) // 2
    names = np.array([f"artist {n}" for n in numbers])
    assert paired_difference(a, b, numbers) == paired_difference(a, b, names)


def test_models_that_never_differ_may_still_differ() -> None:
    """1 - 0.025 ** (1 / 20): so rare a difference would not have been seen in 20 groups."""
    a = np.arange(20) % 2 == 0
    difference, low, high = paired_difference(a, a)
    assert difference == 0.0
    assert (low, high) == pytest.approx((-0.16843, 0.16843), abs=1e-5)


def test_one_group_says_nothing() -> None:
    assert paired_difference([1, 1, 0], [0, 0, 0], [7, 7, 7]) == (pytest.approx(2 / 3), -1.0, 1.0)


# ------------------------------------------------------------------- resampling


def test_resampled_sums_are_those_of_whole_groups() -> None:
    totals = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = resampled_sums(totals, 500, 0)
    assert sums.shape == (500, 2)
    np.testing.assert_allclose(sums[:, 1], 10 * sums[:, 0])
    assert set(sums[:, 0]) == {3, 4, 5, 6, 7, 8, 9, 10, 12}  # all sums of three of 1, 2 and 4
    assert sums[:, 0].mean() == pytest.approx(7.0, abs=0.3)


def test_many_groups_are_drawn_in_pieces() -> None:
    """More counts than are held at once: the pieces are as long as what was asked for."""
    totals = np.ones((1_500_000, 1))
    sums = resampled_sums(totals, 5, 1)
    np.testing.assert_array_equal(sums, np.full((5, 1), 1_500_000.0))


# ------------------------------------------------------------------- the fall


def side(truth: list[int], right: list[int], groups: list[int] | None = None) -> dict[str, Any]:
    return {
        "truth": np.array(truth),
        "right": np.array(right, dtype=bool),
        "groups": np.array(groups if groups is not None else range(len(truth))),
    }


LABELS = ("blues", "jazz", "rock", "pop")


def test_the_fall_of_each_genre_by_hand() -> None:
    first = side([0, 0, 0, 0, 2, 2, 1], [1, 1, 1, 0, 1, 1, 1])
    other = side([0, 0, 2, 2, 2, 2, 3], [1, 0, 1, 0, 0, 0, 1])
    found = fall(first, other, LABELS)
    assert found is not None
    assert found["genres"] == {
        "blues": {"first": 0.75, "other": 0.5, "fall": 0.25, "n": [4, 2]},
        "rock": {"first": 1.0, "other": 0.25, "fall": 0.75, "n": [2, 4]},
    }
    mean = found["mean"]
    assert (mean["first"], mean["other"], mean["fall"]) == (0.875, 0.375, 0.5)
    low, high = mean["interval"]
    assert low <= 0.5 <= high


def test_collections_without_a_common_genre_do_not_compare() -> None:
    assert fall(side([0, 1], [1, 1]), side([2, 3], [1, 1]), LABELS) is None


def test_the_same_collection_has_not_fallen() -> None:
    one = side([0] * 30 + [1] * 30, [1, 0, 1] * 20)
    found = fall(one, one, LABELS)
    assert found is not None
    assert found["mean"]["fall"] == 0.0
    low, high = found["mean"]["interval"]
    assert low < 0 < high
    assert low == pytest.approx(-high, abs=0.06)


def test_the_interval_of_a_fall_is_the_normal_one_where_items_are_many() -> None:
    rng = np.random.default_rng(0)
    first = side([0, 1] * 400, (rng.random(800) < 0.8).tolist())
    other = side([0, 1] * 300, (rng.random(600) < 0.5).tolist())
    found = fall(first, other, LABELS, n_bootstrap=4000)
    assert found is not None
    mean = found["mean"]
    error = np.sqrt(sum(p * (1 - p) / n for p, n in ((mean["first"], 800), (mean["other"], 600))))
    half = norm.ppf(0.975) * error
    assert mean["interval"] == pytest.approx([mean["fall"] - half, mean["fall"] + half], abs=0.006)


def test_each_genre_weighs_the_same() -> None:
    """Nine blues right, one jazz wrong: half, not nine tenths."""
    first = side([0] * 9 + [1], [1] * 9 + [0])
    found = fall(first, side([0, 1], [0, 0]), LABELS)
    assert found is not None
    assert found["mean"]["first"] == 0.5


def test_one_group_makes_the_fall_unknown() -> None:
    first = side([0, 1], [1, 1], [5, 5])
    found = fall(first, side([0, 1], [0, 0]), LABELS)
    assert found is not None
    assert found["mean"]["interval"] == [-1.0, 1.0]
