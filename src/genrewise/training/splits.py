"""Splits that hold: grouped, stratified, seeded, written down with a checksum.

A *unit* is what is never split: everything that hangs together by a group or a track.
Units are dealt to the parts many times over, each time in another seeded order, and the
deal whose classes are spread most evenly is kept.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError, LeakageError, nearest
from genrewise.training.datasets.base import Dataset, components, some

__all__ = ["Split", "check", "checksum", "folds", "make_split", "read_split", "write_split"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

PARTS = ("train", "valid", "test")

#: Deals tried, at the most and at the least, and item placements to spend on them.
TRIES, TRIES_MIN, PLACEMENTS = 32, 4, 20_000
#: Units looked at, at the most, when a deal is improved.
MOVES = 2000
#: Cost of a class that a part lacks: worse than any imbalance.
ABSENT = 10.0


@dataclass(frozen=True)
class Split:
    """Indices of the items of each part.

    Parameters
    ----------
    train, valid, test : tuple of int
        Ascending; together they need not be all items.
    rule : str
        How it was made, in words.
    seed : int
    warnings : tuple of str
        Classes that a part lacks, one line each.
    """

    train: tuple[int, ...]
    valid: tuple[int, ...]
    test: tuple[int, ...]
    rule: str
    seed: int
    warnings: tuple[str, ...] = ()

    def parts(self) -> dict[str, tuple[int, ...]]:
        """Name of the part to its indices: train, valid, test."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def units(dataset: Dataset, indices: Sequence[int]) -> I64:
    """Number of the unit that each of these items belongs to.

    Returns
    -------
    ndarray, shape (len(indices),), int64
        From 0, in order of first appearance.
    """
    items = (dataset.items[i] for i in indices)
    return components((("group", item.group), ("track", item.track)) for item in items)


def _deal(counts: F64, shares: F64, rng: np.random.Generator) -> I64:
    """One deal of the units, largest first, each to the part that lacks its classes most."""
    totals = np.maximum(counts.sum(axis=0), 1.0)
    relative = counts / totals
    size = relative.sum(axis=1)
    order = np.argsort(-size * rng.uniform(0.6, 1.4, len(size)), kind="stable")
    # What each part still lacks of each class, as a share of the class.
    lack = shares[:, None] * (counts.sum(axis=0) > 0)
    part = np.zeros(len(counts), dtype=np.int64)
    for unit in order:
        after = lack - relative[unit]
        held = relative[unit] > 0
        gain = ((lack[:, held] ** 2 - after[:, held] ** 2) / shares[:, None]).sum(axis=1)
        part[unit] = best = int(np.argmax(gain))
        lack[best] = after[best]
    return part


def _held(counts: F64, part: I64, n_parts: int) -> F64:
    """Items of each class in each part, shape (parts, classes)."""
    held = np.zeros((n_parts, counts.shape[1]))
    np.add.at(held, part, counts)
    return held


def _cost(held: F64, shares: F64) -> float:
    """How uneven a deal is: squared deviations of class shares and of sizes, and gaps."""
    totals = held.sum(axis=0)
    share = held[:, totals > 0] / totals[totals > 0]
    sizes = held.sum(axis=1) / totals.sum()
    # The first part is learnt from: nothing can make up for a class it lacks.
    gaps = float((share[0] == 0).sum() * 10 + (share[1:] == 0).sum())
    uneven = (((share - shares[:, None]) ** 2) / shares[:, None]).mean()
    return float(uneven + ((sizes - shares) ** 2).sum()) + ABSENT * gaps


def _improve(counts: F64, part: I64, shares: F64, budget: int) -> tuple[float, I64]:
    """Move single units as long as that lowers the cost; those of lacking classes first."""
    part = part.copy()
    held = _held(counts, part, len(shares))
    cost = _cost(held, shares)
    better = True
    while better and budget > 0:
        better = False
        lacking = ((held == 0) & (held.sum(axis=0) > 0)).any(axis=0)
        order = np.argsort(-(counts[:, lacking] > 0).sum(axis=1), kind="stable")
        for unit in order[: max(1, budget)]:
            budget -= 1
            here = part[unit]
            for there in range(len(shares)):
                if there == here:
                    continue
                tried = held.copy()
                tried[here] -= counts[unit]
                tried[there] += counts[unit]
                new = _cost(tried, shares)
                if new < cost - 1e-12:
                    held, cost, here, better = tried, new, there, True
            part[unit] = here
    return cost, part


