"""Which mix of members, how sure, how far from what was learnt: answers to what was not heard.

By folds every clip of the pool (training and validation) is answered once by members that
have not heard its group.  By holding out, members learn from the training part and answer
the validation part, which networks also stop by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training.fitting import (
    Embedding,
    Mix,
    embedded,
    embedding_inputs,
    fit_embedding,
    judge,
    member_probabilities,
    mix,
)
from genrewise.training.problem import Problem, cross_folds
from genrewise.training.recipe import Recipe
from genrewise.training.stacking import fit_members
from genrewise.training.store import select_windows

__all__ = ["Choice", "Fitted", "choose", "clip_embeddings", "clip_means", "fit_pool"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Say = Callable[[str], None]
Step = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A mix that was chosen, and its members fitted on some items.

    Attributes
    ----------
    names : tuple of str
        The members of the mix.
    estimators : mapping of str to estimator
        Of these, of what they are stacked on, and of members that are shown beside them.
    embedding : Embedding
        Of what :func:`.fitting.embedded` gives of the first member.
    embedding_inputs : tuple of str
    """

    names: tuple[str, ...]
    estimators: Mapping[str, Any]
    embedding: Embedding
    embedding_inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Choice:
    """The mix that was chosen, and the answers it was chosen by.

    Attributes
    ----------
    best : Mix
    table : list of dict
        All candidates, the chosen one first.
    p : ndarray, shape (n_rows, C)
        Probabilities of windows that it had not heard, not calibrated.
    rows : ndarray of int
        Which windows of the table these are.
    distance : ndarray, shape (n_items,)
        Of the clips of `best.items` to the nearest centre.
    fitted : Fitted or None
        Where the members that answered are the ones to keep.
    """

    best: Mix
    table: list[dict[str, Any]]
    p: F64
    rows: I64
    distance: F64
    fitted: Fitted | None = None


@dataclass(frozen=True, eq=False)
class _Answers:
    """By member: probabilities of windows, and by first member: distances of clips."""

    p: dict[str, F64]
    judged: NDArray[np.bool_]
    distance: dict[str, F64]


def _used(recipe: Recipe) -> list[str]:
    used = {name for candidate in recipe.candidates() for name in candidate}
    return [name for name in recipe.model.members if name in used]


def _firsts(recipe: Recipe) -> list[str]:
    return list(dict.fromkeys(candidate[0] for candidate in recipe.candidates()))


def clip_means(z: F64, item: I64) -> tuple[I64, F64]:
    """Mean of the rows of each item, in rising order of the items."""
    items, place, counts = np.unique(item, return_inverse=True, return_counts=True)
    sums = np.zeros((len(items), z.shape[1]))
    np.add.at(sums, place, z)
    return items, sums / counts[:, None]


def _embedding(
    problem: Problem, recipe: Recipe, estimator: Any, key: str, items: Sequence[int]
) -> Embedding:
    rows = select_windows(problem.table, items, recipe.fit.windows_per_item)
    x = embedded(problem, recipe, estimator, key, rows)
    truth = problem.y[problem.table.item[rows]]
    return fit_embedding(x, truth, len(problem.dataset.labels))


def clip_embeddings(problem: Problem, recipe: Recipe, fitted: Fitted, rows: I64) -> tuple[I64, F64]:
    """Clips of some windows, in rising order, and the mean embedding of each one's windows."""
    key = fitted.names[0]
    x = embedded(problem, recipe, fitted.estimators[key], key, rows)
    return clip_means(fitted.embedding.map(x), problem.table.item[rows])


def _far(problem: Problem, recipe: Recipe, fitted: Fitted, rows: I64) -> tuple[I64, F64]:
    """Clips of some windows, and the distance of each one's mean to the nearest centre."""
    items, means = clip_embeddings(problem, recipe, fitted, rows)
    return items, fitted.embedding.distance(means)


def fit_pool(
    problem: Problem,
    recipe: Recipe,
    names: Sequence[str],
    items: Sequence[int],
    estimators: Mapping[str, Any] | None = None,
) -> Fitted:
    """Fit the members of a mix, and the embedding, on some items.

    Parameters
    ----------
    estimators : mapping, optional
        Members that were fitted on these items before.
    """
    made = estimators or fit_members(problem, recipe, names, items)
    first = names[0]
    embedding = _embedding(problem, recipe, made[first], first, items)
    return Fitted(tuple(names), made, embedding, embedding_inputs(recipe, first))


