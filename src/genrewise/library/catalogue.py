"""What a library knows of its files: reading and writing the tables, in plain values.

Nothing here looks at a music file; :mod:`scan` finds them, :mod:`listening` hears them and
:mod:`tagging` writes them.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrewise import bundle
from genrewise.errors import LibraryError, UnknownName
from genrewise.library.database import now, transaction

__all__ = [
    "STATES",
    "VERDICTS",
    "Answer",
    "Decision",
    "Entry",
    "File",
    "Model",
    "decide",
    "entries",
    "every",
    "find",
    "labelled",
    "model_in_use",
    "models",
    "register",
    "restate",
]

#: What a file can be in, and what that means.
STATES: Mapping[str, str] = {
    "new": "found, not listened to yet",
    "failed": "could not be read; tried again once it has changed",
    "proposed": "a genre is proposed and not written",
    "review": "the model is not sure: a person should look",
    "written": "its genre was written by genrewise and stands",
    "kept": "has a genre that is kept",
    "skipped": "passed over: speech, told so, or its tags cannot be written",
    "missing": "no such file any more",
}

#: What a person can say of a proposal.
VERDICTS = ("accepted", "changed", "skipped")

#: Rows that are asked for at once.
PAGE = 500


@dataclass(frozen=True)
class Model:
    """A model that answered, or is about to.

    Parameters
    ----------
    id : int
        Its row.
    name, hash : str
        The hash is the SHA-256 of its file: a name alone does not say which it was.
    labels : tuple of str
    embedding_size : int
        0 where it gives none.
    path : str
        Where its file was found last.
    """

    id: int
    name: str
    hash: str
    labels: tuple[str, ...]
    embedding_size: int
    path: str = ""


@dataclass(frozen=True)
class File:
    """A file as it was last seen.

    Parameters
    ----------
    id : int
        Its row.
    path : str
        Absolute, without links; bytes that are no UTF-8 as ``os.fsdecode`` gives them.
    size, mtime_ns : int
    audio : int or None
        Row of what sounds in it; None where it was not read.
    container, format : str
        As in :class:`genre_field.Tags`.
    genres : tuple of str
        What stands in the genre field.
    ours : tuple of str
        What genrewise wrote last; empty where it did not.
    artist, album, albumartist, title, comment, grouping : str
    state : str
        One of `STATES`.
    error : str
        Why it failed or was passed over.
    seen : str
        When it was found new or changed.
    """

    id: int
    path: str
    size: int
    mtime_ns: int
    audio: int | None
    container: str
    format: str
    genres: tuple[str, ...]
    ours: tuple[str, ...]
    artist: str
    album: str
    albumartist: str
    title: str
    comment: str
    grouping: str
    state: str
    error: str
    seen: str

    def field(self, name: str) -> tuple[str, ...]:
        """What stands in the field a genre is written to: the genre's own or another's."""
        if name == "genre":
            return tuple(genre for genre in self.genres if genre.strip())
        value: str = getattr(self, name)
        return (value,) if value.strip() else ()


@dataclass(frozen=True)
class Answer:
    """What a model said of a file's audio; the names are those of ``classify``'s records.

    Parameters
    ----------
    status : {"ok", "partial"}
    genre : str or None
        None is "unknown".
    confidence : float
    runner_up, reason : str
    probabilities : dict of str to float
    more : dict
        The rest of the record: timeline, deciding windows, distance, …
    """

    status: str
    genre: str | None
    confidence: float
    runner_up: str
    reason: str
    probabilities: dict[str, float]
    more: dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """What the user said of a file's audio.

    Parameters
    ----------
    verdict : str
        One of `VERDICTS`.
    genres : tuple of str
        Empty where it was skipped.
    made : str
    """

    verdict: str
    genres: tuple[str, ...]
    made: str


@dataclass(frozen=True)
class Entry:
    """A file, what one model said of it, and what the user did.

    Parameters
    ----------
    file : File
    answer : Answer or None
    decision : Decision or None
    seconds : float
        Length of the audio; 0 where it is not known.
    """

    file: File
    answer: Answer | None = None
    decision: Decision | None = None
    seconds: float = 0.0


def text_list(genres: Sequence[str]) -> str:
    """Genres as the tables hold them."""
    return json.dumps(list(genres), ensure_ascii=False)


def storable(text: str) -> str:
    """Text without the stand-ins for bytes that are no UTF-8, which no table takes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_path(error: str, path: str) -> str:
    """An error without the path that it begins with; the path is known beside it."""
    lead = " ".join(storable(path).split()) + ": "
    return storable(error).removeprefix(lead)


