"""Members, votes and the embedding."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError, RecipeError
from genrewise.training import models
from genrewise.training.fitting import (
    Extra,
    _thinned,
    clip_votes,
    fit_embedding,
    fit_member,
    joined,
    judge,
    member_probabilities,
    mix,
)
from genrewise.training.problem import Problem, make_problem
from genrewise.training.store import select_windows
from genrewise.votes import temper, vote

Make = Callable[..., Any]


class Recorder:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any]] = []

    def fit(self, X: Any, y: Any, groups: Any = None) -> Recorder:
        self.calls.append((X, y, groups))
        return self


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(models, "make", lambda *_args, **_more: made)
    return made


@pytest.fixture
def problem(make_dataset: Make, make_table: Make, make_recipe: Make) -> Problem:
    """Three genres of six groups of two clips of three windows."""
    dataset = make_dataset()
    return make_problem(dataset, make_table(dataset), make_recipe())


def arrays(problem: Problem, x: Any) -> Problem:
    return replace(problem, table=replace(problem.table, arrays={"x": x}))


def heard(problem: Problem, heard: Any) -> Problem:
    return replace(problem, table=replace(problem.table, heard=heard))


def test_arrays_are_joined_in_the_order_of_the_names() -> None:
    a, b = np.zeros((2, 3), np.float32), np.ones((2, 1), np.float32)
    assert joined({"a": a, "b": b}, ["b", "a"]).tolist() == [[1, 0, 0, 0]] * 2
    deep = np.zeros((2, 1, 4, 5), np.float32)
    assert joined({"deep": deep}, ["deep"]) is deep


def test_a_member_sees_the_windows_of_its_items_alone(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    table = problem.table
    problem = heard(problem, np.arange(len(table)) != 0)
    items = [0, 5, 17]
    fit_member(problem, make_recipe(), "linear", items)
    ((x, truth, group),) = recorder.calls
    rows = select_windows(problem.table, items, 12)
    assert rows.tolist() == [1, 2, 15, 16, 17, 51, 52, 53]
    np.testing.assert_array_equal(x, table.arrays["x"][rows])
    np.testing.assert_array_equal(truth, problem.y[table.item[rows]])
    np.testing.assert_array_equal(group, problem.groups[table.item[rows]])


def test_windows_of_an_item_are_limited(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    fit_member(problem, make_recipe(fit={"windows_per_item": 2}), "linear", [0, 35])
    assert len(recorder.calls[0][0]) == 4


def test_further_rows_join_the_member_that_looks_at_them_alone(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    extra = Extra("x", np.full((2, 7), 9, np.float32), np.array([2, 1]))
    fit_member(replace(problem, extra=extra), make_recipe(), "linear", [0, 35])
    x, truth, group = recorder.calls[0]
    assert (x[-2:] == 9).all()
    assert truth[-2:].tolist() == [2, 1]
    groups = set(problem.groups.tolist())
    assert len(set(group[-2:]) | groups) == len(groups) + 2
    other = replace(problem, extra=replace(extra, input="z"))
    fit_member(other, make_recipe(), "linear", [0, 35])
    assert len(recorder.calls[1][0]) == len(x) - 2


def test_one_genre_is_refused(problem: Problem, make_recipe: Make) -> None:
    with pytest.raises(DatasetError, match=r"lda on 6 windows of 1 genres.*two genres or more"):
        fit_member(problem, make_recipe(), "linear", [0, 1])
    silent = heard(problem, np.zeros(len(problem.table), bool))
    with pytest.raises(DatasetError, match="lda on 0 windows"):
        fit_member(silent, make_recipe(), "linear", range(36))


def test_what_a_library_refuses_becomes_one_line(problem: Problem, make_recipe: Make) -> None:
    bad = problem.table.arrays["x"].copy()
    bad[0, 0] = np.nan
    with pytest.raises(
        DatasetError, match=r"lda on .* windows of 3 genres: Input X contains NaN"
    ) as caught:
        fit_member(arrays(problem, bad), make_recipe(), "linear", range(36))
    assert "\n" not in str(caught.value)
    few = heard(problem, np.arange(len(problem.table)) % 36 == 0)
    with pytest.raises(DatasetError, match="number of samples must be more than the number of"):
        fit_member(few, make_recipe(), "linear", range(36))


def test_errors_of_ours_stay_what_they_are(problem: Problem, make_recipe: Make) -> None:
    near = {"model": "knn", "inputs": ["x"], "params": {"n_neighbors": 1000}}
    recipe = make_recipe(model={"members": {"near": near}})
    with pytest.raises(RecipeError, match="n_neighbors 1000"):
        fit_member(problem, recipe, "near", range(36))


def test_probabilities_have_a_column_for_every_label(problem: Problem, make_recipe: Make) -> None:
    recipe, y, table = make_recipe(), problem.y, problem.table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit_member(problem, recipe, "linear", range(24))
    rows = np.arange(len(table))
    p = member_probabilities(problem, recipe, {"linear": fitted}, "linear", rows)
    assert p.shape == (len(table), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, 2] == 0).all()
    assert (p[y[table.item] < 2].argmax(1) == y[table.item[y[table.item] < 2]]).mean() > 0.9
    some = np.array([4, 99, 7])
    again = member_probabilities(problem, recipe, {"linear": fitted}, "linear", some)
    np.testing.assert_allclose(again, p[some], rtol=1e-5)


STACK = {
    "members": {
        "near": {"model": "knn", "inputs": ["x"]},
        "top": {"model": "lda", "inputs": ["x"], "stack": ["near"]},
        "bare": {"model": "lda", "stack": ["near", "other"]},
        "other": {"model": "lda", "inputs": ["x"]},
    },
    "candidates": [["top"], ["bare"]],
}


def test_a_stack_sees_its_inputs_and_then_the_probabilities_in_the_order_of_the_recipe(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    recipe = make_recipe(model=STACK)
    n, rng = len(problem.table), np.random.default_rng(0)
    stacked = {"near": rng.random((n, 3)), "other": rng.random((n, 3))}
    rows = select_windows(problem.table, [1, 20], 12)
    fit_member(problem, recipe, "top", [1, 20], stacked=stacked)
    fit_member(problem, recipe, "bare", [1, 20], stacked=stacked)
    x = problem.table.arrays["x"][rows]
    assert recorder.calls[0][0].dtype == np.float32
    np.testing.assert_allclose(recorder.calls[0][0][:, :7], x)
    np.testing.assert_allclose(recorder.calls[0][0][:, 7:], stacked["near"][rows], rtol=1e-6)
    both = np.hstack([stacked["near"][rows], stacked["other"][rows]])
    np.testing.assert_allclose(recorder.calls[1][0], both, rtol=1e-6)


def test_a_fitted_stack_asks_the_members_below_it(problem: Problem, make_recipe: Make) -> None:
    recipe, rows = make_recipe(model=STACK), np.arange(0, 108, 5)
    made = {name: fit_member(problem, recipe, name, range(36)) for name in ("near", "other")}
    own = {n: member_probabilities(problem, recipe, made, n, np.arange(108)) for n in made}
    made["bare"] = fit_member(problem, recipe, "bare", range(36), stacked=own)
    p = member_probabilities(problem, recipe, made, "bare", rows)
    below = np.hstack([own["near"], own["other"]])[rows].astype(np.float32)
    np.testing.assert_allclose(p, made["bare"].predict_proba(below), rtol=1e-6)


class Sided(Recorder):
    """Remembers the side that it should stop by as well."""

    def fit(self, X: Any, y: Any, groups: Any = None, valid: Any = None) -> Recorder:
        self.side = valid
        return super().fit(X, y, groups)


def test_what_a_network_stops_by_is_the_validation_part(
    problem: Problem, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Sided()
    monkeypatch.setattr(models, "make", lambda *_args, **_more: made)
    fit_member(problem, make_recipe(), "linear", [0, 35], valid=[3, 13])
    rows = select_windows(problem.table, [3, 13], 12)
    np.testing.assert_array_equal(made.side[0], problem.table.arrays["x"][rows])
    assert made.side[1].tolist() == [0] * 3 + [1] * 3
    fit_member(problem, make_recipe(), "linear", [0, 35])
    assert made.side is None


def test_a_network_is_told_of_augmentation_and_its_start(
    problem: Problem, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []

    def make(*given: Any, **params: Any) -> Recorder:
        told.append((*given, params))
        return Recorder()

    monkeypatch.setattr(models, "make", make)
    problem = replace(problem, starts={"net": "w.npz"})
    net = {"model": "mlp", "inputs": ["x"], "params": {"max_epochs": 3}}
    recipe = make_recipe(
        model={"members": {"net": net, "linear": {"model": "lda", "inputs": ["x"]}}},
        augment={"kinds": ["mirror"], "probability": 0.25},
        fit={"seed": 7},
    )
    fit_member(problem, recipe, "net", [0, 35])
    augment = {"kinds": ("mirror",), "probability": 0.25}
    assert told == [("mlp", 3, 7, {"max_epochs": 3, "augment": augment, "start": "w.npz"})]
    with pytest.raises(RecipeError, match="augment for a model lda; expected a network"):
        fit_member(problem, recipe, "linear", [0, 35])


def test_saved_copies_are_learnt_from_beside_what_they_are_copies_of(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    x = np.arange(108 * 6 * 5, dtype=np.float32).reshape(108, 1, 6, 5) / 3240
    recipe = make_recipe(augment={"kinds": ["mirror"], "mode": "saved", "copies": 2, "seed": 3})
    fit_member(arrays(problem, x), recipe, "linear", [0, 35])
    got, truth, group = recorder.calls[0]
    rows = select_windows(problem.table, [0, 35], 12)
    assert got.shape == (18, 1, 6, 5)
    np.testing.assert_array_equal(got[:6], x[rows])
    assert truth.tolist() == [0, 0, 0, 2, 2, 2] * 3
    assert group.tolist() == problem.groups[problem.table.item[rows]].tolist() * 3


def test_changed_copies_of_the_sound_are_those_of_the_items_alone(
    problem: Problem, make_recipe: Make, recorder: Recorder
) -> None:
    copies = replace(problem.table, arrays={"x": problem.table.arrays["x"] + 1000})
    recipe = make_recipe(augment={"waveform": ["gain"]}, fit={"windows_per_item": 2})
    fit_member(replace(problem, augmented=copies), recipe, "linear", [0, 35])
    x, truth, group = recorder.calls[0]
    rows = select_windows(problem.table, [0, 35], 2)
    np.testing.assert_array_equal(x[:4], problem.table.arrays["x"][rows])
    np.testing.assert_array_equal(x[4:], problem.table.arrays["x"][rows] + 1000)
    assert truth.tolist() == [0, 0, 2, 2] * 2
    assert group[4:].tolist() == group[:4].tolist()
    stack = make_recipe(model=STACK, augment={"waveform": ["gain"]})
    stacked = {"near": np.zeros((108, 3)), "other": np.zeros((108, 3))}
    with pytest.raises(RecipeError, match="changed copies of the sound for a stack"):
        fit_member(replace(problem, augmented=copies), stack, "top", [0, 35], stacked=stacked)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 40))
def test_too_many_rows_are_thinned_evenly(counts: list[int], most: int) -> None:
    item = np.repeat(np.arange(len(counts)), counts)
    item = np.concatenate([np.full(5, 99), item])
    rows = np.arange(5, len(item))
    kept = _thinned(rows, item, most)
    assert len(kept) == min(most, len(rows))
    assert (np.diff(kept) > 0).all()
    assert np.isin(kept, rows).all()
    if most > len(counts):
        # No item is left out.
        assert set(item[kept].tolist()) == set(range(len(counts)))
    else:
        assert len(set(item[kept].tolist())) == len(kept)


def test_a_mix_is_the_mean() -> None:
    a, b = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    np.testing.assert_allclose(mix([a, b]), [[0.75, 0.25]])
    np.testing.assert_allclose(mix([a]), a)


def test_clip_votes_are_votes_over_the_heard_windows() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    item = np.array([4, 4, 2, 2])
    heard = np.array([True, False, False, False])
    items, votes = clip_votes(p, item, heard, "mean")
    assert items.tolist() == [2, 4]
    np.testing.assert_allclose(votes, [vote(p[2:]), p[0]])


def embedded(n: int, d: int, size: int = 4, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 5 + 30 + 8 * np.eye(3, d)[y]
    return x.astype(np.float32), y, fit_embedding(x.astype(np.float32), y, 3, size)


def test_the_embedding_is_white_within_the_labels() -> None:
    x, y, found = embedded(600, 6)
    z = found.map(x)
    assert z.shape == (600, 4)
    within = np.concatenate([z[y == c] - z[y == c].mean(axis=0) for c in range(3)])
    covariance = within.T @ within / len(within)
    off = covariance - np.diag(np.diag(covariance))
    assert abs(off).max() < 0.05
    assert (np.diag(covariance) < 1).all()  # the shrinkage keeps small directions small
    np.testing.assert_allclose(found.centres, [z[y == c].mean(axis=0) for c in range(3)], atol=1e-6)


def test_distances_are_zero_at_the_centres_and_grow_outwards() -> None:
    _, _, found = embedded(300, 6)
    np.testing.assert_allclose(found.distance(found.centres), 0, atol=1e-12)
    away = found.centres[:1] + np.array([[10.0, 0, 0, 0]])
    assert found.distance(away)[0] > 1
    assert found.distance(found.centres[:1] + np.array([[1e6, 0, 0, 0]]))[0] > 1e5


@given(st.integers(3, 30), st.integers(1, 9))
def test_any_shape_embeds(n: int, d: int) -> None:
    x, _, found = embedded(n, max(d, 3), size=64)
    assert found.matrix.shape[1] == min(64, n, max(d, 3))
    assert np.isfinite(found.map(x)).all()


def test_equal_columns_and_absent_labels_embed() -> None:
    x = np.ones((5, 3), np.float32)
    found = fit_embedding(x, np.array([0, 0, 2, 2, 2]), 4)
    assert np.isfinite(found.matrix).all()
    assert found.centres.shape == (4, 3)


def test_the_same_data_give_the_same_embedding() -> None:
    _, _, first = embedded(100, 6)
    _, _, second = embedded(100, 6)
    np.testing.assert_array_equal(first.matrix, second.matrix)
    largest = np.abs(first.matrix).max()
    assert largest > 0


def test_judging_calibrates_and_scores(make_dataset: Make, make_table: Make) -> None:
    dataset = make_dataset()
    table, y = make_table(dataset), dataset.targets()
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(len(table), 3))
    logits[np.arange(len(table)), y[table.item]] += 1.0
    p = np.exp(6 * logits) / np.exp(6 * logits).sum(axis=1, keepdims=True)  # far too sure
    rows = np.flatnonzero(table.item < 30)
    found = judge(("a", "b"), p[rows], table, rows, y, "log-mean")
    assert found.names == ("a", "b")
    assert found.items.tolist() == list(range(30))
    assert found.temperature > 1.5
    _, votes = clip_votes(p[rows], table.item[rows], table.heard[rows], "log-mean")
    np.testing.assert_allclose(found.p, temper(votes, found.temperature))
    assert found.accuracy == (found.p.argmax(axis=1) == y[:30]).mean()
    np.testing.assert_allclose(found.nll, -np.log(found.p[np.arange(30), y[:30]]).mean())
    plain = -np.log(np.maximum(votes[np.arange(30), y[:30]], 1e-12)).mean()
    assert found.nll < plain
