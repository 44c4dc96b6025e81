"""ID3v2 tags as bytes: one frame changes, the others stay where they stand."""

from __future__ import annotations

import io
import struct
import zlib

import mutagen.id3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.library.containers import id3, id3_upgrade
from genrewise.library.containers.base import Unsafe, Wish
from genrewise.library.patch import ordered, replaced

from .conftest import PICTURE, id3_frames, id3_tag, id3_v22

JAZZ = Wish("genre", ("Jazz",))
WIDE = Wish("genre", ("Ärger", "日本"))


def changed(data: bytes, wish: Wish = JAZZ) -> bytes:
    splices, _ = id3.change(data, wish)
    new = replaced(data, ordered(splices))
    assert id3.tag_length(new[:10]) == len(new)
    return new


def read(data: bytes) -> mutagen.id3.ID3:
    return mutagen.id3.ID3(io.BytesIO(data), load_v1=False)


def genre_frame(text: bytes, version: int = 3) -> bytes:
    assert version == 3 or len(text) < 128
    return b"TCON" + struct.pack(">IH", len(text), 0) + text


# ------------------------------------------------------------------ versions and text


@pytest.mark.parametrize(
    ("version", "wish", "body"),
    [
        (3, JAZZ, b"\0Jazz"),
        (4, JAZZ, b"\0Jazz"),
        (3, Wish("genre", ("Ä",)), b"\1\xff\xfe\xc4\0"),
        (4, Wish("genre", ("Ä",)), b"\3\xc3\x84"),
        (3, Wish("genre", ("A", "B")), b"\0A/B"),
        (4, Wish("genre", ("A", "B")), b"\0A\0B"),
        (3, Wish("genre", ("(Neo) Soul",)), b"\0((Neo) Soul"),
        (4, Wish("genre", ("(Neo) Soul",)), b"\0(Neo) Soul"),
    ],
)
def test_text_as_each_version_has_it(version: int, wish: Wish, body: bytes) -> None:
    new = changed(id3_tag(version, b""), wish)
    assert new[10:] == b"TCON" + struct.pack(">IH", len(body), 0) + body
    assert "/".join(read(new)["TCON"].genres) == "/".join(wish.values)


@pytest.mark.parametrize(
    ("version", "old", "body"),
    [
        (3, b"\0deu\0old", b"\0deu\0A; B"),
        (4, b"\1xyz\xff\xfe\0\0\xff\xfea\0", b"\0xyz\0A; B"),
        (3, b"", b"\0eng\0A; B"),
    ],
)
def test_a_comment_keeps_its_language(version: int, old: bytes, body: bytes) -> None:
    other = b"COMM" + struct.pack(">IH", 11, 0) + b"\0engiTunNORM"[:11]
    frame = b"COMM" + struct.pack(">IH", len(old), 0) + old if old else b""
    new = changed(id3_tag(version, other + frame), Wish("comment", ("A", "B")))
    assert new[10:] == other + b"COMM" + struct.pack(">IH", len(body), 0) + body


def test_a_wide_comment_in_2_3() -> None:
    new = changed(id3_tag(3, b""), Wish("comment", ("Ä",)))
    assert new[20:] == b"\1eng\xff\xfe\0\0\xff\xfe\xc4\0"
    assert read(new)["COMM::eng"].text == ["Ä"]


def test_grouping() -> None:
    new = changed(id3_tag(4, b""), Wish("grouping", ("A", "B")))
    assert new[10:] == b"TIT1\0\0\0\5\0\0\0A; B"


# ------------------------------------------------------------------ place and padding


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([3, 4]), st.booleans())
def test_padding_and_place(padding: int, length: int, version: int, first: bool) -> None:
    frames, old = id3_frames(version), genre_frame(b"\0Old genre")
    data = id3_tag(version, old + frames if first else frames + old, padding)
    genre = "x" * length
    new = changed(data, Wish("genre", (genre,)))
    frame = genre_frame(b"\0" + genre.encode(), version)
    together = frame + frames if first else frames + frame
    assert new[10 : 10 + len(together)] == together
    assert not new[10 + len(together) :].strip(b"\0")
    if padding:
        assert len(new) == max(len(data), 10 + len(together))
    else:
        assert len(new) == 10 + len(together)


def test_a_frame_that_is_not_there_goes_to_the_end() -> None:
    frames = id3_frames(4)
    assert changed(id3_tag(4, frames, 20))[10:] == frames + genre_frame(b"\0Jazz") + bytes(5)


