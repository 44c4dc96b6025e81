"""What is kept on disk: whole, found again, mended and bounded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from genrewise.training import kept

DAY = 86_400.0


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song é.wav"
    path.write_bytes(b"some music")
    return path


def key(folder: Path, song: Path, start: float = 0.0, what: str = "x") -> Path:
    return kept.key_of(folder, str(song), start, None, what)


def test_arrays_come_back_as_they_were(tmp_path: Path, song: Path) -> None:
    place = key(tmp_path / "new", song)
    assert kept.load(place, ["a"]) is None
    kept.keep(place, {"a": np.arange(5, dtype=np.float32), "text": np.array("ü")})
    found = kept.load(place, ["a", "text"])
    assert found is not None
    np.testing.assert_array_equal(found["a"], np.arange(5, dtype=np.float32))
    assert found["a"].dtype == np.float32
    assert str(found["text"]) == "ü"
    assert [p.name for p in place.parent.iterdir()] == [place.name]


def test_a_key_tells_what_matters_apart(tmp_path: Path, song: Path) -> None:
    first = key(tmp_path, song)
    assert key(tmp_path, song) == first
    assert key(tmp_path, song, start=1.0) != first
    assert key(tmp_path, song, what="y") != first
    assert kept.key_of(tmp_path, str(song), 0.0, 3.0, "x") != first


def test_a_changed_file_has_another_key(tmp_path: Path, song: Path) -> None:
    first = key(tmp_path, song)
    song.write_bytes(b"other music")
    second = key(tmp_path, song)
    os.utime(song, (1e9, 1e9))
    assert len({first, second, key(tmp_path, song)}) == 3


def test_one_file_by_two_paths_has_one_key(
    tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert kept.key_of(tmp_path, song.name, 0.0, None, "x") == key(tmp_path, song)


def test_addresses_and_odd_names_have_keys(tmp_path: Path) -> None:
    for name in ("https://example.org/a.mp3", "gone.wav", "a\x00b", "caf\udce9.wav"):
        assert kept.key_of(tmp_path, name, 0.0, None, "x").suffix == ".npz"


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_a_damaged_file_is_none_and_is_deleted(tmp_path: Path, song: Path, damage: str) -> None:
    place = key(tmp_path, song)
    kept.keep(place, {"a": np.arange(1000)})
    if damage == "cut":
        place.write_bytes(place.read_bytes()[:200])
    elif damage == "other":
        kept.keep(place, {"b": np.arange(3)})
    else:
        place.write_bytes(b"no archive" if damage == "text" else b"")
    assert kept.load(place, ["a"]) is None
    assert not place.exists()


def test_the_folder_is_bounded_oldest_first(tmp_path: Path) -> None:
    places = [tmp_path / f"{i:02d}" / f"{i}.npz" for i in range(5)]
    for age, place in enumerate(places):
        place.parent.mkdir()
        place.write_bytes(b"x" * 100)
        used = time.time() - (age + 2) * DAY
        os.utime(place, (used, used))
    assert kept.prune(tmp_path, 300) == 2
    assert [p.exists() for p in places] == [True, True, True, False, False]
    assert kept.prune(tmp_path, 300) == 0


def test_nothing_that_was_used_today_is_deleted(tmp_path: Path) -> None:
    places = [tmp_path / "00" / f"{i}.npz" for i in range(3)]
    places[0].parent.mkdir()
    for place in places:
        place.write_bytes(b"x" * 100)
        os.utime(place, (1e9, 1e9))
    kept.touch([*places[:2], tmp_path / "gone"])
    assert kept.prune(tmp_path, 0) == 1
    assert [p.exists() for p in places] == [True, True, False]


def test_a_folder_that_is_not_there_needs_no_pruning(tmp_path: Path) -> None:
    assert kept.prune(tmp_path / "none") == 0
