"""The one file in which a library is kept: SQLite, with versions of its tables.

What is known of *audio* (its genres, its embedding) hangs on a hash of the audio stream without
its tags, so that a file that was moved, renamed or tagged is not heard again.  What is known of a
*file* (where it lies, what its tags say) hangs on its path.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from genrewise.errors import LibraryError

__all__ = ["MIGRATIONS", "database_path", "now", "open_database", "transaction"]

#: Marks a file as ours in SQLite's header ("gnrw").
APPLICATION_ID = 0x676E7277

#: Seconds to wait for another process that writes.
PATIENCE = 30.0

#: One script a version; a file of an older version gets those it lacks, in one transaction.
MIGRATIONS: tuple[str, ...] = (
    """
    -- A model that answered: a name alone does not say which, a rebuilt one keeps it.
    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE,          -- sha256 of the model file
        labels TEXT NOT NULL,               -- JSON list
        embedding_size INTEGER NOT NULL,
        path BLOB NOT NULL                  -- where the file was found last
    );

    -- Audio, however many files hold it and whatever their tags say.
    CREATE TABLE audio (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,          -- sha256 of the stream without tags
        seconds REAL
    );

    -- Files as they were last seen.
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,          -- absolute, as the file system has it (os.fsencode)
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode TEXT NOT NULL,                -- "device:inode"; tells a renamed file without reading
        audio INTEGER REFERENCES audio(id), -- NULL where it could not be read
        container TEXT NOT NULL DEFAULT '', -- "MP3", "FLAC", …; '': tags cannot be written
        format TEXT NOT NULL DEFAULT '',    -- of the tags: "ID3v2.4", "Vorbis", …
        genres TEXT NOT NULL DEFAULT '[]',  -- JSON list: the genre field as it stands
        ours TEXT NOT NULL DEFAULT '[]',    -- JSON list: what genrewise wrote there last
        artist TEXT NOT NULL DEFAULT '',
        album TEXT NOT NULL DEFAULT '',
        albumartist TEXT NOT NULL DEFAULT '',
        title TEXT NOT NULL DEFAULT '',
        comment TEXT NOT NULL DEFAULT '',   -- where a genre may be written on request
        grouping TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL,                -- one of STATES of catalogue.py
        error TEXT NOT NULL DEFAULT '',     -- why it failed or was passed over
        seen TEXT NOT NULL                  -- when it was found new or changed, ISO 8601, UTC
    );
    CREATE INDEX files_audio ON files(audio);
    CREATE INDEX files_inode ON files(inode);
    CREATE INDEX files_state ON files(state);
    CREATE INDEX files_album ON files(album COLLATE NOCASE);

    -- What a model said of audio.
    CREATE TABLE answers (
        audio INTEGER NOT NULL REFERENCES audio(id),
        model INTEGER NOT NULL REFERENCES models(id),
        status TEXT NOT NULL,               -- ok, partial
        genre TEXT,                         -- NULL: unknown
        confidence REAL NOT NULL,
        runner_up TEXT NOT NULL,
        reason TEXT NOT NULL,
        probabilities BLOB NOT NULL,        -- float32, in the order of the model's labels
        record TEXT NOT NULL,               -- the rest of classify's record, JSON
        made TEXT NOT NULL,
        PRIMARY KEY (audio, model)
    ) WITHOUT ROWID;

    -- Where a model puts audio; by itself, as all of them are read at once.
    CREATE TABLE embeddings (
        model INTEGER NOT NULL REFERENCES models(id),
        audio INTEGER NOT NULL REFERENCES audio(id),
        vector BLOB NOT NULL,               -- float16, little-endian, unit length
        PRIMARY KEY (model, audio)
    ) WITHOUT ROWID;

    -- What the user said of audio: it outweighs any model and is what one can train from.
    CREATE TABLE decisions (
        audio INTEGER PRIMARY KEY REFERENCES audio(id),
        verdict TEXT NOT NULL,              -- accepted, changed, skipped
        genres TEXT NOT NULL,               -- JSON list
        made TEXT NOT NULL
    );

    -- Calls of a command that wrote.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        command TEXT NOT NULL,
        model INTEGER REFERENCES models(id),
        began TEXT NOT NULL,
        ended TEXT                          -- NULL: under way, or killed
    );

    -- The journal: one row a write, made before the file is touched.
    CREATE TABLE writes (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs(id),
        path BLOB NOT NULL,
        kind TEXT NOT NULL,                 -- tag, sidecar
        state TEXT NOT NULL,                -- begun, done, undoing, undone
        audio TEXT NOT NULL,                -- hash of what sounds: finds the file where it moved
        before TEXT NOT NULL,               -- JSON list: genres
        after TEXT NOT NULL,
        old_sha256 TEXT NOT NULL,           -- whole file; empty: there was none
        new_sha256 TEXT NOT NULL,
        old_size INTEGER NOT NULL,
        old_mtime_ns INTEGER NOT NULL,
        patch BLOB,                         -- makes the old bytes from the new; NULL once undone
        made TEXT NOT NULL
    );
    CREATE INDEX writes_run ON writes(run);
    CREATE INDEX writes_path ON writes(path, id);
    CREATE INDEX writes_state ON writes(state);

    -- What is undone the catalogue knows at once; the size that no file has makes the next scan
    -- read the tags again, as the old time comes back too.
    CREATE TRIGGER writes_undone AFTER UPDATE OF state ON writes
    WHEN new.state = 'undone' AND old.state != 'undone' BEGIN
        UPDATE files SET state = 'proposed', ours = '[]', size = -1,
            genres = CASE genres WHEN new.after THEN new.before ELSE genres END
        WHERE path = CASE new.kind
            WHEN 'sidecar' THEN substr(new.path, 1, length(new.path) - length('.genre.json'))
            ELSE new.path END;
    END;
    """,
)


def database_path() -> Path:
    r"""Where the library is kept where nothing else is said; not created here.

    Returns
    -------
    Path
        ``$GENREWISE_LIBRARY`` where it is set; else ``library.sqlite3`` in
        ``~/Library/Application Support/genrewise`` on macOS, ``%LOCALAPPDATA%\genrewise`` on
        Windows and ``$XDG_DATA_HOME/genrewise`` or ``~/.local/share/genrewise`` elsewhere.
    """
    if given := os.environ.get("GENREWISE_LIBRARY"):
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        folder = Path(local) if local else Path.home() / "AppData" / "Local"
    else:  # a relative path there is to be ignored, says the XDG Base Directory Specification
        xdg = Path(os.environ.get("XDG_DATA_HOME", ""))
        folder = xdg if xdg.is_absolute() else Path.home() / ".local" / "share"
    return folder / "genrewise" / "library.sqlite3"


def open_database(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open a library, made or brought up to date where needed.

    Parameters
    ----------
    path : Path
    create : bool
        Make it where there is none.

    Returns
    -------
    sqlite3.Connection
        In WAL mode, every commit on the disk before it returns; rows by name; transactions are
        begun by hand (``with connection:`` ends them).

    Raises
    ------
    LibraryError
        There is none, it is none of ours, of a later version, or cannot be written.
    """
    if not create and not path.exists():
        todo = "genrewise tag FOLDER makes one; --db names another"
        raise LibraryError(f"{path}: no such library", "one made before", todo)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=PATIENCE)
    except (OSError, sqlite3.Error) as error:
        raise LibraryError(f"{path}: {error}", "a file that can be written", _ELSEWHERE) from error
    try:
        connection.row_factory = sqlite3.Row
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise LibraryError(f"{path}: {error}", "a library of genrewise", _ELSEWHERE) from error
    except BaseException:
        connection.close()
        raise
    return connection


