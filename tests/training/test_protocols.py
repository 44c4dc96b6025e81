"""Split rules that leak: shares exactly as asked, and what leaks counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError, RecipeError
from genrewise.training.datasets import Dataset, Item
from genrewise.training.problem import Problem, cross_folds, make_problem, make_split
from genrewise.training.protocols import by_window, deal, fold, leaks
from genrewise.training.recipe import Recipe, load, parse
from genrewise.training.recipe_sections import Split
from genrewise.training.splits import checksum
from genrewise.training.store import Table

Make = Callable[..., Any]

PUBLISHED: dict[str, Any] = {"protocol": "published"}


def tracks_of(dataset: Dataset, part: tuple[int, ...]) -> set[str]:
    return {dataset.items[i].track for i in part}


# -- deal


@given(
    st.integers(6, 60),
    st.integers(1, 3),
    st.sampled_from(["clips", "tracks", "windows"]),
    st.sampled_from([0.1, 0.142857, 0.2, 0.3]),
    st.sampled_from([0.1, 0.15, 0.25]),
    st.integers(0, 5),
)
def test_shares_are_exactly_as_asked(
    groups: int, clips: int, rule: Any, test: float, valid: float, seed: int
) -> None:
    items = [
        Item(f"{g}-{k}", "ab"[g % 2], f"artist {g // 2}", f"track {g}")
        for g in range(groups)
        for k in range(clips)
    ]
    dataset = Dataset("some", "", tuple(items), ("a", "b"))
    split = deal(dataset, Split(rule=rule, test=test, valid=valid, seed=seed))
    count, size = (groups, clips) if rule == "tracks" else (groups * clips, 1)
    assert len(split.test) == round(test * count) * size
    assert len(split.valid) == round(valid * count) * size
    everything = (*split.train, *split.valid, *split.test)
    assert sorted(everything) == list(range(len(items)))
    for part in split.parts().values():
        assert list(part) == sorted(part)
    if rule == "tracks":
        parts = [tracks_of(dataset, part) for part in split.parts().values()]
        assert sum(map(len, parts)) == groups


def test_without_a_share_validation_takes_what_folds_would(make_dataset: Make) -> None:
    dataset = make_dataset(groups=20)  # 120 clips of 60 tracks
    split = deal(dataset, Split(rule="clips", test=0.2))
    assert (len(split.train), len(split.valid), len(split.test)) == (82, 14, 24)
    none = deal(dataset, Split(rule="tracks", test=0.0, valid=0.1))
    assert (len(none.train), len(none.valid), len(none.test)) == (108, 12, 0)
    assert none.warnings == ()


def test_a_deal_goes_by_its_seed_alone(make_dataset: Make) -> None:
    dataset = make_dataset(groups=10)
    sums = [
        checksum(dataset, deal(dataset, Split(rule="clips", seed=seed))) for seed in (0, 0, 1, 2)
    ]
    assert sums[0] == sums[1]
    assert len(set(sums)) == 3
    # Another share of validation leaves the test where it was.
    first = deal(dataset, Split(rule="tracks", seed=4, valid=0.1))
    second = deal(dataset, Split(rule="tracks", seed=4, valid=0.3))
    assert first.test == second.test
    assert set(first.valid) < set(second.valid)


def test_artists_are_not_looked_at_and_a_column_neither(make_dataset: Make) -> None:
    dataset = make_dataset(groups=4, clips=6)
    fixed = replace(dataset, items=tuple(replace(i, split="train") for i in dataset.items))
    wanted = Split(rule="clips", test=0.5, seed=1)
    split = deal(fixed, wanted)
    assert split.parts() == deal(dataset, wanted).parts()
    assert tracks_of(dataset, split.train) & tracks_of(dataset, split.test)
    assert "whatever track" in split.rule


def test_the_test_part_may_be_what_is_stopped_by(make_dataset: Make) -> None:
    dataset = make_dataset(groups=10)
    split = deal(dataset, Split(rule="clips", test=0.25, valid_is_test=True))
    assert split.valid == split.test
    assert (len(split.train), len(split.test)) == (45, 15)
    assert not {*split.train} & {*split.test}
    assert split.rule.endswith("0.25 both to stop by and as test")


@pytest.mark.parametrize(
    ("test", "valid", "given"),
    [(0.6, 0.4, "6 clips dealt as valid 0.4"), (0.05, 0.2, "6 clips"), (0.5, 0.9, "6 clips")],
)
def test_shares_that_leave_a_side_empty_are_refused(test: float, valid: float, given: str) -> None:
    items = tuple(Item(f"{i}", "ab"[i % 2], f"{i}", f"{i}") for i in range(6))
    with pytest.raises(DatasetError, match=f"some: {given}.*expected shares that leave") as caught:
        deal(Dataset("some", "", items, ("a", "b")), Split(rule="clips", test=test, valid=valid))
    assert "\n" not in str(caught.value)


# -- by_window


def test_a_window_is_an_item_of_its_own_with_the_track_and_the_group() -> None:
    items = (
        Item("a.wav", "a", "artist", "song", "train", 30.0, 12.0),
        Item("b.wav", "b", "other", "tune"),
    )
    table = Table(
        {"x": np.zeros((3, 2), np.float32)},
        np.array([0, 0, 1]),
        np.array([0.0, 5.0, 2.5]),
        np.array([5.0, 10.0, np.nan]),
        np.array([True, False, True]),
    )
    dataset, moved = by_window(Dataset("two", "root", items, ("a", "b")), table)
    assert [(i.path, i.start, i.duration) for i in dataset.items] == [
        ("a.wav", 30.0, 5.0),
        ("a.wav", 35.0, 5.0),
        ("b.wav", 2.5, None),
    ]
    assert [(i.label, i.group, i.track) for i in dataset.items] == [
        ("a", "artist", "song"),
        ("a", "artist", "song"),
        ("b", "other", "tune"),
    ]
    assert moved.item.tolist() == [0, 1, 2]
    assert moved.arrays is table.arrays
    assert moved.heard.tolist() == [True, False, True]
    assert dataset.labels == ("a", "b")
    assert dataset.root == "root"


def test_windows_are_dealt_where_the_recipe_says_so(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    dataset = make_dataset()  # 36 clips of 3 windows
    recipe = make_recipe(**PUBLISHED, split={"rule": "windows", "test": 0.25})
    problem = make_problem(dataset, make_table(dataset), recipe)
    assert len(problem.dataset) == len(problem.table) == 108
    assert len(problem.test) == 27
    assert problem.groups.max() + 1 == 18
    np.testing.assert_array_equal(problem.y, np.repeat(dataset.targets(), 3))
    assert problem.table.item.tolist() == list(range(108))


# -- folds


@pytest.mark.parametrize(("rule", "whole"), [("tracks", True), ("clips", False)])
def test_folds_hold_out_each_item_once(make_dataset: Make, rule: str, whole: bool) -> None:
    dataset = make_dataset(groups=10, clips=3)
    pool = list(range(60))
    found = fold(dataset, pool, rule, 4, 7)
    assert len(found) == 4
    assert sorted(i for _, held in found for i in held) == pool
    for train, held in found:
        assert sorted((*train, *held)) == pool
        assert bool(tracks_of(dataset, train) & tracks_of(dataset, held)) is not whole
    assert fold(dataset, pool, rule, 4, 7) == found
    assert fold(dataset, pool, rule, 4, 8) != found


def test_folds_of_everything_are_of_equal_size(make_dataset: Make) -> None:
    found = fold(make_dataset(groups=7), range(42), "clips", 5, 0)
    assert sorted(len(held) for _, held in found) == [8, 8, 8, 9, 9]


def test_cross_validation_folds_by_the_rule_of_the_split(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    dataset = make_dataset(groups=10, clips=3)
    recipe = make_recipe(**PUBLISHED, split={"rule": "clips", "test": 0.2}, fit={"folds": 3})
    problem = make_problem(dataset, make_table(dataset), recipe)
    found = cross_folds(problem, recipe)
    assert found == fold(dataset, problem.pool, "clips", 3, 0)
    assert sorted(i for _, held in found for i in held) == list(problem.pool)


# -- leaks

#: Clip: label, group, track, windows.
CLIPS = [
    ("a", "g1", "t1", 2),
    ("a", "g1", "t1", 3),
    ("a", "g1", "t2", 1),
    ("a", "g2", "t3", 2),
    ("b", "g3", "t4", 4),
    ("b", "g3", "t4", 1),
    ("b", "g4", "t5", 2),
    ("b", "", "", 3),
    ("b", "", "", 1),
]


def problem_of(train: list[int], valid: list[int], test: list[int]) -> Problem:
    """A problem of the clips above with these parts."""
    from genrewise.training import splits

    items = tuple(Item(f"{k}.wav", *clip[:3]) for k, clip in enumerate(CLIPS))
    dataset = Dataset("toy", "", items, ("a", "b"))
    item = np.repeat(np.arange(len(CLIPS)), [clip[3] for clip in CLIPS])
    n = len(item)
    table = Table(
        {"x": np.zeros((n, 1), np.float32)}, item, np.zeros(n), np.ones(n), np.ones(n, dtype=bool)
    )
    parts = [tuple(part) for part in (train, valid, test)]
    split = splits.Split(parts[0], parts[1], parts[2], "by hand", 0)
    _, groups = np.unique([i.group for i in items], return_inverse=True)
    pool = tuple(sorted({*train, *valid}))
    return Problem(dataset, table, split, dataset.targets(), groups, pool, parts[2])


def test_nothing_leaks_where_groups_are_kept_apart() -> None:
    assert leaks(problem_of([0, 1, 2, 4, 5], [3], [6, 8])) is None
    assert leaks(problem_of([0, 1, 2], [4, 5], [])) is None


def test_leaks_are_counted() -> None:
    # t1 (g1) is on both sides, t4 (g3) by way of validation; g1 also by t2, which is not.
    found = leaks(problem_of([0, 3, 6, 7], [4], [1, 2, 5, 8]))
    assert found == {"tracks": 2, "groups": 2, "windows": 3 + 1, "of": 6, "chosen_on_test": False}
    # A group alone: no track was learnt from, so no window of one.
    found = leaks(problem_of([0, 1, 3], [6], [2, 4, 5]))
    assert found == {"tracks": 0, "groups": 1, "windows": 0, "of": 6, "chosen_on_test": False}


def test_what_has_no_name_is_the_same_as_nothing_else() -> None:
    assert leaks(problem_of([0, 1, 7], [3], [8, 4, 5])) is None


def test_choosing_on_the_test_part_is_a_leak_of_its_own() -> None:
    found = leaks(problem_of([0, 1, 2, 4, 5], [3, 6], [3, 6]))
    assert found == {"tracks": 0, "groups": 0, "windows": 0, "of": 4, "chosen_on_test": True}


def test_every_window_leaks_where_windows_are_dealt(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    dataset = make_dataset(clips=1)
    table = make_table(dataset, windows=12)
    recipe = make_recipe(**PUBLISHED, split={"rule": "windows", "test": 0.2})
    found = leaks(make_problem(dataset, table, recipe))
    assert found is not None
    assert found["of"] == found["windows"] == round(0.2 * 18 * 12)
    assert found["tracks"] == found["groups"] <= 18
    honest = make_recipe(split={"test": 0.3})
    assert leaks(make_problem(dataset, table, honest)) is None


# -- what the honest protocol refuses


LEAST: dict[str, Any] = {
    "name": "mine",
    "features": {"x": {"kind": "statistics"}},
    "model": {"members": {"a": {"model": "lda", "inputs": ["x"]}}},
}


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("split", {"rule": "tracks"}, "split.rule = tracks"),
        ("split", {"rule": "clips"}, "split.rule = clips"),
        ("split", {"rule": "windows"}, "split.rule = windows"),
        ("split", {"valid_is_test": True}, "split.valid_is_test = true"),
        ("model", {**LEAST["model"], "in_sample": True}, "model.in_sample = true"),
    ],
)
def test_what_leaks_is_refused_unless_asked_for_by_name(
    section: str, values: dict[str, Any], said: str
) -> None:
    wrong = {**LEAST, section: values, "fit": {"choose": "holdout"}}
    with pytest.raises(RecipeError) as caught:
        parse(wrong, "here")
    assert str(caught.value) == (
        f"here: {said} under the honest protocol; expected nothing that leaks. "
        "Set it under [protocols.published], and run with --protocol published"
    )
    assert parse({**wrong, **PUBLISHED}, "here").protocol == "published"


@pytest.mark.parametrize("rule", ["tracks", "clips", "windows"])
def test_no_setting_smuggles_a_leak_in(rule: str) -> None:
    with pytest.raises(RecipeError, match=f"split.rule = {rule} under the honest protocol"):
        load("models/small-gtzan-v1", [f"split.rule={rule}"])
    with pytest.raises(RecipeError, match="under the honest protocol"):
        load("000/cnn", [f"split.rule={rule}"])
    assert load("000/cnn", [f"split.rule={rule}"], "published").split.rule == rule


def test_the_published_protocol_lies_over_the_rest_and_settings_over_it() -> None:
    honest, published = load("000/cnn"), load("000/cnn", protocol="published")
    assert (honest.protocol, honest.split.rule) == ("honest", "groups")
    assert (published.protocol, published.split.rule) == ("published", "windows")
    assert published.split.test == pytest.approx(1 / 7, abs=1e-6)
    assert published.model == honest.model
    set_by_hand = load("000/cnn", ["split.test=0.3"], "published")
    assert (set_by_hand.split.rule, set_by_hand.split.test) == ("windows", 0.3)
    with pytest.raises(RecipeError, match="models/small-gtzan-v1 has no published protocol"):
        load("models/small-gtzan-v1", protocol="published")


def test_stopping_by_the_test_part_keeps_the_groups_of_the_honest_split(
    make_dataset: Make, make_recipe: Make
) -> None:
    dataset = make_dataset(groups=10)
    same: Recipe = make_recipe(
        **PUBLISHED, split={"test": 0.3, "valid_is_test": True}, fit={"choose": "holdout"}
    )
    plain = make_split(dataset, make_recipe(split={"test": 0.3}))
    found = make_split(dataset, same)
    assert found.test == found.valid == plain.test
    assert found.train == tuple(sorted((*plain.train, *plain.valid)))
    assert found.rule.endswith("the test part is also what is chosen by")


def test_stopping_by_the_test_part_needs_a_part_to_stop_by() -> None:
    wrong = {**LEAST, **PUBLISHED, "split": {"valid_is_test": True}}
    with pytest.raises(RecipeError, match=r"here: split.valid_is_test with fit.choose = folds"):
        parse(wrong, "here")
