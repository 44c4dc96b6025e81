"""``genrewise sweep`` as a stranger types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from genrewise.cli import main
from genrewise.training.sweep_spec import sweep_names

BASE = """
name = "toy"
[data]
source = "synthetic:genres=3,tracks_per_genre=6,seconds=4,tracks_per_artist=2"
[features.timbre]
kind = "statistics"
[fit]
folds = 2
choose = "holdout"
[model.members.m]
model = "knn"
inputs = ["timbre"]
"""
SWEEP = """
name = "neighbours"
base = "toy.toml"
[published]
note = "three is best"
[grid]
"model.members.m.params.n_neighbors" = [1, 500, 3]
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Path:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path_factory.getbasetemp() / "sweep-cache"))
    (tmp_path / "toy.toml").write_text(BASE, encoding="utf-8")
    (tmp_path / "s.toml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def call(*args: str | Path, code: int = 0) -> None:
    assert main(list(map(str, args))) == code


def test_a_line_a_trial_and_a_table_at_the_end(files: Path, capsys: Any) -> None:
    """One setting fails, so the exit code is 1."""
    call("sweep", files / "s.toml", "-o", files / "out", "--jobs", "1", code=1)
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines()]
    assert table[0][:3] == ["no", "n_neighbors", "accuracy"]
    assert [row[:2] for row in table[1:]] == [["1", "1"], ["2", "500"], ["3", "3"]]
    assert "n_neighbors 500" in out.splitlines()[2]
    assert sum("best" in row for row in table[1:]) == 1
    said = err.splitlines()
    assert [line[:3] for line in said[:3]] == ["1/3", "2/3", "3/3"]
    assert said[3].startswith("Best of 3 settings: n_neighbors ")
    assert said[4].startswith("The authors: three is best.")
    assert said[5] == f"report: {files / 'out' / 'report.html'}"


def test_the_report_as_json(files: Path, capsys: Any) -> None:
    few = ("--set", "search.trials=1", "--json", "--prune", "--finish", "--threads", "2")
    call("sweep", files / "s.toml", "-o", files / "out", *few)
    report = json.loads(capsys.readouterr().out)
    assert report["kind"] == "sweep"
    assert report["total"] == 1
    assert report["spec"]["search"]["prune"] is True
    assert report["test"]["clip"]["n"] > 0
    assert (files / "out" / "best" / "neighbours.genrewise").is_file()
    stored = json.loads((files / "out" / "report.json").read_text(encoding="utf-8"))
    assert stored.keys() == report.keys()


def test_wrong_use_is_told_in_a_line(files: Path, capsys: Any) -> None:
    call("sweep", "003/learning-rat", "-o", files / "out", code=2)
    assert "Did you mean 003/learning-rate?" in capsys.readouterr().err
    call("sweep", files / "s.toml", "-o", files / "out", "--set", "fit.fold=3", code=2)
    assert "unknown key fit.fold" in capsys.readouterr().err
    call("sweep", files / "s.toml", "-o", files / "out", "--protocol", "published", code=2)
    assert "has no published protocol" in capsys.readouterr().err
    assert not (files / "out").exists()


def test_an_unfinished_folder_asks_for_resume(files: Path, capsys: Any) -> None:
    few = ("--set", "search.trials=1")
    call("sweep", files / "s.toml", "-o", files / "out", *few)
    call("sweep", files / "s.toml", "-o", files / "out", *few, code=2)
    assert "--resume" in capsys.readouterr().err
    call("sweep", files / "s.toml", "-o", files / "out", *few, "--resume")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_says_how_to_go_on(files: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "genrewise", "sweep", files / "s.toml", "-o", files / "out"]
    with subprocess.Popen(
        [*command, "--jobs", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        line = running.stderr.readline()
        assert line.startswith("1/3"), line
        os.killpg(running.pid, number)  # as a terminal does: to all of the group
        rest = running.stderr.read()
        assert running.wait() == code
    assert "1 of 3 settings are done; --resume goes on with the rest" in rest
    assert "Traceback" not in rest
    for _ in range(100):
        if not _group(running.pid):
            break
        time.sleep(0.1)
    assert _group(running.pid) == []
    state = json.loads((files / "out" / "sweep.json").read_text(encoding="utf-8"))
    assert [trial["number"] for trial in state["trials"]] == [1]


def _group(leader: int) -> list[int]:
    """Processes of a group that live, where there is a /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", sweep_names())
def test_every_sweep_runs_on_synthetic_music(name: str, files: Path, capsys: Any) -> None:
    call("sweep", name, "--fast", "-o", files / "out", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["name"] == name.replace("/", "-")
    assert [trial["state"] for trial in report["trials"]] == ["done", "done"]
    assert report["fast"] is True
    page = (files / "out" / "report.html").read_text(encoding="utf-8")
    assert report["published"]["note"][:30] in page
