"""All tags of the vocabulary from a pool of tracks: heads, calibration, thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genrewise.answering import raised
from genrewise.errors import DatasetError
from genrewise.labels import genre
from genrewise.training.tags.data import Pool
from genrewise.training.tags.heads import (
    Head,
    Settings,
    Sides,
    fit_head,
    fit_platt,
    looks,
    means,
    own_head,
    sides,
)
from genrewise.training.tags.scores import best_threshold
from genrewise.training.tags.table import TagRule

__all__ = ["Learnt", "apply", "learn", "parents_of"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

FOLDS, SEED = 5, 0

#: Where a tag has no labels: it is given to the tracks above this share of our own, which are
#: as many of each genre as can be had, and to none below this probability.
QUANTILE, LEAST = 0.95, 0.1


@dataclass(frozen=True, eq=False)
class Learnt:
    """One tag.

    Parameters
    ----------
    rule : TagRule
    head : Head
        Calibrated where there are labels.
    side : Sides
    p : ndarray, a value a track
        Its probability of each track of the pool: calibrated and out of fold where there are
        labels; NaN where the head cannot look at a track.
    answer : ndarray of bool, a value a track
        Whether a track bears the tag, by a threshold that the track had no part in; where
        there are no labels by the threshold.
    threshold : float
    """

    rule: TagRule
    head: Head
    side: Sides
    p: F64
    answer: NDArray[np.bool_]
    threshold: float

    @property
    def calibrated(self) -> bool:
        """Whether there are labels for it."""
        return bool(self.rule.positive)


def folds_of(pool: Pool) -> I64:
    """The fold of each track: groups whole, genres spread."""
    from sklearn.model_selection import StratifiedGroupKFold

    counts = Counter(pool.kinds)
    # What there is too little of to be spread goes with what there is most of.
    most = max(sorted(counts), key=lambda kind: counts[kind])
    dealt_as = [kind if counts[kind] >= FOLDS else most for kind in pool.kinds]
    kinds = np.unique(dealt_as, return_inverse=True)[1]
    groups = np.unique(pool.groups, return_inverse=True)[1]
    if groups.max() + 1 < FOLDS:
        raise DatasetError(f"tracks in {groups.max() + 1} groups", f"{FOLDS} or more")
    dealt = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    fold = np.zeros(len(pool), dtype=np.int64)
    for number, (_, held) in enumerate(dealt.split(kinds, kinds, groups)):
        fold[held] = number
    return fold


def sigmoid(z: F64) -> F64:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


def apply(head: Head, seen: F64, pool: Pool) -> F64:
    """Probability of a tag for each track: the mean over its windows."""
    return means(sigmoid(head(seen)), pool.track, len(pool))


def _held_out(
    pool: Pool, seen: F64, fold: I64, side: Sides, rule: TagRule, settings: Settings
) -> F64:
    """Log-odds of windows by heads that did not learn from their group."""

    def learnt(out: NDArray[np.bool_]) -> Head:
        return fit_head(seen, pool.track, side.but(out), rule, settings)

    z = np.full(len(seen), np.nan)
    for number in range(FOLDS):
        held = (fold == number)[pool.track]
        z[held] = learnt(fold == number)(seen[held])
    return z


def _calibrated(
    pool: Pool, seen: F64, fold: I64, rule: TagRule, settings: Settings
) -> tuple[Head, F64, Sides]:
    """Head, probabilities out of fold (its calibration too), and sides."""
    side = sides(pool, rule, settings)
    z = _held_out(pool, seen, fold, side, rule, settings)
    p = np.full(len(pool), np.nan)
    for number in range(FOLDS):
        own = fold == number
        platt = fit_platt(z, pool.track, side.but(own))
        p[own] = apply(Head(np.array([platt.slope]), platt.shift), z[:, None], pool)[own]
    if not rule.rows:
        p[~pool.audio] = np.nan
    head = fit_head(seen, pool.track, side, rule, settings)
    return head.calibrated(fit_platt(z, pool.track, side)), p, side


def _threshold(p: F64, side: Sides) -> float:
    asked = side.weight > 0
    return best_threshold(side.truth[asked], p[asked], side.weight[asked])


def _answers(p: F64, side: Sides, fold: I64) -> NDArray[np.bool_]:
    """Answers by the best threshold of the other folds."""
    answer = np.zeros(len(p), dtype=bool)
    for number in range(FOLDS):
        own = fold == number
        answer[own] = p[own] >= _threshold(p, side.but(own))
    return answer


def parents_of(labels: Sequence[str], rules: Mapping[str, TagRule]) -> dict[int, int]:
    """Place of each calibrated kind to that of its parent, where both are of the vocabulary."""
    place = {label: i for i, label in enumerate(labels)}
    found = {}
    for label in labels:
        known = genre(label)
        if known and known.parent in place and rules[label].positive:
            found[place[label]] = place[known.parent]
    return found


def learn(
    pool: Pool,
    table: Sequence[TagRule],
    settings: Settings | None = None,
) -> tuple[Learnt, ...]:
    """Learn every tag of a table.

    Parameters
    ----------
    pool : Pool
    table : sequence of TagRule
    settings : Settings, optional

    Returns
    -------
    tuple of Learnt
        In the order of the table.
    """
    settings = settings or Settings()
    seen, fold = looks(pool.x), folds_of(pool)
    found = []
    for rule in table:
        if rule.positive:
            head, p, side = _calibrated(pool, seen, fold, rule, settings)
        else:
            head, side = own_head(rule), sides(pool, rule, settings)
            p = apply(head, seen, pool)
        found.append(Learnt(rule, head, side, p, p > 1, 0.0))
    labels = [rule.label for rule in table]
    parents = parents_of(labels, {rule.label: rule for rule in table})
    whole = raised(np.stack([tag.p for tag in found], axis=1), parents)
    return tuple(_with_threshold(replace(tag, p=whole[:, i]), fold) for i, tag in enumerate(found))


def _with_threshold(tag: Learnt, fold: I64) -> Learnt:
    """The tag with its threshold, by the rule for tags with labels or for those without."""
    if tag.calibrated:
        answer = _answers(tag.p, tag.side, fold)
        return replace(tag, threshold=_threshold(tag.p, tag.side), answer=answer)
    threshold = max(LEAST, float(np.nanquantile(tag.p, QUANTILE)))
    return replace(tag, threshold=threshold, answer=tag.p >= threshold)
