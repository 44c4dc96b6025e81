"""Tables of precomputed features: a CSV with a label and numbers in each row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genrewise.training.datasets.base import (
    F32,
    Dataset,
    FeatureTable,
    Item,
    components,
    finish,
    some,
)
from genrewise.training.datasets.grouping import by_rule, is_rule, rule_error
from genrewise.training.datasets.gtzan import track_name
from genrewise.training.datasets.rows import ALIASES, Rows, column, listed, require, side

__all__ = ["is_table", "read_table"]

#: Columns of numbers that are no features: they tell how long a file is.
_LENGTHS = frozenset({"length", "duration", "seconds", "samples"})
#: Fewer columns of numbers than this are notes of a manifest, not features.
FEWEST = 5
#: Rows that differ by less in every column, in standard deviations, are copies of one
#: recording, where there are that many columns to tell.
_NEAR, _TELLING = 0.2, 20


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _features(table: Rows) -> list[str]:
    """Columns that hold numbers in the first rows and mean nothing else."""
    ours = {column(table.header, name) for name in ALIASES}
    first = table.rows[:20]
    return [
        name
        for name in table.header
        if name
        and name not in ours
        and name.casefold() not in _LENGTHS
        and any(math.isfinite(_number(row[name])) for row in first)
        and all(not row[name].strip() or not math.isnan(_number(row[name])) or
                row[name].strip().casefold() == "nan" for row in first)
    ]  # fmt: skip


def is_table(table: Rows) -> bool:
    """Whether these rows are features and no manifest."""
    return len(_features(table)) >= FEWEST


def _labels(cells: Sequence[str]) -> list[str]:
    """Labels as text; codes such as ``3.0`` become ``3``."""
    values = [_number(c) for c in cells]
    if all(v.is_integer() for v in values if math.isfinite(v)):
        texts = zip(cells, values, strict=True)
        return [str(int(v)) if math.isfinite(v) else c.strip() for c, v in texts]
    return [c.strip() for c in cells]


def _item(table: Rows, i: int, names: dict[str, str], label: str, group_by: str) -> Item:
    row = table.rows[i]
    cell = {name: row[c].strip() if c else "" for name, c in names.items()}
    path = cell["path"] or cell["track"] or f"row {table.lines[i]}"
    known = track_name(path)
    track = cell["track"] or (known[0] if known else path)
    group = row[group_by].strip() if group_by else cell["group"]
    return Item(path, label, group, track, side(cell["split"], f"{table.path}, {path}"))


def _usable(labels: Sequence[str], values: np.ndarray, table: Rows) -> tuple[list[int], list[str]]:
    """Rows with a label and finite numbers, and a line on the others."""
    bad = [i for i in range(len(labels)) if not labels[i] or not np.isfinite(values[i]).all()]
    if not bad:
        return list(range(len(labels))), []
    lines = [f"line {table.lines[i]}" for i in bad]
    out = set(bad)
    kept = [i for i in range(len(labels)) if i not in out]
    return kept, [f"{len(bad)} rows without a label or with no number are left out: {some(lines)}"]


def _twins(values: F32) -> list[str]:
    """A name for each row that another row equals, or nearly equals, empty for the rest.

    In the table that goes round with GTZAN, 57 columns of 710 rows, the 20 pairs whose every
    column agrees to half a deviation are 20 pairs of one recording.
    """
    from scipy.spatial import KDTree

    rows, same = np.unique(values, axis=0, return_inverse=True)
    near: list[list[tuple[str, str]]] = [[] for _ in rows]
    if values.shape[1] >= _TELLING and len(rows) > 1:
        deviation = values.std(axis=0, dtype=np.float64)
        scaled = rows / np.where(deviation > 0, deviation, 1.0)
        # A few columns leave few pairs, whose others are then looked at: five times as fast.
        few = scaled[:, np.linspace(0, scaled.shape[1] - 1, 12).astype(int)]
        pairs = KDTree(few).query_pairs(_NEAR, p=np.inf, output_type="ndarray")
        apart = np.abs(scaled[pairs[:, 0]] - scaled[pairs[:, 1]]).max(axis=1)
        for a, b in pairs[apart <= _NEAR].tolist():
            for row in (a, b):
                near[row].append(("pair", f"{a} {b}"))
    numbers = components(near)[same]
    counts = np.bincount(numbers)
    return [f"equal rows {n}" if counts[n] > 1 else "" for n in numbers]


def read_table(table: Rows, group_by: str = "", name: str = "") -> Dataset:
    """The data set of a feature table.

    A label column is needed; a file name, a track, a group and a split are used where
    they are.  All other columns of numbers are the features.  Equal rows, and nearly
    equal ones, are copies of one recording and share a group.

    Parameters
    ----------
    table : Rows
    group_by : str
        A column, or ``LIST.csv`` (see :mod:`.grouping`), or ``file``.
    name : str

    Raises
    ------
    DatasetError
        No label column; no usable row.
    UnknownName
        `group_by` is neither.
    """
    label = require(table, "label")
    features = _features(table)
    by_column = group_by if group_by in table.header else ""
    features = [f for f in features if f != by_column]
    if group_by and not by_column and not is_rule(group_by):
        raise rule_error(group_by, table.header)
    names = {n: column(table.header, n) for n in ("path", "track", "group", "split")}
    cells = [[_number(row[f]) for f in features] for row in table.rows]
    values = np.array(cells, dtype=np.float32).reshape(len(cells), len(features))
    labels = _labels([row[label] for row in table.rows])
    kept, lines = _usable(labels, values, table)
    warnings = [*table.warnings, *lines]
    items = [_item(table, i, names, labels[i], by_column) for i in kept]
    if group_by and not by_column:
        items, more = by_rule(items, Path(table.path).parent, group_by)
        warnings += more
    elif not by_column and not names["group"]:
        warnings.append(
            "the table names no groups: each track is its own; --group-by LIST.csv "
            "(track, group) mends that"
        )
    twins = _twins(values[kept])
    copies = sum(map(bool, twins))
    if copies:
        warnings.append(
            f"{copies} rows have one that is equal, or nearly so: such rows share a group"
        )
    unread = [c for c in table.header if c not in {*features, *names.values(), label, by_column}]
    dataset = Dataset(
        name or Path(table.path).stem,
        str(Path(table.path).parent),
        tuple(items),
        (),
        tuple(warnings),
        FeatureTable(tuple(features), values[kept]),
        "features",
        (listed(unread, "columns"),) if unread else (),
    )
    return finish(dataset, twins)
