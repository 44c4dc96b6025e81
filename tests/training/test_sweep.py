"""Sweeps from their file to their table: killed, resumed, side by side, refused."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import DatasetError, RecipeError, UnknownName
from genrewise.training.sweep import SweepJob, run_sweep
from genrewise.training.sweep_state import alone

BASE = """
name = "toy"
[data]
source = "synthetic:genres=3,tracks_per_genre=6,seconds=4,tracks_per_artist=2"
[features.timbre]
kind = "statistics"
[fit]
folds = 2
choose = "holdout"
[model]
candidates = [["m"]]
[model.members.m]
model = "knn"
inputs = ["timbre"]
[model.members.net]
model = "mlp"
inputs = ["timbre"]
params = {max_epochs = 8, hidden = [8]}
"""
NEIGHBOURS = "model.members.m.params.n_neighbors"
GRID = f"""
name = "neighbours"
base = "toy.toml"
[published]
note = "three is best"
best = {{"{NEIGHBOURS}" = 3}}
[grid]
"{NEIGHBOURS}" = [3, 500, 1, 400]
"""
NETS = """
name = "rates"
base = "toy.toml"
set = {"model.candidates" = [["net"]]}
[search]
prune = true
[grid]
"model.members.net.params.lr" = [0.05, 0.02, 1e-7]
"""

Row = dict[str, str]

pytestmark = pytest.mark.timeout(300)  # a process a trial, on a machine that may be busy


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps")
    for name, text in (("toy", BASE), ("grid", GRID), ("nets", NETS)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def own_cache(cache: Path) -> Path:
    return cache


@pytest.fixture(scope="module")
def whole(
    files: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], list[str]]:
    """A grid of four, one at a time: its folder, its report, what it said."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(shared_cache))
        report = run_sweep(SweepJob(files / "grid.toml", folder, jobs=1, say=said.append))
    return folder, report, said


def rows(folder: Path) -> list[Row]:
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def timeless(folder: Path) -> list[Row]:
    return [{k: v for k, v in row.items() if k != "minutes"} for row in rows(folder)]


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        times = ("minutes", "seconds", "log")
        return {k: without_times(v) for k, v in value.items() if k not in times}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def report_of(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


# ------------------------------------------------------------------ what it leaves


def test_it_leaves_tables_figures_a_page_and_a_folder_a_trial(whole: Any) -> None:
    folder, report, _ = whole
    names = {path.name for path in folder.iterdir()}
    assert {"sweep.json", "report.json", "report.html", "report.md", "table.csv"} <= names
    assert {"table.tex", "journal.log", "figures", "trials"} <= names
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".svg", ".png"}
    trials = sorted(path.name for path in (folder / "trials").iterdir())
    assert trials == ["001", "002", "003", "004"]
    assert (folder / "trials" / "001" / "report.html").is_file()
    assert report_of(folder) == json.loads(json.dumps(report))
    assert report["kind"] == "sweep"
    assert report["state"] == "done"


def test_every_setting_is_in_the_table_the_failed_one_with_its_reason(whole: Any) -> None:
    folder, report, _ = whole
    found = rows(folder)
    assert [row[NEIGHBOURS] for row in found] == ["3", "500", "1", "400"]
    assert [row["state"] for row in found] == ["done", "failed", "done", "failed"]
    assert "n_neighbors 500" in found[1]["reason"]
    assert found[1]["figure"] == ""
    log = (folder / "trials" / "002" / "log.txt").read_text(encoding="utf-8")
    assert "Traceback" in log
    assert report["trials"][1]["reason"] == found[1]["reason"]


def test_the_best_is_the_first_of_the_best_and_held_against_the_authors(whole: Any) -> None:
    _, report, _ = whole
    figures = {t["number"]: t["figure"] for t in report["trials"] if t["state"] == "done"}
    best = max(figures.values())
    assert report["best"]["figure"] == best
    assert report["best"]["number"] == min(n for n, f in figures.items() if f == best)
    assert report["agrees"] == (report["best"]["settings"][NEIGHBOURS] == 3)


