"""Nearest songs: against brute force in double precision, with every filter, and on real audio."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise import bundle
from genrewise.errors import GenrewiseError, LibraryError
from genrewise.inference import Classifier
from genrewise.library.catalogue import Model, register
from genrewise.library.database import transaction
from genrewise.library.listening import listen
from genrewise.library.scan import scan
from genrewise.library.similar import ALIKE, Filters, Song, Vectors, load, ranked, similar, song

Add = Callable[..., int]


def at(degrees: float) -> tuple[float, float]:
    """A unit vector in the plane."""
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def origin(path: str = "/song", **more: object) -> Song:
    values = {"audio": None, "artist": "", "album": ""} | more
    return Song(path, vector=np.array([1.0, 0.0], dtype=np.float32), **values)  # type: ignore[arg-type]


def names(db: sqlite3.Connection, model: Model, n: int = 9, **filters: object) -> list[str]:
    to = origin(artist="Ann", album="One")
    found = similar(db, model, to, n, Filters(**filters))  # type: ignore[arg-type]
    return [neighbour.entry.file.path for neighbour in found]


# ------------------------------------------------------------------ the order


@pytest.mark.parametrize(("n", "size"), [(0, 4), (1, 4), (50, 2), (5000, 64)])
def test_the_order_is_that_of_brute_force_in_double_precision(n: int, size: int) -> None:
    rng = np.random.default_rng(n)
    half = rng.normal(size=(n, size)).astype(np.float16)
    matrix = half.astype(np.float32)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    query = rng.normal(size=size).astype(np.float32)
    found = list(ranked(Vectors(np.arange(n) + 7, matrix), query))
    unit = (query / np.linalg.norm(query)).astype(np.float64)
    exact = matrix.astype(np.float64) @ unit
    order = np.lexsort((np.arange(n), -exact))
    assert [audio - 7 for audio, _ in found[:1000]] == order[:1000].tolist()
    assert [s for _, s in found] == pytest.approx(exact[order].tolist(), abs=1e-6)
    assert sorted(audio for audio, _ in found) == list(range(7, n + 7))


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, 5.0001, 90.0, 180.0]), max_size=40))
def test_equals_come_by_their_rows(angles: list[float]) -> None:
    matrix = np.array([at(a) for a in angles], dtype=np.float32).reshape(len(angles), 2)
    found = list(ranked(Vectors(np.arange(len(angles)), matrix), np.array([1.0, 0.0])))
    assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
    for (one, s), (other, t) in itertools.pairwise(found):
        assert s > t or one < other


def test_the_head_is_in_the_right_order_where_single_precision_is_not() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=64)
    matrix = one + 1e-4 * rng.normal(size=(3000, 64))
    matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    query = (one / np.linalg.norm(one)).astype(np.float32)
    found = [audio for audio, _ in ranked(Vectors(np.arange(3000), matrix), query)]
    unit = (query / np.linalg.norm(query)).astype(np.float32).astype(np.float64)
    exact = matrix.astype(np.float64) @ unit
    assert found[:1000] == np.lexsort((np.arange(3000), -exact))[:1000].tolist()


def test_vectors_are_those_of_one_model_and_of_unit_length(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    add("/a", vector=(0.6, 0.8))
    add("/b", vector=(3.0, 4.0))
    add("/c", None)
    with transaction(db):
        db.execute("INSERT INTO models VALUES (9, 'x', 'x', '[]', 2, '')")
        db.execute("INSERT INTO embeddings VALUES (9, 1, zeroblob(4))")
    found = load(db, model)
    assert len(found.audio) == 2
    assert found.matrix == pytest.approx(np.array([[0.6, 0.8], [0.6, 0.8]]), abs=1e-3)
    assert np.linalg.norm(found.matrix, axis=1) == pytest.approx([1.0, 1.0], abs=1e-6)
    assert len(load(db, Model(10, "y", "y", (), 2)).audio) == 0
    with pytest.raises(LibraryError, match="a model without embeddings"):
        load(db, Model(11, "z", "z", (), 0))


# ------------------------------------------------------------------ the filters


@pytest.fixture
def songs(db: sqlite3.Connection, add: Add) -> sqlite3.Connection:
    add("/1", vector=at(1), artist="ann", album="Two")
    add("/2", vector=at(10), artist="Bo", album="ONE", genres=("Dub", "Ska"))
    add("/3", vector=at(20), artist="Bo", album="Two", genres=("Ska",))
    add("/4", (0.8, 0.1, 0.1), vector=at(30))
    add("/5", (0.4, 0.3, 0.3), genre=None, vector=at(40))
    add("/copy of 3", sound="/3", artist="Cy")
    add("/gone", state="missing", vector=at(0))
    add("/song", vector=(1.0, 0.0), artist="Ann", album="One")
    return db


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["/1", "/2", "/3", "/copy of 3", "/4", "/5"]),
        ({"other_artist": True}, ["/2", "/3", "/copy of 3", "/4", "/5"]),
        ({"other_album": True}, ["/1", "/3", "/copy of 3", "/4", "/5"]),
        ({"no_duplicates": True}, ["/2", "/3", "/4", "/5"]),
        ({"genre": "ska"}, ["/2", "/3"]),
        ({"genre": "Blues"}, ["/4"]),
        ({"genre": "hip hop"}, ["/1", "/copy of 3"]),
        ({"genre": "Polka"}, []),
        ({"genre": "SKA", "other_album": True, "no_duplicates": True}, ["/3"]),
    ],
)
def test_filters(
    songs: sqlite3.Connection, model: Model, filters: dict[str, object], found: list[str]
) -> None:
    assert names(songs, model, **filters) == found


def test_as_many_as_are_wanted(songs: sqlite3.Connection, model: Model) -> None:
    assert names(songs, model, 3) == ["/1", "/2", "/3"]
    assert names(songs, model, 1, other_artist=True) == ["/2"]


def test_similarities_are_cosines(songs: sqlite3.Connection, model: Model) -> None:
    found = similar(songs, model, origin(), 9)
    assert [n.similarity for n in found] == pytest.approx(
        [float(np.cos(np.radians(a))) for a in (1, 10, 20, 20, 30, 40)], abs=1e-3
    )
    assert np.cos(np.radians(1)) < 1
    assert np.cos(np.radians(1)) > ALIKE


def test_a_song_without_artist_or_album_excludes_nothing(
    songs: sqlite3.Connection, model: Model
) -> None:
    found = similar(songs, model, origin(), 9, Filters(other_artist=True, other_album=True))
    assert len(found) == 6


# ------------------------------------------------------------------ real audio


def sound(path: Path, hz: float) -> Path:
    t = np.arange(3 * 22050) / 22050
    y = sum(np.sin(2 * np.pi * f * t) for f in (hz, hz * 1.26)) / 4 * (1 + np.sign(t % 0.4 - 0.2))
    soundfile.write(path, y.astype(np.float32), 22050)
    return path


@pytest.fixture
def heard(db: sqlite3.Connection, tmp_path: Path) -> Model:
    """Three songs that the small model has listened to."""
    path = bundle.find("small-gtzan-v1")
    found_by = register(db, path)
    for i in range(3):
        sound(tmp_path / f"{i}.flac", 200.0 * (i + 1))
    found = scan(db, [str(tmp_path / f"{i}.flac") for i in range(3)], found_by.id)
    assert [o.kind for o in listen(db, found.work, found_by, path, workers=1)] == ["ok"] * 3
    return found_by


def test_a_song_of_the_library_is_not_listened_to(
    db: sqlite3.Connection, heard: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genrewise import engine

    monkeypatch.delattr(engine, "run")
    monkeypatch.chdir(tmp_path)
    found = song(db, "1.flac", heard)
    expected = Classifier("small-gtzan-v1").predict_file("1.flac").embedding
    assert found.path == str(tmp_path / "1.flac")
    assert found.vector == pytest.approx(expected, abs=1e-3)
    nearest = similar(db, heard, found, 2)
    assert {os.path.basename(n.entry.file.path) for n in nearest} == {"0.flac", "2.flac"}  # noqa: PTH119


def test_any_other_song_is_listened_to(
    db: sqlite3.Connection, heard: Model, tmp_path: Path
) -> None:
    known = shutil.copy(tmp_path / "2.flac", tmp_path / "copy.flac")
    new = sound(tmp_path / "new.ogg", 210.0)
    copy, other = song(db, known, heard), song(db, str(new), heard)
    assert copy.audio == song(db, str(tmp_path / "2.flac"), heard).audio is not None
    assert other.audio is None
    first = similar(db, heard, copy, 1)[0]
    assert (os.path.basename(first.entry.file.path), first.similarity) == (  # noqa: PTH119
        "2.flac", pytest.approx(1.0, abs=1e-3),
    )  # fmt: skip
    expected = Classifier("small-gtzan-v1").predict_file(new).embedding
    assert other.vector == pytest.approx(expected, abs=1e-3)
    assert db.execute("SELECT count(*) FROM files").fetchone()[0] == 3  # it is not taken in


def test_what_is_no_song(db: sqlite3.Connection, heard: Model, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"none\.mp3: no such file"):
        song(db, "none.mp3", heard)
    (tmp_path / "text.mp3").write_text("no music " * 50)
    with pytest.raises(GenrewiseError, match=r"text\.mp3"):
        song(db, str(tmp_path / "text.mp3"), heard)


def test_the_library_s_model_must_be_here_for_a_new_song(
    db: sqlite3.Connection, heard: Model, tmp_path: Path
) -> None:
    other = Model(heard.id, heard.name, "00" * 32, heard.labels, 64, "/no/such.genrewise")
    new = sound(tmp_path / "new.ogg", 210.0)
    with pytest.raises(LibraryError, match=r"small-gtzan-v1 \(00000000\), which the library was"):
        song(db, str(new), other)
    moved = Model(heard.id, "no such name", heard.hash, heard.labels, 64, heard.path)
    assert song(db, str(new), moved).audio is None


@pytest.mark.slow
def test_halves_of_a_real_song_are_nearest_to_each_other(
    db: sqlite3.Connection, tmp_path: Path, shared_data: Path
) -> None:
    path = bundle.find("small-gtzan-v1")
    heard_by = register(db, path)
    songs = sorted((shared_data / "gtzan").glob("*/*.opus"))[::26][:24]
    halves = []
    for i, real in enumerate(songs):
        y, sr = soundfile.read(real, dtype="float32")
        for j in range(2):
            halves.append(str(tmp_path / f"{i:02}{'ab'[j]}.flac"))
            soundfile.write(halves[-1], y[j * len(y) // 2 : (j + 1) * len(y) // 2], sr)
    found = scan(db, halves, heard_by.id)
    assert [o.kind for o in listen(db, found.work, heard_by, path)] == ["ok"] * len(halves)
    first = [
        similar(db, heard_by, song(db, half, heard_by), 1)[0].entry.file.path for half in halves
    ]
    mates = [half[:-6] + ("b" if half[-6] == "a" else "a") + ".flac" for half in halves]
    right = sum(one == other for one, other in zip(first, mates, strict=True))
    assert right >= 0.8 * len(halves)  # by chance it would be one
