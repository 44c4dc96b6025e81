"""Tag vectors of tracks whose audio is not at hand (``.npz``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training.datasets.base import Dataset

__all__ = ["tag_rows"]

#: Consecutive windows whose mean makes a row: as many as a ten-second window holds.
_TOGETHER = 8


def tag_rows(path: str | Path, dataset: Dataset) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
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

    Raises
    ------
    DatasetError
        The file is not of that kind.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            tags, label, track = stored["tags"], stored["label"], stored["track"]
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: {error}", "an .npz of tags, label and track") from error
    known = {item.track for item in dataset.items}
    names = sorted(LABEL_SETS["gtzan-10"].labels)
    x, y = [], []
    for name in sorted(set(track.tolist()) - known):
        mine = np.flatnonzero(track == name)
        genre = names[int(label[mine[0]])]
        if genre not in dataset.labels:
            continue
        for i in range(0, len(mine) - _TOGETHER + 1, _TOGETHER):
            x.append(tags[mine[i : i + _TOGETHER]].mean(axis=0))
            y.append(dataset.labels.index(genre))
    if not x:
        raise DatasetError(f"{path}: no track that {dataset.name} lacks", "rows of further tracks")
    return np.stack(x).astype(np.float32), np.array(y, dtype=np.int64)
