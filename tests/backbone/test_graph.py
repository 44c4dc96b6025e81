"""The writer of ONNX graphs: what is put in comes out of onnxruntime."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.backbone.graph import IR_VERSION, OPSET, Graph, model
from genrewise.errors import MissingExtra


def run(graph: Graph, x: Any, out: str, shape: tuple[Any, ...]) -> Any:
    proto = graph.proto({"x": x.shape}, {out: shape})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model(proto), options, providers=["CPUExecutionProvider"]
    )
    return session.run([out], {"x": x})[0]


@pytest.fixture
def x() -> Any:
    return np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def test_arrays_become_constants(x: Any) -> None:
    graph = Graph()
    out = graph.add("Add", graph.add("Mul", "x", np.arange(4.0)), np.full((3, 1), 2.0))
    np.testing.assert_allclose(run(graph, x, out, (3, 4)), x * np.arange(4) + 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(3), onnx.TensorProto.INT64),
        (np.arange(3, dtype=np.int32), onnx.TensorProto.INT64),
        (np.arange(3.0), onnx.TensorProto.FLOAT),
        (np.arange(3, dtype=np.float32), onnx.TensorProto.FLOAT),
    ],
)
def test_constants_have_one_type_of_a_kind(values: Any, kind: int) -> None:
    graph = Graph()
    name = graph.constant(values)
    made = graph.proto({}, {}).initializer
    assert [(c.name, c.data_type) for c in made] == [(name, kind)]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(made[0]), values)


def test_a_constant_may_be_a_view_out_of_order() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    graph = Graph()
    graph.constant(values.transpose(2, 0, 1)[::-1])
    (made,) = graph.proto({}, {}).initializer
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(made), values.transpose(2, 0, 1)[::-1])


@settings(max_examples=20, deadline=None)
@given(
    start=st.integers(0, 5),
    length=st.integers(1, 5),
    axis=st.integers(0, 1),
    seed=st.integers(0, 9),
)
def test_slice_is_that_of_numpy(start: int, length: int, axis: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(10, 10)).astype(np.float32)
    graph = Graph()
    out = graph.slice("x", start, start + length, axis)
    expected = x.take(range(start, start + length), axis=axis)
    np.testing.assert_array_equal(run(graph, x, out, expected.shape), expected)


def test_reshape_is_that_of_numpy(x: Any) -> None:
    graph = Graph()
    out = graph.reshape("x", 2, -1, 3)
    np.testing.assert_array_equal(run(graph, x, out, (2, 2, 3)), x.reshape(2, 2, 3))


def test_values_have_names_of_their_own() -> None:
    graph = Graph("inner_")
    names = [graph.add("Relu", "x") for _ in range(5)] + [graph.constant(np.ones(1))]
    assert len(set(names)) == 6
    assert all(name.startswith("inner_") for name in names)
    assert graph.add("Relu", "x", name="chosen") == "chosen"


def test_one_graph_may_hold_another() -> None:
    body = Graph("body_")
    row = body.add("Mul", "row", np.array(2.0))
    graph = Graph()
    inner = body.proto({"row": (4,)}, {row: (4,)})
    out = graph.add("Scan", "x", body=inner, num_scan_inputs=1)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(run(graph, x, out, ("N", 4)), 2 * x)


def test_the_model_is_of_the_stated_versions(x: Any) -> None:
    graph = Graph()
    out = graph.add("Relu", "x")
    made = onnx.load_from_string(model(graph.proto({"x": x.shape}, {out: x.shape})))
    assert made.ir_version == IR_VERSION
    assert made.opset_import[0].version == OPSET
    # Of 1.19, the lowest that the package asks for: both are read.
    assert (IR_VERSION, OPSET) <= (10, 21)


def test_a_wrong_graph_is_not_written() -> None:
    graph = Graph()
    out = graph.add("Relu", "nowhere")
    with pytest.raises(onnx.checker.ValidationError, match="nowhere"):
        model(graph.proto({"x": (1,)}, {out: (1,)}))


def test_shapes_that_disagree_are_not_written() -> None:
    graph = Graph()
    out = graph.add("MatMul", "x", np.ones((3, 2)))
    with pytest.raises(onnx.shape_inference.InferenceError, match="Incompatible dimensions"):
        model(graph.proto({"x": (4, 4)}, {out: (4, 2)}))


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra) as caught:
        Graph()
    assert caught.value.exit_code == 3
    assert "converting a network needs the extra [backbone]" in str(caught.value)
