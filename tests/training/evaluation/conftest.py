"""Models that tell tones by their pitch, exactly as a test wants them, and tones for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.bundle import Bundle, BundleInfo, Member, Unknown
from genrewise.features.statistics import names
from genrewise.inputs import make_input

SR = 22050
LABELS = ("low", "middle", "high")
#: Hz between low and middle, middle and high.
EDGES = (500.0, 2000.0)
#: How fast a model becomes sure away from an edge.
STEEPNESS = 300.0


def network(edges: Sequence[float]) -> bytes:
    """Softmax of lines in the root of the rate of zero crossings; they cross at the edges."""
    from onnx import TensorProto, helper, numpy_helper

    n = len(edges) + 1
    weights = np.zeros((len(names()), n), dtype=np.float32)
    weights[names().index("spectral_zcr_mean")] = STEEPNESS * np.arange(n)
    rates = np.cumsum([0.0, *((2.0 * hz / SR) ** 0.5 for hz in edges)])
    bias = (-STEEPNESS * rates).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
            helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
        ],
        "pitch",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(names())])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests")
    return bytes(model.SerializeToString())


def write_model(
    folder: Path,
    name: str = "pitch",
    labels: Sequence[str] = LABELS,
    edges: Sequence[float] = EDGES,
    training: Mapping[str, Any] | None = None,
    least: float = 0.0,
) -> str:
    """A model file that answers by pitch; unsure below a confidence of `least`."""
    spec = make_input({"kind": "statistics"}).to_json()
    info = BundleInfo(
        name=name,
        labels=tuple(labels),
        label_set="",
        licence="Apache-2.0",
        inputs={"statistics": spec},
        fingerprints={"statistics": make_input(spec).fingerprint()},
        windows={"length": 1.0, "hop": 1.0, "tail": "shift", "silence_db": -60.0},
        members=(Member("pitch.onnx", ("statistics",), (1.0,) * len(labels)),),
        unknown=Unknown(least, 0.0),
        training=training or {},
    )
    found = Bundle(info, {"pitch.onnx": network(edges)}, "# Pitch\n")
    return str(bundle.write(found, folder / f"{name}.genrewise"))


def tone(hz: float, seconds: float = 1.0, level: float = 0.3, sr: int = SR) -> Any:
    """Samples of a sine, shape (n,), float32."""
    t = np.arange(round(seconds * sr)) / sr
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def write_tones(folder: Path, clips: Mapping[str, Sequence[float]], seconds: float = 1.0) -> Path:
    """Folder of genre folders; a clip is named by its pitch in Hz."""
    for label, pitches in clips.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for hz in pitches:
            soundfile.write(folder / label / f"{hz:g}.wav", tone(hz, seconds), SR)
    return folder


@pytest.fixture(scope="session")
def make_model() -> Callable[..., str]:
    return write_model


@pytest.fixture(scope="session")
def make_tones() -> Callable[..., Path]:
    return write_tones


@pytest.fixture(scope="session")
def make_tone() -> Callable[..., Any]:
    return tone


@pytest.fixture(scope="session")
def pitch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model that is right: low below 500 Hz, high above 2000."""
    return write_model(tmp_path_factory.mktemp("pitch"))


#: Pitches whose folder is right by the model `pitch`, but for one of each that is not.
RIGHT = {"low": (150, 200, 300, 900), "middle": (700, 1000, 1300, 300), "high": (3000, 4000)}


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten clips of a second in three folders; `pitch` is right about eight."""
    return write_tones(tmp_path_factory.mktemp("tones") / "tones", RIGHT)
