"""Parts of a data set: what is learnt from, what is held back, and that nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError, LeakageError
from genrewise.training import splits
from genrewise.training.datasets import Dataset, Item
from genrewise.training.problem import (
    Problem,
    cross_folds,
    make_problem,
    make_split,
    readable,
    without,
)
from genrewise.training.recipe import Recipe
from genrewise.training.store import Table

Make = Callable[..., Any]


def dataset_of(groups: dict[str, int], clips: int = 1, split: str = "") -> Dataset:
    items = [
        Item(f"{label}/{g}-{k}.wav", label, f"{label}{g}", f"{label}{g}", split)
        for label, n in groups.items()
        for g in range(n)
        for k in range(clips)
    ]
    return Dataset("some", "", tuple(items), tuple(groups))


def groups_of(dataset: Dataset, part: tuple[int, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for i in part:
        found[dataset.items[i].label].add(dataset.items[i].group)
    return found


def test_with_enough_music_the_split_is_the_plain_one(make_recipe: Make) -> None:
    dataset = dataset_of({"a": 10, "b": 12, "c": 11}, clips=2)
    recipe = make_recipe(split={"test": 0.2, "seed": 3})
    plain = splits.make_split(dataset, seed=3, valid=0.15 * 0.8, test=0.2)
    found = make_split(dataset, recipe)
    assert found.parts() == plain.parts()
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("groups", "tested"),
    [
        ({"a": 2, "b": 2}, set()),
        ({"a": 3, "b": 3}, {"a", "b"}),
        ({"a": 6, "b": 6, "c": 1}, {"a", "b"}),
        ({"a": 6, "b": 6, "c": 2}, {"a", "b"}),
    ],
)
def test_two_groups_are_learnt_from_before_one_is_tested(
    groups: dict[str, int], tested: set[str], make_recipe: Make
) -> None:
    dataset = dataset_of(groups)
    split = make_split(dataset, make_recipe())
    pool = groups_of(dataset, (*split.train, *split.valid))
    assert all(len(pool[label]) >= min(2, n) for label, n in groups.items())
    assert {label for label, own in groups_of(dataset, split.test).items() if own} == tested
    missing = [label for label in groups if label not in tested]
    if not tested:
        assert split.warnings == ("no test part: the figures are out of fold, and somewhat kind",)
    elif missing:
        assert split.warnings[-1].startswith(f"absent from the test part: {missing[0]};")


def test_a_genre_with_one_group_is_learnt_and_said(make_recipe: Make) -> None:
    dataset = dataset_of({"a": 6, "b": 6, "c": 1}, clips=3)
    split = make_split(dataset, make_recipe())
    assert len(groups_of(dataset, split.train)["c"]) == 1
    assert split.warnings[0] == (
        "c: one group to learn from, so nothing of it could be held out;"
        " it is in no figure out of fold"
    )


@given(
    st.lists(st.integers(1, 8), min_size=2, max_size=5),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    st.integers(0, 3),
)
def test_splits_for_strangers(counts: list[int], clips: int, test: float, seed: int) -> None:
    from genrewise.training.recipe import parse

    dataset = dataset_of({chr(97 + i): n for i, n in enumerate(counts)}, clips)
    member = {"model": "lda", "inputs": ["x"]}
    recipe = parse(
        {
            "name": "r",
            "features": {"x": {}},
            "model": {"members": {"m": member}},
            "split": {"test": test, "seed": seed},
        },
        "",
    )
    if sum(n >= 2 for n in counts) < 2:
        with pytest.raises(DatasetError, match="two or more in at least two genres"):
            make_split(dataset, recipe)
        return
    split = make_split(dataset, recipe)
    splits.check(dataset, split)
    assert sorted((*split.train, *split.valid, *split.test)) == list(range(len(dataset)))
    pool = groups_of(dataset, (*split.train, *split.valid))
    for i, n in enumerate(counts):
        assert len(pool[chr(97 + i)]) >= min(2, n)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"a": 5}, "one genre only, a; expected two or more"),
        ({"a": 1, "b": 1}, "to hold one out: a 1, b 1; expected two or more in at least two"),
        ({"a": 5, "b": 1}, "to hold one out: a .*, b 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    groups: dict[str, int], said: str, make_recipe: Make
) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        make_split(dataset_of(groups, clips=4), make_recipe())
    assert "\n" not in str(caught.value)


def test_one_group_for_everything_is_refused_with_what_to_do(make_recipe: Make) -> None:
    dataset = dataset_of({"a": 5, "b": 5})
    same = replace(dataset, items=tuple(replace(i, group="va") for i in dataset.items))
    with pytest.raises(DatasetError, match="--group-by file"):
        make_split(same, make_recipe())


def test_a_leaking_split_column_is_refused(make_recipe: Make) -> None:
    dataset = dataset_of({"a": 4, "b": 4}, clips=2)
    items = [
        replace(item, split="test" if i % 2 else "train") for i, item in enumerate(dataset.items)
    ]
    with pytest.raises(LeakageError, match="stands on two sides"):
        make_split(replace(dataset, items=tuple(items)), make_recipe())


def test_a_fixed_split_is_kept_as_it_is(make_recipe: Make) -> None:
    dataset = dataset_of({"a": 4, "b": 4}, clips=2)
    sides = ("train", "train", "train", "test")
    items = [replace(i, split=sides[int(i.group[1:])]) for i in dataset.items]
    split = make_split(replace(dataset, items=tuple(items)), make_recipe())
    assert {dataset.items[i].group for i in split.test} == {"a3", "b3"}
    single = [replace(i, split="train" if i.group[1:] == "0" else "test") for i in dataset.items]
    with pytest.raises(DatasetError, match="too few groups"):
        make_split(replace(dataset, items=tuple(single)), make_recipe())
    untrained = [replace(i, split="test") for i in dataset.items]
    with pytest.raises(DatasetError, match="no train part"):
        make_split(replace(dataset, items=tuple(untrained)), make_recipe())


def test_unreadable_files_take_no_place(make_table: Make) -> None:
    dataset = dataset_of({"a": 3, "b": 3, "c": 1})
    table = make_table(dataset, windows=2)
    gone = (1, 6)
    rows = ~np.isin(table.item, gone)
    cut = Table(
        {"x": table.arrays["x"][rows]},
        table.item[rows],
        table.start[rows],
        table.stop[rows],
        table.heard[rows],
        tuple((i, f"reason {i}") for i in gone),
    )
    rest, moved, failed = readable(dataset, cut)
    assert failed == (("a/1-0.wav", "reason 1"), ("c/0-0.wav", "reason 6"))
    assert rest.labels == ("a", "b")
    assert [item.path for item in rest.items] == [
        item.path for i, item in enumerate(dataset.items) if i not in gone
    ]
    assert moved.item.tolist() == np.repeat(np.arange(5), 2).tolist()
    assert moved.failed == ()
    assert rest.targets().tolist() == [0, 0, 1, 1, 1]
    same, untouched, none = readable(rest, moved)
    assert same is rest
    assert untouched is moved
    assert none == ()


def test_without_drops_labels_that_have_nothing_left() -> None:
    dataset = dataset_of({"a": 2, "b": 1, "c": 2})
    assert without(dataset, [2]).labels == ("a", "c")
    assert len(without(dataset, [])) == len(dataset)


def problem_of(dataset: Dataset, make_table: Make, recipe: Recipe) -> Problem:
    return make_problem(dataset, make_table(dataset, windows=1), recipe)


def test_a_problem_knows_labels_groups_and_parts(make_table: Make, make_recipe: Make) -> None:
    dataset = dataset_of({"a": 5, "b": 6}, clips=2)
    problem = make_problem(
        dataset, make_table(dataset), make_recipe(), failed=(("x.wav", "no sound"),)
    )
    assert problem.y.tolist() == [0] * 10 + [1] * 12
    assert len(set(problem.groups.tolist())) == 11
    assert not {*problem.groups[list(problem.pool)]} & {*problem.groups[list(problem.test)]}
    assert sorted((*problem.pool, *problem.test)) == list(range(22))
    assert problem.failed == (("x.wav", "no sound"),)


@pytest.mark.parametrize("groups", [{"a": 2, "b": 2}, {"a": 9, "b": 7, "c": 3}])
def test_folds_hold_out_every_group_once(
    groups: dict[str, int], make_table: Make, make_recipe: Make
) -> None:
    dataset = dataset_of(groups, clips=2)
    problem = problem_of(dataset, make_table, make_recipe())
    found = cross_folds(problem, make_recipe())
    held = [i for _, part in found for i in part]
    assert sorted(held) == sorted(problem.pool)
    for train, part in found:
        assert sorted((*train, *part)) == sorted(problem.pool)
        assert not {*problem.groups[list(train)]} & {*problem.groups[list(part)]}
    if groups == {"a": 2, "b": 2}:
        assert len(found) == 4  # each group by itself
    else:
        plain = splits.folds(dataset, problem.pool, 5, 0)
        assert found == plain
