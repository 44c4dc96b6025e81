"""Writing genres so that it can be undone: every write is in the journal before it happens.

One process writes to a library at a time (:func:`writing` holds a lock that the system gives
back when the process dies), so a row that is still "begun" is one of a process that was killed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.library import sidecar as sidecars
from genrewise.library.audio_hash import audio_hash, stream_hash
from genrewise.library.containers.base import Wish
from genrewise.library.containers.kinds import kind_of
from genrewise.library.database import now, transaction
from genrewise.library.genre_field import SIDECAR, check, held, plan, values, wish
from genrewise.library.journal_rows import (
    NOTHING,
    begin,
    library_file,
    recover,
    set_state,
    settle,
    token,
)
from genrewise.library.lock import writer_lock
from genrewise.library.patch import (
    Digest,
    Splice,
    apply_patch,
    digest,
    make_patch,
    spliced,
)
from genrewise.library.replacing import opened, replacement

__all__ = ["Pruned", "Written", "prune", "write_genres", "writing"]


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
class Pruned:
    """What pruning took out of the journal: writes that cannot be undone any more."""

    writes: int
    bytes: int


@dataclass(frozen=True)
class _Plan:
    """A write that is sure to work, but for the disk.

    Parameters
    ----------
    target : Path
    about : os.stat_result, optional
        What it was like when it was read; None where there is none yet.
    splices : tuple of Splice
    old, new : Digest
    patch : bytes
    audio : str
    check : callable
        Looks at the new file before it takes the old one's place.
    """

    target: Path
    kind: str
    about: os.stat_result | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    note: str
    splices: tuple[Splice, ...]
    old: Digest
    new: Digest
    patch: bytes
    audio: str
    check: Callable[[Path], None]


@contextmanager
def writing(db: sqlite3.Connection, command: str, model_id: int | None = None) -> Iterator[int]:
    """Write to music as one run; first clears up after a process that was killed.

    Parameters
    ----------
    db : Connection
        With no transaction open.
    command : str
        As the user typed it, for ``genrewise library``.
    model_id : int, optional
        Row of ``models``.

    Yields
    ------
    int
        The run, for `write_genres`; forgotten where nothing was written.

    Raises
    ------
    LibraryError
        Another process is writing to this library.
    """
    with writer_lock(library_file(db)):
        try:
            recover(db)
            run = _begun(db, command, model_id)
        except sqlite3.Error as error:
            raise _unwritable(db, error) from error
        try:
            yield run
        finally:
            with suppress(sqlite3.Error):  # the next one notes it then
                _ended(db, run)


def _begun(db: sqlite3.Connection, command: str, model_id: int | None) -> int:
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO runs (command, model, began) VALUES (?, ?, ?)", (command, model_id, now())
        )
    return int(cursor.lastrowid or 0)


def _ended(db: sqlite3.Connection, run: int) -> None:
    with transaction(db):
        db.execute("UPDATE runs SET ended = ? WHERE id = ?", (now(), run))
        db.execute("DELETE FROM runs WHERE id = ? AND id NOT IN (SELECT run FROM writes)", (run,))


def _unwritable(db: sqlite3.Connection, error: sqlite3.Error) -> LibraryError:
    given = f"{library_file(db)}: {error}"
    return LibraryError(given, "a library that can be written", "make room for it")


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

    Parameters
    ----------
    db : Connection
        With no transaction open.
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
    wished = wish(genres, field)
    try:
        found = (_beside if sidecar else _within)(path, wished)
        if isinstance(found, _Plan):
            _carry_out(db, run, found, keep_mtime)
            return Written(found.target, "written", found.before, found.after, found.note)
    except OSError as error:
        given = f"{path}: {(error.strerror or str(error)).lower()}"
        raise LibraryError(given, "a file and a folder that can be written") from error
    except sqlite3.Error as error:
        raise _unwritable(db, error) from error
    return found


def _within(path: Path, wished: Wish) -> _Plan | Written:
    """What is to be done to a file's own tags."""
    with opened(path) as (target, file, about):
        kind = kind_of(file)
        tags = [] if kind is None else held(path, file, kind)
        before, after = values(tags, wished.field), wished.wanted
        edit = plan(path, file, wished)
        if before == after or not edit.splices:
            return Written(target, "same", before, before)
        audio = stream_hash(file)
        if not audio:
            raise LibraryError(f"{path}: no audio is found in it", "a music file", SIDECAR)
        file.seek(0)
        old = digest(spliced(file, ()))
        new = digest(spliced(file, edit.splices))
        patch = make_patch(file, edit.splices)

    def look(new_path: Path) -> None:
        with new_path.open("rb") as file:
            if kind is None or kind_of(file) is not kind or stream_hash(file) != audio:
                raise LibraryError(f"{path}: its audio would change", "its tags to", SIDECAR)
            check(path, tags, held(new_path, file, kind), wished)

    return _Plan(
        *(target, "tag", about, before, after, edit.note),
        *(edit.splices, old, new, patch, audio, look),
    )


