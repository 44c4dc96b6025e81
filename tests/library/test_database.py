"""The library's file: made, opened again, brought up to date, refused; two processes at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from genrewise.errors import LibraryError
from genrewise.library import database
from genrewise.library.database import MIGRATIONS, database_path, now, open_database, transaction


def pragma(db: sqlite3.Connection, name: str) -> object:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def tables(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


# ------------------------------------------------------------------ made and opened


def test_a_new_library_is_marked_safe_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "é \U0001f3b5.sqlite3"
    with closing(open_database(path)) as db:
        assert tables(db) == {
            *("models", "audio", "files", "answers", "embeddings", "decisions", "runs", "writes"),
        }
        assert pragma(db, "application_id") == 0x676E7277
        assert pragma(db, "user_version") == len(MIGRATIONS)
        assert pragma(db, "journal_mode") == "wal"
        assert pragma(db, "synchronous") == 2  # FULL: a commit that returned is on the disk
        assert pragma(db, "foreign_keys") == 1
        assert db.execute("SELECT count(*) FROM files").fetchone()[0] == 0
    assert path.read_bytes()[:15] == b"SQLite format 3"
    assert int.from_bytes(path.read_bytes()[68:72], "big") == 0x676E7277


def test_what_was_stored_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with closing(open_database(path)) as db, transaction(db):
        db.execute("INSERT INTO audio(hash, seconds) VALUES ('a', 1.5)")
    with closing(open_database(path, create=False)) as db:
        row = db.execute("SELECT * FROM audio").fetchone()
        assert (row["hash"], row["seconds"]) == ("a", 1.5)


def test_a_library_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    with pytest.raises(LibraryError, match=r"no such library; expected one .* --db names another"):
        open_database(path, create=False)
    assert not path.exists()


# ------------------------------------------------------------------ refused


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "player.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (id INTEGER)")
        other.commit()
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="a database of another program"):
        open_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"no database at all, but text" * 99, b"SQLite format 3\0" * 9]
)
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=r"expected a library of genrewise\. Name"):
        open_database(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_library(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with closing(open_database(path)) as db:
        assert "files" in tables(db)


def test_a_library_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with closing(open_database(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(LibraryError, match=r"of version 2; expected version 1 or .*\. Update"):
        open_database(path)


@pytest.mark.parametrize("path", ["/proc/library.sqlite3", "/dev/null/library.sqlite3", "/"])
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_folder_that_cannot_be_written_is_one_line(path: str) -> None:
    with pytest.raises(LibraryError) as caught:
        open_database(Path(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "--db FILE" in str(caught.value)


# ------------------------------------------------------------------ versions


def test_an_older_library_gets_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    with closing(open_database(path)) as db, transaction(db):
        db.execute("INSERT INTO audio(hash) VALUES ('a')")
    later = "ALTER TABLE audio ADD COLUMN tempo REAL; -- beats; a minute\nCREATE TABLE more (x);\n"
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, later))
    with closing(open_database(path)) as db:
        assert pragma(db, "user_version") == len(MIGRATIONS) + 1
        assert dict(db.execute("SELECT hash, tempo FROM audio").fetchone()) == {
            "hash": "a",
            "tempo": None,
        }
        assert "more" in tables(db)
    with closing(open_database(path)) as db:  # not a second time
        assert pragma(db, "user_version") == len(MIGRATIONS) + 1


def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    open_database(path).close()
    wrong = "CREATE TABLE half (x);\nCREATE TABLE files (x);\n"
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, wrong))
    with pytest.raises(LibraryError, match="table files already exists"):
        open_database(path)
    monkeypatch.undo()
    with closing(open_database(path)) as db:
        assert pragma(db, "user_version") == len(MIGRATIONS)
        assert "half" not in tables(db)


def test_many_processes_may_make_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x"
    script = (
        "import sys; from pathlib import Path\n"
        "from genrewise.library.database import open_database, transaction\n"
        "db = open_database(Path(sys.argv[1]))\n"
        "for i in range(20):\n"
        "    with transaction(db):\n"
        "        n = db.execute('SELECT count(*) FROM audio').fetchone()[0]\n"
        "        db.execute('INSERT INTO audio(hash, seconds) VALUES (?, ?)',"
        " (f'{sys.argv[2]} {i}', n))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(i)]) for i in range(4)
    ]
    assert [p.wait(60) for p in processes] == [0] * 4
    with closing(open_database(path)) as db:
        counts = [row[0] for row in db.execute("SELECT seconds FROM audio ORDER BY id")]
    assert counts == list(range(80))  # each saw all that were before it


@pytest.mark.parametrize(
    ("kind", "path"), [("tag", b"/m/\xff.mp3"), ("sidecar", b"/m/\xff.mp3.genre.json")]
)
def test_what_is_undone_the_catalogue_knows_at_once(tmp_path: Path, kind: str, path: bytes) -> None:
    with closing(open_database(tmp_path / "x")) as db, transaction(db):
        for name in (b"/m/\xff.mp3", b"/m/other.mp3"):
            db.execute(
                "INSERT INTO files(path, size, mtime_ns, inode, genres, ours, state, seen)"
                " VALUES (?, 5, 5, '', '[\"Jazz\"]', '[\"Jazz\"]', 'written', '')",
                (name,),
            )
        db.execute("INSERT INTO runs(id, command, began) VALUES (1, 'tag', '')")
        db.execute(
            "INSERT INTO writes(run, path, kind, state, audio, before, after, old_sha256,"
            " new_sha256, old_size, old_mtime_ns, made)"
            " VALUES (1, ?, ?, 'done', '', '[\"Dub\"]', '[\"Jazz\"]', '', '', 1, 1, '')",
            (path, kind),
        )
        db.execute("UPDATE writes SET state = 'undoing'")
        query = "SELECT size, genres, ours, state FROM files ORDER BY id"
        assert [tuple(r) for r in db.execute(query)] == [(5, '["Jazz"]', '["Jazz"]', "written")] * 2
        db.execute("UPDATE writes SET state = 'undone'")
        db.execute("UPDATE writes SET patch = NULL")
        assert [tuple(r) for r in db.execute(query)] == [
            (-1, '["Dub"]', "[]", "proposed"),
            (5, '["Jazz"]', '["Jazz"]', "written"),
        ]


# ------------------------------------------------------------------ transactions


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "x")) as db:
        with pytest.raises(sqlite3.IntegrityError), transaction(db):
            db.executemany("INSERT INTO audio(hash) VALUES (?)", [("a",), ("a",)])
        assert db.execute("SELECT count(*) FROM audio").fetchone()[0] == 0
        assert not db.in_transaction


def test_a_writer_waits_for_another_and_a_reader_does_not(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with closing(open_database(path)) as one, closing(open_database(path)) as reader:
        held, waited = threading.Event(), []

        def write() -> None:
            with closing(open_database(path)) as two:
                held.wait()
                with transaction(two):
                    waited.append(one.in_transaction)

        thread = threading.Thread(target=write)
        thread.start()
        with transaction(one):
            one.execute("INSERT INTO audio(hash) VALUES ('a')")
            held.set()
            thread.join(0.2)
            assert waited == []  # it waits its turn
            assert reader.execute("SELECT count(*) FROM audio").fetchone()[0] == 0
        thread.join()
        assert len(waited) == 1
        assert reader.execute("SELECT count(*) FROM audio").fetchone()[0] == 1


# ------------------------------------------------------------------ where it lies


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="the rules of XDG")
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GENREWISE_LIBRARY", raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert database_path() == Path("/home/ann/.local/share/genrewise/library.sqlite3")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert database_path() == Path("/data/genrewise/library.sqlite3")
    monkeypatch.setenv("GENREWISE_LIBRARY", "~/my.db")
    assert database_path() == Path("/home/ann/my.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENREWISE_LIBRARY", "my.db")
    assert database_path() == tmp_path / "my.db"
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - nothing is made


def test_the_time_is_utc_and_can_be_read() -> None:
    text = now()
    assert text.endswith("Z")
    assert abs(datetime.fromisoformat(text).timestamp() - datetime.now().timestamp()) < 5
