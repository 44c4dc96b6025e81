"""Writing genres so that it can be undone: every write is in the journal before it happens.

One process writes to a library at a time (:func:`writing` holds a lock that the system gives
back when the process dies), so a row that is still "begun" is one of a process that was killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

__all__ = ["Pruned", "Undone", "Written", "prune", "undo", "write_genres", "writing"]


@dataclass(frozen=True)
class Written:
    """What became of one write.

    Parameters
    ----------
    path : Path
        The file that was written: a link's target, or the sidecar.
    state : str
        "written", or "same" where the genres stood there already and nothing was done.
    before, after : tuple of str
    note : str
        What the user should know ("ID3v2.2 became ID3v2.3"), or nothing.
    """

    path: Path
    state: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    note: str = ""


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


@dataclass(frozen=True)
class Pruned:
    """What pruning took out of the journal: writes that cannot be undone any more."""

    writes: int
    bytes: int


@contextmanager
def writing(db: sqlite3.Connection, command: str, model_id: int | None = None) -> Iterator[int]:
    """Write to music as one run; first clears up after a process that was killed.

    Parameters
    ----------
    db : Connection
    command : str
        As the user typed it, for ``genrewise library``.
    model_id : int, optional
        Row of ``models``.

    Yields
    ------
    int
        The run, for `write_genres`.

    Raises
    ------
    LibraryError
        Another process is writing to this library.
    """
    raise NotImplementedError
    yield 0


def write_genres(
    db: sqlite3.Connection,
    run: int,
    path: Path,
    genres: Sequence[str],
    *,
    field: str = "genre",
    keep_mtime: bool = False,
    sidecar: bool = False,
) -> Written:
    """Write the genres of one file, all or nothing, and so that it can be undone.

    Commits on `db`, also what the caller left open there.

    Parameters
    ----------
    db : Connection
    run : int
        From `writing`.
    path : Path
        A symbolic link is followed to the file itself.
    genres : sequence of str
        None empties the field.
    field : str
        One of ``genre_field.FIELDS``.
    keep_mtime : bool
        Leave the time of the last change as it was.
    sidecar : bool
        Write a file beside it instead: ``song.mp3.genre.json``.

    Returns
    -------
    Written

    Raises
    ------
    LibraryError
        One line; the file is as it was.
    """
    raise NotImplementedError


def undo(
    db: sqlite3.Connection,
    *,
    run: int | None = None,
    path: Path | None = None,
    since: datetime | None = None,
    dry_run: bool = False,
) -> Iterator[Undone]:
    """Give files their old bytes back, newest write first.

    Parameters
    ----------
    db : Connection
    run : int, optional
        Of this run only.
    path : Path, optional
        Of this file, or of what lies in this folder, only.
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
    raise NotImplementedError


def prune(
    db: sqlite3.Connection,
    *,
    keep_runs: int | None = None,
    older_than: timedelta | None = None,
    max_bytes: int | None = None,
) -> Pruned:
    """Take the oldest writes out of the journal; they cannot be undone any more.

    Parameters
    ----------
    db : Connection
    keep_runs : int, optional
        Runs to keep, the newest ones.
    older_than : timedelta, optional
        Writes made longer ago go.
    max_bytes : int, optional
        What the journal may take; the oldest writes go first.

    Returns
    -------
    Pruned
    """
    raise NotImplementedError
