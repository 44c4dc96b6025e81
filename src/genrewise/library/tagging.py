"""From what was heard to what is written: proposals album by album, and their writing."""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.library.catalogue import (
    PAGE,
    Answer,
    Entry,
    Model,
    entries,
    restate,
    storable,
    text_list,
)
from genrewise.library.database import transaction
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import write_genres
from genrewise.library.policies import Policy, Proposal, pick, propose, vote_album
from genrewise.library.scan import look
from genrewise.library.sidecar import read_sidecar

__all__ = ["Disagreement", "Suggestion", "Writer", "album_of", "albums", "consider", "suggest"]

#: Files without an album tag are an album of their folder where it holds no more than this.
LARGEST_FOLDER = 40

#: Files that are written before the catalogue is told; the journal knows at once.
TELL_EVERY = 16


@dataclass(frozen=True)
class Disagreement:
    """Songs of one album that are heard as several genres.

    Parameters
    ----------
    album : str
        Its title, or the folder where it has none.
    genres : tuple of (str, int)
        How many songs are heard as what, most first.
    together : str
        What they say together.
    confidence : float
    """

    album: str
    genres: tuple[tuple[str, int], ...]
    together: str
    confidence: float


@dataclass(frozen=True)
class Suggestion:
    """A file and what follows for it.

    Parameters
    ----------
    entry : Entry
    proposal : Proposal
    disagreement : Disagreement or None
        Of its album; the same object for all of its songs.
    """

    entry: Entry
    proposal: Proposal
    disagreement: Disagreement | None = None


# ------------------------------------------------------------------ albums


def albums(db: sqlite3.Connection, scope: Sequence[int]) -> list[array[int]]:
    """Rows of files, those of an album together, in the order in which albums begin.

    An album is what has the same album and album artist (without one: the same album in the same
    folder), or, where no album is named, the files of one artist in a folder that is no heap.
    """
    groups: dict[tuple[str, ...], array[int]] = {}
    for start in range(0, len(scope), PAGE):
        page = scope[start : start + PAGE]
        marks = ", ".join("?" * len(page))
        rows = db.execute(
            f"SELECT id, path, album, albumartist, artist FROM files WHERE id IN ({marks})", page
        )
        found = {row["id"]: row for row in rows.fetchall()}
        for i in page:
            if i in found:
                groups.setdefault(_album(found[i]), array("q")).append(i)
    split: list[array[int]] = []
    for key, group in groups.items():
        heap = key[0] == "folder" and len(group) > LARGEST_FOLDER
        split += [array("q", [i]) for i in group] if heap else [group]
    return split


def _album(row: sqlite3.Row) -> tuple[str, ...]:
    """What the songs of an album have in common."""
    folder = os.path.dirname(os.fsdecode(row["path"]))  # noqa: PTH120
    if row["album"]:
        return ("album", row["album"].casefold(), row["albumartist"].casefold() or folder)
    return ("folder", folder, row["artist"].casefold())


def album_of(db: sqlite3.Connection, row: int) -> array[int]:
    """Rows of the songs of a file's album that are there, the file's own among them."""
    file = db.execute(
        "SELECT id, path, album, albumartist, artist FROM files WHERE id = ?", (row,)
    ).fetchone()
    if file is None:
        return array("q")
    if file["album"]:
        rows = db.execute(
            "SELECT id FROM files WHERE album = ? COLLATE NOCASE AND state != 'missing'"
            " ORDER BY path",
            (file["album"],),
        )
    else:
        folder = os.path.join(os.path.dirname(file["path"]), b"")  # noqa: PTH118, PTH120
        rows = db.execute(
            "SELECT id FROM files WHERE path > ? AND path < ? AND state != 'missing'"
            " AND album = '' AND artist = ? COLLATE NOCASE ORDER BY path LIMIT ?",
            (folder, folder[:-1] + bytes([folder[-1] + 1]), file["artist"], PAGE),
        )
    near = [found["id"] for found in rows.fetchall()]
    return next((group for group in albums(db, near) if row in group), array("q", [row]))


def suggest(
    db: sqlite3.Connection, scope: Sequence[int], model: Model, policy: Policy
) -> Iterator[list[Suggestion]]:
    """What follows for files, an album at a time; the catalogue is told.

    Parameters
    ----------
    db : Connection
    scope : sequence of int
        Rows of files.
    model : Model
    policy : Policy

    Yields
    ------
    list of Suggestion
        The songs of one album.
    """
    for page in _pages(albums(db, scope)):
        found = {e.file.id: e for e in entries(db, (i for group in page for i in group), model.id)}
        decided = [consider([found[i] for i in group if i in found], policy) for group in page]
        changed = [s for album in decided for s in album if _is_news(s)]
        restate(db, [(s.entry.file.id, s.proposal.state, _remark(s)) for s in changed])
        yield from decided


def _is_news(suggestion: Suggestion) -> bool:
    """Whether the catalogue says something else of a file."""
    file = suggestion.entry.file
    told = (suggestion.proposal.state, storable(_remark(suggestion)))
    return (file.state, file.error) != told


