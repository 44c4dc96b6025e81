"""README and docs: commands run, links lead somewhere, what is generated is up to date."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)

#: Commands that cannot run here, and why.
NOT_RUN = {
    "genrewise models get musicnn-gtzan-v1": "needs a package index",
    "genrewise classify --model tags-v1 Music/": "needs the network that models get fetches",
    "genrewise watch Music/": "runs until it is ended",
}


def script(name: str) -> ModuleType:
    """A module of ``scripts/``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page that a person wrote."""
    text = GENERATED.sub("", page.read_text(encoding="utf-8"))
    return [code for kind, code in FENCE.findall(text) if kind == language]


def commands(page: Path) -> Iterator[str]:
    """Lines of shell blocks that call the program, without their comments."""
    for code in blocks(page, "sh"):
        for line in code.splitlines():
            command = re.sub(r"\s+#.*", "", line).strip()
            if re.search(r"\bgenrewise (?!&&)|genrewise\)", command) and "git clone" not in command:
                yield command


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: a song, a folder of music, a folder of genres."""

    from genrewise.training.datasets.synthetic import generate

    folder = tmp_path_factory.mktemp("docs")
    generate(folder / "my_genres", 12, 3.0, 0, genres=("techno", "waltz", "ambient"))
    songs = sorted(p for p in (folder / "my_genres").rglob("*") if p.suffix in {".wav", ".flac"})
    (folder / "Music" / "below").mkdir(parents=True)
    for target in ("song.mp3", "Music/one.mp3", "Music/below/two.mp3"):
        y, sr = soundfile.read(songs.pop())
        soundfile.write(folder / target, np.tile(y, 22), sr, format="MP3")
    (folder / "paths.txt").write_text("song.mp3\nMusic/one.mp3\n", encoding="utf-8")
    return folder


@pytest.fixture
def here(music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the music as the current folder, and a cache of its own."""
    folder = tmp_path / "here"
    shutil.copytree(music, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "library.sqlite3"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return folder


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )


def says_where_it_answers(command: str) -> bool:
    """Whether a server comes up; it runs until it is ended, and opens no browser here."""
    words = [*command.split(), "--no-browser", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
    return said.startswith("http://127.0.0.1:")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_run(page: Path, here: Path) -> None:
    assert here.is_dir()
    for command in commands(page):
        if command.startswith("genrewise serve"):
            assert says_where_it_answers(command)
        elif command not in NOT_RUN:
            done = shell(command)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_sessions_show_what_is_printed(page: Path, here: Path) -> None:
    assert here.is_dir()
    for session in blocks(page, "console"):
        first, _, expected = session.partition("\n")
        done = shell(first.removeprefix("$ "))
        assert done.stdout + done.stderr == expected, first


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_runs(page: Path, here: Path) -> None:
    for code in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stderr}"


def test_what_is_not_run_still_stands_in_a_page() -> None:
    there = {command for page in PAGES for command in commands(page)}
    assert set(NOT_RUN) <= there


def test_every_command_is_told_of() -> None:
    from genrewise.cli import group

    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = [
        name
        for name, _ in script("docs").commands(group, "genrewise")
        if not re.search(rf"{re.escape(name)}\b", text)
    ]
    assert missing == []


def test_scripts_that_are_told_of_are_there() -> None:
    told = re.compile(r"(?<![\w/])(?:scripts|benchmarks|\.ci)/[\w.]*\w")
    names = {name for page in PAGES for name in told.findall(page.read_text(encoding="utf-8"))}
    assert {name for name in names if not (ROOT / name).exists()} == set()


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in [*PAGES, *(ROOT / "docs" / "reference").glob("*.md")]
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert dead == []


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        assert f"({page.relative_to(ROOT).as_posix()})" in text


def test_the_reference_is_up_to_date() -> None:
    docs = script("docs")
    stale = [
        name
        for name, text in docs.pages().items()
        if not (docs.FOLDER / name).is_file()
        or (docs.FOLDER / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run scripts/docs"


def test_the_reference_names_no_machine() -> None:
    for path in (ROOT / "docs" / "reference").iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(Path.home()) not in text
        assert str(ROOT) not in text
        assert " at 0x" not in text
