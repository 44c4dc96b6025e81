"""Votes: from the probabilities of windows to those of a clip or a track.

All rules take an array of shape (n, C) and weights of shape (n,) and do not depend on the
order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrewise.errors import RecipeError, UnknownName

__all__ = ["SEVERAL", "VOTES", "pool", "temper", "vote"]

F64 = NDArray[np.float64]

#: Share of the windows that `trimmed` leaves out at each end, label by label.
_TRIM = 0.2

_TINY = 1e-12


def _counts(x: F64) -> bool:
    """Whether all numbers are finite and not below 0."""
    return bool((x >= 0).all() and np.isfinite(x).all())


def _mean(p: F64, w: F64) -> F64:
    return np.asarray(w @ p)


def _log_mean(p: F64, w: F64) -> F64:
    return np.asarray(np.exp(w @ np.log(np.maximum(p, _TINY))))


def _majority(p: F64, w: F64) -> F64:
    """Share of the windows that say each label; ties are shared by the mean."""
    ballots = np.zeros_like(p)
    ballots[np.arange(len(p)), p.argmax(axis=1)] = 1.0
    return np.asarray(w @ ballots + 1e-6 * (w @ p))


def _trimmed(p: F64, w: F64) -> F64:
    kept = p[w > 0]
    cut = int(_TRIM * len(kept))
    ordered = np.sort(kept, axis=0)
    return np.asarray(ordered[cut : len(kept) - cut].mean(axis=0))


#: name → rule over (n, C) probabilities and (n,) weights that sum to 1.
VOTES: dict[str, Callable[[F64, F64], F64]] = {
    "mean": _mean,
    "log-mean": _log_mean,
    "majority": _majority,
    "trimmed": _trimmed,
}


#: The rules for labels that do not rule each other out: a window has no one choice there.
SEVERAL = ("mean", "log-mean", "trimmed")


def _weighed(p: F64, rule: str, weights: ArrayLike | None) -> F64:
    """The windows combined by a rule, after a look at the arrays; not normalised."""
    if rule not in VOTES:
        raise UnknownName("vote", rule, VOTES)
    if p.ndim != 2 or 0 in p.shape:
        raise RecipeError(f"a vote over an array of shape {p.shape}", "(windows, labels)")
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (len(p),):
        raise RecipeError(f"weights of shape {w.shape}", f"one for each of {len(p)} windows")
    if not (_counts(p) and _counts(w)):
        raise RecipeError("a vote over numbers below 0 or not finite", "probabilities")
    if w.sum() <= 0:
        w = np.ones(len(p))
    return VOTES[rule](p, w / w.sum())


def pool(probabilities: ArrayLike, rule: str = "mean", weights: ArrayLike | None = None) -> F64:
    """Combine the windows of one track, each label by itself.

    Parameters
    ----------
    probabilities : array-like, shape (n, C)
        A row a window; the labels do not rule each other out, so a row has any sum.
    rule : {"mean", "log-mean", "trimmed"}
    weights : array-like, shape (n,), optional
        As for :func:`vote`.

    Returns
    -------
    ndarray, shape (C,), float64

    Raises
    ------
    UnknownName
        No such rule, or one that needs labels that rule each other out.
    RecipeError
        As for :func:`vote`; all 0 is a good answer here.
    """
    if rule not in SEVERAL:
        raise UnknownName("vote over several labels", rule, SEVERAL)
    return _weighed(np.asarray(probabilities, dtype=np.float64), rule, weights)


def vote(probabilities: ArrayLike, rule: str = "mean", weights: ArrayLike | None = None) -> F64:
    """Combine the windows of one track.

    Parameters
    ----------
    probabilities : array-like, shape (n, C)
        A row a window, each summing to 1.
    rule : {"mean", "log-mean", "majority", "trimmed"}
        Arithmetic or geometric mean, share of the windows' first choices, or the
        mean without the lowest and highest fifth (which knows weights only as 0 or not).
    weights : array-like, shape (n,), optional
        Non-negative; 0 takes the vote away (a silent window).  All 0 counts as all equal.

    Returns
    -------
    ndarray, shape (C,), float64
        Sums to 1.

    Raises
    ------
    UnknownName
        No such rule.
    RecipeError
        The arrays have other shapes, or numbers that are no probabilities or weights.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    out = _weighed(p, rule, weights)
    if not (p.sum(axis=1) > 0).all():
        raise RecipeError("a vote over numbers that are all 0", "probabilities")
    return np.asarray(out / out.sum())


def temper(probabilities: ArrayLike, temperature: float) -> F64:
    """Sharpen or soften probabilities by a temperature (Guo et al. 2017).

    Parameters
    ----------
    probabilities : array-like, shape (…, C)
    temperature : float
        Above 1 softens, below 1 sharpens, 1 leaves as is.

    Returns
    -------
    ndarray, shape (…, C), float64
        ``p ** (1 / temperature)``, normalised; the order of the labels stays.

    Raises
    ------
    RecipeError
        The temperature is not above 0.
    """
    if not 0 < temperature < np.inf:
        raise RecipeError(f"a temperature of {temperature}", "a number above 0")
    logs = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _TINY)) / temperature
    logs -= logs.max(axis=-1, keepdims=True)
    out = np.exp(logs)
    return np.asarray(out / out.sum(axis=-1, keepdims=True))
