"""The collections that the tags are learnt from, as one pool of tracks and windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import DatasetError
from genrewise.training import datasets
from genrewise.training.answers import spread
from genrewise.training.datasets import Dataset, Item
from genrewise.training.datasets.rows import read_rows
from genrewise.training.datasets.tags import tag_tracks
from genrewise.training.prepare import find_source
from genrewise.training.store import extract_dataset
from genrewise.training.tags.table import HARD_TECHNO, KINDS
from genrewise.windows import WindowRule

__all__ = ["FREE", "INPUT", "N_TAGS", "RULE", "Pool", "collect", "joined", "loops"]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Say = Callable[[str], None]

#: Fifty tags of the pretrained network and its last layer but one, side by side; every patch
#: brought to one loudness.
INPUT: Mapping[str, Any] = {
    "kind": "backbone",
    "backbone": "musicnn-msd",
    "layers": ["tags", "penultimate"],
    "summary": ["mean"],
    "hop": 187,
    "level": -14.0,
}
N_TAGS = 50

RULE = WindowRule(10.0, 5.0)

#: What the collection of free music is called here.
FREE = "free-music"
#: Clips of hard techno that are heard, as many of each of its labels: about as many as GTZAN
#: has of a genre, so that no genre outweighs the others.
_TECHNO_CLIPS = 72
#: Seconds from the middle of a free track.
_MINUTE = 60.0


@dataclass(frozen=True, eq=False)
class Pool:
    """Tracks and what was heard of them.

    Parameters
    ----------
    sets, kinds, groups, tracks : tuple of str, a value a track
        Collection, word of :data:`.table.KINDS`, what must not be split, name.
    x : ndarray, shape (n, 250), float32
        A row a window that is not silent: tags, then the last layer but one.
    track : ndarray of int, shape (n,)
        Which track a window is of.
    audio : ndarray of bool, a value a track
        False where there are tag vectors alone, and zeros for the layer.
    """

    sets: tuple[str, ...]
    kinds: tuple[str, ...]
    groups: tuple[str, ...]
    tracks: tuple[str, ...]
    x: F32
    track: I64
    audio: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tracks)

    def only(self, wanted: NDArray[np.bool_]) -> Pool:
        """The pool with some of its tracks."""
        places = np.flatnonzero(wanted)
        new = np.full(len(self), -1, dtype=np.int64)
        new[places] = np.arange(len(places))
        rows = wanted[self.track]

        def kept(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[i] for i in places)

        return Pool(
            kept(self.sets),
            kept(self.kinds),
            kept(self.groups),
            kept(self.tracks),
            self.x[rows],
            new[self.track[rows]],
            self.audio[places],
        )

    def of(self, kinds: Sequence[str]) -> NDArray[np.bool_]:
        """Which tracks bear one of some words."""
        return np.isin(np.array(self.kinds), list(kinds))


def joined(pools: Sequence[Pool]) -> Pool:
    """Several pools as one."""
    starts = np.cumsum([0, *(len(pool) for pool in pools)])
    return Pool(
        tuple(s for pool in pools for s in pool.sets),
        tuple(k for pool in pools for k in pool.kinds),
        tuple(g for pool in pools for g in pool.groups),
        tuple(t for pool in pools for t in pool.tracks),
        np.concatenate([pool.x for pool in pools]),
        np.concatenate([pool.track + n for pool, n in zip(pools, starts, strict=False)]),
        np.concatenate([pool.audio for pool in pools]),
    )


def _heard(name: str, dataset: Dataset, workers: int, say: Say, folder: Path | None) -> Pool:
    """The windows of a data set whose labels are words of ours; what cannot be read is told."""
    say(f"{name}: {len(dataset)} tracks")
    found = extract_dataset(dataset, {"musicnn": INPUT}, RULE, workers=workers, folder=folder)
    for i, why in found.failed:
        say(f"{name}: {dataset.items[i].path}: {why}")
    items = dataset.items
    whole = Pool(
        (name,) * len(items),
        tuple(item.label for item in items),
        tuple(f"{name}/{item.group}" for item in items),
        tuple(item.track for item in items),
        found.arrays["musicnn"][found.heard],
        found.item[found.heard],
        np.ones(len(items), dtype=bool),
    )
    return whole.only(np.bincount(whole.track, minlength=len(items)) > 0)


def _gtzan(source: str) -> Dataset:
    """The fault-filtered lists, as the models of ten genres learn from."""
    whole = datasets.read(source)
    return whole.subset([i for i, item in enumerate(whole.items) if item.split])


def _techno(source: str) -> Dataset:
    """Some clips, evenly over labels and songs, under our words."""
    whole = datasets.read(source)
    there = [i for i, item in enumerate(whole.items) if item.label in HARD_TECHNO]
    items = [whole.items[i] for i in there]
    limit = min(_TECHNO_CLIPS, len(items))
    chosen = spread([item.label for item in items], [item.group for item in items], limit)
    renamed = tuple(
        replace(items[k], label=HARD_TECHNO[items[k].label], track=Path(items[k].path).stem)
        for k in chosen
    )
    return replace(whole, items=renamed)


def _middle(item: Item, seconds: float) -> Item:
    """A minute from the middle of a track."""
    return replace(item, start=max(0.0, (seconds - _MINUTE) / 2), duration=_MINUTE)


def _free(folder: str) -> Dataset:
    """The tracks that their authors gave a genre, a minute of each."""
    whole = datasets.read(folder)
    rows = read_rows(Path(folder) / "manifest.csv").rows
    length = {row["path"]: float(row.get("seconds") or _MINUTE) for row in rows}
    items = tuple(_middle(item, length.get(item.path, _MINUTE)) for item in whole.items)
    return replace(whole, items=items)


def _rows(file: str, gtzan: Dataset, index: Path, name: str) -> Pool:
    """Tracks of GTZAN of which there are tag vectors alone."""
    x, place, tracks = tag_tracks(file, gtzan)
    groups = {row["track"]: row["group"] for row in read_rows(index).rows}
    names = tuple(dict.fromkeys(tracks))
    nth = {track: i for i, track in enumerate(names)}
    kind = {track: gtzan.labels[c] for track, c in zip(tracks, place.tolist(), strict=True)}
    wide = np.zeros((len(x), x.shape[1] + 200), dtype=np.float32)
    wide[:, : x.shape[1]] = x
    return Pool(
        (name,) * len(names),
        tuple(kind[track] for track in names),
        tuple(f"{name}/{groups.get(track) or track}" for track in names),
        names,
        wide,
        np.array([nth[track] for track in tracks], dtype=np.int64),
        np.zeros(len(names), dtype=bool),
    )


def _known(pool: Pool) -> Pool:
    """Refuse words that the table does not speak of."""
    strange = sorted(set(pool.kinds) - set(KINDS))
    if strange:
        raise DatasetError(f"a label {strange[0]!r}", f"one of {', '.join(KINDS)}")
    return pool


def collect(free: str = "", workers: int = 0, say: Say = lambda _: None,
            folder: Path | None = None) -> Pool:  # fmt: skip
    """All that the tags are learnt from.

    Parameters
    ----------
    free : str
        Folder of ``genrewise datasets get free-music``; empty to do without.
    workers : int
        0 is one a CPU.
    say : callable
        Told a line at a time.
    folder : Path, optional
        Of the cache of windows.

    Raises
    ------
    DatasetError
        A collection is not there, or has labels that the table does not know.
    """
    gtzan = datasets.read(find_source("gtzan"))
    pools = [_heard("gtzan", _gtzan(find_source("gtzan")), workers, say, folder)]
    file = find_source("tables/gtzan_musicnn_tags_train.npz")
    index = Path(find_source("gtzan/index.csv"))
    pools.append(_rows(file, gtzan, index, "gtzan"))
    say(f"gtzan: tag vectors of {len(pools[-1])} further tracks")
    pools.append(_heard("hard-techno", _techno(find_source("hard-techno")), workers, say, folder))
    if free:
        pools.append(_heard(FREE, _free(free), workers, say, folder))
    return _known(joined(pools))


def loops(workers: int = 0, say: Say = lambda _: None, folder: Path | None = None) -> Pool:
    """A collection that nothing is learnt from: loops of a program of 1992."""
    dataset = datasets.read(find_source("loops"))
    return _known(_heard("loops", dataset, workers, say, folder))
