"""What :mod:`genrewise.engine_dask` has on a Dask worker: processes that work under limits.

A Dask worker lives long and must not die of a file.  So it decodes nothing itself: a
:class:`Crew` holds one process of :mod:`genrewise.engine` for each of its threads, with the
model loaded, and gives it one item at a time.  The client tells every worker what a run needs
(:func:`begin`); a worker that was not told says so when it gets a batch, and is told.  A crew goes
when the run is over, and where nobody says that it is, after a minute without work.

Dask itself is not imported here: what decodes must start fast and stay small.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genrewise import __version__, engine
from genrewise.cache import cache_dir
from genrewise.files import replace_file
from genrewise.worker import describe

__all__ = ["Crew", "Ended", "Parcel", "begin", "end", "pack", "work"]

#: Seconds without work after which a crew goes.
IDLE = 60.0

#: Limit in seconds, None for none, and an item.
Task = tuple[float | None, Any]


@dataclass(frozen=True)
class Parcel:
    """A setup, and what it needs of the client's machine.

    Parameters
    ----------
    setup : callable
        As for :func:`genrewise.engine.run`.
    folder : str
        The client's current one, from which relative paths start.
    model : bytes
        The file that the setup's field ``model`` names; empty where it has none.
    """

    setup: Any
    folder: str
    model: bytes = b""

    def __call__(self) -> Callable[[Any], Any]:
        """Lay down what is needed and set up; in a process of its own."""
        with suppress(OSError):  # a machine that lacks it can still be given addresses
            os.chdir(self.folder)
        setup = self.setup
        if self.model:
            setup = replace(setup, model=str(self._model_here(Path(setup.model))))
        function: Callable[[Any], Any] = setup()
        return function

    def _model_here(self, path: Path) -> Path:
        """The model's file on this machine: where it is on the client's, else in the cache."""
        with suppress(OSError):
            if path.read_bytes() == self.model:
                return path
        digest = hashlib.sha256(self.model).hexdigest()
        kept = cache_dir() / "received" / digest[:16] / path.name
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            replace_file(kept, self.model)
        return kept


def pack(setup: Any) -> bytes:
    """A setup as it is sent.

    Parameters
    ----------
    setup : callable
        A frozen dataclass with a field ``model`` has the file of that name sent along.
    """
    path = str(getattr(setup, "model", ""))
    model = Path(path).read_bytes() if path else b""
    return pickle.dumps(Parcel(setup, str(Path.cwd()), model))


class Ended(Exception):
    """The run is over; nobody waits for an answer."""


class _Hand:
    """One process, and the engine that watches it, for one item at a time."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._due: Task | None = None
        self._limit: float | None = None
        self.warm = False
        # The second worker is never started, as there is never a second item; but the engine
        # asks for one, and is told where to look for the end of the run.
        self._outcomes = engine.run(
            pickle.loads(crew.parcel),
            self._items(),
            workers=2,
            time_limit=lambda _: self._limit,
            memory_limit=crew.memory_limit,
            method="exec" if os.name == "posix" else "spawn",
        )

    def _items(self) -> Iterator[Any]:
        while True:
            if self._crew.ended:
                raise Ended
            if self._due is None:
                yield engine.Waiting(self._crew.bell)
            else:
                (self._limit, item), self._due = self._due, None
                yield item

    def work(self, task: Task) -> engine.Outcome:
        self._due = task
        outcome = next(self._outcomes)
        self.warm = True
        return outcome

    def close(self) -> None:
        self._outcomes.close()


