"""Tag vectors of tracks whose audio is not at hand (``.npz``)."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training.datasets.base import Dataset

__all__ = ["tag_rows", "tag_tracks"]

_EXPECTED = "an .npz of tags, label and track"

#: Consecutive windows whose mean makes a row: as many as a ten-second window holds.
_TOGETHER = 8


def tag_rows(path: str | Path, dataset: Dataset) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As :func:`tag_tracks`, without the names of the tracks."""
    x, y, _ = tag_tracks(path, dataset)
    return x, y


def tag_tracks(
    path: str | Path, dataset: Dataset
) -> tuple[NDArray[np.float32], NDArray[np.int64], tuple[str, ...]]:
    """Mean tag vectors of tracks that the data set has no audio of.

    Parameters
    ----------
    path : str or Path
        Arrays ``tags`` (n, d), ``label`` (n,) as index into the ten genres of GTZAN in
        alphabetical order, ``track`` (n,) as name.
    dataset : Dataset
        Its tracks are left out, so that no track is heard twice or on two sides.

    Returns
    -------
    x : ndarray, shape (k, d), float32
    y : ndarray of int, shape (k,)
        Index into the labels of `dataset`.
    tracks : tuple of str, length k
        The track that each row is of; several rows may be of one.

    Raises
    ------
    DatasetError
        The file is not of that kind.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            tags, label, track = stored["tags"], stored["label"], stored["track"]
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file", _EXPECTED) from None
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise DatasetError(f"{path}: {' '.join(str(error).split())}", _EXPECTED) from error
    names = sorted(LABEL_SETS["gtzan-10"].labels)
    fits = tags.ndim == 2 and label.shape == track.shape == (len(tags),)
    if not (fits and label.dtype.kind in "iu" and np.isin(label, np.arange(len(names))).all()):
        shapes = f"tags {tags.shape}, label {label.shape}, track {track.shape}"
        raise DatasetError(
            f"{path}: {shapes}", f"(n, d), (n,) and (n,), labels 0 to {len(names) - 1}"
        )
    known = {item.track for item in dataset.items}
    x, y, tracks = [], [], []
    for name in sorted(set(track.tolist()) - known):
        mine = np.flatnonzero(track == name)
        genre = names[int(label[mine[0]])]
        if genre not in dataset.labels:
            continue
        for i in range(0, len(mine) - _TOGETHER + 1, _TOGETHER):
            x.append(tags[mine[i : i + _TOGETHER]].mean(axis=0))
            y.append(dataset.labels.index(genre))
            tracks.append(name)
    if not x:
        raise DatasetError(f"{path}: no track that {dataset.name} lacks", "rows of further tracks")
    return np.stack(x).astype(np.float32), np.array(y, dtype=np.int64), tuple(tracks)
