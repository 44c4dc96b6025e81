"""Following items under way: what a worker says of them, and giving one up."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from multiprocessing import get_context
from types import ModuleType
from typing import Any

import pytest

from genrewise.engine import Outcome, run
from genrewise.worker import tell

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")


class Follower:
    """Writes down what it hears; an item is unwanted once its name was given."""

    def __init__(self, unwanted_when: Any = None) -> None:
        self.wakes, self._far = get_context("spawn").Pipe(duplex=False)
        self.heard: list[tuple[Any, Any]] = []
        self.given_up: list[Any] = []
        self.when = unwanted_when

    def unwanted(self, item: Any) -> bool:
        while self.wakes.poll():
            self.given_up.append(self.wakes.recv())
        return item in self.given_up

    def hear(self, item: Any, word: Any) -> None:
        self.heard.append((item, word))
        if word == self.when:
            self.give_up(item)

    def give_up(self, item: Any) -> None:
        self._far.send(item)


def followed(jobs: ModuleType, items: Any, watch: Follower, **how: Any) -> list[Outcome]:
    return list(run(jobs.setup, items, watch=watch, **how))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_words_come_before_the_answer_and_in_order(jobs: ModuleType, method: str) -> None:
    watch = Follower()
    items = [("count", 3), ("square", 4), ("count", 2)]
    found = followed(jobs, items, watch, workers=1, method=method)
    assert [o.value for o in found] == [3, 16, 2]
    assert watch.heard == [
        *((("count", 3), i) for i in range(3)),
        *((("count", 2), i) for i in range(2)),
    ]


def test_words_of_several_workers_belong_to_their_items(jobs: ModuleType) -> None:
    watch = Follower()
    items = [("count", n) for n in range(1, 9)]
    followed(jobs, items, watch, workers=3)
    for item in items:
        assert [word for of, word in watch.heard if of == item] == list(range(item[1]))


def test_words_that_nobody_hears_are_dropped(jobs: ModuleType) -> None:
    assert [o.value for o in run(jobs.setup, [("count", 5)])] == [5]


def test_outside_a_worker_nothing_is_said() -> None:
    tell("to nobody")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_item_is_given_up_though_its_worker_hangs(jobs: ModuleType, method: str) -> None:
    watch = Follower(unwanted_when="go")
    items = [("square", 2), ("say and hang", "go"), ("square", 3)]
    found = followed(jobs, items, watch, workers=1, method=method)
    assert [o.kind for o in found] == ["ok", "cancelled", "ok"]
    assert [o.value for o in found] == [4, None, 9]
    assert (found[1].error, found[1].exit_code) == ("cancelled", 1)
    assert 0 <= found[1].elapsed < 60


def test_only_the_unwanted_item_is_given_up(jobs: ModuleType) -> None:
    watch = Follower(unwanted_when="go")
    items = [("sleep", 0.5, "kept"), ("say and hang", "go"), ("square", 3)]
    found = followed(jobs, items, watch, workers=2)
    assert [o.value for o in found] == ["kept", None, 9]


def test_an_item_may_be_given_up_from_another_thread(jobs: ModuleType) -> None:
    watch = Follower()
    hangs = ("hang",)
    timer = threading.Timer(0.3, watch.give_up, [hangs])
    timer.start()
    found = followed(jobs, [hangs], watch, workers=1, method="spawn")
    timer.join()
    assert [o.kind for o in found] == ["cancelled"]


def test_giving_up_while_the_worker_loads_is_no_fault_of_loading(jobs: ModuleType) -> None:
    """Four in a row are more than the deaths that end a run."""
    watch = Follower()

    def items() -> Iterator[Any]:
        for i in range(5):
            if i < 4:
                watch.give_up(("square", i))
            yield ("square", i)

    found = list(run(jobs.slow_setup, items(), workers=1, watch=watch))
    assert [o.kind for o in found] == ["cancelled"] * 4 + ["ok"]
    assert found[4].value == 16


@linux
def test_a_given_up_worker_is_gone(jobs: ModuleType) -> None:
    watch = Follower(unwanted_when="go")
    outcomes = run(jobs.setup, [("pid",), ("say and hang", "go"), ("pid",)], workers=1, watch=watch)
    first, _, last = outcomes
    assert first.value != last.value
    assert jobs.gone(first.value)


def test_a_source_that_blocks_gets_each_outcome_before_it_is_asked_again(jobs: ModuleType) -> None:
    """One worker a thread: the source may wait for a queue, and nothing is held back."""
    seen: list[Any] = []

    def items() -> Iterator[Any]:
        for n in range(3):
            assert len(seen) == n
            yield ("square", n)

    for outcome in run(jobs.setup, items(), workers=1):
        seen.append(outcome.value)  # noqa: PERF401 - the source looks at it
    assert seen == [0, 1, 4]


def test_runs_in_several_threads_keep_apart(jobs: ModuleType) -> None:
    answers: dict[int, list[Any]] = {}

    def work(n: int) -> None:
        items = [("square", n * 10 + i) for i in range(4)]
        answers[n] = [o.value for o in run(jobs.setup, items, workers=1)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: [(n * 10 + i) ** 2 for i in range(4)] for n in range(3)}
