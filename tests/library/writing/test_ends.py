"""Streams with tags before and after them: APE, ID3v1, Lyrics3, and which of them is written."""

from __future__ import annotations

import io
import struct

import mutagen.apev2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.library.containers import ape, ends, id3v1
from genrewise.library.containers.base import Unsafe, Wish
from genrewise.library.containers.kinds import KINDS, kind_of
from genrewise.library.containers.mpeg import frame_length, stream
from genrewise.library.patch import ordered, replaced

from .conftest import SONGS, Song, ape_tag, id3_tag, id3_v1

JAZZ = Wish("genre", ("Jazz",))
GENRE = b"TCON\0\0\0\5\0\0\0Jazz"
SOUND = b"MAC " + bytes(300)


def lyrics(text: bytes = b"la la") -> bytes:
    body = b"LYRICSBEGIN" + text
    return body + b"%06d" % len(body) + b"LYRICS200"


def found(data: bytes) -> ends.Ends:
    return ends.find(io.BytesIO(data))


def edited(data: bytes, wish: Wish = JAZZ) -> bytes:
    kind = kind_of(io.BytesIO(data))
    assert kind is not None
    return replaced(data, kind.change(io.BytesIO(data), wish).splices)


# ------------------------------------------------------------------ where they lie


@given(
    st.lists(st.sampled_from([id3_tag(3, b"", 9), id3_tag(4, GENRE)]), max_size=2),
    st.lists(st.sampled_from([lyrics(), b"LYRICSBEGINla laLYRICSEND"]), max_size=1),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_audio_is_what_is_left(
    front: list[bytes], words: list[bytes], tagged: bool, lyrics_first: bool, v1: bool
) -> None:
    tag = [ape_tag(Title="x")] if tagged else []
    tail = words + tag if lyrics_first else tag + words
    data = b"".join([*front, SOUND, *tail, id3_v1() if v1 else b""])
    about = found(data)
    start = sum(map(len, front))
    assert about.audio == (start, start + len(SOUND))
    assert about.id3v2 == ((0, len(front[0])) if front else None)
    assert (about.ape is not None) == tagged
    assert about.id3v1 == (len(data) - 128 if v1 else None)


def test_tags_that_programs_put_elsewhere() -> None:
    footed = id3_tag(4, GENRE, flags=0x10)
    footed += b"3DI" + footed[3:10]
    data = SOUND + ape_tag(Title="x") + footed + id3_v1()
    assert found(data).audio == (0, len(SOUND))
    twice = SOUND + id3_v1("other") + id3_v1()
    assert found(twice).id3v1 == len(twice) - 128
    assert found(twice).audio == (0, len(SOUND))
    behind = SOUND + id3_v1() + ape_tag(Title="x")
    assert found(behind).audio == (0, len(SOUND))
    assert found(behind).id3v1 is None  # where nobody looks for it


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"ID3\3\0\0\0\0\2\0" + bytes(20), "its ID3v2 tag is longer than the file"),
        (SOUND + ape_tag(Title="x")[-32:-20] + b"\xff\xff\xff\7" + bytes(16), "its APE tag is dam"),
        (id3_tag(3, b"", 60) + ape_tag(Title="x")[40:], "its tags reach into each other"),
    ],
)
def test_tags_that_do_not_fit(data: bytes, why: str) -> None:
    with pytest.raises(Unsafe, match=why):
        found(data)


@pytest.mark.parametrize(
    "tail", [b"LYRICSEND", b"999999LYRICS200", b"00000xLYRICS200", b"3DI\4\0\0\0\0\0\0"]
)
def test_what_only_looks_like_lyrics_is_audio(tail: bytes) -> None:
    assert found(SOUND + tail).audio == (0, len(SOUND) + len(tail))


# ------------------------------------------------------------------ APE


def read(tag: bytes) -> dict[str, list[str]]:
    return {k: list(v) for k, v in mutagen.apev2.APEv2(io.BytesIO(tag)).items()}


@pytest.mark.parametrize(
    ("old", "wish", "new"),
    [
        ({"Title": "x"}, JAZZ, {"Title": ["x"], "Genre": ["Jazz"]}),
        ({"GENRE": "x", "Title": "y"}, JAZZ, {"Genre": ["Jazz"], "Title": ["y"]}),
        ({"Genre": "x"}, Wish("genre", ("A", "Ä")), {"Genre": ["A", "Ä"]}),
        ({"Genre": "x", "Title": "y"}, Wish("genre", ()), {"Title": ["y"]}),
        ({"Genre": "x"}, Wish("comment", ("A", "B")), {"Genre": ["x"], "Comment": ["A; B"]}),
        ({"Grouping": "x"}, Wish("grouping", ("A",)), {"Grouping": ["A"]}),
    ],
)
def test_items(old: dict[str, str], wish: Wish, new: dict[str, list[str]]) -> None:
    tag = ape_tag(**old)
    changed = replaced(tag, ape.change(tag, wish))
    assert read(changed) == new
    for at in (0, len(changed) - 32):
        size, count = struct.unpack_from("<II", changed, at + 12)
        assert (size, count) == (len(changed) - 32, len(new))
    assert ape.change(changed, wish) == []