def _search(counts: F64, shares: F64, rng: np.random.Generator) -> I64:
    """The best of several deals, improved: part of each unit."""
    tries = int(np.clip(PLACEMENTS // len(counts), TRIES_MIN, TRIES))
    deals = [_deal(counts, shares, rng) for _ in range(tries)]
    deals.sort(key=lambda part: _cost(_held(counts, part, len(shares)), shares))
    return min((_improve(counts, deal, shares, MOVES) for deal in deals[:2]), key=lambda x: x[0])[1]


def _class_counts(dataset: Dataset, indices: Sequence[int], unit: I64) -> F64:
    """Items of each class in each unit, shape (units, classes)."""
    counts = np.zeros((int(unit.max(initial=-1)) + 1, len(dataset.labels)))
    np.add.at(counts, (unit, dataset.targets()[list(indices)]), 1.0)
    return counts


def _divide(
    dataset: Dataset, indices: Sequence[int], shares: Sequence[float], seed: Sequence[int]
) -> list[tuple[int, ...]]:
    """Items dealt to parts of the given shares; a part with share 0 stays empty."""
    if not indices:
        return [() for _ in shares]
    unit = units(dataset, indices)
    wanted = np.array([s for s in shares if s > 0])
    numbers = [i for i, s in enumerate(shares) if s > 0]
    counts = _class_counts(dataset, indices, unit)
    part = _search(counts, wanted / wanted.sum(), np.random.default_rng(list(seed)))[unit]
    divided: list[tuple[int, ...]] = [()] * len(shares)
    for k, number in enumerate(numbers):
        divided[number] = tuple(sorted(i for i, p in zip(indices, part, strict=True) if p == k))
    return divided


def _gaps(dataset: Dataset, parts: Iterable[tuple[str, Sequence[int]]]) -> tuple[str, ...]:
    """One line for each class that a part lacks."""
    groups: dict[str, set[str]] = {}
    for item in dataset.items:
        groups.setdefault(item.label, set()).add(item.group or item.track)
    lines = []
    for name, part in parts:
        held = {dataset.items[i].label for i in part}
        for label in dataset.labels:
            if label in held or not part:
                continue
            n = len(groups.get(label, ()))
            lines.append(f"{label} is absent from {name}: {n} group{'s' * (n != 1)} in all")
    return tuple(lines)


def _fixed_parts(dataset: Dataset) -> dict[str, list[int]]:
    """Indices by the split column; items without a part are left out."""
    fixed: dict[str, list[int]] = {name: [] for name in PARTS}
    for i, item in enumerate(dataset.items):
        if item.split and item.split not in fixed:
            close = nearest(item.split, PARTS)
            raise DatasetError(
                f"{item.path}: split {item.split!r}",
                "train, valid or test",
                f"did you mean {close[0]}?" if close else "",
            )
        if item.split:
            fixed[item.split].append(i)
    return fixed


def _from_column(dataset: Dataset, seed: int, valid: float) -> Split:
    fixed = _fixed_parts(dataset)
    train, held, test = fixed["train"], fixed["valid"], fixed["test"]
    if not train:
        raise DatasetError(f"{dataset.name}: its split column has no train part", "train, valid")
    rule = "the split column"
    if not test:
        test, held = held, []
        rule += ", whose valid part is the test"
    if not held and valid > 0:
        first, second = _divide(dataset, train, (1 - valid, valid), (seed, 1))
        train, held = list(first), list(second)
        rule += f"; validation is {valid:g} of train, by group"
    outside = len(dataset.items) - len(train) - len(held) - len(test)
    if outside:
        rule += f"; {outside} items outside the list are left out"
    parts = tuple(train), tuple(held), tuple(test)
    return Split(*parts, rule, seed, _gaps(dataset, zip(PARTS, parts, strict=True)))


def make_split(
    dataset: Dataset, *, seed: int = 0, valid: float = 0.15, test: float = 0.15
) -> Split:
    """Training, validation and test parts that share no group and no track.

    Where the data set fixes a split, that is it: without a test part its valid part is
    the test, and validation is drawn from train by group.

    Parameters
    ----------
    dataset : Dataset
    seed : int
        0 or more; the same data and seed give the same split everywhere.
    valid, test : float
        Shares of the items, 0 to 1; together below 1.  Of a fixed split only the part
        that it lacks is drawn; with `valid` 0 none is.

    Returns
    -------
    Split
        Each class is in each part wherever it has enough groups; else a warning says so.

    Raises
    ------
    DatasetError
        Shares that leave nothing to learn from; a single group; an unknown part.
    LeakageError
        The fixed split has a group on two sides.
    """
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1) or seed < 0:
        raise DatasetError(
            f"split with valid {valid:g}, test {test:g}, seed {seed}",
            "shares from 0 that leave something to train on, and a seed from 0",
        )
    if any(item.split for item in dataset.items):
        split = _from_column(dataset, seed, valid)
    else:
        everything = range(len(dataset.items))
        parts = _divide(dataset, everything, (1 - valid - test, valid, test), (seed, 0))
        rule = f"by group, stratified; valid {valid:g}, test {test:g}"
        warnings = _gaps(dataset, zip(PARTS, parts, strict=True))
        split = Split(parts[0], parts[1], parts[2], rule, seed, warnings)
    _refuse_empty(dataset, split, valid, test)
    check(dataset, split)
    return split


def _refuse_empty(dataset: Dataset, split: Split, valid: float, test: float) -> None:
    n = int(units(dataset, range(len(dataset.items))).max(initial=-1)) + 1
    for name, share in (("train", 1.0), ("valid", valid), ("test", test)):
        if share > 0 and not split.parts()[name]:
            raise DatasetError(
                f"{dataset.name}: nothing left for {name} with {n} group{'s' * (n != 1)}",
                "several groups of every genre",
                "add music by other artists, or group by file with --group-by file",
            )


def folds(
    dataset: Dataset, indices: Sequence[int], n: int = 5, seed: int = 0
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Folds for cross-validation that share no group and no track, stratified.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Items to fold; others stay out.
    n : int
        Folds, at least 2.
    seed : int

    Returns
    -------
    list of (train, valid)
        Each index is in exactly one valid part.

    Raises
    ------
    DatasetError
        Fewer than 2 folds, or fewer groups than folds.
    """
    unit = units(dataset, indices)
    available = int(unit.max(initial=-1)) + 1
    if n < 2 or available < n:
        raise DatasetError(
            f"{dataset.name}: {n} folds over {available} groups",
            "at least 2 folds and as many groups as folds",
        )
    parts = _divide(dataset, indices, [1 / n] * n, (seed, 2, n))
    whole = sorted(indices)
    result = []
    for part in parts:
        held = set(part)
        result.append((tuple(i for i in whole if i not in held), part))
    return result


def check(dataset: Dataset, split: Split) -> None:
    """Refuse a split that leaks.

    Raises
    ------
    LeakageError
        A group or a track on two sides, both named; an item in two parts.
    DatasetError
        An index beyond the data set.
    """
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for part, indices in split.parts().items():
        for i in indices:
            if not 0 <= i < len(dataset.items):
                raise DatasetError(f"split with index {i}", f"0 to {len(dataset.items) - 1}")
            item = dataset.items[i]
            for key in (("group", item.group), ("track", item.track), ("item", str(i))):
                if not key[1]:
                    continue
                other, path = seen.setdefault(key, (part, item.path))
                if other != part:
                    raise LeakageError(
                        f"{key[0]} {key[1]!r} stands on two sides: {path} in {other}, "
                        f"{item.path} in {part}",
                        "every group on one side",
                        "correct the split column or leave it out",
                    )


def _rows(dataset: Dataset, split: Split) -> list[tuple[str, ...]]:
    """Path, start, label, group, track and part of every item in a part, sorted."""
    rows = []
    for part, indices in split.parts().items():
        for item in (dataset.items[i] for i in indices):
            start = f"{item.start:g}" if item.start else ""
            rows.append((item.path, start, item.label, item.group, item.track, part))
    return sorted(rows)


def _digest(rows: Sequence[Sequence[str]]) -> str:
    text = "\n".join("\t".join(row) for row in rows)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def checksum(dataset: Dataset, split: Split) -> str:
    """64 hex digits (SHA-256) of what lies where; the folder's own place does not count."""
    return _digest(_rows(dataset, split))


COLUMNS = ("path", "start", "label", "group", "track", "split")


def write_split(path: str | Path, dataset: Dataset, split: Split) -> str:
    """Write a split as CSV; the first line is a comment with its checksum.

    The file is a manifest as well: rows have path, label, group, track and split.

    Returns
    -------
    str
        The checksum.
    """
    rows = _rows(dataset, split)
    digest = _digest(rows)
    with Path(path).open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(f"# genrewise split sha256={digest} seed={split.seed} rule={split.rule}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return digest


def _header(path: Path, line: str) -> dict[str, str]:
    """Checksum, seed and rule of the first line."""
    text = line.removeprefix("# genrewise split ").rstrip("\n")
    fields = dict(part.partition("=")[::2] for part in text.split(" ", 2))
    if text == line.rstrip("\n") or not {"sha256", "seed", "rule"} <= set(fields):
        raise DatasetError(f"{path}: no split file", "a file written by genrewise datasets split")
    return fields


def read_split(path: str | Path, dataset: Dataset) -> Split:
    """Read a split written by :func:`write_split` and hold it against the data.

    Raises
    ------
    DatasetError
        No split file; rows changed since they were written; items that the data set
        does not have.
    LeakageError
        A group on two sides.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            fields = _header(path, stream.readline())
            reader = csv.reader(stream)
            next(reader, None)
            rows = [tuple(row) for row in reader]
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}", "a split file") from error
    if _digest(sorted(rows)) != fields["sha256"] or any(len(r) != len(COLUMNS) for r in rows):
        raise DatasetError(
            f"{path}: its rows do not fit its checksum", "the file as written", "split again"
        )
    index = {
        (item.path, f"{item.start:g}" if item.start else "", item.label): i
        for i, item in enumerate(dataset.items)
    }
    keys = [(row[0], row[1], row[2]) for row in rows]
    missing = [key[0] for key in keys if key not in index]
    if missing:
        raise DatasetError(
            f"{path}: {dataset.name} has no {some(missing)}", "the data set it was made from"
        )
    parts: dict[str, list[int]] = {name: [] for name in PARTS}
    for row, key in zip(rows, keys, strict=True):
        parts[row[5]].append(index[key])
    ordered = [tuple(sorted(parts[name])) for name in PARTS]
    split = Split(ordered[0], ordered[1], ordered[2], fields["rule"], int(fields["seed"]))
    check(dataset, split)
    return split
