"""Windows of a data set, extracted once and kept on disk.

Each item and input has a file of its own, written whole or not at all, so a run that
was stopped goes on where it was and a new input costs only itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.cache import cache_dir
from genrewise.errors import DatasetError
from genrewise.files import replace_file
from genrewise.inputs import extract, make_input
from genrewise.training.datasets import Dataset, Item
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
            buffer = BytesIO()
            # numpy's stub takes only arrays that are named by keyword.
            np.savez(
                buffer,
                allow_pickle=False,
                spans=np.array([(w.start, w.stop) for w in found.windows]),
                levels=found.levels,
                **{f"x_{name}": array for name, array in found.arrays.items()},
            )
            path = Path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, buffer.getvalue())
            return target

        return work


def _state(path: str) -> tuple[Any, ...]:
    """What tells that a file is the same one: size and time of the last change."""
    try:
        stat = Path(path).stat()
    except OSError:
        return (path,)
    return (str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns)


def _target(folder: Path, file: str, item: Item, fingerprint: str) -> Path:
    key = json.dumps([_state(file), item.start, item.duration, fingerprint])
    digest = hashlib.sha256(key.encode()).hexdigest()
    return folder / digest[:2] / f"{digest[2:26]}.npz"


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
    files = [dataset.file(i) for i in range(len(dataset))]
    targets = [
        _target(place, file, item, fingerprint)
        for file, item in zip(files, dataset.items, strict=True)
    ]
    missing = [i for i, target in enumerate(targets) if not target.is_file()]
    tasks = [
        (files[i], dataset.items[i].start, dataset.items[i].duration, str(targets[i]))
        for i in missing
    ]
    failed: dict[int, str] = {}
    outcomes = engine.run(_Job(inputs, rule), tasks, workers=workers, time_limit=TIME_LIMIT)
    for done, (i, outcome) in enumerate(zip(missing, outcomes, strict=True), start=1):
        if outcome.kind != "ok":
            failed[i] = outcome.error
        if progress:
            progress(len(targets) - len(missing) + done)
    return _assemble(targets, failed, rule, list(inputs))


def _assemble(
    targets: Sequence[Path], failed: Mapping[int, str], rule: WindowRule, names: Sequence[str]
) -> Table:
    parts: dict[str, list[F32]] = {name: [] for name in names}
    item, spans, levels = [], [], []
    for i, target in enumerate(targets):
        if i in failed:
            continue
        with np.load(target, allow_pickle=False) as stored:
            for name in names:
                parts[name].append(stored[f"x_{name}"])
            spans.append(stored["spans"])
            levels.append(stored["levels"])
        item.append(np.full(len(spans[-1]), i))
    if not item:
        reason = next(iter(failed.values()), "the data set is empty")
        raise DatasetError(f"no file could be read: {reason}", "audio files")
    span = np.concatenate(spans)
    return Table(
        {name: np.concatenate(found) for name, found in parts.items()},
        np.concatenate(item),
        span[:, 0],
        span[:, 1],
        np.concatenate(levels) >= rule.silence_db,
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