def _beside(path: Path, wished: Wish) -> _Plan | Written:
    """What is to be done to a file's sidecar."""
    song = Path(os.path.realpath(path))
    audio, target = audio_hash(song), sidecars.path_of(song)
    new = sidecars.content(wished.values)
    try:
        with opened(target) as (_, file, about):
            data = file.read(sidecars.LONGEST)
            before = sidecars.genres_of(target, data)
            if before == wished.values:
                return Written(target, "same", before, before)
            splices = (Splice(0, len(data), new),)
            old, patch, looked = digest([data]), make_patch(file, splices), about
    except FileNotFoundError:
        if not wished.values:
            return Written(target, "same", (), ())
        before, looked, splices, old, patch = (), None, (Splice(0, 0, new),), NOTHING, b""

    return _Plan(
        *(target, "sidecar", looked, before, wished.values, ""),
        *(splices, old, digest([new]), patch, audio, lambda _: None),
    )


def _carry_out(db: sqlite3.Connection, run: int, found: _Plan, keep_mtime: bool) -> None:
    """Write a file: note it, make the new one, look at it, put it in place, note that."""
    mtime_ns = found.about.st_mtime_ns if found.about else 0
    row = begin(
        *(db, run, found.target),
        kind=found.kind,
        audio=found.audio,
        before=found.before,
        after=found.after,
        old=found.old,
        new=found.new,
        old_mtime_ns=mtime_ns,
        patch=found.patch,
    )
    try:
        with replacement(found.target, token(db, row), found.about) as new:
            if found.about is None:
                written = new.write(splice.data for splice in found.splices)
            else:
                with found.target.open("rb") as file:
                    blocks = spliced(file, found.splices)
                    written = new.write(blocks, mtime_ns if keep_mtime else None)
            if written != found.new or not _leads_back(new.path, found):
                given = f"{found.target}: changed while it was read"
                raise LibraryError(given, "nobody else to write to it", "try again")
            found.check(new.path)
            new.place()
    except BaseException:
        with suppress(sqlite3.Error):  # it is settled before the next write, then
            settle(db, row)
        raise
    set_state(db, row, "done")


def _leads_back(path: Path, found: _Plan) -> bool:
    """Whether the patch makes the old bytes from the new ones, tried out before it is needed."""
    if found.about is None:
        return True
    with path.open("rb") as file:
        return digest(apply_patch(file, found.patch)) == found.old


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
    tests: list[tuple[str, object]] = []
    if keep_runs is not None:
        newest = "SELECT DISTINCT run FROM writes ORDER BY run DESC LIMIT ?"
        tests.append((f"run NOT IN ({newest})", keep_runs))
    if older_than is not None:
        then = datetime.now(UTC) - older_than
        tests.append(("made < ?", then.strftime("%Y-%m-%dT%H:%M:%SZ")))
    if max_bytes is not None:
        # The size of a row is that of what can be long in it, and of the rest about 400 bytes.
        size = "400 + length(path) + coalesce(length(patch), 0)"
        sums = f"SELECT id, sum({size}) OVER (ORDER BY id DESC) AS taken FROM writes"
        tests.append((f"id IN (SELECT id FROM ({sums}) WHERE taken > ?)", max_bytes))
    if not tests:
        return Pruned(0, 0)
    where = f"state IN ('done', 'undone') AND ({' OR '.join(test for test, _ in tests)})"
    limits = [limit for _, limit in tests]
    with transaction(db):
        count, size_ = db.execute(
            "SELECT count(*) FILTER (WHERE state = 'done'), coalesce(sum(length(patch)), 0)"
            f" FROM writes WHERE {where}",
            limits,
        ).fetchone()
        db.execute(f"DELETE FROM writes WHERE {where}", limits)
        db.execute(
            "DELETE FROM runs WHERE ended IS NOT NULL AND id NOT IN (SELECT run FROM writes)"
        )
    return Pruned(count, size_)
