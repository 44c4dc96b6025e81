"""Boosted trees: scikit-learn's, XGBoost's and LightGBM's, under one set of names.

The libraries of the extra [boost] are imported by the factory that needs them.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from genrewise.errors import MissingExtra, RecipeError
from genrewise.training.models.arguments import factory

__all__ = ["Weighted", "gradient_boosting", "lightgbm", "xgboost"]


class Weighted(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that takes class weights though the one inside takes sample weights only.

    Labels are numbered from 0 without gaps before they reach it, which XGBoost insists on.

    Parameters
    ----------
    estimator : estimator
        With ``fit(X, y, sample_weight=…)``.
    class_weight : None, "balanced" or dict

    Attributes
    ----------
    model_ : estimator
        The fitted one, on labels 0 to C - 1.
    classes_ : ndarray, shape (C,)
    """

    def __init__(self, estimator: Any, class_weight: Any = None) -> None:
        self.estimator, self.class_weight = estimator, class_weight

    def fit(
        self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None = None
    ) -> Self:
        """Fit the estimator inside.

        Parameters
        ----------
        X : ndarray, shape (n, d)
            Rounded to float32, which is what the exported trees will see.
        y : ndarray, shape (n,)
        sample_weight : ndarray, shape (n,), optional

        Raises
        ------
        RecipeError
            With fewer than two labels.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = np.flatnonzero(weight > 0)
        X, y, weight = X[used], y[used], weight[used]
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise RecipeError("one label in the training data", "two or more")
        weight = weight * compute_sample_weight(self.class_weight, y)
        self.model_ = clone(self.estimator).fit(X, index, sample_weight=weight)
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities, shape (n, C)."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return np.asarray(self.model_.predict_proba(X), dtype=np.float64)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


@factory
def gradient_boosting(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    n_estimators: int = 150,
    learning_rate: float = 0.1,
    max_depth: int = 3,
    subsample: float = 0.7,
    max_features: float | str | None = "sqrt",
    min_samples_leaf: int = 3,
    class_weight: Any = None,
) -> Weighted:
    """Gradient boosting (Friedman 2001); the histogram variant has no way to ONNX."""
    trees = GradientBoostingClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        max_depth=max_depth,
        subsample=subsample,
        max_features=max_features,
        min_samples_leaf=min_samples_leaf,
        random_state=seed,
    )
    return Weighted(trees, class_weight)


@factory
def xgboost(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    n_estimators: int = 300,
    learning_rate: float = 0.1,
    max_depth: int = 4,
    subsample: float = 0.8,
    colsample_bytree: float = 0.5,
    min_child_weight: float = 1.0,
    gamma: float = 0.0,
    reg_alpha: float = 0.0,
    reg_lambda: float = 1.0,
    class_weight: Any = None,
    n_jobs: int = 0,
) -> Weighted:
    """XGBoost (Chen & Guestrin 2016); `n_jobs` 0 takes every core.

    Raises
    ------
    MissingExtra
        Where xgboost is not installed.
    """
    try:
        from xgboost import XGBClassifier
    except ModuleNotFoundError as error:
        raise MissingExtra("model xgboost", "boost", error.name or "") from error
    trees = XGBClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        max_depth=max_depth,
        subsample=subsample,
        colsample_bytree=colsample_bytree,
        min_child_weight=min_child_weight,
        gamma=gamma,
        reg_alpha=reg_alpha,
        reg_lambda=reg_lambda,
        n_jobs=n_jobs,
        random_state=seed,
        tree_method="hist",
        verbosity=0,
    )
    return Weighted(trees, class_weight)


@factory
def lightgbm(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    n_estimators: int = 200,
    learning_rate: float = 0.05,
    num_leaves: int = 15,
    max_depth: int = -1,
    min_child_samples: int = 10,
    subsample: float = 0.8,
    colsample_bytree: float = 0.5,
    reg_alpha: float = 0.0,
    reg_lambda: float = 1.0,
    class_weight: Any = None,
    n_jobs: int = 0,
) -> Weighted:
    """LightGBM (Ke et al. 2017); `n_jobs` 0 takes every core.

    Raises
    ------
    MissingExtra
        Where lightgbm is not installed.
    """
    try:
        from lightgbm import LGBMClassifier
    except ModuleNotFoundError as error:
        raise MissingExtra("model lightgbm", "boost", error.name or "") from error
    trees = LGBMClassifier(
        n_estimators=n_estimators,
        learning_rate=learning_rate,
        num_leaves=num_leaves,
        max_depth=max_depth,
        min_child_samples=min_child_samples,
        subsample=subsample,
        subsample_freq=1,
        colsample_bytree=colsample_bytree,
        reg_alpha=reg_alpha,
        reg_lambda=reg_lambda,
        n_jobs=n_jobs,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    return Weighted(trees, class_weight)
