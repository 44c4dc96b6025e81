"""Stacks: the second level sees answers to what was not heard, and nothing else.

The base of most tests learns by heart: one neighbour, on labels that were dealt to the groups
at random.  Of what it has heard it knows everything, of the rest nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genrewise.errors import DatasetError, RecipeError
from genrewise.training import models
from genrewise.training.datasets import Dataset, Item
from genrewise.training.fitting import fit_member, member_probabilities
from genrewise.training.problem import Problem, make_problem
from genrewise.training.protocols import fold
from genrewise.training.recipe import Recipe, parse
from genrewise.training.run import run
from genrewise.training.splits import folds
from genrewise.training.stacking import fit_members, unheard
from genrewise.training.store import Table, select_windows

Make = Callable[..., Any]

GROUPS, CLIPS, WINDOWS = 80, 2, 2

HEART = {"model": "knn", "inputs": ["x"], "params": {"n_neighbors": 1, "weights": "uniform"}}
MODEL = {
    "members": {
        "heart": HEART,
        "top": {"model": "lda", "inputs": ["y"], "stack": ["heart"]},
    },
    "candidates": [["top"]],
}


def recipe_of(model: Any = MODEL, **more: Any) -> Recipe:
    values = {
        "name": "stack",
        "features": {"x": {"kind": "statistics"}, "y": {"kind": "statistics"}},
        "model": model,
        "split": {"test": 0.3, "valid": 0.2},
        "fit": {"choose": "holdout", "folds": 4},
    }
    return parse({**values, **more}, "stack")


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Each group has a sound of its own and a label by chance; `y` is the number of the group."""
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.arange(GROUPS) % 2)
    items = tuple(
        Item(f"{g}-{k}.wav", "ab"[labels[g]], f"artist {g}", f"track {g}-{k}")
        for g in range(GROUPS)
        for k in range(CLIPS)
    )
    dataset = Dataset("chance", "", items, ("a", "b"))
    of = np.repeat(np.arange(GROUPS), CLIPS * WINDOWS)
    x = rng.normal(size=(GROUPS, 8))[of] + 0.01 * rng.normal(size=(len(of), 8))
    n = len(of)
    table = Table(
        {"x": x.astype(np.float32), "y": of[:, None].astype(np.float32)},
        np.repeat(np.arange(GROUPS * CLIPS), WINDOWS),
        np.zeros(n), np.ones(n), np.ones(n, dtype=bool),
    )  # fmt: skip
    return make_problem(dataset, table, recipe_of())


def rows_of(problem: Problem, items: Any) -> Any:
    return np.flatnonzero(np.isin(problem.table.item, list(items)))


def right(problem: Problem, p: Any, rows: Any) -> float:
    return float((p[rows].argmax(axis=1) == problem.y[problem.table.item[rows]]).mean())


def test_what_is_learnt_by_heart_is_known_and_the_rest_is_chance(problem: Problem) -> None:
    recipe, train = recipe_of(), problem.split.train
    rows = rows_of(problem, train)
    assert len(train) > 60
    base = {"heart": fit_member(problem, recipe, "heart", train)}
    by_heart = member_probabilities(problem, recipe, base, "heart", rows)
    assert (by_heart.max(axis=1) == 1).all()
    assert (by_heart.argmax(axis=1) == problem.y[problem.table.item[rows]]).all()
    p = unheard(problem, recipe, "heart", train)
    # 40 groups that each are right or wrong as a whole: three standard deviations are .24.
    assert abs(right(problem, p, rows) - 0.5) < 0.24
    np.testing.assert_allclose(p[rows].sum(axis=1), 1)
    others = np.setdiff1d(np.arange(len(p)), rows)
    assert (p[others] == 0).all()


