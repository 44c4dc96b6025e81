"""The threads that take jobs from the queue, each with one worker process.

A worker that dies, hangs or eats memory costs the job it had: :mod:`genrewise.engine` sees
to that, and to a new worker.  The model is loaded before the first file comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from genrewise import engine
from genrewise.engine import Outcome
from genrewise.errors import GenrewiseError
from genrewise.records import of_outcome, time_limit
from genrewise.web.hearing import Hearing, Wish
from genrewise.web.jobs import Job, Jobs
from genrewise.web.settings import Settings

__all__ = ["Listener", "listeners"]

#: Seconds before workers that cannot start are tried again.
_PAUSE = 5.0
#: How a fault of the server's own is told to a client; the log has the rest.
_INTERNAL = "the server could not work on it. Its log says why"

Log = Callable[..., None]


class Listener(threading.Thread):
    """Takes one job after another; a watch of the engine as well.

    Parameters
    ----------
    jobs : Jobs
    settings : Settings
    model : str
        Name of the model, for the records of what has failed.
    log : callable
        Takes an event and its fields.
    """

    def __init__(self, jobs: Jobs, settings: Settings, model: str, log: Log) -> None:
        super().__init__(name="listener", daemon=True)
        self._jobs, self._settings, self._model, self._log = jobs, settings, model, log
        self._job: Job | None = None
        self.ready = False
        self._woken = False
        self.wakes, self._waker = get_context("spawn").Pipe(duplex=False)
        jobs.on_drop(self._wake)

    def _wake(self) -> None:
        """Make the engine look, also from under the lock of the jobs: one word is enough."""
        if not self._woken:
            self._woken = True
            self._waker.send(None)

    # -- what the engine asks

    def unwanted(self, item: Wish | None) -> bool:
        """Whether nobody waits for the answer any more."""
        if self.wakes.poll():
            self.wakes.recv()
            self._woken = False
        return self._jobs.closed if item is None else not self._jobs.is_wanted(item.job)

    def hear(self, item: Wish | None, word: Any) -> None:
        """How far a worker is."""
        if item is not None:
            self._jobs.hear(item.job, word)

    # -- the thread

    def run(self) -> None:
        """Work until the queue is closed."""
        while not self._jobs.closed:
            try:
                self._listen()
            except KeyboardInterrupt:  # Ctrl-C was seen: the engine says so in every thread
                return
            except Exception as error:  # workers cannot start, or a fault of ours
                self._log("workers", error=f"{type(error).__name__}: {error}")
                self._fail()
                if not isinstance(error, GenrewiseError):
                    self._log("traceback", exception=error)
                self._jobs.pause(_PAUSE)

    def _listen(self) -> None:
        settings = self._settings
        outcomes = engine.run(
            Hearing(settings.model, settings.max_seconds, settings.db is not None),
            self._wishes(),
            workers=1,
            time_limit=self._limit,
            memory_limit=settings.memory_limit,
            method="spawn",  # this process has threads
            watch=self,
        )
        with closing(outcomes):
            for outcome in outcomes:
                self.ready = True
                if outcome.item is not None:
                    self._finish(outcome)

    def _wishes(self) -> Iterator[Wish | None]:
        """What the worker is to do: get ready, then one file after another."""
        yield None
        while (job := self._jobs.take()) is not None:
            self._job = job
            yield job.wish
            if not self.ready:
                yield None

    def _limit(self, wish: Wish | None) -> float:
        """Seconds that a file may take."""
        if wish is None:
            return 60.0
        try:
            size = Path(wish.path).stat().st_size
        except OSError:
            size = 0
        return min(time_limit(size), self._settings.time_limit)

    def _finish(self, outcome: Outcome) -> None:
        job, self._job = self._job, None
        assert job is not None
        if outcome.kind in ("timeout", "crashed", "memory"):
            self._log("lost", cause=outcome.kind, error=outcome.error)
            self.ready = False  # the next worker loads before it is needed
        if outcome.kind == "cancelled":
            self.ready = False
            return
        given: dict[str, Any] = outcome.value or {}
        if outcome.kind == "ok":
            outcome = replace(outcome, value=given["record"])
        record = of_outcome(self._told(outcome, job), self._model)
        self._jobs.finish(job.id, record, given.get("picture", b""), given.get("embedding", b""))

    def _told(self, outcome: Outcome, job: Job) -> Outcome:
        """The outcome as the client may see it: the upload's name, no path of this machine."""
        error = outcome.error.replace(job.wish.path, job.name)
        # An AudioError is about the file.  Anything else is about the server.
        ours = outcome.kind == "failed" and (
            outcome.exit_code != 1 or error.startswith("internal error")
        )
        if ours:
            self._log("failed", error=error)
            error = _INTERNAL
        return replace(outcome, item=job.name, error=error)

    def _fail(self) -> None:
        """The job at hand and those that wait cannot be done."""
        job, self._job = self._job or self._jobs.poll(), None
        while job is not None:
            outcome = Outcome(0, job.name, None, _INTERNAL, "failed", 1, 0.0)
            self._jobs.finish(job.id, of_outcome(outcome, self._model))
            job = self._jobs.poll()


def listeners(jobs: Jobs, settings: Settings, model: str, log: Log) -> list[Listener]:
    """As many listeners as the settings want, started."""
    made = [Listener(jobs, settings, model, log) for _ in range(settings.workers)]
    for listener in made:
        listener.start()
    return made
