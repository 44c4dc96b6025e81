"""What was said of each clip: a file to which every answer is added at once.

A line a word, so that nothing that was said is lost with the server, and every word can be
taken back, also after a new start.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from genrewise.labels import fold
from genrewise.web.problems import Problem

__all__ = ["Labels", "Said"]


@dataclass(frozen=True)
class Said:
    """What was said of a clip.

    Parameters
    ----------
    label : str or None
        None where it was skipped.
    """

    label: str | None


class Labels:
    """The labels of the clips; every method may be called from any thread.

    Parameters
    ----------
    path : Path
        The file; made with the first word.
    count : int
        How many clips there are.

    Raises
    ------
    OSError
        It is there and cannot be read.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._count = path, count
        self._lock = threading.RLock()
        self._said: dict[int, Said] = {}
        self._before: list[tuple[int, Said | None]] = []
        self.names: list[str] = []
        self._whole = 0  # bytes of the file up to the end of its last whole line
        data = path.read_bytes() if path.exists() else b""
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n"):  # the server was killed as it wrote
                break
            self._whole += len(line)
            self._follow(line)

    def _follow(self, line: bytes) -> None:
        """Take a line of the file; what is none of ours is passed over."""
        try:
            word = json.loads(line)
        except ValueError:
            return
        if not isinstance(word, dict):
            return
        if word.get("undo"):
            self._take_back()
            return
        n, label = word.get("clip"), word.get("label")
        if isinstance(n, int) and 0 <= n < self._count and isinstance(label, str | None):
            self._put(n, Said(label))

    def _put(self, n: int, said: Said) -> None:
        self._before.append((n, self._said.get(n)))
        self._said[n] = said
        if said.label is not None and said.label not in self.names:
            self.names.append(said.label)

    def _take_back(self) -> int:
        n, before = self._before.pop()
        if before is None:
            del self._said[n]
        else:
            self._said[n] = before
        return n

    def _write(self, word: dict[str, object]) -> None:
        """Add a line that stays, or nothing."""
        line = json.dumps(word, ensure_ascii=False).encode() + b"\n"
        with self._path.open("r+b" if self._path.exists() else "xb") as file:
            file.seek(self._whole)
            file.truncate()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._whole += len(line)

    # -- what is asked

    def of(self, n: int) -> Said | None:
        """What was said of a clip; None where nothing was."""
        with self._lock:
            return self._said.get(n)

    def counts(self) -> Counter[str | None]:
        """How many clips bear a label; under None those that were skipped."""
        with self._lock:
            return Counter(said.label for said in self._said.values())

    @property
    def can_undo(self) -> bool:
        """Whether there is a word to take back."""
        return bool(self._before)

    def say(self, n: int, label: str | None) -> None:
        """Keep a label; one that differs in case and signs alone from another is that one.

        Raises
        ------
        OSError
            It cannot be written; then nothing was said.
        """
        with self._lock:
            if label is not None and fold(label):
                known = {fold(name): name for name in self.names}
                label = known.get(fold(label), label)
            self._write({"clip": n, "label": label})
            self._put(n, Said(label))

    def undo(self) -> int:
        """Take the last word back; the clip that it was about.

        Raises
        ------
        Problem
            404 where nothing was said.
        OSError
            It cannot be written; then nothing was taken back.
        """
        with self._lock:
            if not self._before:
                raise Problem(404, "There is nothing to take back.")
            self._write({"undo": True})
            return self._take_back()
