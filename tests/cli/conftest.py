"""A real, tiny model that tells tones from noise, and sounds for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
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


class Program:
    """``genrewise`` in processes that fork from one that has loaded its modules already."""

    def __init__(self) -> None:
        environ = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forkserver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
        )

    def run(
        self, args: list[str], stdin: str | None, cwd: str | Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder) / name for name in ("in", "out", "err")]
            for stream in streams:
                stream.write_text(stdin or "" if stream.name == "in" else "", encoding="utf-8")
            request = {
                "args": args,
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ),
                "streams": [
                    os.devnull if stdin is None else str(streams[0]),
                    *map(str, streams[1:]),
                ],
            }
            code = self._ask(request)
            said = [stream.read_text(encoding="utf-8") for stream in streams[1:]]
        return subprocess.CompletedProcess(args, code, *said)

    def _ask(self, request: dict[str, Any]) -> int:
        server = self._server
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        pid = int(server.stdout.readline())
        late = threading.Timer(90, os.kill, (pid, signal.SIGKILL))
        late.start()
        try:
            return int(server.stdout.readline())
        finally:
            late.cancel()

    def close(self) -> None:
        """End the server, which ends by itself too when nobody can ask any more."""
        self._server.communicate(timeout=20)


@pytest.fixture(scope="session")
def program() -> Iterator[Program | None]:
    """Runs commands quickly; None where processes cannot be forked."""
    if sys.platform != "linux":
        yield None
        return
    found = Program()
    yield found
    found.close()


#: The program as ``python -m genrewise`` runs it, which the kernel ends (Linux) when the tests have
#: ended, however that was: a command that goes on for ever must not be left over.
MORTAL = """
import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
from genrewise.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts ``genrewise`` and goes on; nothing of it outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def call(*args: str | Path, **how: Any) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, "-c", MORTAL, *map(str, args)],
            text=True,
            start_new_session=True,
            **(streams | how),
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def in_library(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program | None
) -> Run:
    """Run a command around a music library of its own, by default with the tiny model."""
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "library.sqlite3"))

    def call(
        command: str, *args: str | Path, stdin: str | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        wanted = ["--model", str(model)] if command in ("tag", "watch") else []
        words = [*command.split(), *wanted, *map(str, args)]
        if program is not None and set(how) <= {"cwd"}:
            return program.run(words, stdin, **how)
        return subprocess.run(
            [sys.executable, "-m", "genrewise", *words],
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            **how,
        )

    return call


@pytest.fixture(scope="module")
def kept_folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where a module keeps what its tests begin with, by name."""
    folder = tmp_path_factory.mktemp("kept")
    return lambda name: folder / name


@pytest.fixture
def once(tmp_path: Path, kept_folders: Callable[[str], Path]) -> Callable[..., None]:
    """A function that lets another fill the test's folder, the first time; later it is copied.

    The copies are as old as what they are copies of, and the library says where they lie: to the
    program they are the files that it has heard.
    """

    def call(make: Callable[[], None]) -> None:
        kept = kept_folders(make.__qualname__)
        if not kept.exists():
            make()
            shutil.copytree(tmp_path, kept)
            (kept / "was").write_text(str(tmp_path), encoding="utf-8")
            return
        shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
        was = (tmp_path / "was").read_text(encoding="utf-8")
        (tmp_path / "was").unlink()
        db = sqlite3.connect(tmp_path / "library.sqlite3")
        with db:
            for table in ("files", "writes"):
                moved = "CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)"
                db.execute(f"UPDATE {table} SET path = {moved}", (was, str(tmp_path)))
        db.close()

    return call
