"""MP4: the list of items grows, and sound is found where it then lies."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import mutagen.mp4
import numpy as np
import pytest

from genrewise.library.audio_hash import audio_hash
from genrewise.library.containers import mp4
from genrewise.library.containers.atoms import Atom, atom, child, children, inside, top
from genrewise.library.containers.base import Unsafe, Wish
from genrewise.library.patch import apply_patch, make_patch, spliced

from .conftest import Song, encode

JAZZ = Wish("genre", ("Jazz",))
LONG = Wish("genre", ("A long genre " * 100,))


def edited(path: Path, wish: Wish) -> None:
    with path.open("rb") as file:
        edit = mp4.change(file, wish)
        new = b"".join(spliced(file, edit.splices))
        patch = make_patch(file, edit.splices)
    assert b"".join(apply_patch(io.BytesIO(new), patch)) == path.read_bytes()
    path.write_bytes(new)


def samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


def names(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [a.name for a in top(file)]


def find(path: Path, *way: bytes) -> Atom:
    """An atom on a path from the top."""
    with path.open("rb") as file:
        first = child(top(file), way[0])
        assert first is not None
        for name in way[1:]:
            skip = 4 if first.name == b"meta" else 0
            first = child(children(file, first, skip), name)
            assert first is not None
        return first


ILST = (b"moov", b"udta", b"meta", b"ilst")


def rebuilt(path: Path, change: object) -> None:
    """A file with its top atoms in another order or changed; its tables are kept right."""
    assert callable(change)
    data = path.read_bytes()
    with path.open("rb") as file:
        parts = [(a.name, data[a.start : a.stop]) for a in top(file)]
    old = sum(len(p) for n, p in parts[: [n for n, _ in parts].index(b"mdat")])
    parts = change(parts)
    new = sum(len(p) for n, p in parts[: [n for n, _ in parts].index(b"mdat")])
    moved = bytearray(b"".join(p for _, p in parts))
    with io.BytesIO(bytes(moved)) as file:
        moov = child(top(file), b"moov")
        assert moov is not None
        for table in inside(file, moov, b"trak", b"mdia", b"minf", b"stbl", b"stco"):
            (count,) = struct.unpack_from(">I", moved, table.body + 4)
            for i in range(count):
                at = table.body + 8 + 4 * i
                (place,) = struct.unpack_from(">I", moved, at)
                struct.pack_into(">I", moved, at, place + new - old)
    path.write_bytes(bytes(moved))


def sound_last(parts: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """As programs for streaming have it: description before sound, nothing between."""
    kept = [p for p in parts if p[0] != b"free"]
    return sorted(kept, key=lambda p: p[0] == b"mdat")


@pytest.fixture(params=["m4a.m4a", "alac.m4a"])
def tight(request: pytest.FixtureRequest, song: Song) -> Path:
    """Description first, and no room for anything."""
    path = song(request.param)
    mutagen.mp4.MP4(path).save(padding=lambda _: 0)
    y = samples(path)
    rebuilt(path, sound_last)
    assert np.array_equal(samples(path), y)
    assert names(path) == [b"ftyp", b"moov", b"mdat"]
    return path


# ------------------------------------------------------------------ room


def test_free_space_beside_the_list_is_used(song: Song) -> None:
    path = song("m4a.m4a")
    y, size = samples(path), path.stat().st_size
    meta = find(path, *ILST[:3])
    edited(path, Wish("genre", ("A somewhat longer genre",)))
    assert path.stat().st_size == size
    assert find(path, *ILST[:3]) == meta
    edited(path, Wish("genre", ("X",)))
    assert path.stat().st_size == size
    assert np.array_equal(samples(path), y)
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["X"]


@pytest.mark.parametrize("wish", [JAZZ, LONG, Wish("genre", ())])
def test_sound_moves_where_there_is_no_room(tight: Path, wish: Wish) -> None:
    y, heard, old = samples(tight), audio_hash(tight), find(tight, b"mdat")
    tags = {k: v for k, v in mutagen.mp4.MP4(tight).items() if k != "\xa9gen"}
    chapters = [(c.start, c.title) for c in mutagen.mp4.MP4(tight).chapters]
    edited(tight, wish)
    # What becomes less leaves free space behind; only what becomes more needs to move sound.
    assert (find(tight, b"mdat").start > old.start) == (wish is LONG)
    assert np.array_equal(samples(tight), y)
    assert audio_hash(tight) == heard
    new = mutagen.mp4.MP4(tight)
    assert tuple(new.pop("\xa9gen", ())) == wish.values
    assert dict(new) == tags
    assert [(c.start, c.title) for c in new.chapters] == chapters == [(0.0, "begin"), (0.5, "end")]


def test_free_space_behind_the_description_is_used(tight: Path) -> None:
    rebuilt(tight, lambda parts: [*parts[:2], (b"free", atom(b"free", bytes(2000))), parts[2]])
    y, size, sound = samples(tight), tight.stat().st_size, find(tight, b"mdat")
    edited(tight, LONG)
    assert (tight.stat().st_size, find(tight, b"mdat")) == (size, sound)
    assert find(tight, b"free").stop - find(tight, b"free").start < 2008 - 1200
    assert np.array_equal(samples(tight), y)
    edited(tight, Wish("genre", ("Blue" * 700,)))  # more than there is: all of it moves
    assert find(tight, b"mdat").start > sound.start
    assert np.array_equal(samples(tight), y)


def test_the_description_at_the_end_moves_nothing(song: Song) -> None:
    path = song("m4a.m4a")
    mutagen.mp4.MP4(path).save(padding=lambda _: 0)
    rebuilt(path, lambda parts: sorted(parts, key=lambda p: p[0] == b"moov"))
    sound, y = find(path, b"mdat"), samples(path)
    edited(path, LONG)
    assert find(path, b"mdat") == sound
    assert np.array_equal(samples(path), y)


def test_places_of_eight_bytes(tight: Path) -> None:
    """``co64`` instead of ``stco``, and a ``moov`` whose length has eight bytes."""
    data = tight.read_bytes()
    with tight.open("rb") as file:
        moov = child(top(file), b"moov")
        assert moov is not None
        assert inside(file, moov, b"trak", b"mdia", b"minf", b"stbl", b"stco")
    y = samples(tight)

    def widened(held: bytes, name: bytes) -> bytes:
        """An atom with all tables in it made wide; they point on by what that adds."""
        if name == b"stco":
            (count,) = struct.unpack_from(">I", held, 12)
            places = struct.unpack_from(f">{count}I", held, 16)
            return atom(b"co64", held[8:16] + struct.pack(f">{count}Q", *(p + GAP for p in places)))
        if name not in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            return held
        with io.BytesIO(held) as file:
            parts = children(file, Atom(name, 0, 8, len(held)))
            return atom(name, b"".join(widened(held[a.start : a.stop], a.name) for a in parts))

    GAP = 0
    old = data[moov.start : moov.stop]
    GAP = len(widened(old, b"moov")) - len(old) + 8
    new = widened(old, b"moov")
    wide = struct.pack(">I4sQ", 1, b"moov", len(new) + 8) + new[8:]
    tight.write_bytes(data[: moov.start] + wide + data[moov.stop :])
    assert np.array_equal(samples(tight), y)
    edited(tight, LONG)
    assert np.array_equal(samples(tight), y)
    assert mutagen.mp4.MP4(tight)["\xa9gen"] == list(LONG.values)


# ------------------------------------------------------------------ items


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_a_list_that_is_not_there_is_made(song: Song, gone: int) -> None:
    path = song("m4a.m4a")
    y = samples(path)
    held = find(path, *ILST[: 4 - gone + 1])
    data = path.read_bytes()
    # What is gone becomes free space, so that nothing moves.
    path.write_bytes(data[: held.start + 4] + b"free" + data[held.start + 8 :])
    edited(path, JAZZ)
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["Jazz"]
    assert np.array_equal(samples(path), y)
    with path.open("rb") as file:
        assert mp4.change(file, JAZZ).splices == ()
        assert mp4.change(file, Wish("grouping", ())).splices == ()


def test_a_number_of_the_old_list_gives_way(song: Song) -> None:
    path = song("m4a.m4a")
    edited(path, Wish("genre", ()))
    at = find(path, *ILST).stop
    data = path.read_bytes()
    number = atom(b"gnre", atom(b"data", bytes(8) + b"\0\x12"))
    free, items = find(path, *ILST[:3], b"free"), find(path, *ILST)
    new = bytearray(data)
    new[at:at] = number  # into the free space behind the list
    del new[free.stop : free.stop + len(number)]
    struct.pack_into(">I", new, items.start, items.stop - items.start + len(number))
    struct.pack_into(">I", new, free.start + len(number), free.stop - free.start - len(number))
    path.write_bytes(bytes(new))
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["Rock"]
    edited(path, JAZZ)
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["Jazz"]
    assert b"gnre" not in path.read_bytes()


def test_several_genres_are_one_item(song: Song) -> None:
    path = song("m4a.m4a")
    edited(path, Wish("genre", ("Jazz", "Ärger")))
    assert path.read_bytes().count(b"\xa9gen") == 1
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["Jazz", "Ärger"]


# ------------------------------------------------------------------ refused


def spoiled(path: Path, old: bytes, new: bytes) -> io.BytesIO:
    data = path.read_bytes()
    assert old in data
    return io.BytesIO(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"moov", b"voom", "it has no description of its sound"),
        (b"mdirappl", b"mdtaappl", "its tags are none of iTunes's"),
        (b"ilst", b"\xff\xff\xff\xff", ""),
        (b"\0\0\0\x6cmvhd", b"\0\xff\0\x6cmvhd", "its atoms are damaged"),
        (b"\0\0\0\x6cmvhd", b"\0\0\0\7mvhd", "its atoms are damaged"),
    ],
)
def test_what_is_refused(song: Song, old: bytes, new: bytes, why: str) -> None:
    file = spoiled(song("m4a.m4a"), old, new)
    if not why:
        assert mp4.change(file, JAZZ).splices  # another list is made beside an unknown atom
        return
    with pytest.raises(Unsafe, match=why):
        mp4.change(file, JAZZ)


def test_fragments_that_would_have_to_move_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.m4a"
    encode(path, "aac", "mp4", movflags="frag_keyframe+empty_moov")
    assert b"moof" in names(path)
    with path.open("rb") as file, pytest.raises(Unsafe, match="in fragments and has no room"):
        mp4.change(file, JAZZ)


def test_places_that_would_not_fit(tight: Path) -> None:
    data = bytearray(tight.read_bytes())
    with tight.open("rb") as file:
        table = inside(file, find(tight, b"moov"), b"trak", b"mdia", b"minf", b"stbl", b"stco")[0]
    struct.pack_into(">I", data, table.body + 8, 0xFFFFFFF0)
    with pytest.raises(Unsafe, match="it is too long for more tags"):
        mp4.change(io.BytesIO(data), LONG)


def test_sound_that_is_cut_off_does_not_matter(tight: Path) -> None:
    tight.write_bytes(tight.read_bytes()[:-500])
    heard = audio_hash(tight)
    edited(tight, LONG)
    assert audio_hash(tight) == heard
    assert mutagen.mp4.MP4(tight)["\xa9gen"] == list(LONG.values)


def test_sound_without_a_length(tight: Path) -> None:
    sound = find(tight, b"mdat")
    data = bytearray(tight.read_bytes())
    data[sound.start : sound.start + 4] = bytes(4)
    tight.write_bytes(bytes(data))
    assert find(tight, b"mdat").open_end
    y = samples(tight)
    edited(tight, LONG)
    assert np.array_equal(samples(tight), y)
