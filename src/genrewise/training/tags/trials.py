"""Other ways to learn the tags, beside the one that was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from genrewise.training.tags.data import Pool
from genrewise.training.tags.heads import Settings, looks, sides
from genrewise.training.tags.learn import Learnt, apply, learn
from genrewise.training.tags.scores import average_precision, f1
from genrewise.training.tags.table import TABLE, TagRule

__all__ = ["TRIALS", "trials"]

_LABELLED = tuple(rule for rule in TABLE if rule.positive)

#: Tables and settings, by what is told of them.
TRIALS: Mapping[str, tuple[Sequence[TagRule], Settings]] = {
    "as they are": (_LABELLED, Settings()),
    "the network's own tag alone, where there is one": (
        _LABELLED,
        Settings(beside=1e-9, own=1e6),
    ),
    "on the fifty tags": (tuple(replace(rule, rows=True) for rule in _LABELLED), Settings()),
    "on the layer, not held near an own tag": (
        tuple(replace(rule, own=()) for rule in _LABELLED),
        Settings(),
    ),
    "unsure tracks left out": (_LABELLED, Settings(unsure=1e-9)),
    "unsure tracks as plain counter-examples": (_LABELLED, Settings(unsure=1.0)),
    "every track counting the same": (_LABELLED, Settings(artist=0.0)),
    "every artist counting the same": (_LABELLED, Settings(artist=1.0)),
}


def _figures(learnt: Sequence[Learnt], other: Pool) -> dict[str, Any]:
    """Means over the tags, and over those of which another collection has labels."""
    rows = []
    for tag in learnt:
        side, counted = tag.side, tag.side.weight > 0
        unsure = counted & ~side.sure
        truth, p = side.truth[side.sure], tag.p[side.sure]
        worst = average_precision(side.truth[counted], tag.p[counted], np.ones(counted.sum()))
        given = float(tag.answer[unsure].mean()) if unsure.any() else np.nan
        own = float(average_precision(truth, p, np.ones(len(p))))
        rows.append((own, worst, f1(truth, tag.answer[side.sure]), given))
    means = np.nanmean(np.array(rows), axis=0)
    names = ("average_precision", "worst", "f1", "unsure_given")
    reggae = next(row[0] for tag, row in zip(learnt, rows, strict=True)
                  if tag.rule.label == "reggae")  # fmt: skip
    return {
        **dict(zip(names, means.tolist(), strict=True)),
        "reggae": reggae,
        "loops": _elsewhere(learnt, other),
    }


def _elsewhere(learnt: Sequence[Learnt], other: Pool) -> float:
    """Mean average precision on another collection, over the tags that it has examples of."""
    seen, found = looks(other.x), []
    for tag in learnt:
        side = sides(other, tag.rule, Settings())
        truth = side.truth[side.sure]
        if truth.any():
            p = apply(tag.head, seen, other)[side.sure]
            found.append(average_precision(truth, p, np.ones(len(p))))
    return float(np.mean(found))


def trials(pool: Pool, other: Pool) -> list[dict[str, Any]]:
    """Learn in every way of :data:`TRIALS`.

    Parameters
    ----------
    pool : Pool
    other : Pool
        A collection that nothing is learnt from.

    Returns
    -------
    list of dict
        ``what`` and mean figures out of fold; ``loops`` is of the other collection.
    """
    return [
        {"what": what, "tags": len(table), **_figures(learn(pool, table, settings), other)}
        for what, (table, settings) in TRIALS.items()
    ]
