"""One linear head a tag: learnt, calibrated, and put into one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.errors import DatasetError
from genrewise.training.tags.data import N_TAGS, Pool
from genrewise.training.tags.table import TagRule

__all__ = [
    "Head",
    "Platt",
    "Settings",
    "Sides",
    "fit_head",
    "fit_platt",
    "looks",
    "means",
    "own_head",
    "sides",
]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Probabilities are cut here before their log-odds are taken.
LEAST = 1e-4


@dataclass(frozen=True)
class Settings:
    """How heads are learnt; chosen out of fold over all of them, see :mod:`.trials`.

    Parameters
    ----------
    beside, alone, tags : float
        Inverse strength of the penalty (as in scikit-learn) on the layer beside an own tag, on
        the layer alone, and on the fifty tags alone.
    own : float
        How much less than the layer the own tags are held back: a head stays near the network's
        own answer unless many tracks speak against it.
    unsure : float
        What a track of an unsure genre counts as a counter-example.  Were one in four of them
        to bear the tag, three would speak against it and one for it: half of what they weigh.
    artist : float
        An artist's tracks of a genre count as their number to the power of one less this.  A
        head should know the next artist, and not the one that half of the tracks are by.
    """

    beside: float = 0.003
    alone: float = 0.1
    tags: float = 0.03
    own: float = 10.0
    unsure: float = 0.5
    artist: float = 0.5


def looks(x: NDArray[np.floating]) -> F64:
    """What heads look at: log-odds of the tags, and the direction of the layer.

    Parameters
    ----------
    x : ndarray, shape (n, 250)
        As of :class:`.data.Pool`.

    Returns
    -------
    ndarray, shape (n, 250), float64
    """
    p = np.clip(x[:, :N_TAGS].astype(np.float64), LEAST, 1.0 - LEAST)
    layer = x[:, N_TAGS:].astype(np.float64)
    length = np.maximum(np.linalg.norm(layer, axis=1, keepdims=True), 1e-9)
    return np.concatenate([np.log(p) - np.log1p(-p), layer / length], axis=1)


@dataclass(frozen=True, eq=False)
class Head:
    """Log-odds of a tag: ``looks @ weights + bias``.

    Parameters
    ----------
    weights : ndarray, shape (250,), float64
    bias : float
    """

    weights: F64
    bias: float

    def __call__(self, seen: F64) -> F64:
        """Log-odds of windows, shape (n, 250) → (n,)."""
        return np.asarray(seen @ self.weights + self.bias)

    def calibrated(self, platt: Platt) -> Head:
        """The head with its log-odds stretched and moved."""
        return Head(self.weights * platt.slope, self.bias * platt.slope + platt.shift)


@dataclass(frozen=True)
class Platt:
    """Calibrated log-odds are ``slope * z + shift`` (Platt 1999)."""

    slope: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, eq=False)
class Sides:
    """Which tracks speak for a tag and which against it.

    Parameters
    ----------
    truth : ndarray of int, a value a track
        1 for examples, else 0.
    weight : ndarray, a value a track
        0 where a track does not count.
    sure : ndarray of bool, a value a track
        Examples and plain counter-examples.
    """

    truth: I64
    weight: F64
    sure: NDArray[np.bool_]

    def but(self, out: NDArray[np.bool_]) -> Sides:
        """The same, with some tracks left out."""
        return Sides(self.truth, np.where(out, 0.0, self.weight), self.sure & ~out)


def evened(pool: Pool, power: float) -> F64:
    """Weight of each track: a genre counts as all its tracks, an artist there as fewer."""
    kind = np.unique(pool.kinds, return_inverse=True)[1]
    both = [f"{k} {g}" for k, g in zip(pool.kinds, pool.groups, strict=True)]
    _, place, count = np.unique(both, return_inverse=True, return_counts=True)
    weight = count[place] ** -power
    return np.asarray(weight * (np.bincount(kind) / np.bincount(kind, weight))[kind])


def sides(pool: Pool, rule: TagRule, settings: Settings) -> Sides:
    """What the tracks of a pool say of a tag; nothing where it has no examples."""
    truth = pool.of(rule.positive)
    counts = bool(rule.positive) & (pool.audio | rule.rows)
    unsure = pool.of(rule.unsure)
    weight = evened(pool, settings.artist) * np.where(unsure, settings.unsure, 1.0) * counts
    return Sides(truth.astype(np.int64), weight, counts & ~unsure)


def means(values: NDArray[np.floating], track: I64, n: int) -> F64:
    """Mean over the windows of each of `n` tracks; NaN for one without."""
    counts = np.bincount(track, minlength=n)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(track, values, minlength=n) / counts)


def own_head(rule: TagRule) -> Head:
    """The network's own tag as it is."""
    weights = np.zeros(N_TAGS + 200)
    weights[MSD_TAGS.index(rule.own[0])] = 1.0
    return Head(weights, 0.0)


