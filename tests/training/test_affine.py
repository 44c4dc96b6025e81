"""The affine map as a network gives what numpy gives."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from genrewise.training.affine import affine_onnx


@pytest.mark.parametrize(("d", "e"), [(1, 1), (7, 3), (300, 64)])
def test_values_are_those_of_numpy(d: int, e: int) -> None:
    rng = np.random.default_rng(d)
    matrix, offset = rng.normal(size=(d, e)), rng.normal(size=e)
    network = affine_onnx(matrix, offset)
    onnx.checker.check_model(onnx.load_from_string(network))
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    for n in (0, 1, 5):
        x = rng.normal(size=(n, d)).astype(np.float32)
        (z,) = session.run(["embedding"], {"x": x})
        assert z.dtype == np.float32
        np.testing.assert_allclose(z, x @ matrix + offset, rtol=1e-4, atol=1e-4)


def test_the_same_map_is_the_same_file() -> None:
    matrix, offset = np.eye(3), np.zeros(3)
    assert affine_onnx(matrix, offset) == affine_onnx(matrix, offset)
