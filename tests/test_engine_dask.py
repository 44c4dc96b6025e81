"""The engine on a Dask cluster: the same outcomes, nothing lost or doubled, whatever dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise import engine, engine_dask
from genrewise.engine import Outcome, Refused, Waiting
from genrewise.engine_dask import MOST_ITEMS, BatchSize, _Batch
from genrewise.errors import BundleError, GenrewiseError

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

Run = Callable[..., Iterator[Outcome]]


@pytest.fixture(scope="module")
def made(clusters: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers, as processes."""
    folder = tmp_path_factory.mktemp("dask")
    with clusters.cluster(folder, 2, [clusters.__file__.rpartition(os.sep)[0]]) as found:
        yield found


@pytest.fixture
def run(made: Any) -> Run:
    def call(setup: Any, items: Any, **how: Any) -> Iterator[Outcome]:
        return engine_dask.run(setup, items, scheduler=made.address, **how)

    return call


def plain(outcome: Outcome) -> tuple[Any, ...]:
    """An outcome without its time."""
    return outcome.index, outcome.item, outcome.value, outcome.error, outcome.kind


# ------------------------------------------------------------------ how large a batch is


@given(each=st.floats(1e-7, 100.0), target=st.floats(0.5, 20.0))
def test_a_batch_grows_to_what_the_target_is(each: float, target: float) -> None:
    size = BatchSize(target)
    for _ in range(40):
        before = size.items
        size.learn(before, before * each)
        assert 1 <= size.items <= min(2 * before, MOST_ITEMS)
    wanted = target / each
    assert size.items == pytest.approx(min(max(wanted, 1), MOST_ITEMS), rel=0.02, abs=1.01)


def test_a_batch_shrinks_at_once_where_items_take_longer() -> None:
    size = BatchSize(2.0, items=400, each=0.005)
    size.learn(400, 400 * 1.0)
    assert size.each == pytest.approx(0.7 * 0.005 + 0.3)
    assert size.items == 6


def test_the_target_follows_the_number_of_slots(run: Run, jobs: ModuleType) -> None:
    assert list(run(jobs.setup, [])) == []
    assert engine_dask.BATCH_SECONDS + engine_dask.SLOT_SECONDS * 1000 == 12.0


def test_refused_items_keep_their_place_in_a_batch() -> None:
    batch = _Batch(7, ["a", Refused("b", "gone", 3), "c"])
    batch.conclude([("A", "", "ok", 0, 0.5), (None, "bad", "failed", 1, 0.1)])
    assert batch.outcomes == [
        Outcome(7, "a", "A", "", "ok", 0, 0.5),
        Outcome(8, "b", None, "gone", "failed", 3, 0.0),
        Outcome(9, "c", None, "bad", "failed", 1, 0.1),
    ]
    assert [(p.first, p.items) for p in batch.parts()][1][0] == 8


# ------------------------------------------------------------------ the same as here


def items() -> list[Any]:
    return [
        *[("square", i) for i in range(120)],
        Refused("x", "no such file"),
        ("fail", "audio"),
        ("sleep", 0.3, "slow"),
        ("die", signal.SIGSEGV),
        *[("square", i) for i in range(30)],
        ("fail", "extra"),
        ("unpicklable",),
        Refused("y", "no extra", 3),
    ]


def test_outcomes_are_those_of_the_local_engine(run: Run, jobs: ModuleType) -> None:
    here = list(engine.run(jobs.setup, items(), workers=2))
    there = list(run(jobs.setup, items()))
    assert [plain(o) for o in there] == [plain(o) for o in here]
    assert [o.exit_code for o in there] == [o.exit_code for o in here]


def test_both_workers_work_and_keep_their_processes(run: Run, jobs: ModuleType) -> None:
    found = [o.value for o in run(jobs.setup, [("sleep", 0.05), ("pid",)] * 60)]
    assert len(set(found) - {None}) == 2


def test_limits_hold_there(run: Run, jobs: ModuleType) -> None:
    asked: list[Any] = []

    def limit(item: Any) -> float | None:
        asked.append(item)
        return 0.5 if item[0] == "hang" else None

    found = list(run(jobs.setup, [("hang",), ("square", 3), ("sleep", 0.6, 1)], time_limit=limit))
    assert [o.kind for o in found] == ["timeout", "ok", "ok"]
    assert found[0].error == "no answer within 0.5 s; expected one. Raise the time limit"
    assert [item[0] for item in asked] == ["hang", "square", "sleep"]
    eaten = list(run(jobs.setup, [("eat", 300), ("square", 3)], memory_limit=150 * 2**20))
    assert [o.kind for o in eaten] == ["memory", "ok"]


