"""The package as a user gets it: built, installed alone outside the checkout, and used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(*command: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    """Run outside the checkout, without anything of this environment's Python."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=env | dict(how.pop("env", {})),  # type: ignore[call-overload]
        **how,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the backend of this environment."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    run(*build, cwd=out)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an empty environment with the wheel and what it requires in it."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / SCRIPTS
    lock = ROOT / "requirements.lock"
    run(programs / "python", "-m", "pip", "install", "-q", "-c", lock, wheel, cwd=folder)
    return programs


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a beating chord."""
    t = np.arange(4 * 22050) / 22050
    y = sum(np.sin(2 * np.pi * f * t) for f in (110.0, 138.6, 164.8)) * (t % 0.5 < 0.25) / 6
    path = tmp_path_factory.mktemp("song") / "chord.wav"
    soundfile.write(path, np.asarray(y, dtype=np.float32), 22050)
    return path


def test_package_data_is_inside(contents: list[str]) -> None:
    def inside(start: str, end: str) -> set[str]:
        names = {n for n in contents if n.startswith(f"genrewise/{start}") and n.endswith(end)}
        return {n.removeprefix(f"genrewise/{start}") for n in names}

    assert {
        "small-gtzan-v1.genrewise",
        "musicnn-gtzan-v1.genrewise",
        "hard-techno-v1.genrewise",
        "tags-v1.genrewise",
    } <= (inside("models/", ".genrewise"))
    in_source = ROOT / "src" / "genrewise"
    for folder, end in [
        ("recipes/", ".toml"),
        ("sweeps/", ".toml"),
        ("samples/", ".ogg"),
        ("web/static/", ".js"),
        ("web/static/", ".css"),
        ("web/static/", ".html"),
        ("", ".py"),
        ("", "py.typed"),
    ]:
        there = {
            path.relative_to(in_source / folder).as_posix()
            for path in (in_source / folder).rglob(f"*{end}")
        }
        assert there, f"no {folder}*{end} in the source"
        assert inside(folder, end) == there


def test_the_figures_that_the_page_shows_are_inside(contents: list[str]) -> None:
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("results/*/*/report.json")}
    assert "results/small-gtzan-v1/honest/report.json" in there
    assert {f"genrewise/{name}" for name in there} <= set(contents)


def test_nothing_else_is_inside(wheel: Path, contents: list[str]) -> None:
    tops = {name.partition("/")[0] for name in contents}
    assert tops == {"genrewise", "beetsplug", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    # beetsplug is a namespace that is beets': an __init__.py of ours would hide its own plugins.
    assert [n for n in contents if n.startswith("beetsplug/")] == ["beetsplug/genrewise.py"]
    assert [n for n in contents if n.endswith((".pyc", ".ipynb", ".csv"))] == []
    assert wheel.stat().st_size < 20 * 2**20


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        meta = HeaderParser().parsestr(archive.read(name).decode())
    assert meta["License-Expression"] == "Apache-2.0"
    assert set(meta.get_all("License-File", [])) == {"LICENSE", "NOTICE"}
    assert meta["Requires-Python"] == ">=3.11"
    assert set(meta.get_all("Provides-Extra", [])) == {
        *("train", "boost", "export", "backbone", "tags", "url", "dask", "web", "all", "dev")
    }
    required = [r for r in meta.get_all("Requires-Dist", []) if "extra ==" not in r]
    names = {re.split(r"[<>=!~ ]", r, maxsplit=1)[0] for r in required}
    assert names == {*("numpy", "scipy", "soundfile", "soxr", "av", "onnxruntime", "click", "rich")}


def test_installed_alone_it_classifies(alone: Path, song: Path) -> None:
    cache = {"GENREWISE_CACHE": str(song.parent / "cache")}
    done = run(alone / "genrewise", "classify", "--jsonl", song, cwd=song.parent, env=cache)
    answer = json.loads(done.stdout)
    assert (answer["path"], answer["status"]) == (str(song), "ok")
    assert answer["model"] == "small-gtzan-v1"
    assert abs(answer["seconds"] - 4.0) < 0.05
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)
    assert "Traceback" not in done.stderr


def test_the_wheel_s_plugin_stands_beside_those_of_beets(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("beets", reason="beets is not installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    (tmp_path / "config.yaml").write_text("plugins: scrub genrewise\n", encoding="utf-8")
    env = {"PYTHONPATH": str(tmp_path / "wheel"), "BEETSDIR": str(tmp_path)}
    where = "import beetsplug.scrub, beetsplug.genrewise as ours; print(ours.__file__)"
    done = run(sys.executable, "-c", where, cwd=tmp_path, env=env)
    assert done.stdout == f"{tmp_path / 'wheel' / 'beetsplug' / 'genrewise.py'}\n"
    shown = run(sys.executable, "-m", "beets", "help", "genrewise", cwd=tmp_path, env=env).stdout
    assert "beet genrewise" in shown or "genrewise [options]" in shown
    said = run(sys.executable, "-m", "beets", "version", cwd=tmp_path, env=env).stdout
    assert "plugins: genrewise, scrub" in said


def test_installed_with_its_extra_it_serves_the_page(wheel: Path, tmp_path: Path) -> None:
    """The libraries of [web] are those of this environment; the package is the wheel's."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    command = [sys.executable, "-m", "genrewise", "serve", "--no-browser", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "wheel"), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*command, "--model", "small-gtzan-v1"],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        cwd=tmp_path,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            page = urllib.request.urlopen(url, timeout=30).read().decode()
            (script,) = re.findall(r'src="\./(assets/\S+\.js)"', page)
            assert urllib.request.urlopen(url + script, timeout=30).status == 200
            reports = urllib.request.urlopen(f"{url}api/v1/reports", timeout=30).read()
            assert "000-cnn" in {row["name"] for row in json.loads(reports)}
        finally:
            server.terminate()


