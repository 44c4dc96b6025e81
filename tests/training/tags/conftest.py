"""A pool of made-up tracks whose kinds can be told, by artists who differ a little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.training.tags.data import N_TAGS, Pool
from genrewise.training.tags.table import KINDS, TABLE

#: Tags of the network that are high for a kind.
OWN = {rule.label: rule.own for rule in TABLE} | {
    "disco": ("funk",),
    "metal": ("metal", "heavy metal", "rock"),
    "techno": ("electro", "electronic"),
}
#: Two artists of three tracks, and one of one, in each kind.
ARTISTS = (3, 3, 1)
WINDOWS = 3


def made(
    kinds: Mapping[str, int] | None = None,
    name: str = "gtzan",
    seed: int = 0,
    noise: float = 1.0,
    artists: tuple[int, ...] = ARTISTS,
) -> Pool:
    """Tracks of some kinds (a place each on the layer and among the tags), by artists."""
    places = kinds or {kind: i for i, kind in enumerate(KINDS)}
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, str]] = []
    for kind in places:
        for a, tracks in enumerate(artists):
            rows += [(kind, f"{name}/{kind} {a}", f"{kind}.{a}.{t}") for t in range(tracks)]
    track = np.repeat(np.arange(len(rows)), WINDOWS)
    place = np.array([places[kind] for kind, _, _ in rows])[track]
    layer = rng.normal(size=(len(track), 200)) * noise
    layer[np.arange(len(track)), place] += 8.0
    z = rng.normal(size=(len(track), N_TAGS)) * 0.5 * noise - 3.0
    for row, t in enumerate(track):
        for tag in OWN.get(rows[t][0], ()):
            z[row, MSD_TAGS.index(tag)] += 3.0
    x = np.concatenate([1.0 / (1.0 + np.exp(-z)), layer], axis=1).astype(np.float32)
    columns: list[Any] = list(zip(*rows, strict=True))
    return Pool(
        (name,) * len(rows), columns[0], columns[1], columns[2], x, track,
        np.ones(len(rows), dtype=bool),
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_pool() -> Callable[..., Pool]:
    return made


@pytest.fixture(scope="session")
def pool() -> Pool:
    """Seven tracks of each of the fourteen kinds."""
    return made()
