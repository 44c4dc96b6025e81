"""The tables of a set of runs as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrewise.training.report.comparison import FIGURES, share_of, span
from genrewise.training.report.grids import Cell, Grid, Points, Span, Written, plain

__all__ = ["genres", "measured", "overview", "protocols", "results", "splits", "titled", "versus"]

Row = Mapping[str, Any]


def measured(row: Row) -> str:
    """What a row compares: ``accuracy by window``."""
    return f"{FIGURES[row['figure']]} by {row['unit']}"


def _level(row: Row, level: str) -> tuple[Cell, Cell]:
    """Honest accuracy at a level and how many there were; over seeds where there is no run."""
    at = (row["honest"] or {}).get("levels", {}).get(level)
    return (span(at), at["n"]) if at else (None, None)


def _over_seeds(row: Row, key: str = "seeds") -> Cell:
    """``5: 0.784 (0.762–0.810)``: how many, mean, least and most."""
    spread = row[key] and row[key]["levels"].get(row["unit"])
    if not spread:
        return None
    mean = plain(Span(spread["mean"], spread["least"], spread["most"]))
    return Written(f"{row[key]['n']}: {mean}")


def _minutes(row: Row) -> Cell:
    return None if row["minutes"] is None else Written(f"{row['minutes']:.1f}")


def overview(rows: Sequence[Row]) -> Grid:
    """A row a system: the authors', ours under both protocols, by clip and track.

    A column that holds nothing in any row is left out.
    """
    head = ["system", "measured", "the authors", "ours, published protocol", "ours, honest"]
    head += ["difference, points", "honest by clip (95 %)", "honest by track (95 %)"]
    head += ["clips, tracks", "seeds: mean (range)"]
    head += ["published protocol over seeds", "minutes"]
    made: list[list[Cell]] = []
    for row in rows:
        cells: list[Cell] = [row["label"], measured(row), (row["authors"] or {}).get("value")]
        cells += [side and side["value"] for side in (row["published"], row["honest"])]
        cells += [None if row["difference"] is None else Points(row["difference"])]
        (clip, n_clips), (track, n_tracks) = (_level(row, level) for level in ("clip", "track"))
        n = Written(f"{plain(n_clips)}, {plain(n_tracks)}") if n_clips or n_tracks else None
        cells += [clip, track, n, _over_seeds(row)]
        cells += [_over_seeds(row, "published_seeds"), _minutes(row)]
        made.append(cells)
    used = [i for i in range(len(head)) if any(cells[i] is not None for cells in made)]
    return Grid([head[i] for i in used], [[cells[i] for i in used] for cells in made])


def results(rows: Sequence[Row]) -> Grid:
    """A row a system, in few columns of words and figures: for a page of Markdown."""
    head = ["system", "recipe", "published", "ours, published protocol", "ours, honest"]
    head += ["honest: right by clip (95 %)", "right by track (95 %)", "seeds", "minutes"]
    return Grid(head, [_result(row) for row in rows])


def _result(row: Row) -> list[Cell]:
    theirs, published, honest = row["authors"], row["published"], row["honest"]
    cells: list[Cell] = [row["system"], f"`{row['label']}`"]
    cells += [_printed(row) if theirs else None, _leaking(row) if published else None]
    cells += [plain(honest["value"]) if honest else None]
    for level in ("clip", "track"):
        accuracy, n = _level(row, level)
        cells.append(f"{plain(accuracy)}, n {plain(n)}" if accuracy else None)
    spent = [side["minutes"] for side in (published, honest) if side and side["minutes"]]
    minutes = " + ".join(f"{m:.1f}" for m in spent)
    return [*cells, _over_seeds(row) or Written("1"), Written(minutes or "–")]


def _printed(row: Row) -> str:
    """The authors' figure with its unit and protocol."""
    theirs = row["authors"]
    n = f", n {plain(theirs['n'])}" if theirs["n"] else ""
    said = f"{measured(row)} {plain(theirs['value'])}{n}"
    return f"{said}: {theirs['protocol']}" if theirs["protocol"] else said


def _leaking(row: Row) -> str:
    """Ours by the authors' split, with how much of it was learnt from."""
    side = row["published"]
    share, seeds = _leaked(row), _over_seeds(row, "published_seeds")
    leaks = side["leaks"] or {}
    learnt = f"; {share} from tracks learnt from" if leaks.get("windows") else ""
    if leaks.get("chosen_on_test"):
        learnt += "; the test also stopped the training"
    more = f"; {plain(seeds).replace(':', ' seeds:')}" if seeds else ""
    return f"{plain(side['value'])}, n {plain(side['n'])}{more}{learnt}"


def titled(rows: Sequence[Row]) -> Grid:
    """:func:`overview` with what each system is, for a few that differ in one thing."""
    whole = overview(rows)
    told = [[row["title"], *cells[1:]] for row, cells in zip(rows, whole.rows, strict=True)]
    return Grid(["", *whole.head[1:]], told)


def splits(sides: Sequence[tuple[str, Row]]) -> Grid:
    """What a split is worth: accuracy at each level, and what stands on both sides.

    Parameters
    ----------
    sides : sequence of (title, side)
        Each as ``published`` or ``honest`` of :func:`.systems.row`.
    """
    levels = ("window", "clip", "track")
    head = ["split", "test windows of learnt tracks", "groups on both sides"]
    head += [f"right by {level} (95 %)" for level in levels] + ["n windows", "n tracks"]
    rows: list[list[Cell]] = []
    for title, side in sides:
        leaks = side["leaks"] or {}
        n = leaks.get("of")
        learnt = Written(share_of(leaks["windows"], n)) if n else Written("none")
        found = side["levels"]
        cells: list[Cell] = [title, learnt, leaks.get("groups", 0)]
        cells += [span(found[level]) if level in found else None for level in levels]
        cells += [found[level]["n"] if level in found else None for level in ("window", "track")]
        rows.append(cells)
    return Grid(head, rows)


def protocols(rows: Sequence[Row]) -> Grid:
    """What the protocol alone is worth, the largest difference first."""
    both = [row for row in rows if row["difference"] is not None]
    both.sort(key=lambda row: -row["difference"])
    made = [[row["label"], Points(row["difference"]), _leaked(row)] for row in both]
    return Grid(["system", "points", "test windows of learnt tracks"], made)


def _leaked(row: Row) -> Cell:
    """Share of the published protocol's test windows whose track was learnt from."""
    leaks = row["published"]["leaks"]
    return Written(share_of(leaks["windows"], leaks["of"])) if leaks and leaks["of"] else None


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