def test_an_endless_source_is_taken_as_it_is_needed(run: Run, jobs: ModuleType) -> None:
    taken = 0

    def endless() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 1
            yield ("sleep", 0.02, taken)

    outcomes = run(jobs.setup, endless())
    assert [next(outcomes).value for _ in range(50)] == list(range(1, 51))
    outcomes.close()  # type: ignore[attr-defined]
    # Two seconds of work make a batch of 100 in the end; doubling, they are not there yet.
    assert taken <= 50 + engine_dask.AHEAD * 2 * 64


def test_an_item_that_takes_long_holds_up_no_more_than_memory_has_room_for(
    run: Run, jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_dask, "MOST_AHEAD", 40)
    taken = 0

    def endless() -> Iterator[Any]:
        nonlocal taken
        yield ("sleep", 2.0, "late")
        while True:
            taken += 1
            yield ("square", taken)

    outcomes = run(jobs.setup, endless())
    assert next(outcomes).value == "late"
    outcomes.close()  # type: ignore[attr-defined]
    assert taken <= 40 + 64  # the last batch may be as large as those before it


@linux
def test_a_source_may_wait_for_answers(run: Run, jobs: ModuleType) -> None:
    reads, writes = os.pipe()
    os.set_blocking(reads, False)

    def lines() -> Iterator[Any]:
        while True:
            try:
                line = os.read(reads, 1)
            except BlockingIOError:
                yield Waiting(reads)
                continue
            if line == b".":
                return
            yield ("square", int(line))

    os.write(writes, b"3")
    seen = []
    for outcome in run(jobs.setup, lines()):
        seen.append(outcome.value)
        os.write(writes, b"." if len(seen) == 3 else b"4")
    os.close(reads)
    os.close(writes)
    assert seen == [9, 16, 16]


def test_refused_items_alone_need_no_work(run: Run, jobs: ModuleType) -> None:
    found = list(run(jobs.dying_setup, [Refused("a", "gone"), Refused("b", "gone")]))
    assert [(o.index, o.item, o.kind) for o in found] == [(0, "a", "failed"), (1, "b", "failed")]


def test_an_error_of_the_source_ends_the_run(run: Run, jobs: ModuleType) -> None:
    def broken() -> Iterator[Any]:
        yield ("hang",)
        raise BundleError("the list", "text")

    with pytest.raises(BundleError, match="the list"):
        list(run(jobs.setup, broken()))


# ------------------------------------------------------------------ refusals


def test_a_setup_that_refuses_ends_the_run(run: Run, jobs: ModuleType) -> None:
    with pytest.raises(BundleError, match=r"worker on .+: tiny.genrewise: 3 bytes; expected") as e:
        list(run(jobs.broken_setup, [("square", 1)] * 5))
    assert (e.value.exit_code, e.value.todo) == (2, "train it again")


def test_a_memory_limit_that_leaves_no_room_is_refused(run: Run, jobs: ModuleType) -> None:
    with pytest.raises(GenrewiseError, match=r"worker on .* 1 MB"):
        list(run(jobs.setup, [("square", 1)], memory_limit=2**20))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("sys.modules['genrewise'] = None", "no genrewise, ModuleNotFoundError"),
        (
            "import genrewise; genrewise.__version__ = '0.0.9'",
            ": genrewise 0.0.9; expected",
        ),
    ],
)
def test_workers_with_another_genrewise(
    clusters: ModuleType, jobs: ModuleType, tmp_path: Any, program: str, said: str
) -> None:
    with clusters.cluster(tmp_path, 0) as found:
        found.add(f"import sys; {program}; {clusters.WORKER}", "--no-nanny")
        with pytest.raises(GenrewiseError) as caught:
            list(engine_dask.run(jobs.setup, [("square", 1)], scheduler=found.address))
    assert said in str(caught.value)
    assert str(caught.value).startswith("worker tcp://127.0.0.1:")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ what dies


@linux
def test_a_worker_killed_in_the_middle(
    run: Run, jobs: ModuleType, made: Any, clusters: ModuleType
) -> None:
    wanted = [("sleep", 0.01, i) for i in range(400)]
    found: list[Outcome] = []
    killed: list[int] = []
    for outcome in run(jobs.setup, iter(wanted)):
        found.append(outcome)
        if len(found) in (60, 200):
            pid = made.working()[len(killed)]
            below = clusters.decoders(pid)
            os.kill(pid, signal.SIGKILL)
            assert all(jobs.gone(p) for p in below)  # no decoder outlives its worker
            killed.append(pid)
    assert [o.value for o in found] == list(range(400))
    assert {o.kind for o in found} == {"ok"}
    clusters.until(lambda: len(made.working()) == 2)


