"""Comments in Ogg and FLAC: pages keep their number, blocks their places, padding its use."""

from __future__ import annotations

import base64
import io
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import mutagen.flac
import mutagen.oggopus
import mutagen.oggvorbis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.library.audio_hash import audio_hash
from genrewise.library.containers import flac, ogg, vorbis
from genrewise.library.containers.base import Unsafe, Wish, growth
from genrewise.library.containers.ogg_pages import Page, checksum, page_at, pages
from genrewise.library.patch import apply_patch, make_patch, ordered, replaced, spliced

from .conftest import Song

JAZZ = Wish("genre", ("Jazz",))
LONG = Wish("genre", ("A long genre " * 3,))


def edited(path: Path, wish: Wish) -> bytes:
    """The file with what is wished; the way back is tried on the way."""
    with path.open("rb") as file:
        edit = flac.change(file, wish) if path.suffix == ".flac" else ogg.change(file, wish)
        new = b"".join(spliced(file, edit.splices))
        patch = make_patch(file, edit.splices)
    assert b"".join(apply_patch(io.BytesIO(new), patch)) == path.read_bytes()
    path.write_bytes(new)
    return patch


def page_list(path: Path) -> list[Page]:
    """Pages of a file that is nothing but whole pages with right checksums."""
    data = path.read_bytes()
    with path.open("rb") as file:
        found = list(pages(file))
    assert found[-1].stop == len(data)
    for page in found:
        body = data[page.body : page.stop]
        assert data[page.start : page.body] == page.header(page.crc)
        assert checksum(page.header() + body) == page.crc
    return found


def numbers(path: Path) -> list[int]:
    return [page.number for page in page_list(path)]


def samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


OGGS = ("vorbis.ogg", "opus.opus", "oggflac.oga")


