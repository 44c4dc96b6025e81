"""What a sweep keeps of a trial."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from genrewise.training.metrics import level_scores
from genrewise.training.sweep_trial import Task, outcome_of

LABELS = ["a", "b"]


def scores(truth: list[int]) -> dict[str, Any]:
    p = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]
    return level_scores(truth, p, LABELS)


def report(**more: Any) -> dict[str, Any]:
    row = {"epoch": 1.0, "train_loss": math.nan, "valid_accuracy": 0.5}
    return {
        "protocol": "published",
        "leaks": {"windows": 3},
        "chosen": ["m"],
        "validation": {"window": scores([0, 1, 0, 1]), "clip": scores([0, 1, 1, 1])},
        "test": {},
        "history": {"m": [row]},
        "best_epoch": {"m": 1},
        "minutes": 0.5,
        **more,
    }


def test_figures_are_kept_and_tables_are_not() -> None:
    found = outcome_of(report())
    assert list(found["validation"]) == ["window", "clip"]
    assert found["validation"]["clip"]["accuracy"] == 0.75
    assert found["validation"]["clip"]["n"] == 4
    low, high = found["validation"]["clip"]["interval"]
    assert low <= 0.75 <= high
    assert "confusion" not in found["validation"]["clip"]
    assert "per_label" not in found["validation"]["clip"]


def test_what_is_no_number_becomes_nothing() -> None:
    found = outcome_of(report())
    assert found["history"]["m"] == [{"epoch": 1.0, "train_loss": None, "valid_accuracy": 0.5}]
    bad = report(validation={"clip": {**scores([0, 1, 1, 1]), "nll": math.inf}})
    assert outcome_of(bad)["validation"]["clip"]["nll"] is None
    json.dumps(found, allow_nan=False)


def test_protocol_leaks_and_times_go_with_it() -> None:
    found = outcome_of(report())
    assert (found["protocol"], found["leaks"], found["minutes"]) == (
        "published",
        {"windows": 3},
        0.5,
    )
    assert found["best_epoch"] == {"m": 1}


@pytest.mark.parametrize("left_out", ["history", "best_epoch", "leaks"])
def test_what_has_no_networks_has_no_history(left_out: str) -> None:
    values = report()
    del values[left_out]
    assert not outcome_of(values)[left_out]


def test_the_test_part_is_kept_where_it_was_opened() -> None:
    assert outcome_of(report())["test"] == {}
    opened = outcome_of(report(test={"clip": scores([0, 1, 0, 1])}))
    assert opened["test"]["clip"]["accuracy"] == 1.0


def test_a_task_keeps_the_test_part_closed_unless_told() -> None:
    task = Task(1, "base", (), "honest", "folder")
    assert not task.open_test
    assert task.out == ""
    assert task.threads == 1