def test_items_that_are_no_text_stay_in_their_bytes() -> None:
    cover = struct.pack("<II", 9, 2) + b"Cover Art (Front)\0" + b"a.jpg\0\xff\xd8\xff"
    tag = ape_tag(Title="x")
    tag = (
        tag[:12] + struct.pack("<II", len(tag) - 32 + len(cover), 2) + tag[20:32] + cover + tag[32:]
    )
    edge = len(tag) - 32
    tag = tag[: edge + 12] + tag[12:20] + tag[edge + 20 :]
    changed = replaced(tag, ape.change(tag, JAZZ))
    assert cover in changed
    assert mutagen.apev2.APEv2(io.BytesIO(changed))["Cover Art (Front)"].value == cover[26:]


def test_the_first_version_has_no_header_and_no_lists() -> None:
    whole = ape_tag(Genre="x", Title="y")
    edge = b"APETAGEX" + struct.pack("<IIIIQ", 1000, len(whole) - 32, 2, 0, 0)
    tag = whole[32:-32] + edge
    data = SOUND + tag
    assert found(data).ape == (len(SOUND), len(data))
    new = edited(data)
    assert new.startswith(SOUND)
    assert struct.unpack_from("<III", new, len(new) - 24) == (1000, len(new) - len(SOUND), 2)
    assert read(new[len(SOUND) :])["Genre"] == ["Jazz"]
    with pytest.raises(Unsafe, match="its tag, APEv1, holds one genre only"):
        edited(data, Wish("genre", ("A", "B")))


@pytest.mark.parametrize("at", [32, 33, 40])
def test_items_that_are_damaged(at: int) -> None:
    tag = bytearray(ape_tag(Title="x"))
    tag[at : at + 6] = b"\xff" * 6
    with pytest.raises(Unsafe, match="its APE tag is damaged"):
        ape.change(bytes(tag), JAZZ)


def test_a_new_tag_is_put_before_id3v1_and_says_the_same() -> None:
    new = edited(SOUND + id3_v1())
    assert new.endswith(id3_v1()[:-1] + b"\x08")
    about = found(new)
    assert about.ape is not None
    assert read(new[: about.ape[1]]) == {
        "Title": ["A Title"], "Artist": ["The Artist"], "Album": ["The Album"], "Year": ["1999"],
        "Comment": ["a comment"], "Track": ["5"], "Genre": ["Jazz"],
    }  # fmt: skip
    plain = edited(SOUND, Wish("comment", ("A",)))
    assert read(plain) == {"Comment": ["A"]}
    assert edited(SOUND, Wish("genre", ())) == SOUND


def test_id3_in_front_of_an_ape_file_is_kept_in_step() -> None:
    new = edited(id3_tag(3, b"TCON\0\0\0\4\0\0\0Pop") + SOUND + ape_tag(Genre="Pop"))
    assert new.startswith(id3_tag(3, GENRE) + SOUND)
    quiet = id3_tag(3, b"TIT2\0\0\0\2\0\0\0x") + SOUND
    assert edited(quiet).startswith(quiet)


# ------------------------------------------------------------------ ID3v1


@pytest.mark.parametrize(
    ("genres", "number"),
    [
        (("Blues",), 0), (("psybient",), 191), (("Jazz", "Rock"), 8), (("Warzone",), 18),
        (("Soul / R&B",), 14), (("What nobody plays",), 255), ((), 255),
    ],
)  # fmt: skip
def test_numbers_of_genres(genres: tuple[str, ...], number: int) -> None:
    assert id3v1.nearest(Wish("genre", genres)) == number


def test_the_list_is_that_of_winamp() -> None:
    assert len(id3v1.NAMES) == 192
    assert [id3v1.NAMES[i] for i in (0, 7, 17, 79, 80, 147, 191)] == [
        *("Blues", "Hip-Hop", "Rock", "Hard Rock", "Folk", "Synthpop", "Psybient"),
    ]
    assert id3v1.genre(id3_v1(genre=255)) == ""


def test_fields_of_the_first_and_the_second_version() -> None:
    assert id3v1.fields(id3_v1()) == {
        "TIT2": "A Title", "TPE1": "The Artist", "TALB": "The Album", "TYER": "1999",
        "COMM": "a comment", "TRCK": "5", "TCON": "Disco",
    }  # fmt: skip
    first = b"TAG" + b"T".ljust(30) + bytes(64) + b"c" * 30 + b"\xff"
    assert id3v1.fields(first) == {"TIT2": "T", "COMM": "c" * 30}


def test_texts_keep_their_bytes_in_a_new_tag() -> None:
    assert id3v1.frames({"TIT2": "\xe4\xff"}) == b"TIT2\0\0\0\3\0\0\0\xe4\xff"
    assert id3v1.frames({"COMM": "c"}) == b"COMM\0\0\0\6\0\0\0eng\0c"


