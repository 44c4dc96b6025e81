"""The plots of a sweep: their names, what is drawn, what is left out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from genrewise.training.report.figures import BLUE, ORANGE, svg
from genrewise.training.sweep_figures import (
    LONGEST,
    curve_name,
    curves_of,
    draw,
    range_name,
    scatter,
    settings,
)

LOW, HIGH = 0.1, 0.2


def trial(number: int, figure: float | None, state: str = "done", **more: Any) -> dict[str, Any]:
    row = {"train_loss": 2.0, "train_accuracy": 0.2, "valid_loss": None, "valid_accuracy": 0.3}
    return {
        "number": number,
        "settings": {"fit.lr": 10.0**-number},
        "state": state,
        "figure": figure,
        "validation": {"clip": {"interval": [figure - LOW, figure + HIGH]}} if figure else {},
        "best_epoch": {"cnn": 1},
        "history": {"cnn": [{"epoch": 1.0, **row}, {"epoch": 2.0, **row}], "svc": []},
        **more,
    }


def report(*trials: dict[str, Any], figure: str = "accuracy") -> dict[str, Any]:
    done = [one for one in trials if one["state"] == "done"]
    best = max(done, key=lambda one: one["figure"], default=None)
    space = {"fit.lr": {"choices": [], "log": True}}
    return {
        "trials": list(trials),
        "keys": {"fit.lr": "lr"},
        "judge": {"figure": f"validation/clip/{figure}"},
        "best": best,
        "spec": {"space": space},
    }


@pytest.mark.parametrize(
    ("number", "member", "name"),
    [(3, "cnn", "003-cnn-loss"), (12, "", "012-loss"), (1, "a b/ç", "001-a-b-ç-loss")],
)
def test_curves_are_named_by_trial_and_network(number: int, member: str, name: str) -> None:
    assert curve_name(number, member, "loss") == name


def test_a_plot_over_a_parameter_is_named_after_it() -> None:
    assert range_name("m.lr") == "by-m-lr"


def test_only_networks_have_curves() -> None:
    assert curves_of(trial(1, 0.5)) == ["cnn"]
    assert curves_of(trial(1, 0.5, history={})) == []


def test_everything_that_ended_well_is_drawn() -> None:
    drawn = draw(report(trial(1, 0.5), trial(2, None, "failed", history={}), trial(3, 0.7)))
    assert set(drawn) == {
        *("settings", "by-lr"),
        *(f"{n}-cnn-{kind}" for n in ("001", "003") for kind in ("accuracy", "loss")),
    }


def test_a_loss_that_is_no_number_leaves_a_gap() -> None:
    axes = draw(report(trial(1, 0.5)))["001-cnn-loss"].axes[0]
    training, validation = axes.lines[:2]
    assert list(training.get_ydata()) == [2.0, 2.0]
    assert all(math.isnan(value) for value in validation.get_ydata().astype(float))


def test_intervals_are_those_of_the_trials() -> None:
    axes = settings(report(trial(1, 0.5), trial(2, 0.6))).axes[0]
    bars = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert bars == [pytest.approx([0.5, 0.8]), pytest.approx([0.4, 0.7])]  # the first on top
    f1 = settings(report(trial(1, 0.5), figure="macro_f1")).axes[0]
    assert [len(line.get_xdata()) for line in f1.lines] == [1]
    assert f1.get_xlabel() == "validation macro F1 by clip"


def test_names_give_way_to_numbers_when_they_are_long() -> None:
    short = settings(report(trial(1, 0.5))).axes[0].get_yticklabels()
    assert [text.get_text() for text in short] == ["lr 0.1"]
    long = trial(7, 0.5, settings={"fit.lr": "x" * LONGEST})
    assert [t.get_text() for t in settings(report(long)).axes[0].get_yticklabels()] == ["no 7"]


def test_each_setting_is_a_point_over_its_parameter_the_best_in_orange() -> None:
    axes = scatter(report(trial(1, 0.5), trial(2, 0.6), trial(3, None, "pruned")), "fit.lr").axes[0]
    points = [(line.get_xdata()[0], line.get_ydata()[0], line.get_color()) for line in axes.lines]
    assert points == [(0.1, 0.5, BLUE), (0.01, 0.6, ORANGE)]
    assert axes.get_xscale() == "log"


def test_the_same_report_gives_the_same_picture() -> None:
    one, two = (svg(settings(report(trial(1, 0.5), trial(2, 0.6)))) for _ in range(2))
    assert one == two
