"""The scripts of the checkout and the lock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("scripts/setup", "scripts/run", "scripts/test", "scripts/lock", "scripts/docs")
SCRIPTS += ("scripts/figures", "scripts/results", "scripts/models", ".ci/run")
PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)==([0-9][0-9a-z.]*)( ; .+)?")


def pins() -> dict[str, str]:
    """Name and version of every line of the lock."""
    found = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            match = PIN.fullmatch(line)
            assert match, line
            found[match[1]] = match[2]
    return found


def requirements() -> set[str]:
    """Names of everything that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0] for line in wanted}  # type: ignore[index]
    return {name.lower().replace("_", "-") for name in names} - {"genrewise"}


def run(command: list[str | Path], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | env, timeout=100
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_be_run_and_parse(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert run(["bash", "-n", ROOT / name]).stderr == ""


def test_the_lock_pins_everything_that_is_asked_for() -> None:
    assert requirements() <= set(pins())


def test_the_lock_is_fit_for_every_machine() -> None:
    found = pins()
    assert found["torch"] == "2.13.0"
    assert [name for name in found if name.startswith(("nvidia", "cuda", "triton"))] == []
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|file:|/|\+cpu", text.replace("scripts/", ""))


def test_this_environment_is_the_locked_one() -> None:
    from importlib.metadata import PackageNotFoundError, version

    differ = {}
    for name in requirements():
        try:
            found = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue  # of another Python only
        if found != pins()[name]:
            differ[name] = found
    assert differ == {}


def test_setup_refuses_another_mode() -> None:
    done = run([ROOT / "scripts" / "setup", "full"])
    assert done.returncode == 2
    assert done.stderr == "scripts/setup: no mode 'full'; expected light or all\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of a checkout the scripts look at; the system's own Python is out of sight."""
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "requirements.lock", "scripts/run"):
        shutil.copy2(ROOT / name, tmp_path / name)
    setup = tmp_path / "scripts" / "setup"
    text = (ROOT / "scripts" / "setup").read_text(encoding="utf-8")
    setup.write_text(text.replace("/usr/bin/python3", "/none"), encoding="utf-8")
    setup.chmod(0o755)
    return tmp_path


def complete(clone: Path, mode: str) -> Path:
    """Make the set-up look complete; the program prints what it is called with."""
    program = clone / ".venv" / "bin" / "genrewise"
    program.parent.mkdir(parents=True)
    program.write_text(
        '#!/usr/bin/env bash\necho "$*"\n[ "$1" != models ] || exit 1\n[ "$1" != x ] || exit 7\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    (clone / ".cache").mkdir()
    stamp = f'{{ echo "{mode} $PWD"; cat pyproject.toml requirements.lock; }} | cksum'
    made = subprocess.run(
        ["bash", "-c", stamp], cwd=clone.resolve(), capture_output=True, text=True, check=True
    )
    (clone / ".venv" / f".stamp-{mode}").write_text(made.stdout, encoding="utf-8")
    return program


def tools(folder: Path, **programs: str) -> str:
    """A PATH with the usual tools and programs of our own, and no Python."""
    folder.mkdir()
    for name in ("bash", "cat", "cksum", "dirname", "env", "flock", "grep", "mkdir", "rm", "tail"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    for name, text in programs.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_setup_without_a_fitting_python_says_so(clone: Path) -> None:
    path = tools(clone / "bin", python3="exit 1")
    done = run([clone / "scripts" / "setup"], PATH=path, HOME=str(clone), PYTHON="")
    assert done.returncode == 1
    assert done.stderr.startswith("setup: no Python 3.11 or newer found. Install one, or name it:")
    assert not (clone / ".venv").exists()


def test_setup_without_ensurepip_names_the_package(clone: Path) -> None:
    python = 'case "$*" in *version_info*print*|*print*) echo 3.12 ;; -m*) exit 1 ;; esac'
    path = tools(clone / "bin", python3=python)
    done = run([clone / "scripts" / "setup", "all"], PATH=path, HOME=str(clone), PYTHON="python3")
    assert done.returncode == 1
    assert "apt-get install python3.12-venv, then run scripts/setup all again" in done.stderr
    assert not (clone / ".venv").exists()


def test_setup_shows_what_pip_said(clone: Path) -> None:
    """A Python that makes an environment whose pip fails."""
    inner = "case $2 in pip) [ $3 = --version ] || { echo no such package >&2; exit 1; } ;; esac"
    python = (
        'case "$*" in *version_info*) echo 3.12 ;; "-m venv .venv") mkdir -p .venv/bin;'
        f" printf '%s\\n' '#!/usr/bin/env bash' '{inner}' >.venv/bin/python; /bin/chmod 755"
        " .venv/bin/python ;; esac"
    )
    path = tools(clone / "bin", python3=python)
    done = run([clone / "scripts" / "setup"], PATH=path, HOME=str(clone), PYTHON="python3")
    assert done.returncode == 1
    assert "no such package\nsetup: pip failed" in done.stderr


def test_setup_does_nothing_where_nothing_is_missing(clone: Path) -> None:
    complete(clone, "all")
    path = tools(clone / "bin", python3="echo called >&2; exit 1")
    for mode in ("light", "all"):  # all holds light
        done = run([clone / "scripts" / "setup", mode], PATH=path, HOME=str(clone))
        assert (done.returncode, done.stderr) == (0, "")


def test_setup_begins_again_when_the_lock_changes(clone: Path) -> None:
    complete(clone, "light")
    (clone / "requirements.lock").write_text("# changed\n", encoding="utf-8")
    path = tools(clone / "bin", python3="exit 1")
    done = run([clone / "scripts" / "setup"], PATH=path, HOME=str(clone), PYTHON="")
    assert done.returncode == 1
    assert "no Python 3.11 or newer found" in done.stderr


def test_a_light_setup_is_not_a_full_one(clone: Path) -> None:
    complete(clone, "light")
    path = tools(clone / "bin", python3="exit 1")
    assert run([clone / "scripts" / "setup", "light"], PATH=path).returncode == 0
    assert run([clone / "scripts" / "setup", "all"], PATH=path, HOME=str(clone)).returncode == 1


def test_run_tries_the_larger_model_once_and_goes_on_without_it(clone: Path) -> None:
    complete(clone, "light")
    first, second = (run([clone / "scripts" / "run", "classify", "a b.mp3"]) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, "classify a b.mp3\n")
    assert first.stderr.count("\n") == 1
    assert "musicnn-gtzan-v1 could not be fetched" in first.stderr
    assert (second.stdout, second.stderr) == ("classify a b.mp3\n", "")


def test_run_without_arguments_is_the_demonstration(clone: Path) -> None:
    complete(clone, "light")
    (clone / ".venv" / ".model-tried").touch()
    done = run([clone / "scripts" / "run"])
    assert (done.returncode, done.stdout) == (0, "demo\n")


def test_run_hands_on_the_exit_code(clone: Path) -> None:
    complete(clone, "light")
    (clone / ".venv" / ".model-tried").touch()
    assert run([clone / "scripts" / "run", "x"]).returncode == 7


# ------------------------------------------------------------- how models are made


def models_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, ROOT / "scripts" / "models.py", *arguments])


def test_every_model_that_comes_along_has_its_command() -> None:
    done = models_script()
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    shipped = {path.stem for path in (ROOT / "src/genrewise/models").glob("*.genrewise")}
    assert set(lines) == shipped | {"mini-v1"}  # a network that learns from another
    assert lines["tags-v1"] == "python -m genrewise.training.tags -o DIR"
    assert lines["small-gtzan-v1"] == "python -m genrewise run models/small-gtzan-v1 -o DIR"
    recipes = {path.stem for path in (ROOT / "src/genrewise/recipes/models").glob("*.toml")}
    assert shipped <= recipes | {"tags-v1"}


def test_models_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    wrong = models_script(str(tmp_path), "--only", "tags-v2")
    assert wrong.returncode == 2
    assert "tags-v2" in wrong.stderr
    assert "hard-techno-v1" in wrong.stderr
    assert list(tmp_path.iterdir()) == []
