"""What a person has said of songs, as examples to train from."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import LibraryError
from genrewise.labels import fold
from genrewise.library.catalogue import decide, labelled
from genrewise.library.examples import LEAST, gather, write_manifest
from genrewise.training import datasets


def some(genre: str, n: int = LEAST) -> list[tuple[str, str]]:
    return [(f"/m/{genre}/{i}.mp3", genre) for i in range(n)]


def test_songs_and_their_genres_in_their_order() -> None:
    said = [*some("Dub"), *some("R&B/Soul", 4)]
    found = gather(said)
    assert found.songs == tuple(said)
    assert (dict(found.rare), found.unnamed, found.remarks()) == ({}, 0, [])


def test_spellings_are_one_genre_under_the_most_usual() -> None:
    said = [("/a", "Hip-Hop"), ("/b", "hip hop"), ("/c", " Hip-Hop "), *some("Dub")]
    assert {genre for _, genre in gather(said).songs} == {"Hip-Hop", "Dub"}
    assert len(gather(said).songs) == 6


def test_what_is_rare_or_has_no_name_is_left_out_and_said() -> None:
    odd = os.fsdecode(b"/m/\xff.mp3")
    found = gather([*some("Dub"), *some("Ska"), *some("Polka", 2), ("/x", "Waltz"), (odd, "Dub")])
    assert {genre for _, genre in found.songs} == {"Dub", "Ska"}
    assert odd not in dict(found.songs)
    assert found.remarks() == [
        "left out: Polka (2), Waltz (1); a genre needs 3 songs",
        "left out: 1 file of a name that is no UTF-8",
    ]


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ([], "said the genre of no song; expected"),
        (some("Dub", 9), "too few songs: Dub (9); expected"),
        ([*some("Dub", 9), *some("Ska", 2)], "too few songs: Dub (9), Ska (2); expected"),
    ],
)
def test_too_few(said: list[tuple[str, str]], given: str) -> None:
    with pytest.raises(LibraryError) as caught:
        gather(said)
    assert given in str(caught.value)
    assert str(caught.value).endswith(
        "two genres or more, of 3 songs each. Say more: genrewise review"
    )


@given(st.lists(st.sampled_from(["Dub", "dub", "Ska", "S-K-A", "Waltz"]), max_size=40))
def test_nothing_is_lost(genres: list[str]) -> None:
    said = [(f"/{i}", genre) for i, genre in enumerate(genres)]
    try:
        found = gather(said)
    except LibraryError:
        return
    assert len(found.songs) + sum(found.rare.values()) == len(said)
    given_as = dict(said)
    assert all(fold(given_as[path]) == fold(genre) for path, genre in found.songs)
    assert len({fold(g) for _, g in found.songs}) == len({g for _, g in found.songs})


def test_the_list_is_a_data_set(tmp_path: Path) -> None:
    """Songs of one file name in two folders are two tracks."""
    songs = []
    for folder in ("ä, b", 'c "d"'):
        (tmp_path / folder).mkdir()
        for i in range(3):
            path = tmp_path / folder / f"{i}.mp3"
            path.write_bytes(b"")
            songs.append((str(path), folder.title()))
    write_manifest(tmp_path / "report" / "library.csv", songs)
    dataset = datasets.read(tmp_path / "report" / "library.csv")
    assert dataset.name == "library"
    assert [(str(dataset.file(i)), item.label) for i, item in enumerate(dataset.items)] == songs
    assert len({item.group for item in dataset.items}) == 6


def test_what_the_catalogue_holds(db: sqlite3.Connection, add: Callable[..., int]) -> None:
    audio = {}
    for i in range(8):
        row = add(f"/m/{i}.mp3")
        audio[i] = db.execute("SELECT audio FROM files WHERE id = ?", (row,)).fetchone()[0]
    add("/m/a copy.mp3", sound="/m/0.mp3")
    decide(db, [(audio[i], "changed", ["Dub", "Ska"]) for i in range(3)])
    decide(db, [(audio[i], "accepted", ["Jazz"]) for i in range(3, 6)])
    decide(db, [(audio[6], "skipped", [])])
    assert sorted(gather(labelled(db)).songs) == [
        *((f"/m/{i}.mp3", "Dub") for i in range(3)),
        *((f"/m/{i}.mp3", "Jazz") for i in range(3, 6)),
    ]
