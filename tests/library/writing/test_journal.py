"""The journal: a row before the file, the truth after a failure, sidecars, locks, pruning."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library import journal, journal_rows
from genrewise.library.audio_hash import audio_hash
from genrewise.library.catalogue import Model
from genrewise.library.database import open_database, transaction
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import write_genres, writing
from genrewise.library.journal_rows import library_file, load, recover, token
from genrewise.library.replacing import Replacement, temporary
from genrewise.library.undoing import undo

from .conftest import Song

JAZZ = ("Jazz",)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(db: sqlite3.Connection, path: Path, *genres: str, **how: Any) -> journal.Written:
    with writing(db, "test") as run:
        return write_genres(db, run, path, genres, **how)


def rows(db: sqlite3.Connection, columns: str = "state") -> list[Any]:
    found = db.execute(f"SELECT {columns} FROM writes ORDER BY id").fetchall()
    return [row[0] if len(row) == 1 else tuple(row) for row in found]


# ------------------------------------------------------------------ rows


def test_a_write_is_noted(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac")
    old, about, sound = sha256(path), path.stat(), audio_hash(path)
    with writing(db, "genrewise tag --write x") as run:
        written = write_genres(db, run, path, ("Jazz", "Ä"))
    assert (written.path, written.before, written.after) == (path, ("Old Genre",), ("Jazz", "Ä"))
    row = load(db, 1)
    assert (row.run, row.path, row.kind, row.state, row.audio) == (run, path, "tag", "done", sound)
    assert (row.before, row.after) == (("Old Genre",), ("Jazz", "Ä"))
    assert (row.old_sha256, row.new_sha256) == (old, sha256(path))
    assert (row.old_size, row.old_mtime_ns) == (about.st_size, about.st_mtime_ns)
    command, began, ended = db.execute("SELECT command, began, ended FROM runs").fetchone()
    assert command == "genrewise tag --write x"
    assert began <= rows(db, "made")[0] <= ended


def test_the_row_is_on_the_disk_before_the_file_changes(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song("flac.flac")
    old = path.read_bytes()
    seen = []
    write_new, place = Replacement.write, Replacement.place

    def look(step: str) -> None:
        with closing(sqlite3.connect(library_file(db) or "")) as other:
            state = other.execute("SELECT state FROM writes").fetchall()
        seen.append((step, state, path.read_bytes() == old))

    def looked_at(self: Replacement, *args: Any) -> Any:
        look("write")
        return write_new(self, *args)

    def placed(self: Replacement) -> None:
        look("place")
        place(self)

    monkeypatch.setattr(Replacement, "write", looked_at)
    monkeypatch.setattr(Replacement, "place", placed)
    write(db, path, "Jazz")
    assert seen == [("write", [("begun",)], True), ("place", [("begun",)], True)]
    assert rows(db) == ["done"]


def test_a_run_that_writes_nothing_is_forgotten(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac")
    with writing(db, "nothing"):
        pass
    with pytest.raises(LibraryError), writing(db, "refused") as run:
        write_genres(db, run, path.with_name("gone"), JAZZ)
    assert write(db, path, "Old Genre").state == "same"
    assert db.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
    assert rows(db) == []


def test_the_model_is_noted(db: sqlite3.Connection, song: Song, model: Model) -> None:
    with writing(db, "x", model.id) as run:
        write_genres(db, run, song("flac.flac"), JAZZ)
    assert db.execute("SELECT model FROM runs").fetchone()[0] == model.id


def test_times_stay_where_that_is_wished(db: sqlite3.Connection, song: Song) -> None:
    path = song("flac.flac")
    os.utime(path, ns=(10**18, 10**18 + 7))
    write(db, path, "Jazz", keep_mtime=True)
    assert path.stat().st_mtime_ns == 10**18 + 7
    write(db, path, "Rock")
    assert path.stat().st_mtime_ns > 10**18 + 7


def test_links_are_followed(db: sqlite3.Connection, song: Song, tmp_path: Path) -> None:
    path, link = song("flac.flac"), tmp_path / "link.flac"
    link.symlink_to(path)
    assert write(db, link, "Jazz").path == path
    assert link.is_symlink()
    assert read_tags(path).genres == JAZZ
    assert rows(db, "path") == [os.fsencode(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are Linux's")
def test_names_of_any_bytes(db: sqlite3.Connection, song: Song) -> None:
    for name in (os.fsdecode(b"\xff\xfe.flac"), "日本\n.flac", "n" * 250 + ".flac"):
        path = song("flac.flac", name)
        old = sha256(path)
        assert write(db, path, "Jazz").path == path
        assert [u.path for u in undo(db)] == [path]
        assert sha256(path) == old


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize("step", ["write", "place"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_fails_leaves_no_trace(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    path = song("flac.flac")
    old = sha256(path)

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Replacement, step, fail)
    with pytest.raises(
        LibraryError, match=rf"flac\.flac: {os.strerror(number).lower()}; expected a"
    ):
        write(db, path, "Jazz")
    monkeypatch.undo()
    assert sha256(path) == old
    assert rows(db) == []
    assert [p for p in path.parent.iterdir() if p.name.startswith(".")] == []
    write(db, path, "Jazz")
    assert rows(db) == ["done"]


def test_an_error_after_the_new_file_is_in_place_keeps_the_row(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the folder that cannot be synced, say: the file can be undone all the same."""
    path = song("flac.flac")
    old, place = sha256(path), Replacement.place

    def placed(self: Replacement) -> None:
        place(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Replacement, "place", placed)
    with pytest.raises(KeyboardInterrupt):
        write(db, path, "Jazz")
    monkeypatch.undo()
    assert read_tags(path).genres == JAZZ
    assert rows(db) == ["done"]
    assert [u.state for u in undo(db)] == ["undone"]
    assert sha256(path) == old


