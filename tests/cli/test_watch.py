"""``genrewise watch``: a running process, files that arrive, folders that come and go."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


def genres(path: str | Path) -> list[str]:
    return list((mutagen.File(path, easy=True) or {}).get("genre", []))


def tone(path: Path, hz: float = 440.0, seconds: float = 1.0) -> Path:
    t = np.arange(round(22050 * seconds)) / 22050
    soundfile.write(path, (np.sin(2 * np.pi * hz * t) / 2).astype(np.float32), 22050)
    return path


class Watching:
    """A running ``watch`` and what it has said."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        self.process, self._said = process, said

    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def until(self, what: Callable[[], bool], seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)

    def until_tagged(self, path: str) -> None:
        """Wait until a file is tagged and that was said, after which Ctrl-C costs no count."""
        self.until(lambda: re.search(rf"^written .*{path}$", self.said(), re.MULTILINE) is not None)
        assert genres(path) == ["tone"]

    def stop(self, how: signal.Signals = signal.SIGINT) -> str:
        self.process.send_signal(how)
        assert self.process.wait(30) == 0, self.said()
        return self.said()


@pytest.fixture
def watching(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> Callable[..., Watching]:
    """A function that starts ``watch`` with the tiny model."""
    if sys.platform == "win32":
        pytest.skip("needs signals")
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "library.sqlite3"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    said = itertools.count()

    def watch(*args: str) -> Watching:
        path = tmp_path / f"said {next(said)}"
        with path.open("w") as file:
            process = start(
                *("watch", "--model", model, "--interval", "0.1", "--rest", "0.5"),
                *(args or ("in",)),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return Watching(process, path)

    return watch


def test_what_arrives_is_tagged(watching: Callable[..., Watching], tmp_path: Path) -> None:
    tone(tmp_path / "in" / "there already.flac")
    run = watching()
    run.until_tagged("in/there already.flac")
    (tmp_path / "in" / "new folder").mkdir()
    tone(tmp_path / "in" / "new folder" / "ä.flac", 600.0)
    run.until_tagged("in/new folder/ä.flac")
    said = run.stop().splitlines()
    assert said[1].startswith("written   tone")
    assert said[1].endswith("in/there already.flac")
    assert said[-1] == "2 files: 2 written"


def test_a_file_is_not_touched_before_it_is_complete(
    watching: Callable[..., Watching], tmp_path: Path
) -> None:
    data = tone(tmp_path / "whole.flac", seconds=20.0).read_bytes()
    run = watching()
    with (tmp_path / "in" / "slow.flac").open("wb") as file:
        for i in range(8):  # longer than it has to stand still
            file.write(data[i * len(data) // 8 : (i + 1) * len(data) // 8])
            file.flush()
            time.sleep(0.2)
    assert (tmp_path / "in" / "slow.flac").read_bytes() == data
    assert "slow" not in run.said()
    run.until_tagged("in/slow.flac")
    assert run.stop().splitlines()[-1] == "1 file: 1 written"


def test_names_of_what_is_not_complete_are_passed_over(
    watching: Callable[..., Watching], tmp_path: Path
) -> None:
    shutil.copy(tone(tmp_path / "whole.flac"), tmp_path / "in" / "b.flac.part")
    run = watching()
    tone(tmp_path / "in" / "a.flac", 700.0)
    run.until_tagged("in/a.flac")
    (tmp_path / "in" / "b.flac.part").rename(tmp_path / "in" / "b.flac")
    run.until_tagged("in/b.flac")
    run.stop()


def test_a_folder_that_goes_away_is_waited_for_and_said_once(
    watching: Callable[..., Watching], tmp_path: Path
) -> None:
    tone(tmp_path / "in" / "a.flac")
    run = watching()
    run.until_tagged("in/a.flac")
    (tmp_path / "in").rename(tmp_path / "away")
    run.until(lambda: "in: not there; waiting for it" in run.said())
    time.sleep(0.5)
    (tmp_path / "away").rename(tmp_path / "in")
    run.until(lambda: "in: back again" in run.said())
    tone(tmp_path / "in" / "b.flac", 500.0)
    run.until_tagged("in/b.flac")
    assert run.stop().count("not there") == 1


def test_a_dry_run_writes_nothing(watching: Callable[..., Watching], tmp_path: Path) -> None:
    path = tone(tmp_path / "in" / "a.flac")
    before = path.read_bytes()
    run = watching("--dry-run", "--json", "in")
    run.until(lambda: "\n" in run.said())
    found = json.loads(run.said().splitlines()[0])
    assert (found["path"], found["state"], found["genres"]) == (str(path), "proposed", ["tone"])
    assert run.stop().splitlines()[-1] == "1 file: 1 proposed"
    assert path.read_bytes() == before


def test_what_does_not_decode_is_told_and_taken_when_it_does(
    watching: Callable[..., Watching], tmp_path: Path
) -> None:
    (tmp_path / "in" / "a.flac").write_bytes(b"fLaC and nothing more")
    run = watching()
    run.until(lambda: "in/a.flac: " in run.said())
    tone(tmp_path / "in" / "a.flac")
    run.until_tagged("in/a.flac")
    assert run.stop().splitlines()[-1] == "2 files: 1 written, 1 failed"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_service_that_is_stopped_ends_in_one_line(
    watching: Callable[..., Watching], tmp_path: Path, how: signal.Signals
) -> None:
    if signal.getsignal(how) is signal.SIG_IGN:
        pytest.skip("whoever started the tests has this signal ignored, as nohup does")
    tone(tmp_path / "in" / "a.flac")
    run = watching()
    run.until_tagged("in/a.flac")
    before = run.said()
    assert run.stop(how).removeprefix(before) == "1 file: 1 written\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's help")
def test_nothing_is_left_over_when_the_tests_are_killed(model: Path, tmp_path: Path) -> None:
    """What the fixture starts ends with the process that started it, killed or not."""
    (tmp_path / "in").mkdir()
    script = tmp_path / "starts.py"
    conftest = Path(__file__).with_name("conftest.py")
    script.write_text(
        "import os, runpy, subprocess, sys, time\n"
        f"mortal = runpy.run_path({str(conftest)!r})['MORTAL']\n"
        f"args = ['watch', '--model', {str(model)!r}, '--db', 'x.sqlite3', 'in']\n"
        "child = subprocess.Popen([sys.executable, '-c', mortal, *args])\n"
        "while not os.path.exists('x.sqlite3'): time.sleep(0.05)\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    place = Path("/proc") / done.stdout.strip() / "status"
    end = time.monotonic() + 20
    while place.exists() and "State:\tZ" not in place.read_text():  # nobody may wait for it
        assert time.monotonic() < end
        time.sleep(0.05)


def test_once_ends_by_itself(
    in_library: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    tone(tmp_path / "in" / "a.flac")
    done = in_library("watch", "--once", "--rest", "0.2", "in")
    assert (done.returncode, done.stderr) == (0, "1 file: 1 written\n")
    assert genres("in/a.flac") == ["tone"]
    again = in_library("watch", "--once", "--rest", "0.2", "in")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "0 files: nothing to do\n")


def test_what_is_no_folder(
    in_library: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    done = in_library("watch", "file")
    assert done.returncode == 2
    assert done.stderr == "Error: file: not a folder; expected a folder in which music arrives\n"
    assert in_library("watch", "--once", "none").returncode == 2


def test_what_was_written_meanwhile_by_others_is_left(
    watching: Callable[..., Watching], in_library: Run, tmp_path: Path
) -> None:
    path = tone(tmp_path / "in" / "a.flac")
    run = watching()
    run.until_tagged("in/a.flac")
    file = mutagen.File(path)
    file["genre"] = ["Mine"]
    file.save()
    run.until(lambda: "kept" in in_library("library list").stdout)
    assert genres(path) == ["Mine"]
    assert in_library("undo", "in").returncode == 1  # changed by somebody else since
    assert genres(path) == ["Mine"]
    assert os.fspath(path)
    run.stop()
