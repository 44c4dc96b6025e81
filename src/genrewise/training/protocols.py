"""The split rules of the two protocols, and what each lets leak.

The honest one deals groups.  Published systems dealt tracks, clips or windows at random, or
used one part for both stopping and scoring; their number can only be compared with one that
was had in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training import splits
from genrewise.training.datasets import Dataset, Item
from genrewise.training.recipe_sections import Split
from genrewise.training.store import Table

if TYPE_CHECKING:
    from genrewise.training.problem import Problem

__all__ = ["by_window", "deal", "fold", "leaks"]

I64 = NDArray[np.int64]

#: Share of what is not tested that validation takes where a recipe does not say.
VALID = 0.15

_WORDS = {
    "tracks": "tracks at random, whatever artist they share",
    "clips": "clips at random, whatever track they are cut from",
    "windows": "windows at random, whatever track they are cut from",
}


def by_window(dataset: Dataset, table: Table) -> tuple[Dataset, Table]:
    """Each window as an item of its own, so that windows can be dealt; track and group stay."""
    items = []
    for number, row in enumerate(table.item.tolist()):
        of = dataset.items[row]
        length = float(table.stop[number] - table.start[number])
        items.append(
            replace(
                of,
                start=of.start + float(table.start[number]),
                duration=length if length > 0 else of.duration,
            )
        )
    everyone = np.arange(len(items), dtype=np.int64)
    return replace(dataset, items=tuple(items), table=None), replace(table, item=everyone)


def _units(dataset: Dataset, rule: str) -> I64:
    """Number of what is dealt as one, for each item."""
    if rule != "tracks":
        return np.arange(len(dataset), dtype=np.int64)
    _, unit = np.unique([item.track for item in dataset.items], return_inverse=True)
    return unit.astype(np.int64)


def deal(dataset: Dataset, split: Split) -> splits.Split:
    """A split by a rule that leaks: shuffled, not stratified, as the authors did it.

    Parameters
    ----------
    dataset : Dataset
        For the rule ``windows`` of windows; see :func:`by_window`.
    split : Split
        With another rule than ``groups``.

    Raises
    ------
    DatasetError
        Shares that leave nothing to learn from.
    """
    unit = _units(dataset, split.rule)
    count = int(unit.max()) + 1
    order = np.random.default_rng(split.seed).permutation(count)
    n_test = round(split.test * count)
    share = split.valid or VALID * (1 - split.test)
    n_valid = 0 if split.valid_is_test else round(share * count)
    if n_test + n_valid >= count or (split.test > 0 and not n_test):
        raise DatasetError(
            f"{dataset.name}: {count} {split.rule} dealt as valid {share:g}, test {split.test:g}",
            "shares that leave something on each side",
        )
    side = np.full(count, 2)
    side[order[:n_test]] = 0
    side[order[n_test : n_test + n_valid]] = 1
    test, valid, train = (tuple(np.flatnonzero(side[unit] == k).tolist()) for k in range(3))
    rule = f"{_WORDS[split.rule]}; valid {share:g}, test {split.test:g}"
    if split.valid_is_test:
        valid, rule = test, f"{_WORDS[split.rule]}; {split.test:g} both to stop by and as test"
    return splits.Split(train, valid, test, rule, split.seed)


def fold(
    dataset: Dataset, pool: Sequence[int], rule: str, n: int, seed: int
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Folds of the pool by a rule that leaks: training and held-out items."""
    unit = _units(dataset, rule)
    count = int(unit.max()) + 1
    part = np.random.default_rng((seed, n)).permutation(count) % n
    own = np.asarray(pool)
    side = part[unit[own]]
    return [
        (tuple(own[side != k].tolist()), tuple(own[side == k].tolist()))
        for k in range(n)
        if (side == k).any()
    ]


def _shared(learnt: Sequence[Item], tested: Sequence[Item], key: str) -> set[str]:
    return {getattr(i, key) for i in learnt} & {getattr(i, key) for i in tested} - {""}


def leaks(problem: Problem) -> dict[str, int] | None:
    """What stands on both sides: the fault of a protocol, counted.

    Returns
    -------
    dict or None
        Tracks and groups on both sides, test windows whose track was learnt from, and of
        how many; whether the test part was also what was chosen by.  None where all is well.
    """
    dataset, table, split = problem.dataset, problem.table, problem.split
    known_before = {*split.train, *split.valid} - set(split.test)
    learnt = [dataset.items[i] for i in known_before]
    tested = [dataset.items[i] for i in split.test]
    tracks, groups = (_shared(learnt, tested, key) for key in ("track", "group"))
    chosen = bool(split.test) and set(split.valid) == set(split.test)
    if not tracks and not groups and not chosen:
        return None
    known = [i for i in split.test if dataset.items[i].track in tracks]
    return {
        "tracks": len(tracks),
        "groups": len(groups),
        "windows": int(np.isin(table.item, known).sum()),
        "of": int(np.isin(table.item, split.test).sum()),
        "chosen_on_test": chosen,
    }
