"""The way back: which writes, from where, and what hinders."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library import undoing
from genrewise.library.audio_hash import audio_hash
from genrewise.library.database import open_database, transaction
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import write_genres, writing
from genrewise.library.replacing import Replacement
from genrewise.library.undoing import Undone, undo

from .conftest import Song


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(db: sqlite3.Connection, genre: str, *paths: Path, **how: Any) -> int:
    with writing(db, "test") as run:
        for path in paths:
            write_genres(db, run, path, (genre,), **how)
    return run


@pytest.fixture
def songs(song: Song) -> list[Path]:
    return [
        song("flac.flac"),
        song("v23.mp3"),
        song("m4a.m4a", "album/a.m4a"),
        song("wav.wav", "album/b.wav"),
    ]


@pytest.fixture
def old(songs: list[Path]) -> dict[Path, tuple[str, int]]:
    return stand(songs)


def stand(songs: list[Path]) -> dict[Path, tuple[str, int]]:
    return {path: (sha256(path), path.stat().st_mtime_ns) for path in songs}


def states(items: Iterator[Undone]) -> list[tuple[str, str]]:
    return [(item.path.name, item.state) for item in items]


# ------------------------------------------------------------------ which


def test_without_more_the_last_run_is_undone(
    db: sqlite3.Connection, songs: list[Path], old: dict[Path, tuple[str, int]]
) -> None:
    write(db, "Jazz", *songs[:2])
    between = stand(songs)
    last = write(db, "Pop", *songs[1:])
    items = list(undo(db))
    assert [item.path for item in items] == songs[:0:-1]  # newest first
    assert {(item.run, item.state, item.after, item.reason) for item in items} == {
        (last, "undone", ("Pop",), "")
    }
    assert items[-1].before == ("Jazz",)
    assert stand(songs) == between
    assert states(undo(db)) == [("v23.mp3", "undone"), ("flac.flac", "undone")]
    assert stand(songs) == old  # and their times
    assert list(undo(db)) == []


def test_one_run(
    db: sqlite3.Connection, songs: list[Path], old: dict[Path, tuple[str, int]]
) -> None:
    first = write(db, "Jazz", *songs[:2])
    write(db, "Pop", *songs[2:])
    assert states(undo(db, run=first)) == [("v23.mp3", "undone"), ("flac.flac", "undone")]
    assert {p: s for p, s in stand(songs).items() if p in songs[:2]} == {
        p: old[p] for p in songs[:2]
    }
    assert list(undo(db, run=first)) == []
    with pytest.raises(LibraryError, match=r"no run 9 in the journal; expected one from 1 to 2"):
        list(undo(db, run=9))


def test_a_journal_without_runs(db: sqlite3.Connection) -> None:
    assert list(undo(db)) == []
    with pytest.raises(
        LibraryError, match="no run 1 in the journal; expected none: nothing was wr"
    ):
        list(undo(db, run=1))


def test_a_file_and_a_folder(db: sqlite3.Connection, songs: list[Path], tmp_path: Path) -> None:
    write(db, "Jazz", *songs)
    write(db, "Pop", *songs)
    assert states(undo(db, path=songs[0])) == [("flac.flac", "undone")] * 2
    link = tmp_path / "link"
    link.symlink_to(songs[2].parent)
    assert states(undo(db, path=link)) == [(n, "undone") for n in ("b.wav", "a.m4a")] * 2
    assert list(undo(db, path=tmp_path / "alb")) == []  # a beginning of a name is no folder
    assert states(undo(db, path=tmp_path)) == [("v23.mp3", "undone")] * 2


def test_the_sidecar_of_a_file_is_found_by_its_name(
    db: sqlite3.Connection, songs: list[Path]
) -> None:
    write(db, "Jazz", songs[0], sidecar=True)
    assert states(undo(db, path=songs[0])) == [("flac.flac.genre.json", "undone")]


def test_a_time(db: sqlite3.Connection, songs: list[Path]) -> None:
    write(db, "Jazz", songs[0])
    with transaction(db):
        db.execute("UPDATE writes SET made = '2026-01-02T03:04:05Z'")
    write(db, "Pop", songs[1])
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert list(undo(db, since=now + hour)) == []
    assert states(undo(db, since=now - hour)) == [("v23.mp3", "undone")]
    then = datetime.fromisoformat("2026-01-02T05:04:06+02:00")
    assert list(undo(db, since=then)) == []
    assert states(undo(db, since=then - timedelta(seconds=1))) == [("flac.flac", "undone")]


def test_run_file_and_time_together(db: sqlite3.Connection, songs: list[Path]) -> None:
    first = write(db, "Jazz", *songs)
    write(db, "Pop", songs[1])
    now = datetime.now(UTC)
    assert states(undo(db, run=first, path=songs[0], since=now - timedelta(1))) == [
        ("flac.flac", "undone")
    ]
    assert list(undo(db, run=first, path=songs[0])) == []


def test_looking_changes_nothing(db: sqlite3.Connection, songs: list[Path]) -> None:
    write(db, "Jazz", *songs[:2])
    songs[1].unlink()
    before = stand(songs[:1]), db.execute("SELECT * FROM writes").fetchall()
    assert states(undo(db, dry_run=True)) == [
        ("v23.mp3", "missing"),
        ("flac.flac", "would be undone"),
    ]
    assert (stand(songs[:1]), db.execute("SELECT * FROM writes").fetchall()) == before


def test_what_was_undone_takes_no_room(db: sqlite3.Connection, songs: list[Path]) -> None:
    write(db, "Jazz", *songs)
    list(undo(db))
    assert {tuple(row) for row in db.execute("SELECT state, patch FROM writes")} == {
        ("undone", None)
    }


# ------------------------------------------------------------------ what hinders


def test_a_file_that_somebody_changed_is_left_alone(
    db: sqlite3.Connection, songs: list[Path]
) -> None:
    write(db, "Jazz", *songs[:2])
    songs[1].write_bytes(songs[1].read_bytes() + b"more")
    mine = stand(songs[1:2])
    items = list(undo(db))
    assert states(iter(items)) == [("v23.mp3", "changed"), ("flac.flac", "undone")]
    assert items[0].reason == "changed by another program since"
    assert stand(songs[1:2]) == mine
    # It can still be undone where the change is taken back.
    songs[1].write_bytes(songs[1].read_bytes()[:-4])
    assert states(undo(db)) == [("v23.mp3", "undone")]


def test_a_later_write_comes_first(db: sqlite3.Connection, songs: list[Path]) -> None:
    first = write(db, "Jazz", songs[0])
    second = write(db, "Pop", songs[0])
    (item,) = undo(db, run=first)
    assert (item.state, item.reason) == (
        "changed",
        f"written again by run {second}; undo that first",
    )
    assert states(undo(db)) == [("flac.flac", "undone")]
    assert states(undo(db)) == [("flac.flac", "undone")]


def test_a_file_that_is_missing(db: sqlite3.Connection, songs: list[Path]) -> None:
    write(db, "Jazz", songs[0], songs[3])
    songs[0].unlink()
    songs[3].unlink()
    songs[3].parent.joinpath("a.m4a").unlink()
    songs[3].parent.rmdir()
    songs[3].parent.write_bytes(b"a file where the folder was")
    items = list(undo(db))
    assert {(i.state, i.reason) for i in items} == {("missing", "no such file any more")}


def test_a_file_that_is_back_already(db: sqlite3.Connection, songs: list[Path]) -> None:
    data = songs[0].read_bytes()
    write(db, "Jazz", songs[0])
    songs[0].write_bytes(data)
    assert states(undo(db, dry_run=True)) == [("flac.flac", "would be undone")]
    assert states(undo(db)) == [("flac.flac", "undone")]
    assert songs[0].read_bytes() == data
    assert list(undo(db)) == []


def known(db: sqlite3.Connection, path: Path) -> None:
    """As a scan notes a file that it finds."""
    with transaction(db):
        audio = db.execute("INSERT INTO audio (hash) VALUES (?)", (audio_hash(path),)).lastrowid
        db.execute(
            "INSERT INTO files (path, size, mtime_ns, inode, audio, state, seen)"
            " VALUES (?, 0, 0, '', ?, 'new', '')",
            (os.fsencode(path), audio),
        )


def test_a_file_that_was_moved_is_found_by_its_sound(
    db: sqlite3.Connection, songs: list[Path], old: dict[Path, tuple[str, int]], tmp_path: Path
) -> None:
    write(db, "Jazz", songs[0])
    moved = songs[0].rename(tmp_path / "album" / "another name.flac")
    assert states(undo(db, dry_run=True)) == [("flac.flac", "missing")]
    known(db, moved)
    (item,) = undo(db)
    assert (item.path, item.state) == (moved, "undone")
    assert (sha256(moved), moved.stat().st_mtime_ns) == old[songs[0]]


def test_a_file_that_was_moved_can_be_named(
    db: sqlite3.Connection, songs: list[Path], old: dict[Path, tuple[str, int]], tmp_path: Path
) -> None:
    """Though the catalogue does not know of it yet."""
    write(db, "Jazz", *songs)
    moved = songs[0].rename(tmp_path / "album" / "another name.flac")
    (item,) = undo(db, path=moved)
    assert (item.path, item.state) == (moved, "undone")
    assert sha256(moved) == old[songs[0]][0]
    assert list(undo(db, path=moved)) == []


def test_a_sidecar_that_was_moved_with_its_song(
    db: sqlite3.Connection, songs: list[Path], tmp_path: Path
) -> None:
    write(db, "Jazz", songs[0], sidecar=True)
    moved = songs[0].rename(tmp_path / "album" / "x.flac")
    beside = tmp_path / "flac.flac.genre.json"
    beside = beside.rename(tmp_path / "album" / "x.flac.genre.json")
    known(db, moved)
    (item,) = undo(db)
    assert (item.path, item.state) == (beside, "undone")
    assert not beside.exists()


def test_another_copy_of_the_song_is_not_touched(
    db: sqlite3.Connection, songs: list[Path], song: Song
) -> None:
    """Only the very bytes that were written are given back."""
    copy = song("flac.flac", "copy.flac")
    write(db, "Jazz", songs[0])
    known(db, copy)
    songs[0].unlink()
    before = stand([copy])
    assert states(undo(db)) == [("flac.flac", "missing")]
    assert stand([copy]) == before


def test_a_copy_that_was_written_itself_is_not_taken_for_the_file(
    db: sqlite3.Connection, songs: list[Path], song: Song
) -> None:
    copy = song("flac.flac", "copy.flac")
    first = write(db, "Jazz", songs[0])
    write(db, "Jazz", copy)
    known(db, copy)
    songs[0].unlink()
    assert states(undo(db, run=first)) == [("flac.flac", "missing")]
    assert read_tags(copy).genres == ("Jazz",)
    assert states(undo(db, path=copy)) == [("copy.flac", "undone")]


@pytest.mark.parametrize("step", ["write", "place"])
def test_a_disk_that_fails(
    db: sqlite3.Connection, songs: list[Path], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(db, "Jazz", songs[0])
    new = stand(songs)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Replacement, step, fail)
    (item,) = undo(db)
    assert (item.state, item.reason) == ("failed", "no space left on device")
    assert stand(songs) == new
    monkeypatch.undo()
    assert states(undo(db)) == [("flac.flac", "undone")]


def test_a_file_with_two_names_by_now(db: sqlite3.Connection, songs: list[Path]) -> None:
    write(db, "Jazz", songs[0])
    songs[0].with_name("second.flac").hardlink_to(songs[0])
    (item,) = undo(db)
    assert item.state == "failed"
    assert "2 names (hard links)" in item.reason


@pytest.mark.parametrize("patch", [None, b"", b"gwp1junk", b"gwp1\x78\x9c\3\0\0\0\0\1"])
def test_a_journal_that_is_damaged_does_no_harm(
    db: sqlite3.Connection, songs: list[Path], patch: bytes | None
) -> None:
    write(db, "Jazz", songs[0])
    new = stand(songs)
    with transaction(db):
        db.execute("UPDATE writes SET patch = ?", (patch,))
    (item,) = undo(db)
    assert item.state == "failed"
    assert (
        item.reason.startswith("no patch") or "does not lead back to its old bytes" in item.reason
    )
    assert stand(songs) == new
    assert db.execute("SELECT state FROM writes").fetchone()[0] == "done"


def test_a_file_that_changes_while_it_is_given_back(
    db: sqlite3.Connection, songs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(db, "Jazz", songs[0])
    write_old = Replacement.write

    def spoiled(self: Replacement, *args: Any) -> Any:
        found = write_old(self, *args)
        time.sleep(0.02)
        songs[0].write_bytes(b"somebody's")
        return found

    monkeypatch.setattr(Replacement, "write", spoiled)
    (item,) = undo(db)
    assert item.state == "failed"
    assert "changed while it was read" in item.reason
    assert songs[0].read_bytes() == b"somebody's"


def test_a_library_that_cannot_be_written(
    db: sqlite3.Connection, songs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(db, "Jazz", songs[0])
    new = stand(songs)

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(undoing, "set_state", fail)
    with pytest.raises(LibraryError, match=r"library\.sqlite3: database or disk is full; expected"):
        list(undo(db))
    assert stand(songs) == new


def test_stopping_in_between_gives_the_lock_back(
    db: sqlite3.Connection, songs: list[Path], tmp_path: Path
) -> None:
    write(db, "Jazz", *songs)
    items = undo(db)
    assert next(items).state == "undone"
    items.close()
    with closing(open_database(tmp_path / "library" / "library.sqlite3")) as other:
        assert len(list(undo(other))) == 3
    assert {read_tags(p).genres for p in songs} == {("Old Genre",), ("Rock", "B")}
