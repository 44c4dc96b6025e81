"""Thresholds for "unknown": as much answered as the risk allows."""

from __future__ import annotations

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.training.unknown import choose_unknown


def skilled(n=2000, seed=11):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.2, 1.0, n)
    return confidence, rng.gamma(4.0, 1.0, n), rng.uniform(size=n) < confidence


def test_unknown_reaches_its_risk_and_answers_as_much_as_it_can():
    confidence, distance, right = skilled()
    rule = choose_unknown(confidence, distance, right, 0.2)
    given_out = (confidence >= rule.confidence) & (distance <= rule.distance)
    assert rule.reached
    assert given_out.mean() == pytest.approx(rule.answered)
    assert right[given_out].mean() == pytest.approx(rule.right_when_answered)
    assert rule.right_when_answered >= 0.8
    more = (confidence >= rule.confidence - 0.05) & (distance <= rule.distance)
    assert right[more].mean() < 0.8


def test_unknown_refuses_the_farthest_share():
    confidence, distance, right = skilled()
    rule = choose_unknown(confidence, distance, right, 1.0, far=0.05)
    assert (distance > rule.distance).mean() == pytest.approx(0.05, abs=0.002)
    assert rule.confidence == 0.0  # any risk is allowed, so confidence refuses nothing
    assert rule.answered == pytest.approx(0.95, abs=0.002)


def test_unknown_never_buys_its_risk_with_silence():
    rng = np.random.default_rng(12)
    confidence, right = rng.uniform(size=400), rng.uniform(size=400) < 0.5
    rule = choose_unknown(confidence, np.zeros(400), right, 0.01, least_answered=0.6)
    assert not rule.reached
    assert rule.answered >= 0.6
    assert rule.right_when_answered < 0.99


def test_unknown_shows_the_trade_off():
    rule = choose_unknown(*skilled(), 0.2)
    shares = [row["answered"] for row in rule.table]
    assert shares == sorted(shares, reverse=True)
    assert 10 <= len(shares) <= 11
    sure = [row["right_when_answered"] for row in rule.table]
    assert sure[-1] > sure[0] + 0.2
    assert any(row["answered"] == pytest.approx(rule.answered) for row in rule.table)
    with pytest.raises(DatasetError, match="thresholds"):
        choose_unknown([], [], [])


def test_unknown_of_a_flawless_model_answers_all_it_knows():
    rule = choose_unknown(np.full(50, 0.9), np.ones(50), np.ones(50, bool))
    assert (rule.answered, rule.right_when_answered, rule.reached) == (1.0, 1.0, True)
    assert rule.confidence == 0.0
