"""``genrewise report``: what it prints, what it leaves, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genrewise.cli import main
from genrewise.cli.output import plain_numbers


def level(accuracy: float, n: int) -> dict[str, Any]:
    row = {"precision": accuracy, "recall": accuracy, "f1": accuracy, "n": n}
    scores = {"accuracy": accuracy, "interval": [accuracy - 0.1, accuracy + 0.1]}
    figures = {"macro_f1": accuracy, "weighted_f1": accuracy, "n": n, "groups": 3}
    return {**scores, **figures, "absent": [], "per_label": {"dub": row}}


def report(name: str, accuracy: float, protocol: str) -> dict[str, Any]:
    part = {"clip": level(accuracy, 20), "track": level(accuracy, 10)}
    return {
        "name": name,
        "title": "",
        "protocol": protocol,
        "leaks": {"tracks": 5, "groups": 5, "windows": 19, "of": 20},
        "data": {"name": "mine", "labels": ["dub"]},
        "split": {"seed": 0},
        "validation": part,
        "test": part,
        "published": {"figure": "accuracy", "value": 0.75, "unit": "clip"},
        "minutes": 1.0,
    }


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for protocol, accuracy in (("honest", 0.5), ("published", 0.8)):
        folder = tmp_path / "runs" / protocol
        folder.mkdir(parents=True)
        values = report("000-cnn", accuracy, protocol)
        (folder / "report.json").write_text(json.dumps(values), encoding="utf-8")
    return tmp_path / "runs"


def test_a_table_a_sentence_and_a_page(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["report", str(runs), "-o", str(out)]) == 0
    shown = capsys.readouterr()
    head, line = shown.out.splitlines()
    assert head.split()[:2] == ["system", "measured"]
    assert "000-cnn  accuracy by clip        0.750" in line
    assert "+30.0" in line
    assert "it scores 30 points higher" in shown.err
    assert f"report: {out / 'report.html'}" in shown.err
    left = {path.name for path in out.iterdir()}
    assert left == {"report.html", "report.json", "report.md", "table.tex", "figures"}


def test_json_is_the_file(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs), "-o", str(tmp_path / "out"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    left = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert shown == plain_numbers(left)
    assert shown["systems"][0]["difference"] == pytest.approx(0.3)


def test_a_broken_report_is_named_and_the_rest_is_done(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = runs / "report.json"
    broken.write_text("{", encoding="utf-8")
    assert main(["report", str(runs), "-o", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert f"{broken}: Expecting property name" in shown.err
    assert "000-cnn" in shown.out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "gone: not there; expected a folder with runs in it"),
        (lambda path: path.mkdir(), "gone: no report there; expected folders with report.json"),
    ],
)
def test_nothing_to_report_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    said: str,
) -> None:
    make(tmp_path / "gone")
    assert main(["report", str(tmp_path / "gone"), "-o", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "-o", "out"]) == 2
    assert "FOLDER" in capsys.readouterr().err
