"""``genrewise review``: answers through a pipe and keys on a terminal, real tags at the end."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from genrewise.cli import player as players
from genrewise.cli.player import Player, opener, show_folder
from genrewise.cli.review import KEYS

Run = Callable[..., subprocess.CompletedProcess[str]]


def genres(path: str | Path) -> list[str]:
    return list((mutagen.File(path, easy=True) or {}).get("genre", []))


@pytest.fixture
def waiting(in_library: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tones and a noise of which the model is asked to be surer than sure."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "m"
    folder.mkdir()
    t = np.arange(22050) / 22050
    for i, name in enumerate(("a.flac", "b.flac", "c.flac")):
        y = np.sin(2 * np.pi * (300 + 100 * i) * t) / 2
        soundfile.write(folder / name, y.astype(np.float32), 22050)
    y = np.random.default_rng(0).uniform(-0.5, 0.5, 22050)
    soundfile.write(folder / "d.flac", y.astype(np.float32), 22050)
    assert in_library("tag", "--min-confidence", "1", "m").returncode == 0
    return folder


def states(in_library: Run) -> dict[str, str]:
    found = json.loads(in_library("library list", "--json").stdout)
    return {os.path.basename(r["path"]): r["state"] for r in found}  # noqa: PTH119


# ------------------------------------------------------------------ through a pipe


@pytest.mark.usefixtures("waiting")
def test_the_queue_as_json(in_library: Run) -> None:
    found = json.loads(in_library("review", "--json").stdout)
    assert [os.path.basename(r["path"]) for r in found] == [  # noqa: PTH119
        "a.flac", "b.flac", "c.flac", "d.flac",
    ]  # fmt: skip
    assert [r["genres"] for r in found] == [["tone"]] * 3 + [["noise"]]
    assert found[0]["runner_up"] == "noise"
    one = json.loads(in_library("review", "--json", "m/b.flac").stdout)
    assert [r["path"] for r in one] == [found[1]["path"]]


def test_answers_through_a_pipe(in_library: Run, waiting: Path) -> None:
    done = in_library("review", stdin="a\nc Dub; Ska\ns\nx\nr\n")
    assert done.returncode == 0, done.stderr
    assert "1 of 4  m/a.flac" in done.stdout
    assert "  now    –" in done.stdout
    assert "  heard  tone 1.00, then noise" in done.stdout
    assert "'x': no such key" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "4 files decided, 0 left. genrewise tag --write writes what was accepted"
    )
    assert states(in_library) == {
        "a.flac": "proposed", "b.flac": "proposed", "c.flac": "skipped", "d.flac": "proposed",
    }  # fmt: skip
    assert genres(waiting / "a.flac") == []
    assert in_library("tag", "--write", "--min-confidence", "1", "m").returncode == 0
    found = {name: genres(waiting / name) for name in ("a.flac", "b.flac", "c.flac", "d.flac")}
    assert found == {"a.flac": ["tone"], "b.flac": ["Dub", "Ska"], "c.flac": [], "d.flac": ["tone"]}
    assert in_library("review", "--json").stdout == "[]\n"


def test_what_was_accepted_is_written_at_the_end(in_library: Run, waiting: Path) -> None:
    done = in_library("review", "--write", stdin="A .5\nu\ns\nA .5\nq\n")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[:3] == ["4 files accepted", "4 files taken back", "3 files accepted"]
    assert done.stdout.count("that was the last.  [u] undo last  [q] quit") == 2
    assert said[-2:] == [
        "4 files decided, 0 left", "3 files written. genrewise undo takes it back",
    ]  # fmt: skip
    assert [genres(waiting / f"{c}.flac") for c in "abcd"] == [[], ["tone"], ["tone"], ["noise"]]
    assert in_library("undo").returncode == 0
    assert genres(waiting / "b.flac") == []


@pytest.mark.usefixtures("waiting")
def test_the_end_of_the_pipe_is_the_end(in_library: Run) -> None:
    done = in_library("review", stdin="a\n")
    assert (done.returncode, done.stderr.splitlines()[-1][:22]) == (0, "1 file decided, 3 left")
    done = in_library("review", stdin="")
    assert done.stderr == "0 files decided, 3 left\n"
    assert in_library("review", "--proposed", "--json").stdout.count("path") == 4


@pytest.mark.usefixtures("waiting")
def test_answers_that_say_nothing(in_library: Run) -> None:
    done = in_library("review", stdin="c\nc ;\nA\nA 7\nA x\nu\nq\n")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "nothing was changed",
        "nothing was changed",
        "''; expected a confidence from 0 to 1",
        "'7'; expected a confidence from 0 to 1",
        "'x'; expected a confidence from 0 to 1",
        "nothing to take back",
        "0 files decided, 4 left",
    ]


@pytest.mark.usefixtures("waiting")
def test_names_of_the_user_s_own(in_library: Run, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("tone,Sine\n")
    assert in_library("review", "--map", "names.csv", stdin="a\nq\n").returncode == 0
    found = json.loads(in_library("library list", "--json", "--state", "proposed").stdout)
    assert found[0]["decided"] == ["Sine"]


def test_a_library_in_which_nothing_was_heard(in_library: Run, tmp_path: Path) -> None:
    assert in_library("review").returncode == 2
    (tmp_path / "empty").mkdir()
    in_library("tag", tmp_path / "empty")
    assert "no model has answered" in in_library("review").stderr


# ------------------------------------------------------------------ on a terminal


class Terminal:
    """A process on a terminal of its own, its keys and its screen."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process, self.fd, self.screen = process, fd, ""

    def see(self, text: str, seconds: float = 30.0) -> None:
        """Wait until a text stands on what was not seen before."""
        until = time.monotonic() + seconds
        while text not in self.screen:
            left = until - time.monotonic()
            assert left > 0, f"{text!r} is not in {self.screen!r}"
            if select.select([self.fd], [], [], min(left, 0.5))[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # it has ended
                    data = b""
                assert data or text in self.screen, f"{text!r} is not in {self.screen!r}"
                plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", data)
                self.screen += plain.decode("utf-8", "replace")
        self.screen = self.screen.partition(text)[2]

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())


