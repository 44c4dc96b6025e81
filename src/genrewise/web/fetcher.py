"""The threads that fetch files from the web before they are listened to."""

from __future__ import annotations

import queue
import threading

from genrewise.engine import Outcome
from genrewise.records import of_outcome
from genrewise.web.fetching import fetch
from genrewise.web.jobs import Job, Jobs
from genrewise.web.problems import Problem
from genrewise.web.settings import Settings

__all__ = ["Fetcher"]

#: Files that are fetched at the same time, and the seconds that one may take.
_THREADS, _SECONDS = 4, 120.0


class Fetcher:
    """Fetches what jobs name; a slow server holds up other fetching alone.

    Parameters
    ----------
    jobs : Jobs
    settings : Settings
    model : str
        Name of the model, for the records of what has failed.
    """

    def __init__(self, jobs: Jobs, settings: Settings, model: str) -> None:
        self._jobs, self._settings, self._model = jobs, settings, model
        self._wanted: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        for _ in range(_THREADS if settings.urls else 0):
            threading.Thread(target=self._run, name="fetcher", daemon=True).start()

    def add(self, job: Job) -> None:
        """Fetch the file of a job when it is its turn."""
        self._wanted.put(job)

    def close(self) -> None:
        """End the threads as soon as they are done."""
        for _ in range(_THREADS):
            self._wanted.put(None)

    def _run(self) -> None:
        while (job := self._wanted.get()) is not None:
            if self._jobs.is_wanted(job.id):
                self._fetch(job)

    def _fetch(self, job: Job) -> None:
        assert job.upload is not None
        try:
            with job.upload.open("wb") as out:
                fetch(
                    job.url,
                    out,
                    self._settings.max_bytes,
                    _SECONDS,
                    lambda: self._jobs.is_wanted(job.id),
                )
        except Problem as problem:
            self._fail(job, problem.detail)
        except OSError:
            self._fail(job, "It cannot be kept on this server.")
        else:
            self._jobs.arrived(job.id)
        if not self._jobs.is_wanted(job.id):
            job.delete_upload()

    def _fail(self, job: Job, why: str) -> None:
        outcome = Outcome(0, job.name, None, why, "failed", 1, 0.0)
        self._jobs.finish(job.id, of_outcome(outcome, self._model))
