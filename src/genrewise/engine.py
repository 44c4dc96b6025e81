"""Map a function over items in local processes, one item's fault costing one item.

:func:`run` gives a worker one item at a time.  A worker that dies, hangs or takes too
much memory costs the item it had and is replaced; the rest of the batch goes on.
Outcomes come in the order of the items, which may be endless: only so many are
taken ahead of the one that is due.

Processes are forked where that is safe, which is on Linux while this process has one
thread, and spawned elsewhere.  Forking a parent that has not loaded numpy takes a
millisecond, so this module and those that call it keep the parent light.  No thread
runs in the parent: it waits on pipes.

Memory is watched from outside, by what a worker really holds (its anonymous resident
pages in ``/proc``).  An address-space limit would be simpler and wrong: onnxruntime and
mapped model files reserve far more than they use.  Where there is no ``/proc`` a memory
limit is refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any, Literal, Protocol

from genrewise import errors
from genrewise.errors import GenrewiseError
from genrewise.processes import cause_of, context, held_signals, usable_cpus
from genrewise.worker import work

__all__ = [
    "CAN_LIMIT_MEMORY",
    "CtrlC",
    "Outcome",
    "Refused",
    "Waiting",
    "Watch",
    "ctrl_c",
    "dismiss",
    "prefork",
    "rebuild",
    "run",
    "usable_cpus",
]

Kind = Literal["ok", "failed", "timeout", "crashed", "memory", "cancelled"]
Setup = Callable[[], Callable[[Any], Any]]
Limit = float | Callable[[Any], float | None] | None

#: Items taken beyond the one whose outcome is due: bounds memory, hides a slow item.
AHEAD = 128
#: Seconds a worker may take to load what it needs before it counts as hung.
SETUP_LIMIT = 120.0
#: Workers in a row that may die while they load before the whole run is given up.
SETUP_DEATHS = 3
#: Seconds between two looks at the workers' memory.
MEMORY_LOOK = 0.05

_STATM = Path("/proc/self/statm")
CAN_LIMIT_MEMORY = _STATM.exists()


@dataclass
class CtrlC:
    """What the program's handler of Ctrl-C knows.

    Parameters
    ----------
    loading : bool
        Modules are loaded and nothing is under way.
    seen : bool
        It was pressed.
    """

    loading: bool = False
    seen: bool = False


ctrl_c = CtrlC()


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Parameters
    ----------
    index : int
        Place of the item, from 0.
    item : object
        The item as given.
    value : object
        What the function returned; None unless `kind` is "ok".
    error : str
        One line; empty where `kind` is "ok".
    kind : {"ok", "failed", "timeout", "crashed", "memory", "cancelled"}
    exit_code : int
        0, or the exit code of the error.
    elapsed : float
        Seconds spent on the item.
    """

    index: int
    item: Any
    value: Any
    error: str
    kind: Kind
    exit_code: int
    elapsed: float


@dataclass(frozen=True)
class Refused:
    """An item that has failed before any work: it only keeps its place.

    Parameters
    ----------
    item : object
    error : str
    exit_code : int
    """

    item: Any
    error: str
    exit_code: int = 1


@dataclass(frozen=True)
class Waiting:
    """Said by a source of items that has none now: ask again when `fd` can be read."""

    fd: int


class Watch(Protocol):
    """Somebody who follows items under way, and may give one up.

    Attributes
    ----------
    wakes : object
        What ``multiprocessing.connection.wait`` takes; can be read when an item may have
        become unwanted.
    """

    wakes: Any

    def unwanted(self, item: Any) -> bool:
        """Whether work on an item shall end at once; asked often, and empties `wakes`."""

    def hear(self, item: Any, word: Any) -> None:
        """What a worker says of its item: see :func:`genrewise.worker.tell`."""


def rebuild(name: str, parts: tuple[str, str, str]) -> GenrewiseError:
    """The error that a worker described."""
    kind = getattr(errors, name, GenrewiseError)
    error: GenrewiseError = kind.__new__(kind)
    GenrewiseError.__init__(error, *parts)
    return error


@dataclass
class _Job:
    """An item on its way."""

    index: int
    item: Any
    limit: float | None
    started: float = 0.0
    sent: bool = False


class _Worker:
    """A process and this side of its pipe."""

    def __init__(self, method: Any, others: Sequence[_Worker], preload: Sequence[str]) -> None:
        self.pipe, far = method.Pipe()
        forked = method.get_start_method() == "fork"
        inherited = [self.pipe, *(w.pipe for w in others)] if forked else []
        self.process = method.Process(target=work, args=(far, inherited, preload), daemon=True)
        try:
            with held_signals():
                self.process.start()
        except BaseException:  # a signal that was held
            if self.process.pid is not None:
                self.process.kill()
            raise
        far.close()
        self.ready = False
        self.job: _Job | None = None
        self.since = time.monotonic()

    def give(self, job: _Job) -> None:
        """Hand over an item; one that is still loading reads it once it is ready."""
        self.job = job
        job.started = time.monotonic()
        with suppress(OSError):  # dead already: its sentinel says so, another gets the item
            self.pipe.send((job.item, 0.0 if job.limit is None else job.limit * 1.2 + 2.0))
            job.sent = True

    def settle_in(self) -> None:
        """The worker has loaded: from now on its item's time counts."""
        self.ready = True
        if self.job is not None:
            self.job.started = time.monotonic()

    def deadline(self) -> float:
        """When the worker counts as hung, on the monotonic clock."""
        if not self.ready:
            return self.since + SETUP_LIMIT
        if self.job is None or self.job.limit is None:
            return float("inf")
        return self.job.started + self.job.limit

    def held(self) -> int:
        """Bytes of memory that are this process's own."""
        try:
            fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        except OSError:
            return 0
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Kill the process; it holds nothing that needs a goodbye."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