def test_several_genre_frames_become_one() -> None:
    one, other = genre_frame(b"\0Pop"), genre_frame(b"\0Rock")
    frames = id3_frames(3)
    assert changed(id3_tag(3, one + frames + other))[10:] == genre_frame(b"\0Jazz") + frames


def test_nothing_to_do() -> None:
    data = id3_tag(3, genre_frame(b"\0Jazz"))
    assert id3.change(data, JAZZ) == ([], "")
    assert id3.change(id3_tag(3, b"", 5), Wish("genre", ())) == ([], "")
    assert id3.change(id3_v22(), Wish("grouping", ())) == ([], "")


def test_a_footer_says_the_same_size() -> None:
    frames = id3_frames(4)
    tag = id3_tag(4, frames, flags=0x10)
    new = changed(tag + b"3DI" + tag[3:10])
    assert new[-10:] == b"3DI" + new[3:10]
    assert new[10:-10] == frames + genre_frame(b"\0Jazz")
    assert read(new)["TCON"].genres == ["Jazz"]


def test_sizes_as_old_itunes_wrote_them_in_2_4() -> None:
    """Plain numbers where 2.4 has seven bits a byte: seen by where they lead."""
    body = b"\0" + b"x" * 299
    long = b"TIT2" + struct.pack(">IH", len(body), 0) + body
    old = b"TALB" + struct.pack(">IH", 4, 0) + b"\0end"
    new = changed(id3_tag(4, long + old, 30))
    assert new[10 : 10 + len(long + old)] == long + old
    assert read(new)["TCON"].genres == ["Jazz"]
    genre = "y" * 300
    new = changed(id3_tag(4, long + old), Wish("genre", (genre,)))
    assert new.endswith(b"TCON" + struct.pack(">IH", 301, 0) + b"\0" + genre.encode())
    new = changed(id3_tag(4, old), Wish("genre", (genre,)))
    assert new.endswith(b"TCON\0\0\2\x2d\0\0\0" + genre.encode())


# ------------------------------------------------------------------ unsynchronised


def unsynchronised(data: bytes) -> bytes:
    out = bytearray()
    for i, byte in enumerate(data):
        out.append(byte)
        following = data[i + 1] if i + 1 < len(data) else 0
        if byte == 0xFF and (following >= 0xE0 or following == 0):
            out.append(0)
    return bytes(out)


@pytest.mark.parametrize("wish", [JAZZ, WIDE])
def test_an_unsynchronised_tag_stays_one(wish: Wish) -> None:
    frames = id3_frames(3)  # with a picture full of bytes that must not stand together
    assert len(unsynchronised(frames)) > len(frames)
    data = id3_tag(3, unsynchronised(genre_frame(b"\1\xff\xfeA\0") + frames), flags=0x80)
    new = changed(data, wish)
    assert new[5] == 0x80
    plain = new[10:].replace(b"\xff\0", b"\xff")
    assert plain.endswith(frames)
    assert unsynchronised(plain) == new[10:]
    assert read(new)["TCON"].genres == ["/".join(wish.values)]
    assert read(new)["APIC:"].data == PICTURE


def test_an_unsynchronised_2_2_tag_becomes_a_plain_2_3_one() -> None:
    tag = id3_v22()
    data = id3_tag(2, unsynchronised(tag[10:]), flags=0x80)
    new, note = changed(data), id3.change(data, JAZZ)[1]
    assert new[3:6] == b"\3\0\0"
    assert read(new)["APIC:"].data == PICTURE
    assert note == id3.UPGRADED


# ------------------------------------------------------------------ extended headers


def test_an_extended_header_of_2_3_says_how_much_padding_there_is() -> None:
    extended = struct.pack(">IHI", 6, 0, 40)
    data = id3_tag(3, extended + id3_frames(3) + bytes(40), flags=0x40)
    new = changed(data)
    assert new[10:20] == struct.pack(">IHI", 6, 0, 25)
    assert read(new)["TCON"].genres == ["Jazz"]


def test_checksums_are_kept_right() -> None:
    frames = id3_frames(3)
    crc = zlib.crc32(frames)
    data = id3_tag(3, struct.pack(">IHII", 10, 0x8000, 9, crc) + frames + bytes(9), flags=0x40)
    new = changed(data)
    assert struct.unpack(">I", new[20:24])[0] == zlib.crc32(frames + genre_frame(b"\0Jazz"))
    frames = id3_frames(4) + bytes(30)
    crc = zlib.crc32(frames)
    five = bytes(crc >> shift & 0x7F for shift in (28, 21, 14, 7, 0))
    data = id3_tag(4, b"\0\0\0\x0c\1\x20\5" + five + frames, flags=0x40)
    new = changed(data)
    crc = zlib.crc32(new[22:])
    assert new[17:22] == bytes(crc >> shift & 0x7F for shift in (28, 21, 14, 7, 0))
    with pytest.raises(Unsafe, match="its ID3v2 tag has a wrong checksum"):
        id3.change(data[:-1] + b"\1", JAZZ)


