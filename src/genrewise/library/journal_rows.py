"""Rows of the journal, and what a killed process left of them.

A write is "begun" before its file is touched and "done" after it; "undoing" and "undone" stand
about the way back.  What a row in between became is read from the file itself: it is the old one
or the new one, never anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genrewise.library.database import now, transaction
from genrewise.library.patch import BLOCK, Digest, digest
from genrewise.library.replacing import temporary

__all__ = [
    "Row",
    "begin",
    "digest_of",
    "library_file",
    "load",
    "recover",
    "set_state",
    "settle",
    "token",
]

#: What stands for the hash of a file that is not there.
NOTHING = Digest("", 0)


@dataclass(frozen=True)
class Row:
    """One write.

    Parameters
    ----------
    id, run : int
    path : Path
        The file itself, or the sidecar.
    kind : str
        "tag" or "sidecar".
    state : str
    audio : str
        Hash of what sounds.
    before, after : tuple of str
        Genres.
    old_sha256, new_sha256 : str
        Of the whole file; empty where there was none.
    old_size, old_mtime_ns : int
    patch : bytes, optional
        Makes the old bytes from the new ones.
    """

    id: int
    run: int
    path: Path
    kind: str
    state: str
    audio: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    old_sha256: str
    new_sha256: str
    old_size: int
    old_mtime_ns: int
    patch: bytes | None


def library_file(db: sqlite3.Connection) -> Path | None:
    """The file of a database; None for one in memory."""
    name = db.execute("PRAGMA database_list").fetchone()[2]
    return Path(name) if name else None


def token(db: sqlite3.Connection, row: int) -> str:
    """What makes the name of a row's temporary file its own, among all libraries."""
    text = f"{library_file(db)}\0{row}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]


def begin(
    db: sqlite3.Connection,
    run: int,
    path: Path,
    *,
    kind: str,
    audio: str,
    before: Sequence[str],
    after: Sequence[str],
    old: Digest,
    new: Digest,
    old_mtime_ns: int,
    patch: bytes,
) -> int:
    """Note a write that is about to happen; returns its row."""
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO writes (run, path, kind, state, audio, before, after, old_sha256,"
            " new_sha256, old_size, old_mtime_ns, patch, made)"
            " VALUES (?, ?, ?, 'begun', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(run, os.fsencode(path), kind, audio),
                *(json.dumps(list(before)), json.dumps(list(after))),
                *(old.sha256, new.sha256, old.size, old_mtime_ns, patch, now()),
            ),
        )
    return int(cursor.lastrowid or 0)


def load(db: sqlite3.Connection, row: int) -> Row:
    """A write that was noted."""
    found = db.execute("SELECT * FROM writes WHERE id = ?", (row,)).fetchone()
    return Row(
        id=found["id"],
        run=found["run"],
        path=Path(os.fsdecode(found["path"])),
        kind=found["kind"],
        state=found["state"],
        audio=found["audio"],
        before=tuple(json.loads(found["before"])),
        after=tuple(json.loads(found["after"])),
        old_sha256=found["old_sha256"],
        new_sha256=found["new_sha256"],
        old_size=found["old_size"],
        old_mtime_ns=found["old_mtime_ns"],
        patch=found["patch"],
    )


def set_state(db: sqlite3.Connection, row: int, state: str, path: Path | None = None) -> None:
    """Note how far a write is; one that was undone needs its patch no more.

    An end need not be on the disk when this returns: where it is lost with the power, the file
    itself says what became of it.
    """
    ended = state in ("done", "undone")
    if ended:
        db.execute("PRAGMA synchronous = NORMAL")
    try:
        with transaction(db):
            db.execute(
                "UPDATE writes SET state = ?, path = coalesce(?, path),"
                " patch = CASE ? WHEN 'undone' THEN NULL ELSE patch END WHERE id = ?",
                (state, None if path is None else os.fsencode(path), state, row),
            )
    finally:
        if ended:
            db.execute("PRAGMA synchronous = FULL")


def digest_of(path: Path) -> Digest:
    """Hash and length of a file; that of nothing where there is none.

    Raises
    ------
    OSError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return digest(iter(lambda: file.read(BLOCK), b""))
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING


def settle(db: sqlite3.Connection, row: int) -> None:
    """Find out what became of a write that did not come to its end, and note it.

    Nothing is noted where the file cannot be read now.
    """
    about = load(db, row)
    with suppress(OSError):
        temporary(about.path, token(db, row)).unlink(missing_ok=True)
    try:
        is_old = digest_of(about.path).sha256 == about.old_sha256
    except OSError:
        return
    if about.state == "undoing":
        set_state(db, row, "undone" if is_old else "done")
    elif not is_old:
        set_state(db, row, "done")
    else:
        with transaction(db):
            db.execute("DELETE FROM writes WHERE id = ?", (row,))


def recover(db: sqlite3.Connection) -> int:
    """Clear up after a process that was killed: its journal, and what it left beside the music.

    To be called by the one that holds the lock.

    Returns
    -------
    int
        Writes that had not come to their end.
    """
    rows = db.execute("SELECT id FROM writes WHERE state IN ('begun', 'undoing')").fetchall()
    for row in rows:
        settle(db, row["id"])
    with transaction(db):  # runs that a kill left without a single write
        db.execute("DELETE FROM runs WHERE id NOT IN (SELECT run FROM writes)")
        db.execute("UPDATE runs SET ended = ? WHERE ended IS NULL", (now(),))
    return len(rows)