class Crew:
    """The processes of one run on one Dask worker.

    Parameters
    ----------
    parcel : bytes
        Of :func:`pack`.
    memory_limit : int, optional
        Bytes that one process may hold.

    Attributes
    ----------
    ended : bool
        Whether the run is over.
    bell : int
        Number of a pipe that can be read once it is.
    """

    def __init__(self, parcel: bytes, memory_limit: int | None) -> None:
        self.parcel, self.memory_limit = parcel, memory_limit
        self.ended = False
        self.bell, self._rope = os.pipe()
        self._idle: list[_Hand] = []
        self._busy, self._since = 0, time.monotonic()
        self._lock = threading.Lock()

    def work(self, tasks: list[Task]) -> tuple[list[tuple[Any, ...]], float]:
        """Work on items, one after the other.

        Returns
        -------
        answers : list of tuple
            Value, error, kind, exit code and seconds of each.
        seconds : float
            What they took, without loading the model.

        Raises
        ------
        GenrewiseError
            As of :func:`genrewise.engine.run`.
        """
        with self._lock:
            if self.ended:
                raise Ended
            self._busy += 1
            hand = self._idle.pop() if self._idle else _Hand(self)
        try:
            return self._work(hand, tasks)
        except BaseException:
            hand.close()
            raise
        finally:
            with self._lock:
                self._busy -= 1
                self._since = time.monotonic()
            self._dismiss()

    def _work(self, hand: _Hand, tasks: list[Task]) -> tuple[list[tuple[Any, ...]], float]:
        was_warm, answers = hand.warm, []
        began = time.perf_counter()
        for task in tasks:
            o = hand.work(task)
            answers.append((o.value, o.error, o.kind, o.exit_code, o.elapsed))
        taken = time.perf_counter() - began
        with self._lock:
            self._idle.append(hand)
        return answers, taken if was_warm else sum(answer[-1] for answer in answers)

    def end(self) -> None:
        """Let go of what is under way."""
        with self._lock:
            if self.ended:
                return
            self.ended = True
            os.write(self._rope, b".")  # read by nobody, so that all see it
        self._dismiss()

    def unused(self, seconds: float) -> bool:
        """Whether there was no work for so long."""
        with self._lock:
            return not self._busy and time.monotonic() - self._since >= seconds

    def _dismiss(self) -> None:
        """Where the run is over, end the processes; the last that works takes the bell along."""
        with self._lock:
            if not self.ended:
                return
            while self._idle:
                self._idle.pop().close()
            if not self._busy and self._rope >= 0:
                os.close(self.bell)
                os.close(self._rope)
                self._rope = -1


_crews: dict[str, Crew] = {}
_lock = threading.Lock()


def begin(run: str, parcel: bytes, memory_limit: int | None) -> str:
    """Tell this Dask worker what a run needs; it may have been told before.

    Parameters
    ----------
    run : str
        Names the run.
    parcel : bytes
        Of :func:`pack`.
    memory_limit : int, optional
        Bytes that one process may hold.

    Returns
    -------
    str
        The version of genrewise here.
    """
    with _lock:
        if run not in _crews:
            _crews[run] = Crew(parcel, memory_limit)
            _watch(run, IDLE)
    return __version__


def _watch(run: str, seconds: float) -> None:
    timer = threading.Timer(seconds, _look_after, (run,))
    timer.daemon = True
    timer.start()


def _look_after(run: str) -> None:
    """End a crew that has nothing to do, and else look again later."""
    crew = _crews.get(run)
    if crew is None:
        return
    if crew.unused(IDLE):
        end(run)
    else:
        _watch(run, IDLE)


def end(run: str) -> None:
    """Let this Dask worker give up what it does for a run."""
    with _lock:
        crew = _crews.pop(run, None)
    if crew is not None:
        crew.end()


def work(run: str, batch: bytes) -> bytes:
    """What Dask calls: a batch of items in, what came of them out.

    Parameters
    ----------
    run : str
    batch : bytes
        A list of :data:`Task`, pickled, so that Dask need not look into it.

    Returns
    -------
    bytes
        ``("done", answers, seconds)``; ``("unknown",)`` where nobody said what the run needs;
        ``("refused", where, name, parts)`` where no item can be worked on; pickled.
    """
    crew = _crews.get(run)
    if crew is None:
        return pickle.dumps(("unknown",))
    try:
        return pickle.dumps(("done", *crew.work(pickle.loads(batch))))
    except Ended:
        return pickle.dumps(("unknown",))
    except Exception as error:
        return pickle.dumps(("refused", platform.node(), *describe(error)))
