"""What a model says of labelled music, and which items of a data set are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.errors import DatasetError
from genrewise.inference import Classifier, Prediction
from genrewise.training.datasets import Dataset

__all__ = [
    "Answers",
    "Bars",
    "answer",
    "ask",
    "collect",
    "no_bar",
    "normalised",
    "spread",
    "told",
    "wanted_items",
]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Seconds that one file may take.
TIME_LIMIT = 600.0

#: File, start and duration of an item, and the name that its chances are drawn by.
Task = tuple[str, float, float | None, str]


class Bar(Protocol):
    """What shows progress."""

    def update(self, done: int) -> None:
        """Show how many are done."""


#: Unit and number of items to a context manager that gives a bar, or none.
Bars = Callable[[str, int], AbstractContextManager[Bar | None]]


def no_bar(_unit: str, _total: int) -> AbstractContextManager[None]:
    """Show nothing."""
    return nullcontext()


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model said of some items.

    Parameters
    ----------
    items : tuple of int
        Places in the data set, rising.
    p : ndarray, shape (n, C), float64
        Probabilities of the model's labels.
    answered : ndarray of bool, shape (n,)
        False where it said "unknown".
    cells : tuple of tuple of (start, stop, probabilities)
        The genre over time of each, in seconds of the clip.
    failed : tuple of (str, str)
        Paths that could not be read, and why.
    """

    items: tuple[int, ...]
    p: F64
    answered: NDArray[np.bool_]
    cells: tuple[tuple[tuple[float, float, tuple[float, ...]], ...], ...]
    failed: tuple[tuple[str, str], ...] = ()

    def only(self, items: Iterable[int]) -> Answers:
        """The answers for some of the items."""
        wanted = set(items)
        rows = [k for k, i in enumerate(self.items) if i in wanted]
        cells = tuple(self.cells[k] for k in rows)
        kept = tuple(self.items[k] for k in rows)
        return Answers(kept, self.p[rows], self.answered[rows], cells, self.failed)

    @classmethod
    def none(cls, n_labels: int) -> Answers:
        """The answers of a model of so many labels that was asked nothing."""
        return cls((), np.zeros((0, n_labels)), np.zeros(0, dtype=bool), ())

    def among(self, keep: Sequence[int]) -> F64:
        """Probabilities of some of the labels, spread over them alone, shape (n, len(keep))."""
        return normalised(self.p[:, list(keep)])


def normalised(p: F64) -> F64:
    """Rows that sum to 1; a row of zeros stays."""
    return np.asarray(p / np.maximum(p.sum(axis=1, keepdims=True), 1e-12))


def wanted_items(
    dataset: Dataset, known: Iterable[str], part: str, limit: int, *, must: bool = True
) -> list[int]:
    """The items to ask about.

    Parameters
    ----------
    dataset : Dataset
    known : iterable of str
        Labels that count.
    part : str
        Of the data set's own split; empty takes all.
    limit : int
        So many at the most, as of :func:`spread`; 0 takes all.
    must : bool
        There must be one.

    Raises
    ------
    DatasetError
        No item in that part, where one must be.
    """
    labels = set(known)
    found = [
        i
        for i, item in enumerate(dataset.items)
        if item.label in labels and (not part or item.split == part)
    ]
    if not found and not must:
        return []
    if not found:
        there = sorted({item.split for item in dataset.items} - {""})
        raise DatasetError(
            f"{dataset.name}: no item in part {part!r}",
            f"one of {', '.join(there)}" if there else "a data set with a split column",
        )
    if not 0 < limit < len(found):
        return found
    items = [dataset.items[i] for i in found]
    chosen = spread([item.label for item in items], [item.group for item in items], limit)
    return [found[k] for k in chosen]


