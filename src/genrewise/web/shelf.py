"""A music library that a server shows: what waits for a person, and what sounds alike.

Nothing is written into music here: answers are kept in the library, and ``genrewise tag
--write`` writes what was accepted.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from genrewise.errors import LibraryError
from genrewise.labels import display
from genrewise.library import catalogue, similar
from genrewise.library.database import open_database
from genrewise.library.names import names_of
from genrewise.library.policies import Policy
from genrewise.library.review import Review, names_to_choose, queue
from genrewise.library.status import status
from genrewise.library.tagging import Suggestion
from genrewise.web.problems import Problem

__all__ = ["Shelf"]

_GONE = "There is no such file in the library."


class Shelf:
    """A library; every method may be called from any thread.

    Parameters
    ----------
    path : Path
        Of the library's own file.

    Raises
    ------
    LibraryError
        It is no library, or no model has answered in it yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with closing(open_database(path, create=False)) as db:
            self.model = catalogue.model_in_use(db)
            policy = Policy(names=names_of(self.model.labels))
            self._review = Review(db, self.model, policy, array("q"))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The library, for one at a time: SQLite's connections stay in their thread."""
        with self._lock:
            try:
                with closing(open_database(self._path, create=False)) as db:
                    self._review.db = db
                    yield db
            except (sqlite3.Error, LibraryError):
                raise Problem(503, "The library cannot be read or written just now.") from None

    def status(self) -> dict[str, Any]:
        """How the library stands, without where it lies and what was typed."""
        with self._opened() as db:
            found = status(db, self._path)
        kept = ("files", "states", "genres", "songs", "hours", "models", "decisions")
        return {name: found[name] for name in kept}

    # -- review

    def waiting(self, limit: int) -> dict[str, Any]:
        """The files that are due, the first `limit` of them, and how many there are."""
        with self._opened() as db:
            review = self._review
            review.rows, review.place = queue(db), 0
            left = len(review.rows)
            items: list[dict[str, Any]] = []
            while len(items) < limit and (found := review.current()) is not None:
                items.append(_item(found))
                review.place += 1
            return {
                "left": left,
                "answered": len(review.answered),
                "can_undo": bool(review.answered),
                "choices": names_to_choose(db, self.model, review.policy),
                "items": items,
            }

    def answer(self, row: int, verdict: str, genres: Sequence[str]) -> None:
        """Keep what a person says of a file.

        Raises
        ------
        Problem
            404 where there is no such file, 409 where somebody was faster.
        """
        with self._opened() as db:
            decided = self._entry(db, row).decision
            review = self._review
            review.rows, review.place = array("q", [row]), 0
            if decided is not None or review.current() is None:
                raise Problem(409, "This file was answered already.")
            review.answer(verdict, genres)

    def undo(self) -> int:
        """Take the last answer back; the row of its file.

        Raises
        ------
        Problem
            404 where there is none since the server began.
        """
        with self._opened():
            review = self._review
            if not review.answered:
                raise Problem(404, "There is nothing to take back.")
            last = next(reversed(review.answered))
            review.rows = array("q", [*review.answered])
            review.undo()
            return last

    def _entry(self, db: sqlite3.Connection, row: int) -> catalogue.Entry:
        found = next(iter(catalogue.entries(db, [row], self.model.id)), None)
        if found is None or found.file.state == "missing":
            raise Problem(404, _GONE)
        return found

    def file(self, row: int) -> Path:
        """Where a file of the library lies.

        Raises
        ------
        Problem
            404 where it is not there, or not any more.
        """
        with self._opened() as db:
            path = Path(self._entry(db, row).file.path)
        if not path.is_file():
            raise Problem(404, _GONE)
        return path

    # -- what sounds alike

    def alike(self, embedding: bytes, n: int) -> list[dict[str, Any]]:
        """The songs that the library's model puts nearest to an embedding of its own.

        The very song, and copies of one that is named already, are left out.

        Parameters
        ----------
        embedding : bytes
            As in :func:`genrewise.records.record`.
        n : int
        """
        vector = np.frombuffer(embedding, dtype="<f2").astype(np.float32)
        if len(vector) != self.model.embedding_size:
            raise Problem(409, "The library was heard by another model.")
        to = similar.Song("", None, vector, "", "")
        wanted = similar.Filters(no_duplicates=True)
        with self._opened() as db:
            found = similar.similar(db, self.model, to, n, wanted)
        return [_neighbour(neighbour) for neighbour in found]


def _name(path: str) -> str:
    """A file's name as text, whatever its bytes are."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _item(found: Suggestion) -> dict[str, Any]:
    """A file that is due, as the page shows it."""
    file, proposal, heard = found.entry.file, found.proposal, found.entry.answer
    return {
        "id": file.id,
        "name": _name(file.path),
        "folder": _name(str(Path(file.path).parent)),
        "artist": file.artist,
        "title": file.title,
        "genre": heard.genre if heard else None,
        "confidence": proposal.confidence,
        "runner_up": proposal.runner_up,
        "reason": proposal.reason,
        "proposed": list(proposal.genres),
        "current": list(file.genres),
        "deciding": list(heard.more.get("deciding", ())) if heard else [],
        "seconds": found.entry.seconds,
    }


def _neighbour(found: similar.Neighbour) -> dict[str, Any]:
    """A song that sounds alike, as the page shows it."""
    file, heard = found.entry.file, found.entry.answer
    told = display(heard.genre) if heard and heard.genre else ""
    return {
        "id": file.id,
        "name": _name(file.path),
        "artist": file.artist,
        "title": file.title,
        "genre": "; ".join(file.genres) or told,
        "similarity": min(1.0, found.similarity),
        "seconds": found.entry.seconds,
    }
