"""How a library stands, and forgetting what is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genrewise.library.catalogue import STATES, Model, decide, every
from genrewise.library.database import open_database
from genrewise.library.status import forget, shrink, status

Add = Callable[..., int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite3"


def test_an_empty_library(db: sqlite3.Connection, path: Path) -> None:
    found = status(db, path)
    assert found["library"] == str(path)
    assert (found["files"], found["songs"], found["hours"], found["runs"]) == (0, 0, 0.0, [])
    assert found["states"] == dict.fromkeys(STATES, 0)
    assert (found["genres"], found["models"], found["decisions"]) == ({}, [], {})
    assert found["journal"] == {"writes": 0, "undoable": 0, "bytes": 0}


def test_what_is_counted(
    db: sqlite3.Connection, model: Model, add: Add, note: Callable[..., None], path: Path
) -> None:
    add("/a", state="written", genres=("Dub",), seconds=3600.0)
    add("/b", state="kept", genres=("Dub", "Ska"), sound="/a")  # a copy
    add("/c", state="kept", genres=("Ska",), seconds=1800.0)
    add("/d", None, state="failed")
    add("/e", state="missing", genres=("Polka",))
    audio = next(every(db, model.id)).file.audio
    assert audio is not None
    decide(db, [(audio, "accepted", ("Dub",))])
    for state, patch in (("done", b"12345"), ("undone", b"123"), ("done", None)):
        note("/a", state=state, patch=patch)
    found = status(db, path)
    assert found["files"] == 5
    assert found["states"] == dict.fromkeys(STATES, 0) | {
        "written": 1, "kept": 2, "failed": 1, "missing": 1,
    }  # fmt: skip
    assert list(found["genres"].items()) == [("Dub", 2), ("Ska", 2)]
    assert found["songs"] == 3
    assert found["hours"] == pytest.approx(1.5 + 60 / 3600)
    assert found["models"] == [{"name": "three", "hash": model.hash, "answers": 3}]
    assert found["decisions"] == {"accepted": 1}
    assert found["runs"] == [
        {"run": 1, "command": "tag", "began": "", "writes": 3, "undoable": 2},
    ]
    assert found["journal"] == {"writes": 3, "undoable": 1, "bytes": 8}
    assert found["bytes"] >= path.stat().st_size > 0


def test_what_is_missing_is_forgotten_with_what_nobody_needs(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    add("/here")
    add("/gone", state="missing")
    add("/gone copy of here", state="missing", sound="/here")
    add("/gone but decided on", state="missing")
    audio = db.execute("SELECT audio FROM files WHERE path = ?", (b"/gone but decided on",))
    decide(db, [(audio.fetchone()["audio"], "accepted", ("Jazz",))])
    assert forget(db) == 3
    assert [e.file.path for e in every(db, model.id)] == ["/here"]
    hashes = {row["hash"] for row in db.execute("SELECT hash FROM audio")}
    assert hashes == {"/here", "/gone but decided on"}
    for table in ("answers", "embeddings"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 2
    assert forget(db) == 0
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_is_forgotten_gives_its_space_back(
    db: sqlite3.Connection, add: Add, path: Path
) -> None:
    for i in range(50):
        add(f"/{i}", state="missing", comment="x" * 5000)
    before = status(db, path)["bytes"]
    forget(db)
    shrink(db)
    assert status(db, path)["bytes"] < before / 2


def test_shrinking_does_not_wait_for_a_writer(
    add: Add, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genrewise.library import database

    monkeypatch.setattr(database, "PATIENCE", 0.1)
    add("/a")
    with closing(open_database(path)) as one, closing(open_database(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        shrink(one)
        other.rollback()
        assert one.execute("SELECT count(*) FROM files").fetchone()[0] == 1
