"""The order that is honest: nothing of the test part is seen before everything is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from genrewise import bundle as bundles
from genrewise.bundle import Bundle
from genrewise.errors import DatasetError, ParityError
from genrewise.evidence import KnownTracks
from genrewise.inputs import make_input
from genrewise.training import export, models
from genrewise.training import run as running
from genrewise.training.datasets import Dataset
from genrewise.training.fitting import Extra
from genrewise.training.levels import levels
from genrewise.training.problem import Problem, make_problem
from genrewise.training.run import Run, answers, clip_distances, run, to_bundle, with_seed
from genrewise.training.store import Table
from genrewise.votes import temper

Make = Callable[..., Any]

TWO = {
    "members": {
        "linear": {"model": "lda", "inputs": ["x"]},
        "near": {"model": "knn", "inputs": ["x"], "params": {"n_neighbors": 5}},
    },
    "candidates": [["linear"], ["near"], ["linear", "near"]],
}


def make_toy(make_dataset: Make, make_table: Make, recipe: Any, noise: float = 2.5) -> Problem:
    dataset = make_dataset(groups=8)
    return make_problem(dataset, make_table(dataset, noise=noise), recipe)


@pytest.fixture
def recipe(make_recipe: Make) -> Any:
    return make_recipe(model=TWO)


@pytest.fixture
def problem(make_dataset: Make, make_table: Make, recipe: Any) -> Problem:
    return make_toy(make_dataset, make_table, recipe)


class Spy:
    """A classifier that remembers which groups it learnt from and was asked about.

    The last column of the toy table is the number of the group.
    """

    made: ClassVar[list[Spy]] = []

    def __init__(self, n_classes: int) -> None:
        self.n, self.learnt, self.asked = n_classes, set[float](), set[float]()
        Spy.made.append(self)

    def fit(self, X: Any, _y: Any) -> Spy:
        self.learnt = set(X[:, -1].tolist())
        self.classes_ = np.arange(self.n)
        return self

    def predict_proba(self, X: Any) -> Any:
        self.asked |= set(X[:, -1].tolist())
        p = np.exp(X[:, : self.n])
        return p / p.sum(axis=1, keepdims=True)


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    monkeypatch.setattr(Spy, "made", [])
    monkeypatch.setattr(models, "make", lambda _name, n, _seed, **_more: Spy(n))
    return Spy.made


def groups_in(problem: Problem, part: Any) -> set[float]:
    rows = np.isin(problem.table.item, list(part))
    return set(problem.table.arrays["x"][rows, -1].tolist())


def test_no_member_has_heard_the_group_that_it_answers_for(
    problem: Problem, make_recipe: Make, spies: list[Spy]
) -> None:
    run(problem, make_recipe())
    pool, test = groups_in(problem, problem.pool), groups_in(problem, problem.test)
    assert not pool & test
    *folds, final = spies
    assert len(folds) == 5
    for spy in folds:
        assert spy.learnt
        assert spy.asked
        assert not spy.learnt & spy.asked
        assert spy.learnt | spy.asked == pool
    assert set.union(*(spy.asked for spy in folds)) == pool
    assert final.learnt == pool
    assert final.asked == test


def test_the_test_part_is_opened_once_after_everything_is_chosen(
    problem: Problem, make_recipe: Make, spies: list[Spy]
) -> None:
    said: list[str] = []
    recipe = make_recipe(fit={"refit": "all"})
    result = run(problem, recipe, said.append)
    test = groups_in(problem, problem.test)
    asked = [bool(spy.asked & test) for spy in spies]
    assert asked[:7] == [False] * 5 + [True, False]
    everything = groups_in(problem, (*problem.pool, *problem.test))
    assert spies[6].learnt == everything
    for spy in spies[7:]:  # what ships, judged out of fold: nothing is chosen by it
        assert spy.learnt | spy.asked == everything
        assert not spy.learnt & spy.asked
    assert len(spies[7:]) == 5
    assert set.union(*(spy.asked for spy in spies[7:])) == everything
    assert not spies[6].asked
    opened = [i for i, line in enumerate(said) if "test part opened" in line]
    assert len(opened) == 1
    chosen = next(i for i, line in enumerate(said) if line.startswith("chosen:"))
    refitted = next(i for i, line in enumerate(said) if line.startswith("refitted"))
    assert chosen < opened[0] < refitted
    assert [line.partition(" ")[2] for line in result.log] == said
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in result.log)


def fixed(dataset: Dataset, order: np.ndarray | None = None) -> Dataset:
    """A fixed split; the labels of the test part dealt anew where an order is given."""
    parts = ["test" if int(i.group.split()[-1]) >= 6 else "train" for i in dataset.items]
    labels = [i.label for i in dataset.items]
    if order is not None:
        test = [k for k, part in enumerate(parts) if part == "test"]
        for k, j in zip(test, order, strict=True):
            labels[k] = dataset.items[test[j]].label
    items = tuple(
        replace(i, split=p, label=label)
        for i, p, label in zip(dataset.items, parts, labels, strict=True)
    )
    return replace(dataset, items=items)


def test_nothing_of_the_test_part_moves_what_is_chosen(
    make_dataset: Make, make_table: Make, recipe: Any
) -> None:
    dataset = make_dataset(groups=8)
    table = make_table(dataset, noise=2.5)
    plain = run(make_problem(fixed(dataset), table, recipe), recipe)
    order = np.random.default_rng(3).permutation(12)
    mixed = run(make_problem(fixed(dataset, order), table, recipe), recipe)
    other = table.arrays["x"].copy()
    is_test = [int(dataset.items[i].group.split()[-1]) >= 6 for i in table.item]
    other[is_test, :3] *= -20
    moved = run(make_problem(fixed(dataset), replace(table, arrays={"x": other}), recipe), recipe)
    assert plain.test["clip"]["accuracy"] != mixed.test["clip"]["accuracy"]
    assert plain.test["clip"]["accuracy"] != moved.test["clip"]["accuracy"]
    for found in (mixed, moved):
        assert found.table_of_candidates == plain.table_of_candidates
        assert found.chosen.names == plain.chosen.names
        assert found.chosen.temperature == plain.chosen.temperature
        np.testing.assert_array_equal(found.chosen.p, plain.chosen.p)
        assert found.unknown == plain.unknown
        assert found.validation == plain.validation
        validation = [row for row in found.predictions if row["part"] == "validation"]
        assert validation == [row for row in plain.predictions if row["part"] == "validation"]
        for name, estimator in found.ships.estimators.items():
            x = table.arrays["x"][:20]
            expected = plain.ships.estimators[name].predict_proba(x)
            np.testing.assert_array_equal(estimator.predict_proba(x), expected)


def test_the_same_twice_is_the_same(problem: Problem, recipe: Any) -> None:
    first, second = run(problem, recipe), run(problem, recipe)
    assert first.validation == second.validation
    assert first.test == second.test
    assert first.predictions == second.predictions
    assert first.unknown == second.unknown
    assert first.table_of_candidates == second.table_of_candidates


def test_another_seed_is_another_split(make_dataset: Make, make_table: Make, recipe: Any) -> None:
    dataset = make_dataset(groups=8)
    table = make_table(dataset)
    tests = {make_problem(dataset, table, with_seed(recipe, seed)).test for seed in range(4)}
    assert len(tests) > 1
    seeded = with_seed(recipe, 3)
    assert (seeded.split.seed, seeded.fit.seed) == (3, 3)
    assert seeded.fit.model_copy(update={"seed": recipe.fit.seed}) == recipe.fit


def test_the_likeliest_candidate_is_chosen(problem: Problem, recipe: Any) -> None:
    result = run(problem, recipe)
    table = result.table_of_candidates
    assert len(table) == 3
    assert [row["nll"] for row in table] == sorted(row["nll"] for row in table)
    assert tuple(table[0]["members"]) == result.chosen.names == result.ships.names
    assert table[0]["n"] == len(problem.pool)
    assert result.chosen.accuracy > 0.7
    assert result.test["clip"]["accuracy"] > 0.7


def test_figures_stand_at_three_levels_with_their_units(problem: Problem, recipe: Any) -> None:
    result = run(problem, recipe)
    for found, part in ((result.validation, problem.pool), (result.test, problem.test)):
        assert list(found) == ["window", "clip", "track"]
        assert found["clip"]["n"] == len(part)
        assert found["window"]["n"] == 3 * len(part)
        assert found["track"]["n"] == len(part) // 2
        assert found["clip"]["groups"] == len(part) // 2
    levels_seen = {(row["part"], row["level"]) for row in result.predictions}
    assert len(levels_seen) == 6


def test_steps_count_every_fit_of_the_cross_validation(problem: Problem, recipe: Any) -> None:
    steps: list[tuple[int, int]] = []
    run(problem, recipe, step=lambda done, of: steps.append((done, of)))
    assert steps == [(i, 10) for i in range(1, 11)]


def test_members_that_no_candidate_names_are_not_fitted(
    problem: Problem, make_recipe: Make, spies: list[Spy]
) -> None:
    run(problem, make_recipe(model={**TWO, "candidates": [["near"]]}))
    assert len(spies) == 6


def test_without_a_test_part_the_figures_are_out_of_fold(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    recipe = make_recipe(split={"test": 0.0})
    problem = make_toy(make_dataset, make_table, recipe)
    result = run(problem, recipe)
    assert problem.test == ()
    assert result.test == {}
    assert not any("opened" in line for line in result.log)
    assert {row["part"] for row in result.predictions} == {"validation"}


def lonely(make_dataset: Make, make_table: Make, recipe: Any) -> Problem:
    """A genre with one group beside two with many."""
    dataset = make_dataset(groups=6)
    keep = [i for i, item in enumerate(dataset.items) if item.label != "rock" or i == 24]
    dataset = dataset.subset(keep)
    return make_problem(dataset, make_table(dataset), recipe)


def test_clips_that_nobody_could_know_are_left_out(
    make_dataset: Make, make_table: Make, make_recipe: Make
) -> None:
    recipe = make_recipe()
    problem = lonely(make_dataset, make_table, recipe)
    result = run(problem, recipe)
    assert result.validation["clip"]["n"] == len(problem.pool) - 1
    assert result.validation["clip"]["absent"] == ["rock"]
    assert result.table_of_candidates[0]["n"] == len(problem.pool) - 1
    assert result.chosen.accuracy == 1.0
    assert len(result.ships.estimators["linear"].classes_) == 3


def test_silent_music_is_an_error_and_silent_clips_are_not(
    make_dataset: Make, make_table: Make, recipe: Any
) -> None:
    dataset = make_dataset(groups=6)
    table = make_table(dataset)
    quiet = replace(table, heard=table.item % 7 != 0)
    result = run(make_problem(dataset, quiet, recipe), recipe)
    total = result.validation["clip"]["n"] + result.test["clip"]["n"]
    assert total == len(dataset)
    assert result.validation["window"]["n"] + result.test["window"]["n"] == int(quiet.heard.sum())
    silent = replace(table, heard=np.zeros(len(table), bool))
    with pytest.raises(DatasetError, match="nothing could be held out"):
        run(make_problem(dataset, silent, recipe), recipe)


def test_further_rows_teach_the_members_that_look_at_them(
    make_dataset: Make, make_table: Make, make_recipe: Make, spies: list[Spy]
) -> None:
    dataset = make_dataset(groups=6)
    extra = Extra("x", np.full((4, 7), 99, np.float32), np.zeros(4, dtype=np.int64))
    recipe = make_recipe()
    run(make_problem(dataset, make_table(dataset), recipe, extra), recipe)
    assert all(99.0 in spy.learnt and 99.0 not in spy.asked for spy in spies)


def test_validation_answers_are_those_of_the_folds(problem: Problem, recipe: Any) -> None:
    result = run(problem, recipe)
    clips = [r for r in result.predictions if r["part"] == "validation" and r["level"] == "clip"]
    assert [row["path"] for row in clips] == [problem.dataset.items[i].path for i in problem.pool]
    p = np.array([[row[f"p_{label}"] for label in problem.dataset.labels] for row in clips])
    np.testing.assert_allclose(p, result.chosen.p, atol=1e-5)


def test_answers_are_the_mean_of_the_members(problem: Problem, recipe: Any) -> None:
    ships = run(problem, recipe).ships
    rows, p = answers(problem, recipe, ships, problem.test)
    assert set(problem.table.item[rows].tolist()) == set(problem.test)
    x = problem.table.arrays["x"][rows]
    parts = [models.probabilities(ships.estimators[name], x, 3) for name in ships.names]
    np.testing.assert_allclose(p, np.mean(parts, axis=0))
    far = clip_distances(problem, recipe, ships, rows)
    assert far.shape == (len(problem.test),)
    assert (far >= 0).all()


# -- export


STATISTICS = make_input({"kind": "statistics"})


def real_width(problem: Problem) -> Problem:
    """The toy table as wide as what the input of the recipe gives."""
    from genrewise.features.statistics import names

    x = problem.table.arrays["x"]
    wide = np.zeros((len(x), len(names())), dtype=np.float32)
    wide[:, : x.shape[1]] = x
    rng = np.random.default_rng(0)
    wide[:, x.shape[1] :] = rng.normal(size=(len(x), wide.shape[1] - x.shape[1]))
    return replace(problem, table=replace(problem.table, arrays={"x": wide}))


def exported(result: Run) -> Bundle:
    return to_bundle(result, "toy", "# Toy\n", {"track": {"accuracy": 0.5}})


def test_a_bundle_says_what_it_was_made_of(problem: Problem, recipe: Any) -> None:
    problem = real_width(problem)
    result = run(problem, recipe)
    info = exported(result).info
    assert info.labels == problem.dataset.labels
    assert info.fingerprints == {"x": STATISTICS.fingerprint()}
    assert [m.file for m in info.members] == [f"{name}.onnx" for name in result.ships.names]
    assert all(w == pytest.approx(1 / len(info.members)) for m in info.members for w in m.weights)
    assert info.calibration.temperature == result.chosen.temperature
    assert info.unknown.min_confidence == result.unknown.confidence
    assert info.training["clips"] == len(problem.pool)
    assert info.training["data"] == "toy"
    assert len(info.training["split"]) == 64
    assert info.versions["python"]
    assert info.versions["genrewise"]
    assert info.embedding is not None
    assert len(info.embedding["centres"]) == 3


def test_a_bundle_knows_the_tracks_it_learned_from(problem: Problem, recipe: Any) -> None:
    problem = real_width(problem)
    result = run(problem, recipe)
    bundle = exported(result)
    spec = bundle.info.embedding["tracks"]
    items = [problem.dataset.items[i] for i in problem.pool]
    assert spec["names"] == [item.track for item in items]
    assert [problem.dataset.labels[c] for c in spec["labels"]] == [item.label for item in items]
    tracks = KnownTracks(spec, problem.dataset.labels, bundle.files[spec["file"]])
    size, first = bundle.info.embedding["size"], problem.pool[3]
    rows = np.flatnonzero(problem.table.item == first)
    z = result.ships.embedding.map(problem.table.arrays["x"][rows]).mean(axis=0)
    assert len(bundle.files[spec["file"]]) == 2 * size * len(items)
    (itself,) = tracks.nearest((z / np.linalg.norm(z)).astype(np.float32), 1)
    assert itself.track == problem.dataset.items[first].track
    assert itself.similarity == pytest.approx(1.0, abs=2e-3)


def test_a_refitted_bundle_counts_all_clips(problem: Problem, make_recipe: Make) -> None:
    problem = real_width(problem)
    result = run(problem, make_recipe(fit={"refit": "all"}))
    info = exported(result).info
    assert info.training["clips"] == len(problem.pool) + len(problem.test)
    assert info.training["refit"] == "all"


def test_a_bundle_counts_what_its_members_learnt_from(problem: Problem, make_recipe: Make) -> None:
    problem = real_width(problem)
    held = {"choose": "holdout"}
    for fit, learnt in (
        (held, len(problem.split.train)),
        ({**held, "refit": "all"}, len(problem.dataset)),
        ({}, len(problem.pool)),
    ):
        info = exported(run(problem, make_recipe(fit=fit))).info
        assert info.training["clips"] == learnt
        what = "on validation" if fit else "out of fold"
        n = len(problem.split.valid) if fit else len(problem.pool)
        assert info.calibration.fitted_on == f"{n} clips {what}"


def test_a_wrong_network_is_refused(
    problem: Problem, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(real_width(problem), recipe)
    wrong = models.make("lda", 3)
    x = result.problem.table.arrays["x"]
    wrong.fit(x, (result.problem.y[result.problem.table.item] + 1) % 3)
    good = export.to_onnx
    monkeypatch.setattr(export, "to_onnx", lambda _estimator, x, n: good(wrong, x, n))
    with pytest.raises(ParityError):
        exported(result)


def test_a_written_bundle_answers_as_the_fitted_members(
    problem: Problem, recipe: Any, tmp_path: Any
) -> None:
    from genrewise.inference import Classifier

    problem = real_width(problem)
    result = run(problem, recipe)
    path = bundles.write(exported(result), tmp_path / "toy.genrewise")
    rows, p = answers(problem, recipe, result.ships, problem.test)
    found = Classifier(path).window_probabilities({"x": problem.table.arrays["x"][rows]})
    np.testing.assert_allclose(found, p, atol=1e-5)


def test_versions_name_what_matters() -> None:
    found = running.versions()
    assert {"python", "genrewise", "numpy", "scikit-learn", "onnxruntime"} <= set(found)


def test_levels_of_a_run_are_those_of_its_answers(problem: Problem, recipe: Any) -> None:
    """The test figures again, by hand, from what ships."""
    result = run(problem, recipe)
    rows, raw = answers(problem, recipe, result.ships, problem.test)
    table: Table = problem.table
    items, votes = running.clip_votes(raw, table.item[rows], table.heard[rows], "log-mean")
    temperature = result.chosen.temperature
    far = clip_distances(problem, recipe, result.ships, rows)
    assert len(far) == len(items)
    again, _ = levels(
        problem,
        rows,
        temper(raw, temperature),
        temper(votes, temperature),
        far,
        result.unknown,
        "test",
    )
    assert again == result.test
