"""What a worker of the server does with a file: decode, listen, say how far it is, answer.

Runs in a process of :mod:`genrewise.engine`, so what a file does to a decoder it does there.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genrewise.worker import tell

if TYPE_CHECKING:
    from genrewise.audio import Stream
    from genrewise.inference import Classifier
    from genrewise.inputs import F32
    from genrewise.web.sketch import Sketch

__all__ = ["Hearing", "Wish"]

#: Models that a worker keeps ready besides the server's own.
_READY = 2
#: Seconds between two words about how far it is.
_EVERY = 0.25


@dataclass(frozen=True)
class Wish:
    """A file to listen to, and how.

    Parameters
    ----------
    job : str
        Its number with the server.
    path : str
    model : str
        Name or file; empty for the server's own.
    timeline, picture : bool
        Also give the genre over time; also what a page draws.
    start : float
    duration : float, optional
        Part of the file in seconds.
    """

    job: str
    path: str
    model: str = ""
    timeline: bool = False
    picture: bool = False
    start: float = 0.0
    duration: float | None = None


@dataclass(frozen=True)
class Hearing:
    """Settings of the workers; calling it loads the model and gives the function of a wish.

    Parameters
    ----------
    model : str
        Name or file.
    max_seconds : float
        Of audio that is decoded of one file.
    embedding : bool
        Also give embeddings, by which songs are compared.
    """

    model: str
    max_seconds: float
    embedding: bool = False

    def __call__(self) -> Callable[[Wish | None], dict[str, Any] | None]:
        """Load the model and use it once, so that the first answer is as quick as the others.

        Raises
        ------
        GenrewiseError
            Where it cannot be had or read.
        """
        import numpy as np

        ready = _Models(self.model)
        ready.get("").predict(np.zeros(4000, dtype=np.float32), 8000)

        def hear(wish: Wish | None) -> dict[str, Any] | None:
            return None if wish is None else self._hear(ready.get(wish.model), wish)

        return hear

    def _hear(self, classifier: Classifier, wish: Wish) -> dict[str, Any]:
        from genrewise.defaults import LISTEN
        from genrewise.records import ClassifyJob, record

        ear = _Ear(wish)
        prediction = classifier.predict_file(
            wish.path,
            start=wish.start,
            duration=wish.duration,
            listen=None if wish.timeline else LISTEN,
            max_seconds=self.max_seconds,
            heard=ear,
        )
        job = ClassifyJob(timeline=wish.timeline, embedding=self.embedding)
        found = record(prediction, job)
        embedding = found.pop("embedding", b"")
        return {"record": found, "picture": ear.picture(), "embedding": embedding}


class _Models:
    """Models that are ready: the server's own, and the last few that were asked for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._others: OrderedDict[tuple[str, int], Classifier] = OrderedDict()
        self._own = self._load(model)

    def _load(self, model: str) -> Classifier:
        from genrewise.inference import Classifier
        from genrewise.inputs import backbone_path

        classifier = Classifier(model)
        for backbone in classifier.info.backbones():
            backbone_path(backbone)  # better said now than of every file
        return classifier

    def get(self, model: str) -> Classifier:
        if model in ("", self._model, self._own.name):
            return self._own
        key = (model, _changed(model))
        if key not in self._others:
            self._others[key] = self._load(model)
            if len(self._others) > _READY:
                self._others.popitem(last=False)
        self._others.move_to_end(key)
        return self._others[key]


def _changed(path: str) -> int:
    """When a model's file was written: one that learnt once more has the same name."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:  # it is said when it is loaded
        return 0


class _Ear:
    """Is told of the samples as they are decoded: says how far it is, and draws."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._said = time.monotonic()
        self._stream: Stream | None = None
        self._sketch: Sketch | None = None

    def __call__(self, stream: Stream, y: F32) -> None:
        self._draw(stream, y)
        now = time.monotonic()
        if now - self._said < _EVERY:
            return
        self._said = now
        stated = (stream.info.stated or 0.0) - self._wish.start
        whole = stated if self._wish.duration is None else min(stated, self._wish.duration)
        if whole > 0:
            tell(min(0.99, stream.seconds / whole))

    def _draw(self, stream: Stream, y: F32) -> None:
        if not self._wish.picture:
            return
        if self._stream is not stream:  # the first block, or decoding began again
            from genrewise.web.sketch import Sketch

            self._stream, self._sketch = stream, Sketch(stream.sr)
        if self._sketch is not None:
            self._sketch.add(y)

    def picture(self) -> bytes:
        """What a page draws; empty where it was not wanted."""
        return b"" if self._sketch is None else self._sketch.packed()