# ------------------------------------------------------------------ pages


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_the_definition(data: bytes) -> None:
    """RFC 3533: polynomial 0x04c11db7, from zero, most significant bit first."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    assert checksum(data) == crc


@pytest.mark.parametrize("name", OGGS)
def test_a_small_change_leaves_all_other_pages_alone(song: Song, name: str) -> None:
    path = song(name)
    old, data, heard = page_list(path), path.read_bytes(), audio_hash(path)
    patch = edited(path, LONG)
    new = page_list(path)
    assert [p.number for p in new] == [p.number for p in old] == list(range(len(old)))
    assert len(patch) < 150
    changed = [
        i
        for i, (a, b) in enumerate(zip(old, new, strict=True))
        if data[a.start : a.stop] != path.read_bytes()[b.start : b.stop]
    ]
    assert changed == [1]
    assert audio_hash(path) == heard


@pytest.mark.parametrize("name", OGGS)
@pytest.mark.parametrize("size", [60_000, 70_000, 200_000])
def test_comments_that_outgrow_their_pages(song: Song, name: str, size: int) -> None:
    path = song(name)
    heard, y = audio_hash(path), samples(path)
    before = len(page_list(path))
    edited(path, Wish("genre", ("x" * size,)))
    found = page_list(path)
    assert numbers(path) == list(range(len(found)))
    assert len(found) == before + size // 65_025
    for last, page in itertools.pairwise(found):
        goes_on = last.lacing[-1:] == b"\xff"
        assert bool(page.flags & 1) == goes_on
        assert (page.granule == (1 << 64) - 1) == (min(page.lacing) == 255)
    assert audio_hash(path) == heard
    assert np.array_equal(samples(path), y)
    # And back to few pages' worth of comments: the pages stay, though they hold less.
    edited(path, JAZZ)
    assert numbers(path) == list(range(len(found)))
    assert audio_hash(path) == heard
    assert np.array_equal(samples(path), y)


@pytest.mark.parametrize("name", ["vorbis.ogg", "opus.opus"])
def test_a_large_picture_is_not_put_into_the_journal(song: Song, name: str) -> None:
    path = song(name)
    kind = mutagen.oggvorbis.OggVorbis if name == "vorbis.ogg" else mutagen.oggopus.OggOpus
    tags = kind(path)
    noise = np.random.default_rng(0).bytes(150_000)
    tags["metadata_block_picture"] = base64.b64encode(noise).decode("ascii")
    tags.save()
    heard = audio_hash(path)
    patch = edited(path, LONG)
    assert len(patch) < 12_000  # the bytes that went over the edges of pages
    assert base64.b64decode(kind(path)["metadata_block_picture"][0]) == noise
    assert kind(path)["genre"] == list(LONG.values)
    assert audio_hash(path) == heard


def without_padding(path: Path) -> None:
    tags = mutagen.oggvorbis.OggVorbis(path)
    tags.save(padding=lambda _: 0)


def test_padding_behind_the_comments_is_used(song: Song) -> None:
    path = song("vorbis.ogg")
    tags = mutagen.oggvorbis.OggVorbis(path)
    tags.save(padding=lambda _: 100)
    size = path.stat().st_size
    edited(path, LONG)
    assert path.stat().st_size == size
    edited(path, JAZZ)
    assert path.stat().st_size == size
    without_padding(path)
    size = path.stat().st_size
    edited(path, Wish("genre", ("Jazz" * 10,)))
    assert path.stat().st_size == size + 36
    assert mutagen.oggvorbis.OggVorbis(path)["genre"] == ["Jazz" * 10]


def test_opus_may_hold_more_behind_its_comments(song: Song) -> None:
    """RFC 7845: what begins with a set bit there has to be kept."""
    path = song("opus.opus")
    data = path.read_bytes()
    page = page_list(path)[1]
    packet = data[page.body : page.stop].rstrip(b"\0") + b"\1kept"
    lacing = b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))
    new = Page(page.start, 0, 0, page.serial, 1, 0, lacing)
    head = new.header(checksum(new.header() + packet))
    path.write_bytes(data[: page.start] + head + packet + data[page.stop :])
    edited(path, LONG)
    page = page_list(path)[1]
    assert path.read_bytes()[page.body : page.stop].endswith(b"\1kept")


# ------------------------------------------------------------------ several streams


def renumbered(data: bytes, serial: int) -> Iterator[bytes]:
    """Pages of a file as those of a stream with another serial number."""
    file = io.BytesIO(data)
    for page in pages(file):
        body = data[page.body : page.stop]
        new = Page(page.start, page.flags, page.granule, serial, page.number, 0, page.lacing)
        yield new.header(checksum(new.header() + body)) + body


def test_streams_side_by_side(song: Song) -> None:
    """The first one is written, also where pages of others stand between its own."""
    path, other = song("vorbis.ogg"), song("opus.opus")
    one = list(renumbered(path.read_bytes(), 1))
    two = list(renumbered(other.read_bytes(), 2))
    mixed = one[:1] + two[:1]
    for a, b in zip(one[1:], two[1:], strict=False):
        mixed += [b, a]
    path.write_bytes(b"".join(mixed))
    heard = audio_hash(path)
    for wish in (LONG, Wish("genre", ("x" * 70_000,)), JAZZ):
        edited(path, wish)
        of_one = [p.number for p in page_list(path) if p.serial == 1]
        of_two = [p.number for p in page_list(path) if p.serial == 2]
        assert of_one == list(range(len(of_one)))
        assert of_two == list(range(len(mixed) - len(one[: len(two)])))[: len(of_two)]
        assert audio_hash(path) == heard
    assert mutagen.oggvorbis.OggVorbis(path)["genre"] == ["Jazz"]


def test_streams_one_behind_the_other(song: Song) -> None:
    path = song("vorbis.ogg")
    second = path.read_bytes()
    path.write_bytes(second + b"".join(renumbered(second, 99)))
    edited(path, Wish("genre", ("x" * 70_000,)))
    assert path.read_bytes().endswith(b"".join(renumbered(second, 99)))
    same = song("vorbis.ogg", "b.ogg")
    same.write_bytes(second + second)
    edited(same, Wish("genre", ("x" * 70_000,)))
    assert same.read_bytes().endswith(second)


# ------------------------------------------------------------------ damaged


def test_a_page_among_the_headers_that_is_damaged_is_refused(song: Song) -> None:
    path = song("vorbis.ogg")
    data = bytearray(path.read_bytes())
    data[page_list(path)[1].body + 40] ^= 1
    with pytest.raises(Unsafe, match="it has a damaged page among its headers"):
        ogg.change(io.BytesIO(data), JAZZ)


def test_damage_further_on_does_no_harm_unless_pages_have_to_be_numbered_anew(song: Song) -> None:
    path = song("vorbis.ogg")
    data = bytearray(path.read_bytes())
    at = page_list(path)[-1].start
    data[at : at + 4] = b"Oops"
    assert ogg.change(io.BytesIO(data), JAZZ).splices
    with pytest.raises(Unsafe, match="it is damaged behind its headers, which have no room left"):
        ogg.change(io.BytesIO(data), Wish("genre", ("x" * 70_000,)))


@pytest.mark.parametrize("cut", [0, 20, 60, 200])
def test_a_file_without_its_headers_is_refused(song: Song, cut: int) -> None:
    data = song("opus.opus").read_bytes()[:cut]
    with pytest.raises(Unsafe, match="it has no comments where an Ogg file has them"):
        ogg.change(io.BytesIO(data), JAZZ)


def test_no_page() -> None:
    assert page_at(io.BytesIO(b"OggS\1" + bytes(30)), 0) is None
    assert page_at(io.BytesIO(b""), 0) is None


# ------------------------------------------------------------------ comments


def comments(*entries: bytes, tail: bytes = b"") -> bytes:
    packed = b"".join(struct.pack("<I", len(e)) + e for e in entries)
    return struct.pack("<I", 3) + b"us!" + struct.pack("<I", len(entries)) + packed + tail


@pytest.mark.parametrize(
    ("old", "wish", "new"),
    [
        (comments(), JAZZ, comments(b"GENRE=Jazz")),
        (comments(b"a=1", b"genre=x", b"b=2"), JAZZ, comments(b"a=1", b"genre=Jazz", b"b=2")),
        (
            comments(b"Genre=x", b"a=1", b"GENRE=y"),
            Wish("genre", ("J", "Ä")),
            comments(b"Genre=J", b"Genre=\xc3\x84", b"a=1"),
        ),
        (comments(b"GENRE=x", b"a=1"), Wish("genre", ()), comments(b"a=1")),
        (comments(b"x", b"\xff=\xff"), JAZZ, comments(b"x", b"\xff=\xff", b"GENRE=Jazz")),
        (comments(b"DESCRIPTION=x"), Wish("comment", ("a", "b")), comments(b"DESCRIPTION=a; b")),
        (comments(), Wish("comment", ("a",)), comments(b"COMMENT=a")),
        (comments(b"GENRE=Jazz"), Wish("grouping", ("a",)), comments(b"GENRE=Jazz", b"GROUPING=a")),
        (comments(b"GENRE=Jazz", tail=b"\1"), JAZZ, comments(b"GENRE=Jazz", tail=b"\1")),
    ],
)  # fmt: skip
def test_entries(old: bytes, wish: Wish, new: bytes) -> None:
    """Those that nobody can read stay as they are."""
    splices, _ = vorbis.change(old, 0, wish)
    assert replaced(old, ordered(splices)) == new


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=40)
def test_zeros_behind_them(zeros: int, length: int) -> None:
    data = comments(b"GENRE=Jazz", tail=bytes(zeros))
    splices, end = vorbis.change(data, 0, Wish("genre", ("x" * (length + 1),)))
    new = replaced(data, vorbis.padded(data, splices, end))
    assert len(new) == (
        max(len(data), len(data) + length - 3 - zeros) if zeros else len(data) + length - 3
    )
    assert new.rstrip(b"\0") == comments(b"GENRE=" + b"x" * (length + 1))


@pytest.mark.parametrize("cut", [2, 5, 9, 13, 20])
def test_comments_that_are_cut_off(cut: int) -> None:
    with pytest.raises(Unsafe, match="its comments are damaged"):
        vorbis.change(comments(b"GENRE=Jazz")[:cut], 0, JAZZ)


# ------------------------------------------------------------------ FLAC


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Kinds and contents of the blocks of a FLAC file."""
    found, place = [], 4
    while True:
        kind, length = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
        found.append((kind & 0x7F, data[place + 4 : place + 4 + length]))
        place += 4 + length
        if kind & 0x80:
            assert data[place : place + 2] in (b"\xff\xf8", b"\xff\xf9")
            return found


