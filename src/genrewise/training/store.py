"""Windows of a data set, extracted once and kept on disk; see :mod:`.kept`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.cache import cache_dir
from genrewise.errors import DatasetError
from genrewise.inputs import extract, make_input
from genrewise.training import kept
from genrewise.training.datasets import Dataset
from genrewise.windows import WindowRule

__all__ = ["Table", "extract_dataset", "select_windows"]

F32 = NDArray[np.float32]
Progress = Callable[[int], None]

#: Seconds that one file may take.
TIME_LIMIT = 600.0


@dataclass(frozen=True, eq=False)
class Table:
    """Windows of a data set.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Input name to an array with a row a window, float32.
    item : ndarray of int, shape (n,)
        Index of the item in the data set.
    start, stop : ndarray, shape (n,)
        Seconds within the item.
    heard : ndarray of bool, shape (n,)
        Not silent.
    failed : tuple of (int, str)
        Items without windows, and why.
    """

    arrays: dict[str, F32]
    item: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    heard: NDArray[np.bool_]
    failed: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True)
class _Job:
    """What a worker needs: inputs and rule as plain values."""

    inputs: Mapping[str, Mapping[str, Any]]
    rule: WindowRule

    def __call__(self) -> Callable[[tuple[str, float, float | None, str]], str]:
        made = {name: make_input(spec) for name, spec in self.inputs.items()}

        def work(task: tuple[str, float, float | None, str]) -> str:
            source, start, duration, target = task
            found = extract(source, made, self.rule, start=start, duration=duration)
            arrays: dict[str, NDArray[Any]] = {f"x_{name}": x for name, x in found.arrays.items()}
            arrays["spans"] = np.array([(w.start, w.stop) for w in found.windows])
            arrays["levels"] = found.levels
            kept.keep(Path(target), arrays)
            return target

        return work


def extract_dataset(
    dataset: Dataset,
    inputs: Mapping[str, Mapping[str, Any]],
    rule: WindowRule,
    *,
    workers: int = 0,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> Table:
    """Windows of every item, from the cache where they are there.

    Parameters
    ----------
    dataset : Dataset
        Of audio.
    inputs : mapping of str to mapping
        Plain values of :func:`genrewise.inputs.make_input`.
    rule : WindowRule
    workers : int
        Processes; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of items done.
    folder : Path, optional
        Of the cache.

    Returns
    -------
    Table

    Raises
    ------
    DatasetError
        No item could be read.
    """
    place = folder or cache_dir() / "features"
    prints = {name: make_input(spec).fingerprint() for name, spec in inputs.items()}
    fingerprint = json.dumps([prints, rule.to_json()], sort_keys=True)
    tasks = []
    for i, item in enumerate(dataset.items):
        file = dataset.file(i)
        target = kept.key_of(place, file, item.start, item.duration, fingerprint)
        tasks.append((file, item.start, item.duration, str(target)))
    names = (*(f"x_{name}" for name in inputs), "spans", "levels")
    found = {i: kept.load(Path(task[3]), names) for i, task in enumerate(tasks)}
    kept.touch(Path(tasks[i][3]) for i, arrays in found.items() if arrays is not None)
    missing = [i for i, arrays in found.items() if arrays is None]
    failed: dict[int, str] = {}
    outcomes = engine.run(
        _Job(inputs, rule), [tasks[i] for i in missing], workers=workers, time_limit=TIME_LIMIT
    )
    for done, (i, outcome) in enumerate(zip(missing, outcomes, strict=True), start=1):
        if outcome.kind == "ok":
            found[i] = kept.load(Path(tasks[i][3]), names)
        if found[i] is None:
            failed[i] = outcome.error.removeprefix(f"{tasks[i][0]}: ") or "its windows are gone"
        if progress:
            progress(len(tasks) - len(missing) + done)
    kept.prune(place)
    there = {i: arrays for i, arrays in found.items() if arrays is not None}
    return _assemble(there, failed, rule, list(inputs))


def _assemble(
    found: Mapping[int, Mapping[str, NDArray[Any]]],
    failed: Mapping[int, str],
    rule: WindowRule,
    names: Sequence[str],
) -> Table:
    if not found:
        reason = next(iter(failed.values()), "the data set is empty")
        raise DatasetError(f"no file could be read: {reason}", "audio files")

    def joined(key: str) -> NDArray[Any]:
        return np.concatenate([arrays[key] for arrays in found.values()])

    counts = [len(arrays["spans"]) for arrays in found.values()]
    span = joined("spans")
    return Table(
        {name: joined(f"x_{name}") for name in names},
        np.repeat(np.array(list(found), dtype=np.int64), counts),
        span[:, 0],
        span[:, 1],
        joined("levels") >= rule.silence_db,
        tuple(sorted(failed.items())),
    )


def select_windows(table: Table, items: Sequence[int], most: int) -> NDArray[np.int64]:
    """Rows to learn from: heard windows of some items, at most `most` of each, spread evenly."""
    wanted = np.isin(table.item, np.asarray(items)) & table.heard
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return rows
    _, first, count = np.unique(table.item[rows], return_index=True, return_counts=True)
    chosen = []
    for start, n in zip(first, count, strict=True):
        picks = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
        chosen.append(rows[start + picks])
    return np.concatenate(chosen)
