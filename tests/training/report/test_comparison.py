"""The authors' figure beside ours: unit, figure, protocol and what leaks."""

from __future__ import annotations

import pytest

from genrewise.training.report import comparison
from genrewise.training.report.grids import Span


def scores(accuracy, n=10, **more):
    found = {"accuracy": accuracy, "interval": [accuracy - 0.1, accuracy + 0.1], "n": n}
    return {**found, "macro_f1": accuracy - 0.05, "weighted_f1": accuracy - 0.02, **more}


@pytest.fixture
def report():
    return {
        "protocol": "published",
        "validation": {},
        "test": {"window": scores(0.75, 200), "clip": scores(0.8, 20), "track": scores(0.85, 10)},
        "published": {
            "figure": "macro_f1",
            "value": 0.72,
            "unit": "window",
            "n": 2000,
            "protocol": "windows shuffled",
            "source": "table 2",
            "more": {"accuracy": 0.71, "loss": 0.89},
        },
    }


def test_the_figure_and_unit_are_the_authors(report):
    assert comparison.figure_of(report) == "macro_f1"
    assert comparison.unit_of(report) == "window"
    assert comparison.at_unit(report, "macro_f1", "window") == pytest.approx(0.70)


def test_without_theirs_it_is_the_accuracy_by_track(report):
    del report["published"]
    assert comparison.printed(report) == {}
    assert comparison.figure_of(report) == "accuracy"
    assert comparison.unit_of(report) == "track"


def test_a_unit_that_the_run_does_not_have_is_replaced_and_told(report):
    report["test"] = {"clip": scores(0.8)}
    assert comparison.unit_of(report) == "clip"
    assert comparison.at_unit(report, "accuracy", "window") is None
    assert "Theirs is by window, which this run does not have." in comparison.verdict(report)


def test_rows_are_theirs_then_ours_at_their_unit_then_clip_and_track(report):
    grid = comparison.compared(report)
    assert grid.head == ["", "unit", "n", "macro F1", "accuracy (95 %)", "protocol"]
    assert grid.rows[0] == ["the authors", "window", 2000, 0.72, 0.71, "windows shuffled"]
    assert [row[1] for row in grid.rows] == ["window", "window", "clip", "track"]
    assert grid.rows[1][2:4] == [200, pytest.approx(0.70)]
    assert grid.rows[3][4] == Span(0.85, 0.75, 0.95)
    assert all(row[5] == "the authors' split rule" for row in grid.rows[1:])
    assert all(len(row) == len(grid.head) for row in grid.rows)


def test_an_accuracy_needs_one_column_only(report):
    report["published"]["figure"] = "accuracy"
    grid = comparison.compared(report)
    assert grid.head == ["", "unit", "n", "accuracy (95 %)", "protocol"]
    assert all(len(row) == 5 for row in grid.rows)


def test_a_clip_unit_stands_once(report):
    report["published"]["unit"] = "clip"
    assert [row[1] for row in comparison.compared(report).rows] == ["clip", "clip", "track"]


def test_figures_without_a_test_part_say_so(report):
    report |= {"validation": report["test"], "test": {}, "protocol": "honest"}
    assert all("no test part" in row[-1] for row in comparison.compared(report).rows[1:])


@pytest.mark.parametrize(
    ("value", "words"), [(0.72, "2.0 points below"), (0.6, "10.0 points above")]
)
def test_the_verdict_counts_points(report, value, words):
    report["published"]["value"] = value
    said = comparison.verdict(report)
    assert said == f"By window, ours is {words} the authors' macro F1."
    honest = comparison.verdict({**report, "protocol": "honest"})
    assert honest.startswith(said)
    assert "different splits" in honest


def test_leaks_are_told_part_by_part(report):
    assert comparison.leak_words(report) == ""
    report["leaks"] = {"tracks": 0, "groups": 0, "windows": 0, "of": 100}
    assert comparison.leaks(report) == {}
    assert comparison.leak_words(report) == ""
    report["leaks"] = {"tracks": 1000, "groups": 0, "windows": 1950, "of": 2000}
    assert comparison.leak_words(report) == (
        "1,950 of 2,000 test windows (98 %) come from tracks that were learnt from;"
        " 1,000 tracks stand on both sides."
    )


def test_choosing_on_the_test_is_a_leak_by_itself(report):
    report["leaks"] = {"tracks": 0, "groups": 0, "windows": 0, "of": 9, "chosen_on_test": True}
    assert comparison.leak_words(report) == "the test part also stopped the training."


def test_a_share_is_whole_only_where_nothing_is_missing():
    assert comparison.share_of(207, 208) == "99 %"
    assert comparison.share_of(208, 208) == "100 %"
    assert comparison.share_of(1, 4) == "25 %"
    assert comparison.share_of(0, 0) == "0 %"


def test_what_they_printed_too(report):
    report["published"]["more"] = {"per_genre": {"rock": 0.58}, "f1": [0.7, 0.8]}
    assert comparison.said_too(report) == [("per genre", "rock 0.58"), ("f1", "0.7, 0.8")]


def test_protocols_in_words():
    assert "artist" in comparison.protocol_words("honest")
    assert "not known" in comparison.protocol_words("by file")
    assert comparison.protocol_words("something") == "something"