_ELSEWHERE = "name another file: --db FILE"


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that may write from its first line on.

    One that begins by reading could find, when it comes to write, that another process was
    faster, and would have to be refused; this one waits its turn.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.commit()  # which fails where the disk is full
    except BaseException:
        connection.rollback()
        raise


def now() -> str:
    """The time as the library writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Settings of this connection, and the tables."""
    connection.execute("PRAGMA foreign_keys = ON")
    # The tables are looked for first: another process that makes them marks the file with them.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    version = _number(connection, "user_version")
    if tables and _number(connection, "application_id") != APPLICATION_ID:
        given = f"{path}: a database of another program"
        raise LibraryError(given, "a library of genrewise", _ELSEWHERE)
    if version > len(MIGRATIONS):
        raise LibraryError(
            f"{path}: a library of version {version}",
            f"version {len(MIGRATIONS)} or earlier",
            "update genrewise",
        )
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    if version < len(MIGRATIONS):
        _migrate(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers read while one writes; SQLite does not wait by itself to change the mode."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > until:
                raise
            time.sleep(0.05)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date; two processes that begin at once do it one after the other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[_number(connection, "user_version") :]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _statements(script: str) -> list[str]:
    """The statements of a script; ``executescript`` would commit before the first."""
    found, sofar = [], ""
    for line in script.splitlines():
        sofar += line.split("--")[0].rstrip() + "\n"
        if sqlite3.complete_statement(sofar):
            found.append(sofar.strip())
            sofar = ""
    return found


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    with closing(connection.execute(f"PRAGMA {pragma}")) as cursor:
        return int(cursor.fetchone()[0])
