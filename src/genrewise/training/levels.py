"""Figures at three levels side by side, and the rows of predictions.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrewise.training.metrics import level_scores
from genrewise.training.unknown import UnknownRule
from genrewise.votes import vote

if TYPE_CHECKING:
    from genrewise.training.problem import Problem

__all__ = ["answer_row", "levels", "sections"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def sections(keys: list[tuple[str, str]], p: F64) -> tuple[list[tuple[str, str]], F64, I64]:
    """Votes of clips that share a key.

    Returns
    -------
    keys : list
        Each once, in order of appearance.
    probabilities : ndarray, shape (k, C)
    first : ndarray of int, shape (k,)
        Position of the first clip of each.
    """
    order: dict[tuple[str, str], list[int]] = {}
    for i, key in enumerate(keys):
        order.setdefault(key, []).append(i)
    votes = np.stack([vote(p[members]) for members in order.values()])
    return list(order), votes, np.array([members[0] for members in order.values()])


def _answered(confidence: F64, distance: F64, rule: UnknownRule) -> NDArray[np.bool_]:
    near = distance <= rule.distance if rule.distance > 0 else np.ones(len(distance), bool)
    return np.asarray((confidence >= rule.confidence) & near)


def levels(
    problem: Problem,
    rows: I64,
    windows: F64,
    clips: F64,
    distance: F64,
    unknown: UnknownRule,
    part: str,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score windows, clips and tracks of one part.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Windows of the table.
    windows : ndarray, shape (n, C)
        Their calibrated probabilities.
    clips : ndarray, shape (k, C)
        Calibrated, of the items of `rows` in rising order.
    distance : ndarray, shape (k,)
    unknown : UnknownRule
    part : str
        ``"validation"`` or ``"test"``.

    Returns
    -------
    scores : dict
        ``window``, ``clip`` and ``track`` as of :func:`.metrics.level_scores`.
    predictions : list of dict
    """
    table, dataset = problem.table, problem.dataset
    labels = dataset.labels
    items = np.unique(table.item[rows])
    heard = table.heard[rows]
    of = table.item[rows]
    scores: dict[str, Any] = {
        "window": level_scores(
            problem.y[of[heard]], windows[heard], labels, problem.groups[of[heard]]
        ),
        "clip": level_scores(
            problem.y[items],
            clips,
            labels,
            problem.groups[items],
            answered=_answered(clips.max(axis=1), distance, unknown),
        ),
    }
    keys, votes, first = sections([dataset.items[i].section for i in items], clips)
    far = np.array([distance[[dataset.items[i].section == k for i in items]].min() for k in keys])
    scores["track"] = level_scores(
        problem.y[items[first]],
        votes,
        labels,
        problem.groups[items[first]],
        answered=_answered(votes.max(axis=1), far, unknown),
    )
    return scores, _predictions(problem, rows, windows, items, clips, (keys, votes, first), part)


def answer_row(level: str, part: str, truth: str, p: F64, labels: Sequence[str]) -> dict[str, Any]:
    """What predictions.csv says of one answer, but for where it was.

    Parameters
    ----------
    level, part, truth : str
    p : ndarray, shape (C,)
        Probabilities, two or more.
    labels : sequence of str, length C
    """
    order = np.argsort(-p, kind="stable")
    found = {
        "part": part,
        "level": level,
        "truth": truth,
        "answer": labels[int(order[0])],
        "confidence": round(float(p[order[0]]), 5),
        "runner_up": labels[int(order[1])],
    }
    return found | {f"p_{label}": round(float(v), 5) for label, v in zip(labels, p, strict=True)}


def _predictions(
    problem: Problem,
    rows: I64,
    windows: F64,
    items: I64,
    clips: F64,
    tracks: tuple[list[tuple[str, str]], F64, I64],
    part: str,
) -> list[dict[str, Any]]:
    dataset, table = problem.dataset, problem.table
    out: list[dict[str, Any]] = []

    def add(level: str, p: F64, item: Any, **place: Any) -> None:
        where: Mapping[str, Any] = {
            "path": dataset.items[item].path,
            "track": dataset.items[item].track,
            "group": dataset.items[item].group,
            **place,
        }
        row = answer_row(level, part, dataset.items[item].label, p, dataset.labels)
        out.append({**where, **row})

    for row, p in zip(rows, windows, strict=True):
        add(
            "window", p, table.item[row], start=float(table.start[row]), stop=float(table.stop[row])
        )
    for item, p in zip(items, clips, strict=True):
        add("clip", p, item)
    _, votes, first = tracks
    for position, p in zip(first, votes, strict=True):
        add("track", p, items[position])
    return out
