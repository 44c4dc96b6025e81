"""Members, mixes and what surrounds them: out-of-fold answers, calibration, embedding.

All choices are made on out-of-fold answers of the pool (training and validation), never on
the test part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError, RecipeError
from genrewise.inputs import joined
from genrewise.training import models
from genrewise.training.augment import saved_copies
from genrewise.training.metrics import fit_temperature
from genrewise.training.models.rows import take
from genrewise.training.recipe import Member, Recipe
from genrewise.training.store import F32, Table, select_windows
from genrewise.votes import temper, vote

if TYPE_CHECKING:
    from genrewise.training.problem import Problem

__all__ = [
    "Embedding",
    "Extra",
    "Mix",
    "clip_votes",
    "embedded",
    "embedding_inputs",
    "fit_embedding",
    "fit_member",
    "member_probabilities",
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


def _columns(problem: Problem, member: Member, rows: I64, stacked: Mapping[str, F64]) -> Any:
    """What a member sees of some windows: its inputs, then the probabilities it is stacked on."""
    x = take(joined(problem.table.arrays, member.inputs), rows) if member.inputs else None
    if not member.stack:
        return x
    more = [stacked[name][rows].astype(np.float32) for name in member.stack]
    return np.concatenate([*([] if x is None else [x]), *more], axis=1)


def _parameters(problem: Problem, recipe: Recipe, key: str) -> dict[str, Any]:
    """Those of the recipe, and what a network is told of augmentation and of where it starts."""
    member, augment = recipe.model.members[key], recipe.augment
    params = dict(member.params)
    told: dict[str, Any] = {}
    if augment.kinds and augment.mode == "inline":
        told["augment"] = {"kinds": augment.kinds, "probability": augment.probability}
    if key in problem.starts:
        told["start"] = problem.starts[key]
    known = models.parameters(member.model) if told else {}
    for name in told:
        if name not in known:
            raise RecipeError(f"{name} for a model {member.model}", "a network")
    return params | told


def _more(problem: Problem, recipe: Recipe, member: Member, items: Sequence[int]) -> list[Any]:
    """Further rows to learn from, each as (x, y, group): without audio, and changed copies."""
    found: list[Any] = []
    extra, copies = problem.extra, problem.augmented
    if extra is not None and member.inputs == (extra.input,):
        alone = np.arange(len(extra.y)) + int(problem.groups.max()) + 1
        found.append((extra.x, extra.y, alone))
    if copies is not None:
        if member.stack:
            raise RecipeError("changed copies of the sound for a stack", "a member by itself")
        most = recipe.fit.windows_per_item * recipe.augment.copies
        rows = select_windows(copies, items, most)
        of = copies.item[rows]
        x = joined(copies.arrays, member.inputs)[rows]
        found.append((x, problem.y[of], problem.groups[of]))
    return found


def _learnt(
    problem: Problem,
    recipe: Recipe,
    key: str,
    items: Sequence[int],
    stacked: Mapping[str, F64],
) -> tuple[Any, I64, I64]:
    """Rows that a member learns from, their labels and groups."""
    member, table, augment = recipe.model.members[key], problem.table, recipe.augment
    rows = select_windows(table, items, recipe.fit.windows_per_item)
    rows = _thinned(rows, table.item, MOST_ROWS.get(member.model, len(rows)))
    x, of = _columns(problem, member, rows, stacked), table.item[rows]
    truth, group = problem.y[of], problem.groups[of]
    for more in _more(problem, recipe, member, items):
        x = np.concatenate([x[:], more[0]])
        truth, group = np.concatenate([truth, more[1]]), np.concatenate([group, more[2]])
    if augment.kinds and augment.mode == "saved":
        x, truth = saved_copies(x, truth, augment.kinds, augment.copies, augment.seed)
        group = np.tile(group, 1 + augment.copies)
    return x, truth, group


def fit_member(
    problem: Problem,
    recipe: Recipe,
    key: str,
    items: Sequence[int],
    valid: Sequence[int] = (),
    stacked: Mapping[str, F64] | None = None,
) -> Any:
    """Fit one member on the windows of some items.

    Parameters
    ----------
    problem : Problem
    recipe : Recipe
    key : str
        Of the member.
    items, valid : sequence of int
        What it learns from, and what a network stops by.
    stacked : mapping of str to ndarray, shape (n_rows, C), optional
        Probabilities of the members that this one is stacked on, for every row of the table.

    Raises
    ------
    DatasetError
        The model cannot learn from these windows; its reason is told.
    RecipeError
        Augmentation of a kind that the model cannot use.
    """
    member, table = recipe.model.members[key], problem.table
    x, truth, group = _learnt(problem, recipe, key, items, stacked or {})
    held = select_windows(table, valid, recipe.fit.windows_per_item)
    side = None
    if len(held):
        side = _columns(problem, member, held, stacked or {}), problem.y[table.item[held]]
    what = f"{member.model} on {len(x)} windows of {len(np.unique(truth))} genres"
    if len(np.unique(truth)) < 2:
        raise DatasetError(f"{what} that are not silent", "two genres or more", _MORE)
    params = _parameters(problem, recipe, key)
    made = models.make(member.model, int(problem.y.max()) + 1, recipe.fit.seed, **params)
    try:
        return models.fit(made, x, truth, groups=group, valid=side)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{what}: {reason}", "data that it can learn from", _MORE) from error


def member_probabilities(
    problem: Problem, recipe: Recipe, estimators: Mapping[str, Any], key: str, rows: I64
) -> F64:
    """Probabilities of windows by a fitted member, shape (n_rows, C)."""
    member, n = recipe.model.members[key], len(problem.dataset.labels)
    stacked = {}
    for base in member.stack:
        stacked[base] = np.zeros((len(problem.table), n))
        stacked[base][rows] = member_probabilities(problem, recipe, estimators, base, rows)
    return models.probabilities(estimators[key], _columns(problem, member, rows, stacked), n)


def embedded(problem: Problem, recipe: Recipe, estimator: Any, key: str, rows: I64) -> F64:
    """What an embedding starts from, shape (n_rows, d).

    A network's last layer but one; of other members their inputs.
    """
    member = recipe.model.members[key]
    x: Any = take(joined(problem.table.arrays, embedding_inputs(recipe, key)), rows)
    if hasattr(estimator, "embed") and not member.stack:
        return np.asarray(estimator.embed(x))
    return np.asarray(x[:]).reshape(len(x), -1)


def embedding_inputs(recipe: Recipe, key: str) -> tuple[str, ...]:
    """The inputs that an embedding by a member looks at; of a bare stack, its first member's."""
    member = recipe.model.members[key]
    return member.inputs or recipe.model.members[member.stack[0]].inputs


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

    def map(self, x: NDArray[np.floating[Any]]) -> F64:
        """Embed windows, shape (n, d) → (n, e)."""
        return np.asarray(x.astype(np.float64) @ self.matrix + self.offset)

    def distance(self, z: F64) -> F64:
        """Distance to the nearest centre in deviations, shape (n, e) → (n,)."""
        squares = ((z[:, None, :] - self.centres[None]) ** 2).sum(axis=2)
        return np.asarray(np.sqrt(squares.min(axis=1) / z.shape[1]))


def fit_embedding(
    x: NDArray[np.floating[Any]], y: I64, n_labels: int, size: int = EMBEDDING_SIZE
) -> Embedding:
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
