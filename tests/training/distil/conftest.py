"""A teacher whose answers are known, and lessons that it gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from genrewise.training.distil.lessons import Lessons

SIZES = {"tags": 50, "penultimate": 200, "pooled": 1506}


def teacher_network() -> bytes:
    """Mean over time, then a projection a layer; tags through a sigmoid."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    nodes = [helper.make_node("ReduceMean", ["patches"], ["m"], axes=[1], keepdims=0)]
    held = []
    for layer, n in SIZES.items():
        weights = rng.normal(0, 0.3, (96, n)).astype(np.float32)
        held.append(numpy_helper.from_array(weights, f"w_{layer}"))
        out = "odds" if layer == "tags" else layer
        nodes.append(helper.make_node("MatMul", ["m", f"w_{layer}"], [out]))
    nodes.append(helper.make_node("Sigmoid", ["odds"], ["tags"]))
    made = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", 187, 96])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", n])
            for name, n in SIZES.items()
        ],
        held,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a teacher in a cache of the test's own."""
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "cache" / "backbones" / "musicnn-msd.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(teacher_network())
    return path


@pytest.fixture(scope="session")
def lessons() -> Lessons:
    """Patches of four chords, louder and softer, and answers that follow from their means."""
    rng = np.random.default_rng(0)
    n = 240
    chords = 2.0 * (rng.random((4, 96)) < 0.2)  # narrow bands, which no equaliser hides
    strength = rng.random((n, 4))
    colours = (strength @ chords)[:, None] + rng.uniform(0.2, 0.7, (n, 187, 96))
    patches = colours.astype(np.float16)
    mean = patches.astype(np.float64).mean(axis=1)
    parts = []
    for layer, size in SIZES.items():
        x = (mean - mean.mean(axis=0)) @ rng.normal(0, 0.3, (96, size))
        parts.append(1 / (1 + np.exp(-x)) if layer == "tags" else x)
    return Lessons(
        patches, np.concatenate(parts, axis=1).astype(np.float16), np.repeat(np.arange(60), 4)
    )


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small products on several threads wait for each other longer than they take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