def spread(labels: Sequence[str], groups: Sequence[str], limit: int, seed: int = 0) -> list[int]:
    """Some items, as evenly over the labels as can be, and over the groups of each.

    Parameters
    ----------
    labels, groups : sequence of str, length n
    limit : int
        How many, at the most n.
    seed : int
        Of the order of groups and items; the same call gives the same items.

    Returns
    -------
    list of int
        Rising.
    """
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    nth: dict[tuple[str, str], int] = {}
    queues: dict[str, list[tuple[int, int]]] = {label: [] for label in sorted(set(labels))}
    for i in order:
        key = labels[i], groups[i]
        nth[key] = nth.get(key, -1) + 1
        queues[labels[i]].append((nth[key], i))  # the first of every group goes first
    lines = [[i for _, i in sorted(line, key=lambda pair: pair[0])] for line in queues.values()]
    dealt = [line[k] for k in range(max(map(len, lines))) for line in lines if k < len(line)]
    return sorted(dealt[:limit])


def told(found: Prediction) -> dict[str, Any]:
    """What is kept of a prediction."""
    return {
        "p": list(found.probabilities.values()),
        "answered": found.genre is not None,
        "cells": tuple((s.start, s.stop, s.probabilities) for s in found.timeline),
    }


@dataclass(frozen=True)
class _Job:
    model: str

    def __call__(self) -> Callable[[Task], dict[str, Any]]:
        classifier = Classifier(self.model)

        def work(task: Task) -> dict[str, Any]:
            source, start, duration, _ = task
            return told(classifier.predict_file(source, start=start, duration=duration))

        return work


def ask(
    job: Callable[[], Callable[[Task], Any]],
    dataset: Dataset,
    items: Sequence[int],
    workers: int = 0,
    bars: Bars = no_bar,
) -> tuple[dict[int, Any], tuple[tuple[str, str], ...]]:
    """Have a job done for every item, in processes.

    Parameters
    ----------
    job : callable
        As for :func:`genrewise.engine.run`, from a task to what it gives.
    dataset : Dataset
    items : sequence of int
    workers : int
        0 is one a CPU.
    bars : callable
        Shows progress.

    Returns
    -------
    values : dict of int to object
        By item, without those that failed.
    failed : tuple of (str, str)
        Path and reason.

    Raises
    ------
    DatasetError
        Not one file could be read.
    """
    tasks: list[Task] = []
    for i in items:
        own = dataset.items[i]
        tasks.append((dataset.file(i), own.start, own.duration, f"{own.path}@{own.start:g}"))
    values: dict[int, Any] = {}
    failed: list[tuple[str, str]] = []
    outcomes = engine.run(job, tasks, workers=workers, time_limit=TIME_LIMIT)
    with bars("files", len(tasks)) as bar:
        for done, (i, outcome) in enumerate(zip(items, outcomes, strict=True), start=1):
            if outcome.kind == "ok":
                values[i] = outcome.value
            else:
                reason = outcome.error.removeprefix(f"{dataset.file(i)}: ")
                failed.append((dataset.items[i].path, reason))
            if bar:
                bar.update(done)
    if not values:
        raise DatasetError(f"{dataset.name}: no file could be read: {failed[0][1]}", "audio files")
    return values, tuple(failed)


def collect(values: dict[int, dict[str, Any]], failed: tuple[tuple[str, str], ...] = ()) -> Answers:
    """Answers from what was :func:`told` of each item."""
    found = [values[i] for i in sorted(values)]
    return Answers(
        tuple(sorted(values)),
        np.array([one["p"] for one in found], dtype=np.float64),
        np.array([one["answered"] for one in found], dtype=bool),
        tuple(one["cells"] for one in found),
        failed,
    )


def answer(
    model: str, dataset: Dataset, items: Sequence[int], workers: int = 0, bars: Bars = no_bar
) -> Answers:
    """What a model says of some items of a data set, as ``classify`` would.

    Raises
    ------
    DatasetError
        Not one file could be read.
    """
    return collect(*ask(_Job(model), dataset, items, workers, bars))
