"""What networks learn from: an array, or windows that are cut out when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError

__all__ = ["Lazy", "Rows", "blocks", "is_lazy", "moments", "take"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

#: Rows that are in memory together where all are gone through.
BLOCK = 256


class Lazy(Protocol):
    """Windows that are cut when they are indexed, such as :class:`genrewise.training.frames.Cuts`.

    Attributes
    ----------
    shape : tuple of int
        (n, ...) as of an array.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...) as of an array."""

    def __len__(self) -> int:
        """Number of windows."""

    def __getitem__(self, rows: Any) -> F32:
        """Windows of a slice or of an array of indices."""

    def select(self, rows: Any) -> Lazy:
        """Some of the windows, still uncut."""

    def moved(self, rng: np.random.Generator) -> Lazy:
        """Every window at a new random place of its own track."""


Rows = F32 | Lazy


def is_lazy(X: Any) -> TypeGuard[Lazy]:
    """Windows that are cut when they are asked for."""
    return hasattr(X, "moved") and hasattr(X, "select")


def take(X: Rows, rows: Any) -> Rows:
    """Some rows; nothing is cut."""
    return X.select(rows) if is_lazy(X) else X[rows]


def blocks(X: Rows) -> Iterator[F32]:
    """All rows in order, some at a time.

    Yields
    ------
    ndarray, shape (up to 256, ...), float32, C order
    """
    for i in range(0, len(X), BLOCK):
        yield np.ascontiguousarray(X[i : i + BLOCK], dtype=np.float32)


def moments(X: Rows, kind: str) -> tuple[F32, F32]:
    """Mean and deviation in one pass over blocks, so that no second copy of `X` is made.

    Parameters
    ----------
    X : rows, shape (n, ...)
    kind : {"feature", "band", "global"}
        For every value, for every row of a picture, or for all together.

    Returns
    -------
    mean, deviation : ndarray, float32
        Of a shape that broadcasts against a row.  A value that never changes has
        deviation 1: it tells nothing, and a smaller one would blow it up.

    Raises
    ------
    RecipeError
        There are no rows.
    """
    if not len(X):
        raise RecipeError("0 rows for a network", "one or more")
    ndim = len(X.shape)
    over = {"feature": (0,), "band": (0, ndim - 1), "global": tuple(range(ndim))}[kind]
    count = np.prod([X.shape[axis] for axis in over])
    # Sums of what is left of a first guess: those of large values would lose their digits.
    guess = X[:1].astype(np.float64).mean(over, keepdims=True)
    total, squares = np.zeros_like(guess), np.zeros_like(guess)
    for block in blocks(X):
        rest = block - guess
        total += rest.sum(over, keepdims=True)
        squares += np.square(rest).sum(over, keepdims=True)
    mean = (guess + total / count)[0]
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))[0]
    still = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-12)
    return mean.astype(np.float32), np.where(still, 1.0, deviation).astype(np.float32)