def _remark(suggestion: Suggestion) -> str:
    """What the catalogue keeps of the reason: why a file failed, was passed over or is unsure."""
    proposal = suggestion.proposal
    return proposal.reason if proposal.state in ("failed", "skipped", "review") else ""


def _pages(groups: Iterable[array[int]]) -> Iterator[list[array[int]]]:
    """Albums, about a page of files at a time."""
    page: list[array[int]] = []
    for group in groups:
        page.append(group)
        if sum(map(len, page)) >= PAGE:
            yield page
            page = []
    if page:
        yield page


def consider(found: Sequence[Entry], policy: Policy) -> list[Suggestion]:
    """What follows for the songs of one album; nothing is stored."""
    answers = [entry.answer for entry in found if entry.answer is not None]
    together = vote_album(answers) if len(found) > 1 else None
    disagreement = _disagreement(found, answers, together, policy)
    voted = together if policy.album else None
    return [
        Suggestion(
            entry,
            propose(entry, policy, voted=voted, beside=_beside(entry, policy)),
            disagreement,
        )
        for entry in found
    ]


def _disagreement(
    found: Sequence[Entry], answers: Sequence[Answer], together: Answer | None, policy: Policy
) -> Disagreement | None:
    if together is None:
        return None
    picks = ["; ".join(pick(a.probabilities, policy).genres) for a in answers]
    counts = Counter(picks)
    if len(counts) < 2:
        return None
    file = found[0].file
    if not file.album and 2 * max(counts.values()) < len(picks):
        return None  # a folder of this and that
    said = pick(together.probabilities, policy)
    return Disagreement(
        file.album or os.path.basename(os.path.dirname(file.path)),  # noqa: PTH119, PTH120
        tuple(counts.most_common()),
        "; ".join(said.genres),
        said.confidence,
    )


def _beside(entry: Entry, policy: Policy) -> tuple[str, ...]:
    """Genres in the file beside a song, where that is where they are kept."""
    if not policy.sidecar:
        return ()
    try:
        return read_sidecar(Path(entry.file.path))
    except LibraryError:  # somebody else's: writing it will say so
        return ()


# ------------------------------------------------------------------ writing


class Writer:
    """Writes proposals as one run, and tells the catalogue what stands in the files.

    Use as a context manager inside ``journal.writing``.

    Parameters
    ----------
    db : Connection
    run : int
        From ``journal.writing``.
    policy : Policy
    """

    def __init__(self, db: sqlite3.Connection, run: int, policy: Policy) -> None:
        self.db, self.run, self.policy = db, run, policy
        self._told: list[tuple[object, ...]] = []

    def write(self, suggestion: Suggestion) -> tuple[Suggestion, str]:
        """Write one proposal.

        Returns
        -------
        suggestion : Suggestion
            With what stands in the file now, and its state.
        note : str
            What the user should know, or nothing.

        Raises
        ------
        LibraryError
            The file is as it was.
        """
        file, policy = suggestion.entry.file, self.policy
        stand = _at_rest(file.path, file.size, file.mtime_ns)
        written = write_genres(
            self.db,
            self.run,
            Path(stand),
            suggestion.proposal.genres,
            field=policy.field,
            keep_mtime=policy.keep_mtime,
            sidecar=policy.sidecar,
        )
        self._tell(file.id, stand, suggestion.proposal.genres)
        proposal = replace(suggestion.proposal, state="written", genres=written.after)
        return replace(suggestion, proposal=proposal), written.note

    def _tell(self, row: int, path: str, genres: Sequence[str]) -> None:
        """Note what the catalogue is to hold of a file that was written."""
        try:
            after, tags = look(path), read_tags(Path(path))
        except (OSError, LibraryError):  # it was taken away at once; the next scan will see
            return
        self._told.append(
            (
                *(after.size, after.mtime_ns, after.inode, tags.format, text_list(tags.genres)),
                *(storable(tags.comment), storable(tags.grouping), text_list(genres), row),
            )
        )
        if len(self._told) >= TELL_EVERY:
            self.flush()

    def flush(self) -> None:
        """Tell the catalogue."""
        told, self._told = self._told, []
        if told:
            with transaction(self.db):
                self.db.executemany(
                    "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, format = ?, genres = ?,"
                    " comment = ?, grouping = ?, ours = ?, state = 'written', error = ''"
                    " WHERE id = ?",
                    told,
                )

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        """Tell the catalogue of the last ones, also where something went wrong."""
        self.flush()


def _at_rest(path: str, size: int, mtime_ns: int) -> str:
    """The path of a file that is as it was when it was looked at.

    Raises
    ------
    LibraryError
        It is not.
    """
    try:
        stand = look(path)
    except OSError as error:
        raise LibraryError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if (stand.size, stand.mtime_ns) != (size, mtime_ns):
        given = f"{path}: changed since it was listened to"
        raise LibraryError(given, "a file at rest", "run the command again")
    return stand.path
