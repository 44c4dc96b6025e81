"""What every model of the registry promises, and what its parameters refuse."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, cross_val_score

from genrewise.errors import MissingExtra, RecipeError, UnknownName
from genrewise.training import models
from genrewise.training.models.arguments import grouped_folds

#: Settings that make a model quick; the rest is as it ships.
QUICK = {
    "forest": {"n_estimators": 60},
    "gradient-boosting": {"n_estimators": 25},
    "xgboost": {"n_estimators": 30, "n_jobs": 1},
    "lightgbm": {"n_estimators": 40, "n_jobs": 1},
    "mlp": {"hidden": (32,), "max_epochs": 40, "lr": 5e-3},
    "ann-001": {"max_epochs": 40},
}
PICTURES = [name for name in models.MODELS if name.startswith(("cnn", "crnn"))]
VECTORS = [name for name in models.MODELS if name not in PICTURES]
DENSE = ["mlp", "ann-001"]
WEIGHTED = [name for name in models.MODELS if "class_weight" in models.parameters(name)]


def music(n=180, n_classes=4, d=24, seed=0, apart=3.2):
    """Rows in groups of three, one label a group, columns of very different scale."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) // 3 % n_classes
    X = rng.normal(size=(n, d)) + apart * np.eye(n_classes, d)[y]
    return (X * np.logspace(-2, 3, d)).astype(np.float32), y, np.arange(n) // 3


def pictures(n=16, n_classes=10):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 1, 64, 173)).astype(np.float32), np.arange(n) % n_classes


@pytest.fixture(scope="module")
def fitted():
    """Every model on vectors, fitted once."""
    X, y, groups = music()
    made = {}
    for name in VECTORS:
        estimator = models.make(name, 4, 0, **QUICK.get(name, {}))
        made[name] = models.fit(estimator, X, y, groups=groups)
    return made


@pytest.mark.parametrize("name", list(models.MODELS))
def test_clone_and_parameters_are_scikit_learns(name):
    estimator = models.make(name, 10, 3, **QUICK.get(name, {}))
    copy = clone(estimator)
    assert type(copy) is type(estimator)
    assert str(copy.get_params()) == str(estimator.get_params())


@pytest.mark.parametrize("name", list(models.MODELS))
def test_unknown_parameters_are_refused_with_the_nearest(name):
    known = next(iter(models.parameters(name)))
    with pytest.raises(RecipeError, match=f"no parameter '{known}x'.*Did you mean {known}"):
        models.make(name, 4, 0, **{known + "x": 1})


@pytest.mark.parametrize("name", list(models.MODELS))
def test_one_label_is_no_problem_to_solve(name):
    with pytest.raises(RecipeError, match="2 or more"):
        models.make(name, 1)


@pytest.mark.parametrize("name", VECTORS)
def test_probabilities_are_probabilities_and_the_easy_is_learnt(fitted, name):
    X, y, _ = music(seed=1)
    p = models.probabilities(fitted[name], X, 4)
    assert p.shape == (180, 4)
    assert p.dtype == np.float64
    assert np.allclose(p.sum(1), 1.0, atol=1e-6)
    assert (p >= 0).all()
    assert (p.argmax(1) == y).mean() > 0.75
    assert np.array_equal(fitted[name].predict(X), p.argmax(1))


@pytest.mark.parametrize("name", VECTORS)
def test_the_same_seed_gives_the_same_model(fitted, name):
    X, y, groups = music()
    again = models.fit(models.make(name, 4, 0, **QUICK.get(name, {})), X, y, groups=groups)
    assert np.allclose(again.predict_proba(X), fitted[name].predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("name", VECTORS)
def test_rows_do_not_depend_on_their_batch(fitted, name):
    X, _, _ = music(seed=2)
    whole = fitted[name].predict_proba(X)
    parts = np.concatenate([fitted[name].predict_proba(X[i : i + 7]) for i in range(0, 180, 7)])
    assert np.allclose(whole, parts, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in VECTORS if n not in DENSE])
def test_a_label_without_rows_gets_probability_zero(name):
    X, y, groups = music()
    here = y != 2
    params = QUICK.get(name, {})
    estimator = models.fit(models.make(name, 4, 0, **params), X[here], y[here], groups=groups[here])
    p = models.probabilities(estimator, X, 4)
    assert (p[:, 2] == 0).all()
    assert np.allclose(p.sum(1), 1.0, atol=1e-6)
    assert (p.argmax(1) == y)[here].mean() > 0.8


