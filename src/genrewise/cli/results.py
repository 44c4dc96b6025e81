"""How ``genrewise classify`` shows its records: a table for people, CSV for spreadsheets.

JSON and JSON Lines take the records as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from genrewise.cli.output import Column, Csv, JsonArray, JsonLines, Table, clock

__all__ = ["Writer", "ranking", "writer"]

Record = Mapping[str, Any]

_TIMES = ("path", "status", "start", "stop", "genre", "confidence", "model", "error")


class Writer(Protocol):
    """Takes records as they come."""

    def write(self, record: Record) -> None:
        """Show one record."""

    def close(self) -> None:
        """Show what ends the whole."""


def writer(form: str, out: TextIO, *, top: int, timeline: bool, several: bool = False) -> Writer:
    """The writer of a form.

    Parameters
    ----------
    form : {"table", "json", "jsonl", "csv"}
    out : file
    top : int
        Labels to show a file.
    timeline : bool
        Show the genre over time.
    several : bool
        The model gives several labels at once.
    """
    if form == "json":
        return JsonArray(out)
    if form == "jsonl":
        return JsonLines(out)
    if form == "csv":
        return _CsvOfTimes(out) if timeline else _CsvOfFiles(out, top, several)
    return (_RowsOfSeveral if several else _Rows)(out, top, timeline)


def ranking(record: Record) -> list[tuple[str, float]]:
    """Labels and probabilities of a record, its genres first, then the most probable."""
    p, genres = record["probabilities"], record.get("genres", ())
    rest = sorted((label for label in p if label not in genres), key=lambda label: -p[label])
    return [(label, p[label]) for label in (*genres, *rest)]


class _CsvOfFiles:
    """A row a file; the best labels in pairs of columns."""

    def __init__(self, out: TextIO, top: int, several: bool) -> None:
        self.top = top
        pairs = [f"{kind}_{i}" for i in range(1, top + 1) for kind in ("label", "p")]
        genres = ("genres",) if several else ()
        first = ("path", "status", "genre", *genres, "confidence", "seconds", "elapsed", "model")
        self._csv = Csv([*first, "reason", "lost", "error", *pairs], out)

    def write(self, record: Record) -> None:
        row = dict(record) | {"genres": "; ".join(record.get("genres", ())[: self.top])}
        for i, (label, p) in enumerate(ranking(record)[: self.top], 1):
            row[f"label_{i}"], row[f"p_{i}"] = label, p
        self._csv.write({k: v for k, v in row.items() if not isinstance(v, (dict, list))})

    def close(self) -> None:
        self._csv.close()


class _CsvOfTimes:
    """A row a segment; one without times for a file that has none."""

    def __init__(self, out: TextIO) -> None:
        self._csv = Csv(_TIMES, out)

    def write(self, record: Record) -> None:
        common = {key: record.get(key) for key in ("path", "status", "model", "error")}
        for segment in record.get("timeline") or [{}]:
            self._csv.write(common | segment)

    def close(self) -> None:
        self._csv.close()


class _Rows:
    """A row a file: genre, confidence, runner-up, length, file.

    The widths are those of the model's labels, known from the first answer, so rows
    can be shown as they come.  Failed files are not in the table: they are messages.
    """

    def __init__(self, out: TextIO, top: int, timeline: bool) -> None:
        self.out, self.top, self.timeline = out, top, timeline
        self._table: Table | None = None

    def _columns(self, longest: int) -> list[Column]:
        """What stands before length and file; `longest` is the width of a label."""
        return [
            Column("genre", max(longest, len("unknown"))),
            Column("confidence", 10, right=True),
            Column("runner-up", max(9, _width(max(1, self.top - 1), longest))),
        ]

    def _cells(self, record: Record) -> list[str]:
        """Cells of those columns."""
        genre = record["genre"]
        others = [pair for pair in ranking(record) if pair[0] != genre]
        # Of an unknown genre the column of runners-up begins with the best guess; its
        # confidence is no confidence in "unknown".
        return [
            genre or "unknown",
            f"{record['confidence']:.2f}" if genre else "",
            _silent_or(record, _listed(others[: max(1, self.top - 1)])),
        ]

    def write(self, record: Record) -> None:
        if record["status"] == "failed":
            return
        if self._table is None:
            columns = self._columns(max(map(len, record["probabilities"]), default=0))
            self._table = Table(
                [*columns, Column("length", 7, right=True), Column("file")], self.out
            )
        length = clock(record["seconds"])
        if record["status"] == "partial" and record["stated"]:
            length += f" of {clock(record['stated'])}"
        how: dict[str, Any] = {"bold": True} if record["genre"] else {"dim": True}
        self._table.row([*self._cells(record), length, record["path"]], **how)
        if self.timeline:
            self._times(self._table, record)

    def _times(self, table: Table, record: Record) -> None:
        """Lines below a row: stretches of one genre, and the seconds that decided."""
        for start, stop, genre, confidence in stretches(record["timeline"]):
            table.note(f"    {clock(start):>7} – {clock(stop):>7}  {genre}  {confidence:.2f}")
        spans = [f"{clock(s['start'])} – {clock(s['stop'])}" for s in record["deciding"]]
        if spans:
            table.note(f"    decided by {', '.join(spans)}")
        alike = [f"{n['track']} ({n['genre']})" for n in record["nearest"]]
        if alike:
            table.note(f"    sounds like {', '.join(alike)}")
        if record["genre"] is None and record["reason"]:
            table.note(f"    unknown: {record['reason']}")

    def close(self) -> None:
        """Nothing ends a table."""


class _RowsOfSeveral(_Rows):
    """A row a file: what it bears with each probability, and what comes next."""

    def _columns(self, longest: int) -> list[Column]:
        return [
            Column("genres", max(len("unknown"), _width(self.top, longest))),
            Column("next", max(8, _width(1, longest))),
        ]

    def _cells(self, record: Record) -> list[str]:
        borne = len(record.get("genres", ()))
        found = ranking(record)
        return [
            _listed(found[: min(borne, self.top)]) or "unknown",
            _silent_or(record, _listed(found[borne : borne + 1])),
        ]


def _listed(pairs: list[tuple[str, float]]) -> str:
    """Labels with their probabilities in one cell."""
    return ", ".join(f"{label} {p:.2f}" for label, p in pairs)


def _width(n: int, longest: int) -> int:
    """Columns that so many labels and their probabilities take."""
    return n * (longest + 5) + 2 * (n - 1)


def _silent_or(record: Record, text: str) -> str:
    """The text of a cell, unless nothing was heard."""
    return "(silent)" if record["reason"] == "silent" else text


def stretches(timeline: list[dict[str, Any]]) -> list[tuple[float, float, str, float]]:
    """Neighbouring segments of one genre as one: start, stop, genre, mean confidence."""
    found: list[list[Any]] = []
    for s in timeline:
        if found and found[-1][2] == s["genre"] and s["start"] <= found[-1][1] + 1e-6:
            found[-1][1] = s["stop"]
            found[-1][3].append(s["confidence"])
        else:
            found.append([s["start"], s["stop"], s["genre"], [s["confidence"]]])
    return [(start, stop, genre, sum(c) / len(c)) for start, stop, genre, c in found]
