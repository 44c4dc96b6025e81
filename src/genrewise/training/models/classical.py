"""Support vectors, logistic regression, nearest neighbours, forests."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from genrewise.errors import RecipeError
from genrewise.training.models.arguments import factory, grouped_folds

__all__ = [
    "FADE",
    "NEAREST",
    "GroupedSVC",
    "closeness",
    "forest",
    "knn",
    "linear_svc",
    "logistic",
    "svc",
]

F64 = NDArray[np.float64]

#: Rows above which the kernel matrix (8 bytes times rows squared) is refused.
MOST_ROWS = 15_000


class GroupedSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Support vector machines, one class against the rest, with calibrated probabilities.

    Probabilities are the softmax of the margins over one temperature, which is fitted
    on margins of held-out folds that never split a group.  Against scikit-learn's
    default (one against one with votes, a sigmoid a class) that was 1 to 4 points more
    accurate with artists kept apart, has no jumps where a vote turns, and a
    label with a single track needs no calibration of its own.

    Parameters
    ----------
    C : float
        Inverse regularisation.
    kernel : {"rbf", "linear"}
    gamma : float or "scale"
        Width of the rbf kernel; "scale" is 1 over the number of features.
    class_weight : None, "balanced" or dict
    unit : bool
        Scale every row to unit length after standardising.
    folds : int
        Folds for the temperature.
    seed : int

    Attributes
    ----------
    scaler_ : StandardScaler
    vectors_ : ndarray, shape (v, d)
        Standardised rows that support any of the machines.
    weights_ : ndarray, shape (v, C)
    bias_ : ndarray, shape (C,)
    temperature_ : float
    """

    def __init__(
        self,
        C: float = 3.0,
        kernel: Literal["rbf", "linear"] = "rbf",
        gamma: float | Literal["scale"] = "scale",
        class_weight: Any = None,
        unit: bool = False,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.C, self.kernel, self.gamma = C, kernel, gamma
        self.class_weight, self.unit, self.folds, self.seed = class_weight, unit, folds, seed

    def fit(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
        groups: NDArray[Any] | None = None,
    ) -> Self:
        """Fit machines and temperature.

        Parameters
        ----------
        X : ndarray, shape (n, d)
        y : ndarray, shape (n,)
        sample_weight : ndarray, shape (n,), optional
        groups : ndarray, shape (n,), optional
            What the folds of the calibration must not split.

        Raises
        ------
        RecipeError
            Above 15,000 rows, or with one label or one group only.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        # libsvm drops rows of weight 0 itself and then numbers its vectors wrongly.
        used = np.flatnonzero(weight > 0)
        X, y, weight = X[used], y[used], weight[used]
        groups = None if groups is None else np.asarray(groups)[used]
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise RecipeError("one label in the training data", "two or more")
        if len(X) > MOST_ROWS:
            raise RecipeError(
                f"svc on {len(X)} rows", f"at most {MOST_ROWS}", "choose logistic, mlp or lightgbm"
            )
        weight = weight * compute_sample_weight(self.class_weight, y)
        self.scaler_ = StandardScaler().fit(X)
        Z = self._standardise(X)
        self.gamma_ = 1.0 / Z.shape[1] if self.gamma == "scale" else float(self.gamma)
        if self.unit and self.gamma == "scale":
            self.gamma_ = 1.0  # rows of length 1: squared distances lie in 0..4
        gram = self._kernel(Z, Z)
        self.temperature_ = self._temperature(gram, index, weight, groups)
        weights, self.bias_ = self._machines(gram, index, weight)
        used = np.flatnonzero(np.abs(weights).sum(axis=1))
        self.vectors_, self.weights_ = Z[used], weights[used]
        return self

    def _standardise(self, X: F64) -> F64:
        Z = np.asarray(self.scaler_.transform(X), dtype=np.float64)
        if self.unit:
            Z /= np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)
        return Z

    def _kernel(self, A: F64, B: F64) -> F64:
        products: F64 = A @ B.T
        if self.kernel == "linear":
            return products
        squares = (A**2).sum(1)[:, None] + (B**2).sum(1)[None, :] - 2.0 * products
        return np.asarray(np.exp(-self.gamma_ * np.maximum(squares, 0.0)))

    def _machines(self, gram: F64, index: NDArray[np.intp], weight: F64) -> tuple[F64, F64]:
        """Coefficients (n, C) and offsets (C,); a label that is absent has margin -1."""
        n_classes = len(self.classes_)
        weights, bias = np.zeros((len(gram), n_classes)), np.full(n_classes, -1.0)
        for c in range(n_classes):
            target = index == c
            if not target.any() or target.all():
                continue
            machine = SVC(C=self.C, kernel="precomputed", cache_size=500)
            machine.fit(gram, target, sample_weight=weight)
            weights[machine.support_, c] = machine.dual_coef_[0]
            bias[c] = machine.intercept_[0]
        return weights, bias

    def _temperature(
        self,
        gram: F64,
        index: NDArray[np.intp],
        weight: F64,
        groups: NDArray[Any] | None,
    ) -> float:
        """Temperature that makes held-out margins likeliest."""
        from genrewise.training.metrics import fit_temperature

        margins, seen = np.zeros((len(gram), len(self.classes_))), np.zeros(len(gram), dtype=bool)
        for train, held in grouped_folds(index, groups, self.folds, self.seed):
            weights, bias = self._machines(gram[np.ix_(train, train)], index[train], weight[train])
            margins[held] = gram[np.ix_(held, train)] @ weights + bias
            # Rows whose label the fold has never heard cannot say how sure it should be.
            seen[held] = np.isin(index[held], index[train])
        if not seen.any():
            return 1.0
        return fit_temperature(margins[seen], index[seen])

    def _margins(self, X: NDArray[Any]) -> F64:
        check_is_fitted(self, "vectors_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        margins: F64 = self._kernel(self._standardise(X), self.vectors_) @ self.weights_
        return margins + self.bias_

    def decision_function(self, X: NDArray[Any]) -> F64:
        """Margins of each label against the rest, shape (n, C); of the second of two, (n,)."""
        margins = self._margins(X)
        return margins if margins.shape[1] > 2 else np.asarray(margins[:, 1] - margins[:, 0])

    def predict_proba(self, X: NDArray[Any]) -> F64:
        """Calibrated probabilities, shape (n, C), rows summing to 1."""
        scores = self._margins(X) / self.temperature_
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self._margins(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


@factory
def svc(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    C: float = 3.0,
    gamma: float | Literal["scale"] = "scale",
    kernel: Literal["rbf", "linear"] = "rbf",
    class_weight: Any = None,
    unit: bool = False,
    folds: int = 5,
) -> GroupedSVC:
    """Support vectors with an rbf kernel; see :class:`GroupedSVC`."""
    return GroupedSVC(C, kernel, gamma, class_weight, unit, folds, seed)


@factory
def linear_svc(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    C: float = 0.01,
    class_weight: Any = None,
    unit: bool = False,
    folds: int = 5,
) -> GroupedSVC:
    """Support vectors with a linear kernel; see :class:`GroupedSVC`."""
    return GroupedSVC(C, "linear", "scale", class_weight, unit, folds, seed)


def _scaled(model: Any, unit: bool = False) -> Pipeline:
    """Standardised columns, then rows of unit length if wanted, then the model."""
    steps: list[tuple[str, Any]] = [("scale", StandardScaler())]
    if unit:
        steps.append(("unit", Normalizer()))
    return Pipeline([*steps, ("model", model)])


@factory
def logistic(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    C: float = 0.05,
    class_weight: Any = None,
    unit: bool = False,
    direction: bool = False,
    max_iter: int = 2000,
) -> Pipeline:
    """Multinomial logistic regression with an L2 penalty on standardised columns.

    Parameters
    ----------
    C : float
        Inverse regularisation; with `unit` rows are short, so try 10 and more.
    unit : bool
        Scale every row to unit length after standardising.
    direction : bool
        Scale every row to unit length before standardising: the direction of an embedding says
        what is heard, its length mostly how much of it.
    """
    model = LogisticRegression(C=C, class_weight=class_weight, max_iter=max_iter, random_state=seed)
    scaled = _scaled(model, unit)
    return Pipeline([("direction", Normalizer()), *scaled.steps]) if direction else scaled


#: Distances below this count as this: copies of a row would divide by rounding errors.
NEAREST = 0.01
#: Share of the farthest neighbour's weight that is taken from all: nearly the whole.
FADE = 1.0 - 1e-6


def closeness(distances: F64) -> F64:
    """Weights of neighbours: one over the distance, less that of the farthest.

    They fade out towards the farthest, so which of two rows at equal distance is the
    last to be counted makes no difference.

    Parameters
    ----------
    distances : ndarray, shape (n, k)
        Below 0.01 they count as 0.01.
    """
    near = 1.0 / np.maximum(distances, NEAREST)
    return np.asarray(near - FADE * near.min(axis=1, keepdims=True))


@factory
def knn(
    n_classes: int,  # noqa: ARG001
    seed: int,  # noqa: ARG001
    *,
    n_neighbors: int = 10,
    weights: Literal["uniform", "distance"] = "distance",
    unit: bool = True,
) -> Pipeline:
    """Nearest neighbours on standardised columns (cosine-like with `unit`).

    Parameters
    ----------
    weights : {"uniform", "distance"}
        The latter as :func:`closeness`.
    """
    rule: Any = closeness if weights == "distance" else weights
    return _scaled(KNeighborsClassifier(n_neighbors, weights=rule), unit)


@factory
def forest(
    n_classes: int,  # noqa: ARG001
    seed: int,
    *,
    n_estimators: int = 300,
    max_depth: int | None = None,
    min_samples_leaf: int = 2,
    max_features: float | str = "sqrt",
    class_weight: Any = None,
    n_jobs: int | None = None,
) -> RandomForestClassifier:
    """Random forest (Breiman 2001)."""
    return RandomForestClassifier(
        n_estimators=n_estimators,
        max_depth=max_depth,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        class_weight=class_weight,
        n_jobs=n_jobs,
        random_state=seed,
    )
