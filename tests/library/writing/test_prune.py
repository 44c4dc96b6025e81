"""The journal grows no further than one wants."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library.database import transaction
from genrewise.library.journal import Pruned, prune, write_genres, writing
from genrewise.library.undoing import undo

from .conftest import Song


def rows(db: sqlite3.Connection, columns: str = "state") -> list[Any]:
    found = db.execute(f"SELECT {columns} FROM writes ORDER BY id").fetchall()
    return [row[0] if len(row) == 1 else tuple(row) for row in found]


@pytest.fixture
def five(db: sqlite3.Connection, song: Song) -> Callable[[], list[int]]:
    """Five runs of two writes; says which of them are left."""
    paths = [song("flac.flac"), song("v23.mp3")]
    for genre in ("A", "B", "C", "D", "E"):
        with writing(db, genre) as run:
            for path in paths:
                write_genres(db, run, path, (genre,))
    days = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-' || (5 - run) || ' days')"
    with transaction(db):
        db.execute(f"UPDATE writes SET made = {days}")
    return lambda: [row[0] for row in db.execute("SELECT run FROM writes ORDER BY id")]


def test_runs_to_keep(db: sqlite3.Connection, five: Callable[[], list[int]]) -> None:
    sizes = rows(db, "length(patch)")
    assert prune(db) == Pruned(0, 0)
    assert prune(db, keep_runs=5) == Pruned(0, 0)
    assert prune(db, keep_runs=2) == Pruned(6, sum(sizes[:6]))
    assert five() == [4, 4, 5, 5]
    assert [row[0] for row in db.execute("SELECT id FROM runs")] == [4, 5]
    assert {u.state for u in undo(db)} == {"undone"}
    with pytest.raises(LibraryError, match=r"no run 1 in the journal; expected one from 4 to 5"):
        list(undo(db, run=1))
    assert prune(db, keep_runs=0).writes == 2  # the others were undone already
    assert five() == []


def test_writes_of_some_age(db: sqlite3.Connection, five: Callable[[], list[int]]) -> None:
    assert prune(db, older_than=timedelta(days=2.5)).writes == 4
    assert five() == [3, 3, 4, 4, 5, 5]
    assert prune(db, older_than=timedelta(0)).writes == 4 + 2 * (
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") > rows(db, "made")[-1]
    )


def test_what_the_journal_may_take(db: sqlite3.Connection, five: Callable[[], list[int]]) -> None:
    sizes = rows(db, "400 + length(path) + length(patch)")
    assert prune(db, max_bytes=sum(sizes)).writes == 0
    assert prune(db, max_bytes=sum(sizes[3:])).writes == 3
    assert five() == [2, 3, 3, 4, 4, 5, 5]
    assert prune(db, max_bytes=0, keep_runs=9).writes == 7


def test_what_is_in_between_is_not_pruned(
    db: sqlite3.Connection, five: Callable[[], list[int]]
) -> None:
    with transaction(db):
        db.execute("UPDATE writes SET state = 'begun' WHERE id = 1")
        db.execute("UPDATE writes SET state = 'undoing' WHERE id = 2")
    assert prune(db, keep_runs=0).writes == 8
    assert five() == [1, 1]
