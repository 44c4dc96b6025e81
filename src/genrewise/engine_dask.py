"""Map a function over items on a Dask cluster, with the interface of :mod:`genrewise.engine`.

Items are sent in batches, each of which is one task of Dask's.  A batch is as large as what a few
seconds' work is, by the time that items took so far: what Dask spends on a task, some
milliseconds, is then less than a hundredth of it.  Only so many batches are under way, so
that the items may be endless; outcomes come in the items' order.

On a Dask worker the items of a batch are worked on in a process of their own, under the
limits of :mod:`genrewise.engine` (:mod:`genrewise.engine_crew`): a decoder that crashes costs its
file.  A Dask worker that is lost costs nothing: Dask gives its batches to another, and the
outcomes of a batch are given out once.
"""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, connection
from queue import Empty, SimpleQueue
from typing import Any

from genrewise import __version__, engine, engine_crew
from genrewise.dask_cluster import connected, local, quiet
from genrewise.engine import Limit, Outcome, Refused, Setup, Waiting
from genrewise.errors import GenrewiseError

__all__ = ["BatchSize", "run"]

#: Seconds of work in a batch, and how many more a slot (a thread of a Dask worker), so that the
#: one scheduler has no more than a hundred batches a second to deal out.
BATCH_SECONDS, SLOT_SECONDS = 2.0, 0.01
#: Items in a batch at the most: what is lost with a worker, and what is held in memory.
MOST_ITEMS = 500
#: Batches a slot that wait or are worked on, those with the ones done out of turn, and the
#: items in these at the most, some kilobytes each.
UNDER_WAY, AHEAD, MOST_AHEAD = 2, 16, 500_000
#: Seconds to wait for another worker after the last.
NEXT_WORKER = 300.0
#: Seconds between two looks at how many workers there are, and for telling them that it is over.
LOOK, FAREWELL = 5.0, 3.0


@dataclass
class BatchSize:
    """How many items make a batch, by what items took so far.

    Parameters
    ----------
    target : float
        Seconds of work that a batch shall be.

    Attributes
    ----------
    items : int
        How many to take now; at most doubled from batch to batch, as the first files say little.
    each : float
        Seconds that an item takes, the last batches counting most; 0 while nothing is known.
    """

    target: float
    items: int = 1
    each: float = 0.0

    def learn(self, items: int, seconds: float) -> None:
        """Take note of how long a batch of so many items took."""
        now = seconds / items
        self.each = 0.7 * self.each + 0.3 * now if self.each else now
        wanted = int(self.target / max(self.each, 1e-6))
        self.items = max(1, min(wanted, 2 * self.items, MOST_ITEMS))


@dataclass
class _Batch:
    """Items that follow each other, and what became of them."""

    first: int
    items: list[Any]
    suspect: bool = False
    future: Any = None
    outcomes: list[Outcome] | None = None

    def tasks(self, limit: Limit) -> bytes:
        """The items that are work, with their limits, as they are sent."""
        work = [item for item in self.items if not isinstance(item, Refused)]
        return pickle.dumps([(limit(i) if callable(limit) else limit, i) for i in work])

    def conclude(self, answers: Iterable[tuple[Any, ...]]) -> None:
        """Give every item its outcome; those that were refused had theirs."""
        rest = iter(answers)
        self.outcomes = []
        for index, item in enumerate(self.items, self.first):
            if isinstance(item, Refused):
                error, code = item.error, item.exit_code
                self.outcomes.append(Outcome(index, item.item, None, error, "failed", code, 0.0))
            else:
                self.outcomes.append(Outcome(index, item, *next(rest)))

    def parts(self) -> list[_Batch]:
        """Its items as batches of their own."""
        return [_Batch(self.first + i, [item], suspect=True) for i, item in enumerate(self.items)]


def _gone(address: str) -> GenrewiseError:
    return GenrewiseError(f"the scheduler {address} went away", todo="start it and run it again")


