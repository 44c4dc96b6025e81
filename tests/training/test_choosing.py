"""What is chosen, by which answers, and what is shown beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError
from genrewise.training import models
from genrewise.training.choosing import choose, clip_means, fit_pool
from genrewise.training.fitting import clip_votes, embedded, fit_embedding
from genrewise.training.levels import levels
from genrewise.training.problem import Problem, make_problem
from genrewise.training.protocols import leaks
from genrewise.training.run import Run, answers, clip_distances, run
from genrewise.training.store import select_windows
from genrewise.votes import temper

Make = Callable[..., Any]

NEAR = {"model": "knn", "inputs": ["x"], "params": {"n_neighbors": 1, "weights": "uniform"}}
TWO = {
    "members": {"near": NEAR, "linear": {"model": "lda", "inputs": ["x"]}},
    "candidates": [["near"], ["linear"], ["near", "linear"]],
}
SPLIT = {"test": 0.25, "valid": 0.25}


@pytest.fixture
def of(make_recipe: Make) -> Make:
    """A recipe of two members; the values of its `fit`."""
    return lambda **fit: make_recipe(model=TWO, split=SPLIT, fit=fit)


@pytest.fixture
def problem(make_dataset: Make, make_table: Make, of: Make) -> Problem:
    dataset = make_dataset(groups=8)
    return make_problem(dataset, make_table(dataset, noise=2.5), of())


def rows_of(problem: Problem, items: Any) -> Any:
    return np.flatnonzero(np.isin(problem.table.item, list(items)))


def groups_of(problem: Problem, items: Any) -> set[float]:
    return set(problem.table.arrays["x"][rows_of(problem, items), -1].tolist())


def poisoned(problem: Problem) -> Problem:
    """What of the test part could be looked at is no number, and its truth is another."""
    x, y = problem.table.arrays["x"].copy(), problem.y.copy()
    x[rows_of(problem, problem.test)] = np.nan
    y[list(problem.test)] = (y[list(problem.test)] + 1) % 3
    return replace(problem, table=replace(problem.table, arrays={"x": x}), y=y)


class Spy:
    """A member that remembers which groups it learnt from and was asked about."""

    made: ClassVar[list[Spy]] = []

    def __init__(self) -> None:
        self.learnt, self.asked = set[float](), list[set[float]]()
        Spy.made.append(self)

    def fit(self, X: Any, _y: Any) -> Spy:
        self.learnt = set(X[:, -1].tolist())
        self.classes_ = np.arange(3)
        return self

    def predict_proba(self, X: Any) -> Any:
        self.asked.append(set(X[:, -1].tolist()))
        p = np.exp(X[:, :3])
        return p / p.sum(axis=1, keepdims=True)


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    monkeypatch.setattr(Spy, "made", [])
    monkeypatch.setattr(models, "make", lambda *_given, **_more: Spy())
    return Spy.made


# -- holding out


def test_held_out_members_learn_from_training_alone_and_answer_validation(
    problem: Problem, of: Make, spies: list[Spy]
) -> None:
    choose(problem, of(choose="holdout"), lambda _: None)
    train, valid = groups_of(problem, problem.split.train), groups_of(problem, problem.split.valid)
    assert len(spies) == 2
    for spy in spies:
        assert spy.learnt == train
        assert spy.asked == [valid]


def test_the_members_that_were_judged_are_those_that_are_tested(
    problem: Problem, of: Make, spies: list[Spy]
) -> None:
    result = run(problem, of(choose="holdout"))
    valid, test = groups_of(problem, problem.split.valid), groups_of(problem, problem.test)
    assert len(spies) == 2  # nothing was fitted anew
    for name, spy in zip(("near", "linear"), spies, strict=True):
        assert result.ships.estimators[name] is spy
        tested = [test] if name in result.chosen.names else []
        assert spy.asked == [valid, *tested]


def test_the_answers_chosen_by_are_those_of_the_validation_part(problem: Problem, of: Make) -> None:
    recipe = of(choose="holdout")
    said: list[str] = []
    steps: list[tuple[int, int]] = []
    choice = choose(problem, recipe, said.append, lambda a, b: steps.append((a, b)))
    assert choice.best.items.tolist() == list(problem.split.valid)
    np.testing.assert_array_equal(choice.rows, rows_of(problem, problem.split.valid))
    assert choice.fitted is not None
    assert choice.fitted.names == choice.best.names
    rows, p = answers(problem, recipe, choice.fitted, problem.split.valid)
    np.testing.assert_array_equal(rows, choice.rows)
    np.testing.assert_allclose(p, choice.p, rtol=1e-6)
    table = problem.table
    _, votes = clip_votes(p, table.item[rows], table.heard[rows], "log-mean")
    np.testing.assert_allclose(choice.best.p, temper(votes, choice.best.temperature), rtol=1e-5)
    right = choice.best.p.argmax(axis=1) == problem.y[list(problem.split.valid)]
    assert choice.table[0]["accuracy"] == right.mean()
    far = clip_distances(problem, recipe, choice.fitted, rows)
    np.testing.assert_allclose(choice.distance, far, rtol=1e-6)
    assert steps == [(1, 2), (2, 2)]
    n = len(problem.split.train)
    assert said[:2] == [f"near: learnt from {n} items", f"linear: learnt from {n} items"]
    names = " + ".join(choice.best.names)
    assert said[2] == f"chosen: {names}, on validation {right.mean():.3f} by clip"


def test_without_a_validation_part_nothing_can_be_held_out(problem: Problem, of: Make) -> None:
    split = replace(problem.split, train=problem.pool, valid=())
    with pytest.raises(DatasetError, match=r"toy: no validation part.*--set fit\.choose=folds"):
        choose(replace(problem, split=split), of(choose="holdout"), lambda _: None)


def test_chosen_on_the_test_part_both_figures_are_one(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    recipe = make_recipe(
        protocol="published",
        model=TWO,
        split={"test": 0.25, "valid_is_test": True},
        fit={"choose": "holdout"},
    )
    dataset = make_dataset(groups=8)
    problem = make_problem(dataset, make_table(dataset, noise=2.5), recipe)
    result = run(problem, recipe)
    assert result.chosen.items.tolist() == list(problem.test)
    for level in ("window", "clip", "track"):
        for figure in ("n", "accuracy", "macro_f1"):
            assert result.validation[level][figure] == result.test[level][figure]
    found = leaks(problem)
    assert found is not None
    assert found["chosen_on_test"]


# -- the test part


@pytest.mark.parametrize("how", ["folds", "holdout"])
@pytest.mark.parametrize("pick", ["likeliest", "first"])
def test_a_poisoned_test_part_changes_nothing_before_it_is_opened(
    problem: Problem, of: Make, how: str, pick: str
) -> None:
    recipe = of(choose=how, pick=pick)
    plain, bad = run(problem, recipe), run(poisoned(problem), recipe, open_test=False)
    assert plain.test
    assert bad.test == {}
    for row in plain.table_of_candidates:
        row.pop("test", None)
    assert bad.table_of_candidates == plain.table_of_candidates
    assert (bad.chosen.names, bad.chosen.temperature) == (
        plain.chosen.names,
        plain.chosen.temperature,
    )
    np.testing.assert_array_equal(bad.chosen.p, plain.chosen.p)
    assert bad.unknown == plain.unknown
    assert bad.validation == plain.validation
    own = [row for row in plain.predictions if row["part"] == "validation"]
    assert bad.predictions == own
    x = problem.table.arrays["x"][rows_of(problem, problem.pool)]
    for name in bad.ships.names:
        np.testing.assert_array_equal(
            bad.ships.estimators[name].predict_proba(x),
            plain.ships.estimators[name].predict_proba(x),
        )
    np.testing.assert_array_equal(bad.ships.embedding.matrix, plain.ships.embedding.matrix)
    with pytest.raises(ValueError, match="NaN"):
        run(poisoned(problem), recipe)


# -- which candidate


def test_the_first_is_kept_whatever_validation_says(problem: Problem, of: Make) -> None:
    for how in ("folds", "holdout"):
        likeliest, first = (run(problem, of(choose=how, pick=p)) for p in ("likeliest", "first"))
        order = [tuple(row["members"]) for row in first.table_of_candidates]
        assert order == [("near",), ("linear",), ("near", "linear")]
        assert first.chosen.names == first.ships.names == ("near",)
        # One neighbour is far too sure of itself, so that another is likelier.
        assert likeliest.chosen.names != ("near",)
        by_nll = sorted(first.table_of_candidates, key=lambda row: row["nll"])
        assert [row["members"] for row in by_nll] == [
            row["members"] for row in likeliest.table_of_candidates
        ]
        assert likeliest.table_of_candidates[0]["nll"] < first.table_of_candidates[0]["nll"]


@pytest.mark.parametrize("how", ["folds", "holdout"])
def test_candidates_show_test_figures_only_where_none_was_chosen_among_them(
    problem: Problem, of: Make, how: str
) -> None:
    recipe = of(choose=how, pick="first")
    said: list[str] = []
    result = run(problem, recipe, said.append)
    rows = result.table_of_candidates
    assert rows[0]["test"] == result.test
    for row in rows:
        assert row["test"] == by_hand(problem, recipe, result, row)
    assert rows[0]["test"]["window"] != rows[1]["test"]["window"]
    assert sum("test part opened" in line for line in said) == 1
    assert {row["part"] for row in result.predictions} == {"validation", "test"}
    n = sum(row["part"] == "test" and row["level"] == "clip" for row in result.predictions)
    assert n == len(problem.test)  # of what was chosen alone
    chosen = run(problem, of(choose=how))
    assert all("test" not in row for row in chosen.table_of_candidates)
    closed = run(problem, recipe, open_test=False)
    assert all("test" not in row for row in closed.table_of_candidates)


def by_hand(problem: Problem, recipe: Any, result: Run, row: Any) -> Any:
    """Test figures of a candidate by the members that were fitted."""
    rows, raw = answers(problem, recipe, result.ships, problem.test, row["members"])
    table = problem.table
    _, votes = clip_votes(raw, table.item[rows], table.heard[rows], "log-mean")
    windows, clips = (temper(p, row["temperature"]) for p in (raw, votes))
    far = clip_distances(problem, recipe, result.ships, rows)
    return levels(problem, rows, windows, clips, far, result.unknown, "test")[0]


def test_only_what_is_shown_is_fitted(problem: Problem, of: Make, make_recipe: Make) -> None:
    shown = run(problem, of(pick="first")).ships
    assert (shown.names, set(shown.estimators)) == (("near",), {"near", "linear"})
    alone = make_recipe(model={**TWO, "candidates": [["linear"]]}, split=SPLIT)
    assert set(run(problem, alone).ships.estimators) == {"linear"}
    chosen = run(problem, of()).ships
    assert set(chosen.estimators) == set(chosen.names)


def test_what_ships_is_refitted_on_everything_where_asked(
    problem: Problem, of: Make, spies: list[Spy]
) -> None:
    result = run(problem, of(choose="holdout", pick="first", refit="all"))
    everything = groups_of(problem, range(len(problem.dataset)))
    assert len(spies) == 3
    assert spies[-1].learnt == everything
    assert spies[-1].asked == []
    assert result.ships.estimators == {"near": spies[-1]}


# -- embedding


means = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.floats(-100, 100), min_size=2 * n, max_size=2 * n),
    )
)


@given(means)
def test_means_of_clips(drawn: Any) -> None:
    item, z = np.array(drawn[0]), np.array(drawn[1]).reshape(-1, 2)
    items, found = clip_means(z, item)
    assert items.tolist() == sorted(set(drawn[0]))
    for i, mean in zip(items, found, strict=True):
        np.testing.assert_allclose(mean, z[item == i].mean(axis=0), atol=1e-9)


def test_the_embedding_is_of_the_first_member_on_what_was_learnt(
    problem: Problem, make_recipe: Make
) -> None:
    members = {
        **TWO["members"],
        "top": {"model": "lda", "stack": ["near", "linear"]},
    }
    recipe = make_recipe(model={"members": members, "candidates": [["top"]]}, split=SPLIT)
    train = problem.split.train
    fitted = fit_pool(problem, recipe, ["top"], train)
    assert set(fitted.estimators) == {"near", "linear", "top"}
    assert fitted.embedding_inputs == ("x",)  # of a bare stack, what its first member sees
    rows = select_windows(problem.table, train, 12)
    x = embedded(problem, recipe, fitted.estimators["top"], "top", rows)
    np.testing.assert_array_equal(x, problem.table.arrays["x"][rows])
    plain = fit_embedding(x, problem.y[problem.table.item[rows]], 3)
    np.testing.assert_allclose(fitted.embedding.matrix, plain.matrix)
    np.testing.assert_allclose(fitted.embedding.centres, plain.centres)


def test_a_network_is_embedded_by_its_last_layer_but_one(
    problem: Problem, make_recipe: Make
) -> None:
    class Net(Spy):
        def embed(self, X: Any) -> Any:
            return X[:, :2] * 3

    recipe, rows = make_recipe(), np.array([5, 2, 9])
    x = embedded(problem, recipe, Net(), "linear", rows)
    np.testing.assert_array_equal(x, problem.table.arrays["x"][rows, :2] * 3)
