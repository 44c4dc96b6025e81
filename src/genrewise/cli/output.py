"""How commands show things: aligned tables, JSON, JSON Lines, CSV, messages and progress.

Results go to standard output, everything else to standard error.  Text on standard
output is UTF-8 where it is not a terminal.  A file name that is no valid UTF-8 is
written in JSON with the escapes from which Python and others restore its bytes.
"""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from genrewise.plain import json_text, plain_numbers

__all__ = [
    "Column",
    "Csv",
    "JsonArray",
    "JsonLines",
    "Progress",
    "Table",
    "clean",
    "clock",
    "json_text",
    "plain_numbers",
    "ready_stdout",
    "say",
    "size",
    "style",
    "table",
    "use_colour",
]

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: Reorder or hide text on a terminal although they are no control characters.
_TRICKS = frozenset("\u200b\u200e\u200f\u2028\u2029\ufeff") | {
    chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}

_colour: bool | None = None


def use_colour(wanted: bool | None) -> None:
    """Fix whether text is coloured: True, False, or None for "on a terminal"."""
    global _colour  # noqa: PLW0603
    _colour = wanted


def style(text: str, stream: TextIO, **how: Any) -> str:
    """Text in a colour where the stream shows colours and the user wants them.

    Parameters
    ----------
    text : str
    stream : file
    **how
        As for ``click.style``: ``fg="red"``, ``bold=True``.
    """
    wanted = _colour
    if wanted is None:
        # https://no-color.org: present and not empty, whatever its value.
        dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
        wanted = stream.isatty() and not dumb
    return click.style(text, **how) if wanted and how else text


def ready_stdout() -> TextIO:
    """Standard output that takes any file name."""
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        encoding = None if out.isatty() else "utf-8"
        out.reconfigure(encoding=encoding, errors="backslashreplace")
    return out


