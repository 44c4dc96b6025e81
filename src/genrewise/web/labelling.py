"""A folder of songs that is labelled by ear: cut, heard, labelled, exported and learnt from.

All of it lies in one folder beside the songs, so that a server that ends, or is killed, goes
on where it was: ``clips/`` with their manifest, ``labels.jsonl`` with every word, ``training/``
as it was exported last, and the model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genrewise.errors import GenrewiseError
from genrewise.web.clips import Clip, cut_folder, export, read_clips, songs
from genrewise.web.labels import Labels
from genrewise.web.problems import Problem
from genrewise.web.reports import without_paths
from genrewise.web.teaching import Teacher

__all__ = ["Labelling", "beside"]

Log = Callable[..., None]

_NO_CLIP = "There is no such clip."
_UNWRITABLE = "It cannot be written on this server: is the disk full?"


def beside(folder: Path) -> Path:
    """Where the work on a folder of songs lies where nothing else is said."""
    real = folder.resolve()
    return real.with_name(f"{real.name}-labelled")


class Labelling:
    """The work on one folder; every method may be called from any thread.

    Parameters
    ----------
    folder : Path
        Of songs; nothing in it is changed.
    out : Path
        Where everything is kept; also an attribute.
    learnt : callable
        Gets the file of a model that was made.
    log : callable
        Takes an event and its fields.

    Raises
    ------
    GenrewiseError
        What lies in `out` cannot be read.
    """

    def __init__(self, folder: Path, out: Path, learnt: Callable[[Path], None], log: Log) -> None:
        self._folder, self.out, self._log = folder.resolve(), out, log
        if self.out.resolve().is_relative_to(self._folder):
            given = f"{out}: lies among the songs"
            raise GenrewiseError(given, "a folder elsewhere", "name one: --label-out")
        self._lock = threading.RLock()
        self._cut: dict[str, int] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._problem = ""
        self._unread = 0
        self.teacher = Teacher(learnt)
        self._load()

    def _load(self) -> None:
        try:
            self.clips = read_clips(self.out / "clips")
            self.labels = Labels(self.out / "labels.jsonl", len(self.clips))
        except OSError as error:
            given = f"{error.filename or self.out}: {error.strerror}"
            raise GenrewiseError(given, "a folder that can be read") from None

    # -- how it stands

    def state(self) -> dict[str, Any]:
        """How far it is."""
        with self._lock:
            counts = self.labels.counts()
            skipped = counts.pop(None, 0)
            training = self.out / "training"
            return {
                "folder": self._folder.name,
                "out": self.out.name,
                "labels": list(self.labels.names),
                "counts": {name: counts.get(name, 0) for name in self.labels.names},
                "total": len(self.clips),
                "labelled": sum(counts.values()),
                "skipped": skipped,
                "can_undo": self.labels.can_undo,
                "cut": self._cut,
                "unread": self._unread,
                "problem": self._problem,
                "exported": f"{self.out.name}/{training.name}" if training.is_dir() else None,
                "training": self.teacher.state,
            }

    def clip(self, n: int) -> dict[str, Any]:
        """A clip as the page shows it.

        Raises
        ------
        Problem
            404 where there is none.
        """
        with self._lock:
            clip, said = self._clip(n), self.labels.of(n)
            return {
                "n": n,
                "name": clip.track.encode("utf-8", "replace").decode(),
                "start": clip.start,
                "stop": clip.stop,
                "label": said.label if said else None,
                "skipped": said is not None and said.label is None,
            }

    def some(self, first: int, limit: int) -> dict[str, Any]:
        """Clips from one on."""
        with self._lock:
            last = min(first + limit, len(self.clips))
            return {"total": len(self.clips), "clips": [self.clip(n) for n in range(first, last)]}

    def _clip(self, n: int) -> Clip:
        if not 0 <= n < len(self.clips):
            raise Problem(404, _NO_CLIP)
        return self.clips[n]

    def file(self, n: int) -> Path:
        """Where a clip lies.

        Raises
        ------
        Problem
            404 where there is none.
        """
        path = self.out / "clips" / self._clip(n).path
        if not path.is_file():
            raise Problem(404, _NO_CLIP)
        return path

    # -- cutting

    def cut(self, seconds: float) -> None:
        """Begin to cut.

        Raises
        ------
        Problem
            409 where it was done or is under way, 422 where there is nothing to cut.
        """
        with self._lock:
            if self._cut is not None or self.clips:
                raise Problem(409, "The songs are cut already.")
            if not songs(self._folder):
                raise Problem(422, "There is no music in this folder.")
            self._cut, self._problem = {"done": 0, "total": 0}, ""
            self._thread = threading.Thread(target=self._run, args=(seconds,), daemon=True)
            self._thread.start()

    def _run(self, seconds: float) -> None:
        problem = ""
        try:
            clips = self.out / "clips"
            self._unread = cut_folder(self._folder, clips, seconds, self._step, self._goes_on)
        except GenrewiseError as error:
            problem = without_paths(str(error))
            self._log("failed", error=str(error))
        except OSError as error:
            problem = _UNWRITABLE
            self._log("failed", error=str(error))
        with self._lock:
            self._problem, self._cut = problem, None
            if not problem and not self._closed:
                self._load()

    def _step(self, done: int, total: int) -> None:
        self._cut = {"done": done, "total": total}

    def _goes_on(self) -> bool:
        return not self._closed

    # -- labels

    def say(self, n: int, label: str | None) -> dict[str, Any]:
        """Keep what was said of a clip; the clip as it is then.

        Raises
        ------
        Problem
            404 where there is no such clip, 507 where it cannot be written.
        """
        with self._lock:
            self._clip(n)
            try:
                self.labels.say(n, label)
            except OSError:
                raise Problem(507, _UNWRITABLE) from None
            return self.clip(n)

    def undo(self) -> dict[str, Any]:
        """Take the last word back; the clip that it was about.

        Raises
        ------
        Problem
            404 where nothing was said, 507 where it cannot be written.
        """
        with self._lock:
            try:
                return self.clip(self.labels.undo())
            except OSError:
                raise Problem(507, _UNWRITABLE) from None

    # -- what becomes of them

    def export(self) -> dict[str, Any]:
        """Write a folder to learn from.

        Raises
        ------
        Problem
            409 where there is nothing, or it is being learnt from; 507 where it cannot be written.
        """
        with self._lock:
            if self.teacher.running:
                raise Problem(409, "A model is learning from it. Wait, or stop it.")
            labelled = [
                (clip, said.label)
                for n, clip in enumerate(self.clips)
                if (said := self.labels.of(n)) and said.label is not None
            ]
            if not labelled:
                raise Problem(409, "No clip has a label yet.")
            try:
                export(self.out / "clips", labelled, self.out / "training")
            except OSError as error:
                self._log("failed", error=str(error))
                raise Problem(507, _UNWRITABLE) from None
            counts = self.labels.counts()
            counts.pop(None, None)
            return {
                "folder": f"{self.out.name}/training",
                "clips": len(labelled),
                "labels": dict(counts),
                "message": "Learn from it with genrewise train, or here.",
            }

    def train(self, fast: bool) -> None:
        """Export, and begin to learn from it.

        Raises
        ------
        Problem
            As :meth:`export`; 409 also where there are not two labels.
        """
        with self._lock:
            counts = self.labels.counts()
            counts.pop(None, None)
            if len(counts) < 2:
                raise Problem(409, "There is nothing to tell apart: give at least two labels.")
            self.export()
            model = self.out / f"{_model_name(self._folder.name)}.genrewise"
            self.teacher.start(self.out / "training", model, fast)

    def close(self) -> None:
        """End what is under way."""
        self._closed = True
        self.teacher.close()
        if self._thread is not None:
            self._thread.join(10.0)


def _model_name(text: str) -> str:
    """A name fit for a model and its file."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text)
    return kept.strip("-._")[:100] or "mine"
