"""Logistic regression, neighbours, forests and boosted trees are the libraries' own."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

from genrewise.errors import RecipeError
from genrewise.training import models
from genrewise.training.models.boosting import Weighted


def music(n=160, n_classes=4, d=10, seed=0, apart=1.5):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d)) + apart * np.eye(n_classes, d)[y]
    return (X * np.logspace(-2, 3, d) + 3.0).astype(np.float32), y


def standard(X, other):
    wide = X.astype(np.float64)
    return (wide - wide.mean(0)) / wide.std(0), (other - wide.mean(0)) / wide.std(0)


def unit(Z):
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def sides():
    X, y = music()
    other, truth = music(seed=1)
    return X, y, other, truth


@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("to_unit", [False, True])
def test_logistic_is_multinomial_on_standardised_columns(sides, C, to_unit):
    X, y, other, _ = sides
    ours = models.make("logistic", 4, C=C, unit=to_unit).fit(X.astype(np.float64), y)
    Z, held = standard(X, other)
    if to_unit:
        Z, held = unit(Z), unit(held)
    theirs = LogisticRegression(C=C, max_iter=5000).fit(Z, y)
    expected = theirs.predict_proba(held)
    assert np.allclose(ours.predict_proba(other.astype(np.float64)), expected, atol=1e-4)


def test_logistic_on_directions_does_not_hear_how_long_a_row_is(sides):
    X, y, other, _ = sides
    ours = models.make("logistic", 4, C=0.1, direction=True).fit(X.astype(np.float64), y)
    Z, held = standard(unit(X.astype(np.float64)), unit(other.astype(np.float64)))
    expected = LogisticRegression(C=0.1, max_iter=5000).fit(Z, y).predict_proba(held)
    assert np.allclose(ours.predict_proba(other.astype(np.float64)), expected, atol=1e-4)
    assert np.allclose(ours.predict_proba(7.0 * other.astype(np.float64)), expected, atol=1e-4)


def test_logistic_minimises_its_loss(sides):
    """The gradient of the penalised likelihood is nought at the solution."""
    X, y, *_ = sides
    model = models.make("logistic", 4, C=0.5).fit(X.astype(np.float64), y)
    Z, _ = standard(X, X)
    p = model.predict_proba(X.astype(np.float64))
    gradient = (p - np.eye(4)[y]).T @ Z * 0.5 + model[-1].coef_
    assert np.abs(gradient).max() < 0.02


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("to_unit", [False, True])
def test_neighbours_are_those_on_standardised_columns(sides, weights, to_unit):
    X, y, other, _ = sides
    ours = models.make("knn", 4, n_neighbors=7, weights=weights, unit=to_unit)
    Z, held = standard(X, other)
    if to_unit:
        Z, held = unit(Z), unit(held)
    ours.fit(X.astype(np.float64), y)
    distance, which = KNeighborsClassifier(7).fit(Z, y).kneighbors(held)
    near = np.ones_like(distance)
    if weights == "distance":
        near = 1 / distance - (1 - 1e-6) / distance[:, -1:]
    expected = np.stack([(near * (y[which] == c)).sum(1) for c in range(4)], axis=1)
    expected /= expected.sum(1, keepdims=True)
    assert np.allclose(ours.predict_proba(other.astype(np.float64)), expected, atol=1e-5)


def test_the_forest_is_scikit_learns(sides):
    X, y, other, _ = sides
    ours = models.make("forest", 4, 5, n_estimators=40, max_depth=6, min_samples_leaf=3)
    theirs = RandomForestClassifier(40, max_depth=6, min_samples_leaf=3, random_state=5)
    expected = theirs.fit(X, y).predict_proba(other)
    assert np.array_equal(ours.fit(X, y).predict_proba(other), expected)


BOOSTED = {
    "gradient-boosting": (
        {"n_estimators": 15, "learning_rate": 0.2, "max_depth": 2, "subsample": 0.9},
        lambda p: GradientBoostingClassifier(
            **p, max_features="sqrt", min_samples_leaf=3, random_state=5
        ),
    ),
    "xgboost": (
        {"n_estimators": 15, "learning_rate": 0.2, "max_depth": 2, "subsample": 0.9, "gamma": 0.1},
        lambda p: XGBClassifier(
            **p, colsample_bytree=0.5, n_jobs=1, random_state=5, tree_method="hist"
        ),
    ),
    "lightgbm": (
        {"n_estimators": 15, "learning_rate": 0.2, "num_leaves": 5, "min_child_samples": 4},
        lambda p: LGBMClassifier(
            **p,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.5,
            reg_lambda=1.0,
            n_jobs=1,
            random_state=5,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        ),
    ),
}


@pytest.mark.parametrize("name", list(BOOSTED))
def test_boosted_trees_are_the_librarys(sides, name):
    X, y, other, _ = sides
    params, theirs = BOOSTED[name]
    threads = {} if name == "gradient-boosting" else {"n_jobs": 1}
    ours = models.make(name, 4, 5, **params, **threads).fit(X, y)
    expected = theirs(params).fit(X, y, sample_weight=np.ones(len(y))).predict_proba(other)
    assert np.allclose(ours.predict_proba(other), expected, atol=1e-7)


@pytest.mark.parametrize("name", list(BOOSTED))
def test_class_weights_are_row_weights(sides, name):
    X, y, other, _ = sides
    rare = (y != 1) | (np.arange(len(y)) < 60)
    X, y = X[rare], y[rare]
    params, theirs = BOOSTED[name]
    threads = {} if name == "gradient-boosting" else {"n_jobs": 1}
    ours = models.make(name, 4, 5, class_weight="balanced", **params, **threads).fit(X, y)
    weight = compute_sample_weight("balanced", y)
    expected = theirs(params).fit(X, y, sample_weight=weight).predict_proba(other)
    assert np.allclose(ours.predict_proba(other), expected, atol=1e-7)


def test_labels_with_gaps_reach_xgboost_without_them(sides):
    X, y, other, _ = sides
    gaps = np.array([1, 4, 7, 9])[y]
    plain = models.make("xgboost", 4, 0, n_estimators=10, n_jobs=1).fit(X, y)
    gapped = models.make("xgboost", 10, 0, n_estimators=10, n_jobs=1).fit(X, gaps)
    assert gapped.classes_.tolist() == [1, 4, 7, 9]
    assert np.array_equal(gapped.predict_proba(other), plain.predict_proba(other))
    p = models.probabilities(gapped, other, 10)
    assert np.allclose(p[:, [1, 4, 7, 9]], plain.predict_proba(other))
    assert (np.delete(p, [1, 4, 7, 9], axis=1) == 0).all()


def test_weights_of_classes_and_rows_multiply(sides):
    X, y, other, _ = sides
    rows = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    weights = {0: 3.0, 1: 1.0, 2: 1.0, 3: 0.5}
    inner = GradientBoostingClassifier(n_estimators=5, random_state=0)
    both = Weighted(inner, weights).fit(X, y, sample_weight=rows)
    by_hand = np.array([weights[c] for c in y]) * rows
    expected = GradientBoostingClassifier(n_estimators=5, random_state=0)
    expected.fit(X, y, sample_weight=by_hand)
    assert np.allclose(both.predict_proba(other), expected.predict_proba(other))


def test_the_estimator_given_is_not_fitted_itself(sides):
    X, y, *_ = sides
    inner = GradientBoostingClassifier(n_estimators=3)
    Weighted(inner).fit(X, y)
    assert not hasattr(inner, "classes_")


def test_one_label_is_refused(sides):
    X, y, *_ = sides
    with pytest.raises(RecipeError, match="one label"):
        models.make("lightgbm", 2).fit(X, np.zeros_like(y))


@pytest.mark.parametrize("name", ["forest", "gradient-boosting", "xgboost", "lightgbm"])
def test_another_seed_is_another_model(sides, name):
    X, y, other, _ = sides
    one, two = (models.make(name, 4, s, n_estimators=12).fit(X, y) for s in (0, 1))
    assert not np.allclose(one.predict_proba(other), two.predict_proba(other))


def test_boosting_prints_nothing(sides, capfd):
    X, y, *_ = sides
    for name in BOOSTED:
        models.make(name, 4, 0, n_estimators=3).fit(X[:40], y[:40])
    assert capfd.readouterr() == ("", "")
