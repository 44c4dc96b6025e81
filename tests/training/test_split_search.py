"""Splits that are searched for: as even as groups allow, and what groups are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.training.datasets.base import Dataset, Item, close_groups, components
from genrewise.training.splits import (
    _class_counts,
    _cost,
    _deal,
    _held,
    _improve,
    _search,
    folds,
    make_split,
    units,
)


def build(rows: list[tuple[str, str, str, str]], root: str = "music") -> Dataset:
    """Rows of label, group, track, split."""
    items = tuple(
        Item(f"{label}/{i}.wav", label, group, track, split)
        for i, (label, group, track, split) in enumerate(rows)
    )
    labels = tuple(sorted({item.label for item in items}))
    return Dataset("made", root, items, labels)


def plain(classes: int, groups: int, clips: int) -> Dataset:
    """`groups` groups a class, `clips` clips a group, each its own track."""
    rows = [
        (f"genre{c}", f"artist{c}-{g}", f"track{c}-{g}-{k}", "")
        for c in range(classes)
        for g in range(groups)
        for k in range(clips)
    ]
    return build(rows)


def imbalance(dataset: Dataset, part: Sequence[int], share: float) -> float:
    """Mean absolute deviation of the class shares of a part."""
    totals = Counter(item.label for item in dataset.items)
    held = Counter(dataset.items[i].label for i in part)
    return sum(abs(held[label] / n - share) for label, n in totals.items()) / len(totals)


def uneven(seed: int) -> Dataset:
    """Groups of very different sizes, some with two genres."""
    rng = random.Random(seed)
    rows = []
    for g in range(60):
        label = f"genre{rng.randrange(6)}"
        for k in range(min(25, int(rng.paretovariate(0.9)))):
            own = label if rng.random() < 0.9 else f"genre{rng.randrange(6)}"
            rows.append((own, f"g{g}", f"t{g}-{k}", ""))
    return build(rows)


@pytest.mark.parametrize("seed", range(4))
def test_folds_are_at_least_as_even_as_those_of_scikit_learn(seed: int) -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    dataset = uneven(seed)
    everything = range(len(dataset))
    ours = [imbalance(dataset, held, 0.2) for _, held in folds(dataset, everything, 5, seed)]
    groups = [item.group for item in dataset.items]
    peer = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    split = peer.split(list(everything), dataset.targets(), groups)
    theirs = [imbalance(dataset, held.tolist(), 0.2) for _, held in split]
    assert sum(ours) <= sum(theirs) * 1.02


@pytest.mark.parametrize("seed", range(4))
def test_searching_beats_one_deal(seed: int) -> None:
    dataset = uneven(seed + 10)
    everything = list(range(len(dataset)))
    unit = units(dataset, everything)
    counts = _class_counts(dataset, everything, unit)
    shares = np.array([0.7, 0.15, 0.15])
    rng = np.random.default_rng(seed)
    deals = [_deal(counts, shares, rng) for _ in range(20)]
    costs = [_cost(_held(counts, d, 3), shares) for d in deals]
    cost, part = _improve(counts, deals[0], shares, 2000)
    assert cost <= costs[0]
    assert cost == pytest.approx(_cost(_held(counts, part, 3), shares))
    found = _search(counts, shares, np.random.default_rng(seed))
    assert _cost(_held(counts, found, 3), shares) <= min(costs) + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 60))
def test_improving_never_makes_it_worse(seed: int, budget: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (int(rng.integers(1, 20)), 3)).astype(float)
    counts[:, 0] += 1
    shares = np.array([0.6, 0.2, 0.2])
    part = rng.integers(0, 3, len(counts))
    before = part.copy()
    cost, better = _improve(counts, part, shares, budget)
    assert (part == before).all()
    assert cost <= _cost(_held(counts, part, 3), shares) + 1e-12
    assert cost == pytest.approx(_cost(_held(counts, better, 3), shares))


def test_a_perfect_deal_costs_nothing() -> None:
    counts = np.eye(2)[np.arange(20) % 2]
    shares = np.array([0.6, 0.2, 0.2])
    part = np.array([0] * 12 + [1] * 4 + [2] * 4)
    assert _cost(_held(counts, part, 3), shares) == pytest.approx(0.0)
    lacking = np.array([0] * 12 + [1] * 8)
    assert _cost(_held(counts, lacking, 3), shares) > 2 * 10.0
    # A class that nothing can be learnt about costs most.
    blind = np.where(np.arange(20) % 2, 0, 1)
    assert _cost(_held(counts, blind, 3), shares) > 10 * 10.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30))
def test_components_agree_with_a_plain_search(pairs: list[tuple[int, int]]) -> None:
    keys = [[("g", f"{a}"), ("t", f"{b}")] for a, b in pairs]
    found = components(keys).tolist()
    # The oracle: spread numbers along shared keys until nothing changes.
    numbers = list(range(len(pairs)))
    changed = True
    while changed:
        changed = False
        for i, (a, b) in enumerate(pairs):
            for j, (c, d) in enumerate(pairs):
                if (a == c or b == d) and numbers[i] > numbers[j]:
                    numbers[i], changed = numbers[j], True
    assert len(set(found)) == len(set(numbers))
    for i in range(len(pairs)):
        for j in range(len(pairs)):
            assert (found[i] == found[j]) == (numbers[i] == numbers[j])
    assert [n for i, n in enumerate(found) if n not in found[:i]] == sorted(set(found))


def test_closed_groups_bear_the_first_name() -> None:
    items = [
        Item("0", "a", "x", "t0"),
        Item("1", "a", "y", "t1"),
        Item("2", "a", "", "t2"),
        Item("3", "a", "z", "t3"),
    ]
    closed = close_groups(items, ["", "r", "r", ""])
    assert [i.group for i in closed] == ["x", "y", "y", "z"]
    # Without replicas a lone clip is its track's.
    assert [i.group for i in close_groups(items)] == ["x", "y", "t2", "z"]


def test_group_and_track_of_one_name_are_different_things() -> None:
    items = [Item("0", "a", "Queen", "t0"), Item("1", "a", "g1", "Queen")]
    assert [i.group for i in close_groups(items)] == ["Queen", "g1"]


def test_ten_thousand_groups_take_seconds() -> None:
    dataset = plain(classes=10, groups=1000, clips=1)
    split = make_split(dataset)
    assert (len(split.train), len(split.valid), len(split.test)) == (7000, 1500, 1500)
