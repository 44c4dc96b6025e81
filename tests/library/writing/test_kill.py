"""Killed at any instant, on a full disk, in a folder that may not be written to.

After each every file is the old one or the new one to the byte, undoing restores all, and the
same command finishes the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from genrewise.library.database import open_database
from genrewise.library.journal import write_genres, writing
from genrewise.library.journal_rows import recover
from genrewise.library.undoing import undo

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked"),
    pytest.mark.timeout(600),  # hundreds of processes, on a machine that may be busy
]

GENRES = ["Jazz", "Ærkemusik"]

#: Files of a library: several kinds, so that steps of all of them are met.
KINDS = (
    "v23.mp3",
    "v22.mp3",
    "all.mp3",
    "flac.flac",
    "vorbis.ogg",
    "m4a.m4a",
    "wma.wma",
    "wav.wav",
)
FILES = 20


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Forks:
    """A process that forks others to write, and what they answered."""

    process: subprocess.Popen[str]
    answer: Path

    def run(self, job: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Let one write; empty where it was killed."""
        assert self.process.stdin
        assert self.process.stdout
        self.answer.unlink(missing_ok=True)
        self.process.stdin.write(json.dumps({**job, **more, "answer": str(self.answer)}) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return {}
        assert status == 0
        found: dict[str, Any] = json.loads(self.answer.read_text())
        return found


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    script = Path(__file__).with_name("forks.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        folder = tmp_path_factory.mktemp("answers")
        yield Forks(process, folder / "answer.json")
        assert process.stdin
        process.stdin.close()


@dataclass
class Library:
    """Music, its database, and what each file is before and after it is written."""

    folder: Path
    db: Path
    old: dict[Path, str] = field(default_factory=dict)
    new: dict[Path, str] = field(default_factory=dict)

    def job(self, genres: list[str] | None = GENRES, **more: Any) -> dict[str, Any]:
        return {"db": str(self.db), "paths": [*map(str, self.old)], "genres": genres, **more}

    def stand(self) -> dict[Path, str]:
        return {path: sha256(path) for path in self.old}

    def check(self) -> int:
        """Every file is the old or the new one; returns how many are new."""
        new = 0
        for path, found in self.stand().items():
            assert found in (self.old[path], self.new[path]), path
            new += found == self.new[path]
        return new

    def leftovers(self) -> list[str]:
        return [p.name for p in self.folder.iterdir() if p not in self.old and p != self.db.parent]

    def finish(self) -> None:
        """The same command once more."""
        with closing(open_database(self.db)) as db, writing(db, "test") as run:
            for path in self.old:
                write_genres(db, run, path, GENRES)
        assert self.stand() == self.new

    def take_back(self) -> None:
        """Undo all runs."""
        with closing(open_database(self.db)) as db:
            while items := list(undo(db)):
                assert {item.state for item in items} == {"undone"}
            states = {row[0] for row in db.execute("SELECT state FROM writes")}
        assert states <= {"undone"}
        assert self.stand() == self.old
        assert self.leftovers() == []


def filled(folder: Path, originals: dict[str, Path], count: int = FILES) -> Library:
    """A library in a folder; what its files become is found out on copies."""
    music = Library(folder, folder / "library" / "library.sqlite3")
    trial = folder / "trial"
    trial.mkdir()
    with closing(open_database(trial / "x.sqlite3")) as db, writing(db, "trial") as run:
        for i in range(count):
            original = originals[KINDS[i % len(KINDS)]]
            path = folder / f"{i:02d} {original.name}"
            shutil.copyfile(original, path)
            copy = shutil.copyfile(path, trial / path.name)
            write_genres(db, run, copy, GENRES)
            music.old[path], music.new[path] = sha256(path), sha256(copy)
    shutil.rmtree(trial)
    return music


@pytest.fixture
def music(tmp_path: Path, originals: dict[str, Path]) -> Library:
    return filled(tmp_path, originals)


# ------------------------------------------------------------------ killed


def test_killed_at_fifty_random_instants(music: Library, forks: Forks) -> None:
    rng = random.Random(5)
    began = time.monotonic()
    assert forks.run(music.job(after=60))["refused"] == []
    whole = time.monotonic() - began
    assert music.stand() == music.new
    music.take_back()
    seen = set()
    for trial in range(50):
        forks.run(music.job(), after=rng.uniform(0, whole))
        seen.add(music.check())
        if trial % 5 == 0:
            music.finish()
            assert music.leftovers() == []
        music.take_back()
    assert len(seen) > 5  # it was killed early and late


def test_killed_at_any_step_of_a_write(
    tmp_path: Path, originals: dict[str, Path], forks: Forks
) -> None:
    music = filled(tmp_path, originals, 3)
    rng = random.Random(6)
    for _ in range(2):  # the first also makes the library
        steps = forks.run(music.job())["steps"]
        music.take_back()
    outcomes = []
    for _ in range(60):
        assert forks.run(music.job(last=rng.randrange(1, steps))) == {}
        outcomes.append(music.check())
        music.take_back()
    assert set(outcomes) >= {0, 1, 2}


def test_killed_at_any_step_of_undoing(
    tmp_path: Path, originals: dict[str, Path], forks: Forks
) -> None:
    music = filled(tmp_path, originals, 3)
    rng = random.Random(7)
    forks.run(music.job())
    steps = forks.run(music.job(genres=None))["steps"]
    outcomes = []
    for _ in range(30):
        music.finish()
        assert forks.run(music.job(genres=None, last=rng.randrange(1, steps))) == {}
        outcomes.append(music.check())
        music.take_back()
    assert len(set(outcomes)) > 1


def test_killed_on_a_real_disk(
    tmp_path_factory: pytest.TempPathFactory, originals: dict[str, Path], forks: Forks
) -> None:
    folder = tmp_path_factory.mktemp("music")
    music = filled(folder, originals, 8)
    rng = random.Random(8)
    for _ in range(6):
        forks.run(music.job(), after=rng.uniform(0, 0.2))
        music.check()
        music.finish()
        music.take_back()


def test_clearing_up_says_how_much_there_was(music: Library, forks: Forks) -> None:
    """A kill leaves one write at the most in between."""
    rng = random.Random(9)
    steps = forks.run(music.job())["steps"]
    found = set()
    for _ in range(12):
        music.take_back()
        forks.run(music.job(last=rng.randrange(steps // 8, steps)))
        with closing(open_database(music.db)) as db:
            found.add(recover(db))
            assert recover(db) == 0
    assert found == {0, 1}
    music.take_back()


# ------------------------------------------------------------------ a disk that is full


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; needs the right to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if (
        sys.platform != "linux"
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("cannot mount a tmpfs here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill_up(folder: Path, leave: int) -> Path:
    """Take all room of a file system but so many bytes."""
    free = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return ballast


def test_a_disk_that_is_full(
    tmpfs: Path, tmp_path: Path, originals: dict[str, Path], forks: Forks
) -> None:
    music = filled(tmpfs, originals)
    music.db = tmp_path / "library.sqlite3"
    ballast = fill_up(tmpfs, 20_000)  # there are files of 12 and of 48 kB
    music.old.pop(ballast, None)
    answer = forks.run(music.job())
    assert 0 < len(answer["refused"]) < FILES
    assert all(
        "no space left on device; expected a file and a folder that can be written" in line
        for line in answer["refused"]
    )
    assert music.check() == FILES - len(answer["refused"])
    rng = random.Random(10)
    for _ in range(8):
        forks.run(music.job(last=rng.randrange(1, answer["steps"])))
        music.check()
    ballast.unlink()
    music.finish()
    music.take_back()


def test_a_disk_that_is_full_for_the_library_as_well(
    tmpfs: Path, originals: dict[str, Path], forks: Forks
) -> None:
    music = filled(tmpfs, originals)
    with closing(open_database(music.db)):
        pass
    ballast = fill_up(tmpfs, 100_000)  # the journal has room for some writes
    answer = forks.run(music.job())
    assert 0 < len(answer["refused"]) <= FILES
    assert any("library.sqlite3" in line or "no space" in line for line in answer["refused"])
    music.check()
    ballast.unlink()
    music.finish()
    music.take_back()


def test_a_disk_that_is_read_only(
    tmpfs: Path, tmp_path: Path, originals: dict[str, Path], forks: Forks
) -> None:
    music = filled(tmpfs, originals, 4)
    music.db = tmp_path / "library.sqlite3"
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    answer = forks.run(music.job())
    assert len(answer["refused"]) == 4
    assert all("read-only" in line for line in answer["refused"])
    assert music.check() == 0
    subprocess.run(["mount", "-o", "remount,rw", str(tmpfs)], check=True)
    music.finish()
    music.take_back()


# ------------------------------------------------------------------ rights


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, originals: dict[str, Path], forks: Forks
) -> None:
    nobody = 65_534
    tmp_path.chmod(0o755)
    folder = tmp_path / "music"
    folder.mkdir()
    music = filled(folder, originals, 4)
    music.db = tmp_path / "library" / "library.sqlite3"
    music.db.parent.mkdir()
    os.chown(music.db.parent, nobody, nobody)
    for path in music.old:  # its files may be written, but not replaced
        path.chmod(0o666)
    answer = forks.run(music.job(uid=nobody))
    assert len(answer["refused"]) == 4
    assert [line for line in answer["refused"] if "permission denied" not in line] == []
    assert music.check() == 0
    assert music.leftovers() == []
    for path in music.old:
        path.chmod(0o444)
    folder.chmod(0o777)  # a folder for all, but files that are read-only
    answer = forks.run(music.job(uid=nobody))
    assert all(
        "read-only; expected a file that may be written" in line for line in answer["refused"]
    )
    assert music.check() == 0
    for path in music.old:
        path.chmod(0o666)
    assert forks.run(music.job(uid=nobody))["refused"] == []
    assert music.stand() == music.new
    assert forks.run(music.job(genres=None, uid=nobody))["refused"] == []
    assert music.stand() == music.old
