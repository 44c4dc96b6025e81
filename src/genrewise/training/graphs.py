"""ONNX graphs: written by hand where that is exact and short, and put together.

Every graph has one input ``x`` (float32, first axis free) and one output
``probabilities`` (float32, rows by columns).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "IR_VERSION",
    "ML_OPSET",
    "OPSET",
    "average",
    "build",
    "chain",
    "linear",
    "neighbours",
    "renamed",
    "side_by_side",
    "spread",
    "stamp",
    "support_vectors",
]

F64 = NDArray[np.float64]

#: Versions that every onnxruntime since 1.19 reads.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8


def build(
    nodes: list[Any], constants: dict[str, NDArray[Any]], shape: tuple[int, ...], columns: int
) -> Any:
    """A checked model from nodes and constants.

    Parameters
    ----------
    nodes : list of NodeProto
        From ``x`` to ``probabilities``.
    constants : dict of str to ndarray
    shape : tuple of int
        Shape of one row of the input.
    columns : int
        Columns of the output.
    """
    from onnx import numpy_helper

    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return _assemble(nodes, held, shape, columns)


def support_vectors(estimator: Any, shape: tuple[int, ...]) -> Any:
    """Scale, kernel, one matrix product, softmax.

    The kernel runs in double precision: squared distances come from differences of
    sums that are much larger, and float32 loses three of their digits.
    """
    from onnx import TensorProto, helper

    scaler, vectors = estimator.scaler_, estimator.vectors_
    constants: dict[str, NDArray[Any]] = {
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "vectors": np.ascontiguousarray(vectors.T),
        "weights": estimator.weights_ / estimator.temperature_,
        "bias": estimator.bias_ / estimator.temperature_,
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["x"], ["x64"], to=TensorProto.DOUBLE),
        node("Sub", ["x64", "mean"], ["centred"]),
        node("Div", ["centred", "scale"], ["standard"]),
    ]
    z = "standard"
    if estimator.unit:
        constants["tiny"] = np.array(1e-12)
        nodes += [
            node("ReduceL2", [z], ["length"], axes=[1], keepdims=1),
            node("Max", ["length", "tiny"], ["safe_length"]),
            node("Div", [z, "safe_length"], ["z"]),
        ]
        z = "z"
    nodes.append(node("MatMul", [z, "vectors"], ["products"]))
    kernel = "products"
    if estimator.kernel == "rbf":
        constants |= {
            "minus_two": np.array(-2.0),
            "zero": np.array(0.0),
            "minus_gamma": np.array(-estimator.gamma_),
            "squares": (vectors**2).sum(axis=1)[None, :],
        }
        nodes += [
            node("ReduceSumSquare", [z], ["square"], axes=[1], keepdims=1),
            node("Mul", ["products", "minus_two"], ["cross"]),
            node("Add", ["square", "squares"], ["both"]),
            node("Add", ["both", "cross"], ["raw_distance"]),
            node("Max", ["raw_distance", "zero"], ["distance"]),
            node("Mul", ["distance", "minus_gamma"], ["exponent"]),
            node("Exp", ["exponent"], ["kernel"]),
        ]
        kernel = "kernel"
    nodes += [
        node("MatMul", [kernel, "weights"], ["margins"]),
        node("Add", ["margins", "bias"], ["scores"]),
        node("Softmax", ["scores"], ["soft"], axis=1),
        node("Cast", ["soft"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    return build(nodes, constants, shape, len(estimator.classes_))


def neighbours(estimator: Any, shape: tuple[int, ...], floor: float | None, fade: float) -> Any:
    """Distances to all rows, the nearest of them, their labels weighted.

    The converter at hand gives wrong figures for weights by distance.

    Parameters
    ----------
    floor : float or None
        Least distance that a weight is one over; None: all weigh the same.
    fade : float
        Share of the farthest neighbour's weight that is taken from all.
    """
    from onnx import TensorProto, helper

    rows = np.asarray(estimator._fit_X, dtype=np.float64)
    n = len(estimator.classes_)
    constants: dict[str, NDArray[Any]] = {
        "rows": np.ascontiguousarray(rows.T),
        "squares": (rows**2).sum(axis=1)[None, :],
        "two": np.array(2.0),
        "floor": np.array(0.0 if floor is None else floor**2),
        "fade": np.array(fade),
        "one": np.array(1.0),
        "k": np.array([estimator.n_neighbors], dtype=np.int64),
        "axis": np.array([1], dtype=np.int64),
        "inner": np.array([2], dtype=np.int64),
        "labels": np.eye(n)[np.asarray(estimator._y)],
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["x"], ["x64"], to=TensorProto.DOUBLE),
        node("ReduceSumSquare", ["x64"], ["square"], axes=[1], keepdims=1),
        node("MatMul", ["x64", "rows"], ["products"]),
        node("Mul", ["products", "two"], ["cross"]),
        node("Add", ["square", "squares"], ["both"]),
        node("Sub", ["both", "cross"], ["distance"]),
        node("TopK", ["distance", "k"], ["near", "which"], axis=1, largest=0),
        node("Gather", ["labels", "which"], ["votes"], axis=0),
    ]
    if floor is None:
        nodes.append(node("Identity", ["votes"], ["weighted"]))
    else:
        nodes += [
            node("Max", ["near", "floor"], ["safe"]),
            node("Sqrt", ["safe"], ["length"]),
            node("Div", ["one", "length"], ["closeness"]),
            node("ReduceMin", ["closeness"], ["least"], axes=[1], keepdims=1),
            node("Mul", ["least", "fade"], ["taken"]),
            node("Sub", ["closeness", "taken"], ["faded"]),
            node("Unsqueeze", ["faded", "inner"], ["weights"]),
            node("Mul", ["votes", "weights"], ["weighted"]),
        ]
    nodes += [
        node("ReduceSum", ["weighted", "axis"], ["sums"], keepdims=0),
        node("ReduceSum", ["sums", "axis"], ["total"], keepdims=1),
        node("Div", ["sums", "total"], ["share"]),
        node("Cast", ["share"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    return build(nodes, constants, shape, n)


def linear(coef: F64, intercept: F64, shape: tuple[int, ...]) -> Any:
    """Softmax of a linear map; one row of coefficients is the margin of the second class.

    The converter at hand gives wrong figures for discriminants of two classes.
    """
    from onnx import TensorProto, helper

    if len(coef) == 1:  # softmax of (0, m) is the logistic function of m
        coef, intercept = np.vstack([0.0 * coef, coef]), np.append(0.0, intercept)
    constants: dict[str, NDArray[Any]] = {
        "weights": np.ascontiguousarray(coef.T, dtype=np.float64),
        "bias": np.asarray(intercept, dtype=np.float64),
    }
    nodes = [
        helper.make_node("Cast", ["x"], ["x64"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["x64", "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["soft"], axis=1),
        helper.make_node("Cast", ["soft"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    return build(nodes, constants, shape, len(coef))


def renamed(model: Any) -> Any:
    """Give a converted model our names and only our output."""
    from onnx import compose

    first, last = model.graph.input[0].name, model.graph.output[-1].name
    model = compose.add_prefix(model, "m/")
    for node in model.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = {"m/" + first: "x", "m/" + last: "probabilities"}.get(name, name)
    model.graph.input[0].name = "x"
    model.graph.output[-1].name = "probabilities"
    while len(model.graph.output) > 1:
        del model.graph.output[0]
    return model


def _prefixed(model: Any, prefix: str, source: str, target: str) -> tuple[list[Any], list[Any]]:
    """Nodes and constants of a graph under new names, from `source` to `target`."""
    from onnx import compose

    copy = compose.add_prefix(model, prefix)
    ends = {prefix + "x": source, prefix + "probabilities": target}
    for node in copy.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = ends.get(name, name)
    return list(copy.graph.node), list(copy.graph.initializer)


def _plain_names(graph: Any) -> None:
    """Number the names inside a graph, some of which the converters draw at random."""
    names = {"x": "x", "probabilities": "probabilities", "": ""}
    for held in graph.initializer:
        held.name = names.setdefault(held.name, f"c{len(names)}")
    for node in graph.node:
        node.name, node.doc_string = "", ""
        for row in (node.input, node.output):
            for i, name in enumerate(row):
                row[i] = names.setdefault(name, f"t{len(names)}")
    del graph.value_info[:]
    graph.name = "genrewise"
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "N"


def stamp(model: Any) -> Any:
    """Fix the versions that a graph declares and drop what the converters wrote about it.

    Converters write nodes for our opset and may declare an older one that says the same.
    The same model gives the same bytes.
    """
    from onnx import helper

    domains = {o.domain for o in model.opset_import} | {n.domain for n in model.graph.node}
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    if "ai.onnx.ml" in domains:
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    model.producer_name, model.producer_version, model.doc_string = "genrewise", "", ""
    _plain_names(model.graph)
    return model


def _assemble(nodes: list[Any], constants: list[Any], shape: tuple[int, ...], columns: int) -> Any:
    from onnx import TensorProto, checker, helper

    graph = helper.make_graph(
        nodes,
        "genrewise",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", columns])],
        constants,
    )
    model = stamp(helper.make_model(graph))
    checker.check_model(model)
    return model


def average(members: list[Any], weights: F64, shape: tuple[int, ...], columns: int) -> Any:
    """Weighted mean of the outputs of several graphs on one input."""
    from onnx import helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    for i, (member, weight) in enumerate(zip(members, weights, strict=True)):
        inner, held = _prefixed(member, f"m{i}/", "x", f"p{i}")
        share = numpy_helper.from_array(np.asarray(weight, dtype=np.float32), f"w{i}")
        nodes += [*inner, helper.make_node("Mul", [f"p{i}", f"w{i}"], [f"s{i}"])]
        constants += [*held, share]
    parts = [f"s{i}" for i in range(len(members))]
    nodes.append(helper.make_node("Sum", parts, ["probabilities"]))
    return _assemble(nodes, constants, shape, columns)


def side_by_side(
    members: list[Any], shape: tuple[int, ...], first: int, columns: int, *, with_input: bool
) -> Any:
    """Outputs of several graphs on one input as columns, from column `first` of each.

    The input itself follows them where `with_input` is true.
    """
    from onnx import helper, numpy_helper

    bounds = {"from": [first], "to": [2**31 - 1], "axis": [1]}
    constants = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in bounds.items()]
    nodes: list[Any] = []
    for i, member in enumerate(members):
        inner, held = _prefixed(member, f"m{i}/", "x", f"p{i}")
        nodes += [*inner, helper.make_node("Slice", [f"p{i}", *bounds], [f"s{i}"])]
        constants += held
    parts = [f"s{i}" for i in range(len(members))] + (["x"] if with_input else [])
    nodes.append(helper.make_node("Concat", parts, ["probabilities"], axis=1))
    return _assemble(nodes, constants, shape, columns)


def chain(lower: Any, upper: Any, columns: int) -> Any:
    """One graph on the output of another."""
    shape = tuple(d.dim_value for d in lower.graph.input[0].type.tensor_type.shape.dim[1:])
    nodes, constants = _prefixed(lower, "a/", "x", "between")
    more, held = _prefixed(upper, "b/", "between", "probabilities")
    return _assemble([*nodes, *more], [*constants, *held], shape, columns)


def spread(classes: NDArray[np.integer[Any]], columns: int) -> Any:
    """A graph that moves column i to column ``classes[i]`` and leaves 0 elsewhere."""
    from onnx import helper

    place = np.zeros((len(classes), columns), dtype=np.float32)
    place[np.arange(len(classes)), classes] = 1.0
    node = helper.make_node("MatMul", ["x", "place"], ["probabilities"])
    return build([node], {"place": place}, (len(classes),), columns)
