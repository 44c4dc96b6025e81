"""Genres beside a file: made, read, replaced, undone; files of others are left alone."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library import journal, sidecar
from genrewise.library.journal import write_genres, writing
from genrewise.library.sidecar import read_sidecar
from genrewise.library.undoing import undo

from .conftest import Song


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(db: sqlite3.Connection, path: Path, *genres: str, **how: Any) -> journal.Written:
    with writing(db, "test") as run:
        return write_genres(db, run, path, genres, **how)


def rows(db: sqlite3.Connection, columns: str = "state") -> list[Any]:
    found = db.execute(f"SELECT {columns} FROM writes ORDER BY id").fetchall()
    return [row[0] if len(row) == 1 else tuple(row) for row in found]


def test_a_sidecar_stands_beside_and_the_file_stays(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac")
    old = sha256(path)
    written = write(db, path, "Jazz", "Ä", sidecar=True)
    beside = path.with_name("flac.flac.genre.json")
    assert (written.path, written.before, written.after) == (beside, (), ("Jazz", "Ä"))
    assert json.loads(beside.read_text("utf-8")) == {"genrewise": 1, "genres": ["Jazz", "Ä"]}
    assert read_sidecar(path) == ("Jazz", "Ä")
    assert sha256(path) == old
    assert write(db, path, "Jazz", "Ä", sidecar=True).state == "same"
    again = write(db, path, "Pop", sidecar=True)
    assert (again.before, again.after, read_sidecar(path)) == (("Jazz", "Ä"), ("Pop",), ("Pop",))
    assert rows(db, "kind, state") == [("sidecar", "done")] * 2
    assert [u.state for u in undo(db)] == ["undone"]
    assert read_sidecar(path) == ("Jazz", "Ä")
    assert [u.state for u in undo(db)] == ["undone"]
    assert not beside.exists()
    assert write(db, path, sidecar=True).state == "same"


def test_a_file_of_somebody_else_is_no_sidecar(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac")
    beside = sidecar.path_of(path)
    for data in (
        b"",
        b"[]",
        b"{}",
        b'{"genrewise": 2}',
        b'{"genrewise": 1, "genres": [1]}',
        b"\xff",
    ):
        beside.write_bytes(data)
        with pytest.raises(
            LibraryError, match=r"genre\.json: a file of another program; expected a s"
        ):
            write(db, path, "Jazz", sidecar=True)
        with pytest.raises(LibraryError, match="a file of another program"):
            read_sidecar(path)
        assert beside.read_bytes() == data
    beside.unlink()
    beside.mkdir()
    with pytest.raises(LibraryError, match=r"genre\.json: Is a directory"):
        read_sidecar(path)
    with pytest.raises(LibraryError, match=r"genre\.json: no file; expected a music file"):
        write(db, path, "Jazz", sidecar=True)


def test_a_name_that_leaves_no_room_for_a_sidecar(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac", "n" * 250 + ".flac")
    with pytest.raises(LibraryError, match="file name too long"):
        write(db, path, "Jazz", sidecar=True)