def test_a_new_id3v2_tag_for_another_field_takes_the_genre_along(song: Song) -> None:
    data = song("v1.mp3").read_bytes()
    new = edited(data, Wish("comment", ("mine",)))
    assert new.endswith(data)
    head = new[: -len(data)]
    assert b"TCON\0\0\0\6\0\0\0Disco" in head
    assert head.count(b"COMM") == 1
    assert head.endswith(b"COMM\0\0\0\x09\0\0\0eng\0mine")


# ------------------------------------------------------------------ kinds


@pytest.mark.parametrize("name", SONGS)
def test_kinds_are_told_by_what_is_in_them(song: Song, name: str) -> None:
    expected = {
        "mp3": "MP3", "flac": "FLAC", "ogg": "Ogg", "oga": "Ogg", "opus": "Ogg", "m4a": "MP4",
        "wma": "ASF", "wv": "WavPack", "tta": "True Audio", "wav": "WAV", "aiff": "AIFF",
    }  # fmt: skip
    path = song(name, "no name at all")
    with path.open("rb") as file:
        kind = kind_of(file)
        assert kind is not None
        assert kind.name == expected[name.rpartition(".")[2]]
        assert kind is KINDS[kind.name]
        assert b"".join(kind.audio(file))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MP+\7", "Musepack"), (b"MPCKSH", "Musepack"), (b"OFR \0", "OptimFROG"),
        (b"tBaK", "TAK"), (id3_tag(3, b"") + b"tBaK", "TAK"), (b"DSD ", "DSF"),
        (b"FRM8", "DSDIFF"), (b"FORM\0\0\0\0AIFC", "AIFF"), (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"", ""), (b"RIFF\0\0\0\0AVI ", ""), (b"RF64\0\0\0\0WAVE", ""), (b"FORM\0\0\0\0ILBM", ""),
        (b"\x1aE\xdf\xa3", ""), (b"just text", ""), (id3_tag(3, b"") + b"OggS", ""),
    ],
)  # fmt: skip
def test_first_bytes(data: bytes, name: str) -> None:
    kind = kind_of(io.BytesIO(data))
    assert (kind.name if kind else "") == name


def adts(count: int) -> bytes:
    return (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)) * count  # 16 bytes each


def test_raw_aac_is_written_only_where_it_has_a_tag() -> None:
    assert frame_length(adts(1)) == 16
    assert kind_of(io.BytesIO(adts(9))) is None
    tagged = id3_tag(3, b"") + adts(9)
    kind = kind_of(io.BytesIO(tagged))
    assert kind is KINDS["AAC"]
    assert edited(tagged) == id3_tag(3, GENRE) + adts(9)


# ------------------------------------------------------------------ frames of MPEG


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"\xff\xfb\x90\x00", 417),  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz
        (b"\xff\xfb\x92\x00", 418),  # padded
        (b"\xff\xfd\xa4\x00", 576),  # layer II, 192 kbit/s, 48 kHz
        (b"\xff\xff\x88\x00", 384),  # layer I, 256 kbit/s, 32 kHz
        (b"\xff\xf3\x40\x00", 104),  # MPEG 2 layer III, 32 kbit/s, 22.05 kHz
        (b"\xff\xe3\x40\x00", 208),  # MPEG 2.5 layer III, 32 kbit/s, 11.025 kHz
        (b"\xff\xfb\x00\x00", 0),  # free format
        (b"\xff\xfb\xf0\x00", 0),
        (b"\xff\xfb\x9c\x00", 0),
        (b"\xff\xe9\x90\x00", 0),
        (b"\xfe\xfb\x90\x00", 0),
        (b"\xff\xf1\xff\xff", 0),
    ],
)
def test_frame_lengths(head: bytes, length: int) -> None:
    """As ISO 11172-3 and 13818-3 compute them."""
    assert frame_length(head + b"\0\0") == length


def test_one_frame_proves_nothing() -> None:
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    for data, name in (
        (frame * 2, "MP3"), (frame, "MP3"), (frame[:99], "MP3"), (b"junk" * 9 + frame * 3, "MP3"),
        (b"junk" + frame, ""), (frame + bytes(90), ""), (b"", ""), (bytes(70_000) + frame * 2, ""),
        (frame + b"\xff\xfd\xa4\x00" + bytes(572), ""),
    ):  # fmt: skip
        assert stream(io.BytesIO(data), 0) == name


def test_order_of_splices_from_several_tags() -> None:
    data = id3_tag(3, b"TCON\0\0\0\4\0\0\0Pop") + b"\xff\xfb\x90\x00" + bytes(413)
    data += ape_tag(Title="x", Genre="Pop") + id3_v1()
    wish = Wish("genre", ("A genre", "and another"))
    splices = ends.change_id3(io.BytesIO(data), found(data), wish).splices
    assert splices == ordered(splices)
    assert len(splices) == 6