def test_blocks_but_comments_and_padding_stay(song: Song) -> None:
    path = song("flac.flac")
    before, size = blocks(path.read_bytes()), path.stat().st_size
    edited(path, LONG)
    after = blocks(path.read_bytes())
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    assert 6 in [kind for kind, _ in after]  # a picture
    assert [b for b in after if b[0] not in (1, 4)] == [b for b in before if b[0] not in (1, 4)]
    assert path.stat().st_size == size


def test_without_padding_the_audio_moves(song: Song) -> None:
    path = song("flac.flac")
    mutagen.flac.FLAC(path).save(padding=lambda _: 0)
    size, heard = path.stat().st_size, audio_hash(path)
    edited(path, Wish("genre", ("Old Genre and more",)))
    assert path.stat().st_size == size + 9
    assert audio_hash(path) == heard
    assert mutagen.flac.FLAC(path)["genre"] == ["Old Genre and more"]


@pytest.mark.parametrize("padding", [False, True])
def test_a_file_without_comments_gets_some(song: Song, padding: bool) -> None:
    path = song("flac.flac")
    data = path.read_bytes()
    audio = data[data.index(b"\xff\xf8", 42) :]
    info = data[8:42]
    more = b"\x81\0\0\x50" + bytes(80) if padding else b""
    path.write_bytes(b"fLaC" + (b"\0" if padding else b"\x80") + b"\0\0\x22" + info + more + audio)
    edited(path, JAZZ)
    assert [kind for kind, _ in blocks(path.read_bytes())] == ([0, 4, 1] if padding else [0, 4])
    assert mutagen.flac.FLAC(path)["genre"] == ["Jazz"]
    assert len(samples(path)[0]) > 0
    with path.open("rb") as file:
        assert flac.change(file, Wish("grouping", ())).splices == ()


