"""A small writer of ONNX graphs: nodes and constants in, names of values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import MissingExtra

__all__ = ["Graph", "model"]

#: Operator set and file version that every onnxruntime since 1.14 reads.
OPSET, IR_VERSION = 18, 8


def _onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("converting a network", "backbone", "onnx") from error
    return onnx


class Graph:
    """A graph under construction.

    Parameters
    ----------
    prefix : str
        Of the names of values and constants; distinct where one graph holds another.
    """

    def __init__(self, prefix: str = "") -> None:
        self._helper = _onnx().helper
        self._prefix = prefix
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Name of a constant; integers become int64, the rest float32."""
        name = f"{self._prefix}constant{len(self._constants)}"
        kind = np.int64 if values.dtype.kind == "i" else np.float32
        array = np.ascontiguousarray(values, dtype=kind)
        self._constants.append(_onnx().numpy_helper.from_array(array, name))
        return name

    def add(self, op: str, *inputs: str | NDArray[Any], name: str = "", **attributes: Any) -> str:
        """Name of the value that an operator gives; arrays among its inputs become constants."""
        output = name or f"{self._prefix}value{len(self._nodes)}"
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self._nodes.append(self._helper.make_node(op, names, [output], **attributes))
        return output

    def slice(self, x: str, start: int, stop: int, axis: int) -> str:
        """Part of a value along one axis."""
        return self.add("Slice", x, np.array([start]), np.array([stop]), np.array([axis]))

    def reshape(self, x: str, *shape: int) -> str:
        """A value in another shape."""
        return self.add("Reshape", x, np.array(shape))

    def proto(
        self,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
    ) -> Any:
        """The graph itself, from names and shapes of its float32 inputs and outputs."""
        number = _onnx().TensorProto.FLOAT
        described = [
            [
                self._helper.make_tensor_value_info(name, number, shape)
                for name, shape in ends.items()
            ]
            for ends in (inputs, outputs)
        ]
        return self._helper.make_graph(self._nodes, "genrewise", *described, self._constants)


def model(proto: Any) -> bytes:
    """A checked, serialised model of a graph.

    Parameters
    ----------
    proto : onnx.GraphProto
        As :meth:`Graph.proto` gives it.
    """
    onnx = _onnx()
    made = onnx.helper.make_model(
        proto,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="genrewise",
    )
    onnx.checker.check_model(made, full_check=True)
    return bytes(made.SerializeToString())
