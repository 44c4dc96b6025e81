"""Members, mixes and what surrounds them: out-of-fold answers, calibration, embedding.

All choices are made on out-of-fold answers of the pool (training and validation), never on
the test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.inputs import joined
from genrewise.training import models
from genrewise.training.metrics import fit_temperature
from genrewise.training.recipe import Member, Recipe
from genrewise.training.store import F32, Table, select_windows
from genrewise.votes import temper, vote

__all__ = [
    "Embedding",
    "Extra",
    "Mix",
    "clip_votes",
    "fit_embedding",
    "fit_member",
    "mix",
]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Rows that a model can learn from in minutes; a kernel's time grows with their square.
MOST_ROWS = {"svc": 4000, "linear-svc": 4000}

_MORE = "add music, or choose another kind with --model or model.members"

#: With fewer wrong answers out of fold, likelihood alone would let a model be certain.
FEW_MISTAKES = 5

#: Values of an embedding.
EMBEDDING_SIZE = 64


@dataclass(frozen=True, eq=False)
class Extra:
    """Rows of one input for tracks without audio.

    Attributes
    ----------
    input : str
    x : ndarray, shape (n, d), float32
    y : ndarray of int, shape (n,)
    """

    input: str
    x: F32
    y: I64


def _thinned(rows: I64, item: I64, most: int) -> I64:
    """At most `most` rows: fewer windows of each item first, then fewer items, spread evenly."""
    if len(rows) <= most:
        return rows
    _, first, counts = np.unique(item[rows], return_index=True, return_counts=True)
    order = np.concatenate([np.arange(n) / n for n in counts])
    kept = np.sort(np.argsort(order + np.arange(len(rows)) * 1e-12, kind="stable")[:most])
    return (
        rows[kept]
        if most > len(first)
        else rows[first[np.linspace(0, len(first) - 1, most).astype(int)]]
    )


def fit_member(
    member: Member,
    table: Table,
    y: I64,
    groups: NDArray[Any],
    items: Sequence[int],
    recipe: Recipe,
    extra: Extra | None = None,
) -> Any:
    """Fit one member on the windows of some items.

    Parameters
    ----------
    y : ndarray of int, shape (n_items,)
        Label index of each item of the data set.
    groups : ndarray, shape (n_items,)
    items : sequence of int
    extra : Extra, optional
        Joined to the rows where the member looks at that input alone.

    Raises
    ------
    DatasetError
        The model cannot learn from these windows; its reason is told.
    """
    rows = select_windows(table, items, recipe.fit.windows_per_item)
    rows = _thinned(rows, table.item, MOST_ROWS.get(member.model, len(rows)))
    x, of = joined(table.arrays, member.inputs)[rows], table.item[rows]
    truth, group = y[of], groups[of]
    if extra is not None and member.inputs == (extra.input,):
        x = np.concatenate([x, extra.x])
        truth = np.concatenate([truth, extra.y])
        group = np.concatenate([group, np.arange(len(extra.y)) + int(groups.max()) + 1])
    what = f"{member.model} on {len(x)} windows of {len(np.unique(truth))} genres"
    if len(np.unique(truth)) < 2:
        raise DatasetError(f"{what} that are not silent", "two genres or more", _MORE)
    estimator = models.make(member.model, int(y.max()) + 1, recipe.fit.seed, **member.params)
    try:
        return models.fit(estimator, x, truth, groups=group)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{what}: {reason}", "data that it can learn from", _MORE) from error


def member_probabilities(estimator: Any, member: Member, table: Table, rows: I64, n: int) -> F64:
    """Probabilities of windows, shape (n_rows, n)."""
    x = joined({name: table.arrays[name][rows] for name in member.inputs}, member.inputs)
    return models.probabilities(estimator, x, n)


def mix(parts: Sequence[F64]) -> F64:
    """Mean of the members' probabilities."""
    return np.asarray(np.mean(parts, axis=0))


def clip_votes(p: F64, item: I64, heard: NDArray[np.bool_], rule: str) -> tuple[I64, F64]:
    """Votes of items over their windows.

    Returns
    -------
    items : ndarray of int, shape (k,)
        In rising order.
    probabilities : ndarray, shape (k, C)
    """
    items = np.unique(item)
    votes = [vote(p[item == i], rule, heard[item == i].astype(float)) for i in items]
    return items, np.stack(votes)