def test_a_network_keeps_a_place_for_a_label_without_rows():
    X, y, groups = music()
    here = y != 2
    net = models.make("mlp", 4, 0, **QUICK["mlp"])
    p = models.probabilities(models.fit(net, X[here], y[here], groups=groups[here]), X, 4)
    assert p.shape == (180, 4)
    assert p[:, 2].mean() < 0.05


@pytest.mark.parametrize("name", [n for n in WEIGHTED if n in VECTORS])
def test_class_weights_help_the_rare(name):
    X, y, groups = music(600, 2, apart=1.3)
    rare = (y == 0) | (np.arange(600) % 30 // 3 == 1)
    X, y, groups = X[rare], y[rare], groups[rare]
    found = {}
    params = QUICK.get(name, {}) | ({"folds": 3} if "svc" in name else {})
    for weight in (None, "balanced"):
        estimator = models.make(name, 2, 0, class_weight=weight, **params)
        models.fit(estimator, X, y, groups=groups)
        other, truth, _ = music(600, 2, apart=1.3, seed=3)
        found[weight] = estimator.predict_proba(other)[truth == 1, 1].mean()
    assert found["balanced"] > found[None] + 0.02


@pytest.mark.parametrize("name", ["svc", "logistic", "forest", "xgboost", "lightgbm"])
def test_rows_of_weight_zero_are_not_there(name):
    X, y, groups = music()
    wrong = y.copy()
    spoilt = np.arange(180) % 9 < 3
    wrong[spoilt] = (wrong[spoilt] + 1) % 4
    weight = np.where(spoilt, 0.0, 1.0)
    estimator = models.make(name, 4, 0, **QUICK.get(name, {}))
    models.fit(estimator, X, wrong, groups=groups, sample_weight=weight)
    assert (estimator.predict(X) == y).mean() > 0.9


@pytest.mark.parametrize("name", ["knn", "mlp", "lda"])
def test_weights_that_a_model_cannot_use_are_refused(name):
    X, y, _ = music()
    with pytest.raises(RecipeError, match=r"sample weights for \w+\. Choose another model"):
        models.fit(models.make(name, 4), X, y, sample_weight=np.ones(180))


def test_values_outside_their_range_are_refused_in_our_words():
    X, y, _ = music()
    with pytest.raises(RecipeError, match="The 'C' parameter"):
        models.fit(models.make("logistic", 4, C=-1.0), X, y)
    with pytest.raises(RecipeError, match="n_neighbors 200 with 180 rows"):
        models.fit(models.make("knn", 4, n_neighbors=200), X, y)


def test_names_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean svc"):
        models.make("svcc", 4)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_without_the_library_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtra, match=r'pip install "genrewise\[boost\]"'):
        models.make(name, 4)


@pytest.mark.parametrize("name", ["svc", "logistic", "lightgbm"])
def test_scikit_learns_cross_validation_takes_them(name):
    X, y, groups = music()
    estimator = models.make(name, 4, 0, **QUICK.get(name, {}))
    scores = cross_val_score(estimator, X, y, groups=groups, cv=GroupKFold(3))
    assert scores.mean() > 0.75


def test_estimators_of_others_are_fitted_with_what_they_take():
    X, y, groups = music()
    forest = RandomForestClassifier(30, random_state=0)
    models.fit(forest, X, y, groups=groups, valid=(X, y), sample_weight=np.ones(180))
    assert (forest.predict(X) == y).mean() > 0.95


def test_no_rows_give_no_probabilities(fitted):
    assert models.probabilities(fitted["svc"], np.zeros((0, 24), np.float32), 4).shape == (0, 4)


def test_folds_hold_out_every_row_once_and_split_no_group():
    _, y, groups = music()
    folds = grouped_folds(y, groups, 5, 0)
    assert len(folds) == 5
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(180))
    for train, held in folds:
        assert not set(groups[train]) & set(groups[held])
        assert np.bincount(y[held], minlength=4).min() >= 6  # of about 9


def test_folds_without_groups_split_rows_and_few_groups_make_few_folds():
    _, y, _ = music()
    assert len(grouped_folds(y, None, 5, 0)) == 5
    assert len(grouped_folds(y, np.arange(180) // 60, 5, 0)) == 3
    with pytest.raises(RecipeError, match="two or more groups"):
        grouped_folds(y, np.zeros(180), 5, 0)


def test_folds_bear_a_label_with_a_single_row():
    y = np.append(np.arange(40) % 2, 2)
    folds = grouped_folds(y, None, 5, 0)
    assert len(folds) == 5
    lacking = [fold for fold in folds if 2 not in y[fold[0]]]
    assert len(lacking) == 1