@dataclass
class _Run:
    """Batches on their way."""

    client: Any
    address: str
    parcel: bytes
    time_limit: Limit
    memory_limit: int | None
    slots: int = 0
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    batches: deque[_Batch] = field(default_factory=deque)
    under_way: dict[str, _Batch] = field(default_factory=dict)
    suspects: deque[_Batch] = field(default_factory=deque)
    taken: int = 0
    sent: int = 0
    exhausted: bool = False
    waiting: Waiting | None = None
    seen: float = field(default_factory=time.monotonic)
    looked: float = 0.0

    def __post_init__(self) -> None:
        self._hear, self._tell = Pipe(duplex=False)
        self.size = BatchSize(BATCH_SECONDS)
        self._look()
        self._begin()

    def outcomes(self, items: Iterable[Any]) -> Iterator[Outcome]:
        """Take, send, wait; give what is due."""
        source = iter(items)
        while True:
            while self.batches and self.batches[0].outcomes is not None:
                yield from self.batches.popleft().outcomes or ()
            if self._has_room() and self._take(source):
                continue
            if self.exhausted and not self.batches:
                return
            self._wait()

    # -- workers

    def _begin(self, workers: Sequence[str] | None = None) -> None:
        """Tell workers, by default all, what the run needs.

        Raises
        ------
        GenrewiseError
            One has another genrewise.
        """
        needs = (self.name, self.parcel, self.memory_limit)
        found = self.client.run(engine_crew.begin, *needs, workers=workers, on_error="return")
        for worker, version in found.items():
            if version == __version__ or isinstance(version, OSError):  # one that has just died
                continue
            what = "genrewise" if isinstance(version, str) else "no genrewise,"
            raise GenrewiseError(
                f"worker {worker}: {what} {version}",
                f"genrewise {__version__}, as here",
                "install the same on all machines",
            )

    def _look(self) -> None:
        """See how many workers there are."""
        if self.client.status not in ("running", "connecting"):
            raise _gone(self.address)
        try:
            self.slots = sum(self.client.nthreads().values())
        except OSError:
            raise _gone(self.address) from None
        self.looked = time.monotonic()
        self.size.target = BATCH_SECONDS + SLOT_SECONDS * self.slots
        if self.slots:
            self.seen = self.looked
        elif self.looked - self.seen > NEXT_WORKER:
            given = f"{self.address}: no worker for {NEXT_WORKER:.0f} s"
            raise GenrewiseError(given, "one", f"start some: dask worker {self.address}")

    # -- items in

    def _has_room(self) -> bool:
        slots = max(1, self.slots)
        few = len(self.under_way) < UNDER_WAY * slots and len(self.batches) < AHEAD * slots
        ahead = self.taken - self.batches[0].first if self.batches else 0
        return few and ahead < MOST_AHEAD and not self.exhausted

    def _take(self, source: Iterator[Any]) -> bool:
        """Take a batch of items and send it; False where there are none now."""
        self.waiting = None
        items: list[Any] = []
        while len(items) < self.size.items:
            item = next(source, self)
            if item is self:
                self.exhausted = True
                break
            if isinstance(item, Waiting):
                self.waiting = item
                break
            items.append(item)
        if not items:
            return False
        batch = _Batch(self.taken, items)
        self.taken += len(items)
        self.batches.append(batch)
        self._send(batch)
        return True

    def _send(self, batch: _Batch) -> None:
        if all(isinstance(item, Refused) for item in batch.items):
            batch.conclude(())
            return
        self.sent += 1
        key = f"genrewise-{self.name}-{self.sent}"
        self.under_way[key] = batch
        batch.future = self.client.submit(
            engine_crew.work, self.name, batch.tasks(self.time_limit), key=key, pure=False
        )
        batch.future.add_done_callback(self._ring)

    def _ring(self, future: Any) -> None:
        """Called in another thread when a batch is done."""
        with suppress(OSError):  # the run is over
            self._tell.send(future.key)

    # -- outcomes out

    def _wait(self) -> None:
        """Wait until a batch is done or there are new items; look after the cluster meanwhile."""
        if engine.ctrl_c.seen:
            raise KeyboardInterrupt  # it was lost where it struck first
        self._try_suspect()
        handles: list[Any] = [self._hear]
        if self.waiting is not None and self._has_room():
            handles.append(self.waiting.fd)
        connection.wait(handles, 1.0)
        while self._hear.poll():
            self._collect(self._hear.recv())
        if time.monotonic() - self.looked > LOOK:
            self._look()

    def _collect(self, key: str) -> None:
        """Take in what came of a batch."""
        batch = self.under_way.pop(key)
        from distributed import KilledWorker

        try:
            kind, *rest = pickle.loads(batch.future.result())
        except KilledWorker:
            self._suspect(batch)
            return
        except ModuleNotFoundError as error:
            raise GenrewiseError(
                f"a worker of {self.address} without {error.name}",
                f"genrewise {__version__} on every worker",
            ) from None
        except (CancelledError, OSError):
            raise _gone(self.address) from None
        if kind == "refused":
            raise _refusal(*rest)
        if kind == "unknown":  # a worker that joined later
            self._begin([*self.client.who_has([batch.future]).get(key, ())] or None)
            self._send(batch)
            return
        batch.future, (answers, seconds) = None, rest
        self.size.learn(len(answers), seconds)
        batch.conclude(answers)

    def _suspect(self, batch: _Batch) -> None:
        """A batch was on every Dask worker that died, which may be its fault or another's.

        Its items are tried again one by one, one suspect at a time on the whole cluster: where the
        workers die again, it was this one.
        """
        if batch.suspect:
            batch.conclude([(None, "every Dask worker that had it died", "crashed", 1, 0.0)])
            return
        at, parts = self.batches.index(batch), batch.parts()
        self.batches = deque([*self.batches][:at] + parts + [*self.batches][at + 1 :])
        self.suspects.extend(parts)

    def _try_suspect(self) -> None:
        if self.suspects and not any(batch.suspect for batch in self.under_way.values()):
            self._send(self.suspects.popleft())

    def close(self) -> None:
        """Let the workers give up what is under way, and forget the rest."""
        if self.client.status == "running":
            # Dask waits half a minute for a worker that has just died; whoever cannot be
            # reached will notice by itself.
            with suppress(Exception):
                _within(FAREWELL, self._say_end)
        self._tell.close()
        self._hear.close()

    def _say_end(self) -> None:
        self.client.cancel([batch.future for batch in self.under_way.values()])
        self.client.run(engine_crew.end, self.name, on_error="ignore")


