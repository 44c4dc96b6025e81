"""Windows of a data set, extracted once and kept on disk; see :mod:`.kept`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.audio import load
from genrewise.cache import cache_dir
from genrewise.errors import DatasetError
from genrewise.inputs import Extracted, Input, extract, extract_samples, make_input
from genrewise.training import kept
from genrewise.training.datasets import Dataset
from genrewise.windows import WindowRule

__all__ = ["Change", "Table", "assemble", "extract_dataset", "extract_rows", "select_windows"]

F32 = NDArray[np.float32]
Progress = Callable[[int], None]
#: File, start, duration, where the windows go, and what a change draws by.
Task = tuple[str, float, float | None, str, str]

#: Seconds that one file may take.
TIME_LIMIT = 600.0


@dataclass(frozen=True, eq=False)
class Table:
    """Windows of a data set.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Input name to an array with a row a window, float32; or to
        :class:`genrewise.training.frames.Cuts`, which are cut when they are asked for.
    item : ndarray of int, shape (n,)
        Index of the item in the data set.
    start, stop : ndarray, shape (n,)
        Seconds within the item.
    heard : ndarray of bool, shape (n,)
        Not silent.
    failed : tuple of (int, str)
        Items without windows, and why.
    """

    arrays: dict[str, Any]
    item: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    heard: NDArray[np.bool_]
    failed: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.item)


class Change(Protocol):
    """Changes samples before windows are cut."""

    def key(self) -> str:
        """Another text for whatever changes in another way."""

    def __call__(self, y: F32, sr: int, name: str) -> F32:
        """Mono samples changed; `name` is the item's, for random numbers of its own."""


@dataclass(frozen=True)
class _Job:
    """What a worker needs: inputs and rule as plain values."""

    inputs: Mapping[str, Mapping[str, Any]]
    rule: WindowRule
    make: Callable[[Mapping[str, Any]], Input]
    change: Change | None

    def _windows(self, task: Task, made: Mapping[str, Input]) -> Extracted:
        source, start, duration, _, name = task
        if self.change is None:
            return extract(source, made, self.rule, start=start, duration=duration)
        whole = load(source, start=start, duration=duration)
        y = self.change(whole.y, whole.sr, name)
        return extract_samples(y, whole.sr, made, self.rule)

    def __call__(self) -> Callable[[Task], str]:
        made = {name: self.make(spec) for name, spec in self.inputs.items()}

        def work(task: Task) -> str:
            found, target = self._windows(task, made), task[3]
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
    found, failed = extract_rows(
        dataset, inputs, rule, workers=workers, progress=progress, folder=folder
    )
    return assemble(found, failed, rule, list(inputs))


def extract_rows(
    dataset: Dataset,
    inputs: Mapping[str, Mapping[str, Any]],
    rule: WindowRule,
    *,
    workers: int = 0,
    progress: Progress | None = None,
    folder: Path | None = None,
    make: Callable[[Mapping[str, Any]], Input] = make_input,
    change: Change | None = None,
) -> tuple[dict[int, dict[str, NDArray[Any]]], tuple[tuple[int, str], ...]]:
    """What :func:`extract_dataset` joins: arrays of each item, and those that failed.

    Parameters
    ----------
    make : callable
        Makes an input of its plain values; a function of a module, for workers to find.
    change : Change, optional
        Changes the samples of each item first; an object that workers can be sent.

    Raises
    ------
    DatasetError
        No item could be read.
    """
    place = folder or cache_dir() / "features"
    prints = {name: make(spec).fingerprint() for name, spec in inputs.items()}
    changed = [] if change is None else [change.key()]
    fingerprint = json.dumps([prints, rule.to_json(), *changed], sort_keys=True)
    tasks: list[Task] = []
    for i, item in enumerate(dataset.items):
        file = dataset.file(i)
        target = kept.key_of(place, file, item.start, item.duration, fingerprint)
        name = f"{item.path} {item.start:g}"
        tasks.append((file, item.start, item.duration, str(target), name))
    names = (*(f"x_{name}" for name in inputs), "spans", "levels")
    found = {i: kept.load(Path(task[3]), names) for i, task in enumerate(tasks)}
    kept.touch(Path(tasks[i][3]) for i, arrays in found.items() if arrays is not None)
    missing = [i for i, arrays in found.items() if arrays is None]
    failed: dict[int, str] = {}
    outcomes = engine.run(
        _Job(inputs, rule, make, change),
        [tasks[i] for i in missing],
        workers=workers,
        time_limit=TIME_LIMIT,
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
    if not there:
        reason = next(iter(failed.values()), "the data set is empty")
        raise DatasetError(f"no file could be read: {reason}", "audio files")
    return there, tuple(sorted(failed.items()))


def assemble(
    found: Mapping[int, Mapping[str, NDArray[Any]]],
    failed: tuple[tuple[int, str], ...],
    rule: WindowRule,
    names: Sequence[str],
) -> Table:
    """One table of what :func:`extract_rows` found, item by item.

    Parameters
    ----------
    found : mapping of int to mapping
        At least one item's arrays.
    failed : tuple of (int, str)
    rule : WindowRule
    names : sequence of str
        Of the inputs.
    """

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
        failed,
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
