"""A real, tiny model that tells tones from noise, and sounds for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.bundle import Bundle, BundleInfo, Member
from genrewise.features.statistics import names
from genrewise.inputs import make_input

SR = 22050
Run = Callable[..., subprocess.CompletedProcess[str]]


def tiny_network() -> bytes:
    """Softmax of a straight line in the mean rate of zero crossings."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((len(names()), 2), dtype=np.float32)
    weights[names().index("spectral_zcr_mean")] = (30.0, -30.0)  # labels: noise, tone
    bias = np.array([-13.5, 13.5], dtype=np.float32)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(names())])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def tiny_bundle(name: str, **more: Any) -> Bundle:
    spec = {"kind": "statistics"}
    spec = make_input(spec).to_json()
    info = BundleInfo(
        name=name,
        labels=("noise", "tone"),
        label_set="",
        licence="Apache-2.0",
        inputs={"statistics": spec},
        fingerprints={"statistics": make_input(spec).fingerprint()},
        windows={"length": 3.0, "hop": 3.0, "tail": "shift", "silence_db": -60.0},
        members=(Member("tiny.onnx", ("statistics",), (1.0, 1.0)),),
        metrics={"track": {"accuracy": 0.875, "interval": [0.75, 1.0], "n": 8}},
        **more,
    )
    return Bundle(info, {"tiny.onnx": tiny_network()}, "# Tiny\n\nTells tones from noise.\n")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny model."""
    return bundle.write(tiny_bundle("tiny"), tmp_path_factory.mktemp("model") / "tiny.genrewise")


def tone(seconds: float = 2.0, sr: int = SR, channels: int = 1, level: float = 0.5) -> Any:
    t = np.arange(round(seconds * sr)) / sr
    y = (level * np.sin(2 * np.pi * 440.0 * t)).astype(np.float32)
    return np.repeat(y[:, None], channels, axis=1) if channels > 1 else y


def noise(seconds: float = 2.0, sr: int = SR) -> Any:
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * sr)).astype(np.float32)


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with music, which is the current one's child ``m``."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "m"
    (folder / "below").mkdir(parents=True)
    soundfile.write(folder / "a tone.wav", tone(), SR)
    soundfile.write(folder / "below" / "noise.flac", noise(), SR)
    soundfile.write(folder / "z.ogg", tone(4.0), SR)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no music")
    return tmp_path


@pytest.fixture
def genrewise(model: Path) -> Run:
    """Run ``genrewise classify`` with the tiny model in a process of its own."""

    def call(*args: str | Path, stdin: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "genrewise", "classify", "--model", str(model)]
        return subprocess.run(
            [*command, *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **how,
        )

    return call


@pytest.fixture
def in_library(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command around a music library of its own, by default with the tiny model."""
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "library.sqlite3"))

    def call(
        command: str, *args: str | Path, stdin: str | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        wanted = ["--model", str(model)] if command in ("tag", "watch") else []
        return subprocess.run(
            [sys.executable, "-m", "genrewise", *command.split(), *wanted, *map(str, args)],
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            **how,
        )

    return call
