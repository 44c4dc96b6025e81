"""A data set with its windows and its parts: what is learnt from, what is held back.

The *pool* is training and validation together: everything is chosen on it by
cross-validation, so it needs two groups of a genre before one of them may be tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError, LeakageError
from genrewise.training import protocols, splits
from genrewise.training.datasets import Dataset
from genrewise.training.fitting import Extra
from genrewise.training.recipe import Recipe
from genrewise.training.store import Table

__all__ = ["Problem", "cross_folds", "make_problem", "make_split", "readable"]

I64 = NDArray[np.int64]
Failed = tuple[tuple[str, str], ...]

_MEND = "add music by other artists, or let each file be its own group with --group-by file"


@dataclass(frozen=True, eq=False)
class Problem:
    """A data set with its windows and its split.

    Attributes
    ----------
    dataset : Dataset
    table : Table
    split : splits.Split
    y, groups : ndarray of int, shape (n_items,)
    pool, test : tuple of int
        Items: training with validation, and test.
    extra : Extra or None
    failed : tuple of (str, str)
        Files that could not be read, which `dataset` is without, and why.
    augmented : Table or None
        Windows of changed copies of what is learnt from, by the same items.
    starts : mapping of str to str
        File of the weights that a network member starts from.
    """

    dataset: Dataset
    table: Table
    split: splits.Split
    y: I64
    groups: I64
    pool: tuple[int, ...]
    test: tuple[int, ...]
    extra: Extra | None = None
    failed: Failed = ()
    augmented: Table | None = None
    starts: Mapping[str, str] = field(default_factory=dict)


def without(dataset: Dataset, failed: Sequence[int]) -> Dataset:
    """The data set without some items, and without labels that have none left."""
    gone = set(failed)
    rest = dataset.subset(i for i in range(len(dataset)) if i not in gone)
    present = {item.label for item in rest.items}
    return replace(rest, labels=tuple(label for label in dataset.labels if label in present))


def readable(dataset: Dataset, table: Table) -> tuple[Dataset, Table, Failed]:
    """The items that have windows, so that no unreadable file takes a place in a split.

    Returns
    -------
    dataset : Dataset
    table : Table
        Of these items.
    failed : tuple of (str, str)
        Path of each other item, and why.
    """
    if not table.failed:
        return dataset, table, ()
    failed = tuple((dataset.items[i].path, why) for i, why in table.failed)
    gone = np.array([i for i, _ in table.failed])
    item = table.item - np.searchsorted(gone, table.item)
    return without(dataset, gone.tolist()), replace(table, item=item, failed=()), failed


def _units_of(dataset: Dataset, unit: I64, part: Sequence[int]) -> dict[str, set[int]]:
    """The units of each label in a part."""
    found: dict[str, set[int]] = {label: set() for label in dataset.labels}
    for i in part:
        found[dataset.items[i].label].add(int(unit[i]))
    return found


def _two_to_learn_from(dataset: Dataset, split: splits.Split) -> splits.Split:
    """Take units out of the test part where the pool has fewer than two of a label."""
    unit = splits.units(dataset, range(len(dataset)))
    pool, test = [*split.train, *split.valid], list(split.test)
    for label in dataset.labels:
        there = _units_of(dataset, unit, test)[label]
        wanted = sorted(there)[: max(0, 2 - len(_units_of(dataset, unit, pool)[label]))]
        pool += [i for i in test if unit[i] in wanted]
        test = [i for i in test if unit[i] not in wanted]
    if len(test) == len(split.test):
        return split
    train = sorted(set(pool) - set(split.valid))
    rule = f"{split.rule}; of each genre two groups are learnt from before one is tested"
    return replace(split, train=tuple(train), test=tuple(test), rule=rule)


def _warned(dataset: Dataset, split: splits.Split) -> splits.Split:
    """The split with what a user should know of it, a line a part."""
    unit = splits.units(dataset, range(len(dataset)))
    pool = _units_of(dataset, unit, (*split.train, *split.valid))
    single = [label for label, own in pool.items() if len(own) < 2]
    tested = _units_of(dataset, unit, split.test)
    untested = [label for label, own in tested.items() if not own]
    lines = []
    if single:
        lines.append(
            f"{', '.join(single)}: one group to learn from, so nothing of it could be held"
            " out; it is in no figure out of fold"
        )
    if not split.test:
        lines.append("no test part: the figures are out of fold, and somewhat kind")
    elif untested:
        lines.append(f"absent from the test part: {', '.join(untested)}; three groups are needed")
    return replace(split, warnings=tuple(lines))


def _listed(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The data set without its own split where the recipe does not want it."""
    if recipe.split.column:
        return dataset
    return replace(dataset, items=tuple(replace(item, split="") for item in dataset.items))


