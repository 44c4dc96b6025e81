"""Random windows: the spectrogram of each track once, and windows cut out of it.

The frames of all tracks lie one after the other in one memory map on disk; a window is a
place in it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.cache import cache_dir
from genrewise.errors import RecipeError
from genrewise.input_base import Feed, Input
from genrewise.inputs import make_input
from genrewise.training import kept
from genrewise.training.datasets import Dataset
from genrewise.training.store import Table, extract_rows
from genrewise.windows import WindowRule

__all__ = ["Cuts", "random_windows", "whole"]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

#: A rule whose one window is the whole track.
_WHOLE = WindowRule(1e6, 1e6, "drop")


@dataclass(frozen=True, eq=False)
class Cuts:
    """Windows of a memory map that are cut when they are asked for.

    It stands where an array of shape (n, 1, n_mels, n_frames) would: ``cuts[rows]`` is one.

    Attributes
    ----------
    rows : ndarray, shape (T, n_mels), float32
        Frames of all tracks, one track after the other.
    at : ndarray of int, shape (n,)
        First frame of each window.
    low, high : ndarray of int, shape (n,)
        Frames of the track that it is cut from; one with less than a window is repeated.
    n_frames : int
    """

    rows: F32
    at: I64
    low: I64
    high: I64
    n_frames: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, 1, n_mels, n_frames)."""
        return len(self.at), 1, self.rows.shape[1], self.n_frames

    @property
    def ndim(self) -> int:
        """4."""
        return 4

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> F32:
        at, low, high = self.at[rows], self.low[rows], self.high[rows]
        inside = at[:, None] - low[:, None] + np.arange(self.n_frames)
        frames = self.rows[low[:, None] + inside % (high - low)[:, None]]
        return np.ascontiguousarray(frames.transpose(0, 2, 1))[:, None]

    def select(self, rows: Any) -> Cuts:
        """Some of the windows, still not cut."""
        return replace(self, at=self.at[rows], low=self.low[rows], high=self.high[rows])

    def moved(self, rng: np.random.Generator) -> Cuts:
        """Each window at a new random place of its own track."""
        return replace(self, at=_places(self.low, self.high, self.n_frames, rng))


def _places(low: I64, high: I64, n_frames: int, rng: np.random.Generator) -> I64:
    room = np.maximum(high - low - n_frames, 0) + 1
    return np.asarray(low + np.floor(rng.random(len(low)) * room).astype(np.int64))


class _Track(Input):
    """All rows of a track as they come, shape (t, n_mels)."""

    def __init__(self, inner: Input) -> None:
        self.inner, self.frontend = inner, inner.frontend
        self.kind, self.rate, self.offset = inner.kind, inner.rate, inner.offset

    def feed(self) -> Feed:
        """Start a track."""
        return self.inner.feed()

    def window(self, rows: F32) -> F32:
        """The rows."""
        return rows

    def to_json(self) -> dict[str, Any]:
        """That of the input, but for the frames of a window, which are cut later."""
        plain = self.inner.to_json()
        return {k: v for k, v in plain.items() if k != "n_frames"} | {"whole": True}


def whole(spec: Mapping[str, Any]) -> Input:
    """An input that gives all frames of a track.

    Raises
    ------
    RecipeError
        For another kind than ``log-mel``.
    """
    if spec.get("kind") != "log-mel":
        raise RecipeError(
            f"random windows of an input {spec.get('kind', '')}",
            "log-mel, whose frames can be cut anywhere",
            "leave out windows.count",
        )
    return _Track(make_input(spec))


def random_windows(
    dataset: Dataset,
    features: Mapping[str, Mapping[str, Any]],
    count: int,
    seed: int,
    *,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
) -> Table:
    """Windows at random places of every clip.

    Parameters
    ----------
    dataset : Dataset
        Of audio.
    features : mapping
        Log-mel inputs; all of one length in seconds.
    count : int
        Windows of each clip.
    seed : int
        Where they lie depends on it and on the name of the clip, on no other clip.

    Returns
    -------
    Table
        Its arrays are :class:`Cuts`.

    Raises
    ------
    DatasetError
        No item could be read.
    RecipeError
        An input whose windows cannot be cut anywhere.
    """
    place = folder or cache_dir()
    found, failed = extract_rows(
        dataset,
        features,
        _WHOLE,
        workers=workers,
        progress=progress,
        make=whole,
        folder=place / "features",
    )
    items = np.array(sorted(found), dtype=np.int64)
    item = np.repeat(items, count)
    names = [f"{dataset.items[i].path} {dataset.items[i].start:g}" for i in items]
    arrays: dict[str, Any] = {}
    start = stop = np.zeros(len(item))
    heard = np.ones(len(item), dtype=bool)
    for name, spec in features.items():
        made = make_input(spec)
        tracks = [found[i][f"x_{name}"][0] for i in items]
        cuts = _cut(tracks, names, spec, count, seed, place)
        arrays[name] = cuts
        start = (cuts.at - cuts.low) / made.rate
        stop = (np.minimum(cuts.at + cuts.n_frames, cuts.high) - cuts.low) / made.rate
        # A window of digital silence holds one value only.
        heard &= np.array([float(np.ptp(cuts[[k]])) > 0 for k in range(len(cuts))])
    return Table(arrays, item, start, stop, heard, failed)


def _cut(
    tracks: Sequence[F32],
    names: Sequence[str],
    spec: Mapping[str, Any],
    count: int,
    seed: int,
    place: Path,
) -> Cuts:
    n_frames = int(spec["n_frames"])
    ends = np.cumsum([len(track) for track in tracks])
    first = np.concatenate([[0], ends[:-1]])
    at = [
        _places(
            np.full(count, low), np.full(count, high), n_frames,
            np.random.default_rng((seed, zlib.crc32(name.encode("utf-8", "surrogateescape")))),
        )
        for low, high, name in zip(first, ends, names, strict=True)
    ]  # fmt: skip
    low, high = np.repeat(first, count), np.repeat(ends, count)
    return Cuts(_mapped(tracks, place / "frames"), np.concatenate(at), low, high, n_frames)


def _mapped(tracks: Sequence[F32], folder: Path) -> F32:
    """The tracks one after the other, as a memory map of a file that is made once."""
    digest = hashlib.sha256()
    for track in tracks:
        digest.update(track.tobytes())
    name = digest.hexdigest()
    path = folder / name[:2] / f"{name[2:26]}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.part")
        with beside.open("wb") as file:
            np.save(file, np.concatenate(tracks).astype(np.float32, copy=False))
        beside.replace(path)
        kept.prune(folder)
    kept.touch([path])
    return np.asarray(np.load(path, mmap_mode="r"))
