"""Arrivals: files that have come to rest, given out once, and what is left to a person."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.engine import Refused
from genrewise.library.catalogue import Answer, Entry, Model, entries, every
from genrewise.library.policies import Proposal
from genrewise.library.tagging import Suggestion
from genrewise.library.watch import Arrivals, hold_back, is_unfinished, take

Add = Callable[..., int]


def write(path: Path, size: int, mtime: int = 1) -> str:
    path.write_bytes(b"x" * size)
    os.utime(path, ns=(mtime, mtime))
    return str(path)


# ------------------------------------------------------------------ coming to rest


def test_a_file_is_given_out_once_when_it_has_stood_still(tmp_path: Path) -> None:
    arrivals, path = Arrivals(rest=3.0), write(tmp_path / "a.mp3", 5)
    assert arrivals.look([path], 10.0) == []
    assert arrivals.waiting == 1
    assert arrivals.look([path], 12.9) == []
    assert arrivals.look([path], 13.0) == [path]
    assert arrivals.waiting == 0
    assert arrivals.look([path], 99.0) == []


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_grows_is_waited_for(tmp_path: Path, change: str) -> None:
    arrivals = Arrivals(rest=3.0)
    for i in range(5):
        size, mtime = (i + 1, 1) if change == "size" else (5, i + 1)
        path = write(tmp_path / "a.mp3", size, mtime)
        assert arrivals.look([path], 2.0 * i) == []
    assert arrivals.look([path], 10.9) == []
    assert arrivals.look([path], 11.0) == [path]


def test_a_file_that_changes_later_is_given_out_again(tmp_path: Path) -> None:
    arrivals, path = Arrivals(rest=0.0), write(tmp_path / "a.mp3", 5)
    assert arrivals.look([path], 0.0) == [path]
    write(tmp_path / "a.mp3", 6)
    assert arrivals.look([path], 1.0) == [path]


def test_what_we_wrote_ourselves_is_no_arrival(tmp_path: Path) -> None:
    arrivals, path = Arrivals(rest=0.0), write(tmp_path / "a.mp3", 5)
    assert arrivals.look([path], 0.0) == [path]
    write(tmp_path / "a.mp3", 6)
    arrivals.settle(path)
    assert arrivals.look([path], 1.0) == []
    arrivals.settle(str(tmp_path / "none.mp3"))


def test_what_is_none_yet_is_passed_over(tmp_path: Path) -> None:
    arrivals = Arrivals(rest=0.0)
    paths = [
        write(tmp_path / "a.mp3.part", 5),
        write(tmp_path / "empty.mp3", 0),
        str(tmp_path / "gone.mp3"),
        Refused("folder", "why"),
        str(tmp_path),
    ]
    assert arrivals.look(paths, 0.0) == []
    assert arrivals.waiting == 0


def test_a_file_that_went_away_and_came_back_rests_anew(tmp_path: Path) -> None:
    arrivals, path = Arrivals(rest=3.0), write(tmp_path / "a.mp3", 5)
    arrivals.look([path], 0.0)
    arrivals.look([], 1.0)
    assert arrivals.look([path], 4.0) == []
    assert arrivals.look([path], 7.0) == [path]


def test_a_link_and_its_file_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.mp3", 5)
    (tmp_path / "link.mp3").symlink_to("a.mp3")
    assert Arrivals(rest=0.0).look(["a.mp3", "link.mp3", path], 0.0) == [path]


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [("a.mp3.part", True), ("A.MP3.CRDOWNLOAD", True), ("a.tmp", True), ("part.mp3", False)],
)
def test_names_of_what_is_not_complete(name: str, unfinished: bool) -> None:
    assert is_unfinished(name) is unfinished


@given(st.lists(st.tuples(st.floats(0.1, 5.0), st.booleans()), max_size=12))
def test_nothing_is_given_out_before_it_rested(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, bool]]
) -> None:
    path = tmp_path_factory.mktemp("w") / "a.mp3"
    arrivals, now, changed, given_out = Arrivals(rest=3.0), 0.0, 0.0, False
    write(path, 1, 1)
    arrivals.look([str(path)], now)
    for i, (pause, changes) in enumerate(steps):
        now += pause
        if changes:
            write(path, 1, i + 2)
            changed, given_out = now, False
        found = arrivals.look([str(path)], now)
        assert bool(found) == (not given_out and now - changed >= 3.0)
        given_out |= bool(found)


# ------------------------------------------------------------------ taking them in


def test_what_the_library_knows_is_left_as_it_is(
    db: sqlite3.Connection, model: Model, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{i}.mp3", i + 1) for i in range(3)]
    found, rows = take(db, paths, model)
    assert list(rows) == list(found.work)
    assert [e.file.path for e in entries(db, rows, model.id)] == paths
    with db:
        db.execute("INSERT INTO audio(id, hash) VALUES (1, 'a')")
        db.execute("INSERT INTO answers VALUES (1, 1, 'ok', 'jazz', 1, 'x', '', x'', '{}', '')")
        db.execute("UPDATE files SET audio = 1, state = 'proposed' WHERE size = 1")
        db.execute("UPDATE files SET state = 'failed' WHERE size = 2")
        db.execute("UPDATE files SET audio = 1, state = 'new' WHERE size = 3")
        db.execute("UPDATE answers SET probabilities = zeroblob(12)")
    found, rows = take(db, paths, model)
    assert list(found.work) == []
    assert [e.file.path for e in entries(db, rows, model.id)] == [paths[2]]  # nobody looked at it


def test_a_file_of_which_a_part_is_missing_is_left_to_a_person(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    rows = [add("/whole"), add("/part"), add("/unsure part")]
    found = []
    for entry, state in zip(
        entries(db, rows, model.id), ("proposed",) * 2 + ("review",), strict=True
    ):
        assert entry.answer is not None
        status = "ok" if entry.file.path == "/whole" else "partial"
        values = {**entry.answer.__dict__, "status": status}
        found.append(Suggestion(Entry(entry.file, Answer(**values)), Proposal(state, ("Jazz",))))
    held = hold_back(db, found)
    assert [(s.proposal.state, s.proposal.reason) for s in held] == [
        ("proposed", ""), ("review", "a part of it is missing"), ("review", ""),
    ]  # fmt: skip
    states = {e.file.path: (e.file.state, e.file.error) for e in every(db, model.id)}
    assert states["/part"] == ("review", "a part of it is missing")
    assert states["/whole"] == ("new", "")
