"""The tables of a set of runs as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrewise.training.report.comparison import FIGURES, span
from genrewise.training.report.grids import Cell, Grid, Points, Span

__all__ = ["genres", "measured", "overview", "protocols", "versus"]

Row = Mapping[str, Any]


def measured(row: Row) -> str:
    """What a row compares: ``accuracy by window``."""
    return f"{FIGURES[row['figure']]} by {row['unit']}"


def _value(side: Row | None) -> Cell:
    """A figure, with its interval where it has one."""
    if side is None or side["value"] is None:
        return None
    return Span(side["value"], *side["interval"]) if side["interval"] else side["value"]


def _level(row: Row, level: str) -> list[Cell]:
    """Honest accuracy at a level and how many there were; over seeds where there is no run."""
    at = (row["honest"] or {}).get("levels", {}).get(level)
    return [span(at), at["n"]] if at else [None, None]


def _over_seeds(row: Row) -> Cell:
    """``5: .784 (.762–.810)``: how many, mean, least and most."""
    spread = row["seeds"] and row["seeds"]["levels"].get(row["unit"])
    if not spread:
        return None
    return f"{row['seeds']['n']}: {spread['mean']:.3f} ({spread['least']:.3f}–{spread['most']:.3f})"


def _minutes(row: Row) -> Cell:
    return None if row["minutes"] is None else f"{row['minutes']:.1f}"


def overview(rows: Sequence[Row]) -> Grid:
    """A row a system: the authors', ours under both protocols, by clip and track."""
    head = ["system", "measured", "the authors", "n", "ours, published protocol", "n"]
    head += ["ours, honest", "honest by clip (95 %)", "n", "honest by track (95 %)", "n"]
    head += ["seeds: mean (range)", "minutes"]
    made: list[list[Cell]] = []
    for row in rows:
        theirs, published = row["authors"] or {}, row["published"]
        cells: list[Cell] = [row["label"], measured(row), theirs.get("value"), theirs.get("n")]
        cells += [_value(published), published and published["n"]]
        cells += [row["honest"] and row["honest"]["value"]]
        cells += [*_level(row, "clip"), *_level(row, "track"), _over_seeds(row), _minutes(row)]
        made.append(cells)
    return Grid(head, made)


def protocols(rows: Sequence[Row]) -> Grid:
    """What the protocol alone is worth, the largest difference first."""
    both = [row for row in rows if row["difference"] is not None]
    both.sort(key=lambda row: -row["difference"])
    head = ["system", "measured", "the authors", "ours, published protocol", "ours, honest"]
    head += ["difference, points", "test windows from tracks learnt from"]
    made: list[list[Cell]] = []
    for row in both:
        leaks = row["published"]["leaks"] or {}
        n = leaks.get("of")
        made.append(
            [
                row["label"],
                measured(row),
                (row["authors"] or {}).get("value"),
                row["published"]["value"],
                row["honest"]["value"],
                Points(row["difference"]),
                f"{100 * leaks['windows'] / n:.0f} %" if n else None,
            ]
        )
    return Grid(head, made)


def genres(labels: Sequence[str], scores: Mapping[str, Mapping[str, Any]], level: str) -> Grid:
    """F1 by genre, a row a system.

    Parameters
    ----------
    labels : sequence of str
    scores : mapping of str to mapping
        System to ``per_label`` of :func:`genrewise.training.metrics.level_scores`.
    level : str
    """
    rows = [
        [system, *(found[label]["f1"] if label in found else None for label in labels)]
        for system, found in scores.items()
    ]
    return Grid(["system", *labels], rows, f"F1 by {level}, honest")


def versus(duels: Sequence[Row]) -> Grid:
    """Pairs of systems, the surest difference first."""
    head = ["one", "other", "tracks", "right: one", "other", "only one", "only the other", "p"]
    rows = [
        [
            *(d["a"], d["b"], d["n"], d["right_a"], d["right_b"], d["only_a"], d["only_b"]),
            f"{d['p']:.3f}" if d["p"] >= 0.001 else "< 0.001",
        ]
        for d in sorted(duels, key=lambda d: d["p"])
    ]
    return Grid(head, rows)
