"""``genrewise train`` beside the server, in a process of its own, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from genrewise.web.problems import Problem
from genrewise.web.reports import without_paths

__all__ = ["Teacher"]

#: Lines that are kept.
_LINES = 500
#: Seconds that a process gets to end by itself.
_GRACE = 5.0


class Teacher:
    """One training at a time; every method may be called from any thread.

    Parameters
    ----------
    done : callable
        Gets the model's file when it was written.
    """

    def __init__(self, done: Callable[[Path], None]) -> None:
        self._done = done
        self._news = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._said = 0
        self.lines: list[str] = []
        self.state: dict[str, Any] | None = None

    @property
    def running(self) -> bool:
        """Whether a model is learning just now."""
        return self.state is not None and self.state["status"] == "running"

    def start(self, source: Path, out: Path, fast: bool) -> None:
        """Begin to learn.

        Parameters
        ----------
        source : Path
            A folder to learn from.
        out : Path
            The model file to write.
        fast : bool
            Seconds, not minutes.

        Raises
        ------
        Problem
            409 where a model is learning already.
        """
        command = [sys.executable, "-m", "genrewise", "train", os.fspath(source), "--json"]
        command += ["-o", os.fspath(out), *(["--fast"] if fast else [])]
        with self._news:
            if self.running:
                raise Problem(409, "A model is learning already.")
            report = tempfile.TemporaryFile()  # noqa: SIM115 - the thread closes it
            self.lines, self._said, self._stopped = [], 0, False
            self.state = {"status": "running", "progress": None, "model": out.stem, "message": ""}
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=report, stderr=subprocess.PIPE
            )
            self._thread = threading.Thread(
                target=self._follow, args=(self._process, report, out), daemon=True
            )
            self._thread.start()
            self._news.notify_all()

    def _follow(self, process: subprocess.Popen[bytes], report: IO[bytes], out: Path) -> None:
        assert process.stderr is not None
        with report, process.stderr:
            for raw in process.stderr:
                line = without_paths(raw.decode("utf-8", "replace").strip())
                with self._news:
                    self.lines, self._said = [*self.lines, line][-_LINES:], self._said + 1
                    if self.state is not None:
                        self.state = {**self.state, "message": line}
                    self._news.notify_all()
            code = process.wait()
            ended = self._ended(code, report, out.stem)
        if ended["status"] == "done":
            self._done(out)
        with self._news:
            self.state = ended
            self._news.notify_all()

    def _ended(self, code: int, report: IO[bytes], model: str) -> dict[str, Any]:
        """How it ended: figures of the test, or the last thing that was said."""
        report.seek(0)
        # Files that could not be read make the exit code 1, and a model nonetheless.
        found = _figures(report.read()) if code in (0, 1) else None
        if found is not None:
            return {"status": "done", "progress": 1.0, "model": model, **found}
        said = self.lines[-1].removeprefix("Error: ") if self.lines else "It ended without a word"
        why = "Stopped." if self._stopped else said
        return {"status": "failed", "progress": None, "model": model, "message": why}

    def now(self) -> tuple[int, list[str], dict[str, Any] | None]:
        """How many lines were said so far, the last of them, and the state."""
        with self._news:
            return self._said, self.lines, self.state

    def wait(self, said: int, state: dict[str, Any], seconds: float) -> None:
        """Wait until there is more than what :meth:`now` gave."""
        with self._news:
            self._news.wait_for(lambda: (self._said, self.state) != (said, state), seconds)

    def stop(self) -> None:
        """End a training; it says so itself."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._stopped = True
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                process.kill()

    def close(self) -> None:
        """End it with the server."""
        self.stop()
        if self._thread is not None:
            self._thread.join(2 * _GRACE)


def _figures(report: bytes) -> dict[str, Any] | None:
    """What a report says of the test, of its validation where there was none."""
    try:
        found = json.loads(report)
        track = (found["test"] or found["validation"])["track"]
        interval = [float(value) for value in track["interval"]]
        figures = {"accuracy": float(track["accuracy"]), "n": int(track["n"])}
    except (ValueError, KeyError, TypeError):
        return None
    what = "test" if found["test"] else "validation"
    return {**figures, "interval": interval, "part": what, "message": ""}