_spares: list[_Worker] = []


def prefork(preload: Sequence[str]) -> None:
    """Start one worker that loads modules while this process does something else.

    The next :func:`run` uses it.  Does nothing where processes cannot be forked.

    Parameters
    ----------
    preload : sequence of str
        Names of modules.
    """
    method = context(None)
    if method.get_start_method() == "fork":
        _spares.append(_Worker(method, _spares, preload))


def dismiss() -> None:
    """End workers that :func:`prefork` started and nothing used."""
    while _spares:
        _spares.pop().end()


@dataclass
class _Pool:
    """Workers, the items they have and the outcomes that wait for their turn."""

    setup: Setup
    size: int
    time_limit: Limit
    memory_limit: int | None
    method: Any
    watch: Watch | None = None
    workers: list[_Worker] = field(default_factory=list)
    again: list[_Job] = field(default_factory=list)
    done: dict[int, Outcome] = field(default_factory=dict)
    taken: int = 0
    given_out: int = 0
    exhausted: bool = False
    waiting: Waiting | None = None
    deaths: int = 0

    def outcomes(self, items: Iterable[Any]) -> Iterator[Outcome]:
        """Take, hand out, wait; give what is due."""
        source = iter(items)
        while True:
            while self.given_out in self.done:
                self.given_out += 1
                yield self.done.pop(self.given_out - 1)
            if self._take(source):
                continue
            if self.exhausted and self.given_out == self.taken:
                return
            self._wait()

    # -- items in

    def _take(self, source: Iterator[Any]) -> bool:
        """Take one item and hand it to a worker; False where none can be taken now."""
        worker = self._free()
        if worker is None and len(self.workers) >= self.size:
            return False
        job = self.again.pop() if self.again else self._next(source)
        if job is not None:
            (worker or self._hire()).give(job)
        return job is not None or (self.given_out in self.done)

    def _next(self, source: Iterator[Any]) -> _Job | None:
        """The next item as a job; None where there is none, or it needs no work."""
        if self.exhausted or self.taken - self.given_out >= AHEAD:
            return None
        self.waiting = None
        while self.taken - self.given_out < AHEAD:
            item = next(source, self)
            if item is self:
                self.exhausted = True
                return None
            if isinstance(item, Waiting):
                self.waiting = item
                return None
            self.taken += 1
            if not isinstance(item, Refused):
                limit = self.time_limit(item) if callable(self.time_limit) else self.time_limit
                return _Job(self.taken - 1, item, limit)
            index, code = self.taken - 1, item.exit_code
            self.done[index] = Outcome(index, item.item, None, item.error, "failed", code, 0.0)
            if index == self.given_out:  # due at once
                return None
        return None

    def _free(self) -> _Worker | None:
        return next((w for w in self.workers if w.job is None), None)

    def _hire(self) -> _Worker:
        """A new worker, or the one that was started beforehand."""
        forked = self.method.get_start_method() == "fork"
        worker = _spares.pop() if _spares and forked else _Worker(self.method, self.workers, ())
        self.workers.append(worker)
        with suppress(OSError):  # dead already: its sentinel says so
            worker.pipe.send(self.setup)
        return worker

    # -- outcomes out

    def _wait(self) -> None:
        """Wait until a worker says something, dies, or is due to be ended."""
        if ctrl_c.seen:
            raise KeyboardInterrupt  # it was lost where it struck first
        now = time.monotonic()
        pause = min((w.deadline() for w in self.workers), default=float("inf")) - now
        if self.memory_limit is not None and any(w.job for w in self.workers):
            pause = min(pause, MEMORY_LOOK)
        handles: list[Any] = [h for w in self.workers for h in (w.pipe, w.process.sentinel)]
        if self.waiting is not None:
            handles.append(self.waiting.fd)
        if self.watch is not None:
            handles.append(self.watch.wakes)
        connection.wait(handles, None if pause == float("inf") else max(0.0, pause))
        for worker in list(self.workers):
            self._listen(worker)
        for worker in [w for w in self.workers if w.job is not None]:
            self._give_up(worker)

    def _listen(self, worker: _Worker) -> None:
        """Read what a worker said, then see whether it has to go."""
        try:
            alive = worker.process.is_alive()  # asked first: its last words are read after
            while worker.pipe.poll():
                self._hear(worker, worker.pipe.recv())
        except (EOFError, OSError):
            alive = False
        if not alive:
            self._mourn(worker)
            return
        if time.monotonic() >= worker.deadline():
            limit = worker.job.limit if worker.job and worker.ready else SETUP_LIMIT
            text = f"no answer within {limit:g} s; expected one. Raise the time limit"
            self._bury(worker, "timeout", text)
        # What loading takes is told apart, in `_hear`.
        elif (most := self.memory_limit) and worker.ready and worker.job and worker.held() > most:
            megabytes = most / 2**20
            text = f"took more than {megabytes:.0f} MB of memory. Raise the memory limit"
            self._bury(worker, "memory", text)

    def _give_up(self, worker: _Worker) -> None:
        """End a worker whose item nobody wants any more."""
        job = worker.job
        if self.watch is None or job is None or not self.watch.unwanted(job.item):
            return
        worker.end()
        self.workers.remove(worker)
        elapsed = time.monotonic() - job.started
        self.done[job.index] = Outcome(
            job.index, job.item, None, "cancelled", "cancelled", 1, elapsed
        )

    def _hear(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        if message[0] == "said":
            if self.watch is not None and worker.job is not None:
                self.watch.hear(worker.job.item, message[1])
            return
        if message[0] == "ready":
            self.deaths = 0
            if self.memory_limit and (held := worker.held()) > self.memory_limit:
                given = f"a memory limit of {self.memory_limit / 2**20:.0f} MB"
                raise GenrewiseError(
                    given, f"more than the {held / 2**20:.0f} MB of an idle worker"
                )
            worker.settle_in()
            return
        if message[0] == "setup":
            raise rebuild(*message[1:])
        job, worker.job = worker.job, None
        assert job is not None
        elapsed, kind, *rest = message
        if kind == "ok":
            outcome = Outcome(job.index, job.item, rest[0], "", "ok", 0, elapsed)
        else:
            error = rebuild(*rest)
            why: Kind = "memory" if rest[0] == "MemoryError" else "failed"
            code = 1 if type(error) is GenrewiseError else error.exit_code
            outcome = Outcome(job.index, job.item, None, str(error), why, code, elapsed)
        self.done[job.index] = outcome

    def _mourn(self, worker: _Worker) -> None:
        """A worker ended by itself: say how."""
        worker.process.join(1.0)  # its pipe ends a moment before it does
        cause = cause_of(worker.process.exitcode)
        if cause == "SIGALRM":  # its own clock, while this process was busy elsewhere
            self._bury(worker, "timeout", "no answer within the time limit. Raise it")
        else:
            self._bury(worker, "crashed", f"the decoder crashed on it ({cause})")

    def _bury(self, worker: _Worker, kind: Kind, error: str) -> None:
        """End a worker; the item it had is lost, unless work on it had not begun."""
        worker.end()
        self.workers.remove(worker)
        job = worker.job
        if worker.ready and job is not None and job.sent:
            elapsed = time.monotonic() - job.started
            self.done[job.index] = Outcome(job.index, job.item, None, error, kind, 1, elapsed)
        elif job is not None:
            self.again.append(job)
        if not worker.ready:
            self.deaths += 1
            if self.deaths >= SETUP_DEATHS:
                cause = cause_of(worker.process.exitcode) if kind == "crashed" else error
                raise GenrewiseError(f"a worker ended while it was loading ({cause})")

    def close(self) -> None:
        """End all workers."""
        while self.workers:
            self.workers.pop().end()


def run(
    setup: Setup,
    items: Iterable[Any],
    *,
    workers: int = 0,
    time_limit: Limit = None,
    memory_limit: int | None = None,
    method: str | None = None,
    watch: Watch | None = None,
) -> Generator[Outcome, None, None]:
    """Work on items in processes and give their outcomes in the items' order.

    Parameters
    ----------
    setup : callable
        Picklable, without arguments; run once in each worker, returns the function
        from an item to a value.  Items and values are pickled.
    items : iterable
        May be endless.  :class:`Refused` items keep their place and cost no work;
        :class:`Waiting` means there is none now.
    workers : int
        Processes at the most; 0 means one a usable CPU.
    time_limit : float or callable, optional
        Seconds an item may take, or the function from the item to them.
    memory_limit : int, optional
        Bytes that one worker may hold.
    method : {"fork", "spawn", "exec"}, optional
        How processes start; by default what is safe here ("exec": :mod:`exec_process`).
    watch : Watch, optional
        Hears of items under way and may give one up, which costs its worker.

    Yields
    ------
    Outcome

    Raises
    ------
    GenrewiseError
        What `setup` raised, or that workers cannot start; workers are ended first.
    """
    if memory_limit is not None and not CAN_LIMIT_MEMORY:
        raise GenrewiseError("a memory limit", "a system with /proc", "leave it out")
    size = workers or usable_cpus()
    pool = _Pool(setup, size, time_limit, memory_limit, context(method), watch)
    try:
        yield from pool.outcomes(items)
    finally:
        pool.close()
