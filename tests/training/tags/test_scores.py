"""Scores of a tag against scikit-learn and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from genrewise.training.tags.scores import (
    average_precision,
    best_threshold,
    f1,
    interval,
    roc_area,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Truths of both kinds, probabilities with ties, weights."""
    n = draw(st.integers(2, 30))
    truth = np.array([1, 0, *draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))])
    levels = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
    p = np.array(draw(st.lists(levels, min_size=n, max_size=n)))
    weight = np.array(draw(st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=n, max_size=n)))
    return truth, p, weight


@given(answers())
def test_the_scores_are_those_of_scikit_learn(case: Any) -> None:
    truth, p, weight = case
    assert roc_area(truth, p, weight) == pytest.approx(
        roc_auc_score(truth, p, sample_weight=weight)
    )
    assert average_precision(truth, p, weight) == pytest.approx(
        average_precision_score(truth, p, sample_weight=weight)
    )


@given(answers())
def test_no_threshold_is_better(case: Any) -> None:
    truth, p, weight = case
    found = best_threshold(truth, p, weight)

    def score(threshold: float) -> float:
        return float(f1_score(truth, p >= threshold, sample_weight=weight, zero_division=0))

    assert score(found) == pytest.approx(max(score(level) for level in np.unique(p)))
    assert f1(truth, p >= found) == pytest.approx(f1_score(truth, p >= found))


def test_by_hand() -> None:
    truth, p = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    even = np.ones(4)
    assert roc_area(truth, p, even) == 0.75
    assert average_precision(truth, p, even) == pytest.approx((1 + 2 / 3) / 2)
    assert best_threshold(truth, p, even) == pytest.approx(0.4)  # between .7 and .1
    # A counter-example that counts for little does not move it.
    assert best_threshold(np.array([1, 0, 1]), p[:3], np.array([1.0, 0.1, 1.0])) == 0.35
    assert f1(truth, np.array([True, True, False, False])) == 0.5
    assert f1(truth, np.zeros(4, dtype=bool)) == 0.0


def test_one_side_alone_has_no_ranking() -> None:
    even = np.ones(2)
    assert np.isnan(roc_area(np.array([1, 1]), np.array([0.1, 0.2]), even))
    assert np.isnan(roc_area(np.array([0, 0]), np.array([0.1, 0.2]), even))
    assert np.isnan(average_precision(np.array([0, 0]), np.array([0.1, 0.2]), even))
    assert average_precision(np.array([1, 1]), np.array([0.1, 0.2]), even) == 1.0


def test_intervals_resample_groups() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(0, 2, 40), 5)
    p = np.clip(0.5 + 0.2 * (truth - 0.5) + np.repeat(rng.normal(size=40), 5) * 0.2, 0, 1)
    groups = [f"g{i // 5}" for i in range(200)]
    low, high = interval(roc_area, truth, p, groups)
    assert low < roc_area(truth, p, np.ones(200)) < high
    alone = interval(roc_area, truth, p, [str(i) for i in range(200)])
    assert high - low > 1.5 * (alone[1] - alone[0])  # five tracks of a group are one
    assert interval(roc_area, truth, p, groups) == [low, high]  # seeded


def test_one_group_of_examples_says_nothing() -> None:
    truth, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.1, 0.2])
    assert interval(roc_area, truth, p, ["a", "a", "b", "c"]) == [0.0, 1.0]