def test_the_test_part_is_never_seen(whole: Any) -> None:
    folder, report, _ = whole
    assert report["test"] is None
    for trial in report["trials"]:
        if trial["state"] == "done":
            found = json.loads((folder / trial["folder"] / "report.json").read_text())
            assert found["test"] == {}
            assert not any("test part opened" in line for line in found["log"])
            assert trial["validation"]["clip"]["accuracy"] == trial["figure"]
            with (folder / trial["folder"] / "predictions.csv").open(encoding="utf-8") as file:
                assert {row["part"] for row in csv.DictReader(file)} == {"validation"}


def test_a_line_is_said_for_each_trial(whole: Any) -> None:
    _, report, said = whole
    assert len(said) == 4
    assert said[0].startswith("1/4  n_neighbors 3: ")
    assert f"{report['trials'][0]['figure']:.3f}" in said[0]
    assert said[1].startswith("2/4  n_neighbors 500: failed, n_neighbors 500 with ")


def test_a_set_of_reports_takes_it_as_one_and_its_trials_not_at_all(whole: Any) -> None:
    from genrewise.training.report.collect import collect

    found = collect([whole[0].parent])
    assert [source.report["name"] for source in found.sweeps] == ["neighbours"]
    assert found.runs == found.seeds == ()
    assert len(list(whole[0].rglob("report.json"))) == 3


# ------------------------------------------------------------------ the same again


def test_side_by_side_gives_the_same_as_one_by_one(whole: Any, files: Path, tmp_path: Path) -> None:
    run_sweep(SweepJob(files / "grid.toml", tmp_path, jobs=2))
    assert timeless(tmp_path) == timeless(whole[0])
    assert without_times(report_of(tmp_path)) == without_times(report_of(whole[0]))


