"""Rows of a feature table as windows: one window an item, nothing to decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training.datasets import Dataset
from genrewise.training.store import Table

__all__ = ["single_windows", "table_rows"]


def single_windows(
    dataset: Dataset,
    arrays: Mapping[str, NDArray[Any]],
    items: Sequence[int],
    failed: Sequence[tuple[int, str]] = (),
) -> Table:
    """Items whose one window is the whole of them.

    Parameters
    ----------
    dataset : Dataset
    arrays : mapping of str to ndarray
        A row for each of `items`.
    items : sequence of int
        Of the data set, ascending.
    failed : sequence of (int, str)
        The others, and why.

    Returns
    -------
    Table
        All heard, from 0 to the item's duration, which is nan where nobody says it.
    """
    known = (dataset.items[i].duration for i in items)
    stop = [np.nan if seconds is None else seconds for seconds in known]
    return Table(
        dict(arrays),
        np.array(items, dtype=np.int64),
        np.zeros(len(items)),
        np.array(stop, dtype=np.float64),
        np.ones(len(items), dtype=bool),
        tuple(failed),
    )


def table_rows(dataset: Dataset) -> Table:
    """The windows of a data set that is a table of features.

    Parameters
    ----------
    dataset : Dataset
        Of kind ``"features"``.

    Returns
    -------
    Table
        The input ``"table"``, shape (n, d), float32; its columns are
        ``dataset.table.names``.

    Raises
    ------
    DatasetError
        The data set is none of features.
    """
    if dataset.table is None:
        raise DatasetError(f"{dataset.name}: a data set of {dataset.kind}", "a table of features")
    return single_windows(dataset, {"table": dataset.table.values}, range(len(dataset)))
