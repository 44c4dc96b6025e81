"""How a model's answers bear what happens to audio on its way: codecs, telephones, noise, haste."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import GenrewiseError
from genrewise.inference import Classifier
from genrewise.training.answers import Bars, Task, ask, collect, no_bar, told
from genrewise.training.coding import channels
from genrewise.training.compare import paired_difference
from genrewise.training.damages import CLEAN, DAMAGES, chances, chosen
from genrewise.training.datasets import Dataset
from genrewise.training.metrics import bootstrap_interval

__all__ = ["lost_more", "robustness", "scores"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Seconds of a file that are heard: every damage is a decoding of its own.
LONGEST = 120.0

#: What a damage may cost of the accuracy, in points.
POINTS = 3.0


@dataclass(frozen=True)
class _Job:
    model: str
    damages: tuple[str, ...]

    def __call__(self) -> Callable[[Task], dict[str, Any]]:
        classifier = Classifier(self.model)

        def work(task: Task) -> dict[str, Any]:
            source, start, duration, name = task
            y, sr = channels(source, start, min(duration or LONGEST, LONGEST))
            found = {key: _hurt(classifier, key, y, sr, name) for key in self.damages}
            return {key: value for key, value in found.items() if value is not None}

        return work


def _hurt(
    classifier: Classifier, damage: str, y: F32, sr: int, name: str
) -> dict[str, Any] | str | None:
    """What the model says of damaged samples, or why nothing; None where nothing changes."""
    try:
        damaged = DAMAGES[damage](y, sr, chances(name, damage))
        return None if damaged is None else told(classifier.predict(damaged.mean(axis=1), sr))
    except GenrewiseError as error:  # a clip that became too short costs that row one item
        return str(error)


def lost_more(change: float) -> bool:
    """Whether a change of the accuracy, -1 to 1, is a loss of more than :data:`POINTS`."""
    return change < -POINTS / 100 - 1e-9


def scores(
    truth: I64, groups: I64, clean: F64, damaged: F64, answered: NDArray[np.bool_]
) -> dict[str, Any]:
    """One row of the table: damaged items against the same ones undamaged.

    Parameters
    ----------
    truth, groups : ndarray of int, shape (n,)
    clean, damaged : ndarray, shape (n, C)
        Probabilities.
    answered : ndarray of bool, shape (n,)
        Of the damaged items.

    Returns
    -------
    dict
        ``n``, ``groups``, ``accuracy`` with ``interval``; ``change``: accuracy less that of the
        same items undamaged, with ``change_interval``;
        ``lost_more``: whether that is a loss of more than three points; ``answered``: share;
        ``right_when_answered``, None where nothing is answered; ``truth``: mean change of the
        probability of the truth; ``changed``: share of items with another likeliest label.
    """
    rows = np.arange(len(truth))
    before, after = clean.argmax(axis=1), damaged.argmax(axis=1)
    right = after == truth
    change, low, high = paired_difference(right, before == truth, groups)
    return {
        "n": len(truth),
        "groups": len(np.unique(groups)),
        "accuracy": float(right.mean()),
        "interval": list(bootstrap_interval(right, groups)),
        "change": change,
        "change_interval": [low, high],
        "lost_more": lost_more(change),
        "answered": float(answered.mean()),
        "right_when_answered": float(right[answered].mean()) if answered.any() else None,
        "truth": float((damaged[rows, truth] - clean[rows, truth]).mean()),
        "changed": float((before != after).mean()),
    }


def robustness(
    model: str,
    dataset: Dataset,
    truth: Mapping[int, int],
    keep: Sequence[int],
    workers: int = 0,
    bars: Bars = no_bar,
    damages: Sequence[str] = (),
) -> dict[str, Any]:
    """Score a model on every damage to the same clips, or on some.

    Parameters
    ----------
    model : str
        Name or file.
    dataset : Dataset
    truth : mapping of int to int
        The items, and the place in `keep` of each one's label.
    keep : sequence of int
        The model's labels that it chooses among.
    workers : int
    bars : callable
    damages : sequence of str
        Names, as for :func:`.damages.chosen`; all where there is none.

    Returns
    -------
    dict
        ``rows``: a row a damage as of :func:`scores`, with its name as ``damage``;
        ``summary``: how many cost more than three points, in words, empty where none was done;
        ``untouched``: damages that change none of the clips; ``failed``: paths and reasons.

    Raises
    ------
    DatasetError
        Not one file could be read.
    UnknownName
        No such damage.
    """
    names = chosen(damages)
    values, unread = ask(_Job(model, names), dataset, sorted(truth), workers, bars)
    failed = list(unread)
    for i, found in values.items():
        failed += [
            (dataset.items[i].path, f"{name}: {why}")
            for name, why in found.items()
            if isinstance(why, str)
        ]
    group = np.unique([item.group for item in dataset.items], return_inverse=True)[1]
    rows, untouched = [], []
    for name in names:
        own = {i: v[name] for i, v in values.items() if isinstance(v.get(name), dict)}
        own = {i: found for i, found in own.items() if isinstance(values[i][CLEAN], dict)}
        if not own:
            untouched.append(name)
            continue
        damaged, clean = collect(own), collect({i: values[i][CLEAN] for i in own})
        items = list(damaged.items)
        row = scores(
            np.array([truth[i] for i in items]),
            group[items],
            clean.among(keep),
            damaged.among(keep),
            damaged.answered,
        )
        exact = {"change_interval": [0.0, 0.0]} if name == CLEAN else {}
        rows.append({"damage": name, **row, **exact})
    return {
        "rows": rows,
        "summary": _summary(rows),
        "untouched": untouched,
        "failed": [list(pair) for pair in failed],
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many damages cost too much."""
    hurt = [row["lost_more"] for row in rows if row["damage"] != CLEAN]
    if not hurt:
        return ""
    many, verb = ("damages", "cost") if len(hurt) > 1 else ("damage", "costs")
    return f"{sum(hurt)} of {len(hurt)} {many} {verb} more than {POINTS:g} points"