KILLED = """
import os, signal, sys
from pathlib import Path
from genrewise.training.sweep import SweepJob, run_sweep

def say(line):
    if line.startswith("2/"):
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))

if __name__ == "__main__":
    run_sweep(SweepJob(sys.argv[1], Path(sys.argv[2]), jobs=1, say=say))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_half_way_and_resumed_the_table_is_the_same(
    whole: Any, files: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    folder = tmp_path / "out"
    command = [sys.executable, str(script), str(files / "grid.toml"), str(folder), "SIGKILL"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    assert left["state"] == "running"
    assert [trial["number"] for trial in left["trials"]] == [1, 2]
    assert not (folder / "report.json").exists()
    first = (folder / "trials" / "001" / "report.json").stat().st_mtime_ns
    with pytest.raises(DatasetError, match=r"holds a sweep, 2 of 4 settings done.*--resume"):
        run_sweep(SweepJob(files / "grid.toml", folder))
    said: list[str] = []
    run_sweep(SweepJob(files / "grid.toml", folder, resume=True, say=said.append))
    assert sorted(line[:3] for line in said) == ["3/4", "4/4"]
    assert timeless(folder) == timeless(whole[0])
    assert without_times(report_of(folder)) == without_times(report_of(whole[0]))
    assert (folder / "trials" / "001" / "report.json").stat().st_mtime_ns == first


def test_ctrl_c_leaves_what_was_done_and_says_how_to_go_on(files: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(SweepJob(files / "grid.toml", tmp_path, jobs=1, say=say))
    assert said[-1] == "1 of 4 settings are done; --resume goes on with the rest"
    state = json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))
    assert len(state["trials"]) == 1


def test_a_finished_sweep_resumed_is_as_it_was(whole: Any, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(whole[0], folder)
    shutil.rmtree(folder / "figures")
    said: list[str] = []
    again = run_sweep(SweepJob(files / "grid.toml", folder, resume=True, say=said.append))
    assert said == []
    assert without_times(again) == without_times(whole[1])
    assert (folder / "figures" / "settings.svg").is_file()


def test_resume_in_an_empty_folder_begins(files: Path, tmp_path: Path) -> None:
    settings = ("search.trials=1",)
    report = run_sweep(SweepJob(files / "grid.toml", tmp_path, settings, resume=True))
    assert [trial["number"] for trial in report["trials"]] == [1]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("search.trials=2", "spec.search.trials was 0, is 2"),
        ("fit.seed=5", "recipe.fit.seed was 0, is 5"),
        ("judge.direction=minimize", 'spec.judge.direction was "maximize", is "minimize"'),
    ],
)
def test_going_on_with_other_settings_is_refused(
    whole: Any, files: Path, setting: str, words: str
) -> None:
    with pytest.raises(RecipeError) as error:
        run_sweep(SweepJob(files / "grid.toml", whole[0], (setting,), resume=True))
    assert words in str(error.value)
    assert "another folder" in str(error.value)


def test_two_at_once_in_a_folder_are_refused(files: Path, tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(DatasetError, match="another sweep is running here"):
        run_sweep(SweepJob(files / "grid.toml", tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GRID.replace("n_neighbors", "n_neighbours"), "Did you mean n_neighbors"),
        (GRID.replace('"model.members.m', '"modell.members.m'), "unknown key modell"),
        (GRID.replace("toy.toml", "000/toy"), "no recipe named '000/toy'"),
        (GRID + '"fit.folds" = [1]\n', "fit.folds"),
    ],
)
def test_what_no_recipe_has_is_refused_at_once(
    files: Path, tmp_path: Path, text: str, words: str
) -> None:
    path = files / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((RecipeError, UnknownName), match=words):
        run_sweep(SweepJob(path, tmp_path / "out"))
    assert not (tmp_path / "out" / "trials").exists()


def test_data_that_are_not_there_are_told_once(files: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = ("data.source=nothing-here",)
    with pytest.raises(DatasetError, match="nothing-here"):
        run_sweep(SweepJob(files / "grid.toml", tmp_path, settings, say=said.append))
    assert said == []


# ------------------------------------------------------------------ networks, the end


@pytest.fixture(scope="module")
def raced(
    files: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Three learning rates, the last of which learns nothing, one after the other."""
    folder = tmp_path_factory.mktemp("raced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(shared_cache))
        report = run_sweep(SweepJob(files / "nets.toml", folder, jobs=1, finish=True))
    return folder, report


def test_a_network_that_falls_behind_is_ended_early(raced: Any) -> None:
    _, report = raced
    assert [trial["state"] for trial in report["trials"]] == ["done", "done", "pruned"]
    assert len(report["trials"][2]["history"][""]) == 5
    assert report["trials"][2]["figure"] is None
    assert report["best"]["number"] in (1, 2)


def test_every_network_has_its_curves(raced: Any) -> None:
    folder, report = raced
    names = {path.name for path in (folder / "figures").iterdir()}
    for stem in ("001-net-accuracy", "002-net-loss", "003-accuracy", "003-loss"):
        assert {f"{stem}.svg", f"{stem}.png"} <= names
    first = report["trials"][0]
    assert [row["epoch"] for row in first["history"]["net"]] == list(range(1, 9))
    assert 1 <= first["best_epoch"]["net"] <= 8
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<h3>lr ") == 3
    assert "ended early" in page


def test_the_winner_alone_opens_the_test_part_at_the_end(raced: Any) -> None:
    folder, report = raced
    assert set(report["test"]) == {"window", "clip", "track"}
    found = json.loads((folder / "best" / "report.json").read_text(encoding="utf-8"))
    assert found["test"]["clip"]["accuracy"] == report["test"]["clip"]["accuracy"]
    assert sum("test part opened" in line for line in found["log"]) == 1
    assert (folder / "best" / "rates.genrewise").is_file()
    lr = json.loads((folder / "best" / "recipe.json").read_text())["model"]["members"]["net"]
    assert lr["params"]["lr"] == next(iter(report["best"]["settings"].values()))


def test_a_figure_that_was_finished_is_not_measured_again(
    raced: Any, files: Path, own_cache: Path
) -> None:
    assert own_cache.is_dir()
    folder, report = raced
    before = (folder / "best" / "report.json").stat().st_mtime_ns
    again = run_sweep(SweepJob(files / "nets.toml", folder, resume=True, finish=True))
    assert (folder / "best" / "report.json").stat().st_mtime_ns == before
    assert without_times(again) == without_times(report)
