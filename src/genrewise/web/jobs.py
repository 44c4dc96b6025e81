"""The files that wait, those under way and the answers: a bounded queue, fair to its clients.

Everything is held in memory and forgotten after a while.  Clients take turns, so that
twenty files of one do not hold up the one file of another.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from genrewise.web.hearing import Wish
from genrewise.web.problems import Problem
from genrewise.web.settings import Settings

__all__ = ["Job", "Jobs", "Status"]

Status = Literal["queued", "running", "ok", "partial", "failed", "cancelled"]
#: States from which nothing follows.
ENDED = ("ok", "partial", "failed", "cancelled")
#: Seconds between two looks for what is to be forgotten.
_SWEEP = 30.0


@dataclass
class Job:
    """One file on its way to an answer.

    Parameters
    ----------
    wish : Wish
    client : str
        Whom it is for.
    name : str
        What the file is called in the answer.
    upload : Path, optional
        The file, where it is to be deleted after use.
    url : str
        Where it is to be fetched first; empty for a file that is here.

    Attributes
    ----------
    status : Status
    progress : float
        Share of the file that was heard, 0–1.
    record : dict
        The answer.
    picture : bytes
        What a page draws, as JSON; empty where it was not wanted.
    embedding : bytes
        What songs are compared by; empty where nothing is compared.
    version : int
        Grows with every change.
    """

    wish: Wish
    client: str
    name: str
    upload: Path | None = None
    url: str = ""
    status: Status = "queued"
    progress: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)
    picture: bytes = b""
    embedding: bytes = b""
    version: int = 0
    changed: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        """Its number: who knows it may see the answer, so it cannot be guessed."""
        return self.wish.job

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.status in ENDED

    def delete_upload(self) -> None:
        """Delete the file; twice does no harm."""
        if self.upload is not None:
            with suppress(OSError):
                self.upload.unlink()


class Jobs:
    """All jobs of a server; every method may be called from any thread.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: OrderedDict[str, list[Job]] = OrderedDict()
        self._news = threading.Condition(threading.RLock())
        self._wakes: list[Callable[[], None]] = []
        self._swept = time.monotonic()
        self._usual = 1.0
        self._moves = 0
        self.closed = False
        self.on_end: Callable[[Job], None] = lambda _job: None

    # -- the queue

    @property
    def length(self) -> int:
        """How many wait, those that are being fetched among them."""
        with self._news:
            return sum(job.status == "queued" for job in self._jobs.values())

    @property
    def running(self) -> int:
        """How many are under way."""
        with self._news:
            return sum(job.status == "running" for job in self._jobs.values())

    def is_full(self) -> bool:
        """Whether nobody's file has room."""
        return self.closed or self.length >= self._settings.queue

    def check_room(self, client: str, n: int = 1) -> None:
        """Refuse `n` more files of a client where there is no room for them.

        Raises
        ------
        Problem
            503 where the queue is full, 429 where this client has too much in it; both say
            when to come again.
        """
        with self._news:
            if self.closed:
                raise Problem(503, "The server is ending.", {"Retry-After": "10"})
            later = {"Retry-After": str(self._retry_after())}
            mine = sum(j.client == client and not j.ended for j in self._jobs.values())
            if mine + n > self._settings.client_jobs:
                most = self._settings.client_jobs
                detail = f"No more than {most} files of one client at a time; {mine} are here."
                raise Problem(429, detail, later)
            if self.length + n > self._settings.queue:
                raise Problem(503, "The queue is full. Try again a little later.", later)

    def _retry_after(self) -> int:
        """Seconds until there is room, going by what files took so far."""
        left = self.length + 1
        return max(1, min(600, round(self._usual * left / self._settings.workers / 2)))

    def add(self, *jobs: Job) -> None:
        """Put files into the queue, all or none.

        Raises
        ------
        Problem
            As :meth:`check_room`; the files are deleted.
        """
        with self._news:
            try:
                self.check_room(jobs[0].client, len(jobs))
            except Problem:
                for job in jobs:
                    job.delete_upload()
                raise
            for job in jobs:
                self._jobs[job.id] = job
                if not job.url:
                    self._waiting.setdefault(job.client, []).append(job)
            self._moves += 1
            self._sweep()
            self._news.notify_all()

    def arrived(self, id_: str) -> None:
        """The file of a job was fetched: it is its turn to wait."""
        with self._news:
            if self.is_wanted(id_):
                job = self._jobs[id_]
                self._waiting.setdefault(job.client, []).append(job)
                self._moves += 1
                self._news.notify_all()

    def _order(self) -> Iterator[Job]:
        """Those who wait, in the order in which they are taken: one of each client in turn."""
        for round_ in zip_longest(*self._waiting.values()):
            yield from (job for job in round_ if job is not None)

    def poll(self) -> Job | None:
        """The next file, now running; None where none waits."""
        with self._news:
            job = None if self.closed else next(self._order(), None)
            if job is not None:
                self._leave_queue(job)
                if job.client in self._waiting:  # it is another client's turn
                    self._waiting.move_to_end(job.client)
                self._change(job, "running")
            return job

    def take(self) -> Job | None:
        """The next file, now running; waits for one.  None once the server ends."""
        with self._news:
            while not self.closed:
                job = self.poll()
                if job is not None:
                    return job
                self._news.wait(_SWEEP)
                self._sweep()
            return None

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""
        with self._news:
            self._news.wait_for(lambda: self.closed, seconds)

    def _leave_queue(self, job: Job) -> None:
        mine = self._waiting.get(job.client, [])
        if job in mine:
            mine.remove(job)
        if not mine:
            self._waiting.pop(job.client, None)
        self._moves += 1

    # -- a job

    def get(self, id_: str) -> Job:
        """A job as it is now.

        Raises
        ------
        Problem
            404 where there is none.
        """
        with self._news:
            self._sweep()
            if id_ not in self._jobs:
                raise Problem(404, "There is no such classification, or it was forgotten.")
            return replace(self._jobs[id_])

    def view(self, id_: str) -> dict[str, Any]:
        """What is said of a job: where it stands, or its answer.

        Raises
        ------
        Problem
            404 where there is none.
        """
        with self._news:
            job = self.get(id_)
            if job.status in ("ok", "partial", "failed"):
                return {**job.record, "id": job.id}
            seen: dict[str, Any] = {"id": job.id, "status": job.status}
            if job.status == "cancelled":
                return seen
            order = [waiting.id for waiting in self._order()]
            seen["position"] = order.index(job.id) + 1 if job.id in order else 0
            seen["progress"] = job.progress
            return seen

    def mark(self, id_: str) -> tuple[int, int]:
        """What to give to :meth:`wait`: changes when the job does, or the queue before it."""
        with self._news:
            job = self._jobs.get(id_)
            if job is None:
                return (-1, 0)
            return (job.version, self._moves if job.status == "queued" else 0)

    def wait(self, id_: str, mark: tuple[int, int], seconds: float) -> tuple[int, int]:
        """Wait until there is news of a job since a mark; gives the mark that is now."""
        with self._news:
            self._news.wait_for(lambda: self.closed or self.mark(id_) != mark, seconds)
            return self.mark(id_)

    def hear(self, id_: str, progress: float) -> None:
        """A job is so far."""
        with self._news:
            job = self._jobs.get(id_)
            if job is not None and job.status == "running":
                job.progress = progress
                self._change(job, "running")

    def finish(
        self, id_: str, record: dict[str, Any], picture: bytes = b"", embedding: bytes = b""
    ) -> None:
        """A job has its answer, good or bad; one that was cancelled meanwhile stays so."""
        with self._news:
            job = self._jobs.get(id_)
            if job is None:
                return
            job.delete_upload()
            if not job.ended:
                job.record, job.picture, job.progress = record, picture, 1.0
                job.embedding = embedding
                self._usual += 0.2 * (record["elapsed"] - self._usual)
                self._change(job, record["status"])
                self.on_end(job)

    def drop(self, id_: str) -> None:
        """Cancel a job that has not ended, forget one that has; its file is deleted at once.

        Raises
        ------
        Problem
            404 where there is none.
        """
        with self._news:
            self.get(id_)
            job = self._jobs[id_]
            if job.ended:
                del self._jobs[id_]
                return
            self._leave_queue(job)
            job.delete_upload()
            self._change(job, "cancelled")
            self.on_end(job)
            for wake in self._wakes:
                wake()

    def is_wanted(self, id_: str) -> bool:
        """Whether somebody still waits for a job."""
        with self._news:
            job = self._jobs.get(id_)
            return job is not None and not job.ended and not self.closed

    def on_drop(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever a job is cancelled, and at the end."""
        self._wakes.append(wake)

    def _change(self, job: Job, status: Status) -> None:
        job.status = status
        job.version += 1
        job.changed = time.monotonic()
        self._news.notify_all()

    # -- forgetting

    def _sweep(self) -> None:
        """Forget answers that are old, and the oldest where there are too many."""
        now = time.monotonic()
        ended = [job for job in self._jobs.values() if job.ended]
        surplus = len(ended) - self._settings.keep_results
        if surplus <= 0 and now - self._swept < min(_SWEEP, self._settings.keep_seconds):
            return
        self._swept = now
        old = now - self._settings.keep_seconds
        for i, job in enumerate(sorted(ended, key=lambda job: job.changed)):
            if i < surplus or job.changed < old:
                del self._jobs[job.id]

    def close(self) -> None:
        """Take nothing more, end what waits; the files are deleted."""
        with self._news:
            self.closed = True
            for job in self._jobs.values():
                job.delete_upload()
            self._news.notify_all()
            for wake in self._wakes:
                wake()
