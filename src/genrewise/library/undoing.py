"""The way back: files get their old bytes again, newest write first."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.library import sidecar
from genrewise.library.journal_rows import (
    Row,
    digest_of,
    library_file,
    load,
    recover,
    set_state,
    settle,
    token,
)
from genrewise.library.lock import writer_lock
from genrewise.library.patch import Digest, apply_patch
from genrewise.library.replacing import opened, removed, replacement

__all__ = ["Undone", "undo"]


@dataclass(frozen=True)
class Undone:
    """What became of undoing one write.

    Parameters
    ----------
    path : Path
        Where the file lies now.
    run : int
        Run that wrote it.
    state : str
        "undone", "would be undone" (dry run), "changed" (by somebody else since), "missing"
        or "failed".
    before, after : tuple of str
        Genres before the write, which are back where it was undone, and after it.
    reason : str
        Why not, in words; empty where it was undone.
    """

    path: Path
    run: int
    state: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: str = ""


def undo(
    db: sqlite3.Connection,
    *,
    run: int | None = None,
    path: Path | None = None,
    since: datetime | None = None,
    dry_run: bool = False,
) -> Generator[Undone, None, None]:
    """Give files their old bytes back, newest write first.

    Parameters
    ----------
    db : Connection
        With no transaction open.
    run : int, optional
        Of this run only.
    path : Path, optional
        Of this file, wherever it lay when it was written, or of what lies in this folder, only.
    since : datetime, optional
        From then on only; with a time zone.  Where none of the three is given: of the last run
        of which something can be undone.
    dry_run : bool
        Only say what would happen.

    Yields
    ------
    Undone

    Raises
    ------
    LibraryError
        There is no such run, or another process is writing to this library.
    """
    try:
        with nullcontext() if dry_run else writer_lock(library_file(db)):
            if not dry_run:
                recover(db)
            for row in _chosen(db, run, path, since):
                yield _undone(db, load(db, row), path, dry_run)
    except sqlite3.Error as error:
        given = f"{library_file(db)}: {error}"
        raise LibraryError(given, "a library that can be written", "make room for it") from error


def _chosen(
    db: sqlite3.Connection, run: int | None, path: Path | None, since: datetime | None
) -> list[int]:
    """Rows that can be undone, newest first."""
    if run is None and path is None and since is None:
        run = db.execute("SELECT max(run) FROM writes WHERE state = 'done'").fetchone()[0]
        if run is None:
            return []
    tests: list[str] = ["state = 'done'"]
    limits: list[object] = []
    if run is not None:
        _check_run(db, run)
        tests.append("run = ?")
        limits.append(run)
    if path is not None:
        real = os.fsencode(os.path.realpath(path))
        beside = real + os.fsencode(sidecar.SUFFIX)
        below = real.rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
        tests.append("(path IN (?, ?) OR substr(path, 1, ?) = ?)")
        limits += [real, beside, len(below), below]
    if since is not None:
        tests.append("made >= ?")
        limits.append(since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    rows = db.execute(f"SELECT id FROM writes WHERE {' AND '.join(tests)} ORDER BY id DESC", limits)
    found = [row["id"] for row in rows.fetchall()]
    if found or path is None or run is not None or since is not None:
        return found
    return _moved(db, path)


def _moved(db: sqlite3.Connection, path: Path) -> list[int]:
    """The write that made a file what it is, where it is not any more where it was written."""
    try:
        own = digest_of(path).sha256
    except OSError:  # a folder
        return []
    rows = db.execute(
        "SELECT id, path FROM writes WHERE state = 'done' AND new_sha256 = ? ORDER BY id DESC",
        (own,),
    ).fetchall()
    gone = (row["id"] for row in rows if not os.path.lexists(os.fsdecode(row["path"])))
    return list(islice(gone, 1))


def _check_run(db: sqlite3.Connection, run: int) -> None:
    if db.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone() is None:
        first, last = db.execute("SELECT min(id), max(id) FROM runs").fetchone()
        there = f"one from {first} to {last}" if first else "none: nothing was written yet"
        raise LibraryError(f"no run {run} in the journal", there)


def _undone(db: sqlite3.Connection, row: Row, hint: Path | None, dry_run: bool) -> Undone:
    """Undo one write, or say why not; `hint` may be where the file is by now."""
    said = Undone(row.path, row.run, "undone", row.before, row.after)
    try:
        path, state, reason = _stand(db, row, hint)
        if state == "back":
            if not dry_run:
                set_state(db, row.id, "undone")
        elif state:
            return replace(said, path=path, state=state, reason=reason)
        elif not dry_run:
            _give_back(db, row, path)
        return replace(said, path=path, state="would be undone" if dry_run else "undone")
    except (LibraryError, ValueError) as error:
        return replace(said, state="failed", reason=str(error))
    except OSError as error:
        return replace(said, state="failed", reason=(error.strerror or str(error)).lower())


def _stand(db: sqlite3.Connection, row: Row, hint: Path | None) -> tuple[Path, str, str]:
    """Where a written file is, and what hinders: nothing, "back", "changed" or "missing"."""
    here = digest_of(row.path).sha256
    if here == row.new_sha256:
        return row.path, "", ""
    for path in [*([hint] if hint else []), *_elsewhere(db, row)]:
        with suppress(OSError):
            if digest_of(path).sha256 == row.new_sha256:
                return path, "", ""
    if here == row.old_sha256:
        return row.path, "back", ""
    if not here:
        return row.path, "missing", "no such file any more"
    later = db.execute(
        "SELECT run FROM writes WHERE path = ? AND id > ? AND state = 'done' ORDER BY id DESC",
        (os.fsencode(row.path), row.id),
    ).fetchone()
    if later is not None:
        return row.path, "changed", f"written again by run {later['run']}; undo that first"
    return row.path, "changed", "changed by another program since"


def _elsewhere(db: sqlite3.Connection, row: Row) -> list[Path]:
    """Where the catalogue knows the same music, in case the file was moved."""
    with closing(
        db.execute(
            "SELECT path FROM files JOIN audio ON files.audio = audio.id WHERE audio.hash = ?",
            (row.audio,),
        )
    ) as cursor:
        songs = [Path(os.fsdecode(found["path"])) for found in cursor.fetchall()]
    found = [sidecar.path_of(song) for song in songs] if row.kind == "sidecar" else songs
    return [path for path in found if path != row.path and not _is_anothers(db, row, path)]


def _is_anothers(db: sqlite3.Connection, row: Row, path: Path) -> bool:
    """Whether a file of the same bytes got them by a write of its own."""
    found = db.execute(
        "SELECT 1 FROM writes WHERE path = ? AND state = 'done' AND new_sha256 = ?",
        (os.fsencode(path), row.new_sha256),
    ).fetchone()
    return found is not None


def _give_back(db: sqlite3.Connection, row: Row, path: Path) -> None:
    """Put the old bytes in place of the new ones, and note that.

    Raises
    ------
    LibraryError
        The file changed meanwhile, or may not be written.
    OSError
        The disk is full, or the folder cannot be written.
    """
    with opened(path) as (real, _, about):
        pass  # it has to be closed before another one takes its place
    set_state(db, row.id, "undoing", real)
    try:
        if not row.old_sha256:
            removed(real, about)
        else:
            with replacement(real, token(db, row.id), about) as new:
                with real.open("rb") as file:
                    blocks = apply_patch(file, row.patch or b"")
                    written = new.write(blocks, row.old_mtime_ns)
                if written != Digest(row.old_sha256, row.old_size):
                    given = f"{path}: the journal does not lead back to its old bytes"
                    raise LibraryError(given, "the file as it was written")
                new.place()
    except BaseException:
        with suppress(sqlite3.Error):
            settle(db, row.id)
        raise
    set_state(db, row.id, "undone")