def test_an_id3_tag_in_front_is_kept_in_step(song: Song) -> None:
    path = song("flac.flac")
    heard = audio_hash(path)
    tag = b"ID3\3\0\0\0\0\0\x0eTCON\0\0\0\4\0\0\0Pop"
    path.write_bytes(tag + path.read_bytes())
    assert audio_hash(path) == heard
    edited(path, JAZZ)
    assert path.read_bytes().startswith(b"ID3\3\0\0\0\0\0\x0fTCON\0\0\0\5\0\0\0JazzfLaC")
    assert mutagen.flac.FLAC(path)["genre"] == ["Jazz"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda d: d[:4] + b"\4" + d[5:], "does not begin with a FLAC stream's description"),
        (lambda d: d[: len(d) // 200], "it ends in the middle of its tags"),
        (lambda d: d.replace(b"\xff\xf8", b"\xff\0", 1), "do not end where its audio begins"),
        (
            lambda d: d[:42] + b"\4\0\0\x08" + bytes(8) + d[42:],
            "it has several blocks of comments",
        ),
    ],
)
def test_flac_that_is_refused(song: Song, spoil: object, why: str) -> None:
    assert callable(spoil)
    with pytest.raises(Unsafe, match=why):
        flac.change(io.BytesIO(spoil(song("flac.flac").read_bytes())), JAZZ)


def test_a_block_that_is_full(song: Song, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flac, "LONGEST", 5000)
    with song("flac.flac").open("rb") as file, pytest.raises(Unsafe, match="comments is full"):
        flac.change(file, Wish("genre", ("x" * 5000,)))


def test_growth_is_what_the_file_grows_by(song: Song) -> None:
    path = song("oggflac.oga")
    with path.open("rb") as file:
        splices = ogg.change(file, LONG).splices
    size = path.stat().st_size
    edited(path, LONG)
    assert path.stat().st_size == size + growth(splices)
