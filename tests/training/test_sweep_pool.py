"""Trials in processes of their own: what they tell, how they die, how they are ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genrewise.engine import rebuild
from genrewise.errors import UnknownName
from genrewise.training.sweep_pool import work_off
from genrewise.training.sweep_trial import THREADS, Task

TOY = """
name = "toy"
[data]
source = "synthetic:genres=3,tracks_per_genre=6,seconds=4,tracks_per_artist=2"
[features.timbre]
kind = "statistics"
[fit]
folds = 2
[model.members.m]
model = "knn"
inputs = ["timbre"]
params = {n_neighbors = 1}
"""

pytestmark = pytest.mark.timeout(300)  # a process a trial, on a machine that may be busy

Told = list[tuple[int, tuple[Any, ...]]]


@pytest.fixture
def base(tmp_path: Path) -> str:
    path = tmp_path / "toy.toml"
    path.write_text(TOY, encoding="utf-8")
    return str(path)


def task(number: int, base: str, folder: Path, *settings: str, **more: Any) -> Task:
    return Task(number, base, settings, "honest", str(folder / str(number)), **more)


def heard(tasks: list[Task], jobs: int, hear: Callable[..., Any] | None = None) -> Told:
    told: Told = []

    def note(one: Task, message: tuple[Any, ...]) -> Any:
        told.append((one.number, message))
        return hear(one, message) if hear else None

    work_off(tasks, jobs, note)
    return told


def ends(told: Told) -> dict[int, tuple[Any, ...]]:
    return {number: message for number, message in told if message[0] != "started"}


def test_a_trial_tells_that_it_began_and_what_came_of_it(
    base: str, tmp_path: Path, cache: Path
) -> None:
    assert cache.is_dir()
    told = heard([task(1, base, tmp_path)], 1)
    assert told[0] == (1, ("started",))
    assert {message[0] for _, message in told[1:-1]} <= {"bar", "at"}
    number, (kind, outcome) = told[-1]
    assert (number, kind) == (1, "done")
    assert outcome["test"] == {}
    assert set(outcome["validation"]) == {"window", "clip", "track"}
    assert outcome["validation"]["clip"]["n"] > 0
    assert outcome["chosen"] == ["m"]
    assert (tmp_path / "1" / "report.json").is_file()
    assert "out of fold" in (tmp_path / "1" / "log.txt").read_text(encoding="utf-8")


def test_what_is_wrong_is_told_as_it_was_raised(base: str, tmp_path: Path) -> None:
    told = heard([task(1, "nothing", tmp_path), task(2, base, tmp_path, "fit.folds=x")], 2)
    found = {n: rebuild(*message[1:]) for n, message in ends(told).items()}
    assert isinstance(found[1], UnknownName)
    assert "no recipe named 'nothing'" in str(found[1])
    assert found[2].exit_code == 2
    assert "fit.folds" in str(found[2])
    assert "RecipeError" in (tmp_path / "2" / "log.txt").read_text(encoding="utf-8")


NET = ("model.members.m.model=mlp", "model.members.m.params={max_epochs=3,hidden=[4]}")


def test_the_epochs_of_the_first_fit_are_told(base: str, tmp_path: Path, cache: Path) -> None:
    """Two folds and a last fit would each begin at the first epoch."""
    assert cache.is_dir()
    told = heard([task(1, base, tmp_path, *NET, watched=True)], 1)
    rows = [message[1] for _, message in told if message[0] == "epoch"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy"} <= set(rows[0])
    assert told[-1][1][0] == "done"


def test_a_trial_stops_when_it_is_told_to(base: str, tmp_path: Path, cache: Path) -> None:
    assert cache.is_dir()
    told = heard([task(1, base, tmp_path, *NET, watched=True)], 1, lambda _task, m: m[0] == "epoch")
    assert [message[0] for _, message in told if message[0] not in ("bar", "at")] == [
        *("started", "epoch", "pruned"),
    ]
    assert not (tmp_path / "1" / "report.json").exists()


def test_no_more_run_at_a_time_than_there_are_jobs(tmp_path: Path) -> None:
    now, most = set(), 0

    def hear(one: Task, message: tuple[Any, ...]) -> None:
        nonlocal most
        (now.add if message[0] == "started" else now.discard)(one.number)
        most = max(most, len(now))

    tasks = [task(n, "nothing", tmp_path) for n in range(1, 6)]
    told = heard(tasks, 2, hear)
    assert most == 2
    assert sorted(ends(told)) == [1, 2, 3, 4, 5]


def kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()


def test_one_that_is_killed_gets_another_chance(base: str, tmp_path: Path, cache: Path) -> None:
    assert cache.is_dir()
    kills = 0

    def hear(_one: Task, message: tuple[Any, ...]) -> None:
        nonlocal kills
        if message[0] == "started" and not kills:
            kills += 1
            kill_children()

    told = heard([task(1, base, tmp_path)], 1, hear)
    assert [m[0] for _, m in told if m[0] not in ("bar", "at")] == ["started", "started", "done"]


def test_one_that_dies_twice_has_failed(base: str, tmp_path: Path) -> None:
    def hear(_one: Task, message: tuple[Any, ...]) -> None:
        if message[0] == "started":
            kill_children()

    told = heard([task(1, base, tmp_path)], 1, hear)
    assert [message[0] for _, message in told] == ["started", "started", "failed"]
    assert str(rebuild(*told[-1][1][1:])) == "its process ended by SIGKILL, twice"


def test_the_rest_is_ended_when_the_listener_fails(base: str, tmp_path: Path) -> None:
    def hear(one: Task, message: tuple[Any, ...]) -> None:
        if one.number == 2 and message[0] == "started":
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        heard([task(1, base, tmp_path), task(2, base, tmp_path)], 2, hear)
    assert multiprocessing.active_children() == []


def test_the_parents_threads_are_left_as_they_were(tmp_path: Path) -> None:
    before = {name: os.environ.get(name) for name in THREADS}
    heard([task(1, "nothing", tmp_path, threads=1)], 1)
    assert {name: os.environ.get(name) for name in THREADS} == before


ORPHAN = """
import sys
from pathlib import Path
from genrewise.training.sweep_pool import work_off
from genrewise.training.sweep_trial import Task
import multiprocessing

def hear(task, message):
    if message[0] == "started":
        print(multiprocessing.active_children()[0].pid, flush=True)

if __name__ == "__main__":
    settings = ("model.members.m.params.n_neighbors=1",)
    work_off([Task(1, sys.argv[1], settings, "honest", sys.argv[2])], 1, hear)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_trial_does_not_outlive_a_parent_that_is_killed(base: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(ORPHAN, encoding="utf-8")
    command = [sys.executable, str(script), base, str(tmp_path / "1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, signal.SIGSTOP)
        parent.kill()
        parent.wait()
        os.kill(child, signal.SIGCONT)
    for _ in range(1000):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("it lives on")
