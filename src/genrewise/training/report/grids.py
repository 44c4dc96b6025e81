"""Tables as plain values, and the same table as HTML, Markdown and LaTeX.

A cell is text, a whole number, a figure from 0 to 1, an interval (:class:`Range`), a figure
with its interval (:class:`Span`), a difference (:class:`Points`), any other figure as text
(:class:`Written`), or None for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from genrewise.training.report import pieces

__all__ = [
    "Cell",
    "Grid",
    "Points",
    "Range",
    "Span",
    "Written",
    "html",
    "latex",
    "markdown",
    "plain",
    "tex_text",
]

NOTHING = "–"


class Span(NamedTuple):
    """A figure from 0 to 1 and what it may as well be."""

    value: float
    low: float
    high: float


class Range(NamedTuple):
    """An interval of figures from 0 to 1."""

    low: float
    high: float


class Written(str):
    """A figure written out; it stands on the right, as figures do."""

    __slots__ = ()


class Points(float):
    """A difference of two figures from 0 to 1; shown in hundredths, with its sign."""


Cell = str | int | float | Span | Range | Points | None


@dataclass(frozen=True)
class Grid:
    """A table whose first column heads its rows.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequence of cell
        Each as long as `head`.
    caption : str
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


def plain(cell: Cell, *, short: bool = False) -> str:
    """A cell as text: ``0.768``, ``0.768 (0.712–0.820)``; points as ``+22.3``.

    Parameters
    ----------
    cell : cell
    short : bool
        Without the zero before the point, as papers print it: ``.768``.
    """
    if cell is None:
        return NOTHING
    if isinstance(cell, Points):
        return f"{100 * cell:+.1f}"
    if isinstance(cell, Span):
        return f"{plain(cell.value, short=short)} ({plain(Range(*cell[1:]), short=short)})"
    if isinstance(cell, Range):
        return "–".join(plain(edge, short=short) for edge in cell)
    if isinstance(cell, float):
        return pieces.share(cell) if short else f"{cell:.3f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def html(grid: Grid, *, stack: bool = False) -> str:
    """A grid as HTML; `stack` as in :func:`.pieces.table`."""

    def shown(cell: Cell) -> str:
        text = escape(plain(cell, short=True))
        kind = "none" if cell is None else "left" if _is_text(cell) else ""
        return f'<td class="{kind}">{text}</td>' if kind else text

    rows = [[escape(plain(first)), *map(shown, rest)] for first, *rest in grid.rows]
    return pieces.table(grid.head, rows, escape(grid.caption), stack=stack)


def markdown(grid: Grid) -> str:
    """A grid as Markdown; the caption stands above it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    right = [_right(grid, i) for i in range(len(grid.head))]
    rule = ["---:" if is_right else "---" for is_right in right]
    rows = [line([plain(cell) for cell in row]) for row in grid.rows]
    above = [grid.caption, ""] if grid.caption else []
    return "\n".join([*above, line(grid.head), line(rule), *rows]) + "\n"


def _right(grid: Grid, column: int) -> bool:
    """Whether a column holds figures."""
    cells = [row[column] for row in grid.rows if row[column] is not None]
    return bool(cells) and not any(map(_is_text, cells))


def _is_text(cell: Cell) -> bool:
    return isinstance(cell, str) and not isinstance(cell, Written)


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    **{c: "\\" + c for c in "&%$#_{}"},
}


def tex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def latex(grid: Grid) -> str:
    """A grid as a LaTeX table, for the package booktabs."""
    columns = "".join("r" if _right(grid, i) else "l" for i in range(len(grid.head)))
    rows = [[tex_text(plain(cell)) for cell in row] for row in grid.rows]
    lines = [
        r"\begin{table}",
        rf"\caption{{{tex_text(grid.caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(tex_text, grid.head)) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
