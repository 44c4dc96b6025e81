"""Songs that a model puts nearest to one: the cosine of embeddings, all of them compared.

A hundred thousand songs are a matrix of 25 MB and a product of milliseconds, so nothing is
approximate here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import bundle, engine
from genrewise.errors import GenrewiseError, LibraryError
from genrewise.labels import display, fold
from genrewise.library.catalogue import Entry, Model, entries, find
from genrewise.library.listening import ListenJob, Work
from genrewise.library.scan import look

__all__ = [
    "ALIKE",
    "Filters",
    "Neighbour",
    "Song",
    "Vectors",
    "load",
    "ranked",
    "similar",
    "song",
]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

#: Cosine above which two songs count as copies of one.
ALIKE = 0.999

#: Of the most alike, how many are put in order by their cosine in double precision.
_EXACT = 1000
#: More than single precision can be wrong by.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Vectors:
    """All embeddings of a model.

    Parameters
    ----------
    audio : ndarray, shape (n,), int64
        Rows of the audio.
    matrix : ndarray, shape (n, size), float32
        Unit length.
    """

    audio: NDArray[np.int64]
    matrix: F32


@dataclass(frozen=True)
class Song:
    """What other songs are compared with.

    Parameters
    ----------
    path : str
    audio : int or None
        Row of its audio; None where the library does not know it.
    vector : ndarray, shape (size,), float32
    artist, album : str
    """

    path: str
    audio: int | None
    vector: F32
    artist: str
    album: str


@dataclass(frozen=True)
class Filters:
    """What a neighbour must be.

    Parameters
    ----------
    genre : str
        Of this genre: in its tags or, where these have none, as it was heard.
    other_artist, other_album : bool
        Not of the song's own.
    no_duplicates : bool
        No copy of the song or of one that was found.
    """

    genre: str = ""
    other_artist: bool = False
    other_album: bool = False
    no_duplicates: bool = False


@dataclass(frozen=True)
class Neighbour:
    """A song that was found.

    Parameters
    ----------
    entry : Entry
    similarity : float
        Cosine of the embeddings, −1 to 1.
    """

    entry: Entry
    similarity: float


def load(db: sqlite3.Connection, model: Model) -> Vectors:
    """All embeddings of a model, in one pass.

    Raises
    ------
    LibraryError
        The model gives none.
    """
    if not model.embedding_size:
        given = f"{model.name}: a model without embeddings"
        raise LibraryError(given, "one that has them", "tag with another --model")
    query = "SELECT audio, vector FROM embeddings WHERE model = ? ORDER BY audio"
    rows = db.execute(query, (model.id,)).fetchall()
    data = b"".join([row["vector"] for row in rows])
    matrix = np.frombuffer(data, dtype="<f2").reshape(len(rows), model.embedding_size)
    audio = np.array([row["audio"] for row in rows], dtype=np.int64)
    return Vectors(audio, _unit(matrix.astype(np.float32)))


def _unit(matrix: F32) -> F32:
    """Rows of unit length; half precision has cost them a little of it."""
    norms = np.linalg.norm(matrix, axis=-1, keepdims=True)
    return np.asarray(matrix / np.maximum(norms, 1e-12), dtype=np.float32)


def ranked(vectors: Vectors, vector: F32) -> Iterator[tuple[int, float]]:
    """Audio by its cosine with a vector, most alike first; equals by their rows.

    The product is made in single precision; those at the head are put in order by that of double
    precision, so that rounding decides nothing that anybody sees.
    """
    query = _unit(vector.astype(np.float32))
    rough = vectors.matrix @ query
    order = np.argsort(-rough, kind="stable")
    if len(order) > _EXACT:
        bound = rough[order[_EXACT]] - _ROUNDING
        n = int(np.searchsorted(-rough[order], -bound, side="right"))
    else:
        n = len(order)
    head = order[:n]
    exact: F64 = vectors.matrix[head].astype(np.float64) @ query.astype(np.float64)
    for i in np.lexsort((vectors.audio[head], -exact)):
        yield int(vectors.audio[head[i]]), float(exact[i])
    for j in order[n:]:
        yield int(vectors.audio[j]), float(rough[j])


# ------------------------------------------------------------------ the song


def song(db: sqlite3.Connection, path: str, model: Model, **limits: Any) -> Song:
    """What is known of a song; one that the library does not know is listened to.

    Parameters
    ----------
    db : Connection
    path : str
    model : Model
    **limits
        Of :func:`genrewise.engine.run`.

    Raises
    ------
    LibraryError
        It is no file, or the library's model is not here to listen.
    GenrewiseError
        It cannot be decoded.
    """
    try:
        real = look(path).path
    except OSError as error:
        raise LibraryError(f"{path}: {(error.strerror or str(error)).lower()}", "a song") from error
    row = find(db, real)
    if row is not None:
        (entry,) = entries(db, [row], model.id)
        vector = _vector(db, entry.file.audio, model)
        if vector is not None:
            return Song(real, entry.file.audio, vector, entry.file.artist, entry.file.album)
    return _hear(db, real, model, limits)


def _vector(db: sqlite3.Connection, audio: int | None, model: Model) -> F32 | None:
    row = db.execute(
        "SELECT vector FROM embeddings WHERE audio = ? AND model = ?", (audio, model.id)
    ).fetchone()
    return None if row is None else np.frombuffer(row["vector"], dtype="<f2").astype(np.float32)


def _hear(db: sqlite3.Connection, path: str, model: Model, limits: dict[str, Any]) -> Song:
    """Listen to a song with the library's model."""
    job = ListenJob(str(_file_of(model)), speech=True)
    (outcome,) = engine.run(job, [Work(0, path)], **{"workers": 1} | limits)
    if outcome.kind != "ok":
        raise GenrewiseError(outcome.error)
    heard = outcome.value
    known = db.execute("SELECT id FROM audio WHERE hash = ?", (heard.hash,)).fetchone()
    vector = np.frombuffer(heard.record["embedding"], dtype="<f2").astype(np.float32)
    audio = None if known is None else int(known["id"])
    return Song(path, audio, vector, heard.tags["artist"], heard.tags["album"])


