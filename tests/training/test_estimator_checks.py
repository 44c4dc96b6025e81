"""scikit-learn's own checks of an estimator, on every class that we wrote."""

from __future__ import annotations

import warnings

import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.utils.estimator_checks import check_estimator

from genrewise.training.models.boosting import Weighted
from genrewise.training.models.classical import GroupedSVC
from genrewise.training.models.skorch_net import Network

#: What we decline, and why.
ONE_LABEL = dict.fromkeys(
    (
        "check_classifiers_one_label",
        "check_classifiers_one_label_sample_weights",
        "check_fit2d_1sample",
    ),
    "a single label is refused in our words",
)
COPIES = {"check_sample_weight_equivalence_on_dense_data": "copies of a row fall into other folds"}
FEW_TREES = {"check_class_weight_classifiers": "five trees cannot follow such weights"}


@pytest.mark.parametrize(
    ("estimator", "declined"),
    [
        (GroupedSVC(), ONE_LABEL | COPIES),
        (Weighted(GradientBoostingClassifier(n_estimators=5)), ONE_LABEL | COPIES | FEW_TREES),
        (Network(max_epochs=3, patience=0), ONE_LABEL),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_scikit_learns_checks(estimator, declined):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(
            estimator, expected_failed_checks=declined, on_fail=None, on_skip=None
        )
    failed = {row["check_name"]: row["exception"] for row in found if row["status"] == "failed"}
    assert failed == {}
    assert sum(row["status"] == "passed" for row in found) >= 50
    assert {row["check_name"] for row in found if row["status"] == "xfail"} <= set(declined)
