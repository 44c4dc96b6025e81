"""When a model says that it does not know: chosen by what an answer risks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from genrewise.errors import DatasetError
from genrewise.training.metrics import risk_coverage

__all__ = ["UnknownRule", "choose_unknown"]


@dataclass(frozen=True)
class UnknownRule:
    """When to say "unknown": below a confidence, or too far from the training music.

    Parameters
    ----------
    confidence : float
        Least confidence that is answered.
    distance : float
        Greatest distance that is answered.
    answered, right_when_answered : float
        Measured on the data that chose the thresholds.
    reached : bool
        The wanted risk was reached.
    table : tuple of dict
        The trade-off: ``confidence``, ``answered``, ``right_when_answered`` for
        thresholds of growing strictness.
    """

    confidence: float
    distance: float
    answered: float
    right_when_answered: float
    reached: bool
    table: tuple[dict[str, float], ...]


def choose_unknown(
    confidence: ArrayLike,
    distance: ArrayLike,
    right: ArrayLike,
    target_risk: float = 0.1,
    *,
    far: float = 0.01,
    least_answered: float = 0.5,
) -> UnknownRule:
    """Thresholds for "unknown", chosen on validation.

    First the distance: the share `far` of the validation items, the farthest, is
    refused, since nothing there says how the model does on music like that.  Then the
    confidence: the least that keeps the share of wrong answers at `target_risk`.

    Parameters
    ----------
    confidence : array_like, shape (n,), 0..1
        Calibrated, of the most probable label.
    distance : array_like, shape (n,)
        From the training music, in any unit.
    right : array_like of bool, shape (n,)
    target_risk : float
        Wanted share of wrong answers among those given.
    far : float
        Share refused by distance.
    least_answered : float
        Never answer less than this share; where the risk cannot be reached with it,
        the threshold with the least risk above it is taken and `reached` is false.

    Returns
    -------
    UnknownRule
    """
    conf, far_off = np.asarray(confidence, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    hit = np.asarray(right, dtype=bool)
    if len(conf) == 0:
        raise DatasetError("no items to choose thresholds on", "a validation side")
    limit = float(np.quantile(far_off, 1.0 - far, method="higher"))
    near = far_off <= limit
    coverage, risk, threshold = risk_coverage(conf[near], hit[near])
    coverage = coverage * near.mean()
    enough = np.flatnonzero(coverage >= min(least_answered, coverage[-1]))
    good = enough[risk[enough] <= target_risk]
    # Of equal risks the last answers most.
    best = good[-1] if len(good) else enough[::-1][risk[enough][::-1].argmin()]
    # The lower edge, halfway to the next item, so that rounding does not turn an answer.
    below = threshold[best + 1] if best + 1 < len(threshold) else 0.0
    shares = np.append(np.linspace(1.0, 0.1, 10), coverage[best])
    picks = sorted({int(np.searchsorted(coverage, min(s, coverage[-1]))) for s in shares})[::-1]
    return UnknownRule(
        confidence=float((threshold[best] + below) / 2.0) if best + 1 < len(threshold) else 0.0,
        distance=limit,
        answered=float(coverage[best]),
        right_when_answered=float(1.0 - risk[best]),
        reached=bool(len(good)),
        table=tuple(
            {
                "confidence": float(threshold[i]),
                "answered": float(coverage[i]),
                "right_when_answered": float(1.0 - risk[i]),
            }
            for i in picks
        ),
    )
