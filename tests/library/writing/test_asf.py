"""ASF: attributes in several lists, texts without names, room in a padding object."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from uuid import UUID

import av
import mutagen.asf
import numpy as np
import pytest

from genrewise.library.audio_hash import audio_hash
from genrewise.library.containers import asf
from genrewise.library.containers.base import Unsafe, Wish
from genrewise.library.patch import apply_patch, make_patch, spliced

from .conftest import PICTURE, Song

JAZZ = Wish("genre", ("Jazz",))
LONG = Wish("genre", ("A long genre " * 100,))


def edited(path: Path, wish: Wish) -> None:
    with path.open("rb") as file:
        edit = asf.change(file, wish)
        new = b"".join(spliced(file, edit.splices))
        patch = make_patch(file, edit.splices)
    assert b"".join(apply_patch(io.BytesIO(new), patch)) == path.read_bytes()
    path.write_bytes(new)


def objects(path: Path) -> dict[bytes, bytes]:
    """Objects of the header by their kinds; their lengths add up to what it says."""
    data = path.read_bytes()
    size, count = struct.unpack_from("<QI", data, 16)
    found, place = {}, 30
    while place < size:
        length = struct.unpack_from("<Q", data, place + 16)[0]
        found[data[place : place + 16]] = data[place : place + length]
        place += length
    assert (place, len(found)) == (size, count)
    return found


def samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


@pytest.fixture
def path(song: Song) -> Path:
    return song("wma.wma")


@pytest.fixture
def tight(path: Path) -> Path:
    """Without room for more."""
    mutagen.asf.ASF(path).save(padding=lambda _: 0)
    return path


def test_the_guids_are_those_of_the_specification() -> None:
    assert UUID(bytes_le=asf.MAGIC) == UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C")
    assert UUID(bytes_le=asf.PADDING) == UUID("1806D474-CADF-4509-A4BA-9AABCB96AAE8")


def test_padding_takes_up_what_the_header_grows_by(path: Path) -> None:
    size, before = path.stat().st_size, objects(path)
    edited(path, Wish("genre", ("A long genre " * 9,)))
    assert path.stat().st_size == size
    edited(path, JAZZ)
    assert path.stat().st_size == size
    after = objects(path)
    assert list(after) == list(before)
    for guid in set(before) - {asf.ATTRIBUTES, asf.PADDING}:
        assert after[guid] == before[guid]
    assert mutagen.asf.ASF(path)["WM/Genre"] == ["Jazz"]


def test_without_padding_the_audio_moves(tight: Path) -> None:
    size, heard, y = tight.stat().st_size, audio_hash(tight), samples(tight)
    data = bytearray(tight.read_bytes())
    at = data.index(asf.FILE) + 40
    struct.pack_into("<Q", data, at, size)  # as encoders have it
    tight.write_bytes(bytes(data))
    edited(tight, LONG)
    grown = tight.stat().st_size - size
    assert grown == 2 * (len(LONG.text) - len("Old Genre"))
    assert struct.unpack_from("<Q", tight.read_bytes(), at)[0] == size + grown
    assert objects(tight)
    assert audio_hash(tight) == heard
    assert np.array_equal(samples(tight), y)
    tags = mutagen.asf.ASF(tight)
    assert tags["WM/Genre"] == list(LONG.values)
    assert tags["WM/Picture"][0].value == b"\3" + PICTURE


def test_several_genres_and_all_other_attributes(path: Path) -> None:
    def others() -> list[tuple[str, object, int | None]]:
        tags = mutagen.asf.ASF(path).tags
        return [(k, str(v), v.language) for k, v in tags if k not in ("WM/Genre", "WM/GenreID")]

    before = others()
    edited(path, Wish("genre", ("Jazz", "Ärger")))
    assert mutagen.asf.ASF(path)["WM/Genre"] == ["Jazz", "Ärger"]
    assert others() == before
    edited(path, JAZZ)
    assert mutagen.asf.ASF(path)["WM/Genre"] == ["Jazz"]
    assert others() == before


def test_genres_in_other_lists_and_numbers_of_genres_go(path: Path) -> None:
    tags = mutagen.asf.ASF(path)
    tags["WM/Genre"] = [mutagen.asf.ASFUnicodeAttribute("Alt", language=1)]  # metadata library
    tags["WM/GenreID"] = ["(17)"]
    tags["WM/Other"] = [mutagen.asf.ASFUnicodeAttribute("kept", stream=1)]
    tags.save()
    edited(path, JAZZ)
    tags = mutagen.asf.ASF(path)
    assert (tags["WM/Genre"], "WM/GenreID" in tags, tags["WM/Other"]) == (["Jazz"], False, ["kept"])
    assert objects(path)
    edited(path, Wish("genre", ()))
    assert "WM/Genre" not in mutagen.asf.ASF(path)


def test_a_header_without_attributes_gets_a_list(tight: Path) -> None:
    data = tight.read_bytes()
    held = objects(tight)[asf.ATTRIBUTES]
    size, count = struct.unpack_from("<QI", data, 16)
    head = data[:16] + struct.pack("<QI", size - len(held), count - 1) + data[28:]
    tight.write_bytes(head.replace(held, b"", 1))
    y = samples(tight)
    with tight.open("rb") as file:
        assert asf.change(file, Wish("genre", ())).splices == ()
    edited(tight, JAZZ)
    assert objects(tight)[asf.ATTRIBUTES].count(b"W\0M\0/\0") == 1
    assert mutagen.asf.ASF(tight)["WM/Genre"] == ["Jazz"]
    assert np.array_equal(samples(tight), y)


def test_a_comment_stands_among_four_others(path: Path) -> None:
    tags = mutagen.asf.ASF(path)
    tags["Copyright"], tags["Description"], tags["Rating"] = "(c) us", "old", "five"
    tags.save()
    edited(path, Wish("comment", ("A", "Ä")))
    tags = mutagen.asf.ASF(path)
    assert [str(tags[k][0]) for k in ("Title", "Author", "Copyright", "Description", "Rating")] == [
        *("Ärger 日本", "The Artist", "(c) us", "A; Ä", "five"),
    ]
    with path.open("rb") as file:
        assert asf.change(file, Wish("comment", ("A", "Ä"))).splices == ()
    edited(path, Wish("comment", ()))
    assert "Description" not in mutagen.asf.ASF(path)


def test_a_comment_where_there_are_no_texts(path: Path) -> None:
    data = path.read_bytes().replace(asf.CONTENT, UUID(int=7).bytes_le, 1)
    path.write_bytes(data)
    with path.open("rb") as file:
        assert asf.change(file, Wish("comment", ())).splices == ()
    edited(path, Wish("comment", ("A",)))
    assert mutagen.asf.ASF(path)["Description"] == ["A"]
    assert objects(path)


# ------------------------------------------------------------------ refused


def with_bytes(path: Path, at: int, new: bytes) -> io.BytesIO:
    data = path.read_bytes()
    return io.BytesIO(data[:at] + new + data[at + len(new) :])


def test_headers_that_are_damaged(path: Path) -> None:
    data = path.read_bytes()
    attributes = data.index(asf.ATTRIBUTES)
    for at, new, why in (
        (16, struct.pack("<Q", 10), "its header is damaged"),
        (16, struct.pack("<Q", len(data) + 1), "its header is damaged"),
        (30 + 16, struct.pack("<Q", 3), "its header is damaged"),
        (30 + 16, struct.pack("<Q", 1 << 40), "its header is damaged"),
        (attributes + 24, b"\xff\xff", "its attributes are damaged"),
        (attributes + 26, b"\xff\xff", "its attributes are damaged"),
    ):
        with pytest.raises(Unsafe, match=why):
            asf.change(with_bytes(path, at, new), JAZZ)


def test_an_object_that_is_there_twice(path: Path) -> None:
    at = path.read_bytes().index(asf.PADDING)
    with pytest.raises(Unsafe, match="its header has an object twice"):
        asf.change(with_bytes(path, at, asf.ATTRIBUTES), JAZZ)


def test_texts_that_are_too_long(path: Path) -> None:
    for wish in (Wish("genre", ("x" * 40_000,)), Wish("comment", ("x" * 40_000,))):
        with path.open("rb") as file, pytest.raises(Unsafe, match="is too long for it"):
            asf.change(file, wish)


def test_texts_that_reach_beyond_their_object(path: Path) -> None:
    at = path.read_bytes().index(asf.CONTENT) + 24
    with pytest.raises(Unsafe, match="its description is damaged"):
        asf.change(with_bytes(path, at, b"\xff\xff"), Wish("comment", ("A",)))


def test_where_the_audio_lies(path: Path) -> None:
    data = path.read_bytes()
    start = data.index(asf.DATA)
    length = struct.unpack_from("<Q", data, start + 16)[0]
    assert asf.audio(io.BytesIO(data)) == [(start + 50, start + length)]
    assert asf.audio(with_bytes(path, start + 16, bytes(8))) == [(start + 50, len(data))]
    with pytest.raises(Unsafe, match="it has no audio"):
        asf.audio(with_bytes(path, start, bytes(24)))
    with pytest.raises(Unsafe, match="it has no audio"):
        asf.audio(io.BytesIO(data[:start]))
