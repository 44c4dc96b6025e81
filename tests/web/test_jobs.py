"""The queue by itself: turns, limits, cancelling, forgetting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.web.hearing import Wish
from genrewise.web.jobs import Job, Jobs
from genrewise.web.problems import Problem
from genrewise.web.settings import Settings

RECORD: dict[str, Any] = {"status": "ok", "elapsed": 0.5, "genre": "jazz"}


def jobs(**how: Any) -> Jobs:
    return Jobs(Settings(**{"workers": 2, "queue": 100, "client_jobs": 100, **how}))


def job(number: str, client: str = "a", upload: Path | None = None, url: str = "") -> Job:
    return Job(Wish(number, f"/tmp/{number}"), client, f"{number}.mp3", upload, url)


def order(found: Jobs) -> list[str]:
    taken = []
    while (next_ := found.poll()) is not None:
        taken.append(next_.id)
    return taken


def problem(call: Callable[[], Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value


def test_first_come_first_served() -> None:
    found = jobs()
    found.add(job("1"), job("2"))
    found.add(job("3"))
    assert order(found) == ["1", "2", "3"]


def test_clients_take_turns() -> None:
    found = jobs()
    found.add(*(job(f"a{i}", "a") for i in range(4)))
    found.add(job("b0", "b"), job("b1", "b"))
    found.add(job("c0", "c"))
    assert order(found) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_a_newcomer_waits_for_one_turn_at_the_most() -> None:
    found = jobs()
    found.add(*(job(f"a{i}", "a") for i in range(20)))
    assert [found.poll().id for _ in range(3)] == ["a0", "a1", "a2"]  # type: ignore[union-attr]
    found.add(job("b", "b"))
    assert found.view("b")["position"] in (1, 2)
    assert "b" in order(found)[:2]


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_positions_are_the_order_in_which_jobs_are_taken(clients: list[str]) -> None:
    found = jobs()
    for i, client in enumerate(clients):
        found.add(job(str(i), client))
    places = {found.view(str(i))["position"]: str(i) for i in range(len(clients))}
    assert sorted(places) == list(range(1, len(clients) + 1))
    assert order(found) == [places[i] for i in sorted(places)]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_each_job_is_taken_once_and_a_clients_own_order_is_kept(clients: list[str]) -> None:
    found = jobs()
    for i, client in enumerate(clients):
        found.add(job(f"{i:02}", client))
    taken = order(found)
    assert sorted(taken) == [f"{i:02}" for i in range(len(clients))]
    for client in set(clients):
        mine = [f"{i:02}" for i, c in enumerate(clients) if c == client]
        assert [t for t in taken if t in mine] == mine


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    found = jobs(queue=2)
    found.add(job("1"), job("2"))
    upload = tmp_path / "upload"
    upload.touch()
    refused = problem(lambda: found.add(job("3", upload=upload)))
    assert refused.status == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert not upload.exists()
    found.poll()
    found.add(job("4"))  # what is under way makes room
    assert found.length == 2


def test_several_are_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    found = jobs(queue=3)
    uploads = [tmp_path / str(i) for i in range(4)]
    for upload in uploads:
        upload.touch()
    many = [job(str(i), upload=u) for i, u in enumerate(uploads)]
    assert problem(lambda: found.add(*many)).status == 503
    assert found.length == 0
    assert not any(u.exists() for u in uploads)
    assert problem(lambda: found.get("0")).status == 404


def test_one_client_does_not_fill_the_queue() -> None:
    found = jobs(client_jobs=2)
    found.add(job("1"))
    found.poll()  # under way counts as well
    found.add(job("2"))
    refused = problem(lambda: found.add(job("3")))
    assert (refused.status, "2 are here" in refused.detail) == (429, True)
    found.add(job("4", "another"))
    found.finish("1", RECORD)
    found.add(job("5"))


def test_the_wait_grows_with_the_queue_and_the_time_that_files_take() -> None:
    def after(n: int, elapsed: float) -> int:
        found = jobs(queue=n, workers=1)
        found.add(job("first"))
        found.poll()
        for _ in range(30):
            found._usual += 0.2 * (elapsed - found._usual)
        found.add(*(job(str(i)) for i in range(n)))
        return int(problem(lambda: found.add(job("x"))).headers["Retry-After"])

    assert 1 <= after(2, 0.1) < after(20, 4.0) < after(60, 8.0) <= 600


def test_what_is_said_of_a_job() -> None:
    found = jobs()
    found.add(job("1"))
    waiting = {"id": "1", "status": "queued", "position": 1, "progress": 0.0}
    assert found.view("1") == waiting
    found.poll()
    found.hear("1", 0.25)
    running = {"id": "1", "status": "running", "position": 0, "progress": 0.25}
    assert found.view("1") == running
    found.finish("1", RECORD, b"picture")
    assert found.view("1") == {**RECORD, "id": "1"}
    assert found.get("1").picture == b"picture"


def test_cancelling_what_waits(tmp_path: Path) -> None:
    found = jobs()
    upload = tmp_path / "u"
    upload.touch()
    found.add(job("1", upload=upload), job("2"))
    found.drop("1")
    assert not upload.exists()
    assert found.view("1") == {"id": "1", "status": "cancelled"}
    assert order(found) == ["2"]


def test_cancelling_what_is_under_way_wakes_its_worker(tmp_path: Path) -> None:
    found, woken = jobs(), []
    found.on_drop(lambda: woken.append(True))
    upload = tmp_path / "u"
    upload.touch()
    found.add(job("1", upload=upload))
    found.poll()
    assert found.is_wanted("1")
    found.drop("1")
    assert (woken, found.is_wanted("1"), upload.exists()) == ([True], False, False)
    found.finish("1", RECORD)  # the answer came all the same
    assert found.view("1")["status"] == "cancelled"
    found.hear("1", 0.9)
    assert found.get("1").progress == 0.0


def test_what_has_ended_is_forgotten_at_once() -> None:
    found = jobs()
    found.add(job("1"))
    found.poll()
    found.finish("1", RECORD)
    found.drop("1")
    assert problem(lambda: found.view("1")).status == 404
    assert problem(lambda: found.drop("1")).status == 404


def test_a_cancelled_job_is_forgotten_when_it_is_dropped_again() -> None:
    found = jobs()
    found.add(job("1"))
    found.drop("1")
    found.drop("1")
    assert problem(lambda: found.view("1")).status == 404


def test_answers_are_forgotten_after_a_while() -> None:
    found = jobs(keep_seconds=0.05)
    found.add(job("1"), job("2"))
    found.poll()
    found.finish("1", RECORD)
    time.sleep(0.12)
    assert problem(lambda: found.view("1")).status == 404
    assert found.view("2")["status"] == "queued"  # what waits is not old


def test_no_more_answers_are_kept_than_said() -> None:
    found = jobs(keep_results=3)
    for i in range(6):
        found.add(job(str(i)))
        found.poll()
        found.finish(str(i), RECORD)
    found.add(job("last"))
    kept = [i for i in range(6) if str(i) in found._jobs]
    assert kept == [3, 4, 5]


def test_a_file_that_is_fetched_waits_once_it_has_arrived() -> None:
    found = jobs(queue=2)
    found.add(job("1", url="https://example.org/a.mp3"))
    assert found.view("1")["position"] == 0
    assert found.poll() is None
    assert found.length == 1  # it has its place all the same
    found.arrived("1")
    assert found.view("1")["position"] == 1
    assert order(found) == ["1"]


def test_what_was_cancelled_while_it_was_fetched_never_waits() -> None:
    found = jobs()
    found.add(job("1", url="https://example.org/a.mp3"), job("2", url="https://example.org/b.mp3"))
    found.drop("1")
    found.arrived("1")
    assert found.poll() is None
    found.finish("2", {**RECORD, "status": "failed"})
    assert found.view("2")["status"] == "failed"


def test_whoever_follows_is_told_of_changes() -> None:
    found = jobs()
    found.add(job("1"), job("2"))
    mark = found.mark("2")
    assert found.wait("2", mark, 0.01) == mark
    timer = threading.Timer(0.05, found.poll)  # the queue moves, the job does not
    timer.start()
    moved = found.wait("2", mark, 10.0)
    timer.join()
    assert moved != mark
    found.poll()
    running = found.mark("2")
    found.hear("1", 0.5)  # somebody else's progress is no news
    assert found.wait("2", running, 0.01) == running
    found.finish("2", RECORD)
    assert found.wait("2", running, 10.0) != running
    found.drop("2")
    assert found.mark("2") == (-1, 0)


def test_the_end_wakes_everybody(tmp_path: Path) -> None:
    found = jobs()
    upload = tmp_path / "u"
    upload.touch()
    found.add(job("1", url="https://example.org/a.mp3", upload=upload))
    taken: list[Any] = []
    thread = threading.Thread(target=lambda: taken.append(found.take()))
    thread.start()
    found.close()
    thread.join(10)
    assert taken == [None]
    assert not upload.exists()
    assert problem(lambda: found.add(job("2"))).status == 503
    found.pause(60.0)  # returns at once


def test_many_threads_take_each_job_once() -> None:
    found = jobs(queue=300, client_jobs=300)
    taken: list[str] = []

    def work() -> None:
        while (next_ := found.take()) is not None:
            taken.append(next_.id)
            found.finish(next_.id, RECORD)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(200):
        found.add(job(str(i), client=str(i % 7)))
    until = time.monotonic() + 20
    while len(taken) < 200 and time.monotonic() < until:
        time.sleep(0.01)
    found.close()
    for thread in threads:
        thread.join(10)
    assert sorted(taken, key=int) == [str(i) for i in range(200)]


def test_ends_are_reported_once() -> None:
    found, ended = jobs(), []
    found.on_end = lambda job: ended.append((job.id, job.status))
    found.add(job("1"), job("2"))
    found.drop("2")
    found.poll()
    found.finish("1", RECORD)
    found.finish("1", RECORD)
    assert ended == [("2", "cancelled"), ("1", "ok")]
