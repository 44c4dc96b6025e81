"""The tables of a run's report as plain values, for Markdown, LaTeX and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genrewise.training.report.comparison import FIGURES, figure_of, span
from genrewise.training.report.grids import Cell, Grid, Range
from genrewise.training.report.pieces import levels_of, part_of

__all__ = ["candidates", "confusion", "genres", "levels", "top"]

Report = Mapping[str, Any]

_FIGURES = {
    "accuracy": "accuracy",
    "macro F1": "macro_f1",
    "weighted F1": "weighted_f1",
    "calibration error": "ece",
    "answered": "answered",
    "right when answered": "right_when_answered",
}


#: Figure of an evaluation: how many can be answered, the surest first, with 5 % wrong.
SUREST = "answered_at_5_percent_wrong"


def top(report: Report) -> tuple[str, Mapping[str, Any]]:
    """The largest level of the part that the headline is about, and its figures."""
    return list(levels_of(report[part_of(report)]).items())[-1]


def levels(scores: Mapping[str, Any], caption: str) -> Grid:
    """Figures down, levels across."""
    found = levels_of(scores)
    rows: list[list[Cell]] = [[key, *(s[key] for s in found.values())] for key in ("n", "groups")]
    for name, key in _FIGURES.items():
        rows.append([name, *(s[key] for s in found.values())])
        if key == "accuracy":
            rows.append(["95 % interval", *(Range(*s["interval"]) for s in found.values())])
    if any(SUREST in s for s in found.values()):
        rows.append(["answered at 5 % wrong", *(s.get(SUREST) for s in found.values())])
    return Grid(["", *found], rows, caption)


def genres(report: Report) -> Grid:
    """Precision, recall and F1 of each label that is there."""
    level, s = top(report)
    rows = [
        [label, r["n"], r["precision"], r["recall"], r["f1"]] for label, r in s["per_label"].items()
    ]
    caption = f"{part_of(report).capitalize()} part, by {level}"
    return Grid(["genre", "n", "precision", "recall", "F1"], rows, caption)


def confusion(report: Report) -> Grid:
    """Truth down, answers across, counted."""
    labels, matrix = report["data"]["labels"], top(report)[1]["confusion"]
    rows = [[label, *row] for label, row in zip(labels, matrix, strict=True)]
    return Grid(["truth / answer", *labels], rows, "Counts; truth down, answers across")


def candidates(report: Report) -> Grid:
    """Every candidate with its out-of-fold figures, and its test figures where it has them."""
    found = report.get("candidates") or []
    names = list(dict.fromkeys(key for row in found for key in row if key != "test"))
    figure = figure_of(report)
    tested = list(dict.fromkeys(level for row in found for level in levels_of(row.get("test", {}))))
    rows = [
        [_cell(row.get(name)) for name in names] + [_tested(row, level, figure) for level in tested]
        for row in found
    ]
    head = [*names, *(f"test {FIGURES[figure]} by {level}" for level in tested)]
    return Grid(head, rows, "Candidates, judged on validation, best first")


def _cell(value: Any) -> Cell:
    if isinstance(value, list | tuple):
        return " + ".join(map(str, value))
    return value if isinstance(value, int | float | None) else str(value)


def _tested(row: Mapping[str, Any], level: str, figure: str) -> Cell:
    s = row.get("test", {}).get(level)
    if s is None:
        return None
    return span(s) if figure == "accuracy" else float(s[figure])
