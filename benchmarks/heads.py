"""What helps a head on the pretrained network, and what does not: on three collections.

Every technique is held against one base (logistic heads on the tags and on the pooled layer, the
mean of both): out of fold by artist over the listed tracks of GTZAN, and, learnt from all of
those, on music from elsewhere.  Points are differences of the accuracy by track to the base;
intervals resample whole groups with both answers to each track.

``python benchmarks/heads.py FREE_MUSIC [CACHE]``; needs both networks: ``genrewise models get
musicnn-mtt``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import dataclasses
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from common import Row, save
from genrewise.audio import probe
from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.training import datasets
from genrewise.training.augment.extract import extract_augmented
from genrewise.training.datasets import Dataset
from genrewise.training.prepare import data_folder
from genrewise.training.store import Table, extract_dataset
from genrewise.windows import WindowRule

F64 = NDArray[np.float64]

RULE = WindowRule(10.0, 5.0)
#: Seconds of a full-length track that are heard, from its middle.
MIDDLE = 60.0
DECADES = ("60s", "70s", "80s", "90s", "00s", "oldies")
COPIES = ("eq", "codec", "noise")


def _layer(network: str, layer: str) -> dict[str, Any]:
    values = {"layers": [layer], "summary": ["mean"], "hop": 187, "level": -14.0}
    return {"kind": "backbone", "backbone": f"musicnn-{network}", **values}


INPUTS: dict[str, dict[str, Any]] = {
    **{
        f"{network}_{layer}": _layer(network, layer)
        for network in ("msd", "mtt")
        for layer in ("tags", "penultimate", "pooled")
    },
    "timbre": {"kind": "statistics"},
}


@dataclass(frozen=True)
class Head:
    """One member: what it looks at and how it learns."""

    inputs: tuple[str, ...]
    C: float = 0.01
    direction: bool = False
    discriminant: bool = False
    tags: tuple[str, ...] = MSD_TAGS


TAGS = Head(("msd_tags",))
POOLED = Head(("msd_pooled",), 0.003, direction=True)
DEEP = Head(("msd_penultimate",), direction=True)
BESIDE = Head(("timbre", "msd_penultimate"), 0.002)


@dataclass(frozen=True)
class Technique:
    """A mix of members, and whether they learn from changed copies as well."""

    members: tuple[Head, ...]
    copies: bool = False
    geometric: bool = False


BASE = Technique((TAGS, POOLED))
TECHNIQUES: dict[str, Technique] = {
    "penultimate layer as a third member": Technique((TAGS, DEEP, POOLED)),
    "our statistics with the penultimate layer as a third member": Technique(
        (TAGS, POOLED, BESIDE)
    ),
    "geometric mean of the members": dataclasses.replace(BASE, geometric=True),
    "discriminant analysis in place of logistic regression": Technique(
        (Head(("msd_tags",), discriminant=True), Head(("msd_pooled",), discriminant=True))
    ),
    "tags alone": Technique((TAGS,)),
    "pooled layer alone": Technique((POOLED,)),
    "our statistics alone": Technique((Head(("timbre",), 0.002),)),
    "the network of MagnaTagATune alone": Technique(
        (Head(("mtt_tags",)), Head(("mtt_pooled",), 0.003, direction=True))
    ),
    "both networks, their layers side by side": Technique(
        (
            Head(("msd_tags", "mtt_tags")),
            Head(("msd_pooled", "mtt_pooled"), 0.003, direction=True),
        )
    ),
    "tags without those of decades": Technique(
        (dataclasses.replace(TAGS, tags=tuple(t for t in MSD_TAGS if t not in DECADES)), POOLED)
    ),
    "changed copies of the audio to learn from (EQ, codecs, noise)": dataclasses.replace(
        BASE, copies=True
    ),
}


def _values(table: Table, head: Head) -> F64:
    """Rows of a table as a head takes them: log-odds of tags, other layers as they are."""
    parts = []
    for name in head.inputs:
        x = np.asarray(table.arrays[name], dtype=np.float64)
        if name.endswith("tags"):
            p = np.clip(x, 1e-5, 1 - 1e-5)
            x = np.log(p / (1 - p))
            if name == "msd_tags":
                x = x[:, [MSD_TAGS.index(tag) for tag in head.tags]]
        parts.append(x)
    x = np.concatenate(parts, axis=1)
    if head.direction:
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    return x


def _fitted(head: Head, x: F64, y: NDArray[np.int64], n: int) -> Callable[[F64], F64]:
    """Probabilities by rows of a head that has learnt."""
    scaler = StandardScaler().fit(x)
    model: Any = LogisticRegression(C=head.C, max_iter=400, class_weight="balanced")
    if head.discriminant:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    model.fit(scaler.transform(x), y)

    def probabilities(rows: F64) -> F64:
        out = np.full((len(rows), n), 1e-9)
        out[:, model.classes_] = model.predict_proba(scaler.transform(rows))
        return out

    return probabilities


@dataclass(frozen=True, eq=False)
class Music:
    """A collection: its windows, truth and groups by item."""

    table: Table
    y: NDArray[np.int64]
    groups: NDArray[np.int64]
    items: NDArray[np.int64]
    copies: Table | None = None


def _tracks(p: F64, item: NDArray[np.int64], items: NDArray[np.int64]) -> F64:
    """Geometric mean over the windows of each track."""
    logs = np.log(np.maximum(p, 1e-9))
    out = np.exp(np.stack([logs[item == i].mean(axis=0) for i in items]))
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def _learnt(
    home: Music, technique: Technique, items: NDArray[np.int64], n: int
) -> list[Callable[[F64], F64]]:
    found = []
    for head in technique.members:
        tables = [home.table, home.copies] if technique.copies and home.copies else [home.table]
        rows = [np.isin(t.item, items) & t.heard for t in tables]
        x = np.concatenate([_values(t, head)[r] for t, r in zip(tables, rows, strict=True)])
        y = np.concatenate([home.y[t.item[r]] for t, r in zip(tables, rows, strict=True)])
        found.append(_fitted(head, x, y, n))
    return found


def _mixed(technique: Technique, parts: Sequence[F64]) -> F64:
    if technique.geometric:
        p = np.exp(np.mean([np.log(np.maximum(part, 1e-9)) for part in parts], axis=0))
        return np.asarray(p / p.sum(axis=1, keepdims=True))
    return np.asarray(np.mean(parts, axis=0))


def answers(
    home: Music, others: Sequence[Music], technique: Technique, n: int
) -> list[tuple[F64, NDArray[np.int64]]]:
    """Probabilities by track and truth: out of fold at home, learnt from all of it elsewhere."""
    table, items = home.table, home.items
    oof = np.zeros((len(items), n))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for train, held in folds.split(items, home.y[items], home.groups[items]):
        members = _learnt(home, technique, items[train], n)
        rows = np.isin(table.item, items[held])
        parts = [
            member(_values(table, head)[rows])
            for member, head in zip(members, technique.members, strict=True)
        ]
        oof[held] = _tracks(_mixed(technique, parts), table.item[rows], items[held])
    found = [(oof, home.y[items])]
    members = _learnt(home, technique, items, n)
    for music in others:
        parts = [
            member(_values(music.table, head))
            for member, head in zip(members, technique.members, strict=True)
        ]
        p = _tracks(_mixed(technique, parts), music.table.item, music.items)
        found.append((p, music.y[music.items]))
    return found


def _music(
    dataset: Dataset, labels: Sequence[str], cache: Path | None, *, listed: bool = False
) -> Music:
    y = np.array([labels.index(i.label) if i.label in labels else -1 for i in dataset.items])
    groups = np.unique([i.group for i in dataset.items], return_inverse=True)[1]
    kept = [i for i, item in enumerate(dataset.items) if y[i] >= 0 and (item.split or not listed)]
    part = dataset.subset(kept)
    table = extract_dataset(part, INPUTS, RULE, folder=cache)
    copies = None
    if listed:
        every = range(len(part.items))
        copies = extract_augmented(part, INPUTS, RULE, COPIES, 1, 0, every, folder=cache)
    return Music(table, y[kept], groups[kept], np.unique(table.item), copies)


def _middles(dataset: Dataset) -> Dataset:
    """The middle of each track."""
    items = []
    for i, item in enumerate(dataset.items):
        seconds = probe(dataset.file(i)).stated or MIDDLE
        start = max(0.0, seconds / 2 - MIDDLE / 2)
        items.append(dataclasses.replace(item, start=start, duration=MIDDLE))
    return dataclasses.replace(dataset, items=tuple(items))


def _points(a: NDArray[np.bool_], b: NDArray[np.bool_], groups: NDArray[np.int64]) -> list[float]:
    """Difference in points and its 95 % interval by resampled groups."""
    ids = np.unique(groups, return_inverse=True)[1]
    n = int(ids.max()) + 1
    gains = np.bincount(ids, a.astype(float) - b.astype(float), n)
    sizes = np.bincount(ids, minlength=n)
    drawn = np.random.default_rng(0).integers(0, n, (2000, n))
    found = gains[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    return [100 * float(v) for v in (gains.sum() / sizes.sum(), low, high)]


def main() -> None:
    """Measure and keep."""
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    folder, cache = data_folder(), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    assert folder is not None, "no data folder: set GENREWISE_DATA"
    gtzan = datasets.read(folder / "gtzan")
    labels = list(gtzan.labels)
    home = _music(gtzan, labels, cache, listed=True)
    others = [
        _music(datasets.read(folder / "loops"), labels, cache),
        _music(_middles(datasets.read(Path(sys.argv[1]) / "manifest.csv")), labels, cache),
    ]
    sets = dict(zip(("GTZAN", "loops", "free music"), (home, *others), strict=True))
    base = [(p.argmax(axis=1) == y) for p, y in answers(home, others, BASE, len(labels))]
    shares = {name: float(right.mean()) for name, right in zip(sets, base, strict=True)}
    rows = [Row("base", ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))]
    values: dict[str, Any] = {"n": {k: len(m.items) for k, m in sets.items()}, "base": shares}
    for name, technique in TECHNIQUES.items():
        found = answers(home, others, technique, len(labels))
        points = {
            key: _points(p.argmax(axis=1) == y, right, music.groups[music.items])
            for (key, music), (p, y), right in zip(sets.items(), found, base, strict=True)
        }
        rows.append(Row(name, ", ".join(f"{k} {v[0]:+.1f}" for k, v in points.items())))
        print(rows[-1], flush=True)
        values[name] = points
    save("heads", rows, values)


if __name__ == "__main__":
    main()
