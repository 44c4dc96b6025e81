"""Votes: no order, no lost vote, no probability lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genrewise.errors import RecipeError, UnknownName
from genrewise.votes import SEVERAL, VOTES, pool, temper, vote

RULES = st.sampled_from(sorted(VOTES))


@st.composite
def probabilities(draw: st.DrawFn) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rows of windows that sum to 1, zeros and certainties among them."""
    shape = (draw(st.integers(1, 12)), draw(st.integers(2, 6)))
    raw = draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0])))
    raw[raw.sum(axis=1) == 0] = 1.0
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


@given(probabilities(), RULES)
def test_votes_sum_to_one(p: Any, rule: str) -> None:
    found = vote(p, rule)
    assert found.shape == (p.shape[1],)
    assert found.dtype == np.float64
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert (found >= 0).all()


@given(probabilities(), RULES, st.randoms())
def test_votes_do_not_depend_on_order(p: Any, rule: str, random: Any) -> None:
    order = list(range(len(p)))
    random.shuffle(order)
    weights = np.arange(len(p)) % 3 + 0.0
    assert vote(p[order], rule, weights[order]) == pytest.approx(vote(p, rule, weights), abs=1e-12)


@given(probabilities(), probabilities(), RULES)
def test_a_weight_of_zero_takes_the_vote_away(p: Any, q: Any, rule: str) -> None:
    q = np.resize(q, (len(q), p.shape[1])) + 1e-3
    q /= q.sum(axis=1, keepdims=True)
    weights = np.r_[np.ones(len(p)), np.zeros(len(q))]
    assert vote(np.vstack([p, q]), rule, weights) == pytest.approx(vote(p, rule), abs=1e-12)


@given(probabilities(), RULES, st.floats(0.01, 1000))
def test_weights_count_in_proportion(p: Any, rule: str, factor: float) -> None:
    weights = 1.0 + np.arange(len(p))
    assert vote(p, rule, weights * factor) == pytest.approx(vote(p, rule, weights), abs=1e-9)


@given(probabilities(), RULES)
def test_no_weight_at_all_counts_as_all_equal(p: Any, rule: str) -> None:
    assert vote(p, rule, np.zeros(len(p))) == pytest.approx(vote(p, rule), abs=1e-12)


@given(probabilities(), RULES)
def test_windows_that_agree_are_believed(p: Any, rule: str) -> None:
    same = np.repeat(p[:1], 7, axis=0)
    found = vote(same, rule)
    assert found[p[0].argmax()] == pytest.approx(found.max(), abs=1e-12)
    if rule != "majority":
        assert found == pytest.approx(p[0], abs=1e-9)


P = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 1.0, 0.0], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])


def test_mean() -> None:
    assert vote(P) == pytest.approx([1.9 / 5, 1.9 / 5, 1.2 / 5])
    assert vote(P[:2], "mean", [3, 1]) == pytest.approx([0.675, 0.225, 0.1])


def test_log_mean() -> None:
    expected = np.sqrt(P[0] * P[1])
    assert vote(P[:2], "log-mean") == pytest.approx(expected / expected.sum())


def test_majority_shares_ties_by_the_mean() -> None:
    found = vote(P, "majority")
    assert found == pytest.approx([3 / 5, 1 / 5, 1 / 5], abs=1e-5)
    tied = vote(P[[0, 2]], "majority")
    assert tied[1] > tied[0]  # 0.6 against 0.35 in the mean


def test_trimmed_leaves_out_the_extremes() -> None:
    expected = np.sort(P, axis=0)[1:4].mean(axis=0)
    assert vote(P, "trimmed") == pytest.approx(expected / expected.sum())
    assert vote(P[:4], "trimmed") == pytest.approx(vote(P[:4]))  # a fifth of four is none


@pytest.mark.parametrize(
    ("given_", "weights", "text"),
    [
        (np.zeros((0, 3)), None, "shape \\(0, 3\\)"),
        (np.zeros((3, 0)), None, "shape \\(3, 0\\)"),
        ([0.5, 0.5], None, "shape \\(2,\\)"),
        (P, [1, 1], "weights of shape \\(2,\\)"),
        (P, [1, 1, 1, 1, -1], "below 0"),
        (P, [1, 1, 1, 1, np.nan], "not finite"),
        ([[0.5, np.nan]], None, "not finite"),
        ([[1.5, -0.5]], None, "below 0"),
        ([[0.0, 0.0]], None, "all 0"),
    ],
)
def test_what_is_no_vote_is_refused(given_: Any, weights: Any, text: str) -> None:
    with pytest.raises(RecipeError, match=text):
        vote(given_, "mean", weights)


def test_unknown_rules_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean trimmed"):
        vote(P, "trimed")


@given(probabilities(), st.floats(0.1, 20))
def test_a_temperature_keeps_the_order_of_the_labels(p: Any, temperature: float) -> None:
    found = temper(p, temperature)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(p)), abs=1e-12)
    for before, after in zip(p, found, strict=True):
        assert (np.diff(after[np.argsort(before, kind="stable")]) >= -1e-12).all()


def test_temperatures() -> None:
    p = np.array([0.8, 0.2])
    assert temper(p, 1.0) == pytest.approx(p)
    assert temper(p, 2.0) == pytest.approx([2 / 3, 1 / 3])
    assert temper(p, 0.5) == pytest.approx([16 / 17, 1 / 17])
    assert temper(p, 1e6) == pytest.approx([0.5, 0.5], abs=1e-5)
    assert temper([1.0, 0.0], 4.0)[0] < 1.0  # certainty is softened, too


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_temperatures_that_are_none(temperature: float) -> None:
    with pytest.raises(RecipeError, match="temperature"):
        temper([0.5, 0.5], temperature)


# ------------------------------------------------- labels that go together


@given(probabilities(), st.sampled_from(SEVERAL))
def test_a_pool_is_the_vote_where_labels_rule_each_other_out(p: Any, rule: str) -> None:
    pooled = pool(p, rule)
    if pooled.sum() > 1e-9:  # of windows without a label in common the geometric mean is nought
        assert pooled / pooled.sum() == pytest.approx(vote(p, rule), abs=1e-9)


@given(probabilities(), st.sampled_from(SEVERAL), st.integers(0, 5))
def test_in_a_pool_each_label_is_by_itself(p: Any, rule: str, column: int) -> None:
    column %= p.shape[1]
    alone = p[:, [column]]
    assert pool(alone, rule)[0] == pytest.approx(pool(p, rule)[column], abs=1e-12)


def test_pools_by_hand() -> None:
    p = [[0.2, 0.9], [0.8, 0.9]]
    assert pool(p) == pytest.approx([0.5, 0.9])
    assert pool(p, "log-mean") == pytest.approx([0.4, 0.9])
    assert pool(p, "mean", [3, 1]) == pytest.approx([0.35, 0.9])
    assert pool(p, "mean", [0, 0]) == pytest.approx([0.5, 0.9])
    assert pool([[0.0, 0.0]]) == pytest.approx([0.0, 0.0])


def test_what_is_no_pool_is_refused() -> None:
    with pytest.raises(UnknownName, match="vote over several labels named 'majority'"):
        pool([[0.5, 0.5]], "majority")
    for wrong in ([[np.nan]], [[-0.1]], [], [0.5]):
        with pytest.raises(RecipeError):
            pool(wrong)
