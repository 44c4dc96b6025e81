"""An affine map as an ONNX file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["affine_onnx"]


def affine_onnx(matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> bytes:
    """Network ``embedding = x @ matrix + offset``.

    Parameters
    ----------
    matrix : ndarray, shape (d, e)
    offset : ndarray, shape (e,)

    Returns
    -------
    bytes
        ONNX with input ``x`` (n, d) and output ``embedding`` (n, e), float32.
    """
    from onnx import TensorProto, helper, numpy_helper

    d, e = matrix.shape
    weights = [
        numpy_helper.from_array(matrix.astype(np.float32), "matrix"),
        numpy_helper.from_array(offset.astype(np.float32), "offset"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "matrix", "offset"], ["embedding"])],
        "embedding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", d])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", e])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
