"""Files on the disk against files in the catalogue: what is new, changed, moved, gone.

Only names and what the system says of them are looked at, no file is opened.  A file is the same
where path, size and time of change are; it was renamed where another path has its inode, size
and time.  Whatever else moved is known again by its audio (:mod:`listening`).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from genrewise.engine import Refused
from genrewise.library.catalogue import PAGE
from genrewise.library.database import now, transaction
from genrewise.library.speech import SPEECH

__all__ = ["Scan", "Stand", "follow", "forget_links", "is_gone", "look", "scan"]


@dataclass(frozen=True)
class Stand:
    """A file as the system has it now.

    Parameters
    ----------
    path : str
        Absolute, without links, so that a file has one name.
    size, mtime_ns : int
    inode : str
        ``"device:inode"``; tells a renamed file where both are kept.
    links : int
        Names that the file has.
    """

    path: str
    size: int
    mtime_ns: int
    inode: str
    links: int = 1


@dataclass
class Scan:
    """What a scan found.

    Parameters
    ----------
    scope : array of int
        Rows of all files that were found, in their order, each once.
    work : array of int
        Rows of those that have to be listened to.
    refused : list of Refused
        What is no file or cannot be looked at.
    kinds : Counter of str
        How many files are "new", "changed", "moved", "same" and "missing"; the last were there
        before.
    """

    scope: array[int] = field(default_factory=lambda: array("q"))
    work: array[int] = field(default_factory=lambda: array("q"))
    refused: list[Refused] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


@lru_cache(maxsize=256)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def forget_links() -> None:
    """Ask anew where links lead; between two walks they may have been changed."""
    _real_folder.cache_clear()


def look(path: str) -> Stand:
    """What the system says of a file; a link is followed to the file itself.

    Raises
    ------
    OSError
        It is gone, cannot be looked at, or is a folder, a pipe or a device.
    """
    head, name = os.path.split(path)
    real = os.path.join(_real_folder(head or "."), name)  # noqa: PTH118 - bytes that are no text
    about = os.lstat(real)
    if stat.S_ISLNK(about.st_mode):
        real = os.path.realpath(real)
        about = os.stat(real)  # noqa: PTH116
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "not a file")
    inode = f"{about.st_dev}:{about.st_ino}"
    return Stand(real, about.st_size, about.st_mtime_ns, inode, about.st_nlink)


def scan(
    db: sqlite3.Connection,
    found: Iterable[str | Refused],
    model: int,
    *,
    roots: Sequence[str] = (),
    retry: bool = False,
) -> Scan:
    """Take files into the catalogue.

    Parameters
    ----------
    db : Connection
    found : iterable of str or Refused
        Files, as a walk finds them.
    model : int
        Row of the model whose answers are wanted.
    roots : sequence of str
        Files and folders below which nothing else is: what the catalogue has there and the
        disk has not is missing.
    retry : bool
        Also try those again that failed before and did not change.

    Returns
    -------
    Scan
    """
    forget_links()
    result = Scan()
    known: set[int] = set()
    for page in _pages(found, result.refused):
        _take(db, page, model, retry, result, known)
    for root in roots:
        _miss(db, os.path.realpath(root), result, known)
    return result


def _pages(found: Iterable[str | Refused], refused: list[Refused]) -> Iterator[list[Stand]]:
    """Files by the page, each looked at, and once however many names it was given."""
    page: dict[str, Stand] = {}
    for item in found:
        if isinstance(item, Refused):
            refused.append(item)
            continue
        try:
            stand = look(item)
        except OSError as error:
            refused.append(Refused(item, (error.strerror or str(error)).lower()))
            continue
        page[stand.path] = stand
        if len(page) == PAGE:
            yield list(page.values())
            page = {}
    yield list(page.values())


def _take(
    db: sqlite3.Connection,
    page: Sequence[Stand],
    model: int,
    retry: bool,
    result: Scan,
    known: set[int],
) -> None:
    """Sort a page of files out; a transaction only where something is to be written."""
    rows = _rows(db, page, model)
    kinds: dict[str, str] = {}
    if any(_differs(rows.get(stand.path), stand) for stand in page):
        with transaction(db):
            kinds = {s.path: _enter(db, rows.get(s.path), s) for s in page}
        rows = _rows(db, page, model)
    for stand in page:
        row = rows.get(stand.path)  # None where another process has just moved it on
        if row is not None and row["id"] not in known:
            known.add(row["id"])
            result.kinds[kinds.get(stand.path, "same")] += 1
            result.scope.append(row["id"])
            if _to_hear(row, retry):
                result.work.append(row["id"])


def _rows(db: sqlite3.Connection, page: Sequence[Stand], model: int) -> dict[str, sqlite3.Row]:
    """What the catalogue has of files, by path."""
    keys = [os.fsencode(stand.path) for stand in page]
    marks = ", ".join("?" * len(keys))
    rows = db.execute(
        "SELECT id, path, size, mtime_ns, state, error, audio, EXISTS ("
        " SELECT 1 FROM answers a WHERE a.audio = files.audio AND a.model = ?) AS answered"
        f" FROM files WHERE path IN ({marks})",
        (model, *keys),
    )
    return {os.fsdecode(row["path"]): row for row in rows.fetchall()}


def _differs(row: sqlite3.Row | None, stand: Stand) -> bool:
    """Whether the catalogue has to be told of a file."""
    if row is None or row["state"] == "missing":
        return True
    return not _as_it_was(row, stand)


def _as_it_was(row: sqlite3.Row, stand: Stand) -> bool:
    return bool((row["size"], row["mtime_ns"]) == (stand.size, stand.mtime_ns))


def _to_hear(row: sqlite3.Row, retry: bool) -> bool:
    """Whether a file has to be listened to."""
    if row["state"] == "failed":
        return retry
    if row["audio"] is None:
        return True
    return not row["answered"] and row["error"] != SPEECH


def _enter(db: sqlite3.Connection, row: sqlite3.Row | None, stand: Stand) -> str:
    """Bring the catalogue's row of one file up to date; says what became of it."""
    if row is not None and not _differs(row, stand):
        return "same"
    if row is not None and row["state"] == "missing" and _as_it_was(row, stand):
        db.execute("UPDATE files SET state = 'new' WHERE id = ?", (row["id"],))
        return "moved"  # it was missing and is back as it was
    if row is None and (old := _renamed(db, stand)) is not None:
        _move(db, old, stand.path)
        return "moved"
    db.execute(
        "INSERT INTO files(path, size, mtime_ns, inode, state, seen) VALUES (?, ?, ?, ?, 'new', ?)"
        " ON CONFLICT(path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
        " inode = excluded.inode, audio = NULL, state = 'new', error = '', seen = excluded.seen",
        (os.fsencode(stand.path), stand.size, stand.mtime_ns, stand.inode, now()),
    )
    return "new" if row is None else "changed"


