"""The whole of ``genrewise sweep``: settings of a recipe, tried side by side, compared.

The test part stays closed: settings are judged on validation.  Only the winner may be run
once more with the test part opened, at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genrewise.engine import rebuild, usable_cpus
from genrewise.errors import DatasetError
from genrewise.training.sweep_plan import Plan, make_plan
from genrewise.training.sweep_pool import work_off
from genrewise.training.sweep_search import Search
from genrewise.training.sweep_state import JOURNAL, STATE, alone, read_state, same_plan, write_state
from genrewise.training.sweep_summary import line_of, summary
from genrewise.training.sweep_trial import Task

__all__ = ["SweepJob", "run_sweep"]


@dataclass(frozen=True)
class SweepJob:
    """How a sweep is run.

    Attributes
    ----------
    name : str or Path
        Of :func:`.sweep_spec.sweep_names`, or a TOML file.
    folder : Path
        Of everything it leaves.
    settings : tuple of str
        ``key=value`` overrides: of the sweep's ``search`` and ``judge``, else of its recipe.
    protocol : {"honest", "published"}
    fast : bool
        Two settings on synthetic music.
    resume : bool
        Go on with what lies in the folder.
    finish : bool
        Run the winner once more, with the test part opened, and write its model.
    jobs : int
        Trials at a time; 0 means one a usable CPU.
    threads : int
        CPUs that each may use.
    say : callable
        Told a line at a time.
    bar : callable
        Title and number of items to a context manager that gives what has ``update``.
    """

    name: str | Path
    folder: Path
    settings: tuple[str, ...] = ()
    protocol: str = "honest"
    fast: bool = False
    resume: bool = False
    finish: bool = False
    jobs: int = 0
    threads: int = 1
    say: Callable[[str], None] = lambda _: None
    bar: Callable[[str, int], AbstractContextManager[Any]] = lambda _t, _n: nullcontext()


def run_sweep(job: SweepJob) -> dict[str, Any]:
    """Try every setting, or those that are left, and leave tables, plots and a page.

    Returns
    -------
    dict
        What ``report.json`` holds; see :func:`.sweep_summary.summary`.

    Raises
    ------
    DatasetError
        The folder holds a sweep and `resume` is not set, or the data cannot be learnt from.
    RecipeError, UnknownName
    """
    from genrewise.training.run import versions
    from genrewise.training.sweep_report import write_sweep

    plan = make_plan(job.name, job.settings, job.protocol, job.fast)
    with alone(job.folder):
        old = _begun(job, plan)
        search = Search(plan.sweep, job.folder / JOURNAL, plan.total)
        desk = _Desk(job, plan, search, old.get("minutes", 0.0), test=old.get("test"))
        desk.save("running")
        try:
            desk.work()
            if job.finish and desk.test is None:
                desk.finish()
        except (KeyboardInterrupt, SystemExit):
            desk.save("running")
            ended = len(search.outcomes())
            job.say(f"{ended} of {plan.total} settings are done; --resume goes on with the rest")
            raise
        report = {**desk.save("done"), "version": versions()["genrewise"]}
        report["environment"] = versions()
        write_sweep(job.folder, report)
    return report


def _begun(job: SweepJob, plan: Plan) -> dict[str, Any]:
    """What the folder holds already; nothing where this is the beginning."""
    old = read_state(job.folder)
    if old is None:
        return {}
    if not job.resume:
        raise DatasetError(
            f"{job.folder} holds a sweep, {len(old['trials'])} of {old['total']} settings done",
            "a folder without one",
            "go on with it by --resume, or delete it",
        )
    same_plan(job.folder, old, summary(plan, {}, 0.0, "running", None))
    return old


@dataclass
class _Desk:
    """Where trials are given out and come back to."""

    job: SweepJob
    plan: Plan
    search: Search
    earlier: float
    test: dict[str, Any] | None = None
    began: float = field(default_factory=time.monotonic)
    started: dict[int, float] = field(default_factory=dict)
    rows: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    bar: Any = None

    def save(self, state: str) -> dict[str, Any]:
        """Write what there is, and give it."""
        minutes = round(self.earlier + (time.monotonic() - self.began) / 60, 2)
        found = summary(self.plan, self.search.outcomes(), minutes, state, self.test)
        write_state(self.job.folder / STATE, found)
        return found

    def work(self) -> None:
        """Run all that are left, a batch at a time."""
        job, prepared = self.job, False
        jobs = job.jobs or usable_cpus()
        while batch := self.search.batch():
            if not prepared:
                self._prepare(list(batch.values()))
                prepared = True
            with job.bar("settings", self.plan.total) as self.bar:
                tasks = [self._task(n, f"trials/{n:03d}", s) for n, s in batch.items()]
                work_off(tasks, jobs, self._hear)

    def _task(self, number: int, folder: str, setting: Mapping[str, Any]) -> Task:
        return Task(
            number,
            self.plan.sweep.base,
            self.plan.settings(setting),
            self.plan.protocol,
            str(self.job.folder / folder),
            fast=self.plan.fast,
            watched=self.plan.sweep.search.prune,
            threads=self.job.threads,
        )

    def _prepare(self, settings: Sequence[Mapping[str, Any]]) -> None:
        """Read and extract once what trials share, with all CPUs.

        Raises
        ------
        GenrewiseError
            What is wrong with the data, or with the recipe, would be with every trial.
        """
        tables: dict[str, Task] = {}
        for setting in settings:
            values = self.plan.trial(setting).model_dump(mode="json")
            key = json.dumps([values[part] for part in ("data", "features", "windows")])
            tables.setdefault(key, replace(self._task(0, "", setting), workers=0))
        wrong: list[tuple[Any, ...]] = []
        with ExitStack() as stack:
            bars: list[Any] = []

            def hear(_task: Task, message: tuple[Any, ...]) -> None:
                if message[0] == "bar":
                    stack.close()
                    bars[:] = [stack.enter_context(self.job.bar(*message[1:]))]
                elif message[0] == "at" and bars and bars[0]:
                    bars[0].update(message[1])
                elif message[0] == "failed":
                    wrong.append(message[1:])

            work_off(tables.values(), 1, hear)
        if wrong and len(tables) == 1:
            raise rebuild(*wrong[0])

    def _hear(self, task: Task, message: tuple[Any, ...]) -> bool:
        """Take in what a trial says; True where it is to stop."""
        kind, number = message[0], task.number
        if kind == "started":
            self.started[number], self.rows[number] = time.monotonic(), []
        elif kind == "epoch":
            return self._epoch(number, message[1])
        elif kind in ("done", "pruned", "failed"):
            outcome = {"state": kind, "minutes": self._minutes(number)}
            if kind == "done":
                outcome = {**message[1], "state": "done"}
            elif kind == "failed":
                outcome["reason"] = str(rebuild(*message[1:]))
            else:
                outcome["history"] = {"": self.rows[number]}
            self._end(number, outcome)
        return False

    def _minutes(self, number: int) -> float:
        return round((time.monotonic() - self.started[number]) / 60, 2)

    def _epoch(self, number: int, row: dict[str, float]) -> bool:
        self.rows[number].append(row)
        judge = self.plan.sweep.judge
        key = "valid_accuracy" if judge.direction == "maximize" else "valid_loss"
        return key in row and self.search.epoch(number, int(row["epoch"]), row[key])

    def _end(self, number: int, outcome: dict[str, Any]) -> None:
        figure = None
        if outcome["state"] == "done":
            _, level, name = self.plan.sweep.judge.figure.split("/")
            figure = outcome["validation"][level].get(name)
            if figure is None:
                outcome = {
                    **outcome,
                    "state": "failed",
                    "reason": f"{name} by {level} is no number",
                }
        self.search.tell(number, {**outcome, "figure": figure}, figure)
        found = self.save("running")
        self.job.say(line_of(found, next(t for t in found["trials"] if t["number"] == number)))
        if self.bar:
            self.bar.update(len(found["trials"]))

    def finish(self) -> None:
        """Run the winner once more, with the test part opened, and write its model.

        Raises
        ------
        GenrewiseError
            Why that could not be done.
        """
        best = self.save("running")["best"]
        if best is None:
            return
        self.job.say("the best setting once more, with the test part opened")
        model = self.job.folder / "best" / f"{self.plan.sweep.name}.genrewise"
        task = replace(
            self._task(best["number"], "best", best["settings"]),
            out=str(model),
            open_test=True,
            watched=False,
            workers=0,
        )

        def hear(_task: Task, message: tuple[Any, ...]) -> None:
            if message[0] == "done":
                self.test = message[1]["test"]
            elif message[0] == "failed":
                raise rebuild(*message[1:])

        work_off([task], 1, hear)
