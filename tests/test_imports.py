"""What an import loads: prediction starts at once because it carries nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import genrewise

#: What prediction may load, and what these four load in their turn.
LIGHT = {
    "numpy": set(),
    "onnxruntime": {"flatbuffers", "google", "packaging"},
    "soundfile": {"_cffi_backend", "_soundfile", "_soundfile_data", "cffi", "typing_extensions"},
    "soxr": set(),
    # SciPy's compiled transform alone; the package around it takes longer than an answer.
    "scipy": set(),
}
ALLOWED = set(LIGHT) | set().union(*LIGHT.values())
HEAVY = {"av", "torch", "librosa", "sklearn", "numba", "pandas", "matplotlib", "onnx", "rich"}

REPORT = """
import json, sys
third = set()
for name, module in list(sys.modules.items()):
    place = getattr(module, "__file__", None) or str(list(getattr(module, "__path__", [])))
    if "site-packages" in place:
        third.add(name.partition(".")[0])
print(json.dumps(sorted(third)), file=sys.stderr)
"""


def modules_after(code: str, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def loaded(code: str, *args: str) -> set[str]:
    """Third-party packages that are loaded after `code` ran in a process of its own.

    What the interpreter loads by itself at start (.pth files) is not ours.
    """
    return modules_after(code, *args) - modules_after("")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of chords in stereo."""
    t = np.arange(6 * 22050) / 22050
    y = (
        sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6))
        / 6
        * (1 + np.sign(t % 1 - 0.5))
    )
    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, np.stack([y, y], axis=1).astype(np.float32), 22050)
    return path


def test_the_package_loads_no_third_party() -> None:
    assert loaded("import genrewise") == set()


def test_listing_the_public_names_loads_no_third_party() -> None:
    assert loaded("import genrewise; dir(genrewise); genrewise.AudioError") == set()


def test_the_command_table_loads_click_alone() -> None:
    assert loaded("import genrewise.cli") <= {"click"}


def test_help_loads_click_alone() -> None:
    code = "from genrewise.cli import main; main(['--help'])"
    assert loaded(code) <= {"click"}


def test_inference_loads_the_light_ones_alone() -> None:
    assert loaded("import genrewise.inference") <= ALLOWED


def test_an_answer_loads_the_light_ones_alone(song: Path) -> None:
    code = """
import sys, genrewise
answer = genrewise.classify(sys.argv[1], model="small-gtzan-v1")
assert abs(answer.seconds - 6.0) < 0.1, answer
"""
    found = loaded(code, str(song))
    assert found & HEAVY == set()
    assert found <= ALLOWED
    assert {"numpy", "onnxruntime", "soundfile"} <= found


def test_the_table_shows_without_anything_heavy(song: Path) -> None:
    code = """
import sys
from genrewise.cli import main
assert main(["classify", "--model", "small-gtzan-v1", "--jsonl", sys.argv[1]]) == 0
"""
    assert loaded(code, str(song)) & (HEAVY - {"rich"}) == set()


@pytest.mark.parametrize("module", ["pydantic", "sklearn", "pandas.core"])
def test_a_library_that_is_missing_is_an_extra_to_install(module: str, tmp_path: Path) -> None:
    code = """
import importlib, sys
from genrewise import cli
name = sys.argv[1]
def start(*_args, **_more):
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
importlib.import_module("genrewise.training.default").recipe_for = start
sys.exit(cli.main(["train", sys.argv[2], "-o", "x.genrewise"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, module, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr == (
        f"Error: genrewise train needs the extra [train] (no module {module!r})."
        ' Run: pip install "genrewise[train]"\n'
    )


def test_the_public_names_are_few_and_there() -> None:
    assert len(genrewise.__all__) <= 20
    assert genrewise.__all__ == sorted(genrewise.__all__)
    for name in genrewise.__all__:
        assert getattr(genrewise, name) is not None
    assert set(genrewise.__all__) <= set(dir(genrewise))


def test_every_error_is_public() -> None:
    from genrewise import errors

    classes = {n for n in errors.__all__ if isinstance(getattr(errors, n), type)}
    assert classes <= set(genrewise.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'clasify'"):
        genrewise.clasify  # type: ignore[attr-defined]  # noqa: B018


def test_all_lazy_names_have_types() -> None:
    """What a type checker sees (under TYPE_CHECKING) is what runs."""
    text = Path(genrewise.__file__).read_text(encoding="utf-8")
    for name in set(genrewise.__all__) - {"__version__"}:
        module = getattr(genrewise, name).__module__
        assert f"from {module} import" in text


def test_nothing_is_reported_to_anybody(song: Path, tmp_path: Path) -> None:
    """onnxruntime keeps what it is about to send, and a number for the device, in the home."""
    code = """
import os, sys, genrewise
print(genrewise.Classifier("small-gtzan-v1").predict_file(sys.argv[1]).runner_up)
held = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{n}")] if os.path.isdir("/proc/self/fd") else []
assert not [name for name in held if "onnxruntime" in name or name.startswith("socket")], held
"""
    home = tmp_path / "home"
    home.mkdir()
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    environment = plain | {"HOME": str(home), "LOCALAPPDATA": str(home)}
    command = [sys.executable, "-c", code, str(song)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path for path in home.rglob("*") if "onnxruntime" in str(path).lower()] == []
