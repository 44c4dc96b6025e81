"""How good a tag is: ranking, the answer at a threshold, calibration; with intervals by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["average_precision", "best_threshold", "f1", "interval", "roc_area"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Score = Callable[[I64, F64, F64], F64]


def _steps(truth: I64, p: F64, weight: F64) -> tuple[F64, F64]:
    """Weight of examples and counter-examples at or above each different probability."""
    order = np.argsort(-p, kind="stable")
    last = np.append(np.diff(p[order]) != 0, True)
    yes = np.cumsum((truth * weight)[..., order], axis=-1)[..., last]
    no = np.cumsum(((1 - truth) * weight)[..., order], axis=-1)[..., last]
    return yes, no


def _quotient(part: F64, whole: F64) -> F64:
    """NaN where there is nothing to divide by."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def roc_area(truth: I64, p: F64, weight: F64) -> F64:
    """Share of pairs of an example and a counter-example in which the former is above.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        1 and 0.
    p : ndarray, shape (n,)
    weight : ndarray, shape (..., n)
        One set of weights, or many.

    Returns
    -------
    ndarray, shape (...)
        0..1, ties counting half; NaN without both.
    """
    yes, no = _steps(truth, p, weight)
    nought = np.zeros((*yes.shape[:-1], 1))
    area = np.trapezoid(np.concatenate([nought, yes], -1), np.concatenate([nought, no], -1))
    return _quotient(area, yes[..., -1] * no[..., -1])


def average_precision(truth: I64, p: F64, weight: F64) -> F64:
    """Mean of the precisions at each example, the most probable first; NaN without one.

    Parameters are those of :func:`roc_area`.
    """
    yes, no = _steps(truth, p, weight)
    gained = np.diff(yes, prepend=0.0, axis=-1)
    precise = yes / np.maximum(yes + no, 1e-300)
    return _quotient((gained * precise).sum(axis=-1), yes[..., -1])


def f1(truth: I64, answer: NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 where nothing is right."""
    right = float((answer & (truth == 1)).sum())
    return 2.0 * right / max(float(answer.sum() + (truth == 1).sum()), 1.0)


def best_threshold(truth: I64, p: F64, weight: F64) -> float:
    """The threshold with the best F1, halfway to the next lower probability.

    Of equal ones the highest.
    """
    yes, no = _steps(truth, p, weight)
    levels = np.unique(p)[::-1]
    score = 2.0 * yes / (yes + no + truth @ weight)
    best = int(score.argmax())
    below = levels[best + 1] if best + 1 < len(levels) else 0.0
    return float((levels[best] + below) / 2.0)


def interval(
    score: Score, truth: I64, p: F64, groups: Sequence[str], *, n: int = 1000, seed: int = 0
) -> list[float]:
    """95 % of a score over groups that are drawn anew, with replacement (Efron 1979).

    Draws without examples, or without counter-examples, say nothing and are left out.

    Returns
    -------
    list of two float
        0 and 1 where one group holds all examples: nothing follows from it for others.
    """
    place = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(place.max()) + 1
    if len(np.unique(place[truth == 1])) < 2:
        return [0.0, 1.0]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=n)
    low, high = np.nanquantile(score(truth, p, draws[:, place].astype(np.float64)), [0.025, 0.975])
    return [float(low), float(high)]