def _within(seconds: float, function: Callable[[], Any]) -> Any:
    """What a function returns, if it does so in time.

    Raises
    ------
    TimeoutError
        It does not; it is left to itself.
    """
    answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def call() -> None:
        try:
            answers.put((function(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=call, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value


def _refusal(where: str, name: str, parts: tuple[str, str, str]) -> GenrewiseError:
    """Why a worker refuses all work."""
    error = engine.rebuild(name, parts)
    error.given = f"worker on {where}: {error.given}"
    return error


def run(
    setup: Setup,
    items: Iterable[Any],
    *,
    scheduler: str,
    workers: int = 0,
    time_limit: Limit = None,
    memory_limit: int | None = None,
) -> Generator[Outcome, None, None]:
    """Work on items on a Dask cluster and give their outcomes in the items' order.

    Parameters
    ----------
    setup : callable
        As for :func:`genrewise.engine.run`.  Where it is a frozen dataclass with a field
        ``model``, the file of that name is sent along.
    items : iterable
        As for :func:`genrewise.engine.run`.  Relative paths start from this process's folder,
        on the workers' machines too.
    scheduler : str
        Address of a scheduler; ``"local"`` starts one with workers on this machine and ends them.
    workers : int
        How many `local` starts; 0 means one a usable CPU.
    time_limit : float or callable, optional
        Seconds an item may take, or the function from the item to them; called here.
    memory_limit : int, optional
        Bytes that the process of one worker's thread may hold.

    Yields
    ------
    Outcome

    Raises
    ------
    GenrewiseError
        The scheduler cannot be reached or is lost, has no workers or one with another version of
        genrewise, or what `setup` raised.
    MissingExtra
        Dask is not installed.
    """
    engine.dismiss()
    parcel = engine_crew.pack(setup)
    place = local(workers) if scheduler == "local" else nullcontext(scheduler)
    with quiet(), place as address, connected(address) as client:
        work = _Run(client, address, parcel, time_limit, memory_limit)
        try:
            yield from work.outcomes(items)
        finally:
            work.close()
