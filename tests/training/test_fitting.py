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
    clip_votes,
    fit_embedding,
    fit_member,
    joined,
    judge,
    member_probabilities,
    mix,
)
from genrewise.training.recipe import Member
from genrewise.training.store import select_windows
from genrewise.votes import temper, vote

Make = Callable[..., Any]
LDA = Member(model="lda", inputs=("x",))


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
def toy(make_dataset: Make, make_table: Make) -> Any:
    dataset = make_dataset()
    _, groups = np.unique([i.group for i in dataset.items], return_inverse=True)
    return dataset, make_table(dataset), dataset.targets(), groups


def test_arrays_are_joined_in_the_order_of_the_names() -> None:
    a, b = np.zeros((2, 3), np.float32), np.ones((2, 1), np.float32)
    assert joined({"a": a, "b": b}, ["b", "a"]).tolist() == [[1, 0, 0, 0]] * 2
    deep = np.zeros((2, 1, 4, 5), np.float32)
    assert joined({"deep": deep}, ["deep"]) is deep


def test_a_member_sees_the_windows_of_its_items_alone(
    toy: Any, make_recipe: Make, recorder: Recorder
) -> None:
    _, table, y, groups = toy
    heard = table.heard.copy()
    heard[0] = False
    table = replace(table, heard=heard)
    items = [0, 5, 17]
    fit_member(LDA, table, y, groups, items, make_recipe())
    ((x, truth, group),) = recorder.calls
    rows = select_windows(table, items, 12)
    assert 0 not in rows
    np.testing.assert_array_equal(x, table.arrays["x"][rows])
    np.testing.assert_array_equal(truth, y[table.item[rows]])
    np.testing.assert_array_equal(group, groups[table.item[rows]])


def test_windows_of_an_item_are_limited(toy: Any, make_recipe: Make, recorder: Recorder) -> None:
    _, table, y, groups = toy
    fit_member(LDA, table, y, groups, [0, 35], make_recipe(fit={"windows_per_item": 2}))
    assert len(recorder.calls[0][0]) == 4


def test_further_rows_join_the_member_that_looks_at_them_alone(
    toy: Any, make_recipe: Make, recorder: Recorder
) -> None:
    _, table, y, groups = toy
    extra = Extra("x", np.full((2, 7), 9, np.float32), np.array([2, 1]))
    fit_member(LDA, table, y, groups, [0, 35], make_recipe(), extra)
    x, truth, group = recorder.calls[0]
    assert (x[-2:] == 9).all()
    assert truth[-2:].tolist() == [2, 1]
    assert len(set(group[-2:]) | set(groups.tolist())) == len(set(groups.tolist())) + 2
    fit_member(LDA, table, y, groups, [0, 35], make_recipe(), replace(extra, input="z"))
    assert len(recorder.calls[1][0]) == len(x) - 2


def test_one_genre_is_refused(toy: Any, make_recipe: Make) -> None:
    _, table, y, groups = toy
    with pytest.raises(DatasetError, match=r"lda on 6 windows of 1 genres.*two genres or more"):
        fit_member(LDA, table, y, groups, [0, 1], make_recipe())
    silent = replace(table, heard=np.zeros(len(table), bool))
    with pytest.raises(DatasetError, match="lda on 0 windows"):
        fit_member(LDA, silent, y, groups, range(36), make_recipe())


def test_what_a_library_refuses_becomes_one_line(toy: Any, make_recipe: Make) -> None:
    _, table, y, groups = toy
    bad = table.arrays["x"].copy()
    bad[0, 0] = np.nan
    with pytest.raises(
        DatasetError, match=r"lda on .* windows of 3 genres: Input X contains NaN"
    ) as caught:
        fit_member(LDA, replace(table, arrays={"x": bad}), y, groups, range(36), make_recipe())
    assert "\n" not in str(caught.value)
    few = replace(table, heard=np.arange(len(table)) % 36 == 0)
    with pytest.raises(DatasetError, match="number of samples must be more than the number of"):
        fit_member(LDA, few, y, groups, range(36), make_recipe())


def test_errors_of_ours_stay_what_they_are(toy: Any, make_recipe: Make) -> None:
    _, table, y, groups = toy
    member = Member(model="knn", inputs=("x",), params={"n_neighbors": 1000})
    with pytest.raises(RecipeError, match="n_neighbors 1000"):
        fit_member(member, table, y, groups, range(36), make_recipe())


def test_probabilities_have_a_column_for_every_label(toy: Any, make_recipe: Make) -> None:
    _, table, y, groups = toy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit_member(LDA, table, y, groups, range(24), make_recipe())
    rows = np.arange(len(table))
    p = member_probabilities(fitted, LDA, table, rows, 3)
    assert p.shape == (len(table), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, 2] == 0).all()
    assert (p[y[table.item] < 2].argmax(1) == y[table.item[y[table.item] < 2]]).mean() > 0.9


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
