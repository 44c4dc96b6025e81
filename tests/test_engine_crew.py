"""What works on a Dask worker, without Dask: batches, limits, the end, what is sent along."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrewise import __version__, engine_crew
from genrewise.engine_crew import Crew, Ended, Parcel, begin, end, pack, work
from genrewise.errors import GenrewiseError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")


@pytest.fixture
def crew(jobs: ModuleType) -> Iterator[Crew]:
    made = Crew(pack(jobs.setup), None)
    yield made
    made.end()


def batch(*items: Any, limit: float | None = None) -> bytes:
    return pickle.dumps([(limit, item) for item in items])


def answer(run: str, *items: Any, **how: Any) -> Any:
    return pickle.loads(work(run, batch(*items, **how)))


@pytest.fixture
def told(jobs: ModuleType) -> Iterator[str]:
    """A run that this process knows."""
    assert begin("run", pack(jobs.setup), None) == __version__
    yield "run"
    end("run")


# ------------------------------------------------------------------ batches


def test_items_are_answered_in_their_order(told: str) -> None:
    kind, answers, seconds = answer(told, *[("square", i) for i in range(5)])
    assert kind == "done"
    assert [a[0] for a in answers] == [0, 1, 4, 9, 16]
    assert {a[1:4] for a in answers} == {("", "ok", 0)}
    assert 0 <= seconds < 5


def test_the_process_stays_from_batch_to_batch(told: str, jobs: ModuleType) -> None:
    pids = {answer(told, ("pid",))[1][0][0] for _ in range(4)}
    assert len(pids) == 1
    assert pids == jobs.children()
    end(told)
    assert jobs.gone(pids.pop())


def test_loading_the_model_is_no_work(jobs: ModuleType) -> None:
    begin("slow", pack(jobs.slow_setup), None)  # 0.8 s
    try:
        assert answer("slow", ("square", 2))[2] < 0.5
        assert answer("slow", ("sleep", 0.1), ("sleep", 0.1))[2] >= 0.2
    finally:
        end("slow")


@pytest.mark.parametrize(
    ("item", "kind", "text"),
    [
        (("fail", "audio"), "failed", "a.mp3: 0 bytes; expected an audio file"),
        (("die", 11), "crashed", "the decoder crashed on it (SIGSEGV)"),
        (("hang",), "timeout", "no answer within 0.6 s"),
        (("unpicklable",), "failed", "pickle"),
    ],
)
def test_a_fault_costs_its_item(told: str, item: Any, kind: str, text: str) -> None:
    _, answers, _ = answer(told, ("square", 2), item, ("square", 3), limit=0.6)
    assert [a[0] for a in answers] == [4, None, 9]
    assert answers[1][2] == kind
    assert text in answers[1][1]


@pytest.mark.skipif(not engine_crew.engine.CAN_LIMIT_MEMORY, reason="needs /proc")
def test_memory_has_a_limit(jobs: ModuleType) -> None:
    begin("small", pack(jobs.setup), 150 * 2**20)
    try:
        _, answers, _ = answer("small", ("eat", 300), ("square", 3))
        assert [a[2] for a in answers] == ["memory", "ok"]
    finally:
        end("small")


def test_an_idle_process_that_dies_costs_nothing(told: str, jobs: ModuleType) -> None:
    pid = answer(told, ("pid",))[1][0][0]
    os.kill(pid, 9)
    assert jobs.gone(pid)
    assert answer(told, ("square", 5))[1][0][0] == 25


def test_threads_have_processes_of_their_own(told: str) -> None:
    found: list[int] = []

    def inside() -> None:
        found.append(answer(told, ("sleep", 0.3), ("pid",))[1][1][0])

    threads = [threading.Thread(target=inside) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 3


# ------------------------------------------------------------------ refusals


def test_a_run_that_nobody_spoke_of() -> None:
    assert answer("nobody", ("square", 2)) == ("unknown",)


@pytest.mark.parametrize(
    ("setup", "name", "given"),
    [
        ("broken_setup", "BundleError", "tiny.genrewise: 3 bytes"),
        ("dying_setup", "GenrewiseError", "a worker ended while it was loading (SIGILL)"),
    ],
)
def test_a_setup_that_refuses(jobs: ModuleType, setup: str, name: str, given: str) -> None:
    begin(setup, pack(getattr(jobs, setup)), None)
    try:
        for _ in range(2):  # the next batch hears it too
            found = answer(setup, ("square", 2))
            assert (found[0], found[2], found[3][0]) == ("refused", name, given)
    finally:
        end(setup)


# ------------------------------------------------------------------ the end


def test_the_end_stops_what_is_under_way(told: str, jobs: ModuleType) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(answer(told, ("hang",))))
    thread.start()
    until = time.monotonic() + 20
    while not (pids := jobs.children()):
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.3)
    end(told)
    thread.join(10)
    assert found == [("unknown",)]
    assert all(jobs.gone(pid) for pid in pids)


def test_after_the_end_there_is_no_work(crew: Crew) -> None:
    crew.end()
    crew.end()  # twice does no harm
    with pytest.raises(Ended):
        crew.work([(None, ("square", 2))])
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(crew.bell)


def test_telling_twice_keeps_the_process(told: str, jobs: ModuleType) -> None:
    pid = answer(told, ("pid",))[1][0][0]
    begin(told, pack(jobs.broken_setup), None)
    assert answer(told, ("pid",))[1][0][0] == pid


def test_a_crew_without_work_goes(jobs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_crew, "IDLE", 0.3)
    begin("idle", pack(jobs.setup), None)
    pid = answer("idle", ("sleep", 1.0), ("pid",))[1][1][0]  # work keeps it
    assert jobs.gone(pid, 10)
    assert answer("idle", ("square", 2)) == ("unknown",)


def test_a_crew_is_unused_only_without_work(crew: Crew) -> None:
    assert crew.unused(0.0)
    assert not crew.unused(60.0)
    thread = threading.Thread(target=crew.work, args=([(None, ("sleep", 1.0))],))
    thread.start()
    time.sleep(0.2)
    assert not crew.unused(0.0)
    thread.join()
    assert crew.unused(0.0)


def test_nothing_is_left_open(jobs: ModuleType) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = opened()
    for i in range(3):
        begin(f"run {i}", pack(jobs.setup), None)
        answer(f"run {i}", ("square", 2), ("die", 9), ("square", 3))
        end(f"run {i}")
    assert opened() == before


# ------------------------------------------------------------------ what is sent along


@dataclass(frozen=True)
class Reads:
    """A setup whose function reads the model and a path from where it stands."""

    model: str

    def __call__(self) -> Callable[[str], str]:
        text = Path(self.model).read_text()
        return lambda path: f"{text} {Path(path).read_text()}"


def test_relative_paths_start_from_the_clients_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "client").mkdir()
    (tmp_path / "worker").mkdir()
    (tmp_path / "client" / "song").write_text("la")
    (tmp_path / "client" / "m.genrewise").write_text("model")
    monkeypatch.chdir(tmp_path / "client")
    parcel = pickle.loads(pack(Reads("m.genrewise")))
    monkeypatch.chdir(tmp_path / "worker")
    assert parcel()("song") == "model la"


def test_a_model_that_is_not_there_is_laid_down_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song").write_text("la")
    (tmp_path / "m.genrewise").write_text("mine")
    parcel = pickle.loads(pack(Reads(str(tmp_path / "m.genrewise"))))
    assert parcel()("song") == "mine la"
    assert not (tmp_path / "cache").exists()  # it was where it is here
    (tmp_path / "m.genrewise").write_text("another of that name")
    for _ in range(2):
        assert parcel()("song") == "mine la"
    (kept,) = (tmp_path / "cache" / "received").rglob("m.genrewise")
    assert kept.read_text() == "mine"
    (tmp_path / "m.genrewise").unlink()
    assert parcel()("song") == "mine la"


def test_a_folder_that_is_not_there_is_no_hindrance(jobs: ModuleType, tmp_path: Path) -> None:
    here = Path.cwd()
    function = Parcel(jobs.setup, str(tmp_path / "gone"))()
    assert function(("square", 3)) == 9
    assert Path.cwd() == here


def test_a_model_that_the_client_lacks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pack(Reads(str(tmp_path / "gone.genrewise")))


def test_a_refusal_of_the_engine_ends_the_crews_work(crew: Crew, jobs: ModuleType) -> None:
    broken = Crew(pack(jobs.broken_setup), None)
    with pytest.raises(GenrewiseError, match="3 bytes"):
        broken.work([(None, ("square", 2))])
    broken.end()
    assert crew.work([(None, ("square", 2))])[0][0][0] == 4
