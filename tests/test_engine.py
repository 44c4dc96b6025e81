"""The engine on plain functions: order, isolation, limits, flat memory, both ways to start."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrewise import engine
from genrewise.engine import Outcome, Refused, Waiting, run
from genrewise.errors import BundleError, GenrewiseError

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")


def square_all(jobs: ModuleType, n: int, **how: Any) -> list[Outcome]:
    return list(run(jobs.setup, [("square", i) for i in range(n)], **how))


@pytest.mark.parametrize("method", ["fork", "spawn", "exec"])
@pytest.mark.parametrize("workers", [1, 3])
def test_values_come_in_the_order_of_the_items(jobs: ModuleType, method: str, workers: int) -> None:
    found = square_all(jobs, 20, workers=workers, method=method)
    assert [o.value for o in found] == [i * i for i in range(20)]
    assert [o.index for o in found] == list(range(20))
    assert {o.kind for o in found} == {"ok"}
    assert {o.exit_code for o in found} == {0}
    assert all(o.error == "" and 0 <= o.elapsed < 5 for o in found)


def test_a_slow_first_item_keeps_its_place(jobs: ModuleType) -> None:
    items = [("sleep", 0.4, "slow"), *[("square", i) for i in range(30)]]
    found = list(run(jobs.setup, items, workers=2))
    assert found[0].value == "slow"
    assert [o.value for o in found[1:]] == [i * i for i in range(30)]


def test_work_is_shared_between_processes(jobs: ModuleType) -> None:
    items = [("sleep", 0.1), ("pid",)] * 6
    pids = {o.value for o in run(jobs.setup, items, workers=2)} - {None}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_one_worker_serves_all_items(jobs: ModuleType) -> None:
    assert len({o.value for o in run(jobs.setup, [("pid",)] * 5, workers=1)}) == 1


def test_no_more_workers_than_items(jobs: ModuleType) -> None:
    outcomes = run(jobs.setup, [("square", 2)], workers=8)
    assert next(outcomes).value == 4
    before = len(jobs.children()) if sys.platform == "linux" else 1
    assert before == 1
    assert next(outcomes, None) is None


def test_nothing_to_do_starts_nothing(jobs: ModuleType) -> None:
    assert list(run(jobs.dying_setup, [])) == []


def test_equal_items_are_answered_twice(jobs: ModuleType) -> None:
    assert [o.value for o in run(jobs.setup, [("square", 3)] * 2)] == [9, 9]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a path, the same for all
)
@given(plan=st.lists(st.sampled_from(["ok", "fail", "refuse", "die", "slow"]), max_size=12))
def test_each_item_has_its_own_outcome(jobs: ModuleType, plan: list[str]) -> None:
    made = {
        "ok": ("square", 5),
        "fail": ("fail", "audio"),
        "refuse": Refused("x", "no such file"),
        "die": ("die", signal.SIGKILL),
        "slow": ("sleep", 0.02, 25),
    }
    found = list(run(jobs.setup, [made[p] for p in plan], workers=2))
    kinds = {"ok": "ok", "slow": "ok", "fail": "failed", "refuse": "failed", "die": "crashed"}
    assert [o.kind for o in found] == [kinds[p] for p in plan]
    assert [o.value for o in found] == [25 if p in ("ok", "slow") else None for p in plan]


@pytest.mark.parametrize(
    ("name", "kind", "code", "text"),
    [
        ("audio", "failed", 1, "a.mp3: 0 bytes; expected an audio file. Copy it again"),
        (
            "unknown",
            "failed",
            2,
            "no label named 'regge'; expected one of reggae, rock. Did you mean reggae?",
        ),
        (
            "extra",
            "failed",
            3,
            'a URL needs the extra [url]. Run: pip install "genrewise[url]"',
        ),
        ("memory", "memory", 1, "out of memory"),
    ],
)
def test_errors_travel_whole(jobs: ModuleType, name: str, kind: str, code: int, text: str) -> None:
    (found,) = run(jobs.setup, [("fail", name)])
    assert (found.kind, found.exit_code, found.error) == (kind, code, text)
    assert found.value is None


@pytest.mark.parametrize("name", ["bug", "exit", "interrupt"])
def test_a_fault_of_ours_says_where_it_is(jobs: ModuleType, name: str) -> None:
    first, second = run(jobs.setup, [("fail", name), ("square", 2)], workers=1)
    assert first.kind == "failed"
    assert first.exit_code == 1
    assert "internal error" in first.error
    assert "engine_jobs.py:" in first.error
    assert "\n" not in first.error
    assert second.value == 4


def test_a_value_that_cannot_travel_fails_its_item(jobs: ModuleType) -> None:
    first, second = run(jobs.setup, [("unpicklable",), ("square", 2)], workers=1)
    assert first.kind == "failed"
    assert "pickle" in first.error
    assert second.value == 4


@linux
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("fork", "SIGKILL"),
        ("fork", "SIGSEGV"),
        ("fork", "SIGABRT"),
        ("fork", "SIGBUS"),
        ("spawn", "SIGSEGV"),
    ],
)
def test_a_worker_that_dies_costs_one_item(jobs: ModuleType, method: str, name: str) -> None:
    items = [("square", 1), ("die", getattr(signal, name)), ("square", 2), ("square", 3)]
    found = list(run(jobs.setup, items, workers=1, method=method))
    assert [o.value for o in found] == [1, None, 4, 9]
    assert found[1].kind == "crashed"
    assert found[1].exit_code == 1
    assert name in found[1].error


def test_a_worker_that_leaves_costs_one_item(jobs: ModuleType) -> None:
    first, second = run(jobs.setup, [("end",), ("square", 2)], workers=1)
    assert first.kind == "crashed"
    assert "exit code 7" in first.error
    assert second.value == 4


@linux
def test_a_worker_killed_from_outside_costs_one_item(jobs: ModuleType) -> None:
    def items() -> Iterator[Any]:
        yield ("sleep", 30)
        (pid,) = jobs.children()
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        yield ("square", 6)

    first, second = run(jobs.setup, items(), workers=2)
    assert (first.kind, second.value) == ("crashed", 36)


@linux
def test_an_idle_worker_that_dies_costs_nothing(jobs: ModuleType) -> None:
    outcomes = run(jobs.setup, iter([("pid",), ("square", 6)]), workers=1)
    first = next(outcomes)
    os.kill(first.value, signal.SIGKILL)
    assert jobs.gone(first.value)
    assert next(outcomes).value == 36


@pytest.mark.parametrize("verb", ["hang", "stop"])
def test_a_worker_that_hangs_costs_one_item(jobs: ModuleType, verb: str) -> None:
    started = time.monotonic()
    items = [("square", 1), (verb,), ("square", 2)]
    found = list(run(jobs.setup, items, workers=1, time_limit=0.5))
    assert [o.value for o in found] == [1, None, 4]
    assert found[1].kind == "timeout"
    assert found[1].error == "no answer within 0.5 s; expected one. Raise the time limit"
    assert 0.5 <= found[1].elapsed < 2
    assert time.monotonic() - started < 5


def test_others_go_on_while_one_hangs(jobs: ModuleType) -> None:
    items = [("hang",), *[("square", i) for i in range(50)]]
    found = list(run(jobs.setup, items, workers=2, time_limit=1.0))
    assert found[0].kind == "timeout"
    assert [o.value for o in found[1:]] == [i * i for i in range(50)]


def test_the_time_limit_may_depend_on_the_item(jobs: ModuleType) -> None:
    items = [("sleep", 0.6, "a"), ("sleep", 0.6, "b")]
    found = list(run(jobs.setup, items, time_limit=lambda item: 0.2 if item[2] == "a" else 9.0))
    assert [o.kind for o in found] == ["timeout", "ok"]


def test_an_answer_that_came_in_time_counts_however_late_it_is_read(jobs: ModuleType) -> None:
    outcomes = run(jobs.setup, [("square", 1), ("square", 2)], workers=2, time_limit=0.3)
    first = next(outcomes)
    time.sleep(0.6)  # the reader takes its time, e.g. a pager
    assert [first.value, next(outcomes).value] == [1, 4]


@linux
def test_a_worker_ends_itself_where_nobody_watches(jobs: ModuleType) -> None:
    def items() -> Iterator[Any]:
        yield ("sleep", 60)
        time.sleep(2.5)  # a source that blocks the parent past the limit
        yield ("square", 2)

    first, second = run(jobs.setup, items(), workers=2, time_limit=0.1)
    assert (first.kind, second.value) == ("timeout", 4)


@pytest.mark.skipif(not engine.CAN_LIMIT_MEMORY, reason="needs /proc")
def test_a_worker_that_takes_too_much_memory_costs_one_item(jobs: ModuleType) -> None:
    items = [("square", 1), ("eat", 300), ("square", 2)]
    found = list(run(jobs.setup, items, workers=1, memory_limit=150 * 2**20))
    assert [o.value for o in found] == [1, None, 4]
    assert found[1].kind == "memory"
    assert found[1].error == "took more than 150 MB of memory. Raise the memory limit"
    assert found[1].elapsed < 4.5


@pytest.mark.skipif(not engine.CAN_LIMIT_MEMORY, reason="needs /proc")
def test_a_memory_limit_that_leaves_no_room_is_refused(jobs: ModuleType) -> None:
    with pytest.raises(GenrewiseError, match=r"limit of 1 MB; expected more than the \d+ MB of an"):
        list(run(jobs.setup, [("square", 1)], memory_limit=2**20))


def test_a_memory_limit_is_refused_where_it_cannot_be_held(
    jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CAN_LIMIT_MEMORY", False)
    with pytest.raises(GenrewiseError, match="memory limit; expected a system with /proc"):
        next(run(jobs.setup, [("square", 1)], memory_limit=2**30))


def test_a_setup_that_refuses_ends_the_run(jobs: ModuleType) -> None:
    with pytest.raises(BundleError, match=r"tiny.genrewise: 3 bytes; expected a model file") as e:
        list(run(jobs.broken_setup, [("square", 1)]))
    assert e.value.exit_code == 2
    assert (e.value.given, e.value.todo) == ("tiny.genrewise: 3 bytes", "train it again")


def test_a_setup_that_reads_past_an_end_is_no_lost_parent(jobs: ModuleType) -> None:
    with pytest.raises(GenrewiseError, match="EOFError: the model file ends early"):
        list(run(jobs.end_of_file_setup, [("square", 1)]))


def test_a_setup_that_always_dies_ends_the_run(jobs: ModuleType) -> None:
    with pytest.raises(GenrewiseError, match=r"ended while it was loading \(SIGILL\)"):
        list(run(jobs.dying_setup, [("square", 1)] * 9))


def test_a_setup_that_dies_once_costs_nothing(jobs: ModuleType, tmp_path: Path) -> None:
    setup = jobs.dies_once(tmp_path / "marker")
    assert [o.value for o in run(setup, [("square", i) for i in range(4)])] == [0, 1, 4, 9]


def test_a_setup_that_cannot_travel_is_said(jobs: ModuleType) -> None:
    with pytest.raises(AttributeError, match="pickle"):
        list(run(lambda: jobs.work, [("square", 1)]))


def test_a_setup_that_hangs_ends_the_run(jobs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SETUP_LIMIT", 0.3)
    with pytest.raises(GenrewiseError, match=r"while it was loading \(no answer within 0.3 s"):
        list(run(jobs.hanging_setup, [("square", 1)]))


def test_the_time_limit_begins_when_the_worker_has_loaded(jobs: ModuleType) -> None:
    (found,) = run(jobs.slow_setup, [("square", 3)], time_limit=0.3)
    assert found.value == 9


def test_refused_items_cost_no_worker(jobs: ModuleType) -> None:
    items = [Refused("a", "no such file"), Refused("b", "no extra", 3)]
    found = list(run(jobs.dying_setup, items))
    assert [(o.item, o.error, o.exit_code, o.kind) for o in found] == [
        ("a", "no such file", 1, "failed"),
        ("b", "no extra", 3, "failed"),
    ]


def test_refused_items_come_at_once_and_in_order(jobs: ModuleType) -> None:
    def items() -> Iterator[Any]:
        yield Refused("a", "gone")
        assert seen == ["a"]
        yield ("sleep", 0.2, "slow")
        yield Refused("b", "gone")

    seen: list[Any] = []
    for outcome in run(jobs.setup, items()):
        seen += [outcome.item if outcome.kind == "failed" else outcome.value]
    assert seen == ["a", "slow", "b"]


def test_an_endless_source_is_taken_as_it_is_needed(jobs: ModuleType) -> None:
    taken = 0

    def items() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 1
            yield ("square", 2)

    outcomes = run(jobs.setup, items(), workers=2)
    for _ in range(50):
        assert next(outcomes).value == 4
    outcomes.close()
    assert taken <= 50 + engine.AHEAD + 2


def test_a_stuck_item_bounds_what_is_taken(jobs: ModuleType) -> None:
    taken = 0

    def items() -> Iterator[Any]:
        nonlocal taken
        yield ("sleep", 1.0)
        while True:
            taken += 1
            yield Refused("x", "gone")

    outcomes = run(jobs.setup, items(), workers=2)
    assert next(outcomes).kind == "ok"
    assert taken <= engine.AHEAD
    outcomes.close()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
def test_a_source_may_wait_for_answers(jobs: ModuleType) -> None:
    """Somebody writes a line, reads the answer, and only then writes the next."""
    reads, writes = os.pipe()

    def items() -> Iterator[Any]:
        os.set_blocking(reads, False)
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
    for outcome in run(jobs.setup, items(), workers=2):
        seen.append(outcome.value)
        os.write(writes, b"." if len(seen) == 3 else b"4")
    os.close(reads)
    os.close(writes)
    assert seen == [9, 16, 16]


def test_an_error_of_the_source_ends_the_run(jobs: ModuleType) -> None:
    def items() -> Iterator[Any]:
        yield ("square", 1)
        raise BundleError("the list", "text")

    with pytest.raises(BundleError, match="the list"):
        list(run(jobs.setup, items()))
    assert sys.platform != "linux" or not jobs.children()
