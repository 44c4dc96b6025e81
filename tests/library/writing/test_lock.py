"""One process at a time writes to the music of a library."""

from __future__ import annotations

import errno
import hashlib
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library import journal, lock
from genrewise.library.database import open_database
from genrewise.library.journal import write_genres, writing
from genrewise.library.journal_rows import library_file
from genrewise.library.undoing import undo

from .conftest import Song


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(db: sqlite3.Connection, path: Path, *genres: str, **how: Any) -> journal.Written:
    with writing(db, "test") as run:
        return write_genres(db, run, path, genres, **how)


HOLD = """
import sys, time
from pathlib import Path
from genrewise.library.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_process_writes_at_a_time(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    command = [sys.executable, "-c", HOLD, str(library_file(db))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        busy = r"library\.sqlite3: another genrewise is writing to the music of this library"
        with pytest.raises(LibraryError, match=busy), writing(db, "x"):
            pass
        with pytest.raises(LibraryError, match=busy):
            list(undo(db))
        list(undo(db, dry_run=True))  # only looks
        monkeypatch.setattr(lock, "PATIENCE", 30.0)
        other.kill()  # and its lock is gone with it
        with writing(db, "x"):
            pass


def test_nor_twice_in_one_process(db: sqlite3.Connection) -> None:
    with writing(db, "x"):
        began = time.monotonic()
        with pytest.raises(LibraryError, match="another genrewise"), writing(db, "y"):
            pass
        assert time.monotonic() - began < 5
    with writing(db, "z"):
        pass


def test_a_library_in_memory_needs_no_lock(song: Song) -> None:
    with closing(open_database(Path(":memory:"))) as db:
        assert library_file(db) is None
        assert write(db, song("flac.flac"), "Jazz").state == "written"
    with lock.writer_lock(None), lock.writer_lock(None):
        pass


def test_a_folder_in_which_no_lock_can_be_made(tmp_path: Path) -> None:
    with (
        pytest.raises(
            LibraryError, match=r"x\.sqlite3-writer: No such file or directory; expected"
        ),
        lock.writer_lock(tmp_path / "gone" / "x.sqlite3"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "lockf", fail)
    with lock.writer_lock(tmp_path / "x.sqlite3"):
        pass
