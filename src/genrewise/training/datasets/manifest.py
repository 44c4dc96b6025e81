"""Manifests: a CSV or JSONL file with one row a clip.

Columns: ``path`` and ``label``; then, where known, ``group`` (what must not be split),
``track`` (the recording), ``split`` (train, valid, test or nothing), ``start`` and
``duration`` (the part of the file that is meant), ``replica_set`` (copies of one
recording).  A ``start`` without a ``duration`` column says where in its song a clip was
cut out; it is not a place in the clip's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from genrewise.errors import DatasetError
from genrewise.filetypes import PICTURE_SUFFIXES
from genrewise.training.datasets.base import Dataset, Item, finish, some, stem
from genrewise.training.datasets.grouping import by_rule, is_rule, rule_error
from genrewise.training.datasets.rows import (
    ALIASES,
    Rows,
    column,
    listed,
    read_rows,
    require,
    seconds,
    side,
)

__all__ = ["MANIFESTS", "find_manifest", "read_manifest"]

#: Names looked for beside the music, in this order.
MANIFESTS = ("manifest.csv", "manifest.jsonl", "manifest.tsv")


def find_manifest(folder: Path) -> Path | None:
    """The manifest of a folder, None where there is none."""
    return next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)


def _clean(path: str) -> str:
    """A path as it is compared: with ``/``, without ``./``; URLs as they are."""
    path = path.strip()
    return path if "://" in path else str(PurePosixPath(path.replace("\\", "/")))


def _item(row: Mapping[str, str], names: Mapping[str, str], where: str) -> Item:
    """The item of one row; a group or track that is not given is empty."""

    def cell(name: str) -> str:
        return row[names[name]].strip() if names[name] else ""

    path = _clean(cell("path"))
    start, duration = 0.0, None
    if names["duration"]:
        start = seconds(cell("start") or "0", where)
        duration = seconds(cell("duration"), where) if cell("duration") else None
    return Item(
        path,
        cell("label"),
        cell("group"),
        cell("track") or stem(path),
        side(cell("split"), where),
        start,
        duration,
    )


def _available(
    items: list[Item], root: Path, table: Rows, names: Mapping[str, str]
) -> tuple[list[int], list[str]]:
    """Rows with a label and a file that is there, and a line on the others."""
    blank, unlabelled, absent, kept = 0, 0, [], []
    for i, item in enumerate(items):
        if not table.rows[i][names["path"]].strip():
            blank += 1
        elif not item.label:
            unlabelled += 1
        elif "://" not in item.path and not (root / item.path).is_file():
            absent.append(item.path)
        else:
            kept.append(i)
    lines = []
    if blank:
        lines.append(f"{blank} rows without a path are left out")
    if unlabelled:
        lines.append(f"{unlabelled} rows without a label are left out")
    if absent:
        lines.append(f"{len(absent)} files of the manifest are not there: {some(absent)}")
    return kept, lines


def _refuse_conflicts(items: list[Item], table: Rows) -> None:
    """A part of a file may carry one label only, and stand once."""
    seen: dict[tuple[str, float, float | None], tuple[str, int]] = {}
    for item, line in zip(items, table.lines, strict=True):
        if not item.label or item.path == ".":
            continue
        key = (item.path, item.start, item.duration)
        label, first = seen.setdefault(key, (item.label, line))
        if first != line:
            both = label if label == item.label else f"as {label} and as {item.label}"
            raise DatasetError(
                f"{table.path}: {item.path} stands twice, {both} (lines {first} and {line})",
                "each file once, or parts of it by start and duration",
            )


def _columns(table: Rows, group_by: str) -> dict[str, str]:
    """Column of the file for each of ours; `group_by` may name the column of the groups."""
    names = {name: column(table.header, name) for name in ALIASES}
    names |= {name: require(table, name) for name in ("path", "label")}
    if group_by in table.header:
        names["group"] = group_by
    elif group_by and not is_rule(group_by):
        raise rule_error(group_by, table.header)
    elif group_by:
        names["group"] = ""
    elif not names["group"] and "artist" in table.header:
        names["group"] = "artist"
    return names


def read_manifest(path: Path, group_by: str = "", name: str = "") -> Dataset:
    """The data set that a manifest describes.

    Parameters
    ----------
    path : Path
        Paths in it start from its folder.
    group_by : str
        A column, or a rule of :mod:`.grouping`; empty takes the column ``group``, else
        ``artist``, else the tags of the files.
    name : str
        Of the data set; the folder's where empty.

    Raises
    ------
    DatasetError
        Missing columns, contradicting rows, unknown parts, no file there at all.
    UnknownName
        `group_by` is neither a column nor a rule.
    """
    table = read_rows(path)
    names = _columns(table, group_by)
    wheres = (f"{path}, line {n}" for n in table.lines)
    items = [_item(r, names, where) for r, where in zip(table.rows, wheres, strict=True)]
    _refuse_conflicts(items, table)
    kept, lines = _available(items, path.parent, table, names)
    warnings = [*table.warnings, *lines]
    replica = names["replica_set"]
    replicas = [table.rows[i][replica].strip() if replica else "" for i in kept]
    chosen = [items[i] for i in kept]
    if not names["group"]:
        chosen, more = by_rule(chosen, path.parent, group_by or "tags")
        warnings += more
    elif alone := sum(not item.group for item in chosen):
        warnings.append(f"{alone} rows name no {names['group']}: each of their tracks is its own")
    used = {c for n, c in names.items() if n != "start" or names["duration"]}
    unread = [c for c in table.header if c not in used]
    pictures = all(i.path.lower().endswith(PICTURE_SUFFIXES) for i in chosen)
    dataset = Dataset(
        name or path.parent.resolve().name,
        str(path.parent),
        tuple(chosen),
        (),
        tuple(warnings),
        kind="pictures" if pictures else "audio",
        passed=(listed(unread, "columns"),) if unread else (),
    )
    return finish(dataset, replicas)