def _renamed(db: sqlite3.Connection, stand: Stand) -> sqlite3.Row | None:
    """The row that a file had under another name."""
    rows = db.execute(
        "SELECT id, path FROM files WHERE inode = ? AND size = ? AND mtime_ns = ?",
        (stand.inode, stand.size, stand.mtime_ns),
    ).fetchall()
    for row in rows:
        old = os.fsdecode(row["path"])
        # A file with one name cannot have the old one too, even where that seems to be there, as
        # on systems to which a.mp3 and A.mp3 are the same.
        respelled = stand.links == 1 and _folded(old) == _folded(stand.path)
        if respelled or not os.path.lexists(old):
            found: sqlite3.Row = row
            return found
    return None


def _folded(path: str) -> str:
    """A path as a system has it to which case and accents' encoding make no difference."""
    return unicodedata.normalize("NFC", path).casefold()


def _move(db: sqlite3.Connection, row: sqlite3.Row, path: str) -> None:
    """A file lies elsewhere now: its row goes with it, and what the journal has of it."""
    new = os.fsencode(path)
    follow(db, row["path"], new)
    db.execute(
        "UPDATE files SET path = ?, seen = ?, state = CASE state WHEN 'missing' THEN 'new'"
        " ELSE state END WHERE id = ?",
        (new, now(), row["id"]),
    )


def follow(db: sqlite3.Connection, old: bytes, new: bytes) -> None:
    """Let the journal find a file by its new path; a write under way is left to itself."""
    db.execute(
        "UPDATE writes SET path = ? WHERE path = ? AND state IN ('done', 'undone')", (new, old)
    )


def _miss(db: sqlite3.Connection, root: str, result: Scan, known: set[int]) -> None:
    """Mark what the catalogue has below a folder and the disk has not."""
    top = os.fsencode(root).rstrip(os.fsencode(os.sep))
    below, beyond = top + os.fsencode(os.sep), top + bytes([ord(os.sep) + 1])
    last = b""
    while True:
        rows = db.execute(
            "SELECT id, path, inode, state FROM files WHERE (path = ? OR (path >= ? AND path < ?))"
            f" AND path > ? ORDER BY path LIMIT {PAGE}",
            (top, below, beyond, last),
        ).fetchall()
        if not rows:
            return
        last = rows[-1]["path"]
        # Where the walk found files, what it did not find is gone; where it found none, perhaps
        # the disk is.
        gone = [
            (row["id"],)
            for row in rows
            if row["id"] not in known
            and row["state"] != "missing"
            and is_gone(row, sure=bool(result.scope))
        ]
        if gone:
            with transaction(db):
                db.executemany("UPDATE files SET state = 'missing' WHERE id = ?", gone)
        result.kinds["missing"] += len(gone)


def is_gone(row: sqlite3.Row, *, sure: bool = False) -> bool:
    """Whether a file is no longer at its path, and not only its disk away.

    Parameters
    ----------
    row : Row
        With path and inode.
    sure : bool
        The disk is there; else the nearest folder there is must be on the file's device.
    """
    path = os.fsdecode(row["path"])
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return sure or str(_device(path)) == row["inode"].partition(":")[0]
    except OSError:
        return False  # it cannot be told
    return False


def _device(path: str) -> int:
    """The device of the nearest folder above a path that is there."""
    while True:
        path = os.path.dirname(path)  # noqa: PTH120
        try:
            return os.stat(path).st_dev  # noqa: PTH116
        except OSError:
            if path == os.path.dirname(path):  # noqa: PTH120
                return -1
