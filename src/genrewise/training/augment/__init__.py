"""Augmentation: more to learn from than there is, on the training side only.

Pictures and spectrograms are changed batch by batch while a network learns
(:func:`batch_transform`) or written out beforehand as new labelled rows
(:func:`saved_copies`); samples are changed before windows are cut
(:mod:`.waveform`, :mod:`.extract`).  The names are here and cost nothing to list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError, UnknownName

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = [
    "KINDS",
    "PICTURE_KINDS",
    "SPECTROGRAM_KINDS",
    "WAVEFORM_KINDS",
    "batch_transform",
    "check",
    "saved_copies",
]

#: Those of system 001, made for photographs, in the order in which they are applied.
PICTURE_KINDS = ("mirror", "rotate", "stretch", "zoom", "blur")
#: Those that mean something on a spectrogram; they come after the others.
SPECTROGRAM_KINDS = ("time-shift", "spec-augment", "mixup")
#: Of batches.
KINDS = (*PICTURE_KINDS, *SPECTROGRAM_KINDS)
#: Of samples, in the order in which they are applied.
WAVEFORM_KINDS = (
    "random-crop",
    "time-stretch",
    "pitch-shift",
    "eq",
    "band-limit",
    "noise",
    "gain",
    "codec",
)

#: Rows that are changed at once when copies are saved.
_BLOCK = 256


def check(kinds: Sequence[str], known: Sequence[str] = KINDS) -> tuple[str, ...]:
    """The kinds in the order in which they are applied, each once.

    Parameters
    ----------
    kinds : sequence of str
    known : sequence of str
        :data:`KINDS` or :data:`WAVEFORM_KINDS`.

    Raises
    ------
    UnknownName
        No such kind, with the nearest ones.
    """
    for kind in kinds:
        if kind not in known:
            raise UnknownName("augmentation", kind, known)
    return tuple(kind for kind in known if kind in kinds)


def batch_transform(
    kinds: Sequence[str], probability: float, n_classes: int
) -> Callable[[Tensor, Tensor, Generator], tuple[Tensor, Tensor]]:
    """What changes a batch at random.

    Each kind is applied to each row by its own throw, in the order of :data:`KINDS`,
    whatever the order given.

    Parameters
    ----------
    kinds : sequence of str
        Of :data:`KINDS`; none leaves every batch as it is.
    probability : float
        Of each kind for each row, 0 to 1.
    n_classes : int
        Columns of the soft targets of mixup.

    Returns
    -------
    callable
        ``(x, y, generator) -> (x, y)``.  `x`: float32, shape (N, C, H, W), or (N, d), which
        only mixup can change; the given tensor is left alone.  `y`: int64, shape (N,),
        handed back as it is, but with mixup among the kinds always as float32 targets of
        shape (N, n_classes), rows summing to 1.  All random numbers come from
        `generator`.  It raises RecipeError for a kind that needs pictures on rows
        that are none.

    Raises
    ------
    UnknownName
        No such kind.
    RecipeError
        A probability outside 0 to 1.
    """
    from genrewise.training.augment.batch import BatchTransform

    if not 0.0 <= probability <= 1.0:
        raise RecipeError(f"augmentation with probability {probability}", "0 to 1")
    return BatchTransform(check(kinds), probability, n_classes)


def saved_copies(
    x: Any, y: NDArray[np.int64], kinds: Sequence[str], copies: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The rows and changed copies of them: one copy doubles the data.

    Each row of each copy is changed by one kind, drawn at random.

    Parameters
    ----------
    x : array, shape (n, C, H, W)
        Whatever gives an ndarray of rows for a slice; read in blocks.
    y : ndarray of int, shape (n,)
    kinds : sequence of str
        Of :data:`KINDS`, without mixup.
    copies : int
        1 or more.
    seed : int

    Returns
    -------
    x : ndarray, shape ((1 + copies) * n, C, H, W), float32
        The rows as given, then copy after copy in the same order.
    y : ndarray of int, shape ((1 + copies) * n,)

    Raises
    ------
    UnknownName
        No such kind.
    RecipeError
        Mixup, no kind, no copy, or rows that are no pictures.
    """
    from genrewise.training.augment.batch import one_of

    chosen = check(kinds)
    if "mixup" in chosen:
        raise RecipeError(
            "mixup in saved copies", "kinds that keep the label", 'set augment.mode = "inline"'
        )
    if not chosen or copies < 1:
        raise RecipeError(f"{copies} saved copies by {len(chosen)} kinds", "1 or more of both")
    n = len(x)
    out = np.empty(((1 + copies) * n, *x.shape[1:]), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        rows = np.asarray(x[start : start + _BLOCK], dtype=np.float32)
        for copy in range(1 + copies):
            place = copy * n + start
            made = one_of(chosen, rows, (seed, copy, start)) if copy else rows
            out[place : place + len(rows)] = made
    return out, np.tile(y, 1 + copies)