def _file_of(model: Model) -> Path:
    """The file of a model that answered before.

    Raises
    ------
    LibraryError
        It is not here any more, or another one bears its name.
    """
    for name in (model.path, model.name):
        try:
            path = bundle.find(name)
            if bundle.read(path).digest == model.hash:
                return path
        except GenrewiseError:
            continue
    raise LibraryError(
        f"{model.name} ({model.hash[:8]}), which the library was heard by, is not here",
        "the same model for a song that the library does not know",
        "run: genrewise tag FOLDER",
    )


# ------------------------------------------------------------------ its neighbours


def similar(
    db: sqlite3.Connection, model: Model, to: Song, n: int, filters: Filters | None = None
) -> list[Neighbour]:
    """The files most like a song.

    Parameters
    ----------
    db : Connection
    model : Model
    to : Song
        Is not among them itself, though its copies are.
    n : int
        How many at the most.
    filters : Filters, optional

    Returns
    -------
    list of Neighbour
        Most alike first; copies by their paths.
    """
    filters = filters or Filters()
    vectors = load(db, model)
    found: list[Neighbour] = []
    kept: list[F32] = [_unit(to.vector)]
    heard: dict[int, int] = {}
    if filters.no_duplicates:
        heard = {int(audio): i for i, audio in enumerate(vectors.audio)}
    for audio, similarity in ranked(vectors, to.vector):
        if filters.no_duplicates and _is_copy(vectors.matrix[heard[audio]], kept):
            continue
        fitting = [e for e in _files(db, audio, model) if _fits(e, to, filters)]
        if fitting and filters.no_duplicates:
            fitting = fitting[:1]
            kept.append(vectors.matrix[heard[audio]])
        found += [Neighbour(entry, similarity) for entry in fitting]
        if len(found) >= n:
            break
    return found[:n]


def _is_copy(vector: F32, kept: list[F32]) -> bool:
    return bool((np.stack(kept) @ vector).max() > ALIKE)


def _files(db: sqlite3.Connection, audio: int, model: Model) -> list[Entry]:
    """The files that hold some audio and are there."""
    rows = db.execute(
        "SELECT id FROM files WHERE audio = ? AND state != 'missing' ORDER BY path", (audio,)
    ).fetchall()
    return list(entries(db, [row["id"] for row in rows], model.id))


def _fits(entry: Entry, to: Song, filters: Filters) -> bool:
    file = entry.file
    if file.path == to.path:
        return False
    if filters.other_artist and to.artist and fold(file.artist) == fold(to.artist):
        return False
    if filters.other_album and to.album and fold(file.album) == fold(to.album):
        return False
    return not filters.genre or fold(filters.genre) in _genres(entry)


def _genres(entry: Entry) -> set[str]:
    """Genres of a file, folded: those of its tags, else the one it was heard as."""
    if entry.file.genres:
        return {fold(genre) for genre in entry.file.genres}
    heard = entry.answer.genre if entry.answer else None
    return set() if heard is None else {fold(heard), fold(display(heard))}
