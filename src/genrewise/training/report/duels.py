"""Two systems on the same test tracks: which is right where the other is not."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genrewise.training.metrics import mcnemar
from genrewise.training.report.systems import System

__all__ = ["duels", "right_tracks"]

#: A track and its label: what votes together.
Key = tuple[str, str]


def right_tracks(path: Path) -> dict[Key, bool]:
    """Test tracks of a run and whether each was answered rightly.

    Parameters
    ----------
    path : Path
        Of ``predictions.csv``.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["track"], row["truth"]): row["truth"] == row["answer"]
            for row in csv.DictReader(file)
            if row["part"] == "test" and row["level"] == "track"
        }


def duels(found: Iterable[System]) -> list[dict[str, Any]]:
    """Every two honest runs that were tested on the same tracks (McNemar 1947, exact).

    Parameters
    ----------
    found : iterable of System
        Those without ``predictions.csv`` beside their report are left out.

    Returns
    -------
    list of dict
        ``a``, ``b``: labels; ``n`` tracks; ``right_a``, ``right_b``: counts; ``only_a``,
        ``only_b`` and ``p`` as of :func:`genrewise.training.metrics.mcnemar`.
    """
    answers: dict[str, Mapping[Key, bool]] = {}
    for system in found:
        if system.honest is None or system.honest.report["protocol"] != "honest":
            continue
        path = system.honest.path.parent / "predictions.csv"
        if path.is_file() and (tracks := right_tracks(path)):
            answers[system.label] = tracks
    rows = []
    for (a, first), (b, second) in itertools.combinations(answers.items(), 2):
        if set(first) != set(second):
            continue
        keys = sorted(first)
        right_a, right_b = [first[key] for key in keys], [second[key] for key in keys]
        counted = {"n": len(keys), "right_a": sum(right_a), "right_b": sum(right_b)}
        rows.append({"a": a, "b": b, **counted, **mcnemar(right_a, right_b)})
    return rows
