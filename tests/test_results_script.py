"""The batch that runs every recipe: what it runs, passes over, keeps, and how it fails."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrewise.training import catalogue, recipe

ROOT = Path(__file__).resolve().parent.parent

#: Stands in for the program where a run must fail, differ or take hours: it leaves a report of
#: the recipe's name, whose accuracy is the first line of ACCURACY.
STUB = """
import json, os, pathlib, sys
from genrewise.training import catalogue, recipe, sweep_spec
words = sys.argv[1:]
name, options = words[1], dict(zip(words[2::2], words[3::2]))
out, protocol = pathlib.Path(options["-o"]), options["--protocol"]
beside = pathlib.Path(__file__).parent
print(" ".join(words), os.environ["OMP_NUM_THREADS"], file=(beside / "called").open("a"))
if (beside / "fail").exists() and name in (beside / "fail").read_text():
    print("Error: the disk is full"); sys.exit(int((beside / "code").read_text()))
accuracy = float((beside / "accuracy").read_text())
kind = catalogue.entry(name)["kind"]
own = sweep_spec.read_sweep(name) if kind == "sweep" else recipe.load(name, (), protocol)
level = {"accuracy": accuracy, "interval": [0.1, 0.9], "n": 9, "groups": 3, "macro_f1": 0.5}
level |= {"weighted_f1": 0.5, "per_label": {}, "absent": []}
values = {"name": own.name, "title": "old words", "protocol": protocol, "test": {"clip": level},
          "split": {"seed": 0}, "minutes": 0.1,
          "data": {"name": "d", "failed": [["rock/a.wav", "0 bytes"]]}}