def _chosen_on_test(split: splits.Split) -> splits.Split:
    """One part both to choose by and to score: the fault of two published systems."""
    train = tuple(sorted((*split.train, *split.valid)))
    rule = f"{split.rule}; the test part is also what is chosen by"
    return replace(split, train=train, valid=split.test, rule=rule)


def make_split(dataset: Dataset, recipe: Recipe) -> splits.Split:
    """The split of a recipe: by its rule; by groups, the data set's own where it has one.

    Where there is too little music for a test part, all of it is learnt from.

    Raises
    ------
    DatasetError
        Fewer than two genres of which something can be held out.
    LeakageError
        The data set's own split has a group on two sides.
    """
    if len(dataset.labels) < 2:
        given = f"{dataset.name}: one genre only, {dataset.labels[0]}"
        raise DatasetError(given, "two or more to tell apart")
    if recipe.split.rule != "groups":
        return protocols.deal(dataset, recipe.split)
    dataset = _listed(dataset, recipe)
    share, seed = recipe.split.test, recipe.split.seed
    valid = recipe.split.valid or protocols.VALID * (1 - share)
    fixed = any(item.split for item in dataset.items)
    try:
        split = splits.make_split(dataset, seed=seed, valid=valid, test=share)
    except LeakageError:
        raise
    except DatasetError:
        # Too few groups to draw a validation part, which cross-validation does without.
        if fixed:
            split = splits.make_split(dataset, seed=seed, valid=0.0, test=share)
        else:
            everything = tuple(range(len(dataset)))
            split = splits.Split(everything, (), (), "too few groups for a test part", seed)
    if not fixed:
        split = _two_to_learn_from(dataset, split)
    splits.check(dataset, split)
    unit = splits.units(dataset, range(len(dataset)))
    pool = _units_of(dataset, unit, (*split.train, *split.valid))
    if sum(len(own) >= 2 for own in pool.values()) < 2:
        counts = ", ".join(f"{label} {len(own)}" for label, own in list(pool.items())[:8])
        raise DatasetError(
            f"{dataset.name}: too few groups (artists, albums) to hold one out: {counts}",
            "two or more in at least two genres",
            _MEND,
        )
    split = _warned(dataset, split)
    return _chosen_on_test(split) if recipe.split.valid_is_test else split


def make_problem(
    dataset: Dataset,
    table: Table,
    recipe: Recipe,
    extra: Extra | None = None,
    failed: Failed = (),
) -> Problem:
    """Split a data set whose windows are there.

    Parameters
    ----------
    dataset : Dataset
        Of items that have windows; see :func:`readable`.
    table : Table
    recipe : Recipe
    extra : Extra, optional
    failed : tuple of (str, str), optional
        What was left out before, and why.

    Raises
    ------
    DatasetError, LeakageError
        As :func:`make_split`.
    """
    if recipe.split.rule == "windows":
        dataset, table = protocols.by_window(dataset, table)
    split = make_split(dataset, recipe)
    y = dataset.targets()
    _, groups = np.unique([item.group for item in dataset.items], return_inverse=True)
    pool = tuple(sorted({*split.train, *split.valid}))
    return Problem(
        dataset, table, split, y, groups.astype(np.int64), pool, split.test, extra, failed
    )


def cross_folds(
    problem: Problem, recipe: Recipe, items: Sequence[int] = ()
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Folds of some items, else of the pool: training and held-out ones, no group on two sides.

    With no more groups than folds each is held out by itself, so that as much as can be
    is left to learn from.  Other rules of the split than groups fold by what they deal.
    """
    dataset, fit, pool = problem.dataset, recipe.fit, items or problem.pool
    if recipe.split.rule != "groups":
        return protocols.fold(dataset, pool, recipe.split.rule, fit.folds, fit.seed)
    unit = splits.units(dataset, pool)
    count = int(unit.max()) + 1
    if count > fit.folds:
        return splits.folds(dataset, pool, fit.folds, fit.seed)
    own = np.asarray(pool)
    return [
        (tuple(own[unit != number].tolist()), tuple(own[unit == number].tolist()))
        for number in range(count)
    ]
