"""Tables, plots and page of a sweep, from values written by hand."""

from __future__ import annotations

import csv
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from genrewise.training.sweep_figures import draw
from genrewise.training.sweep_plan import Plan
from genrewise.training.sweep_report import (
    found_words,
    page,
    settings_grid,
    verdict,
    write_sweep,
)
from genrewise.training.sweep_spec import parse_sweep
from genrewise.training.sweep_state import write_state
from genrewise.training.sweep_summary import (
    epochs_of,
    figure_words,
    line_of,
    setting_text,
    summary,
    value_text,
)

KEY, PAIR = "model.members.cnn.params.lr", "model.members.cnn.params.plateau"
SWEEP = {
    "name": "rates",
    "title": "Rates & plateaus",
    "system": "003",
    "notes": "Notes <here>.",
    "base": "003/cnn",
    "choices": ["ours"],
    "published": {"note": "small is best", "source": "section 5", "best": {KEY: 0.001}},
    "grid": {KEY: [0.1, 0.001], PAIR: [[0.1, 5], [0.5, 15]]},
}


def scores(accuracy: float, n: int = 40) -> dict[str, Any]:
    half = 0.06
    return {
        "accuracy": accuracy,
        "interval": [accuracy - half, accuracy + half],
        "macro_f1": accuracy - 0.01,
        "weighted_f1": accuracy - 0.02,
        "nll": 1 - accuracy,
        "n": n,
    }


def outcome(accuracy: float, epochs: int = 3) -> dict[str, Any]:
    history = [
        {
            "epoch": float(e + 1),
            "train_loss": 2.0 - 0.1 * e,
            "train_accuracy": 0.1 * e,
            "valid_loss": None if e == 1 else 2.1 - 0.1 * e,
            "valid_accuracy": accuracy,
        }
        for e in range(epochs)
    ]
    return {
        "state": "done",
        "figure": accuracy,
        "minutes": 1.25,
        "protocol": "honest",
        "leaks": None,
        "chosen": ["cnn"],
        "validation": {"clip": scores(accuracy), "track": scores(accuracy + 0.02)},
        "best_epoch": {"cnn": 2},
        "history": {"cnn": history},
    }


def report(*ended: dict[str, Any], test: Any = None, **more: Any) -> dict[str, Any]:
    """A sweep whose first trials ended like this."""
    from genrewise.training.recipe import load
    from genrewise.training.sweep_spec import grid

    sweep = parse_sweep({**SWEEP, **more}, "rates.toml")
    plan = Plan(sweep, load("003/cnn"), (), "honest", False, sweep.total())
    outcomes = {n: (grid(sweep)[n - 1], one) for n, one in enumerate(ended, 1)}
    return summary(plan, outcomes, 5.5, "done", test)


FAILED = {"state": "failed", "reason": "the loss is nan", "minutes": 0.1, "figure": None}
PRUNED = {
    "state": "pruned",
    "minutes": 0.5,
    "figure": None,
    "history": {"": [{"epoch": 1.0, "train_loss": 2.0, "train_accuracy": 0.1}]},
}


