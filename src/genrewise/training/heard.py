"""A data set as a model heard it: its answers beside the truth, by clip, track and window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genrewise.inference import Classifier
from genrewise.training.answers import Answers, normalised
from genrewise.training.datasets import Dataset
from genrewise.training.levels import sections
from genrewise.training.mapping import Match
from genrewise.training.strangers import Stranger

__all__ = ["Heard", "Level"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Level:
    """Answers of one level beside the truth, row by row.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Place in the labels that are chosen among.
    p : ndarray, shape (n, C)
        Probabilities of these labels.
    groups : ndarray of int, shape (n,)
    items : ndarray of int, shape (n,)
        The item of each row; of a track its first.
    answered : ndarray of bool, shape (n,), optional
        False where the model said "unknown"; of a track that it said so of all its clips.
    spans : tuple of (start, stop)
        Seconds of each row, where they are windows.
    """

    truth: I64
    p: F64
    groups: I64
    items: I64
    answered: NDArray[np.bool_] | None = None
    spans: tuple[tuple[float, float], ...] = ()

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable label is the truth."""
        return np.asarray(self.p.argmax(axis=1) == self.truth)


@dataclass(frozen=True, eq=False)
class Heard:
    """A data set as one model heard it.

    Parameters
    ----------
    name : str
        What the model is called: its own name, where no other one bears it.
    classifier : Classifier
    dataset : Dataset
    match : Match
    answers : Answers
        Of items whose label the model knows.
    keep : tuple of int
        The model's labels that are chosen among.
    strange : Answers
        Of items whose label the model does not know, where these were to be heard.
    """

    name: str
    classifier: Classifier
    dataset: Dataset
    match: Match
    answers: Answers
    keep: tuple[int, ...]
    strange: Answers

    @property
    def labels(self) -> list[str]:
        """The labels that are chosen among."""
        return [self.classifier.labels[c] for c in self.keep]

    def place(self, item: int) -> int:
        """The place in `labels` of an item's label."""
        return self.keep.index(self.match.known[self.dataset.items[item].label])

    @property
    def strangers(self) -> list[Stranger]:
        """What was said of each item whose label the model does not know."""
        own = [self.dataset.items[i] for i in self.strange.items]
        best = self.strange.among(self.keep).argmax(axis=1)
        return [
            Stranger(item.label, (self.dataset.name, item.group), self.labels[k] if given else "")
            for item, k, given in zip(own, best, self.strange.answered, strict=True)
        ]

    @cached_property
    def levels(self) -> dict[str, Level]:
        """Clips, tracks and windows; no windows where all is silent, nothing of no items."""
        if not self.answers.items:
            return {}
        items = np.array(self.answers.items)
        own = [self.dataset.items[i] for i in items]
        groups = np.unique([item.group for item in own], return_inverse=True)[1]
        truth = np.array([self.place(i) for i in items])
        p = self.answers.among(self.keep)
        given = self.answers.answered
        found = {"clip": Level(truth, p, groups, items, given)}
        keys, votes, first = sections([item.section for item in own], p)
        numbers = {key: n for n, key in enumerate(keys)}
        of = np.array([numbers[item.section] for item in own])
        some = np.bincount(of, given, len(keys)) > 0
        found["track"] = Level(truth[first], votes, groups[first], items[first], some)
        cells = [(k, *cell) for k, row in enumerate(self.answers.cells) for cell in row]
        if cells:
            at = np.array([cell[0] for cell in cells])
            q = normalised(np.array([cell[3] for cell in cells])[:, list(self.keep)])
            spans = tuple((cell[1], cell[2]) for cell in cells)
            found["window"] = Level(truth[at], q, groups[at], items[at], None, spans)
        return found
