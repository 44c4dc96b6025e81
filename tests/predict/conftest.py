"""Real, tiny networks and models, and sounds that they tell apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache as cache_once
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrewise.bundle import Bundle, BundleInfo, Member, Unknown, write
from genrewise.features.statistics import names
from genrewise.inputs import make_input

F32 = NDArray[np.float32]
SR = 22050
SPEC = {"kind": "statistics", "version": 1}
LAYERS = {"tags": 50, "penultimate": 200, "pooled": 1506}
RULE = {"length": 3.0, "hop": 1.5, "tail": "shift", "silence_db": -60.0}


def graph(nodes: list[Any], given: dict[str, list[Any]], answers: dict[str, list[Any]]) -> bytes:
    """An ONNX file; what is not an input or an answer is in the nodes."""
    from onnx import TensorProto, checker, helper

    def values(shapes: dict[str, list[Any]]) -> list[Any]:
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]

    made = helper.make_model(
        helper.make_graph(nodes, "tests", values(given), values(answers)),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="tests",
    )
    checker.check_model(made)
    return bytes(made.SerializeToString())


def constant(name: str, value: Any) -> Any:
    from onnx import helper, numpy_helper

    tensor = numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def classifier_network(weights: Any, bias: Any) -> bytes:
    """softmax(x w + b)."""
    from onnx import helper

    w = np.asarray(weights)
    nodes = [
        constant("w", w),
        constant("b", bias),
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    return graph(nodes, {"x": ["n", w.shape[0]]}, {"probabilities": ["n", w.shape[1]]})


def tags_network(weights: Any, bias: Any) -> bytes:
    """1 / (1 + exp(-(x w + b))): each label by itself."""
    from onnx import helper

    w = np.asarray(weights)
    nodes = [
        constant("w", w),
        constant("b", bias),
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["probabilities"]),
    ]
    return graph(nodes, {"x": ["n", w.shape[0]]}, {"probabilities": ["n", w.shape[1]]})


def embedding_network(weights: Any) -> bytes:
    """x w."""
    from onnx import helper

    w = np.asarray(weights)
    nodes = [constant("w", w), helper.make_node("MatMul", ["x", "w"], ["embedding"])]
    return graph(nodes, {"x": ["n", w.shape[0]]}, {"embedding": ["n", w.shape[1]]})


def backbone_network(frames: int = 187, tags: int = 50) -> bytes:
    """A network with the inputs and outputs of musicnn: mean over time, then projections."""
    from onnx import helper

    rng = np.random.default_rng(7)
    nodes = [helper.make_node("ReduceMean", ["patches"], ["m"], axes=[1], keepdims=0)]
    for layer, n in {**LAYERS, "tags": tags}.items():
        nodes.append(constant(f"w_{layer}", rng.normal(0, 0.1, (96, n))))
        nodes.append(helper.make_node("MatMul", ["m", f"w_{layer}"], [layer]))
    answers = {layer: ["n", n] for layer, n in {**LAYERS, "tags": tags}.items()}
    return graph(nodes, {"patches": ["n", frames, 96]}, dict(answers))


def tone(seconds: float = 6.0, sr: int = SR, level: float = 0.5) -> F32:
    t = np.arange(round(seconds * sr)) / sr
    return (level * np.sin(2 * np.pi * 440.0 * t)).astype(np.float32)


def noise(seconds: float = 6.0, sr: int = SR, seed: int = 0) -> F32:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, round(seconds * sr)).astype(np.float32)


def music(seconds: float, sr: int = SR, seed: int = 0) -> F32:
    """Notes that come and go over a little noise: no two windows are alike."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sr)) / sr
    y = 0.02 * rng.standard_normal(len(t))
    for frequency in rng.uniform(80, 3000, 6):
        beat = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 3) * t)
        y += 0.1 * beat * np.sin(2 * np.pi * frequency * t)
    return y.astype(np.float32)


@cache_once
def tiny_files() -> dict[str, bytes]:
    weights = np.zeros((len(names()), 2))
    weights[names().index("spectral_zcr_mean")] = (30.0, -30.0)
    place = np.zeros((len(names()), 3))
    place[names().index("spectral_zcr_mean"), 0] = 1.0
    place[names().index("spectral_centroid_mean"), 1] = 1.0
    return {
        "tiny.onnx": classifier_network(weights, [-13.5, 13.5]),
        "place.onnx": embedding_network(place),
    }


def tiny_bundle(**changes: Any) -> Bundle:
    """A model that tells noise from tones by the zero crossings; `changes` are of its info."""
    values: dict[str, Any] = {
        "name": "tiny",
        "labels": ("noise", "tone"),
        "label_set": "",
        "licence": "Apache-2.0",
        "inputs": {"s": SPEC},
        "fingerprints": {"s": make_input(SPEC).fingerprint()},
        "windows": RULE,
        "members": (Member("tiny.onnx", ("s",), (1.0, 1.0)),),
        "unknown": Unknown(0.6, 0.0),
        "embedding": {
            "file": "place.onnx",
            "inputs": ["s"],
            "size": 3,
            "centres": [[0.7, 1.9, 0.0], [0.2, 0.4, 0.0]],
        },
        "metrics": {"track": {"accuracy": 1.0}},
        "versions": {"numpy": "2"},
    }
    return Bundle(BundleInfo(**values | changes), tiny_files(), "# Tiny\n")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def backbone(cache: Path) -> Path:
    """The file of a tiny backbone in that cache."""
    path = cache / "backbones" / "musicnn-msd.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(backbone_network())
    return path


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write the tiny model with changes; gives its file."""

    def write_it(files: dict[str, bytes] | None = None, **changes: Any) -> Path:
        made = tiny_bundle(**changes)
        return write(
            Bundle(made.info, {**made.files, **(files or {})}, made.card),
            tmp_path / "tiny.genrewise",
        )

    return write_it


@pytest.fixture
def sounds() -> dict[str, Callable[..., F32]]:
    """Functions of (seconds, sr)."""
    return {"tone": tone, "noise": noise, "music": music}


@pytest.fixture
def networks() -> dict[str, Callable[..., bytes]]:
    """Functions that make ONNX files."""
    return {
        "classifier": classifier_network,
        "tags": tags_network,
        "embedding": embedding_network,
        "backbone": backbone_network,
    }


@pytest.fixture
def tiny() -> Callable[..., Bundle]:
    """The tiny model in memory, with changes of its info."""
    return tiny_bundle