def test_a_flag_without_an_extended_header() -> None:
    data = id3_tag(3, id3_frames(3), flags=0x40)
    assert changed(data)[10:] == id3_frames(3) + genre_frame(b"\0Jazz")


# ------------------------------------------------------------------ 2.2


def test_2_2_becomes_2_3_frame_by_frame() -> None:
    new = changed(id3_v22())
    tag = read(new)
    assert tag.version == (2, 3, 0)
    assert {key: str(frame) for key, frame in tag.items() if key != "APIC:"} == {
        "TIT2": "A Title", "TPE1": "The Artist", "TDRC": "1999", "COMM::eng": "a comment",
        "TCON": "Jazz",
    }  # fmt: skip
    assert (tag["APIC:"].mime, tag["APIC:"].type, tag["APIC:"].data) == ("image/jpeg", 3, PICTURE)
    assert len(new) == len(id3_v22())  # its padding had room for the longer heads


@pytest.mark.parametrize(
    ("kind", "mime"), [(b"PNG", b"image/png"), (b"GIF", b"image/gif"), (b"-->", b"-->")]
)
def test_types_of_pictures(kind: bytes, mime: bytes) -> None:
    body = b"\0" + kind + b"\3\0data"
    data = id3_tag(2, b"PIC" + len(body).to_bytes(3, "big") + body)
    assert b"APIC" + struct.pack(">IH", len(body) + len(mime) - 2, 0) + b"\0" + mime in changed(
        data
    )


def test_every_frame_of_2_2_that_mutagen_knows_has_its_place() -> None:
    for name, kind in mutagen.id3.Frames_2_2.items():
        base = kind.__mro__[1].__name__
        if base != "Frame" and name not in ("LNK", "CRM"):
            assert id3_upgrade.NAMES[name.encode()] == base.encode()


def test_a_frame_that_2_3_lacks_is_refused() -> None:
    data = id3_tag(2, b"CRM\0\0\2ab")
    with pytest.raises(Unsafe, match=r"has the frame CRM, which ID3v2\.3 lacks"):
        id3.change(data, JAZZ)


# ------------------------------------------------------------------ damaged


def test_a_broken_frame_is_left_behind_the_new_one() -> None:
    good, broken = genre_frame(b"\0Pop")[:-3] + b"Pop", b"TIT2\0\0\xff\xff\0\0\0too long"
    new = changed(id3_tag(3, id3_frames(3) + broken))
    assert new[10:] == id3_frames(3) + genre_frame(b"\0Jazz") + broken
    assert changed(id3_tag(3, good + broken))[10:] == genre_frame(b"\0Jazz") + broken


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"ID3\3\0\0\0\0\2\1", 267),
        (b"ID3\4\0\x10\0\0\0\1", 21),
        (b"ID3\3\0\x10\0\0\0\1", 11),  # 2.3 has no footers
        (b"ID3\3\0\0\0\0\x80\0", 0),
        (b"ID3\xff\0\0\0\0\0\0", 0),
        (b"ID3\3\0", 0),
        (b"TAG\3\0\0\0\0\0\0", 0),
    ],
)
def test_length_of_a_tag(head: bytes, length: int) -> None:
    assert id3.tag_length(head) == length


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (id3_tag(5, b""), r"its tag is ID3v2\.5"),
        (id3_tag(2, b"", flags=0x40), r"its ID3v2\.2 tag is compressed"),
        (id3_tag(3, b"\0\0\xff\xff\0\0", flags=0x40), "has a damaged header"),
        (id3_tag(4, b"\0\0\0\1\1\0", flags=0x40), "has a damaged header"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unsafe, match=why):
        id3.change(data, JAZZ)


def test_a_tag_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id3, "TOO_LONG", 1000)
    assert changed(id3_tag(3, b"", 900))
    with pytest.raises(Unsafe, match="its ID3v2 tag is full"):
        id3.change(id3_tag(3, b""), Wish("genre", ("x" * 1000,)))


def test_which_fields_a_tag_holds() -> None:
    assert id3.has(id3_v22(), "genre")
    assert id3.has(id3_tag(3, id3_frames(3)), "comment")
    assert not id3.has(id3_tag(3, id3_frames(3)), "genre")
    assert not id3.has(id3_tag(3, id3_frames(3)), "grouping")