def test_folds_that_part_no_groups_give_it_all_away(problem: Problem) -> None:
    """The same base, asked by folds of clips: a clip of the same group says everything."""
    recipe = recipe_of(protocol="published", split={"rule": "clips"})
    train = problem.split.train
    p = unheard(problem, recipe, "heart", train)
    known = [
        clip
        for learnt, held in fold(problem.dataset, train, "clips", 4, 0)
        for clip in held
        if problem.groups[clip] in problem.groups[list(learnt)]
    ]
    assert len(known) > 40
    assert right(problem, p, rows_of(problem, known)) == 1.0


class Seen:
    """Stands in for the upper level: keeps the columns that it was given."""

    def fit(self, X: Any, y: Any, valid: Any = None) -> Seen:
        self.x, self.y, self.valid = X, y, valid
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> Any:
        self.asked = X
        return np.full((len(X), 2), 0.5)


@pytest.fixture
def upper(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen, make = Seen(), models.make
    monkeypatch.setattr(
        models,
        "make",
        lambda name, *given, **more: seen if name == "lda" else make(name, *given, **more),
    )
    return seen


def test_the_second_level_is_given_the_answers_to_what_was_not_heard(
    problem: Problem, upper: Seen
) -> None:
    recipe, split = recipe_of(), problem.split
    made = fit_members(problem, recipe, ["top"], split.train, split.valid)
    rows = select_windows(problem.table, split.train, 12)
    wanted = unheard(problem, recipe, "heart", split.train, split.valid)
    np.testing.assert_array_equal(upper.x[:, 0], problem.table.arrays["y"][rows, 0])
    np.testing.assert_array_equal(upper.x[:, 1:], wanted[rows])
    assert abs((upper.x[:, 1:].argmax(axis=1) == upper.y).mean() - 0.5) < 0.24
    # What it stops by, and what it is asked, are answers of the base that learnt from all.
    held = rows_of(problem, split.valid)
    base = member_probabilities(problem, recipe, made, "heart", held)
    np.testing.assert_array_equal(upper.valid[0][:, 1:], base)
    member_probabilities(problem, recipe, made, "top", held)
    np.testing.assert_array_equal(upper.asked[:, 1:], base)


def test_in_sample_it_is_given_the_truth_which_only_the_published_protocol_allows(
    problem: Problem, upper: Seen
) -> None:
    leaking = {**MODEL, "in_sample": True}
    with pytest.raises(RecipeError, match=r"model\.in_sample = true under the honest protocol"):
        recipe_of(leaking)
    recipe = recipe_of(leaking, protocol="published")
    split = problem.split
    fit_members(problem, recipe, ["top"], split.train, split.valid)
    assert (upper.x[:, 1:].argmax(axis=1) == upper.y).all()
    assert (upper.x[:, 1:].max(axis=1) == 1).all()
    # Of the validation part the base had heard nothing, here either.
    known, truth = upper.valid
    assert abs((known[:, 1:].argmax(axis=1) == truth).mean() - 0.5) < 0.35


class Spy:
    """A base that remembers which groups it learnt from and was asked about."""

    def __init__(self, made: list[Spy]) -> None:
        self.learnt, self.asked, self.side = set[float](), set[float](), set[float]()
        made.append(self)

    def fit(self, X: Any, _y: Any, valid: Any = None) -> Spy:
        self.learnt = set(X[:, 0].tolist())
        self.side = set() if valid is None else set(valid[0][:, 0].tolist())
        self.classes_ = np.arange(2)
        return self

    def predict_proba(self, X: Any) -> Any:
        self.asked |= set(X[:, 0].tolist())
        return np.full((len(X), 2), 0.5)


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    made: list[Spy] = []
    monkeypatch.setattr(models, "make", lambda *_given, **_more: Spy(made))
    return made


SPIED = {
    "members": {
        "base": {"model": "lda", "inputs": ["y"]},
        "second": {"model": "lda", "inputs": ["y"]},
        "top": {"model": "lda", "inputs": ["y"], "stack": ["base"]},
        "both": {"model": "lda", "inputs": ["y"], "stack": ["base", "second"]},
    },
    "candidates": [["top"], ["both"], ["base"]],
}


def groups_of(problem: Problem, items: Any) -> set[float]:
    return set(problem.table.arrays["y"][rows_of(problem, items), 0].tolist())


def test_no_group_is_among_those_that_its_answer_was_learnt_from(
    problem: Problem, spies: list[Spy]
) -> None:
    recipe, split = recipe_of(SPIED), problem.split
    told: list[str] = []
    names = ["top", "both", "base"]
    made = fit_members(problem, recipe, names, split.train, split.valid, told.append)
    assert told == ["base", "second", "top", "both"]
    assert list(made) == told
    # Each base once on everything and once a fold; each stack once.
    assert len(spies) == 2 * (1 + 4) + 2
    train, valid = groups_of(problem, split.train), groups_of(problem, split.valid)
    for spy in spies:
        assert not spy.learnt & spy.asked
        assert spy.side == valid
        assert spy.learnt <= train
    for first in (0, 5):
        whole, *parts = spies[first : first + 5]
        assert (whole.learnt, whole.asked) == (train, valid)
        assert set.union(*(spy.asked for spy in parts)) == train
        assert sum(len(spy.asked) for spy in parts) == len(train)
        assert all(spy.learnt | spy.asked == train for spy in parts)


def test_in_sample_every_group_is(problem: Problem, spies: list[Spy]) -> None:
    recipe = recipe_of({**SPIED, "in_sample": True}, protocol="published")
    fit_members(problem, recipe, ["top"], problem.split.train)
    assert len(spies) == 2
    assert spies[0].asked == spies[0].learnt == groups_of(problem, problem.split.train)


def test_a_whole_run_asks_no_member_about_a_group_that_it_learnt_from(
    problem: Problem, spies: list[Spy]
) -> None:
    for choose in ("folds", "holdout"):
        spies.clear()
        run(problem, recipe_of(SPIED, fit={"choose": choose, "folds": 3}))
        assert spies
        for spy in spies:
            assert not spy.learnt & spy.asked
            assert not spy.learnt & groups_of(problem, problem.test)


def test_a_stack_on_chance_is_chance(problem: Problem) -> None:
    """The upper level cannot be fooled by a base that only remembers."""
    result = run(problem, recipe_of())
    found = result.validation["window"]["accuracy"], result.test["window"]["accuracy"]
    assert max(found) < 0.5 + 0.31  # 24 groups: three standard deviations
    assert result.ships.names == ("top",)
    assert set(result.ships.estimators) == {"heart", "top"}


def test_answers_are_those_of_the_folds(problem: Problem) -> None:
    recipe, train = recipe_of(), problem.split.train
    p = unheard(problem, recipe, "heart", train)
    for learnt, held in folds(problem.dataset, train, 4, recipe.fit.seed):
        base = {"heart": fit_member(problem, recipe, "heart", learnt)}
        rows = rows_of(problem, held)
        again = member_probabilities(problem, recipe, base, "heart", rows)
        np.testing.assert_array_equal(p[rows], again)


def test_fewer_groups_than_folds_are_each_held_out(problem: Problem, spies: list[Spy]) -> None:
    labels = problem.y[::CLIPS]
    few = [*np.flatnonzero(labels == 0)[:3], *np.flatnonzero(labels == 1)[:3]]
    items = [int(CLIPS * g + k) for g in few for k in range(CLIPS)]
    unheard(problem, recipe_of(SPIED, fit={"folds": 50}), "base", items)
    assert [len(spy.asked) for spy in spies] == [1] * 6
    assert set.union(*(spy.asked for spy in spies)) == set(few)


def test_one_group_is_too_few_to_stack_on(problem: Problem) -> None:
    same = replace(
        problem.dataset,
        items=tuple(replace(i, group="va", track="va") for i in problem.dataset.items),
    )
    with pytest.raises(DatasetError, match="chance: too few groups to learn from") as caught:
        unheard(replace(problem, dataset=same), recipe_of(), "heart", problem.split.train)
    assert "\n" not in str(caught.value)
