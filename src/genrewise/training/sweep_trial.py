"""One trial of a sweep, in a process of its own.

Only light modules are loaded at the top: how many threads the libraries may use has to be
said before they are.  What a trial has to tell goes through its pipe: ``("bar", title,
total)``, ``("at", done)``, ``("epoch", row)``, which is answered with whether to stop, and in
the end ``("done", outcome)``, ``("pruned",)`` or ``("failed", error…)``.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from genrewise.worker import HELD, describe

__all__ = ["THREADS", "Pruned", "Task", "outcome_of", "work"]

#: What tells libraries how many threads to use.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

#: Figures of a level that a sweep keeps.
_KEPT = (
    *("accuracy", "interval", "macro_f1", "weighted_f1", "ece", "nll", "n", "groups"),
    *("answered", "right_when_answered"),
)


@dataclass(frozen=True)
class Task:
    """What a process is to do.

    Attributes
    ----------
    number : int
        Of the trial, from 1; 0 only reads and extracts what trials share.
    base : str
        Name or file of the recipe.
    settings : tuple of str
        Overrides, all of them.
    protocol : str
    folder : str
        Where the run's report goes.
    out : str
        The model file to write; empty writes none.
    open_test : bool
        Score the test part.
    fast : bool
        On synthetic music.
    watched : bool
        Tell every epoch, and stop when told to.
    threads, workers : int
        Of the libraries, and for reading music.
    """

    number: int
    base: str
    settings: tuple[str, ...]
    protocol: str
    folder: str
    out: str = ""
    open_test: bool = False
    fast: bool = False
    watched: bool = False
    threads: int = 1
    workers: int = 1


class Pruned(Exception):
    """The trial is worse than those before it; told by the parent."""


def _isolate(folder: Path, threads: int) -> None:
    """Cut loose from the parent's terminal, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for fd in (1, 2):
        os.dup2(log, fd)
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    if "torch" in sys.modules:  # loaded before this process began
        sys.modules["torch"].set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@dataclass
class _Bar:
    """Shows its progress on the parent's terminal."""

    pipe: Connection
    total: int | None

    def update(self, done: int) -> None:
        self.pipe.send(("at", done, self.total))


def _bars(pipe: Connection) -> Any:
    @contextmanager
    def bar(title: str, total: int) -> Iterator[_Bar]:
        pipe.send(("bar", title, total))
        yield _Bar(pipe, total)

    return bar


def _watch(pipe: Connection) -> Any:
    """Tell the epochs of the first fit, which are the same ones in every trial."""
    last = [0.0]

    def on_epoch(row: Mapping[str, float]) -> None:
        if row["epoch"] != last[0] + 1:
            last[0] = float("inf")  # another fit began
            return
        last[0] = row["epoch"]
        pipe.send(("epoch", dict(row)))
        if pipe.recv():
            raise Pruned

    return on_epoch


def _levels(part: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Plain figures of each level; a figure that is no number becomes None."""
    return {
        level: {key: _finite(scores[key]) for key in _KEPT if key in scores}
        for level, scores in part.items()
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def outcome_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What a sweep keeps of a trial's report: figures, histories, minutes."""
    history = report.get("history") or {}
    return {
        "protocol": report["protocol"],
        "leaks": report.get("leaks"),
        "chosen": report["chosen"],
        "validation": _levels(report["validation"]),
        "test": _levels(report["test"]),
        "best_epoch": report.get("best_epoch") or {},
        "history": {
            name: [{k: _finite(v) for k, v in row.items()} for row in rows]
            for name, rows in history.items()
        },
        "minutes": report["minutes"],
    }


def _run(pipe: Connection, task: Task) -> tuple[Any, ...]:
    from genrewise.training.job import run_recipe
    from genrewise.training.prepare import Job, prepare
    from genrewise.training.recipe import load

    if task.watched:
        from genrewise.training.models.training_loop import watcher

        watcher.set(_watch(pipe))
    recipe = load(task.base, task.settings, task.protocol)
    job = Job(
        recipe,
        recipe.name,
        Path(task.out) if task.out else None,
        Path(task.folder),
        say=lambda line: print(line, flush=True),  # noqa: T201 - standard output is a file
        bar=_bars(pipe),
        workers=task.workers,
        open_test=task.open_test,
        fast=task.fast,
    )
    if not task.number:
        prepare(job)
        return ("done", {})
    return ("done", outcome_of(run_recipe(job)))


def work(pipe: Connection, task: Task) -> None:
    """Do it, and tell how it ended.

    Parameters
    ----------
    pipe : Connection
        This process's end.
    task : Task
    """
    _isolate(Path(task.folder), task.threads)
    try:
        told = _run(pipe, task)
    except Pruned:
        told = ("pruned",)
    except BaseException as error:  # whatever it is, it costs this trial only
        import traceback

        traceback.print_exc()
        told = ("failed", *describe(error))
    sys.stdout.flush()
    pipe.send(told)
