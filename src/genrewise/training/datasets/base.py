"""What a data set is, whatever it was read from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError, UnknownName
from genrewise.labels import recognise

__all__ = [
    "Dataset",
    "FeatureTable",
    "Item",
    "close_groups",
    "components",
    "finish",
    "select",
    "some",
    "stem",
]

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Item:
    """One clip: a file, a part of a file, a picture or a row of a table.

    Parameters
    ----------
    path : str
        Relative to the root of the data set, with ``/``; or absolute; or a URL; or
        the name that a row of a feature table bears.
    label : str
    group : str
        What must not be split: artist, album, song, replica set.
    track : str
        The recording; clips of one track and label vote together.
    split : str
        ``"train"``, ``"valid"``, ``"test"`` where a list fixes it, else empty.
    start : float
        Seconds from the start of the file.
    duration : float or None
        Seconds; None means to the end.
    """

    path: str
    label: str
    group: str
    track: str
    split: str = ""
    start: float = 0.0
    duration: float | None = None

    @property
    def section(self) -> tuple[str, str]:
        """Track and label: the clips that vote together."""
        return self.track, self.label


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Precomputed features, one row an item of the data set, in its order.

    Parameters
    ----------
    names : tuple of str
        Column names, d of them.
    values : ndarray, shape (n, d), float32
        Finite.
    """

    names: tuple[str, ...]
    values: F32


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled items.

    Parameters
    ----------
    name : str
    root : str
        Folder that relative paths start from.
    items : tuple of Item
    labels : tuple of str
        In the order of the class indices; every one has an item.
    warnings : tuple of str
        What a user should know before trusting a number: one line each.
    table : FeatureTable, optional
        Where the data set is a table of features.
    kind : {"audio", "pictures", "features"}
    passed : tuple of str
        What was passed over as none of our business: columns and files, one line each.
    official : bool
        The split is the one its authors published, which is not the user's to correct.
    """

    name: str
    root: str
    items: tuple[Item, ...]
    labels: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    table: FeatureTable | None = None
    kind: str = "audio"
    passed: tuple[str, ...] = ()
    official: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def file(self, index: int) -> str:
        """Where the file of an item is: a path that can be opened, or a URL."""
        path = self.items[index].path
        return path if "://" in path else str(Path(self.root) / path)

    def targets(self) -> NDArray[np.int64]:
        """Class index of every item.

        Returns
        -------
        ndarray, shape (n,), int64
            Into `labels`.
        """
        number = {label: i for i, label in enumerate(self.labels)}
        return np.array([number[item.label] for item in self.items], dtype=np.int64)

    def subset(self, indices: Iterable[int]) -> Dataset:
        """The data set with these items only, in this order; labels keep their numbers."""
        kept = list(indices)
        table = self.table and FeatureTable(self.table.names, self.table.values[kept])
        return replace(self, items=tuple(self.items[i] for i in kept), table=table)


def stem(path: str) -> str:
    """A path or URL without the ending of its file: ``"a.b/song.mp3"`` → ``"a.b/song"``."""
    folder, slash, name = path.rpartition("/")
    plain = name.rpartition(".")[0] or name
    return folder + slash + plain


def some(names: Sequence[str], n: int = 3) -> str:
    """``"a, b, c and 4 more"``."""
    rest = len(names) - n
    return ", ".join(names[:n]) + (f" and {rest} more" if rest > 0 else "")


def components(keys: Iterable[Iterable[tuple[str, str]]]) -> NDArray[np.int64]:
    """Numbers of the classes that hang together by any shared key.

    Parameters
    ----------
    keys : iterable of iterable of (kind, value)
        Keys of each item, such as ``("group", "Queen"), ("track", "rock.00016")``; empty
        values join nothing.

    Returns
    -------
    ndarray, shape (n,), int64
        Numbered from 0 in order of first appearance.
    """
    parent: list[int] = []
    first: dict[tuple[str, str], int] = {}

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, own in enumerate(keys):
        parent.append(i)
        for key in own:
            if key[1]:
                a, b = find(first.setdefault(key, i)), find(i)
                parent[max(a, b)] = min(a, b)
    roots = [find(i) for i in range(len(parent))]
    number = {root: n for n, root in enumerate(dict.fromkeys(roots))}
    return np.array([number[root] for root in roots], dtype=np.int64)


def close_groups(items: Sequence[Item], replicas: Sequence[str] = ()) -> tuple[Item, ...]:
    """Items whose groups are closed: no track and no replica set lies in two of them.

    Parameters
    ----------
    items : sequence of Item
        An empty group stands for the track.
    replicas : sequence of str, optional
        Replica set of each item, empty where there is none.

    Returns
    -------
    tuple of Item
        A merged group bears the name of the one that came first.
    """
    replicas = replicas or [""] * len(items)
    numbers = components(
        (("group", i.group), ("track", i.track), ("replica", r))
        for i, r in zip(items, replicas, strict=True)
    )
    name: dict[int, str] = {}
    for item, number in zip(items, numbers.tolist(), strict=True):
        name.setdefault(number, item.group or item.track)
    return tuple(
        item if item.group == name[n] else replace(item, group=name[n])
        for item, n in zip(items, numbers.tolist(), strict=True)
    )


def select(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The items of some labels, numbered in the order given.

    Raises
    ------
    UnknownName
        Where no item bears a label, with the nearest that one does.
    DatasetError
        Where a label is given twice.
    """
    twice = [label for label, n in Counter(labels).items() if n > 1]
    if twice:
        raise DatasetError(f"labels {', '.join(labels)}: {twice[0]} twice", "each label once")
    for label in labels:
        if label not in dataset.labels:
            raise UnknownName("label", label, dataset.labels)
    wanted = set(labels)
    kept = [i for i, item in enumerate(dataset.items) if item.label in wanted]
    return replace(dataset.subset(kept), labels=tuple(labels))


def finish(dataset: Dataset, replicas: Sequence[str] = ()) -> Dataset:
    """Close the groups, order the labels and refuse what nothing can be learnt from.

    Labels of a known set come in its order, others sorted.

    Raises
    ------
    DatasetError
        No items; or a time that is no time.
    """
    if not dataset.items:
        reasons = "; ".join(dataset.warnings[:3])
        raise DatasetError(
            f"{dataset.name}: no labelled items" + (f" ({reasons})" if reasons else ""),
            "a folder with one sub-folder of music a genre, or a manifest with path and label",
        )
    for item in dataset.items:
        good = item.duration is None or (math.isfinite(item.duration) and item.duration > 0)
        if not good or not (math.isfinite(item.start) and item.start >= 0):
            raise DatasetError(
                f"{item.path}: start {item.start:g}, duration {item.duration}",
                "a start of 0 s or more and a duration above 0 s",
            )
    present = {item.label for item in dataset.items}
    known = recognise(present)
    order = [label for label in known.labels if label in present] if known else sorted(present)
    items = close_groups(dataset.items, replicas)
    return replace(dataset, items=items, labels=tuple(order))
