"""Files are read and heard in worker processes, and what came of it is kept as it comes.

A worker hashes the audio of a file, reads its tags, and classifies it only where the model has not
answered for this audio before: a file that was moved, copied or tagged by another program costs
no more than reading it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from genrewise import engine
from genrewise.engine import Outcome
from genrewise.errors import AudioError, MissingExtra
from genrewise.library.catalogue import PAGE, Model, storable, text_list, without_path
from genrewise.library.database import now, transaction
from genrewise.library.scan import follow, is_gone, look
from genrewise.library.speech import SPEECH, is_speech
from genrewise.records import ClassifyJob

__all__ = ["Heard", "ListenJob", "Work", "listen"]

#: What is held back before it is written: files, and seconds.
KEEP_EVERY, KEEP_AFTER = 16, 2.0

#: Columns of a file that its tags fill.
_TAGS = (
    *("container", "format", "artist", "album", "albumartist", "title", "comment", "grouping"),
)
#: Keys of a record that have columns of their own.
_COLUMNS = ("status", "genre", "confidence", "runner_up", "reason", "probabilities", "embedding")


@dataclass(frozen=True)
class Work:
    """A file to be listened to.

    Parameters
    ----------
    id : int
        Its row.
    path : str
    """

    id: int
    path: str


@dataclass(frozen=True)
class Heard:
    """What a worker found in a file.

    Parameters
    ----------
    hash : str
        Of the audio.
    tags : dict
        Of :class:`genre_field.Tags`.
    size, mtime_ns, inode
        Of the file that was read.
    speech : bool
    record : dict or None
        As ``classify`` gives it, with embedding and timeline; None where it was not classified.
    """

    hash: str
    tags: dict[str, Any]
    size: int
    mtime_ns: int
    inode: str
    speech: bool
    record: dict[str, Any] | None


@dataclass(frozen=True)
class ListenJob:
    """Settings of the workers; calling it gives the function from a file to what is in it.

    Parameters
    ----------
    model : str
        The model's file.
    known : frozenset of bytes
        Hashes of audio for which the model has answered.
    speech : bool
        Also classify what is speech.
    """

    model: str
    known: frozenset[bytes] = frozenset()
    speech: bool = False

    def __call__(self) -> Callable[[Work], Heard]:
        """Load what is needed.

        Raises
        ------
        MissingExtra
            The library that reads tags is not there.
        GenrewiseError
            The model cannot be had or read.
        """
        try:
            import_module("mutagen")
        except ModuleNotFoundError as error:
            raise MissingExtra("a music library", "tags", error.name or "") from error
        classify = ClassifyJob(self.model, timeline=True, embedding=True)()
        return lambda work: self._hear(work.path, classify)

    def _hear(self, path: str, classify: Callable[[str], dict[str, Any]]) -> Heard:
        """Read a file, and classify it where its audio is not known.

        Raises
        ------
        GenrewiseError
            It cannot be read or decoded, or changed meanwhile.
        """
        from genrewise.library.audio_hash import audio_hash
        from genrewise.library.genre_field import read_tags

        record = None
        try:
            before = look(path)
            tags, digest = read_tags(Path(path)), audio_hash(Path(path))
            speech = is_speech(None, tags, path)
            if bytes.fromhex(digest) not in self.known and (self.speech or not speech):
                record = classify(path)
            if look(path) != before:
                given = f"{path}: changed while it was read"
                raise AudioError(given, "one at rest", "run it again")
        except OSError as error:
            raise AudioError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        stand = (before.size, before.mtime_ns, before.inode)
        return Heard(digest, asdict(tags), *stand, speech, record)


# ------------------------------------------------------------------ keeping


def listen(
    db: sqlite3.Connection,
    work: array[int],
    model: Model,
    path: Path,
    **limits: Any,
) -> Iterator[Outcome]:
    """Listen to files and keep what came of it, a few at a time.

    However this ends, what was heard before stays: at the most the last few files are heard
    again.

    Parameters
    ----------
    db : Connection
    work : array of int
        Rows of the files.
    model : Model
    path : Path
        The model's file.
    **limits
        ``workers``, ``time_limit`` and ``memory_limit`` of :func:`genrewise.engine.run`.

    Yields
    ------
    Outcome
        One a file, in the order of `work`.
    """
    if not work:
        return
    job = ListenJob(str(path), _known(db, model))
    held: list[Outcome] = []
    since = time.monotonic()
    try:
        with closing(engine.run(job, _items(db, work), **limits)) as outcomes:
            for outcome in outcomes:
                held.append(outcome)
                if len(held) >= KEEP_EVERY or time.monotonic() - since > KEEP_AFTER:
                    _keep(db, held, model)
                    held, since = [], time.monotonic()
                yield outcome
    finally:
        _keep(db, held, model)


def _known(db: sqlite3.Connection, model: Model) -> frozenset[bytes]:
    """Hashes of the audio for which a model has answered."""
    rows = db.execute(
        "SELECT hash FROM audio u WHERE EXISTS"
        " (SELECT 1 FROM answers a WHERE a.audio = u.id AND a.model = ?)",
        (model.id,),
    )
    return frozenset(bytes.fromhex(row["hash"]) for row in rows.fetchall())


def _items(db: sqlite3.Connection, work: array[int]) -> Iterator[Work]:
    """Files by their rows, a page at a time; those that another process took away are left out."""
    for start in range(0, len(work), PAGE):
        page = work[start : start + PAGE]
        marks = ", ".join("?" * len(page))
        rows = db.execute(f"SELECT id, path FROM files WHERE id IN ({marks})", page).fetchall()
        paths = {row["id"]: os.fsdecode(row["path"]) for row in rows}
        yield from (Work(i, paths[i]) for i in page if i in paths)


def _keep(db: sqlite3.Connection, outcomes: list[Outcome], model: Model) -> None:
    """Write down what was heard, in one transaction."""
    if not outcomes:
        return
    with transaction(db):
        for outcome in outcomes:
            if outcome.kind == "ok":
                _keep_heard(db, outcome.item, outcome.value, model)
            else:
                _keep_failure(db, outcome.item, outcome.error)


def _keep_failure(db: sqlite3.Connection, work: Work, error: str) -> None:
    if not os.path.lexists(work.path):  # it went away meanwhile
        db.execute("UPDATE files SET state = 'missing' WHERE id = ?", (work.id,))
        return
    reason = without_path(error, work.path)
    db.execute("UPDATE files SET state = 'failed', error = ? WHERE id = ?", (reason, work.id))


def _keep_heard(db: sqlite3.Connection, work: Work, heard: Heard, model: Model) -> None:
    record = heard.record
    seconds = record["seconds"] if record else None
    row = db.execute(
        "INSERT INTO audio(hash, seconds) VALUES (?, ?) ON CONFLICT(hash)"
        " DO UPDATE SET seconds = coalesce(excluded.seconds, seconds) RETURNING id",
        (heard.hash, seconds),
    ).fetchone()
    audio = int(row["id"])
    if record:
        _keep_answer(db, audio, record, model)
    genres = tuple(heard.tags["genres"])
    ours = _written_by_us(db, work, audio, genres)
    columns = ", ".join(f"{name} = ?" for name in _TAGS)
    db.execute(
        f"UPDATE files SET {columns}, size = ?, mtime_ns = ?, inode = ?, audio = ?, genres = ?,"
        " ours = ?, state = ?, error = ? WHERE id = ?",
        (
            *(storable(heard.tags[name]) for name in _TAGS),
            *(heard.size, heard.mtime_ns, heard.inode, audio, text_list(genres), text_list(ours)),
            *(("skipped", SPEECH) if heard.speech else ("new", "")),
            work.id,
        ),
    )


def _keep_answer(db: sqlite3.Connection, audio: int, record: dict[str, Any], model: Model) -> None:
    numbers = [record["probabilities"][label] for label in model.labels]
    more = {key: value for key, value in record.items() if key not in _COLUMNS}
    more["timeline"] = _merged(more.get("timeline", ()))
    db.execute(
        "INSERT OR REPLACE INTO answers(audio, model, status, genre, confidence, runner_up, reason,"
        " probabilities, record, made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(audio, model.id, record["status"], record["genre"], record["confidence"]),
            *(record["runner_up"], record["reason"]),
            struct.pack(f"<{len(numbers)}f", *numbers),
            *(json.dumps(more, ensure_ascii=False), now()),
        ),
    )
    if record["embedding"]:
        db.execute(
            "INSERT OR REPLACE INTO embeddings(model, audio, vector) VALUES (?, ?, ?)",
            (model.id, audio, record["embedding"]),
        )


def _merged(timeline: Any) -> list[dict[str, Any]]:
    """Stretches of one genre as one, its confidence that of the mean second."""
    merged: list[dict[str, Any]] = []
    for cell in timeline:
        last = merged[-1] if merged else None
        if last is None or (last["genre"], last["stop"]) != (cell["genre"], cell["start"]):
            merged.append(dict(cell))
            continue
        before, more = last["stop"] - last["start"], cell["stop"] - cell["start"]
        last["confidence"] = (last["confidence"] * before + cell["confidence"] * more) / (
            before + more
        )
        last["stop"] = cell["stop"]
    return [{**cell, "confidence": round(cell["confidence"], 4)} for cell in merged]


def _written_by_us(
    db: sqlite3.Connection, work: Work, audio: int, genres: tuple[str, ...]
) -> tuple[str, ...]:
    """What genrewise wrote to this file last, wherever it lay then.

    The journal says it where a write was cut short; where the audio was known under a path that
    is gone, the file was moved, and what is known of it comes along.
    """
    row = db.execute("SELECT path, ours FROM files WHERE id = ?", (work.id,)).fetchone()
    ours = tuple(json.loads(row["ours"]))
    others = db.execute(
        "SELECT id, path, inode, state, ours FROM files WHERE audio = ? AND id != ?",
        (audio, work.id),
    ).fetchall()
    for other in others:
        if other["state"] == "missing" or is_gone(other):
            ours = ours or tuple(json.loads(other["ours"]))
            follow(db, other["path"], row["path"])
            db.execute("DELETE FROM files WHERE id = ?", (other["id"],))
    last = db.execute(
        "SELECT after, state FROM writes WHERE path = ? AND kind = 'tag' ORDER BY id DESC LIMIT 1",
        (row["path"],),
    ).fetchone()
    if last is None:
        return ours
    if last["state"] == "undone":
        return ()
    said = tuple(json.loads(last["after"]))
    return said if said and said == genres else ours