@pytest.mark.parametrize("fault", ["audio", "tags", "patch", "bytes"])
def test_a_new_file_that_is_not_as_it_should_be_is_thrown_away(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whatever our own writers do wrong: it is found before the old file is gone."""
    path = song("flac.flac")
    old = sha256(path)
    hashes = iter(["one", "another"])
    real_plan, real_write = journal.plan, Replacement.write

    def plan(*args: Any) -> Any:
        edit = real_plan(*args)
        first = next(s for s in edit.splices if b"Jazz" in s.data)
        rest = [s for s in edit.splices if s is not first]
        wrong = type(first)(first.start, first.stop, first.data.replace(b"Jazz", b"Jozz"))
        return type(edit)((*sorted([*rest, wrong], key=lambda s: s.start),), "")

    def bad_write(self: Replacement, blocks: Any, *more: Any) -> Any:
        return real_write(self, (block.replace(b"Jazz", b"Jizz") for block in blocks), *more)

    why = {"audio": "its audio would change", "tags": "'Jazz' would read 'Jozz'"}
    if fault == "audio":
        monkeypatch.setattr(journal, "stream_hash", lambda _: next(hashes))
    elif fault == "tags":
        monkeypatch.setattr(journal, "plan", plan)
    elif fault == "patch":
        monkeypatch.setattr(journal, "make_patch", lambda *_: b"gwp1\x78\x9c\3\0\0\0\0\1")
    else:
        monkeypatch.setattr(Replacement, "write", bad_write)
    with pytest.raises(LibraryError, match=why.get(fault, "changed while it was read")):
        write(db, path, "Jazz")
    assert sha256(path) == old
    assert rows(db) == []


def test_audio_that_is_not_found_is_refused(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"fLaC\x80\0\0\x22" + bytes(34) + b"\xff\xf8")
    for genres in (JAZZ, ()):
        try:
            write(db, path, *genres)
        except LibraryError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017
    assert path.read_bytes().startswith(b"fLaC\x80")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.txt", b"text", r"a\.txt: no kind of file whose tags are written; .*--sidecar"),
        ("gone.mp3", None, r"gone\.mp3: no such file or directory; expected a file and a folder"),
        ("", None, r": no file; expected a music file"),
    ],
)
def test_what_is_refused(
    db: sqlite3.Connection, tmp_path: Path, name: str, data: bytes | None, why: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(LibraryError, match=why):
        write(db, tmp_path / name, "Jazz")


def test_a_library_that_cannot_be_written(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song("flac.flac")
    old = sha256(path)

    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with writing(db, "test") as run:
        monkeypatch.setattr(journal, "begin", fail)
        with pytest.raises(
            LibraryError, match=r"library\.sqlite3: database or disk is full; .* Make r"
        ):
            write_genres(db, run, path, JAZZ)
    assert sha256(path) == old
    monkeypatch.setattr(journal, "recover", fail)
    with pytest.raises(LibraryError, match="disk is full"), writing(db, "test"):
        pass


# ------------------------------------------------------------------ recovery


@pytest.mark.parametrize(
    ("state", "stands", "becomes"),
    [
        ("begun", "old", []),
        ("begun", "new", ["done"]),
        ("begun", "other", ["done"]),
        ("begun", "gone", ["done"]),
        ("undoing", "old", ["undone"]),
        ("undoing", "new", ["done"]),
        ("undoing", "other", ["done"]),
        ("undoing", "gone", ["done"]),
        ("done", "new", ["done"]),
        ("undone", "old", ["undone"]),
    ],
)
def test_what_a_kill_left(
    db: sqlite3.Connection, song: Song, state: str, stands: str, becomes: list[str]
) -> None:
    path = song("flac.flac")
    old = path.read_bytes()
    write(db, path, "Jazz")
    with transaction(db):
        db.execute("UPDATE writes SET state = ?", (state,))
        db.execute("UPDATE runs SET ended = NULL")
    left = temporary(path, token(db, 1))
    left.write_bytes(b"half")
    if stands == "gone":
        path.unlink()
    elif stands != "new":
        path.write_bytes(old if stands == "old" else b"other")
    assert recover(db) == (state in ("begun", "undoing"))
    assert rows(db) == becomes
    assert left.exists() == (state not in ("begun", "undoing"))
    assert db.execute("SELECT count(*) FROM runs WHERE ended IS NULL").fetchone()[0] == 0
    assert recover(db) == 0


def test_a_disk_that_is_away_is_waited_for(
    db: sqlite3.Connection, song: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song("flac.flac")
    write(db, path, "Jazz")
    with transaction(db):
        db.execute("UPDATE writes SET state = 'begun'")

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_rows, "digest_of", fail)
    assert recover(db) == 1
    assert rows(db) == ["begun"]
    monkeypatch.undo()
    assert recover(db) == 1
    assert rows(db) == ["done"]


def test_temporary_files_of_other_libraries_are_theirs(tmp_path: Path, song: Song) -> None:
    path = song("flac.flac")
    with (
        closing(open_database(tmp_path / "one.sqlite3")) as one,
        closing(open_database(tmp_path / "two.sqlite3")) as two,
    ):
        assert token(one, 1) != token(two, 1) != token(two, 2)
        left = temporary(path, token(two, 1))
        left.write_bytes(b"half")
        write(one, path, "Jazz")
    assert left.exists()
