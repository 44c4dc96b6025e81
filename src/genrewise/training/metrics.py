"""How good a model is, and how sure it may be.

All functions are pure and take arrays; nothing here knows about files or models.
Accuracy is by the most probable label.  What was answered with "unknown" is reported
beside it, never subtracted from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrewise.errors import DatasetError

__all__ = [
    "bootstrap_interval",
    "confusion_matrix",
    "coverage_at_risk",
    "ece",
    "ece_interval",
    "fit_temperature",
    "level_scores",
    "mcnemar",
    "per_label",
    "reliability",
    "resampled_sums",
    "risk_coverage",
]

F64 = NDArray[np.float64]

#: Logarithms of probabilities are cut here, so that one sure mistake costs 27.6 nats, not inf.
LEAST_LOG = float(np.log(1e-12))


def confusion_matrix(truth: ArrayLike, answer: ArrayLike, n_labels: int) -> NDArray[np.int64]:
    """Counts of (truth, answer) pairs.

    Parameters
    ----------
    truth, answer : array_like of int, shape (n,)
        Indices of labels.
    n_labels : int

    Returns
    -------
    ndarray, shape (n_labels, n_labels), int64
        Rows are the truth, columns the answers.
    """
    pairs = np.asarray(truth, dtype=np.int64) * n_labels + np.asarray(answer, dtype=np.int64)
    return np.bincount(pairs, minlength=n_labels * n_labels).reshape(n_labels, n_labels)


def per_label(confusion: NDArray[np.int64]) -> tuple[F64, F64, F64]:
    """Precision, recall and F1 of every label; 0 where a quotient has no denominator.

    Parameters
    ----------
    confusion : ndarray, shape (C, C)
        As :func:`confusion_matrix`.

    Returns
    -------
    precision, recall, f1 : ndarray, shape (C,), float64, 0..1
    """
    hits = np.diag(confusion).astype(np.float64)
    answered, true = confusion.sum(axis=0), confusion.sum(axis=1)
    return (
        hits / np.maximum(answered, 1),
        hits / np.maximum(true, 1),
        2.0 * hits / np.maximum(answered + true, 1),
    )


def resampled_sums(totals: F64, n_bootstrap: int, seed: int) -> F64:
    """Sums over groups that are drawn anew, with replacement (Efron 1979).

    Parameters
    ----------
    totals : ndarray, shape (n_groups, k)
        What each group adds.
    n_bootstrap : int
        Resamples.
    seed : int

    Returns
    -------
    ndarray, shape (n_bootstrap, k), float64
    """
    n_groups = len(totals)
    rng = np.random.default_rng(seed)
    even = np.full(n_groups, 1.0 / n_groups)
    step = max(1, 4_000_000 // n_groups)  # rows of counts held at once
    sums = [
        rng.multinomial(n_groups, even, size=min(step, n_bootstrap - i)) @ totals
        for i in range(0, n_bootstrap, step)
    ]
    return np.concatenate(sums)


def bootstrap_interval(
    right: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of an accuracy, with whole groups resampled (Field & Welsh 2007).

    Items of one artist are not independent: resampling items would give an interval
    that is too narrow.  Where all items are right, or none, every resample is the same
    and says nothing; the exact interval of that many groups (Clopper & Pearson 1934)
    stands in.

    Parameters
    ----------
    right : array_like of bool, shape (n,)
    groups : array_like, shape (n,), optional
        Without it every item is its own group.
    n_bootstrap : int
        Resamples.
    level : float
        Share of resamples inside the interval.

    Returns
    -------
    lo, hi : float, 0..1
        0 and 1 for a single group, of which nothing follows for others.
    """
    hits = np.asarray(right, dtype=np.float64)
    ids = np.arange(len(hits)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups, tail = int(ids.max()) + 1, (1.0 - level) / 2.0
    if n_groups == 1:
        return 0.0, 1.0
    if hits.all() or not hits.any():
        edge = float(tail ** (1.0 / n_groups))
        return (edge, 1.0) if hits.all() else (0.0, 1.0 - edge)
    sizes = np.bincount(ids, minlength=n_groups).astype(np.float64)
    totals = np.stack([np.bincount(ids, hits, n_groups), sizes], axis=1)
    sums = resampled_sums(totals, n_bootstrap, seed)
    lo, hi = np.quantile(sums[:, 0] / sums[:, 1], [tail, 1.0 - tail])
    return float(lo), float(hi)


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> list[dict[str, float]]:
    """Confidence against accuracy in bins of equal mass, for a calibration plot.

    Parameters
    ----------
    confidence : array_like, shape (n,), 0..1
    right : array_like of bool, shape (n,)
    bins : int
        Fewer where there are fewer items.

    Returns
    -------
    list of dict
        ``confidence`` and ``accuracy`` (means of the bin) and ``n``, by rising confidence.
    """
    conf, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    order = np.argsort(conf, kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    return [
        {"confidence": float(conf[p].mean()), "accuracy": float(hit[p].mean()), "n": len(p)}
        for p in parts
    ]


def ece(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal mass (Nixon et al. 2019), 0..1."""
    rows = reliability(confidence, right, bins)
    total = sum(r["n"] for r in rows)
    return float(sum(r["n"] * abs(r["confidence"] - r["accuracy"]) for r in rows) / total)


def ece_interval(
    confidence: ArrayLike,
    right: ArrayLike,
    groups: ArrayLike,
    *,
    bins: int = 10,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> list[float]:
    """95 % percentile interval of :func:`ece`, with whole groups resampled.

    Resamples have more noise in each bin than the whole, so that the interval lies rather
    high: its upper end is on the safe side.
    """
    conf, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
    ids = np.unique(np.asarray(groups), return_inverse=True)[1]
    members = [np.flatnonzero(ids == i) for i in range(int(ids.max()) + 1)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_bootstrap):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        found.append(ece(conf[drawn], hit[drawn], bins))
    return [float(edge) for edge in np.quantile(found, [0.025, 0.975])]


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[F64, F64, F64]:
    """Share of wrong answers when only the surest are given (El-Yaniv & Wiener 2010).

    Items of equal confidence are answered together.

    Returns
    -------
    coverage, risk, threshold : ndarray, shape (k,), float64
        By rising coverage; `threshold` is the least confidence that is answered.
    """
    conf, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
    order = np.argsort(-conf, kind="stable")
    conf, wrong = conf[order], np.cumsum(~hit[order])
    count = np.flatnonzero(np.append(conf[1:] != conf[:-1], len(conf) > 0)) + 1
    return count / max(len(conf), 1), wrong[count - 1] / np.maximum(count, 1), conf[count - 1]


def coverage_at_risk(confidence: ArrayLike, right: ArrayLike, risk: float) -> float:
    """Largest share that can be answered, the surest first, with so many wrong at the most.

    Parameters
    ----------
    confidence : array_like, shape (n,), 0..1
    right : array_like of bool, shape (n,)
    risk : float
        Share of wrong answers among those given, 0..1.

    Returns
    -------
    float
        0..1; 0 where no share, not even the surest, keeps to it.
    """
    coverage, found, _ = risk_coverage(confidence, right)
    return float(coverage[found <= risk].max(initial=0.0))


def mcnemar(a_right: ArrayLike, b_right: ArrayLike) -> dict[str, float]:
    """Exact test of two systems on the same items (McNemar 1947).

    Parameters
    ----------
    a_right, b_right : array_like of bool, shape (n,)

    Returns
    -------
    dict
        ``only_a`` and ``only_b``: items that one of them alone has right; ``p``: the
        two-sided probability of a difference at least this large if neither is better.
    """
    from scipy.stats import binom

    a, b = np.asarray(a_right, dtype=bool), np.asarray(b_right, dtype=bool)
    if a.shape != b.shape:
        raise DatasetError(
            f"{a.size} answers of one system and {b.size} of the other", "the same items for both"
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = min(1.0, 2.0 * float(binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))
    return {"only_a": only_a, "only_b": only_b, "p": p}


def _check(truth: NDArray[np.int64], probabilities: F64, labels: Sequence[str]) -> None:
    if len(truth) == 0:
        raise DatasetError("no items to score", "one or more", "check the split and the labels")
    if probabilities.shape != (len(truth), len(labels)):
        raise DatasetError(
            f"probabilities of shape {probabilities.shape}",
            f"({len(truth)}, {len(labels)}): items by labels",
        )
    if not np.isfinite(probabilities).all():
        raise DatasetError("probabilities that are not finite", "numbers from 0 to 1")
    if truth.min() < 0 or truth.max() >= len(labels):
        raise DatasetError(f"label index {truth.max()}", f"0 to {len(labels) - 1}")


def level_scores(
    truth: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    groups: ArrayLike | None = None,
    *,
    answered: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one level: windows, clips or tracks.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Index of the true label.
    probabilities : array_like, shape (n, C)
    labels : sequence of str, length C
    groups : array_like, shape (n,), optional
        What the interval resamples: artists, not items.
    answered : array_like of bool, shape (n,), optional
        False where the program says "unknown"; all true by default.
    n_bootstrap, seed : int
        Of the interval.

    Returns
    -------
    dict
        ``accuracy``; ``interval`` [lo, hi]; ``macro_f1`` and ``weighted_f1`` over the
        labels present; ``absent``: the labels that no item has; ``n``; ``groups``: how
        many; ``answered``: share; ``right_when_answered``: share, None where nothing is
        answered; ``ece``; ``nll``: mean negative log-likelihood in nats; ``per_label``
        {label: precision, recall, f1, n} of the labels present; ``confusion``: rows
        truth, columns answers, in the order of `labels`.

    Raises
    ------
    DatasetError
        Where there is nothing to score or the shapes do not fit.
    """
    true = np.asarray(truth, dtype=np.int64)
    p = np.asarray(probabilities, dtype=np.float64)
    _check(true, p, labels)
    answer = p.argmax(axis=1)
    right = answer == true
    given = np.ones(len(true), bool) if answered is None else np.asarray(answered, dtype=bool)
    confusion = confusion_matrix(true, answer, len(labels))
    precision, recall, f1 = per_label(confusion)
    n = confusion.sum(axis=1)
    here = n > 0
    ids = np.arange(len(true)) if groups is None else np.asarray(groups)
    lo, hi = bootstrap_interval(right, ids, n_bootstrap=n_bootstrap, seed=seed)
    return {
        "accuracy": float(right.mean()),
        "interval": [lo, hi],
        "macro_f1": float(f1[here].mean()),
        "weighted_f1": float(f1 @ n / n.sum()),
        "absent": [label for label, there in zip(labels, here, strict=True) if not there],
        "n": len(true),
        "groups": len(np.unique(ids)),
        "answered": float(given.mean()),
        "right_when_answered": float(right[given].mean()) if given.any() else None,
        "ece": ece(p.max(axis=1), right),
        "nll": float(-_logs(p)[np.arange(len(true)), true].mean()),
        "per_label": {
            labels[c]: {
                "precision": float(precision[c]),
                "recall": float(recall[c]),
                "f1": float(f1[c]),
                "n": int(n[c]),
            }
            for c in np.flatnonzero(here).tolist()
        },
        "confusion": confusion.tolist(),
    }


def _logs(p: F64) -> F64:
    return np.log(np.maximum(p, np.exp(LEAST_LOG)))


def _log_softmax(scores: F64) -> F64:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def fit_temperature(logp: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None) -> float:
    """Temperature that makes held-out answers likeliest (Guo et al. 2017).

    Calibrated probabilities are ``softmax(logp / temperature)``; the order of the
    labels does not change.  The logarithm of the temperature has a standard normal
    prior: it counts for nothing beside some dozens of answers with mistakes among
    them, and keeps a handful of right ones from making the model certain.

    Parameters
    ----------
    logp : array_like, shape (n, C)
        Logarithms of probabilities, or any scores; below -27.6 under the row's
        largest they are cut.
    truth : array_like of int, shape (n,)
    groups : array_like, shape (n,), optional
        Each group counts once, whatever its number of rows.

    Returns
    -------
    float
        In 0.001..1000; above 1 where the model was too sure.
    """
    from scipy.optimize import minimize_scalar

    scores, true = np.asarray(logp, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    scores = np.maximum(scores - scores.max(axis=1, keepdims=True), LEAST_LOG)
    rows = np.arange(len(true))
    if len(true) == 0:
        raise DatasetError("no items to calibrate on", "a validation side")
    ids = rows if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(ids)
    units = len(sizes)
    weight = 1.0 / (sizes[ids] * units)

    def loss(log_temperature: float) -> float:
        logs = _log_softmax(scores / np.exp(log_temperature))
        return float(-(weight @ logs[rows, true]) + 0.5 * log_temperature**2 / units)

    edge = np.log(1000.0)
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