def test_installed_alone_it_has_no_development_tools(alone: Path) -> None:
    done = run(alone / "python", "-m", "pip", "list", "--format=json", cwd=alone)
    names = {item["name"].lower() for item in json.loads(done.stdout)}
    assert "genrewise" in names
    assert names & {"torch", "librosa", "scikit-learn", "pandas", "pytest", "mutagen"} == set()


def test_installed_alone_training_names_its_extra(alone: Path, song: Path) -> None:
    done = subprocess.run(
        [alone / "genrewise", "train", song.parent, "-o", "x.genrewise"],
        capture_output=True,
        text=True,
        check=False,
        cwd=song.parent,
    )
    assert done.returncode == 3
    assert 'pip install "genrewise[train]"' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_wheel_trains_with_its_extra(wheel: Path, tmp_path: Path) -> None:
    """The libraries of [train] are those of this environment; the package is the wheel's."""
    unpacked, music, out = tmp_path / "wheel", tmp_path / "music", tmp_path / "mine.genrewise"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    env = {"PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1"}
    where = "import genrewise; print(genrewise.__file__)"
    assert str(unpacked) in run(sys.executable, "-c", where, cwd=tmp_path, env=env).stdout
    genrewise = [sys.executable, "-m", "genrewise"]
    generate = "from genrewise.training.datasets.synthetic import generate as g; import sys; "
    generate += "g(sys.argv[1], tracks_per_genre=6, seconds=4.0)"
    run(sys.executable, "-c", generate, music, cwd=tmp_path, env=env)
    run(*genrewise, "train", music, "--fast", "-o", out, cwd=tmp_path, env=env)
    (song, *_) = sorted(p for p in music.rglob("*") if p.suffix in {".wav", ".flac", ".ogg"})
    done = run(*genrewise, "classify", "--jsonl", "--model", out, song, cwd=tmp_path, env=env)
    assert json.loads(done.stdout)["status"] == "ok"
