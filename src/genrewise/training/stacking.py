"""Members by themselves, and members that see the probabilities of others.

What a stack learns from are answers of members that had not heard the window: by folds of
the same groups that part everything else.  Only a published protocol may ask for answers
to what was learnt by heart (`in_sample`), which the recipe refuses otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training.fitting import fit_member, member_probabilities
from genrewise.training.problem import Problem, cross_folds
from genrewise.training.recipe import Recipe

__all__ = ["fit_members", "unheard"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def _rows(problem: Problem, items: Sequence[int]) -> I64:
    return np.flatnonzero(np.isin(problem.table.item, np.asarray(items)))


def unheard(
    problem: Problem, recipe: Recipe, key: str, items: Sequence[int], valid: Sequence[int] = ()
) -> F64:
    """Answers of a member to windows that it had not heard.

    Returns
    -------
    ndarray, shape (n_rows, C)
        For every row of the table; of the windows of `items`, each by the fold that held it
        out, 0 for the others.
    """
    out = np.zeros((len(problem.table), len(problem.dataset.labels)))
    parts = [(train, held) for train, held in cross_folds(problem, recipe, items) if held]
    if not all(train for train, _ in parts):
        raise DatasetError(
            f"{problem.dataset.name}: too few groups to learn from, to stack on {key}",
            "two groups of each genre beside validation and test",
        )
    for train, held in parts:
        rows = _rows(problem, held)
        estimators = {key: fit_member(problem, recipe, key, train, valid)}
        out[rows] = member_probabilities(problem, recipe, estimators, key, rows)
    return out


def fit_members(
    problem: Problem,
    recipe: Recipe,
    names: Sequence[str],
    items: Sequence[int],
    valid: Sequence[int] = (),
    done: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit members, and those that they are stacked on, on the windows of some items.

    Parameters
    ----------
    names : sequence of str
    items, valid : sequence of int
        What is learnt from, and what networks stop by.
    done : callable
        Told the name of each member that is fitted.

    Returns
    -------
    dict of str to estimator
        Of `names` and of what they are stacked on.
    """
    members = recipe.model.members
    bases = list(dict.fromkeys(base for name in names for base in members[name].stack))
    estimators: dict[str, Any] = {}
    stacked: dict[str, F64] = {}
    for base in bases:
        estimators[base] = fit_member(problem, recipe, base, items, valid)
        if recipe.model.in_sample:
            stacked[base] = np.zeros((len(problem.table), len(problem.dataset.labels)))
            learnt = _rows(problem, [*items, *valid])
            stacked[base][learnt] = member_probabilities(problem, recipe, estimators, base, learnt)
        else:
            stacked[base] = unheard(problem, recipe, base, items, valid)
            held = _rows(problem, valid)
            stacked[base][held] = member_probabilities(problem, recipe, estimators, base, held)
        done(base)
    for name in names:
        if name not in estimators:
            estimators[name] = fit_member(problem, recipe, name, items, valid, stacked)
            done(name)
    return estimators
