"""Letting a song be heard: by whatever player is there."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["Player", "opener", "show_folder"]

#: Players that end with the song, and how they are told where to begin.
_PLAYERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("mpv", ("--no-video", "--really-quiet"), "--start={:.0f}"),
    ("ffplay", ("-nodisp", "-autoexit", "-loglevel", "quiet"), "-ss={:.0f}"),
    ("mplayer", ("-really-quiet", "-vo", "null"), "-ss={:.0f}"),
    ("cvlc", ("--play-and-exit", "--quiet"), "--start-time={:.0f}"),
    ("afplay", (), ""),
)


def opener() -> list[str]:
    """The system's own way to open a file or a folder; empty where there is none."""
    if sys.platform == "win32":
        return ["explorer"]
    name = "open" if sys.platform == "darwin" else "xdg-open"
    return [name] if shutil.which(name) else []


class Player:
    """Plays one song at a time.

    Parameters
    ----------
    command : str
        A program and its options; empty for the first one that is there.
    """

    def __init__(self, command: str = "") -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    def arguments(self, path: str, start: float) -> list[str]:
        """The command that plays a song from some second on; empty where there is no player."""
        if self.command:
            return [*shlex.split(self.command), path]
        for name, options, begin in _PLAYERS:
            if found := shutil.which(name):
                at = begin.format(start).split("=", 1) if begin.startswith("-ss") else None
                where = at or ([begin.format(start)] if begin else [])
                return [found, *options, *(where if start >= 1 else []), path]
        return [*opener(), path] if opener() else []

    def play(self, path: str, start: float = 0.0) -> str:
        """Play a song, the one before is stopped.

        Returns
        -------
        str
            Why it cannot be played; empty where it is.
        """
        self.stop()
        if not (command := self.arguments(path, start)):
            return "no player was found. Install mpv, or name one: --player COMMAND"
        try:
            self._process = _start(command)
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        return ""

    def stop(self) -> None:
        """End what is playing."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)


def show_folder(path: str) -> str:
    """Open the folder of a file; says why where that cannot be done."""
    if not (command := opener()):
        return "no program to open a folder with was found"
    try:
        _start([*command, os.path.dirname(path)])  # noqa: PTH120
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return ""


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A program of its own that says nothing here and hears no key of ours."""
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