def _out_of_fold(problem: Problem, recipe: Recipe, say: Say, step: Step) -> _Answers:
    """Answers to every window of the pool by members that have not heard its group.

    Windows whose label the fold had not learnt from other groups are not judged: no answer
    could be right, which says nothing about the members.
    """
    table, n = problem.table, len(problem.dataset.labels)
    parts, names = cross_folds(problem, recipe), _used(recipe)
    out = {name: np.zeros((len(table), n)) for name in names}
    far = {name: np.zeros(len(problem.dataset)) for name in _firsts(recipe)}
    judged = np.zeros(len(table), dtype=bool)
    count = 0

    def done(name: str) -> None:
        nonlocal count
        count += name in names
        step(count, len(names) * len(parts))

    for train, held in parts:
        learnt = select_windows(table, train, recipe.fit.windows_per_item)
        known = np.unique(problem.y[table.item[learnt]])
        rows = np.flatnonzero(np.isin(table.item, np.asarray(held)))
        if len(known) < 2 or not len(rows):
            continue
        judged[rows] = np.isin(problem.y[table.item[rows]], known)
        estimators = fit_members(problem, recipe, names, train, done=done)
        for name in names:
            out[name][rows] = member_probabilities(problem, recipe, estimators, name, rows)
        for first, into in far.items():
            items, distance = _far(
                problem, recipe, fit_pool(problem, recipe, [first], train, estimators), rows
            )
            into[items] = distance
    if not judged.any():
        raise DatasetError(
            f"{problem.dataset.name}: nothing could be held out", "sound in two groups of a genre"
        )
    for name in names:
        say(f"{name}: {len(parts)} folds")
    return _Answers(out, judged, far)


def _held_out(
    problem: Problem, recipe: Recipe, say: Say, step: Step
) -> tuple[_Answers, dict[str, Any]]:
    """Answers to the validation part by members that learnt from the training part."""
    names, split = _used(recipe), problem.split
    if not split.valid:
        raise DatasetError(
            f"{problem.dataset.name}: no validation part to choose by",
            "three groups of a genre, or more",
            "add music, or --set fit.choose=folds",
        )
    seen: list[str] = []

    def done(name: str) -> None:
        seen.append(name)
        say(f"{name}: learnt from {len(split.train)} items")
        step(len(seen), len(names))

    estimators = fit_members(problem, recipe, names, split.train, split.valid, done)
    table = problem.table
    judged = np.isin(table.item, np.asarray(split.valid))
    rows = np.flatnonzero(judged)
    out = {name: np.zeros((len(table), len(problem.dataset.labels))) for name in names}
    for name in names:
        out[name][rows] = member_probabilities(problem, recipe, estimators, name, rows)
    far = {name: np.zeros(len(problem.dataset)) for name in _firsts(recipe)}
    for first, into in far.items():
        fitted = fit_pool(problem, recipe, [first], split.train, estimators)
        items, distance = _far(problem, recipe, fitted, rows)
        into[items] = distance
    return _Answers(out, judged, far), estimators


def choose(
    problem: Problem, recipe: Recipe, say: Say, step: Step = lambda _done, _all: None
) -> Choice:
    """Pick the candidate whose calibrated answers are likeliest, or the first.

    Accuracy would be a coarser judge: its error on a few hundred clips is larger than what
    lies between good candidates.

    Raises
    ------
    DatasetError
        Nothing could be held out.
    """
    estimators: dict[str, Any] = {}
    if recipe.fit.choose == "folds":
        answers, how = _out_of_fold(problem, recipe, say, step), "out of fold"
    else:
        answers, estimators = _held_out(problem, recipe, say, step)
        how = "on validation"
    rows = np.flatnonzero(answers.judged)
    judged: list[tuple[Mix, F64]] = []
    for names in recipe.candidates():
        p = mix([answers.p[name][rows] for name in names])
        found = judge(names, p, problem.table, rows, problem.y, recipe.vote.rule)
        judged.append((found, p))
    if recipe.fit.pick == "likeliest":
        judged.sort(key=lambda pair: pair[0].nll)
    best, p = judged[0]
    say(f"chosen: {' + '.join(best.names)}, {how} {best.accuracy:.3f} by clip")
    fitted = None
    if estimators:
        fitted = fit_pool(problem, recipe, best.names, problem.split.train, estimators)
    distance = answers.distance[best.names[0]][best.items]
    return Choice(best, [_shown(m) for m, _ in judged], p, rows, distance, fitted)


def _shown(one: Mix) -> dict[str, Any]:
    return {
        "members": list(one.names),
        "accuracy": one.accuracy,
        "nll": one.nll,
        "temperature": one.temperature,
        "n": len(one.items),
    }
