"""Support vectors: the machines against scikit-learn's, the calibration against its promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from genrewise.errors import RecipeError
from genrewise.training import metrics, models
from genrewise.training.models.arguments import grouped_folds


def music(n=240, n_classes=4, d=20, seed=0, apart=1.8):
    rng = np.random.default_rng(seed)
    y = np.arange(n) // 3 % n_classes
    X = rng.normal(size=(n, d)) + apart * np.eye(n_classes, d)[y]
    return X * np.logspace(-3, 3, d) + 5.0, y, np.arange(n) // 3


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_margins_are_those_of_scikit_learns_machines(kernel, class_weight):
    X, y, groups = music()
    keep = (y != 1) | (np.arange(240) < 60)
    X, y, groups = X[keep], y[keep], groups[keep]
    ours = models.make("svc", 4, kernel=kernel, class_weight=class_weight, C=2.0)
    models.fit(ours, X, y, groups=groups)
    weight = np.ones(len(y))
    if class_weight:
        weight = len(y) / (4 * np.bincount(y)[y])
    margins = np.empty((240, 4))
    other, _, _ = music(seed=1)
    scaler = StandardScaler().fit(X)
    for c in range(4):
        machine = SVC(C=2.0, kernel=kernel, gamma=1 / 20)
        machine.fit(scaler.transform(X), y == c, sample_weight=weight)
        margins[:, c] = machine.decision_function(scaler.transform(other))
    assert np.allclose(ours.decision_function(other), margins, atol=5e-3)
    assert np.array_equal(ours.predict(other), margins.argmax(1))


def test_answers_are_those_of_one_against_the_rest():
    X, y, _ = music()
    other, _, _ = music(seed=1)
    ours = models.fit(models.make("svc", 4, C=3.0), X, y)
    theirs = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC(C=3.0, gamma=1 / 20)))
    assert (ours.predict(other) == theirs.fit(X, y).predict(other)).mean() > 0.99


def test_probabilities_are_the_softmax_of_margins_over_the_temperature():
    X, y, groups = music()
    svc = models.fit(models.make("svc", 4), X, y, groups=groups)
    expected = softmax(svc.decision_function(X) / svc.temperature_, axis=1)
    assert np.allclose(svc.predict_proba(X), expected, atol=1e-12)


def test_the_temperature_comes_from_folds_that_keep_groups_whole():
    """Copies of each row in its group: folds that split groups would see their own answers."""
    X, y, _ = music(120, apart=0.8)
    rng = np.random.default_rng(0)
    X3 = np.repeat(X, 4, axis=0) + 1e-3 * rng.normal(size=(480, 20)) * X.std(0)
    y3, groups = np.repeat(y, 4), np.repeat(np.arange(120), 4)
    whole = models.fit(models.make("svc", 4, C=10.0), X3, y3, groups=groups)
    split = models.fit(models.make("svc", 4, C=10.0), X3, y3)
    assert split.temperature_ < 0.6 * whole.temperature_
    other, truth, _ = music(600, seed=5, apart=0.8)
    honest = metrics.level_scores(truth, whole.predict_proba(other), list("abcd"))
    leaking = metrics.level_scores(truth, split.predict_proba(other), list("abcd"))
    assert honest["ece"] < 0.09
    assert leaking["ece"] > honest["ece"] + 0.05
    assert honest["accuracy"] == leaking["accuracy"]


def test_the_temperature_is_that_of_the_same_folds_by_hand():
    X, y, groups = music()
    svc = models.fit(models.make("svc", 4, C=3.0, folds=4), X, y, groups=groups)
    Z = StandardScaler().fit_transform(X)
    margins = np.empty((240, 4))
    for train, held in grouped_folds(y, groups, 4, 0):
        for c in range(4):
            machine = SVC(C=3.0, gamma=1 / 20).fit(Z[train], y[train] == c)
            margins[held, c] = machine.decision_function(Z[held])
    assert svc.temperature_ == pytest.approx(metrics.fit_temperature(margins, y), rel=0.01)


def test_confidence_is_true_on_music_not_seen():
    X, y, groups = music(600, apart=1.2)
    svc = models.fit(models.make("svc", 4, C=1.0), X, y, groups=groups)
    other, truth, _ = music(3000, seed=9, apart=1.2)
    assert metrics.level_scores(truth, svc.predict_proba(other), list("abcd"))["ece"] < 0.05


def test_a_label_with_one_track_is_borne():
    X, y, groups = music()
    y = np.where(groups == 7, 4, y)
    svc = models.fit(models.make("svc", 5), X, y, groups=groups)
    p = svc.predict_proba(X)
    assert np.isfinite(p).all()
    assert (p[y == 4].argmax(1) == 4).all()
    assert 0.05 < svc.temperature_ < 3.0


def test_two_labels_have_two_columns():
    X, y, groups = music(n_classes=2)
    svc = models.fit(models.make("svc", 2), X, y, groups=groups)
    assert svc.predict_proba(X).shape == (240, 2)
    assert np.array_equal(svc.decision_function(X) > 0, svc.predict(X) == 1)
    assert np.allclose(svc.predict_proba(X).sum(1), 1.0)
    assert (svc.predict(X) == y).mean() > 0.95


def test_labels_may_be_words():
    X, y, groups = music()
    words = np.array(["blues", "disco", "jazz", "pop"])[y]
    svc = models.fit(models.make("svc", 4), X, words, groups=groups)
    assert svc.classes_.tolist() == ["blues", "disco", "jazz", "pop"]
    assert (svc.predict(X) == words).mean() > 0.95


def test_rows_of_weight_zero_are_as_if_dropped():
    X, y, groups = music()
    weight = (groups % 4 != 1).astype(float)
    kept = weight > 0
    weighed = models.fit(models.make("svc", 4), X, y, groups=groups, sample_weight=weight)
    dropped = models.fit(models.make("svc", 4), X[kept], y[kept], groups=groups[kept])
    assert np.allclose(weighed.predict_proba(X), dropped.predict_proba(X), atol=1e-12)


def test_unit_length_takes_loudness_out():
    """Rows scaled about the mean are the same to a model that looks at directions only."""
    X, y, groups = music(apart=3.0)
    svc = models.fit(models.make("svc", 4, unit=True), X, y, groups=groups)
    mean = svc.scaler_.mean_
    assert np.allclose(svc.predict_proba(mean + 4.0 * (X - mean)), svc.predict_proba(X), atol=1e-9)
    plain = models.fit(models.make("svc", 4), X, y, groups=groups)
    assert not np.allclose(
        plain.predict_proba(mean + 4.0 * (X - mean)), plain.predict_proba(X), atol=0.05
    )


def test_a_constant_column_is_harmless():
    X, y, groups = music()
    X[:, 3] = 7.0
    p = models.fit(models.make("svc", 4), X, y, groups=groups).predict_proba(X)
    assert np.isfinite(p).all()


def test_what_it_cannot_learn_from_is_refused():
    X, y, _ = music()
    with pytest.raises(RecipeError, match="one label"):
        models.fit(models.make("svc", 2), X, np.zeros(240, int))
    with pytest.raises(RecipeError, match="two or more groups"):
        models.fit(models.make("svc", 4), X, y, groups=np.zeros(240))
    with pytest.raises(RecipeError, match="at most 15000"):
        models.fit(models.make("svc", 2), np.zeros((15_001, 1)), np.arange(15_001) % 2)


def test_only_vectors_that_support_are_kept():
    X, y, groups = music(apart=6.0)
    svc = models.fit(models.make("svc", 4), X, y, groups=groups)
    assert len(svc.vectors_) < 240
    assert svc.weights_.shape == (len(svc.vectors_), 4)
    assert (np.abs(svc.weights_).sum(1) > 0).all()
