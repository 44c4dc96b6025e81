"""Playlists that a player can read: paths, names of any bytes, lists that move with their music."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import LibraryError
from genrewise.library.playlists import Item, csv_text, m3u8_text, write_csv, write_playlist


def paths(text: str, folder: str) -> list[str]:
    """What a player makes of a list in a folder."""
    found = []
    for line in text.splitlines():
        if line.startswith("file://"):
            found.append(os.fsdecode(unquote_to_bytes(line.removeprefix("file://"))))
        elif not line.startswith("#"):
            found.append(os.path.normpath(os.path.join(folder, line)))  # noqa: PTH118
    return found


def test_a_list_says_length_artist_and_title(tmp_path: Path) -> None:
    items = [
        Item(str(tmp_path / "a.mp3"), 61.6, "Ann", "Über"),
        Item(str(tmp_path / "below" / "b.mp3"), 0.0),
        Item(str(tmp_path / "c.mp3"), 5.0, "", "A\nB\u202e"),
    ]
    assert m3u8_text(items, tmp_path).splitlines() == [
        "#EXTM3U",
        "#EXTINF:62,Ann - Über",
        "a.mp3",
        "#EXTINF:-1,b",
        "below/b.mp3",
        "#EXTINF:5,A B",
        "c.mp3",
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/usb/lists/a.mp3", "a.mp3"),
        ("/usb/music/x/a.mp3", "../music/x/a.mp3"),
        ("/home/ann/a.mp3", "/home/ann/a.mp3"),
        ("/usb/lists/#1 hit.mp3", "./#1 hit.mp3"),
        ("/usb/lists/ a.mp3", "./ a.mp3"),
        ("/usb/lists/a\nb.mp3", "file:///usb/lists/a%0Ab.mp3"),
        (os.fsdecode(b"/usb/lists/\xff.mp3"), "file:///usb/lists/%FF.mp3"),
        ("/usb/lists/日本 \U0001f3b5.mp3", "日本 \U0001f3b5.mp3"),
    ],
)
def test_paths_are_relative_where_list_and_music_share_a_tree(path: str, line: str) -> None:
    text = m3u8_text([Item(path)], Path("/usb/lists"))
    assert text.splitlines()[2] == line
    assert paths(text, "/usb/lists") == [path]


@given(
    st.lists(st.binary(min_size=1, max_size=12).filter(lambda b: b"/" not in b and b"\0" not in b))
)
def test_every_name_can_be_read_back(names: list[bytes]) -> None:
    names = [name for name in names if name not in (b".", b"..")]
    items = [Item(os.fsdecode(b"/usb/music/" + name), 1.0, "x", "y") for name in names]
    text = m3u8_text(items, Path("/usb/lists"))
    text.encode("utf-8")
    assert len(text.splitlines()) == 1 + 2 * len(items)
    assert paths(text, "/usb/lists") == [item.path for item in items]


def test_a_table_has_all_columns() -> None:
    item = Item("/a,b.mp3", 61.25, "Ann", 'T"t', "One", "Dub; Ska", 0.98765432)
    (row,) = csv.DictReader(io.StringIO(csv_text([item]), newline=""))
    assert row == {
        "path": "/a,b.mp3", "artist": "Ann", "title": 'T"t', "album": "One", "genre": "Dub; Ska",
        "seconds": "61.2", "similarity": "0.987654",
    }  # fmt: skip


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    items = [Item(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp3"), 3.0)]
    write_playlist(tmp_path / "out.M3U8", items)
    write_csv(tmp_path / "out.csv", items)
    text = (tmp_path / "out.M3U8").read_text(encoding="utf-8")
    assert paths(text, str(tmp_path)) == [items[0].path]
    assert os.fsencode(items[0].path) in (tmp_path / "out.csv").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["out.M3U8", "out.csv"]  # noqa: PTH208
    with pytest.raises(LibraryError, match=r"expected a name that ends in \.m3u8"):
        write_playlist(tmp_path / "out.txt", items)
    with pytest.raises(LibraryError, match="no such file or directory"):
        write_playlist(tmp_path / "none" / "out.m3u8", items)
    with pytest.raises(LibraryError, match="a place that can be written"):
        write_csv(Path("/proc/out.csv"), items)
