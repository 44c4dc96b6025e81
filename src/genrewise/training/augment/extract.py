"""Further windows to learn from, cut out of changed audio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError
from genrewise.training.augment import WAVEFORM_KINDS, check
from genrewise.training.datasets import Dataset
from genrewise.training.store import Table, assemble, extract_rows
from genrewise.windows import WindowRule

__all__ = ["Changed", "extract_augmented"]

F32 = NDArray[np.float32]

#: Changes with what is heard: raised whenever a kind of :mod:`.waveform` draws or does otherwise.
_VERSION = 1


@dataclass(frozen=True)
class Changed:
    """The kinds of one copy, for the workers that extract it.

    Parameters
    ----------
    kinds : tuple of str
        Of :data:`genrewise.training.augment.WAVEFORM_KINDS`.
    seed, copy : int
    """

    kinds: tuple[str, ...]
    seed: int
    copy: int

    def key(self) -> str:
        """Another text for whatever changes in another way."""
        return json.dumps([_VERSION, self.kinds, self.seed, self.copy])

    def __call__(self, y: F32, sr: int, name: str) -> F32:
        """Samples of an item changed; the numbers drawn depend on its name, not on its place."""
        from genrewise.training.augment.waveform import transform

        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        own = int.from_bytes(digest[:8], "little")
        return transform(self.kinds, y, sr, np.random.default_rng([self.seed, self.copy, own]))


def _count(progress: Callable[[int], None], before: int, done: int) -> None:
    progress(before + done)


def extract_augmented(
    dataset: Dataset,
    inputs: Mapping[str, Mapping[str, Any]],
    rule: WindowRule,
    waveform: Sequence[str],
    copies: int,
    seed: int,
    items: Sequence[int],
    *,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
) -> Table:
    """Windows of changed copies of some items, from the cache where they are there.

    Parameters
    ----------
    dataset : Dataset
        Of audio.
    inputs : mapping of str to mapping
        Plain values of :func:`genrewise.inputs.make_input`.
    rule : WindowRule
    waveform : sequence of str
        Kinds of :data:`genrewise.training.augment.WAVEFORM_KINDS`; every copy goes through
        all of them.
    copies : int
        1 or more.
    seed : int
        Same seed, same copies.
    items : sequence of int
        What is learnt from; no other file is opened.
    workers : int
        Processes; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of copies of items done.
    folder : Path, optional
        Of the cache.

    Returns
    -------
    Table
        ``item`` counts in `dataset`; an item's copies follow one another.  ``start`` and
        ``stop`` are seconds of the changed audio; ``failed`` names items of which a copy is
        missing.

    Raises
    ------
    UnknownName
        No such kind.
    RecipeError
        No kind or no copy.
    DatasetError
        No item could be read.
    """
    kinds = check(waveform, WAVEFORM_KINDS)
    if not kinds or copies < 1:
        raise RecipeError(
            f"{copies} copies of the sound by {len(kinds)} kinds", "1 or more of both"
        )
    learnt = sorted(set(items))
    part = dataset.subset(learnt)
    pieces: dict[int, list[dict[str, NDArray[Any]]]] = {}
    failed: dict[int, str] = {}
    for copy in range(copies):
        before = copy * len(learnt)
        found, lost = extract_rows(
            part,
            inputs,
            rule,
            workers=workers,
            progress=partial(_count, progress, before) if progress else None,
            folder=folder,
            change=Changed(kinds, seed, copy),
        )
        for k, arrays in found.items():
            pieces.setdefault(learnt[k], []).append(arrays)
        failed |= {learnt[k]: why for k, why in lost}
    joined = {
        i: {key: np.concatenate([arrays[key] for arrays in pieces[i]]) for key in pieces[i][0]}
        for i in sorted(pieces)
    }
    return assemble(joined, tuple(sorted(failed.items())), rule, list(inputs))