@dataclass(frozen=True, eq=False)
class Embedding:
    """An affine map to a space where the covariance within the labels is one.

    Attributes
    ----------
    matrix, offset : ndarray, shape (d, e) and (e,)
    centres : ndarray, shape (C, e)
        Mean of each label; a label without windows has the mean of all.
    """

    matrix: F64
    offset: F64
    centres: F64

    def map(self, x: F32) -> F64:
        """Embed windows, shape (n, d) → (n, e)."""
        return np.asarray(x.astype(np.float64) @ self.matrix + self.offset)

    def distance(self, z: F64) -> F64:
        """Distance to the nearest centre in deviations, shape (n, e) → (n,)."""
        squares = ((z[:, None, :] - self.centres[None]) ** 2).sum(axis=2)
        return np.asarray(np.sqrt(squares.min(axis=1) / z.shape[1]))


def fit_embedding(x: F32, y: I64, n_labels: int, size: int = EMBEDDING_SIZE) -> Embedding:
    """Principal components, then whitened within the labels (Lee et al. 2018).

    Parameters
    ----------
    x : ndarray, shape (n, d), float32
    y : ndarray of int, shape (n,)
    """
    data = x.astype(np.float64)
    mean, scale = data.mean(axis=0), np.maximum(data.std(axis=0), 1e-6)
    z = (data - mean) / scale
    size = int(min(size, *z.shape))
    _, vectors = np.linalg.eigh(z.T @ z / len(z))
    components = vectors[:, ::-1][:, :size]
    # Signs are the solver's whim; fix them so that the same data give the same file.
    components = components * np.sign(components[np.abs(components).argmax(axis=0), range(size)])
    low = z @ components
    centres = np.stack(
        [low[y == c].mean(axis=0) if (y == c).any() else low.mean(axis=0) for c in range(n_labels)]
    )
    rest = low - centres[y]
    within = rest.T @ rest / len(rest)
    within += 0.1 * np.trace(within) / size * np.eye(size)
    values, axes = np.linalg.eigh(within)
    # Where every label has one window, or all are equal, nothing varies within them.
    whiten = axes / np.sqrt(np.maximum(values, 1e-6)) @ axes.T
    matrix = (components / scale[:, None]) @ whiten
    offset = -(mean @ matrix)
    return Embedding(matrix, offset, centres @ whiten)


@dataclass(frozen=True, eq=False)
class Mix:
    """Out-of-fold answers of a candidate.

    Attributes
    ----------
    names : tuple of str
        Its members.
    items : ndarray of int, shape (k,)
    p : ndarray, shape (k, C)
        Calibrated, of clips.
    temperature : float
    accuracy, nll : float
        Of clips.
    """

    names: tuple[str, ...]
    items: I64
    p: F64
    temperature: float
    accuracy: float
    nll: float


def _modest(votes: F64, hits: int) -> float:
    """Temperature at which the mean confidence is what Laplace's rule of succession allows."""
    allowed = (hits + 1) / (len(votes) + 2)
    low, high = 1e-3, 1e3
    for _ in range(60):
        middle = (low * high) ** 0.5
        if temper(votes, middle).max(axis=1).mean() > allowed:
            low = middle
        else:
            high = middle
    return high


def judge(names: tuple[str, ...], p: F64, table: Table, rows: I64, y: I64, rule: str) -> Mix:
    """Vote, calibrate and score the out-of-fold windows of a candidate."""
    items, votes = clip_votes(p, table.item[rows], table.heard[rows], rule)
    truth = y[items]
    temperature = fit_temperature(np.log(np.maximum(votes, 1e-12)), truth)
    mistakes = int((votes.argmax(axis=1) != truth).sum())
    if mistakes < FEW_MISTAKES:
        temperature = max(temperature, _modest(votes, len(items) - mistakes))
    calibrated = temper(votes, temperature)
    nll = float(-np.log(np.maximum(calibrated[np.arange(len(truth)), truth], 1e-12)).mean())
    right = float((calibrated.argmax(axis=1) == truth).mean())
    return Mix(names, items, calibrated, temperature, right, nll)
