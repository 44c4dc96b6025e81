"""Pairs of runs on the same test tracks."""

from __future__ import annotations

import csv

import pytest
from scipy.stats import binomtest

from genrewise.training.report.collect import collect
from genrewise.training.report.duels import duels, right_tracks
from genrewise.training.report.systems import systems


def predict(path, right, level="track", part="test"):
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["part", "level", "track", "truth", "answer"])
        if not file.tell():
            writer.writeheader()
        for i, is_right in enumerate(right):
            answer = "dub" if is_right else "polka"
            row = {"part": part, "level": level, "track": f"t{i}", "truth": "dub"}
            writer.writerow({**row, "answer": answer})


@pytest.fixture
def three(put, make_report, tmp_path):
    """Runs whose answers to ten tracks are known; the third has other tracks."""
    for name, right in (("a", "1111100000"), ("b", "1111011110"), ("c", "111")):
        path = put(f"{name}/report.json", make_report(name))
        predict(path.parent / "predictions.csv", [r == "1" for r in right])
    return tmp_path


def test_only_test_tracks_count(tmp_path):
    path = tmp_path / "predictions.csv"
    predict(path, [True, False])
    predict(path, [True] * 5, level="window")
    predict(path, [True] * 5, part="validation")
    assert right_tracks(path) == {("t0", "dub"): True, ("t1", "dub"): False}


def test_pairs_with_the_same_tracks_are_counted(three):
    (found,) = duels(systems(collect([three])))
    assert (found["a"], found["b"], found["n"]) == ("a", "b", 10)
    assert (found["right_a"], found["right_b"]) == (5, 8)
    assert (found["only_a"], found["only_b"]) == (1, 4)
    assert found["p"] == pytest.approx(binomtest(1, 5, 0.5).pvalue)


def test_leaking_runs_and_runs_without_predictions_are_left_out(three, put, make_report):
    put("b/report.json", make_report("b", protocol="published"))
    assert duels(systems(collect([three]))) == []
    put("b/report.json", make_report("b"))
    (three / "a" / "predictions.csv").unlink()
    assert duels(systems(collect([three]))) == []


def test_the_order_of_the_rows_does_not_matter(three):
    before = duels(systems(collect([three])))
    path = three / "a" / "predictions.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")
    assert duels(systems(collect([three]))) == before
