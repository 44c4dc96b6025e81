"""Figures against scikit-learn and scipy, and what must hold for any answers."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from genrewise.errors import DatasetError
from genrewise.training import metrics

LABELS = ("blues", "disco", "jazz", "metal", "pop")


def answers(n=300, n_labels=5, seed=0, skill=1.5):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_labels, n)
    scores = rng.normal(size=(n, n_labels))
    scores[np.arange(n), truth] += skill
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return truth, p, scores


def test_level_scores_are_scikit_learns():
    truth, p, _ = answers()
    answer = p.argmax(1)
    s = metrics.level_scores(truth, p, LABELS)
    assert s["accuracy"] == accuracy_score(truth, answer)
    assert s["macro_f1"] == pytest.approx(f1_score(truth, answer, average="macro"))
    assert s["weighted_f1"] == pytest.approx(f1_score(truth, answer, average="weighted"))
    assert s["nll"] == pytest.approx(log_loss(truth, p))
    assert np.array_equal(s["confusion"], confusion_matrix(truth, answer))
    precision, recall, f1, n = precision_recall_fscore_support(truth, answer)
    for i, label in enumerate(LABELS):
        row = s["per_label"][label]
        assert row["precision"] == pytest.approx(precision[i])
        assert row["recall"] == pytest.approx(recall[i])
        assert row["f1"] == pytest.approx(f1[i])
        assert row["n"] == n[i]
    assert s["n"] == s["groups"] == 300
    assert (s["answered"], s["right_when_answered"]) == (1.0, s["accuracy"])
    assert s["absent"] == []


def test_labels_that_no_item_has_are_named_and_left_out_of_the_averages():
    truth, p, _ = answers()
    here = truth != 3
    s = metrics.level_scores(truth[here], p[here], LABELS)
    answer = p[here].argmax(1)
    present = [0, 1, 2, 4]
    assert s["absent"] == ["metal"]
    assert list(s["per_label"]) == ["blues", "disco", "jazz", "pop"]
    assert sum(s["confusion"][3]) == 0
    assert sum(row[3] for row in s["confusion"]) > 0  # some were taken for it, all the same
    expected = f1_score(truth[here], answer, average="macro", labels=present)
    assert s["macro_f1"] == pytest.approx(expected)


def test_unknown_is_counted_beside_the_accuracy():
    truth, p, _ = answers()
    answered = p.max(1) > 0.6
    right = p.argmax(1) == truth
    s = metrics.level_scores(truth, p, LABELS, answered=answered)
    assert s["accuracy"] == right.mean()
    assert s["answered"] == answered.mean()
    assert s["right_when_answered"] == pytest.approx(right[answered].mean())
    assert s["right_when_answered"] > s["accuracy"]
    nothing = metrics.level_scores(truth, p, LABELS, answered=np.zeros(300, bool))
    assert nothing["answered"] == 0.0
    assert nothing["right_when_answered"] is None


def test_ece_by_hand():
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    right = np.array([True, False, True, True])
    # Two bins of two: |.6 - .5| and |.9 - 1|, half the mass each.
    assert metrics.ece(confidence, right, bins=2) == pytest.approx(0.1)
    assert metrics.ece([0.8], [True]) == pytest.approx(0.2)


def test_ece_of_true_confidence_is_small_and_of_false_confidence_is_not():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.2, 1.0, 20_000)
    right = rng.uniform(size=20_000) < confidence
    assert metrics.ece(confidence, right) < 0.012
    assert metrics.ece(np.minimum(confidence + 0.2, 1.0), right) > 0.1


def test_bins_hold_equally_many():
    rows = metrics.reliability(np.linspace(0, 1, 103), np.ones(103, bool))
    assert [row["n"] for row in rows] == [11, 11, 11, 10, 10, 10, 10, 10, 10, 10]
    assert [row["confidence"] for row in rows] == sorted(row["confidence"] for row in rows)
    assert len(metrics.reliability([0.5, 0.7], [True, False])) == 2


def plain_bootstrap(right, groups, n, seed):
    rng = np.random.default_rng(seed)
    ids = np.unique(groups)
    members = [np.flatnonzero(groups == g) for g in ids]
    found = []
    for _ in range(n):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(ids), len(ids))])
        found.append(right[drawn].mean())
    return np.quantile(found, [0.025, 0.975])


def test_interval_is_that_of_a_plain_loop_over_resampled_groups():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 40, 300)
    right = rng.uniform(size=300) < 0.2 + 0.6 * (groups % 2)
    fast = metrics.bootstrap_interval(right, groups, n_bootstrap=4000)
    slow = plain_bootstrap(right, groups, 4000, 9)
    assert fast == pytest.approx(slow, abs=0.012)


def test_groups_that_err_together_widen_the_interval():
    groups = np.repeat(np.arange(20), 15)
    right = np.repeat(np.random.default_rng(0).uniform(size=20) < 0.6, 15)
    lo, hi = metrics.bootstrap_interval(right, groups)
    narrow_lo, narrow_hi = metrics.bootstrap_interval(right)
    assert hi - lo > 2.5 * (narrow_hi - narrow_lo)


def test_interval_where_resampling_says_nothing_is_the_exact_one():
    lo, hi = metrics.bootstrap_interval(np.ones(36, bool), np.repeat(np.arange(12), 3))
    assert hi == 1.0
    assert lo == pytest.approx(beta.ppf(0.025, 12, 1))
    lo, hi = metrics.bootstrap_interval(np.zeros(10, bool))
    assert lo == 0.0
    assert hi == pytest.approx(beta.ppf(0.975, 1, 10))
    assert metrics.bootstrap_interval([True, False, True], [4, 4, 4]) == (0.0, 1.0)


def test_interval_is_repeatable_and_fast():
    rng = np.random.default_rng(3)
    right, groups = rng.uniform(size=20_000) < 0.7, rng.integers(0, 4000, 20_000)
    began = time.perf_counter()
    first = metrics.bootstrap_interval(right, groups)
    assert time.perf_counter() - began < 3.0
    assert first == metrics.bootstrap_interval(right, groups)
    assert first != metrics.bootstrap_interval(right, groups, seed=1)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for seed in range(120):
        right = np.repeat(rng.uniform(size=80) < 0.7, 2)
        lo, hi = metrics.bootstrap_interval(
            right, np.repeat(np.arange(80), 2), n_bootstrap=400, seed=seed
        )
        hits += lo <= 0.7 <= hi
    assert 0.88 <= hits / 120 <= 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_figures_stay_in_range_and_agree(pairs):
    truth = np.array([a for a, _ in pairs])
    p = np.full((len(pairs), 5), 0.1)
    p[np.arange(len(pairs)), [b for _, b in pairs]] = 0.6
    s = metrics.level_scores(truth, p, LABELS, n_bootstrap=50)
    assert 0.0 <= s["interval"][0] <= s["interval"][1] <= 1.0
    assert s["accuracy"] == pytest.approx(np.trace(s["confusion"]) / len(pairs))
    assert 0.0 <= s["macro_f1"] <= 1.0
    assert 0.0 <= s["ece"] <= 1.0
    assert {*s["absent"], *s["per_label"]} == set(LABELS)
    assert sum(row["n"] for row in s["per_label"].values()) == len(pairs)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(20)))
def test_figures_do_not_depend_on_the_order_of_items(order):
    truth, p, _ = answers(20, seed=5)
    order = np.array(order)
    one, other = (
        metrics.level_scores(t, q, LABELS, n_bootstrap=20)
        for t, q in ((truth, p), (truth[order], p[order]))
    )
    for key in ("accuracy", "macro_f1", "weighted_f1", "ece", "nll"):
        assert one[key] == pytest.approx(other[key])
    assert one["confusion"] == other["confusion"]


@pytest.mark.parametrize(
    ("truth", "p", "said"),
    [
        ([], np.zeros((0, 5)), "no items to score"),
        ([0], np.zeros((1, 4)), "shape (1, 4)"),
        ([0], np.full((1, 5), np.nan), "not finite"),
        ([5], np.full((1, 5), 0.2), "label index 5"),
        ([-1], np.full((1, 5), 0.2), "label index"),
    ],
)
def test_what_cannot_be_scored_is_refused(truth, p, said):
    with pytest.raises(DatasetError, match=said.replace("(", r"\(").replace(")", r"\)")):
        metrics.level_scores(truth, p, LABELS)


def test_risk_coverage_by_hand():
    coverage, risk, threshold = metrics.risk_coverage(
        [0.9, 0.8, 0.8, 0.3], [True, False, True, False]
    )
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk == pytest.approx([0.0, 1 / 3, 0.5])
    assert threshold.tolist() == [0.9, 0.8, 0.3]


@pytest.mark.parametrize(
    ("confidence", "right", "risk", "share"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 0.05, 0.5),
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 0.25, 1.0),  # a quarter, and no more
        ([0.6, 0.9, 0.8, 0.7], [1, 1, 1, 0], 0.05, 0.5),  # in any order
        ([0.9, 0.8], [0, 1], 0.05, 0.0),  # even the surest is wrong
        ([0.9, 0.9, 0.8], [1, 0, 1], 0.05, 0.0),  # as sure as one that is wrong
        ([0.9, 0.8], [1, 1], 0.0, 1.0),
        (np.linspace(1, 0.5, 40), [0] + [1] * 19 + [1, 0] * 10, 0.05, 21 / 40),  # one in 20, 21
    ],
)
def test_coverage_at_risk_by_hand(confidence, right, risk, share):
    assert metrics.coverage_at_risk(confidence, right, risk) == share


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_full_coverage_has_the_risk_of_all(rows):
    confidence, right = zip(*rows, strict=True)
    coverage, risk, _ = metrics.risk_coverage(confidence, right)
    assert coverage[-1] == 1.0
    assert risk[-1] == pytest.approx(1 - np.mean(right))
    assert (np.diff(coverage) > 0).all()


def test_mcnemar_is_the_binomial_test_of_the_disagreements():
    rng = np.random.default_rng(6)
    a, b = rng.uniform(size=200) < 0.8, rng.uniform(size=200) < 0.7
    found = metrics.mcnemar(a, b)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    assert (found["only_a"], found["only_b"]) == (only_a, only_b)
    assert found["p"] == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert metrics.mcnemar(a, a)["p"] == 1.0
    with pytest.raises(DatasetError, match="the same items"):
        metrics.mcnemar(a, b[:-1])


def softmax(scores):
    shifted = np.exp(scores - scores.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_is_found_again(temperature):
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(6000, 5)) * 1.5
    p = softmax(logits)
    truth = np.array([rng.choice(5, p=row) for row in p])
    found = metrics.fit_temperature(logits * temperature, truth)
    assert found == pytest.approx(temperature, rel=0.05)


def test_temperature_is_the_best_of_a_grid():
    truth, _, scores = answers(400, seed=8)
    found = metrics.fit_temperature(scores, truth)

    def loss(t):
        return log_loss(truth, softmax(scores / t)) + 0.5 * np.log(t) ** 2 / 400

    grid = np.geomspace(0.1, 10, 301)
    assert loss(found) <= min(loss(t) for t in grid) + 1e-9


def test_temperature_does_not_turn_answers_and_forgives_constants():
    truth, p, scores = answers(seed=9)
    found = metrics.fit_temperature(scores, truth)
    assert np.array_equal(softmax(scores / found).argmax(1), p.argmax(1))
    assert metrics.fit_temperature(scores + 100.0, truth) == pytest.approx(found, rel=1e-4)
    assert metrics.fit_temperature(np.log(p), truth) == pytest.approx(found, rel=1e-4)


def test_a_handful_of_right_answers_makes_nobody_certain():
    truth = np.arange(20) % 5
    scores = np.eye(5)[truth] * 3.0
    p = softmax(scores / metrics.fit_temperature(scores, truth))
    assert 0.9 < p.max(1).mean() < 0.9999


def test_each_group_counts_once_for_the_temperature():
    truth, _, scores = answers(200, seed=10)
    many = np.concatenate([np.zeros(500, int), np.arange(1, 200)])
    rows = np.minimum(many, 199)
    once = metrics.fit_temperature(scores, truth)
    again = metrics.fit_temperature(scores[rows], truth[rows], groups=rows)
    assert again == pytest.approx(once, rel=1e-4)
    assert metrics.fit_temperature(scores[rows], truth[rows]) != pytest.approx(once, rel=0.02)


def test_impossible_probabilities_stay_finite():
    truth = np.array([0, 1, 1])
    with np.errstate(divide="ignore"):
        found = metrics.fit_temperature(np.log([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), truth)
    assert np.isfinite(found)
    with pytest.raises(DatasetError, match="no items"):
        metrics.fit_temperature(np.zeros((0, 2)), [])


def test_the_interval_of_ece_holds_the_truth_of_a_calibrated_model():
    """Right as often as it says; groups of five that are alike."""
    rng = np.random.default_rng(3)
    confidence = np.repeat(rng.uniform(0.3, 1.0, 400), 5)
    right = rng.uniform(size=2000) < confidence
    groups = np.arange(2000) // 5
    low, high = metrics.ece_interval(confidence, right, groups, n_bootstrap=200)
    assert 0 < low < metrics.ece(confidence, right) < high < 0.06
    assert metrics.ece_interval(confidence, right, groups, n_bootstrap=200) == [low, high]
    sure = metrics.ece_interval(np.minimum(confidence + 0.2, 1), right, groups, n_bootstrap=200)
    assert sure[0] > 0.1


def test_whole_groups_make_the_interval_of_ece_wider():
    rng = np.random.default_rng(4)
    confidence = np.full(600, 0.7)
    right = np.repeat(rng.uniform(size=30) < 0.7, 20)

    def width(groups):
        low, high = metrics.ece_interval(confidence, right, groups, n_bootstrap=300)
        return high - low

    assert width(np.arange(600) // 20) > 1.5 * width(np.arange(600))
