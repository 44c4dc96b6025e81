"""A batch through the kinds of a recipe: moves in one sampling, then values, then mixup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Generator, Tensor
from torch.nn import functional

from genrewise.errors import RecipeError
from genrewise.training.augment.cells import CHANGES
from genrewise.training.augment.geometry import MOVES, moved, uniform

__all__ = ["ALPHA", "BatchTransform", "mixup", "one_of"]

#: Of the beta distribution of mixup's shares.
ALPHA = 0.2


@dataclass(frozen=True)
class BatchTransform:
    """What :func:`genrewise.training.augment.batch_transform` gives.

    Parameters
    ----------
    kinds : tuple of str
        In the order in which they are applied.
    probability : float
    n_classes : int
    """

    kinds: tuple[str, ...]
    probability: float
    n_classes: int

    def __call__(self, x: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """A changed batch; see :func:`genrewise.training.augment.batch_transform`."""
        throws = {kind: _thrown(len(x), self.probability, generator) for kind in self.kinds}
        x = _changed(x, throws, generator)
        if "mixup" not in throws:
            return x, y
        return mixup(x, y, throws["mixup"], self.n_classes, generator)


def _thrown(n: int, probability: float, generator: Generator) -> Tensor:
    """Which rows a kind is applied to, shape (n,)."""
    return torch.rand(n, generator=generator, device=generator.device) < probability


def _changed(x: Tensor, throws: dict[str, Tensor], generator: Generator) -> Tensor:
    """Rows after everything but mixup, each kind where it was thrown."""
    for kind in throws:
        if kind != "mixup" and x.ndim != 4:
            raise RecipeError(
                f"augmentation {kind} on rows of shape {tuple(x.shape[1:])}",
                "pictures or spectrograms, shape (C, H, W)",
                "leave it out; mixup and the waveform kinds work on any rows",
            )
    moves = {kind: rows for kind, rows in throws.items() if kind in MOVES}
    if moves:
        x = moved(x, _matrices(x, moves, generator))
    for kind, thrown in throws.items():
        rows = torch.nonzero(thrown).flatten().to(x.device)
        if kind in CHANGES and len(rows):
            x = x.index_copy(0, rows, CHANGES[kind](x[rows], generator))
    return x


def _matrices(x: Tensor, moves: dict[str, Tensor], generator: Generator) -> Tensor:
    """One matrix a row: the product of its moves."""
    n, aspect = len(x), x.shape[3] / x.shape[2]
    same = torch.eye(3, device=generator.device).expand(n, 3, 3)
    total = same
    for kind, thrown in moves.items():
        # The new picture's places go through the last move first.
        total = total @ torch.where(thrown[:, None, None], MOVES[kind](n, aspect, generator), same)
    return total


def mixup(
    x: Tensor, y: Tensor, thrown: Tensor, n_classes: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Rows mixed with other rows of the batch, and their labels likewise.

    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization": the share of the row
    itself is drawn from Beta(:data:`ALPHA`, :data:`ALPHA`).

    Parameters
    ----------
    x : Tensor, shape (N, ...)
    y : Tensor of int, shape (N,)
    thrown : Tensor of bool, shape (N,)
        Rows to be mixed; the others keep themselves whole.
    n_classes : int
    generator : Generator

    Returns
    -------
    x : Tensor, shape (N, ...)
    y : Tensor, shape (N, n_classes), float32
        Not negative, rows sum to 1.
    """
    n = len(x)
    partner = torch.randperm(n, generator=generator, device=generator.device).to(x.device)
    # torch draws no beta numbers from a generator: the inverse of its distribution does.
    even = uniform(n, 0.0, 1.0, generator).double().cpu().numpy()
    share = torch.from_numpy(betaincinv(ALPHA, ALPHA, even)).float().to(x.device)
    share = torch.where(thrown.to(x.device), share, 1.0)
    targets = functional.one_hot(y, n_classes).to(x.device, torch.float32)
    column = share[:, None]
    wide = share.reshape(-1, *[1] * (x.ndim - 1))
    return (
        wide * x + (1 - wide) * x[partner],
        column * targets + (1 - column) * targets[partner],
    )


def one_of(
    kinds: Sequence[str], rows: NDArray[np.float32], seed: Sequence[int]
) -> NDArray[np.float32]:
    """Rows each changed by one of the kinds, drawn at random.

    Parameters
    ----------
    kinds : sequence of str
        Without mixup.
    rows : ndarray, shape (n, C, H, W), float32
    seed : sequence of int
        Another one gives other changes.
    """
    state = int(np.random.SeedSequence([*seed]).generate_state(1, np.uint64)[0] >> 1)
    generator = torch.Generator().manual_seed(state)
    which = torch.randint(len(kinds), (len(rows),), generator=generator)
    throws = {kind: which == k for k, kind in enumerate(kinds)}
    return _changed(torch.from_numpy(rows), throws, generator).numpy()