@pytest.fixture
def full() -> dict[str, Any]:
    return report(outcome(0.5), FAILED, outcome(0.8), PRUNED)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left of that sweep."""
    folder = tmp_path_factory.mktemp("written")
    write_sweep(folder, report(outcome(0.5), FAILED, outcome(0.8), PRUNED))
    return folder


# ------------------------------------------------------------------ values


def test_the_best_is_by_the_figure_and_its_direction() -> None:
    found = report(outcome(0.5), outcome(0.8), outcome(0.8))
    assert found["best"] == {
        "number": 2,
        "settings": {KEY: 0.1, PAIR: [0.5, 15]},
        "figure": 0.8,
    }
    judge = {"figure": "validation/clip/nll", "direction": "minimize"}
    low = [{**outcome(a), "figure": 1 - a} for a in (0.5, 0.8, 0.6)]
    assert report(*low, judge=judge)["best"]["number"] == 2


def test_close_are_those_within_the_interval_of_the_best() -> None:
    assert report(outcome(0.80), outcome(0.75), outcome(0.7), FAILED)["close"] == [2]
    assert report(outcome(0.80))["close"] == []
    judge = {"figure": "validation/clip/macro_f1"}
    assert report(outcome(0.80), outcome(0.79), judge=judge)["close"] == []


def test_agreement_with_the_authors() -> None:
    assert report(outcome(0.5), outcome(0.5), outcome(0.8))["agrees"] is True
    assert report(outcome(0.8), outcome(0.5), outcome(0.5))["agrees"] is False
    assert report(outcome(0.5))["agrees"] is None  # theirs was not tried
    assert report(outcome(0.5), outcome(0.5), FAILED)["agrees"] is None
    assert report(FAILED)["agrees"] is None
    assert report(outcome(0.5), published={"note": "none"})["agrees"] is None


def test_without_a_trial_that_ended_well_there_is_no_best() -> None:
    found = report(FAILED, PRUNED)
    assert found["best"] is None
    assert found_words(found) == "No setting could be run to its end."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "0.0001"),
        (0.123456, "0.1235"),
        (1.0, "1"),
        (3, "3"),
        (True, "true"),
        ("valid_loss", "valid_loss"),
        ([0.1, 5], "0.1, 5"),
        ({"length": 1.0, "tail": "drop"}, "length 1, tail drop"),
    ],
)
def test_values_are_written_for_people(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_a_setting_has_the_short_names_of_its_keys(full: dict[str, Any]) -> None:
    text = setting_text(full["keys"], full["trials"][0]["settings"])
    assert text == "lr 0.1 · plateau 0.1, 5"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accuracy", "accuracy by clip"),
        ("weighted_f1", "weighted F1 by clip"),
        ("right_when_answered", "right when answered by clip"),
        ("ece", "calibration error by clip"),
    ],
)
def test_figures_have_names(name: str, words: str) -> None:
    assert figure_words(name, "clip") == words


def test_lines_tell_how_each_ended(full: dict[str, Any]) -> None:
    lines = [line_of(full, trial) for trial in full["trials"]]
    assert lines == [
        "1/4  lr 0.1 · plateau 0.1, 5: 0.500, best epoch 2 of 3, 1.2 min",
        "2/4  lr 0.1 · plateau 0.5, 15: failed, the loss is nan",
        "3/4  lr 0.001 · plateau 0.1, 5: 0.800, best epoch 2 of 3, 1.2 min",
        "4/4  lr 0.001 · plateau 0.5, 15: ended early, after epoch 1",
    ]


def test_epochs_of_several_networks() -> None:
    trial = {"best_epoch": {"a": 2, "b": 7}, "history": {"a": [{}] * 4, "b": [{}] * 9}}
    assert epochs_of(trial) == ("2, 7", "4, 9")
    assert epochs_of({"best_epoch": {}, "history": {}}) == ("", "")


def test_words_of_what_was_found() -> None:
    clear = report(outcome(0.5), FAILED, outcome(0.8))
    assert found_words(clear) == (
        "Best of 4 settings: lr 0.001 · plateau 0.1, 5, validation accuracy by clip 0.800."
    )
    assert verdict(clear) == "So do we."
    narrow = report(outcome(0.78), outcome(0.77), outcome(0.8))
    assert "2 others lie within its 95 % interval" in found_words(narrow)
    assert verdict(narrow) == "So do we, by less than the validation part can tell."
    assert verdict(report(outcome(0.9), outcome(0.5), outcome(0.5))) == "We find another."
    assert verdict(report(FAILED)) == ""


# ------------------------------------------------------------------ tables


def test_the_table_has_a_row_a_setting(full: dict[str, Any]) -> None:
    grid = settings_grid(full)
    assert grid.head == [
        *("no", "lr", "plateau", "accuracy by clip", "95 %", "accuracy by track"),
        *("best epoch", "epochs", "minutes", "note"),
    ]
    assert [row[0] for row in grid.rows] == ["1", "2", "3", "4"]
    assert grid.rows[2][3:6] == [0.8, (0.74, pytest.approx(0.86)), pytest.approx(0.82)]
    assert [row[-1] for row in grid.rows] == ["", "the loss is nan", "best", "ended early"]
    assert {len(row) for row in grid.rows} == {len(grid.head)}


def test_an_interval_stands_beside_the_figure_that_it_belongs_to() -> None:
    judge = {"figure": "validation/clip/macro_f1"}
    grid = settings_grid(report(outcome(0.5), judge=judge))
    assert grid.head[3:6] == ["macro F1 by clip", "accuracy by clip", "accuracy by track"]


def test_on_a_terminal_there_is_less(full: dict[str, Any]) -> None:
    grid = settings_grid(full, brief=True)
    assert "accuracy by track" not in grid.head
    assert {len(row) for row in grid.rows} == {len(grid.head)}
    many = {f"fit.k{i}": [1] for i in range(4)}
    assert settings_grid(report(outcome(0.5), grid=many), brief=True).head[:2] == [
        "no",
        "accuracy by clip",
    ]


def test_the_csv_reads_back_as_values(full: dict[str, Any], written: Path) -> None:
    with (written / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [tomllib.loads(f"v = {row[PAIR]}")["v"] for row in rows] == [
        trial["settings"][PAIR] for trial in full["trials"]
    ]
    assert [float(row["figure"] or "nan") for row in rows] == pytest.approx(
        [0.5, math.nan, 0.8, math.nan], nan_ok=True
    )
    assert float(rows[2]["clip_nll"]) == pytest.approx(0.2)
    assert (rows[2]["low"], rows[2]["best_epoch"], rows[2]["epochs"]) == ("0.74", "2", "3")


def test_latex_and_markdown_have_the_same_rows(written: Path) -> None:
    tex = (written / "table.tex").read_text(encoding="utf-8")
    body = tex.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    assert body.count(r"\\") == 4
    assert r"rates, validation, protocol honest" in tex
    text = (written / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# rates\n\nBest of 4 settings")
    assert sum(line.startswith("| ") for line in text.splitlines()) == 6


# ------------------------------------------------------------------ plots and page


def test_there_is_a_plot_of_accuracy_and_loss_for_each_setting(full: dict[str, Any]) -> None:
    names = set(draw(full))
    curves = {f"{n}-{kind}" for n in ("001-cnn", "003-cnn", "004") for kind in ("accuracy", "loss")}
    assert names == {"settings", *curves}
    assert draw(report(FAILED)) == {}


def test_the_plot_of_settings_marks_the_best(full: dict[str, Any]) -> None:
    from genrewise.training.report.figures import BLUE, ORANGE

    axes = draw(full)["settings"].axes[0]
    points = {
        line.get_xdata()[0]: line.get_color() for line in axes.lines if len(line.get_xdata()) == 1
    }
    assert points == {0.5: BLUE, 0.8: ORANGE}
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        "lr 0.001 · plateau 0.1, 5",
        "lr 0.1 · plateau 0.1, 5",
    ]


def test_long_settings_are_told_by_number() -> None:
    many = {f"fit.parameter_{i}": [1.5] for i in range(4)}
    axes = draw(report(outcome(0.5), grid=many))["settings"].axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["no 1"]


def test_a_parameter_that_was_drawn_has_a_plot_of_its_own() -> None:
    spaces = {"fit.lr": {"low": 0.001, "high": 1.0, "log": True}, "fit.kind": {"choices": ["a"]}}
    drawn = {"grid": {}, "space": spaces, "search": {"sampler": "random", "trials": 2}}
    sweep = parse_sweep({**SWEEP, **drawn, "published": {}}, "rates.toml")
    from genrewise.training.recipe import load

    plan = Plan(sweep, load("003/cnn"), (), "honest", False, 2)
    tried = [({"fit.lr": lr, "fit.kind": "a"}, outcome(a)) for lr, a in ((0.01, 0.4), (0.1, 0.6))]
    found = draw(summary(plan, dict(enumerate(tried, 1)), 1.0, "done", None))
    assert "by-kind" not in found
    axes = found["by-lr"].axes[0]
    assert axes.get_xscale() == "log"
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines] == [
        (0.01, 0.4),
        (0.1, 0.6),
    ]


def test_the_page_stands_alone_and_tells_everything(full: dict[str, Any], written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "<script" not in text
    for words in (
        "Rates &amp; plateaus",
        "The authors: “small is best” (section 5). So do we.",
        "Notes &lt;here&gt;.",
        "<li>ours</li>",
        "the loss is nan",
        "not opened",
        "ended early",
    ):
        assert words in text
    assert text.count("<h3>lr ") == 3
    figures = {p.name for p in (written / "figures").iterdir()}
    assert len(figures) == 2 * len(draw(full))


def test_links_of_the_page_lead_to_its_sections(full: dict[str, Any]) -> None:
    text = page(full, {})
    assert set(re.findall(r'href="#(\w+)"', text)) == set(re.findall(r'section id="(\w+)"', text))


def test_what_leaks_is_said_in_red(full: dict[str, Any]) -> None:
    leaks = {"tracks": 9, "groups": 9, "windows": 30, "of": 40}
    text = page({**full, "protocol": "published", "leaks": leaks}, {})
    assert 'class="note red"' in text
    assert 'class="note' not in page(full, {})


def test_the_winner_on_the_test_part_has_a_table(full: dict[str, Any]) -> None:
    tested = report(outcome(0.5), test={"clip": scores(0.625), "track": scores(0.7)})
    text = page(tested, {})
    assert "The best setting on the test part" in text
    assert ".625" in text
    assert "opened once" in text
    assert "The best setting on the test part" not in page(full, {})


def test_the_same_twice(full: dict[str, Any], written: Path, tmp_path: Path) -> None:
    write_sweep(tmp_path, full)
    files = sorted(path for path in written.rglob("*") if path.is_file())
    assert len(files) > 10
    for path in files:
        twin = tmp_path / path.relative_to(written)
        assert twin.read_bytes() == path.read_bytes(), path.name


def test_what_is_no_number_is_refused_in_a_state(tmp_path: Path) -> None:
    path = tmp_path / "sweep.json"
    write_state(path, {"a": None})
    with pytest.raises(ValueError, match="JSON"):
        write_state(path, {"a": math.nan})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": None}
