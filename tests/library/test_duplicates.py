"""Songs that are there more than once, by their bytes and by their sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.library.catalogue import Model
from genrewise.library.duplicates import LENGTH, _groups, _pairs, duplicates

Add = Callable[..., int]


def at(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def found(db: sqlite3.Connection, model: Model | None, **how: float) -> list[tuple[str, list[str]]]:
    return [
        (group.kind, [entry.file.path for entry in group.files])
        for group in duplicates(db, model, **how)
    ]


def test_the_same_audio(db: sqlite3.Connection, model: Model, add: Add) -> None:
    add("/b")
    add("/a", sound="/b")
    add("/other", vector=at(90))
    add("/gone", sound="/other", state="missing")
    assert found(db, model) == [("same audio", ["/a", "/b"])]
    assert found(db, None) == [("same audio", ["/a", "/b"])]


def test_the_same_recording_in_two_formats(db: sqlite3.Connection, model: Model, add: Add) -> None:
    add("/a.flac", vector=at(0), seconds=200.0)
    add("/a.mp3", vector=at(1), seconds=200.05)
    add("/longer", vector=at(0), seconds=200.0 + 2 * LENGTH)
    add("/other", vector=at(60), seconds=200.0)
    groups = list(duplicates(db, model, near=0.99))
    assert [(g.kind, [e.file.path for e in g.files]) for g in groups] == [
        ("alike", ["/a.flac", "/a.mp3"])
    ]
    assert groups[0].similarity == pytest.approx(np.cos(np.radians(1)), abs=1e-3)
    assert found(db, model, near=0.9999) == []


def test_what_hangs_together_is_one_song(db: sqlite3.Connection, model: Model, add: Add) -> None:
    for i, angle in enumerate((0, 5, 10, 90, 94)):
        add(f"/{i}", vector=at(angle), seconds=100.0 + i / 4)
    groups = list(duplicates(db, model, near=float(np.cos(np.radians(6)))))
    assert [[e.file.path for e in g.files] for g in groups] == [["/3", "/4"], ["/0", "/1", "/2"]]
    assert groups[1].similarity == pytest.approx(np.cos(np.radians(5)), abs=2e-3)


def test_copies_of_what_is_alike_are_listed_too(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    add("/a.flac", vector=at(0))
    add("/a.mp3", vector=at(0))
    add("/copy of a.mp3", sound="/a.mp3")
    assert found(db, model) == [
        ("same audio", ["/a.mp3", "/copy of a.mp3"]),
        ("alike", ["/a.flac", "/a.mp3", "/copy of a.mp3"]),
    ]


def test_an_empty_library_and_a_model_without_embeddings(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    assert found(db, model) == []
    add("/a")
    add("/b", None)
    assert found(db, Model(model.id, "x", "x", (), 0)) == []


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1200))
def test_pairs_are_those_of_all_with_all(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 3)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    seconds = np.sort(rng.uniform(0, 100, n))
    pairs = {(i, j) for i, j, _ in _pairs(matrix, seconds, 0.97)}
    i, j = np.triu_indices(n, 1)
    near = ((matrix @ matrix.T)[i, j] >= 0.97) & (seconds[j] - seconds[i] <= LENGTH)
    assert pairs == set(zip(i[near].tolist(), j[near].tolist(), strict=True))
    groups = [members for members, _ in _groups(np.arange(n), [(*p, 0.98) for p in pairs])]
    assert sorted(m for group in groups for m in group) == sorted({i for p in pairs for i in p})
    for one, other in pairs:
        assert sum(one in group for group in groups) == 1
        assert any({one, other} <= set(group) for group in groups)
