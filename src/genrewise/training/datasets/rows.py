"""Rows of CSV and JSONL files, with the columns that a manifest may have."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genrewise.errors import DatasetError, nearest

__all__ = ["ALIASES", "Rows", "column", "read_rows", "require", "seconds", "side"]

#: Columns of a manifest and the names that other people's lists give them.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path"),
    "label": ("label", "genre", "class", "genre_top", "target"),
    "group": ("group",),
    "track": ("track", "track_id"),
    "split": ("split",),
    "start": ("start",),
    "duration": ("duration",),
    "replica_set": ("replica_set",),
}

_SIDES: Mapping[str, str] = {
    "": "",
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "eval": "test",
}


@dataclass(frozen=True)
class Rows:
    """A table of text.

    Parameters
    ----------
    path : str
        The file, for messages.
    header : tuple of str
        Column names, blanks around them removed.
    rows : tuple of dict of str to str
        Cells by column name; every row has every column.
    lines : tuple of int
        Line number of each row in the file, from 1.
    warnings : tuple of str
        What a user should know of how it was read.
    """

    path: str
    header: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    """What a file holds, and a line where its encoding had to be guessed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}", "a readable CSV or JSONL file") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" of Windows
        return data.decode("utf-16", "replace"), ()
    if b"\0" in data[:4096]:
        raise DatasetError(f"{path}: binary data", "a CSV or JSONL file")
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        # What spreadsheets on Windows write; it decodes nearly everything.
        line = data.count(b"\n", 0, error.start) + 1
        return data.decode("cp1252", "replace"), (
            f"{path.name}, line {line}: no UTF-8; read as Windows-1252, so that letters with"
            " accents may be wrong: save it as UTF-8",
        )


def _csv(path: Path, text: str) -> Rows:
    lines = text.splitlines(keepends=True)
    comments = 0
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    lines = lines[comments:]
    first = lines[0] if lines else ""
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = tuple(cell.strip() for cell in next(reader, []))
    if not any(header):
        raise DatasetError(f"{path}: empty", "a first line with the column names")
    twice = {name for name in header if name and header.count(name) > 1}
    if twice:
        raise DatasetError(f"{path}: column {min(twice)!r} twice", "each column once")
    rows, numbers = [], []
    try:
        for cells in reader:
            if not any(cells):
                continue
            number = reader.line_num + comments
            if len(cells) != len(header):
                raise DatasetError(
                    f"{path}, line {number}: {len(cells)} cells",
                    f"{len(header)}, as in the first line",
                )
            rows.append(dict(zip(header, cells, strict=True)))
            numbers.append(number)
    except csv.Error as error:
        line = reader.line_num + comments
        raise DatasetError(f"{path}, line {line}: {error}", "CSV") from error
    return Rows(str(path), header, tuple(rows), tuple(numbers))


def _jsonl(path: Path, text: str) -> Rows:
    rows, numbers = [], []
    # Split at \n alone: JSON strings may hold other line ends.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DatasetError(
                f"{path}, line {number}: no JSON ({error})", "one object a line"
            ) from error
        if not isinstance(value, dict):
            raise DatasetError(f"{path}, line {number}: {line.strip()[:40]}", "one object a line")
        rows.append({str(k): _cell(v) for k, v in value.items()})
        numbers.append(number)
    header = tuple(dict.fromkeys(key for row in rows for key in row))
    filled = tuple({key: row.get(key, "") for key in header} for row in rows)
    return Rows(str(path), header, filled, tuple(numbers))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def read_rows(path: Path) -> Rows:
    """The rows of a CSV (``,``, ``;``, tab or ``|``) or JSONL file.

    In UTF-8 or, where its first bytes say so, UTF-16; anything else is taken for
    Windows-1252, with a warning.  Lines that start with ``#`` before the column names are comments.

    Raises
    ------
    DatasetError
        Unreadable, binary, empty, ragged or no JSON; with the line.
    """
    text, warnings = _text(path)
    table = (_jsonl if path.suffix.lower() in {".jsonl", ".ndjson"} else _csv)(path, text)
    return replace(table, warnings=warnings)


def column(header: Iterable[str], name: str) -> str:
    """The column that stands for a manifest's `name`; empty where there is none."""
    folded = {cell.casefold().replace(" ", "_"): cell for cell in reversed(list(header))}
    return next((folded[alias] for alias in ALIASES[name] if alias in folded), "")


def require(table: Rows, name: str) -> str:
    """The column that stands for `name`.

    Raises
    ------
    DatasetError
        Where there is none, with the names that are like it.
    """
    found = column(table.header, name)
    if not found:
        close = [c for alias in ALIASES[name] for c in nearest(alias, table.header, 1)]
        close = list(dict.fromkeys(close))
        raise DatasetError(
            f"{table.path}: no column {name!r} among {', '.join(table.header[:8])}",
            "columns path and label (then group, track, split, start, duration)",
            f"rename {close[0]!r} to {name!r} if that is it" if close else "",
        )
    return found


def seconds(text: str, where: str) -> float:
    """Seconds from ``"61.5"``, ``"1:01.5"`` or ``"1:02:03"``.

    Raises
    ------
    DatasetError
        For anything else; `where` begins the message.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(math.isfinite(p) and p >= 0 for p in parts):
        raise DatasetError(f"{where}: {text!r}", "seconds, m:ss or h:mm:ss")
    total = 0.0
    for part in parts:
        total = 60 * total + part
    return total


def side(text: str, where: str) -> str:
    """``train``, ``valid``, ``test`` or empty, from the spellings people use.

    Raises
    ------
    DatasetError
        For another word, with the nearest.
    """
    found = _SIDES.get(text.strip().casefold())
    if found is None:
        close = nearest(text, [s for s in _SIDES if s])
        raise DatasetError(
            f"{where}: split {text!r}",
            "train, valid, test or nothing",
            f"did you mean {close[0]}?" if close else "",
        )
    return found


def listed(names: Sequence[str], what: str) -> str:
    """``"columns passed over: a, b"``."""
    return f"{what} passed over: {', '.join(names)}"