@linux
def test_a_worker_that_joins_later_is_told_what_to_do(
    run: Run, jobs: ModuleType, made: Any, clusters: ModuleType
) -> None:
    pids: set[int] = set()
    late: Any = None
    outcomes = run(jobs.setup, (("sleep", 0.1) if i % 2 else ("pid",) for i in range(100_000)))
    end = time.monotonic() + 90
    for outcome in outcomes:
        pids |= {outcome.value} - {None}
        if len(pids) == 2 and late is None:
            late = made.add(clusters.WORKER, "--no-nanny")
        if len(pids) == 3:
            break
        assert time.monotonic() < end
    outcomes.close()  # type: ignore[attr-defined]
    late.send_signal(signal.SIGTERM)
    late.communicate(timeout=20)
    made.workers.remove(late)
    assert all(jobs.gone(pid) for pid in pids)


@linux
def test_an_item_that_kills_every_worker_costs_itself(
    clusters: ModuleType, jobs: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    folder = clusters.__file__.rpartition(os.sep)[0]
    wanted = [*[("square", i) for i in range(9)], ("die above", 9), ("square", 9), ("square", 10)]
    with clusters.cluster(tmp_path, 1, [folder]) as found:
        outcomes = list(engine_dask.run(jobs.setup, wanted, scheduler=found.address))
    assert [o.item for o in outcomes] == wanted
    kinds = [o.kind for o in outcomes]
    assert kinds[9] == "crashed"
    assert outcomes[9].error == "every Dask worker that had it died"
    assert kinds.count("ok") == 11


@linux
def test_a_scheduler_that_goes_away(clusters: ModuleType, jobs: ModuleType, tmp_path: Any) -> None:
    folder = clusters.__file__.rpartition(os.sep)[0]
    with clusters.cluster(tmp_path, 1, [folder]) as found:
        address = found.address
        wanted = [("square", 2), ("sleep", 60)]
        outcomes = engine_dask.run(jobs.setup, wanted, scheduler=address)
        assert next(outcomes).value == 4
        os.kill(found.scheduler.pid, signal.SIGKILL)
        with pytest.raises(GenrewiseError, match=rf"^the scheduler {address} went away\. Start"):
            next(outcomes)


@linux
def test_workers_that_are_gone_for_long(
    clusters: ModuleType, jobs: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_dask, "NEXT_WORKER", 1.0)
    monkeypatch.setattr(engine_dask, "LOOK", 0.2)
    folder = clusters.__file__.rpartition(os.sep)[0]
    with clusters.cluster(tmp_path, 0, [folder]) as found:
        only = found.add(clusters.WORKER, "--no-nanny")
        wanted = [("square", 2), ("sleep", 60)]
        outcomes = engine_dask.run(jobs.setup, wanted, scheduler=found.address)
        assert next(outcomes).value == 4
        only.kill()
        with pytest.raises(GenrewiseError, match=r"no worker for 1 s; expected one\. Start some"):
            next(outcomes)


# ------------------------------------------------------------------ the end


@linux
def test_no_process_is_left_when_the_reader_stops(
    run: Run, jobs: ModuleType, made: Any, clusters: ModuleType
) -> None:
    outcomes = run(jobs.setup, [("square", 1), *[("hang",)] * 9])
    next(outcomes)
    below = [p for nanny in made.workers for p in clusters.decoders(nanny.pid)]
    assert below
    outcomes.close()  # type: ignore[attr-defined]
    assert all(jobs.gone(pid) for pid in below)
    # and the workers are free for the next
    assert [o.value for o in run(jobs.setup, [("square", 3)] * 4)] == [9] * 4


@linux
def test_ctrl_c_that_was_lost_ends_it(
    run: Run, jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = run(jobs.setup, [("square", 1), ("hang",)])
    next(outcomes)
    monkeypatch.setattr(engine.ctrl_c, "seen", True)
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)


@pytest.mark.usefixtures("clusters")
def test_a_cluster_of_our_own(jobs: ModuleType) -> None:
    found = list(engine_dask.run(jobs.setup, items()[:60], scheduler="local", workers=1))
    assert [o.value for o in found] == [i * i for i in range(60)]
    with suppress(ImportError):
        import psutil

        assert not [p for p in psutil.Process().children() if "dask_cluster" in p.cmdline()]
