"""A path in, a record of plain values out: the work of ``genrewise classify``.

Runs in a worker of :mod:`genrewise.engine`.  What comes back holds no arrays, so the
parent never loads numpy; nothing of the command line is imported here, so the worker
never loads click.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genrewise.defaults import LISTEN

if TYPE_CHECKING:
    from genrewise.engine import Outcome
    from genrewise.inference import Prediction, Segment

__all__ = ["ClassifyJob", "of_outcome", "record", "time_limit"]


@dataclass(frozen=True)
class ClassifyJob:
    """Settings of a batch; calling it loads the model and gives the function of a path.

    Parameters
    ----------
    model : str
        Name or file; empty for the best one that is here.
    start, duration : float
        Seconds; None for `duration` means to the end.
    min_confidence : float
        A genre below it is none, whatever the model's own rule says; without any the answer is
        "unknown".
    timeline : bool
        Also give the genre over time.
    threads : int
        Of the model, in one worker.
    listen : int or None
        Windows to listen to in what is longer; None for all, as with `timeline`.
    embedding : bool
        Also give the embedding, as bytes.
    """

    model: str = ""
    start: float = 0.0
    duration: float | None = None
    min_confidence: float = 0.0
    timeline: bool = False
    threads: int = 1
    listen: int | None = LISTEN
    embedding: bool = False

    def __call__(self) -> Callable[[str], dict[str, Any]]:
        """Load the model.

        Raises
        ------
        GenrewiseError
            Where it cannot be had or read.
        """
        from genrewise.inference import Classifier
        from genrewise.inputs import backbone_path

        classifier = Classifier(self.model, threads=self.threads)
        for backbone in classifier.info.backbones():
            backbone_path(backbone)  # better said once than of every file

        listen = None if self.timeline else self.listen

        def classify(path: str) -> dict[str, Any]:
            prediction = classifier.predict_file(
                path, start=self.start, duration=self.duration, listen=listen
            )
            return record(prediction, self)

        return classify


def record(prediction: Prediction, job: ClassifyJob) -> dict[str, Any]:
    """A prediction as plain values, in the order in which they are shown.

    Parameters
    ----------
    prediction : Prediction
    job : ClassifyJob

    Returns
    -------
    dict
        Without path and time, which the parent knows.  An embedding is bytes of float16,
        little-endian: half the size, and to the third decimal what cosines are made of.
    """
    p = {label: float(value) for label, value in prediction.probabilities.items()}
    genres = [genre for genre in prediction.genres if p[genre] >= job.min_confidence]
    reason = "low confidence" if prediction.genres and not genres else prediction.reason
    found: dict[str, Any] = {
        "status": "partial" if prediction.partial else "ok",
        "genre": genres[0] if genres else None,
        "confidence": p[genres[0]] if genres else float(prediction.confidence),
        "probabilities": p,
        "seconds": float(prediction.seconds),
        "model": prediction.model,
        "genres": genres,
        "runner_up": prediction.runner_up,
        "reason": reason,
        "heard": float(prediction.heard),
        "stated": None if prediction.stated is None else float(prediction.stated),
        "lost": float(prediction.lost),
        "distance": float(prediction.distance),
        "deciding": [_span(s) for s in prediction.deciding],
        "nearest": [
            {"track": n.track, "genre": n.genre, "similarity": n.similarity}
            for n in prediction.nearest
        ],
    }
    if job.timeline:
        found["timeline"] = [_span(s) for s in prediction.timeline]
    if job.embedding:
        found["embedding"] = prediction.embedding.astype("<f2").tobytes()
    return found


def _span(segment: Segment) -> dict[str, Any]:
    return {
        "start": float(segment.start),
        "stop": float(segment.stop),
        "genre": segment.genre,
        "confidence": float(segment.confidence),
    }


def time_limit(n_bytes: int) -> float:
    """Seconds that a file of a size may take: a minute, and 20 s a megabyte.

    An hour of music at the lowest usual rate is some 12 MB and takes a minute or two
    with the large model on one slow core.
    """
    return 60.0 + 20.0 * n_bytes / 1e6


def _reason(path: str, error: str) -> str:
    """An error without the path that it begins with."""
    for name in (path, os.path.basename(path)):  # noqa: PTH119
        lead = " ".join(name.split()) + ": "
        if error.startswith(lead):
            return error[len(lead) :]
    return error


def of_outcome(outcome: Outcome, model: str) -> dict[str, Any]:
    """The record of an outcome, in the order in which it is shown.

    Parameters
    ----------
    outcome : Outcome
        Of a path; its value is a record of :class:`ClassifyJob`.
    model : str
        Name of the model, for what has failed.
    """
    head: dict[str, Any] = {"path": outcome.item}
    if outcome.kind == "ok":
        found = dict(outcome.value)
        for key in ("status", "genre", "confidence", "probabilities", "seconds"):
            head[key] = found.pop(key)
        return {**head, "elapsed": outcome.elapsed, "model": found.pop("model"), **found}
    return {
        **head,
        "status": "failed",
        "genre": None,
        "confidence": 0.0,
        "probabilities": {},
        "seconds": 0.0,
        "elapsed": outcome.elapsed,
        "model": model,
        "genres": [],
        "error": _reason(outcome.item, outcome.error),
        "cause": outcome.kind,
    }
