"""Songs that are there more than once: the same audio, or another copy of the same recording."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrewise.library.catalogue import Entry, Model, entries
from genrewise.library.similar import Vectors, load

__all__ = ["LENGTH", "NEAR", "Duplicates", "duplicates"]

#: Cosine of the embeddings from which two songs of one length are taken for one recording.
NEAR = 0.98

#: Seconds by which their lengths may differ: encoders add some silence.
LENGTH = 0.5

#: Songs that are compared at once.
_BLOCK = 512


@dataclass(frozen=True)
class Duplicates:
    """Files of one song.

    Parameters
    ----------
    kind : {"same audio", "alike"}
        The same to the byte but for their tags; or alike in sound and length, as the same
        recording encoded twice is, for a person to look at.
    similarity : float
        Cosine of the two that are least alike among those that were linked; 1 for the same audio.
    files : tuple of Entry
        By their paths.
    """

    kind: str
    similarity: float
    files: tuple[Entry, ...]


def duplicates(
    db: sqlite3.Connection, model: Model | None, *, near: float = NEAR
) -> Iterator[Duplicates]:
    """Songs that are there more than once: first the same audio, then what is alike.

    Parameters
    ----------
    db : Connection
    model : Model or None
        Whose embeddings are compared; None looks for the same audio only.
    near : float
        Cosine from which songs are alike.
    """
    row = 0 if model is None else model.id
    for audio in _same(db):
        yield Duplicates("same audio", 1.0, _files(db, [audio], row))
    if model is not None and model.embedding_size:
        for group, similarity in _alike(db, load(db, model), near):
            yield Duplicates("alike", similarity, _files(db, group, row))


def _same(db: sqlite3.Connection) -> list[int]:
    """Audio that several files hold."""
    rows = db.execute(
        "SELECT audio FROM files WHERE audio IS NOT NULL AND state != 'missing'"
        " GROUP BY audio HAVING count(*) > 1 ORDER BY min(path)"
    )
    return [row["audio"] for row in rows.fetchall()]


def _files(db: sqlite3.Connection, audio: list[int], model: int) -> tuple[Entry, ...]:
    marks = ", ".join("?" * len(audio))
    rows = db.execute(
        f"SELECT id FROM files WHERE audio IN ({marks}) AND state != 'missing' ORDER BY path",
        audio,
    ).fetchall()
    return tuple(entries(db, [row["id"] for row in rows], model))


def _alike(
    db: sqlite3.Connection, vectors: Vectors, near: float
) -> Iterator[tuple[list[int], float]]:
    """Groups of audio that is alike, and how much."""
    lengths = dict(
        db.execute(
            "SELECT id, seconds FROM audio u WHERE seconds IS NOT NULL AND EXISTS"
            " (SELECT 1 FROM files f WHERE f.audio = u.id AND f.state != 'missing')"
        ).fetchall()
    )
    there = np.array([int(audio) in lengths for audio in vectors.audio], dtype=bool)
    audio, matrix = vectors.audio[there], vectors.matrix[there]
    seconds = np.array([lengths[int(a)] for a in audio], dtype=np.float64)
    order = np.argsort(seconds, kind="stable")
    audio, matrix, seconds = audio[order], matrix[order], seconds[order]
    yield from _groups(audio, list(_pairs(matrix, seconds, near)))


def _pairs(
    matrix: NDArray[np.float32], seconds: NDArray[np.float64], near: float
) -> Iterator[tuple[int, int, float]]:
    """Songs of one length that are alike; `seconds` ascend, so each is held to a few only."""
    for top in range(0, len(seconds), _BLOCK):
        rows = slice(top, min(top + _BLOCK, len(seconds)))
        end = int(np.searchsorted(seconds, seconds[rows.stop - 1] + LENGTH, side="right"))
        for left in range(top, end, _BLOCK):
            columns = slice(left, min(left + _BLOCK, end))
            cosines = matrix[rows] @ matrix[columns].T
            apart = seconds[None, columns] - seconds[rows, None]
            for i, j in np.argwhere((cosines >= near) & (apart <= LENGTH)):
                one, other = top + int(i), left + int(j)
                if one < other:
                    yield one, other, float(cosines[i, j])


def _groups(
    audio: NDArray[np.int64], pairs: list[tuple[int, int, float]]
) -> Iterator[tuple[list[int], float]]:
    """What hangs together, and the weakest of the links; most alike first."""
    leader: dict[int, int] = {}

    def head(i: int) -> int:
        while leader.setdefault(i, i) != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, j, _ in pairs:
        leader[head(i)] = head(j)
    members: dict[int, list[int]] = {}
    for i in leader:
        members.setdefault(head(i), []).append(int(audio[i]))
    weakest: dict[int, float] = {}
    for i, _, cosine in pairs:
        weakest[head(i)] = min(weakest.get(head(i), 1.0), cosine)
    for h in sorted(members, key=lambda h: (-weakest[h], min(members[h]))):
        yield sorted(members[h]), min(1.0, weakest[h])
