"""The figures of a report hold what they were given."""

from __future__ import annotations

import numpy as np
import pytest

from genrewise.training import metrics
from genrewise.training.report import figures


def drawn_texts(figure):
    axes = figure.axes[0]
    return [t.get_text() for t in axes.texts]


def test_the_matrix_shows_shares_or_counts():
    matrix = [[3, 1], [0, 4]]
    assert drawn_texts(figures.confusion(matrix, "ab", normalised=False)) == ["3", "1", "4"]
    assert drawn_texts(figures.confusion(matrix, "ab", normalised=True)) == ["75", "25", "100"]
    empty = figures.confusion([[0, 0], [0, 4]], "ab", normalised=True)
    assert drawn_texts(empty) == ["100"]


def test_calibration_intervals_are_wilsons():
    from scipy.stats import binomtest

    for hits, n in ((0, 12), (7, 20), (15, 15)):
        expected = binomtest(hits, n).proportion_ci(method="wilson")
        assert figures._wilson(hits / n, n) == pytest.approx(
            (expected.low, expected.high), abs=1e-3
        )


def test_calibration_draws_a_point_for_each_bin():
    made = metrics.reliability(np.linspace(0.1, 1, 40), np.arange(40) > 15)
    figure = figures.calibration(made)
    line = figure.axes[0].containers[0].lines[0]
    assert line.get_xdata() == pytest.approx([row["confidence"] for row in made])
    assert line.get_ydata() == pytest.approx([row["accuracy"] for row in made])


def test_components_are_scikit_learns():
    from sklearn.decomposition import PCA

    X = np.random.default_rng(0).normal(size=(80, 6)) * [5, 3, 1, 1, 0.5, 0.1]
    places, explained = figures.principal(X)
    pca = PCA(2).fit(X)
    assert np.allclose(np.abs(places), np.abs(pca.transform(X)), atol=1e-9)
    assert explained == pytest.approx(pca.explained_variance_ratio_)
    assert np.array_equal(figures.principal(X)[0], places)


def test_components_of_a_single_direction():
    places, explained = figures.principal(np.arange(5.0)[:, None])
    assert places.shape == (5, 2)
    assert explained == pytest.approx([1.0, 0.0])


def test_many_labels_have_marks_of_their_own():
    labels = [f"genre {i}" for i in range(24)]
    rng = np.random.default_rng(0)
    figure = figures.plane(rng.normal(size=(48, 4)), labels * 2, labels)
    marks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines}
    assert len(marks) == 24


def test_curves_mark_the_epoch_kept(epochs):
    figure = figures.curves(epochs(), "loss", 9)
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines[:2]] == ["training", "validation"]
    assert list(lines[2].get_xdata()) == [9, 9]
    alone = figures.curves([{"epoch": 1.0, "train_loss": 1.0}], "loss")
    assert len(alone.axes[0].lines) == 1
