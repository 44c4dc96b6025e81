"""Refuse what a factory does not know, and draw folds that keep groups whole."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError, nearest

__all__ = ["factory", "grouped_folds"]

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def factory(make: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a factory so that unknown parameters are refused with the nearest ones."""
    known = [
        p.name for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    model = make.__name__.replace("_", "-")

    @functools.wraps(make)
    def checked(n_classes: int, seed: int = 0, **params: Any) -> Any:
        if n_classes < 2:
            raise RecipeError(f"{n_classes} label(s) for the model {model}", "2 or more")
        for name in params:
            if name not in known:
                close = nearest(name, known)
                raise RecipeError(
                    f"model {model}: no parameter {name!r}",
                    f"one of {', '.join(known)}",
                    f"did you mean {' or '.join(close)}?" if close else "",
                )
        return make(n_classes, seed, **params)

    return checked


def grouped_folds(
    y: NDArray[np.integer[Any]], groups: NDArray[Any] | None, n: int, seed: int
) -> list[Fold]:
    """Stratified folds that never split a group.

    Parameters
    ----------
    y : ndarray of int, shape (rows,)
    groups : ndarray, shape (rows,), or None
        Without it every row is its own group.
    n : int
        Folds wanted; fewer where there are fewer groups.

    Returns
    -------
    list of (train, held out) index arrays
        Every row is held out once.  A class that lies in one group only is missing
        from the training side of one fold: callers must expect that.

    Raises
    ------
    RecipeError
        Where there is only one group.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    ids = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    most = int(np.bincount(np.unique(y, return_inverse=True)[1]).max()) if len(y) else 0
    n = min(n, len(np.unique(ids)), most)
    if n < 2:
        raise RecipeError(
            f"{len(np.unique(ids))} group(s) in {len(y)} rows",
            "two or more groups, to hold one out",
            "add music of other artists, or group by track",
        )
    folds = StratifiedGroupKFold(n, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than folds is fine
        drawn = list(folds.split(np.zeros(len(y)), y, ids))
    return [(a, b) for a, b in drawn if len(a) and len(b)]
