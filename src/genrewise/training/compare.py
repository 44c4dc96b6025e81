"""Two answers to the same music: two models, or one model on two collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrewise.training.metrics import mcnemar, resampled_sums

__all__ = ["against", "fall", "paired_difference"]

F64 = NDArray[np.float64]

#: Share outside the intervals, at each end.
TAIL = 0.025


def paired_difference(
    a_right: ArrayLike,
    b_right: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """How much more often A is right than B on the same items, with its 95 % interval.

    Whole groups are resampled with both answers to each item (Field & Welsh 2007; Bisani &
    Ney 2004 for the pairs).  Where no item tells the two apart, every resample is the same;
    then the difference is bounded by what so many groups could still hide (Clopper & Pearson
    1934).

    Parameters
    ----------
    a_right, b_right : array_like of bool, shape (n,)
    groups : array_like, shape (n,), optional
        Without it every item is its own group.
    n_bootstrap, seed : int

    Returns
    -------
    difference, lo, hi : float, -1..1
        The interval is -1 to 1 for a single group.
    """
    gain = np.asarray(a_right, dtype=np.float64) - np.asarray(b_right, dtype=np.float64)
    ids = np.arange(len(gain)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups, mean = int(ids.max()) + 1, float(gain.mean())
    if n_groups == 1:
        return mean, -1.0, 1.0
    if not gain.any():
        edge = 1.0 - float(TAIL ** (1.0 / n_groups))
        return mean, -edge, edge
    sizes = np.bincount(ids, minlength=n_groups).astype(np.float64)
    totals = np.stack([np.bincount(ids, gain, n_groups), sizes], axis=1)
    sums = resampled_sums(totals, n_bootstrap, seed)
    lo, hi = np.quantile(sums[:, 0] / sums[:, 1], [TAIL, 1.0 - TAIL])
    return mean, float(lo), float(hi)


def against(
    a_right: NDArray[np.bool_], b_right: NDArray[np.bool_], groups: ArrayLike
) -> dict[str, Any]:
    """Two models on the same items.

    Parameters
    ----------
    a_right, b_right : ndarray of bool, shape (n,)
    groups : array_like, shape (n,)

    Returns
    -------
    dict
        ``n``, ``groups``; ``both``, ``only_a``, ``only_b``, ``neither``: items that both, one
        or none have right; ``p`` of McNemar's exact test; ``accuracy`` [A, B];
        ``difference`` A - B with its ``interval``.
    """
    test = mcnemar(a_right, b_right)
    difference, lo, hi = paired_difference(a_right, b_right, groups)
    return {
        "n": len(a_right),
        "groups": len(np.unique(groups)),
        "both": int((a_right & b_right).sum()),
        "only_a": test["only_a"],
        "only_b": test["only_b"],
        "neither": int((~a_right & ~b_right).sum()),
        "p": test["p"],
        "accuracy": [float(a_right.mean()), float(b_right.mean())],
        "difference": difference,
        "interval": [lo, hi],
    }


def _recalls(truth: NDArray[np.int64], right: NDArray[np.bool_], labels: Sequence[int]) -> F64:
    return np.array([right[truth == c].mean() for c in labels])


def _mean_recalls(
    truth: NDArray[np.int64],
    right: NDArray[np.bool_],
    groups: ArrayLike,
    labels: Sequence[int],
    n_bootstrap: int,
    seed: int,
) -> F64:
    """Mean recall over some labels in each of many resamples of the groups."""
    _, ids = np.unique(groups, return_inverse=True)
    n_groups, n = int(ids.max()) + 1, len(labels)
    totals = np.zeros((n_groups, 2 * n))
    for k, c in enumerate(labels):
        mine = truth == c
        totals[:, k] = np.bincount(ids[mine], right[mine], n_groups)
        totals[:, n + k] = np.bincount(ids[mine], minlength=n_groups)
    sums = resampled_sums(totals, n_bootstrap, seed)
    hits, counts = sums[:, :n], sums[:, n:]
    there = counts > 0
    recalls = np.divide(hits, counts, out=np.zeros_like(hits), where=there)
    # A label that a resample misses is left out of its mean.
    return np.asarray(recalls.sum(axis=1) / np.maximum(there.sum(axis=1), 1))


def fall(
    first: Mapping[str, Any],
    other: Mapping[str, Any],
    labels: Sequence[str],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Any] | None:
    """How much less often a model is right on another collection, genre by genre.

    Recall, since unlike precision and accuracy it does not change with how many items of
    each genre a collection happens to hold; and only of genres that both hold.

    Parameters
    ----------
    first, other : mapping
        ``truth`` (n,) of int, ``right`` (n,) of bool and ``groups`` (n,) of each collection.
    labels : sequence of str
        Of the model, which `truth` counts in.
    n_bootstrap, seed : int

    Returns
    -------
    dict or None
        ``genres``: label to ``first``, ``other`` (recalls), ``fall`` and ``n`` of both;
        ``mean``: the same over these genres, with the 95 % ``interval`` of the fall;
        None where no genre is in both.
    """
    shared = sorted(set(first["truth"].tolist()) & set(other["truth"].tolist()))
    if not shared:
        return None
    a, b = (_recalls(side["truth"], side["right"], shared) for side in (first, other))
    counts = [[int((side["truth"] == c).sum()) for c in shared] for side in (first, other)]
    draws = [
        _mean_recalls(
            side["truth"], side["right"], side["groups"], shared, n_bootstrap, seed + place
        )
        for place, side in enumerate((first, other))
    ]
    lo, hi = np.quantile(draws[0] - draws[1], [TAIL, 1.0 - TAIL])
    alone = any(len(np.unique(side["groups"])) == 1 for side in (first, other))
    return {
        "genres": {
            labels[c]: {
                "first": float(a[k]),
                "other": float(b[k]),
                "fall": float(a[k] - b[k]),
                "n": [counts[0][k], counts[1][k]],
            }
            for k, c in enumerate(shared)
        },
        "mean": {
            "first": float(a.mean()),
            "other": float(b.mean()),
            "fall": float(a.mean() - b.mean()),
            "interval": [-1.0, 1.0] if alone else [float(lo), float(hi)],
        },
    }
