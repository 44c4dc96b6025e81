"""The tables of FMA (Defferrard et al. 2017): tracks, genres and precomputed features.

``tracks.csv`` has two rows of column names (``track``/``genre_top``), ``features.csv``
three (``mfcc``/``mean``/``01``), and both a row that names the index; some cells of the
first hold whole biographies.  A list of nothing but ``track_id`` and ``genre``, as it goes
round, is read as well: it knows no artists and no split.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training.datasets.rows import column, read_rows, require, side

__all__ = ["Genre", "Track", "is_features", "is_tracks", "read_features", "read_genres",
           "read_tracks"]  # fmt: skip

#: Column of tracks.csv for each of ours.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "genre": ("track", "genre_top"),
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "artist": ("artist", "id"),
    "album": ("album", "id"),
    "genres": ("track", "genres"),
}
#: Rows of features.csv that are in memory at once: it has 106,574 of 518 numbers.
_CHUNK = 8192


@dataclass(frozen=True)
class Track:
    """A row of ``tracks.csv``.

    Parameters
    ----------
    id : int
    genre : str
        The top genre; empty where the track belongs to several.
    split : str
        ``train``, ``valid`` or ``test``.
    subset : str
        The smallest one that has it: ``small``, ``medium``, ``large``.
    artist, album : str
        Ids.
    genres : tuple of int
        Ids of the genres that its artist chose.
    """

    id: int
    genre: str
    split: str = ""
    subset: str = ""
    artist: str = ""
    album: str = ""
    genres: tuple[int, ...] = ()


@dataclass(frozen=True)
class Genre:
    """A row of ``genres.csv``.

    Parameters
    ----------
    id : int
    title : str
    parent : int
        Id of the genre above; 0 for a top genre.
    top : int
        Id of the top genre.
    """

    id: int
    title: str
    parent: int
    top: int


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What files and pandas raise, in one line."""
    try:
        yield
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}", "a table of FMA") from error
    # pandas' ParserError is a ValueError.
    except (ValueError, csv.Error) as error:
        why = " ".join(str(error).split())
        raise DatasetError(f"{path}: {why}", "a table of FMA as it was published") from error


def _head(path: Path, rows: int) -> list[list[str]]:
    """The first rows of a CSV file."""
    with _readable(path), path.open(newline="", encoding="utf-8-sig") as stream:
        return list(islice(csv.reader(stream), rows))


def is_tracks(path: Path) -> bool:
    """Whether a file is FMA's ``tracks.csv``."""
    if path.name != "tracks.csv" or not path.is_file():
        return False
    head = _head(path, 2)
    return len(head) == 2 and _COLUMNS["genre"] in set(zip(*head, strict=False))


def is_features(path: Path) -> bool:
    """Whether a file is FMA's ``features.csv``."""
    if path.name != "features.csv" or not path.is_file():
        return False
    return [row[:1] for row in _head(path, 3)] == [["feature"], ["statistics"], ["number"]]


def _number(text: Any, path: Path) -> int:
    """The id of a track."""
    try:
        return int(text)
    except ValueError:
        raise DatasetError(f"{path}: track id {text!r}", "a whole number") from None


def read_tracks(path: Path) -> tuple[Track, ...]:
    """The rows of ``tracks.csv``, or of a list with ``track_id`` and ``genre``.

    Raises
    ------
    DatasetError
        No such table; a track twice; a split that is none.
    """
    tracks = _published(path) if is_tracks(path) else _listed(path)
    seen: set[int] = set()
    for track in tracks:
        if track.id in seen:
            raise DatasetError(f"{path}: track {track.id} stands twice", "each track once")
        seen.add(track.id)
    return tracks


def _published(path: Path) -> tuple[Track, ...]:
    import pandas as pd

    head = _head(path, 3)
    names = list(zip(*head[:2], strict=False))
    missing = ["/".join(name) for name in _COLUMNS.values() if name not in names]
    if missing:
        raise DatasetError(f"{path}: no column {', '.join(missing)}", "tracks.csv as published")
    places = {name: names.index(column) for name, column in _COLUMNS.items()}
    skipped = 3 if len(head) == 3 and not head[2][0].strip().isdigit() else 2
    with _readable(path):
        frame = pd.read_csv(
            path, header=None, skiprows=skipped, usecols=[0, *places.values()], dtype=str,
            keep_default_na=False,
        )  # fmt: skip
    # A row that ends early has no cells there, not even empty ones.
    frame = frame.fillna("")
    cells = {name: frame[place].str.strip().tolist() for name, place in places.items()}
    ids = [_number(text, path) for text in frame[0]]
    return tuple(
        Track(
            ids[i],
            cells["genre"][i],
            side(cells["split"][i], f"{path}, track {ids[i]}"),
            cells["subset"][i],
            cells["artist"][i],
            cells["album"][i],
            tuple(map(int, re.findall(r"\d+", cells["genres"][i]))),
        )
        for i in range(len(ids))
    )


def _listed(path: Path) -> tuple[Track, ...]:
    table = read_rows(path)
    track, genre = require(table, "track"), require(table, "label")
    split = column(table.header, "split")
    return tuple(
        Track(
            _number(row[track], path),
            row[genre].strip(),
            side(row[split], f"{path}, track {row[track]}") if split else "",
        )
        for row in table.rows
    )


def read_genres(path: Path) -> dict[int, Genre]:
    """The rows of ``genres.csv`` by id.

    Raises
    ------
    DatasetError
        No such table.
    """
    table = read_rows(path)
    wanted = ("genre_id", "title", "parent", "top_level")
    missing = [name for name in wanted if name not in table.header]
    if missing:
        raise DatasetError(f"{path}: no column {', '.join(missing)}", "genres.csv as published")
    with _readable(path):
        found = [
            Genre(int(r["genre_id"]), r["title"].strip(), int(r["parent"]), int(r["top_level"]))
            for r in table.rows
        ]
    return {genre.id: genre for genre in found}


def read_features(path: Path, ids: Sequence[int]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Rows of ``features.csv``.

    Parameters
    ----------
    path : Path
    ids : sequence of int
        The tracks wanted.

    Returns
    -------
    names : tuple of str
        ``FEATURE_STATISTIC_NN``, as :func:`genrewise.features.summary.fma518` names them.
    values : ndarray, shape (len(ids), len(names)), float32
        A row a track, in the order of `ids`; nan where the table does not have it.

    Raises
    ------
    DatasetError
        No such table.
    """
    import pandas as pd

    if not is_features(path):
        raise DatasetError(f"{path}: no features.csv of FMA", "three rows of column names")
    head = _head(path, 3)
    names = tuple("_".join(parts) for parts in list(zip(*head, strict=True))[1:])
    place = {number: row for row, number in enumerate(ids)}
    values = np.full((len(ids), len(names)), np.nan, dtype=np.float32)
    with _readable(path):
        types: dict[int, Any] = {0: np.int64} | dict.fromkeys(range(1, len(names) + 1), np.float32)
        chunks = pd.read_csv(path, header=None, skiprows=4, dtype=types, chunksize=_CHUNK)
        for chunk in chunks:
            known = chunk[chunk[0].isin(place)]
            rows = [place[number] for number in known[0]]
            values[rows] = known.iloc[:, 1:].to_numpy(dtype=np.float32)
    return names, values
