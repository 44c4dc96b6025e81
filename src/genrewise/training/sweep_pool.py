"""Trials side by side, each in a process of its own, one that dies costing itself only."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from typing import Any

from genrewise.engine import ctrl_c
from genrewise.errors import GenrewiseError
from genrewise.training.sweep_trial import THREADS, Task, work
from genrewise.worker import HELD

__all__ = ["Hear", "work_off"]

#: Told a task and what its process said; what it returns answers an ``("epoch", row)``.
Hear = Callable[[Task, tuple[Any, ...]], Any]

_LAST = ("done", "pruned", "failed")

#: What every trial loads, which takes longer than many a trial itself.
_PRELOAD = [
    "genrewise.training.job",
    "genrewise.training.models.classical",
    "genrewise.training.models.skorch_net",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
]


@contextmanager
def _held_signals() -> Iterator[None]:
    """Keep signals back until the new process looks after them itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def _context(threads: int) -> Any:
    """How processes start: out of one that has loaded everything and used nothing of it.

    Forking this process itself would not do: libraries that use threads do not survive it.
    """
    if sys.platform != "linux":
        return get_context("spawn")
    from multiprocessing import forkserver

    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


class _Runner:
    """A process that works on one task."""

    def __init__(self, task: Task, attempt: int) -> None:
        self.task, self.attempt = task, attempt
        context = _context(task.threads)
        self.pipe, far = context.Pipe()
        # No daemon: it may have to start processes that read music.
        self.process = context.Process(target=work, args=(far, task))
        with _held_signals():
            self.process.start()
        far.close()

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """What it said since it was last asked; ``("died", cause)`` where it is gone."""
        alive = self.process.is_alive()  # asked first: its last words are read after
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                yield self.pipe.recv()
        if not alive:
            yield ("died", _cause(self.process.exitcode))

    def end(self) -> None:
        """Kill the process; what it holds is on disk already."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


@dataclass
class _Pool:
    hear: Hear
    runners: list[_Runner] = field(default_factory=list)

    def start(self, task: Task, attempt: int) -> None:
        """Begin with a task."""
        self.runners.append(_Runner(task, attempt))
        self.hear(task, ("started",))

    def turn(self) -> None:
        """Wait until a process says something or ends, and listen to all of them."""
        if ctrl_c.seen:
            raise KeyboardInterrupt  # it was lost where it struck first
        handles: list[Any] = [r.pipe for r in self.runners]
        handles += [r.process.sentinel for r in self.runners]
        connection.wait(handles)
        for runner in list(self.runners):
            for message in runner.messages():
                if self._handle(runner, message):
                    break

    def _handle(self, runner: _Runner, message: tuple[Any, ...]) -> bool:
        """Pass a message on; True where it was the last one."""
        if message[0] == "epoch":
            answer = self.hear(runner.task, message)
            with suppress(OSError):  # dead already: its sentinel says so
                runner.pipe.send(bool(answer))
            return False
        if message[0] not in (*_LAST, "died"):
            self.hear(runner.task, message)
            return False
        self.runners.remove(runner)
        runner.end()
        if message[0] != "died":
            self.hear(runner.task, message)
        elif runner.attempt == 1:  # killed from outside, it deserves another chance
            self.start(runner.task, 2)
        else:
            text = f"its process ended by {message[1]}, twice"
            self.hear(runner.task, ("failed", GenrewiseError.__name__, (text, "", "")))
        return True


def work_off(tasks: Iterable[Task], jobs: int, hear: Hear) -> None:
    """Work on tasks, at most `jobs` at a time, until all are done.

    A process that is killed from outside is started again, once.

    Parameters
    ----------
    tasks : iterable of Task
    jobs : int
    hear : callable
        Told everything, in this process, ``("started",)`` first; the last is ``("done",
        outcome)``, ``("pruned",)`` or ``("failed", error…)``.
    """
    pool = _Pool(hear)
    waiting = list(tasks)
    try:
        while waiting or pool.runners:
            while waiting and len(pool.runners) < jobs:
                pool.start(waiting.pop(0), 1)
            pool.turn()
    finally:
        for runner in pool.runners:
            runner.end()