@pytest.fixture
def terminal(waiting: Path) -> Iterator[Callable[..., Terminal]]:
    """A function that starts ``review`` on a terminal."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo terminal")
    import fcntl
    import pty
    import termios

    assert waiting.is_dir()
    started: list[Terminal] = []

    def start(*args: str) -> Terminal:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "genrewise", "review", *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - for Ctrl-C
        )
        os.close(theirs)
        started.append(Terminal(process, ours))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        os.close(one.fd)


def test_keys_on_a_terminal(terminal: Callable[..., Terminal], in_library: Run) -> None:
    run = terminal()
    run.see("1 of 4  m/a.flac")
    run.see("[q] quit")
    run.press("\r")  # accepts
    run.see("2 of 4  m/b.flac")
    run.see("[q] quit")
    run.press("u")
    run.see("1 of 4  m/a.flac")
    run.see("[q] quit")
    run.press("s")
    run.see("2 of 4  m/b.flac")
    run.see("[q] quit")
    run.press("c")
    run.see("genre (several with ; between them): ")
    run.press("Drum & Bass\n")
    run.see("3 of 4  m/c.flac")
    run.see("[q] quit")
    run.press("q")
    run.see("2 files decided, 2 left")
    assert run.process.wait(20) == 0
    assert states(in_library) == {
        "a.flac": "skipped", "b.flac": "proposed", "c.flac": "review", "d.flac": "review",
    }  # fmt: skip


def test_tab_completes_a_genre(terminal: Callable[..., Terminal], in_library: Run) -> None:
    pytest.importorskip("readline")
    run = terminal()
    run.see("[q] quit")
    run.press("c")
    run.see("between them): ")
    run.press("noi\t\n")
    run.see("2 of 4")
    run.press("q")
    run.see("1 file decided")
    found = json.loads(in_library("library list", "--json", "--state", "proposed").stdout)
    assert found[0]["decided"] == ["noise"]


def test_ctrl_c_keeps_what_was_said(terminal: Callable[..., Terminal], in_library: Run) -> None:
    run = terminal("--write")
    run.see("[q] quit")
    run.press("a")
    run.see("2 of 4")
    run.see("[q] quit")
    run.press("\x03")
    run.see("interrupted")
    assert run.process.wait(20) == 130
    assert states(in_library)["a.flac"] == "proposed"


def test_keys_typed_ahead_are_not_lost_and_arrows_do_nothing(
    terminal: Callable[..., Terminal], in_library: Run
) -> None:
    run = terminal()
    run.press("s\x1b[A")  # before there is anything to be seen
    run.see("2 of 4")
    run.see("[q] quit")
    run.press("aéaa")
    run.see("'é': no such key")
    run.see("that was the last.")
    run.press("u")
    run.see("1 file taken back")
    run.see("4 of 4")
    run.press("\x04")
    run.see("3 files decided, 1 left")
    assert run.process.wait(20) == 0
    assert states(in_library) == {
        "a.flac": "skipped", "b.flac": "proposed", "c.flac": "proposed", "d.flac": "review",
    }  # fmt: skip


def test_a_song_is_played_and_its_folder_opened(
    terminal: Callable[..., Terminal], tmp_path: Path, waiting: Path
) -> None:
    script = tmp_path / "player"
    script.write_text(f"#!/bin/sh\necho \"$@\" >> '{tmp_path}/played'\nexec sleep 60\n")
    script.chmod(0o755)
    run = terminal("--player", f"{script} --quiet")
    run.see("[q] quit")
    run.press("p")
    until = time.monotonic() + 20
    while not (tmp_path / "played").exists() and time.monotonic() < until:
        time.sleep(0.05)
    run.press("q")
    run.see("0 files decided")
    assert run.process.wait(20) == 0
    assert (tmp_path / "played").read_text() == f"--quiet {waiting / 'a.flac'}\n"


# ------------------------------------------------------------------ the player


def test_players_are_told_where_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"mpv": "/bin/mpv"}
    monkeypatch.setattr(shutil, "which", there.get)
    assert Player().arguments("/a b.mp3", 61.7) == [
        "/bin/mpv", "--no-video", "--really-quiet", "--start=62", "/a b.mp3",
    ]  # fmt: skip
    assert Player().arguments("/a", 0.0) == ["/bin/mpv", "--no-video", "--really-quiet", "/a"]
    there = {"ffplay": "/bin/ffplay"}
    monkeypatch.setattr(shutil, "which", there.get)
    assert Player().arguments("/a", 30.0)[-3:] == ["-ss", "30", "/a"]
    assert Player("my player --x").arguments("/a", 30.0) == ["my", "player", "--x", "/a"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have one")
def test_without_a_player_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert opener() == []
    assert Player().play("/a") == (
        "no player was found. Install mpv, or name one: --player COMMAND"
    )
    assert show_folder("/m/a") == "no program to open a folder with was found"


def test_a_player_that_is_not_there() -> None:
    assert "No such file" in Player("/no/such/player").play("/a")


def test_one_song_at_a_time(tmp_path: Path) -> None:
    player = Player(f"{sys.executable} -c 'import time; time.sleep(60)'")
    assert player.play("/a") == ""
    first = player._process
    assert first is not None
    assert player.play("/b") == ""
    assert first.poll() is not None
    second = player._process
    player.stop()
    assert second is not None
    assert second.poll() is not None
    player.stop()
    assert tmp_path.is_dir()


def test_every_key_is_in_the_menu_and_the_players_end_by_themselves() -> None:
    assert list(KEYS) == ["a", "r", "c", "s", "p", "o", "A", "u", "q"]
    assert [name for name, _, _ in players._PLAYERS][:2] == ["mpv", "ffplay"]