# ------------------------------------------------------------------ models


def register(db: sqlite3.Connection, path: Path) -> Model:
    """A model by its file, with a row of its own.

    Raises
    ------
    BundleError
        The file is no model.
    """
    found = bundle.read(path)
    size = int(found.info.embedding.get("size", 0)) if found.info.embedding else 0
    place = os.fsencode(os.path.realpath(path))
    row = db.execute("SELECT * FROM models WHERE hash = ?", (found.digest,)).fetchone()
    if row is None or row["path"] != place:
        with transaction(db):
            row = db.execute(
                "INSERT INTO models(name, hash, labels, embedding_size, path)"
                " VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT(hash) DO UPDATE SET path = excluded.path RETURNING *",
                (found.info.name, found.digest, text_list(found.info.labels), size, place),
            ).fetchone()
    return _model(row)


def _model(row: sqlite3.Row) -> Model:
    return Model(
        row["id"],
        row["name"],
        row["hash"],
        tuple(json.loads(row["labels"])),
        row["embedding_size"],
        os.fsdecode(row["path"]),
    )


def models(db: sqlite3.Connection) -> list[tuple[Model, int]]:
    """All models that answered and of how much audio, most of it first."""
    rows = db.execute(
        "SELECT m.*, (SELECT count(*) FROM answers a WHERE a.model = m.id) AS n"
        " FROM models m ORDER BY n DESC, id DESC"
    )
    return [(_model(row), row["n"]) for row in rows.fetchall()]


def model_in_use(db: sqlite3.Connection, name: str = "") -> Model:
    """The model that answered for most of the library, or the newest of a name.

    Raises
    ------
    LibraryError
        None has answered yet.
    UnknownName
        None of that name has.
    """
    found = [model for model, n in models(db) if n]
    if not found:
        given = "a library in which no model has answered"
        raise LibraryError(given, "one with music in it", "run: genrewise tag FOLDER")
    if not name:
        return found[0]
    named = [model for model in found if name in (model.name, model.hash)]
    if not named:
        raise UnknownName("model in this library", name, {model.name for model in found})
    return max(named, key=lambda model: model.id)


# ------------------------------------------------------------------ reading

_COLUMNS = (
    *("id", "path", "size", "mtime_ns", "audio", "container", "format", "genres", "ours"),
    *("artist", "album", "albumartist", "title", "comment", "grouping", "state", "error", "seen"),
)
_ENTRY = (
    "SELECT " + ", ".join(f"f.{name}" for name in _COLUMNS) + ", u.seconds,"
    " a.status, a.genre, a.confidence, a.runner_up, a.reason, a.probabilities, a.record,"
    " m.labels, d.verdict, d.genres AS decided, d.made"
    " FROM files f LEFT JOIN audio u ON u.id = f.audio"
    " LEFT JOIN answers a ON a.audio = f.audio AND a.model = ?"
    " LEFT JOIN models m ON m.id = a.model"
    " LEFT JOIN decisions d ON d.audio = f.audio"
)


def _file(row: sqlite3.Row) -> File:
    values = {name: row[name] for name in _COLUMNS}
    values["path"] = os.fsdecode(values["path"])
    for name in ("genres", "ours"):
        values[name] = tuple(json.loads(values[name]))
    return File(**values)


def _answer(row: sqlite3.Row) -> Answer | None:
    if row["status"] is None:
        return None
    labels = json.loads(row["labels"])
    numbers = struct.unpack(f"<{len(labels)}f", row["probabilities"])
    return Answer(
        row["status"],
        row["genre"],
        row["confidence"],
        row["runner_up"],
        row["reason"],
        dict(zip(labels, numbers, strict=True)),
        json.loads(row["record"]),
    )


