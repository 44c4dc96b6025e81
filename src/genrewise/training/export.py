"""A fitted estimator as an ONNX graph, and the proof that both say the same.

Every graph has the input ``x`` (float32, first axis free) and the output
``probabilities`` (float32, rows by classes).  Ensembles are put together from the
graphs of their members, so whatever can be exported can be voted or stacked.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import ParityError, RecipeError
from genrewise.training.graphs import (
    ML_OPSET,
    OPSET,
    average,
    chain,
    linear,
    neighbours,
    renamed,
    side_by_side,
    spread,
    stamp,
    support_vectors,
)

#: The newest that the converters of boosted trees write; their nodes mean the same in ours.
TREES_OPSET = 15

__all__ = ["check_parity", "embedding_onnx", "run_onnx", "to_onnx"]


def to_onnx(estimator: Any, example: NDArray[Any], n_classes: int = 0) -> bytes:
    """Convert a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        Any of :data:`genrewise.training.models.MODELS`, or a soft vote or stack of them.
    example : ndarray, shape (n, ...)
        Inputs as the estimator takes them; only the shape of a row matters.
    n_classes : int
        Columns wanted, where classes are integers below it; labels that were not in
        the training data get probability 0.  0: a column for every class that was.

    Returns
    -------
    bytes
        An ONNX model with input "x" and output "probabilities".

    Raises
    ------
    RecipeError
        Where there is no converter for the estimator.
    """
    model = _graph(estimator, tuple(np.asarray(example).shape[1:]))
    classes = np.asarray(getattr(estimator, "classes_", []))
    if n_classes and not np.array_equal(classes, np.arange(n_classes)):
        model = chain(model, spread(classes.astype(int), n_classes), n_classes)
    return bytes(stamp(model).SerializeToString())


def run_onnx(onnx_bytes: bytes, X: NDArray[Any], batch: int = 512) -> NDArray[np.float32]:
    """Outputs of a graph for many rows, in batches, on one thread.

    Returns
    -------
    ndarray, shape (n, C), float32
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    X = np.asarray(X, dtype=np.float32)
    parts = [
        session.run(["probabilities"], {"x": np.ascontiguousarray(X[i : i + batch])})[0]
        for i in range(0, max(len(X), 1), batch)
    ]
    return np.concatenate(parts)


def check_parity(
    estimator: Any, onnx_bytes: bytes, X: NDArray[Any], tolerance: float = 1e-4
) -> float:
    """Largest difference between the estimator's probabilities and the graph's.

    Parameters
    ----------
    estimator : fitted estimator
    onnx_bytes : bytes
        From :func:`to_onnx`.
    X : ndarray, shape (n, ...)
        Real inputs; they are rounded to float32 for both.
    tolerance : float
        Greatest difference allowed in any probability.

    Returns
    -------
    float

    Raises
    ------
    ParityError
        Where a probability is farther off, or a row has another most probable label.
    """
    X = np.asarray(X, dtype=np.float32)
    ours = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    theirs = run_onnx(onnx_bytes, X).astype(np.float64)
    if theirs.shape[1] > ours.shape[1]:
        spread = np.zeros(theirs.shape)
        spread[:, np.asarray(estimator.classes_, dtype=int)] = ours
        ours = spread
    if ours.shape != theirs.shape:
        raise ParityError(f"a graph with outputs {theirs.shape}", f"{ours.shape}")
    name = type(estimator).__name__
    worst = float(np.abs(ours - theirs).max(initial=0.0))
    if not worst <= tolerance:
        raise ParityError(
            f"{name}: exported probabilities differ by {worst:.2g}", f"at most {tolerance:g}"
        )
    turned = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    if turned:
        raise ParityError(f"{name}: {turned} of {len(X)} answers turn on export", "none")
    return worst


def _graph(estimator: Any, shape: tuple[int, ...]) -> Any:
    """The ModelProto of any estimator, by its class or the nearest base that we know."""
    for base in type(estimator).__mro__:
        if base.__name__ in _CONVERTERS:
            return _CONVERTERS[base.__name__](estimator, shape)
    return _scikit(estimator, shape)


def _svc(estimator: Any, shape: tuple[int, ...]) -> Any:
    return support_vectors(estimator, shape)


def _knn(estimator: Any, shape: tuple[int, ...]) -> Any:
    from genrewise.training.models.classical import FADE, NEAREST, closeness

    rules = {"uniform": (None, 0.0), "distance": (1e-12, 0.0), closeness: (NEAREST, FADE)}
    if estimator.weights not in rules:
        raise RecipeError(f"neighbours weighted by {estimator.weights}", "uniform or distance")
    return neighbours(estimator, shape, *rules[estimator.weights])


def _lda(estimator: Any, shape: tuple[int, ...]) -> Any:
    return linear(estimator.coef_, estimator.intercept_, shape)


