"""The report of a run as Markdown has the figures of the page."""

from __future__ import annotations

import re

import pytest

from genrewise.training.report import markdown


@pytest.fixture(scope="module")
def text(run):
    return markdown.run(run[0])


def tables(text):
    """Rows of each table as lists of cells, without head and rule."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.M)
    return [[line.strip("| ").split(" | ") for line in t.splitlines()[2:]] for t in found]


def test_every_section_is_there_once(text):
    assert re.findall("^##? (.*)", text, re.M) == [
        "own-genres", "Accuracy", "Published and ours", "How it was measured",
        "Genre by genre", "What it confuses", "Candidates",
    ]  # fmt: skip


def test_levels_and_intervals_are_the_reports(run, text):
    test, validation = tables(text)[:2]
    for rows, part in ((test, "test"), (validation, "validation")):
        scores = run[0][part]
        figures = {row[0]: row[1:] for row in rows}
        assert figures["n"] == [str(scores[level]["n"]) for level in ("window", "clip", "track")]
        assert figures["accuracy"][2] == f"{scores['track']['accuracy']:.3f}"
        lo, hi = scores["clip"]["interval"]
        assert figures["95 % interval"][1] == f"{lo:.3f}–{hi:.3f}"


def test_the_matrix_is_whole(run, text):
    matrix = next(rows for rows in tables(text) if rows[0][0] == "blues" and len(rows[0]) == 6)
    counted = [[int(cell) for cell in row[1:]] for row in matrix]
    assert counted == run[0]["test"]["track"]["confusion"]


def test_choices_reductions_warnings_and_absent_genres_are_told(text):
    for line in ("* dropout of .5", "* 30 epochs for 100", "* warning: jazz: 3 groups only"):
        assert line in text
    assert "not in the test part, and in no average: jazz" in text
    assert "protocol: honest (no track, artist or known copy on both sides)" in text


def test_a_leaking_split_is_said_before_any_figure(run, text):
    assert "⚠" not in text
    leaks = {"tracks": 3, "groups": 2, "windows": 9, "of": 10}
    leaky = markdown.run({**run[0], "protocol": "published", "leaks": leaks})
    assert leaky.index("⚠") < leaky.index("## Accuracy")
    assert "9 of 10 test windows (90 %) come from tracks that were learnt from" in leaky


def test_a_run_without_test_or_authors(run):
    report = {**run[0], "test": {}, "published": {}, "choices": [], "reductions": []}
    text = markdown.run({**report, "candidates": []})
    assert "Published" not in text
    assert "Candidates" not in text
    assert text.count("## ") == 4
