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


def writer(form: str, out: TextIO, *, top: int, timeline: bool) -> Writer:
    """The writer of a form.

    Parameters
    ----------
    form : {"table", "json", "jsonl", "csv"}
    out : file
    top : int
        Labels to show a file.
    timeline : bool
        Show the genre over time.
    """
    if form == "json":
        return JsonArray(out)
    if form == "jsonl":
        return JsonLines(out)
    if form == "csv":
        return _CsvOfTimes(out) if timeline else _CsvOfFiles(out, top)
    return _Rows(out, top, timeline)


def ranking(record: Record) -> list[tuple[str, float]]:
    """Labels and probabilities of a record, most probable first."""
    return sorted(record["probabilities"].items(), key=lambda pair: -pair[1])


class _CsvOfFiles:
    """A row a file; the most probable labels in pairs of columns."""

    def __init__(self, out: TextIO, top: int) -> None:
        self.top = top
        pairs = [f"{kind}_{i}" for i in range(1, top + 1) for kind in ("label", "p")]
        first = ("path", "status", "genre", "confidence", "seconds", "elapsed", "model")
        self._csv = Csv([*first, "reason", "lost", "error", *pairs], out)

    def write(self, record: Record) -> None:
        row = dict(record)
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

    def _begin(self, labels: list[str]) -> Table:
        longest = max(map(len, labels), default=0)
        others = max(1, self.top - 1)
        columns = (
            Column("genre", max(longest, len("unknown"))),
            Column("confidence", 10, right=True),
            Column("runner-up", max(9, others * (longest + 5) + 2 * (others - 1))),
            Column("length", 7, right=True),
            Column("file"),
        )
        return Table(columns, self.out)

    def write(self, record: Record) -> None:
        if record["status"] == "failed":
            return
        if self._table is None:
            self._table = self._begin(list(record["probabilities"]))
        genre = record["genre"]
        others = [pair for pair in ranking(record) if pair[0] != genre]
        runners = ", ".join(f"{label} {p:.2f}" for label, p in others[: max(1, self.top - 1)])
        silent = record["reason"] == "silent"
        length = clock(record["seconds"])
        if record["status"] == "partial" and record["stated"]:
            length += f" of {clock(record['stated'])}"
        # Of an unknown genre the column of runners-up begins with the best guess; its
        # confidence is no confidence in "unknown".
        cells = (
            genre or "unknown",
            f"{record['confidence']:.2f}" if genre else "",
            "(silent)" if silent else runners,
            length,
            record["path"],
        )
        how: dict[str, Any] = {"bold": True} if genre else {"dim": True}
        self._table.row(cells, **how)
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
