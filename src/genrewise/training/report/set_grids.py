"""The tables of a set of runs as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrewise.training.report.comparison import FIGURES, span
from genrewise.training.report.grids import Cell, Grid, Points, Span, Written, plain
from genrewise.training.report.pieces import per_cent

__all__ = ["genres", "measured", "overview", "protocols", "versus"]

Row = Mapping[str, Any]


def measured(row: Row) -> str:
    """What a row compares: ``accuracy by window``."""
    return f"{FIGURES[row['figure']]} by {row['unit']}"


def _level(row: Row, level: str) -> list[Cell]:
    """Honest accuracy at a level and how many there were; over seeds where there is no run."""
    at = (row["honest"] or {}).get("levels", {}).get(level)
    return [span(at), at["n"]] if at else [None, None]


def _over_seeds(row: Row) -> Cell:
    """``5: .784 (.762–.810)``: how many, mean, least and most."""
    spread = row["seeds"] and row["seeds"]["levels"].get(row["unit"])
    if not spread:
        return None
    mean = plain(Span(spread["mean"], spread["least"], spread["most"]))
    return Written(f"{row['seeds']['n']}: {mean}")


def _minutes(row: Row) -> Cell:
    return None if row["minutes"] is None else Written(f"{row['minutes']:.1f}")


def overview(rows: Sequence[Row]) -> Grid:
    """A row a system: the authors', ours under both protocols, by clip and track.

    A column that holds nothing in any row is left out.
    """
    head = ["system", "measured", "the authors", "ours, published protocol", "ours, honest"]
    head += ["difference, points", "honest by clip (95 %)", "n clips"]
    head += ["honest by track (95 %)", "n tracks", "seeds: mean (range)", "minutes"]
    made: list[list[Cell]] = []
    for row in rows:
        cells: list[Cell] = [row["label"], measured(row), (row["authors"] or {}).get("value")]
        cells += [side and side["value"] for side in (row["published"], row["honest"])]
        cells += [None if row["difference"] is None else Points(row["difference"])]
        cells += [*_level(row, "clip"), *_level(row, "track"), _over_seeds(row), _minutes(row)]
        made.append(cells)
    used = [i for i in range(len(head)) if any(cells[i] is not None for cells in made)]
    return Grid([head[i] for i in used], [[cells[i] for i in used] for cells in made])


def protocols(rows: Sequence[Row]) -> Grid:
    """What the protocol alone is worth, the largest difference first."""
    both = [row for row in rows if row["difference"] is not None]
    both.sort(key=lambda row: -row["difference"])
    made = [[row["label"], Points(row["difference"]), _leaked(row)] for row in both]
    return Grid(["system", "points", "test windows of learnt tracks"], made)


def _leaked(row: Row) -> Cell:
    """Share of the published protocol's test windows whose track was learnt from."""
    leaks = row["published"]["leaks"]
    return Written(per_cent(leaks["windows"] / leaks["of"])) if leaks and leaks["of"] else None


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
            Written(f"{d['p']:.3f}" if d["p"] >= 0.001 else "< 0.001"),
        ]
        for d in sorted(duels, key=lambda d: d["p"])
    ]
    return Grid(head, rows)