def _entry(row: sqlite3.Row) -> Entry:
    decision = None
    if row["verdict"] is not None:
        decision = Decision(row["verdict"], tuple(json.loads(row["decided"])), row["made"])
    return Entry(_file(row), _answer(row), decision, row["seconds"] or 0.0)


def entries(db: sqlite3.Connection, ids: Iterable[int], model: int) -> Iterator[Entry]:
    """Files by their rows, in that order, with what a model said of them.

    Those that are not there any more are left out.  No query stays open between two of them,
    so that the caller may write.
    """
    wanted = list(ids)
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        marks = ", ".join("?" * len(page))
        rows = db.execute(f"{_ENTRY} WHERE f.id IN ({marks})", (model, *page)).fetchall()
        found = {row["id"]: row for row in rows}
        yield from (_entry(found[i]) for i in page if i in found)


def every(
    db: sqlite3.Connection, model: int, states: Sequence[str] = (), genre: str = ""
) -> Iterator[Entry]:
    """All files by their paths, or those in some states, or that carry a genre.

    Parameters
    ----------
    db : Connection
    model : int
        Row of the model whose answers go with them; 0 for none.
    states : sequence of str
        Of `STATES`; none for all.
    genre : str
        Stands among the genres of the file, in any case.

    Raises
    ------
    UnknownName
        A state that there is not.
    """
    for state in states:
        if state not in STATES:
            raise UnknownName("state", state, STATES)
    chosen = f" AND f.state IN ({', '.join('?' * len(states))})" if states else ""
    last = b""
    while True:
        query = f"{_ENTRY} WHERE f.path > ?{chosen} ORDER BY f.path LIMIT {PAGE}"
        rows = db.execute(query, (model, last, *states)).fetchall()
        if not rows:
            return
        last = rows[-1]["path"]
        for entry in map(_entry, rows):
            if not genre or genre.casefold() in (g.casefold() for g in entry.file.genres):
                yield entry


def find(db: sqlite3.Connection, path: str | os.PathLike[str]) -> int | None:
    """Row of a file; None where the library does not know it."""
    key = os.fsencode(os.path.realpath(path))
    row = db.execute("SELECT id FROM files WHERE path = ?", (key,)).fetchone()
    return None if row is None else int(row["id"])


# ------------------------------------------------------------------ writing


def restate(db: sqlite3.Connection, states: Iterable[tuple[int, str, str]]) -> None:
    """Set the states of files: row, state, reason; what is in it already is not touched."""
    values = [(state, storable(error), i, state, storable(error)) for i, state, error in states]
    if values:
        with transaction(db):
            db.executemany(
                "UPDATE files SET state = ?, error = ? WHERE id = ? AND (state != ? OR error != ?)",
                values,
            )


def decide(db: sqlite3.Connection, decisions: Iterable[tuple[int, str, Sequence[str]]]) -> None:
    """Keep what the user said, all of it or nothing; the last word counts.

    Parameters
    ----------
    db : Connection
    decisions : iterable of (int, str, sequence of str)
        Row of the audio, one of `VERDICTS`, genres (none where it was skipped).  An empty verdict
        forgets what was said.

    Raises
    ------
    UnknownName
        No such verdict.
    """
    with transaction(db):
        for audio, verdict, genres in decisions:
            if not verdict:
                db.execute("DELETE FROM decisions WHERE audio = ?", (audio,))
                continue
            if verdict not in VERDICTS:
                raise UnknownName("verdict", verdict, VERDICTS)
            db.execute(
                "INSERT OR REPLACE INTO decisions(audio, verdict, genres, made)"
                " VALUES (?, ?, ?, ?)",
                (audio, verdict, text_list(genres), now()),
            )


def labelled(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Songs whose genre the user has confirmed or named: what one can train from.

    Yields
    ------
    path : str
        One file for each song, however many copies there are.
    genre : str
        The first where several were named.
    """
    rows = db.execute(
        "SELECT min(f.path) AS path, d.genres FROM decisions d"
        " JOIN files f ON f.audio = d.audio AND f.state != 'missing'"
        " WHERE d.verdict != 'skipped' GROUP BY d.audio ORDER BY path"
    ).fetchall()
    for row in rows:
        if genres := json.loads(row["genres"]):
            yield os.fsdecode(row["path"]), genres[0]
