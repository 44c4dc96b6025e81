"""The student as a file: ONNX, its large products in whole numbers where that costs nothing."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genrewise.input_kinds import open_session
from genrewise.training.distil.student import Student
from genrewise.training.distil.teach import Goals
from genrewise.training.graphs import IR_VERSION, OPSET

__all__ = ["LAYERS", "agreement", "answers", "to_int8", "to_onnx"]

F32 = NDArray[np.float32]

#: Outputs, as :class:`genrewise.input_kinds.BackboneInput` asks for them.
LAYERS = ("tags", "penultimate", "pooled")


class _Answering(nn.Module):
    """A student whose answers are in the teacher's units: probabilities of tags, values."""

    def __init__(self, student: Student, goals: Goals) -> None:
        super().__init__()
        self.student = student
        for name, (mean, deviation) in (
            ("tag", goals.tag_scale),
            ("penultimate", goals.penultimate_scale),
        ):
            self.register_buffer(f"{name}_mean", torch.from_numpy(mean))
            self.register_buffer(f"{name}_deviation", torch.from_numpy(deviation))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pooled = self.student.pool(patches)
        hidden = self.student.hidden(pooled)
        buffers = dict(self.named_buffers(recurse=False))
        tags = self.student.tags(hidden) * buffers["tag_deviation"] + buffers["tag_mean"]
        last = self.student.penultimate(hidden) * buffers["penultimate_deviation"]
        return torch.sigmoid(tags), last + buffers["penultimate_mean"], pooled


def to_onnx(student: Student, goals: Goals) -> bytes:
    """A student as ONNX: input ``patches`` (n, 187, 96), outputs :data:`LAYERS`, float32."""
    import onnx

    module, out = _Answering(student, goals).eval(), io.BytesIO()
    free = {name: {0: "N"} for name in ("patches", *LAYERS)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, 187, 96),),
            out,  # type: ignore[arg-type]  # the tracing exporter takes a file object
            dynamo=False,
            opset_version=OPSET,
            input_names=["patches"],
            output_names=list(LAYERS),
            dynamic_axes=free,
        )
    model = onnx.load_model_from_string(out.getvalue())
    model.ir_version = IR_VERSION
    return bytes(model.SerializeToString())


class _Reader:
    """Patches for the quantiser to see what values come up."""

    def __init__(self, patches: F32) -> None:
        self._batches = iter(np.array_split(patches, max(1, len(patches) // 32)))

    def get_next(self) -> dict[str, F32] | None:
        """The next batch; None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"patches": batch}


def to_int8(network: bytes, patches: F32) -> bytes:
    """Convolutions and matrix products in 8-bit whole numbers, a scale for every channel.

    Parameters
    ----------
    network : bytes
        As of :func:`to_onnx`.
    patches : ndarray, shape (n, 187, 96), float32
        What its values are like; a few hundred.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, ready, out = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        first.write_bytes(network)
        quant_pre_process(str(first), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(out),
            _Reader(patches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
        )
        return out.read_bytes()


def answers(network: bytes, patches: F32) -> dict[str, F32]:
    """What a network says of patches, by layer."""
    session: Any = open_session(network)
    found = [
        session.run(list(LAYERS), {"patches": patches[i : i + 64]})
        for i in range(0, len(patches), 64)
    ]
    return {name: np.concatenate([f[k] for f in found]) for k, name in enumerate(LAYERS)}


def agreement(one: Mapping[str, F32], other: Mapping[str, F32]) -> dict[str, float]:
    """Correlation of the answers of two networks to the same patches, by layer.

    Over all values of a layer after the mean of each over the patches was taken off; of tags
    their log-odds.
    """
    found = {}
    for name in LAYERS:
        a, b = (_centred(x[name], name == "tags") for x in (one, other))
        found[name] = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
    return found


def _centred(x: F32, odds: bool) -> F32:
    if odds:
        p = np.clip(x, 1e-4, 1 - 1e-4)
        x = np.log(p / (1 - p))
    return np.asarray(x - x.mean(axis=0), dtype=np.float32)