values |= {"kind": "sweep"} if kind == "sweep" else {}
file = "seeds.json" if "--seeds" in options else "report.json"
(out / file).write_text(json.dumps(values))
"""


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script over a checkout of its own, with the stub for the program."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    modules = [importlib.import_module(name) for name in ("figures", "results")]
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.setattr(modules[0], "ROOT", checkout)
    monkeypatch.setattr(modules[0], "commit", lambda: "abc1234567")
    (tmp_path / "stub.py").write_text(STUB, encoding="utf-8")
    (tmp_path / "accuracy").write_text("0.5", encoding="utf-8")
    monkeypatch.setattr(modules[1], "PROGRAM", [sys.executable, str(tmp_path / "stub.py")])
    yield modules[1]
    for name in ("figures", "results"):
        sys.modules.pop(name, None)


def calls(folder: Path) -> list[str]:
    """What the stub was called with, without the folder."""
    path = folder / "called"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def kept(folder: Path) -> dict[str, Any]:
    """Reports in the repository by their place."""
    base = folder / "checkout" / "results"
    return {
        path.relative_to(base).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in base.rglob("*.json")
    }


def go(results: ModuleType, folder: Path, *options: str) -> int:
    """Call the script with a work folder."""
    return int(results.main([str(folder / "work"), *options]))


def test_everything_that_comes_along_is_run_but_the_models(results: ModuleType) -> None:
    every = list(results.tasks([], ["honest", "published"]))
    wanted = {
        (entry["name"], protocol)
        for entry in catalogue.entries()
        for protocol in entry["protocols"]
        if not entry["name"].startswith("models/")
    }
    assert {(task.entry, task.protocol) for task in every} == wanted
    assert {task.entry for task in results.tasks(["models"], ["honest"])} == {
        name for name in recipe.names() if name.startswith("models/")
    }


def test_systems_and_recipes_can_be_picked(results: ModuleType) -> None:
    found = {task.entry for task in results.tasks(["000", "split/groups"], ["honest"])}
    assert found == {n for n in recipe.names() if n.startswith("000/")} | {"split/groups"}
    assert {t.protocol for t in results.tasks(["000"], ["published"])} == {"published"}


def test_what_is_named_is_run_in_that_order(results: ModuleType) -> None:
    words = ["split/tracks", "003/cnn", "split"]
    found = [task.entry for task in results.tasks(words, ["honest"])]
    assert found == ["split/tracks", "003/cnn", "split/groups", "split/windows"]
    options = results.parse(["work", "--only", ",".join(words), "--protocol", "honest"])
    assert [task.entry for task in results.choose(options)] == found
    minutes = [task.minutes for task in results.choose(results.parse(["work"]))]
    assert minutes == sorted(minutes)


def test_several_seeds_are_a_run_of_their_own(results: ModuleType) -> None:
    found = list(results.tasks(["002/cnn"], ["honest"]))
    assert sorted(task.seeds for task in found) == [0, 5]
    assert {task.file for task in found} == {"report.json", "seeds.json"}


def test_a_run_leaves_its_figures_with_recipe_and_commit(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "0 of 1 there already"
    assert re.fullmatch(
        r"split/groups honest: \d\.\d min, results/split-groups/honest/report\.json", said[1]
    )
    assert said[2].startswith("1 done, 0 failed")
    (report,) = kept(tmp_path).values()
    assert report["commit"] == "abc1234567"
    now = recipe.load("split/groups").model_dump(mode="json")
    assert report["recipe_sha256"] == results.mark(now)
    assert report["data"]["failed"] == 1
    assert "--protocol honest" in calls(tmp_path)[0]


def test_the_pages_show_what_was_kept(results: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "checkout" / "README.md"
    page.write_text("<!-- generated: splits -->\n<!-- end -->\n", encoding="utf-8")
    assert go(results, tmp_path, "--only", "split/groups", "--fast") == 0
    assert "no artist on both sides" not in page.read_text("utf-8")
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert "| no artist on both sides | none | 0 | – | 0.500 (0.100–0.900) |" in page.read_text(
        "utf-8"
    )


def test_what_is_there_is_passed_over_until_its_recipe_changes(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert "1 of 1 there already" in capsys.readouterr().out
    assert len(calls(tmp_path)) == 1
    path = tmp_path / "checkout" / "results" / "split-groups" / "honest" / "report.json"
    path.write_text(path.read_text("utf-8").replace('"recipe_sha256": "', '"recipe_sha256": "x'))
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert len(calls(tmp_path)) == 2
    assert go(results, tmp_path, "--only", "split/groups", "--again") == 0
    assert len(calls(tmp_path)) == 3


def test_words_are_brought_up_to_date_without_a_run(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert kept(tmp_path)["split-groups/honest/report.json"]["title"] == "old words"
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert "split/groups honest: words brought up to date" in capsys.readouterr().out
    report = kept(tmp_path)["split-groups/honest/report.json"]
    assert report["title"] == recipe.load("split/groups").title
    assert report["test"]["clip"]["accuracy"] == 0.5
    assert go(results, tmp_path, "--only", "split/groups") == 0
    assert "brought up" not in capsys.readouterr().out


def test_both_protocols_seeds_and_sweeps_are_kept_side_by_side(
    results: ModuleType, tmp_path: Path
) -> None:
    assert go(results, tmp_path, "--only", "002/cnn,003/filter") == 0
    assert set(kept(tmp_path)) == {
        f"{name}/{protocol}/{file}.json"
        for protocol in ("honest", "published")
        for name, file in (("002-cnn", "report"), ("002-cnn", "seeds"), ("003-filter", "report"))
    }
    words = " / ".join(calls(tmp_path))
    assert "--seeds 5" in words
    assert "sweep 003/filter" in words
    assert go(results, tmp_path, "--only", "002/cnn,003/filter") == 0
    assert len(calls(tmp_path)) == 6


@pytest.mark.parametrize("code", [2, 1])
def test_the_others_go_on_after_a_failure(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    (tmp_path / "fail").write_text("split/groups", encoding="utf-8")
    (tmp_path / "code").write_text(str(code), encoding="utf-8")
    assert go(results, tmp_path, "--only", "split", "--protocol", "honest") == 1
    assert set(kept(tmp_path)) == {
        "split-tracks/honest/report.json", "split-windows/honest/report.json",
    }  # fmt: skip
    said = capsys.readouterr().out
    log = tmp_path / "work" / "split" / "groups-honest" / "log.txt"
    assert said.splitlines()[-1] == f"  split/groups honest: Error: the disk is full ({log})"
    assert "2 done, 1 failed" in said


def test_a_report_of_an_earlier_run_is_not_taken_for_that_of_a_failed_one(
    results: ModuleType, tmp_path: Path
) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    (tmp_path / "fail").write_text("split/groups", encoding="utf-8")
    (tmp_path / "code").write_text("1", encoding="utf-8")
    assert go(results, tmp_path, "--only", "split/groups", "--again") == 1


def test_jobs_share_the_cpus(
    results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results.os, "cpu_count", lambda: 8)
    assert go(results, tmp_path, "--only", "split", "--jobs", "3", "--protocol", "honest") == 0
    assert all("--workers 2" in line and line.endswith(" 2") for line in calls(tmp_path))
    assert len(calls(tmp_path)) == 3


def test_verify_takes_as_many_threads_as_before(results: ModuleType, tmp_path: Path) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    (path,) = (tmp_path / "checkout" / "results").rglob("report.json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**kept, "environment": {"threads": "3"}}), encoding="utf-8")
    assert go(results, tmp_path, "--only", "split/groups", "--verify") == 0
    assert go(results, tmp_path, "--only", "split/groups", "--again") == 0
    every = os.cpu_count() or 1
    assert [line.split()[-1] for line in calls(tmp_path)] == [str(every), "3", str(every)]


def test_verify_tells_the_same_from_the_different(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(results, tmp_path, "--only", "split/groups") == 0
    before = kept(tmp_path)
    assert go(results, tmp_path, "--only", "split", "--verify") == 0
    assert re.search(r"split/groups honest: \d\.\d min, the same\n", capsys.readouterr().out)
    assert len(calls(tmp_path)) == 2  # only what is there
    (tmp_path / "accuracy").write_text("0.6", encoding="utf-8")
    assert go(results, tmp_path, "--only", "split", "--verify") == 1
    assert "not the same: test/clip/accuracy: 0.5, 0.6" in capsys.readouterr().out
    assert kept(tmp_path) == before


def test_fast_keeps_nothing(results: ModuleType, tmp_path: Path) -> None:
    assert go(results, tmp_path, "--only", "split/groups", "--fast") == 0
    assert kept(tmp_path) == {}
    assert "--fast" in calls(tmp_path)[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "nonsense"], "nothing is named nonsense"),
        (["--jobs", "0"], "expected 1 or more"),
        (["--protocol", "own"], "invalid choice"),
    ],
)
def test_wrong_use_is_one_line(
    results: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        go(results, tmp_path, *options)
    assert said in f"{stopped.value} {capsys.readouterr().err}"


def test_work_is_not_done_inside_the_checkout(
    results: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        results.main([str(tmp_path / "checkout" / "runs")])
    assert "lies in the checkout" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_recipe_runs(tmp_path: Path) -> None:
    """The script as it is called, with the program itself, on synthetic music."""
    command = [str(ROOT / "scripts" / "results"), str(tmp_path), "--fast"]
    done = subprocess.run(
        [*command, "--only", "split/groups"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "split/groups honest" in done.stdout
    assert "1 done, 0 failed" in done.stdout
    assert (tmp_path / "split" / "groups-honest" / "report.html").is_file()