def clean(text: str) -> str:
    r"""Text that cannot move the cursor: control and direction characters escaped.

    Bytes of a file name that are no UTF-8 show as ``\xff``.
    """
    if text.isprintable():
        return text
    shown = []
    for c in text:
        if c in _ESCAPES:
            shown.append(_ESCAPES[c])
        elif 0xDC80 <= ord(c) <= 0xDCFF:
            shown.append(f"\\x{ord(c) - 0xDC00:02x}")
        elif unicodedata.category(c) in ("Cc", "Cs") or c in _TRICKS:
            code = ord(c)
            shown.append(f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
        else:
            shown.append(c)
    return "".join(shown)


def _width(text: str) -> int:
    """Columns that text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
    width : int
        Columns on the terminal; 0 in the last one.
    right : bool
        Flush right, as numbers are.
    """

    title: str
    width: int = 0
    right: bool = False


class Table:
    """Rows under a heading, written as they come.

    Parameters
    ----------
    columns : sequence of Column
        The last one is not padded, so that long names do not break the others.
    out : file
    """

    def __init__(self, columns: Sequence[Column], out: TextIO) -> None:
        self.columns, self.out = columns, out
        self._headed = False

    def row(self, cells: Sequence[str], **how: Any) -> None:
        """Write a row, and the heading before the first; `how` colours the first cell."""
        if not self._headed:
            self._headed = True
            titles = self._line([c.title for c in self.columns], {})
            self.out.write(style(titles, self.out, underline=True) + "\n")
        self.out.write(self._line([clean(cell) for cell in cells], how) + "\n")
        self.out.flush()

    def note(self, text: str) -> None:
        """Write a line that belongs to the row above."""
        self.out.write(style(clean(text), self.out, dim=True) + "\n")
        self.out.flush()

    def _line(self, cells: Sequence[str], how: Mapping[str, Any]) -> str:
        parts = []
        for i, (cell, column) in enumerate(zip(cells, self.columns, strict=True)):
            space = " " * (column.width - _width(cell))
            shown = style(cell, self.out, **how) if i == 0 and how else cell
            parts.append(space + shown if column.right else shown + space)
        return "  ".join(parts).rstrip()


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Write a whole table to standard output, as wide as its cells.

    Parameters
    ----------
    titles : sequence of str
    rows : iterable of sequence of str
    right : sequence of int
        Columns flush right.
    """
    held = [list(row) for row in rows]
    widths = [max(_width(clean(r[i])) for r in [titles, *held]) for i in range(len(titles))]
    columns = [Column(t, widths[i], i in right) for i, t in enumerate(titles)]
    columns[-1] = Column(titles[-1])
    out = Table(columns, ready_stdout())
    for row in held:
        out.row(row)


class JsonLines:
    """One JSON object a line, written as they come."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one object."""
        self.out.write(json_text(record) + "\n")
        self.out.flush()

    def close(self) -> None:
        """Write what ends the document: nothing."""


class JsonArray:
    """A JSON array, an object a line, written as they come."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self._lead = "[\n"

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one object."""
        self.out.write(self._lead + json_text(record))
        self.out.flush()
        self._lead = ",\n"

    def close(self) -> None:
        """Write what ends the document."""
        self.out.write("[]\n" if self._lead == "[\n" else "\n]\n")
        self.out.flush()


class Csv:
    """Comma-separated values (RFC 4180 but for the line end) with a heading.

    Parameters
    ----------
    fields : sequence of str
        Keys of the records, in order; a record may lack some.
    out : file
    """

    def __init__(self, fields: Sequence[str], out: TextIO) -> None:
        import csv

        self.out = out
        self._writer = csv.DictWriter(out, fields, extrasaction="ignore", lineterminator="\n")
        self._writer.writeheader()

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one row; None is an empty cell."""
        self._writer.writerow({key: plain_numbers(v) for key, v in record.items()})
        self.out.flush()

    def close(self) -> None:
        """Write what ends the document: nothing."""


def clock(seconds: float) -> str:
    """Seconds as people write them: ``"3:05"``, ``"1:02:03"``, below a minute ``"0:07.5"``."""
    if seconds < 60:
        tenths = round(seconds * 10)
        return f"0:{tenths // 10:02d}.{tenths % 10}" if tenths < 600 else "1:00"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def size(count: float) -> str:
    """Bytes as people write them: ``"4.2 MB"``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def say(text: str, **how: Any) -> None:
    """Write a line to standard error, above the progress line where there is one."""
    if Progress.shown is not None:
        Progress.shown.clear()
    line = style(clean(text), sys.stderr, **how) + "\n"
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(line.encode(encoding, "backslashreplace").decode(encoding))
    sys.stderr.flush()


class Progress:
    """A line on a terminal that says how far it is and how long it will take.

    Silent where standard error is no terminal.  Use as a context manager.

    Parameters
    ----------
    unit : str
        What is counted, in the plural: ``"files"``.
    total : int, optional
        How many there are, where that is known.
    hidden : bool
        Show nothing.
    """

    shown: Progress | None = None
    #: Seconds between two drawings.
    EVERY = 0.1

    def __init__(self, unit: str, total: int | None = None, hidden: bool = False) -> None:
        self.unit, self.total = unit, total
        self.active = not hidden and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.started = time.monotonic()
        self._drawn = 0.0
        self._length = 0

    def __enter__(self) -> Progress:
        if self.active:
            Progress.shown = self
        return self

    def __exit__(self, *exception: object) -> None:
        self.clear()
        Progress.shown = None

    def text(self, done: int, elapsed: float, extra: str = "") -> str:
        """The line: count, share, rate and the time that is left."""
        rate = done / elapsed if elapsed > 0 else 0.0
        parts = [f"{done} {self.unit}"]
        if self.total:
            parts = [f"{done} of {self.total} {self.unit} ({done / self.total:.0%})"]
            if rate > 0 and done < self.total:
                left = round((self.total - done) / rate)
                parts.append(f"{clock(left) if left >= 60 else f'{left} s'} left")
        if rate > 0:
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{1 / rate:.1f} s each")
        if extra:
            parts.append(clean(extra))
        return " · ".join(parts)

    def update(self, done: int, extra: str = "") -> None:
        """Draw the line anew, though not more often than the eye wants."""
        now = time.monotonic()
        if not self.active or (now - self._drawn < self.EVERY and done != self.total):
            return
        self._drawn = now
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        line = self.text(done, now - self.started, extra)[: columns - 1]
        sys.stderr.write("\r" + line + " " * max(0, self._length - len(line)))
        sys.stderr.flush()
        self._length = len(line)

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._length:
            sys.stderr.write("\r" + " " * self._length + "\r")
            sys.stderr.flush()
            self._length = 0