def _scales(rule: TagRule, spread: F64, settings: Settings) -> tuple[F64, float]:
    """By what each column is multiplied before the fit, nought where it is not seen; and C."""
    scale = np.zeros(len(spread))
    if rule.rows:
        scale[:N_TAGS] = 1.0 / spread[:N_TAGS]
        return scale, settings.tags
    scale[N_TAGS:] = 1.0 / spread[N_TAGS:]
    for tag in rule.own:
        place = MSD_TAGS.index(tag)
        scale[place] = settings.own / spread[place]
    return scale, settings.beside if rule.own else settings.alone


def _both(side: Sides, rule: TagRule) -> None:
    """Refuse to learn from one side alone."""
    for truth, what in ((1, "example"), (0, "counter-example")):
        if not side.weight[side.truth == truth].any():
            raise DatasetError(
                f"{rule.label}: not one {what} to learn from in some folds",
                "tracks by two artists or more",
                f"add music called {' or '.join(rule.positive if truth else rule.negative)}",
            )


def fit_head(seen: F64, track: I64, side: Sides, rule: TagRule, settings: Settings) -> Head:
    """Logistic regression on windows, the windows of a track sharing its weight.

    Parameters
    ----------
    seen : ndarray, shape (n, 250)
        Of all windows, as of :func:`looks`.
    track : ndarray of int, shape (n,)
    side : Sides
    rule : TagRule
    settings : Settings
    """
    from sklearn.linear_model import LogisticRegression

    _both(side, rule)
    rows = side.weight[track] > 0
    weight = (side.weight / np.maximum(np.bincount(track, minlength=len(side.weight)), 1))[track]
    x = seen[rows]
    scale, strength = _scales(rule, np.maximum(x.std(axis=0), 1e-6), settings)
    used = scale > 0
    centre = x[:, used].mean(axis=0)
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit((x[:, used] - centre) * scale[used], side.truth[track[rows]],
              sample_weight=weight[rows])  # fmt: skip
    weights = np.zeros(x.shape[1])
    weights[used] = model.coef_[0] * scale[used]
    return Head(weights, float(model.intercept_[0] - centre @ weights[used]))


def fit_platt(z: F64, track: I64, side: Sides) -> Platt:
    """Slope and shift that make the means over the windows of each track likeliest.

    The targets are Platt's, a little inside 0 and 1, so that a tag without mistakes does not
    become certain.

    Parameters
    ----------
    z : ndarray, shape (n,)
        Log-odds of windows, out of fold.
    track : ndarray of int, shape (n,)
    side : Sides
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    rows = side.weight[track] > 0
    tracks, place = np.unique(track[rows], return_inverse=True)
    z, truth, counts = z[rows], side.truth[tracks], np.bincount(place)
    share = side.weight[tracks] / side.weight[tracks].sum()
    yes, no = float(side.weight @ side.truth), float(side.weight @ (1 - side.truth))
    target = np.where(truth == 1, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))

    def loss(both: F64) -> tuple[float, F64]:
        p = expit(both[0] * z + both[1])
        q = np.clip(np.bincount(place, p) / counts, 1e-9, 1.0 - 1e-9)
        by_q = share * (q - target) / (q * (1.0 - q))
        by_z = by_q[place] / counts[place] * p * (1.0 - p)
        value = -share @ (target * np.log(q) + (1.0 - target) * np.log1p(-q))
        return float(value), np.array([by_z @ z, by_z.sum()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B",
                     bounds=[(1e-2, 1e2), (-1e3, 1e3)])  # fmt: skip
    return Platt(float(found.x[0]), float(found.x[1]))
