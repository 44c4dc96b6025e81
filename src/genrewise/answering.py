"""From the probabilities of windows to labels: of a model that gives one, or several at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from genrewise.bundle_info import BundleInfo
from genrewise.errors import BundleError
from genrewise.votes import SEVERAL, VOTES, pool, temper, vote

__all__ = ["NO_TAG", "Answering", "One", "Several", "answering", "raised"]

F64 = NDArray[np.float64]

#: Why a model of several labels may give none.
NO_TAG = "no tag above its threshold"

#: A kind that is more likely than not says more than what it is a kind of.
_LIKELY = 0.5


def raised(p: F64, parents: Mapping[int, int]) -> F64:
    """Probabilities in which every parent is at least as probable as its kinds.

    Parameters
    ----------
    p : ndarray, shape (…, C)
    parents : mapping of int to int
        Place of a kind to that of its parent; kinds before what is above them.
    """
    out = np.array(p, dtype=np.float64)
    for kind, parent in parents.items():
        out[..., parent] = np.maximum(out[..., parent], out[..., kind])
    return out


class Answering(ABC):
    """How probabilities become labels.

    Parameters
    ----------
    info : BundleInfo
    """

    def __init__(self, info: BundleInfo) -> None:
        self.info = info

    @abstractmethod
    def mixed(self, total: F64, weights: F64) -> F64:
        """Probabilities of windows from the weighted sum over the members.

        Parameters
        ----------
        total : ndarray, shape (n, C), not below 0
        weights : ndarray, shape (C,)
            Sum of the members' weights.
        """

    @abstractmethod
    def track(self, windows: F64, weights: F64) -> F64:
        """Calibrated probabilities of a track, shape (n, C) → (C,)."""

    @abstractmethod
    def shown(self, windows: F64) -> F64:
        """Calibrated probabilities of windows or stretches, as they are shown."""

    @abstractmethod
    def silence(self) -> F64:
        """Probabilities of a track without sound."""

    @abstractmethod
    def order(self, p: F64) -> list[int]:
        """Places of all labels, the best answer first."""

    @abstractmethod
    def chosen(self, p: F64) -> list[int]:
        """Places of the labels that a track bears, best first."""


class One(Answering):
    """Labels that rule each other out: their probabilities sum to 1."""

    def mixed(self, total: F64, weights: F64) -> F64:  # noqa: ARG002 - the sum is 1 whatever they are
        """Each window's probabilities, normalised."""
        sums = total.sum(axis=1, keepdims=True)
        if not (sums > 0).all():
            raise BundleError(f"{self.info.name} gives all labels no probability", "some")
        return np.asarray(total / sums)

    def track(self, windows: F64, weights: F64) -> F64:
        """Voted, then sharpened or softened."""
        return self.shown(vote(windows, self.info.vote, weights))

    def shown(self, windows: F64) -> F64:
        """Sharpened or softened."""
        return temper(windows, self.info.calibration.temperature)

    def silence(self) -> F64:
        """Any label as likely as another."""
        return np.full(len(self.info.labels), 1.0 / len(self.info.labels))

    def order(self, p: F64) -> list[int]:
        """By falling probability."""
        return [int(i) for i in np.argsort(-p, kind="stable")]

    def chosen(self, p: F64) -> list[int]:
        """The most probable."""
        return self.order(p)[:1]


class Several(Answering):
    """Labels that go together: a track bears those whose probability reaches their threshold.

    A kind whose probability is calibrated stands for its parent too: the parent is at least as
    probable as the kind, and a track that bears the kind bears the parent.  A kind that is not
    calibrated is a hint, and says nothing of its parent.

    Parameters
    ----------
    info : BundleInfo
        With its `tags`.
    """

    def __init__(self, info: BundleInfo) -> None:
        super().__init__(info)
        self._thresholds = np.array([info.tags[label].threshold for label in info.labels])
        place = {label: i for i, label in enumerate(info.labels)}
        self._parents: dict[int, int] = {
            place[label]: place[tag.parent]
            for label, tag in info.tags.items()
            if tag.parent and tag.calibrated
        }
        deepest_first = sorted(self._parents, key=lambda i: -len(self._above(i)))
        self._raising = {kind: self._parents[kind] for kind in deepest_first}

    def _above(self, place: int) -> list[int]:
        """Parents of a label, the nearest first."""
        found = []
        while place in self._parents:
            place = self._parents[place]
            found.append(place)
        return found

    def mixed(self, total: F64, weights: F64) -> F64:
        """The members' weighted mean, label by label, and 1 at the most."""
        return np.minimum(total / weights, 1.0)

    def track(self, windows: F64, weights: F64) -> F64:
        """Voted label by label; parents raised."""
        return self.shown(pool(windows, self.info.vote, weights))

    def shown(self, windows: F64) -> F64:
        """Parents at least as probable as their calibrated kinds, shape (…, C)."""
        return raised(windows, self._raising)

    def silence(self) -> F64:
        """Nothing is likely."""
        return np.zeros(len(self.info.labels))

    def order(self, p: F64) -> list[int]:
        """What a track bears, then the rest by falling probability.

        Among the former, a calibrated kind that is more likely than not stands before its
        parent.
        """
        by_p = [int(i) for i in np.argsort(-p, kind="stable")]
        borne = self._borne(p)
        return [
            *self._sorted([i for i in by_p if i in borne], p),
            *(i for i in by_p if i not in borne),
        ]

    def chosen(self, p: F64) -> list[int]:
        """Those that reach their threshold, and the parents of calibrated ones."""
        return self.order(p)[: len(self._borne(p))]

    def _borne(self, p: F64) -> set[int]:
        reached = {int(i) for i in np.flatnonzero(p >= self._thresholds)}
        return reached | {above for i in reached for above in self._above(i)}

    def _sorted(self, places: Sequence[int], p: F64) -> list[int]:
        """Labels by falling probability, each after its likely kinds."""
        found: list[int] = []

        def add(place: int) -> None:
            if place in found:
                return
            for kind in places:
                if self._parents.get(kind) == place and p[kind] >= _LIKELY:
                    add(kind)
            found.append(place)

        for place in places:
            add(place)
        return found


def answering(info: BundleInfo, path: str) -> Answering:
    """How a model's probabilities become labels.

    Parameters
    ----------
    info : BundleInfo
    path : str
        What messages call its file.

    Raises
    ------
    BundleError
        Its vote is none, or none for several labels.
    """
    rules = SEVERAL if info.multi_label else tuple(VOTES)
    if info.vote not in rules:
        raise BundleError(f"{path}: vote {info.vote!r}", f"one of {', '.join(rules)}")
    return Several(info) if info.multi_label else One(info)