def _inner(estimator: Any, shape: tuple[int, ...]) -> Any:
    """A wrapper that only weighs rows or numbers labels."""
    return _graph(estimator.model_, shape)


def _pipeline(estimator: Any, shape: tuple[int, ...]) -> Any:
    """Transformers by their converter, then the model by ours where there is one."""
    last = estimator[-1]
    if not any(base.__name__ in _CONVERTERS for base in type(last).__mro__):
        return _scikit(estimator, shape)
    upper = _graph(last, (int(last.n_features_in_),))
    if len(estimator) == 1:
        return upper
    return chain(_scikit(estimator[:-1], shape), upper, len(last.classes_))


def _vote(estimator: Any, shape: tuple[int, ...]) -> Any:
    """Weighted mean of the members' probabilities."""
    if estimator.voting != "soft":
        raise RecipeError("a hard vote", "voting='soft', which gives probabilities")
    members = [_graph(member, shape) for member in estimator.estimators_]
    weights = estimator._weights_not_none  # without the weights of dropped members
    share = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    return average(members, share / share.sum(), shape, len(estimator.classes_))


def _stack(estimator: Any, shape: tuple[int, ...]) -> Any:
    """The members' probabilities side by side, then the second level."""
    if set(estimator.stack_method_) != {"predict_proba"}:
        raise RecipeError(
            f"a stack of {', '.join(estimator.stack_method_)}", "stack_method='predict_proba'"
        )
    n = len(estimator.classes_)
    members = [_graph(member, shape) for member in estimator.estimators_]
    first = 1 if n == 2 else 0  # of two columns that sum to 1 the stack sees one
    width = (n - first) * len(members) + (shape[0] if estimator.passthrough else 0)
    below = side_by_side(members, shape, first, width, with_input=bool(estimator.passthrough))
    return chain(below, _graph(estimator.final_estimator_, (width,)), n)


def _scikit(estimator: Any, shape: tuple[int, ...]) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.base import is_classifier

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter touches deprecated attributes
            model = convert_sklearn(
                estimator,
                initial_types=[("x", FloatTensorType([None, *shape]))],
                options={id(estimator): {"zipmap": False}} if is_classifier(estimator) else None,
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except (RuntimeError, TypeError, ValueError) as error:  # the ways in which it gives up
        raise RecipeError(
            f"no converter to ONNX for {type(estimator).__name__}",
            "one of our models, or a scikit-learn classifier that skl2onnx knows",
        ) from error
    return renamed(model)


def _xgboost(estimator: Any, shape: tuple[int, ...]) -> Any:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, *shape]))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return renamed(convert_xgboost(estimator, initial_types=types, target_opset=TREES_OPSET))


def _lightgbm(estimator: Any, shape: tuple[int, ...]) -> Any:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, *shape]))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = convert_lightgbm(
            estimator, initial_types=types, target_opset=TREES_OPSET, zipmap=False
        )
    return renamed(model)


def _torch(estimator: Any, shape: tuple[int, ...]) -> Any:
    """A network that gives probabilities."""
    return _traced(estimator.export_module(), shape, "probabilities")


def _traced(module: Any, shape: tuple[int, ...], output: str) -> Any:
    """A torch module through the tracing exporter.

    It needs nothing beside torch, whose version is pinned; its successor wants onnxscript.
    """
    import onnx
    import torch

    sample = torch.zeros((2, *shape), dtype=torch.float32)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (sample,),
            out,  # type: ignore[arg-type]  # the tracing exporter takes a file object
            dynamo=False,
            opset_version=OPSET,
            input_names=["x"],
            output_names=[output],
            dynamic_axes={"x": {0: "N"}, output: {0: "N"}},
        )
    return onnx.load_model_from_string(out.getvalue())


def embedding_onnx(
    network: Any, shape: tuple[int, ...], matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> bytes:
    """A network up to its last layer but one, then an affine map.

    Parameters
    ----------
    network : Network
        Fitted.
    shape : tuple of int
        Of one row of its input.
    matrix, offset : ndarray, shape (d, e) and (e,)
        On the values of ``network.embed``.

    Returns
    -------
    bytes
        ONNX with input ``x`` (n, ...) and output ``embedding`` (n, e), float32.
    """
    module = network.embedding_module(matrix, offset)
    return bytes(_traced(module, shape, "embedding").SerializeToString())


#: Class names, as importing every library to ask for its classes would cost seconds.
_CONVERTERS: dict[str, Callable[[Any, tuple[int, ...]], Any]] = {
    "VotingClassifier": _vote,
    "StackingClassifier": _stack,
    "Pipeline": _pipeline,
    "GroupedSVC": _svc,
    "KNeighborsClassifier": _knn,
    "LinearDiscriminantAnalysis": _lda,
    "Weighted": _inner,
    "XGBModel": _xgboost,
    "LGBMModel": _lightgbm,
    "Network": _torch,
}
