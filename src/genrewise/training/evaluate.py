"""Any model on any labelled music."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrewise import engine
from genrewise.errors import DatasetError, nearest
from genrewise.inference import Classifier
from genrewise.training import datasets
from genrewise.training.datasets import Dataset
from genrewise.training.levels import sections
from genrewise.training.metrics import level_scores

__all__ = ["evaluate"]

#: Seconds that one file may take.
TIME_LIMIT = 600.0


@dataclass(frozen=True)
class _Job:
    model: str

    def __call__(self) -> Callable[[tuple[str, float, float | None]], dict[str, Any]]:
        classifier = Classifier(self.model)

        def work(task: tuple[str, float, float | None]) -> dict[str, Any]:
            source, start, duration = task
            answer = classifier.predict_file(source, start=start, duration=duration)
            return {
                "p": list(answer.probabilities.values()),
                "answered": answer.genre is not None,
                "timeline": [segment.probabilities for segment in answer.timeline],
            }

        return work


def _shared_labels(
    model: Sequence[str], dataset: Dataset, mapping: Mapping[str, str]
) -> dict[str, int]:
    """Index into the model's labels of each label of the data set that it knows."""
    for ours, theirs in mapping.items():
        for what, name, known in (("data", ours, dataset.labels), ("model", theirs, model)):
            if name not in known:
                close = nearest(name, known)
                raise DatasetError(
                    f"--map {ours}={theirs}: {name} is no label of the {what}",
                    f"one of {', '.join(known)}",
                    f"did you mean {close[0]}?" if close else "",
                )
    found: dict[str, int] = {}
    for label in dataset.labels:
        name = mapping.get(label, label)
        if name in model:
            found[label] = list(model).index(name)
    if not found:
        close = nearest(dataset.labels[0], model)
        raise DatasetError(
            f"{dataset.name}: none of its labels ({', '.join(dataset.labels[:8])})",
            f"some of the model's: {', '.join(model)}",
            f"map them: --map {dataset.labels[0]}={close[0] if close else model[0]}",
        )
    return found


def evaluate(
    model: str,
    source: str,
    *,
    mapping: Mapping[str, str] | None = None,
    part: str = "",
    labels: Sequence[str] = (),
    restrict: bool = False,
    group_by: str = "",
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Score a model on labelled music.

    Parameters
    ----------
    model : str
        Name or file.
    source : str
        As for :func:`genrewise.training.datasets.read`.
    mapping : mapping of str to str, optional
        Label of the data set to label of the model.
    part : str
        Items of this split only: ``train``, ``valid``, ``test``; empty takes all.
    labels : sequence of str
        These labels of the data set only.
    restrict : bool
        Spread the probabilities over those of the data set's labels that the model knows.
    group_by : str
    workers : int
    progress : callable, optional
        Called with the number of items done.

    Returns
    -------
    dict
        ``track``, ``clip``, ``window`` as of :func:`.metrics.level_scores`, ``labels``,
        ``failed`` and ``outside``: labels that the model does not know.

    Raises
    ------
    DatasetError
        No label in common, or no file could be read.
    """
    dataset = datasets.read(source, labels=labels or None, group_by=group_by)
    classifier = Classifier(model)
    known = _shared_labels(classifier.labels, dataset, mapping or {})
    wanted = [
        i
        for i, item in enumerate(dataset.items)
        if item.label in known and (not part or item.split == part)
    ]
    if not wanted:
        there = sorted({item.split for item in dataset.items} - {""})
        raise DatasetError(
            f"{dataset.name}: no item in part {part!r}",
            f"one of {', '.join(there)}" if there else "a data set with a split column",
        )
    tasks = [(dataset.file(i), dataset.items[i].start, dataset.items[i].duration) for i in wanted]
    answers: dict[int, dict[str, Any]] = {}
    failed: list[tuple[str, str]] = []
    outcomes = engine.run(_Job(model), tasks, workers=workers, time_limit=TIME_LIMIT)
    for done, (i, outcome) in enumerate(zip(wanted, outcomes, strict=True), start=1):
        if outcome.kind == "ok":
            answers[i] = outcome.value
        else:
            failed.append(
                (dataset.items[i].path, outcome.error.removeprefix(f"{dataset.file(i)}: "))
            )
        if progress:
            progress(done)
    if not answers:
        raise DatasetError(f"{dataset.name}: no file could be read: {failed[0][1]}", "audio files")
    keep = sorted(set(known.values())) if restrict else list(range(len(classifier.labels)))
    scores = _scores(dataset, answers, known, keep, classifier.labels)
    outside = [label for label in dataset.labels if label not in known]
    return {
        "model": classifier.name,
        "dataset": dataset.name,
        "labels": [classifier.labels[c] for c in keep],
        **scores,
        "failed": [list(pair) for pair in failed],
        "outside": outside,
    }


def _scores(
    dataset: Dataset,
    answers: Mapping[int, Mapping[str, Any]],
    known: Mapping[str, int],
    keep: Sequence[int],
    names: Sequence[str],
) -> dict[str, Any]:
    labels = [names[c] for c in keep]
    items = list(answers)
    _, groups = np.unique([dataset.items[i].group for i in items], return_inverse=True)
    truth = np.array([keep.index(known[dataset.items[i].label]) for i in items])
    p = np.array([answers[i]["p"] for i in items])[:, keep]
    p /= np.maximum(p.sum(axis=1, keepdims=True), 1e-12)
    answered = np.array([answers[i]["answered"] for i in items])
    cells = [(k, row) for k, i in enumerate(items) for row in answers[i]["timeline"]]
    found: dict[str, Any] = {"clip": level_scores(truth, p, labels, groups, answered=answered)}
    keys, votes, first = sections([dataset.items[i].section for i in items], p)
    place = {key: n for n, key in enumerate(keys)}
    any_answer = np.zeros(len(keys), dtype=bool)
    for k, i in enumerate(items):
        any_answer[place[dataset.items[i].section]] |= answered[k]
    found["track"] = level_scores(truth[first], votes, labels, groups[first], answered=any_answer)
    if cells:
        of = np.array([k for k, _ in cells])
        q = np.array([row for _, row in cells])[:, keep]
        q /= np.maximum(q.sum(axis=1, keepdims=True), 1e-12)
        found["window"] = level_scores(truth[of], q, labels, groups[of])
    return found
