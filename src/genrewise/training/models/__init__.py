"""The models: a name stands for a factory of scikit-learn estimators.

Every factory is called ``factory(n_classes, seed, **params)`` and refuses parameters
it does not know.  :func:`fit` and :func:`probabilities` hide what differs between the
estimators: who takes groups, weights or a validation side, and which classes were seen.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError
from genrewise.registry import Registry

__all__ = ["MODELS", "fit", "make", "parameters", "probabilities"]

_HERE = "genrewise.training.models."

MODELS = Registry(
    "model",
    {
        "lda": _HERE + "linear:lda",
        "svc": _HERE + "classical:svc",
        "linear-svc": _HERE + "classical:linear_svc",
        "logistic": _HERE + "classical:logistic",
        "knn": _HERE + "classical:knn",
        "forest": _HERE + "classical:forest",
        "gradient-boosting": _HERE + "boosting:gradient_boosting",
        "xgboost": _HERE + "boosting:xgboost",
        "lightgbm": _HERE + "boosting:lightgbm",
        "mlp": _HERE + "factories:mlp",
        "cnn-000": _HERE + "factories:cnn_000",
        "ann-001": _HERE + "factories:ann_001",
        "cnn-001": _HERE + "factories:cnn_001",
        "cnn-002": _HERE + "factories:cnn_002",
        "cnn-003": _HERE + "factories:cnn_003",
        "cnn-004": _HERE + "factories:cnn_004",
        "crnn-004": _HERE + "factories:crnn_004",
    },
    extra="train",
    extras={"xgboost": "boost", "lightgbm": "boost"},
)


def make(name: str, n_classes: int, seed: int = 0, **params: Any) -> Any:
    """A fresh estimator by name.

    Parameters
    ----------
    name : str
        A name of :data:`MODELS`.
    n_classes : int
        Number of labels, at least 2.
    seed : int
        Seed of everything random in the estimator.
    **params
        Parameters of the factory; see :func:`parameters`.

    Raises
    ------
    UnknownName, MissingExtra
        As :meth:`genrewise.registry.Registry.get`.
    RecipeError
        For a parameter that the model does not have, with the nearest ones.
    """
    return MODELS.get(name)(n_classes, seed, **params)


def parameters(name: str) -> dict[str, Any]:
    """Parameters of a model and their defaults."""
    found = inspect.signature(MODELS.get(name)).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}


def _weight_name(estimator: Any) -> str:
    """Name of the weight argument of ``fit``: that of the last step in a pipeline."""
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        inner = _weight_name(last)
        return f"{name}__{inner}" if inner else ""
    return "sample_weight" if "sample_weight" in inspect.signature(estimator.fit).parameters else ""


def _check_neighbours(estimator: Any, rows: int) -> None:
    """More neighbours than rows would only be noticed at the first prediction."""
    wanted = getattr(getattr(estimator, "steps", [("", estimator)])[-1][1], "n_neighbors", 0)
    if isinstance(wanted, int) and wanted > rows:
        raise RecipeError(
            f"n_neighbors {wanted} with {rows} rows",
            f"at most {rows}",
            "add music, or --set model.members.knn.params.n_neighbors=N",
        )


def fit(
    estimator: Any,
    X: NDArray[Any],
    y: NDArray[np.integer[Any]],
    *,
    groups: NDArray[Any] | None = None,
    sample_weight: NDArray[Any] | None = None,
    valid: tuple[NDArray[Any], NDArray[np.integer[Any]]] | None = None,
) -> Any:
    """Fit an estimator with what it can use.

    Parameters
    ----------
    estimator : estimator
        From :func:`make`, or any of scikit-learn's kind.
    X : ndarray, shape (n, ...)
        Inputs; networks also take windows that are cut when asked for.
    y : ndarray of int, shape (n,)
        Index of the true label.
    groups : ndarray, shape (n,), optional
        What must not be split by folds inside the estimator (calibration, early
        stopping).  Estimators without inner folds have no use for it.
    sample_weight : ndarray, shape (n,), optional
    valid : pair of ndarray, optional
        Inputs and labels for early stopping, for networks; without it they hold out
        groups of the training side.  Other estimators do not see it.

    Returns
    -------
    estimator
        The same one, fitted.

    Raises
    ------
    RecipeError
        Where weights are given that the estimator cannot use, or a parameter has a
        value outside its range.
    """
    from sklearn.utils._param_validation import InvalidParameterError

    _check_neighbours(estimator, len(X))
    taken = inspect.signature(estimator.fit).parameters
    extra: dict[str, Any] = {"groups": groups} if groups is not None and "groups" in taken else {}
    if valid is not None and "valid" in taken:
        extra["valid"] = valid
    if sample_weight is not None:
        name = _weight_name(estimator)
        if not name:
            raise RecipeError(
                f"sample weights for {type(estimator).__name__}", todo="choose another model"
            )
        extra[name] = sample_weight
    try:
        return estimator.fit(X, y, **extra)
    except InvalidParameterError as error:
        raise RecipeError(str(error)) from error


def probabilities(estimator: Any, X: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Class probabilities with a column for every label.

    Parameters
    ----------
    estimator : fitted estimator
        Its classes are integers below `n_classes`.
    X : ndarray, shape (n, ...)
    n_classes : int

    Returns
    -------
    ndarray, shape (n, n_classes), float64
        Rows sum to 1; a label that the estimator has not seen has probability 0.
    """
    out = np.zeros((len(X), n_classes))
    if len(X):
        out[:, np.asarray(estimator.classes_, dtype=int)] = estimator.predict_proba(X)
    return out
