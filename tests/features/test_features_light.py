"""What features load, and that a third party can add one."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from genrewise.errors import GenrewiseError, UnknownName
from genrewise.features import FEATURES

FORBIDDEN = (
    "librosa", "numba", "sklearn", "torch", "pandas", "matplotlib", "PIL", "av", "onnxruntime",
)  # fmt: skip
MODULES = (
    "cqt", "fft", "frontend", "harmony", "hpss", "pictures", "rhythm", "shortterm", "spectral",
    "statistics", "summary",
)  # fmt: skip


def loaded(script: str) -> set[str]:
    """Third-party packages that a script loads, in a process of its own."""
    code = f"{script}\nimport sys\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_listing_the_layouts_loads_nothing() -> None:
    found = loaded("from genrewise.features import FEATURES; FEATURES.names()")
    assert not found & {"numpy", "scipy", *FORBIDDEN}


def test_importing_every_module_loads_numpy_only() -> None:
    script = "; ".join(f"import genrewise.features.{name}" for name in MODULES)
    found = loaded(script)
    assert "numpy" in found
    assert not found & {"scipy", "soxr", "soundfile", *FORBIDDEN}


def test_computing_every_layout_loads_nothing_heavier_than_scipy() -> None:
    found = loaded(
        "import numpy as np\n"
        "from genrewise.features import FEATURES\n"
        "y = np.random.default_rng(0).standard_normal(30000).astype(np.float32)\n"
        "for name in FEATURES: FEATURES.get(name)(y, 22050)\n"
        "from genrewise.features.pictures import picture, png\n"
        "png(picture(y, 22050, 'grey')); png(picture(y, 22050, 'mel'))"
    )
    assert not found & set(FORBIDDEN)


def test_log_mel_does_not_load_scipys_packages() -> None:
    script = (
        "import numpy as np\n"
        "from genrewise.features.frontend import FrontEnd, log_mel\n"
        "log_mel(np.ones(9000, np.float32), FrontEnd())"
    )
    assert not loaded(script) & {"scipy", *FORBIDDEN}


def test_no_module_names_a_library_of_the_tests() -> None:
    folder = Path(__file__).resolve().parents[2] / "src" / "genrewise" / "features"
    for path in folder.glob("*.py"):
        code = path.read_text("utf-8")
        for name in ("librosa", "numba", "sklearn", "pyAudioAnalysis"):
            assert f"import {name}" not in code, path.name
            assert f"from {name}" not in code, path.name


def test_unknown_layouts_get_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean gtzan57"):
        FEATURES.get("gtzan")


def other_layout(y: np.ndarray, sr: int) -> str:
    return f"{len(y)} at {sr}"


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    points = (
        EntryPoint("loudness", "json:dumps", "genrewise.features"),
        EntryPoint("gtzan57", "json:loads", "genrewise.features"),
        EntryPoint("broken", "no_such_module_at_all:f", "genrewise.features"),
    )
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: points if "feature" in group else ()
    )


@pytest.mark.usefixtures("plug_in")
def test_others_can_add_layouts_but_replace_none() -> None:
    import json

    from genrewise.features import summary

    assert FEATURES.names() == [
        "gtzan57", "fma518", "pyaudio136", "statistics", "broken", "loudness",
    ]  # fmt: skip
    assert FEATURES.get("loudness") is json.dumps
    assert FEATURES.get("gtzan57") is summary.gtzan57
    with pytest.raises(GenrewiseError, match="broken, which is no_such_module_at_all:f: No mod"):
        FEATURES.get("broken")
