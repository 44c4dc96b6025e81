"""What tags say, and that an edit that does more than it should is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mutagen.apev2
import mutagen.id3
import mutagen.mp4
import pytest

from genrewise.errors import LibraryError
from genrewise.library import genre_field
from genrewise.library.containers.base import Wish
from genrewise.library.genre_field import Tags, check, read_tags, values, wish
from genrewise.library.tag_sources import Source

from .conftest import Song, ape_tag, id3_frames, id3_tag, id3_v1

WIDE = "Ärger 日本"
ARTIST, ALBUM, ALBUM_ARTIST = "The Artist", "The Album", "The Album Artist"
ALL = (ARTIST, ALBUM, ALBUM_ARTIST, WIDE)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("none.mp3", Tags("MP3")),
        ("v23.mp3", Tags("MP3", "ID3v2.3", ("Rock", "B"), *ALL, "a comment")),
        ("v24.mp3", Tags("MP3", "ID3v2.4", ("Rock", "Blues"), *ALL, "a comment")),
        ("v22.mp3", Tags("MP3", "ID3v2.2", ("Disco",), ARTIST, "", "", "A Title", "a comment")),
        ("v1.mp3", Tags("MP3", "ID3v1", ("Disco",), ARTIST, ALBUM, "", "A Title", "a comment")),
        ("ape.mp3", Tags("MP3", "APEv2", ("Old Genre",), ARTIST, "", "", "A Title")),
        ("gain.mp3", Tags("MP3", "APEv2")),
        ("flac.flac", Tags("FLAC", "FLAC", ("Old Genre",), *ALL)),
        ("vorbis.ogg", Tags("Ogg", "Vorbis", ("Old Genre",), *ALL)),
        ("opus.opus", Tags("Ogg", "Opus", ("Old Genre",), *ALL)),
        ("oggflac.oga", Tags("Ogg", "FLAC", ("Old Genre",), *ALL)),
        ("m4a.m4a", Tags("MP4", "MP4", ("Old Genre",), *ALL)),
        ("wma.wma", Tags("ASF", "ASF", ("Old Genre",), ARTIST, ALBUM, "", WIDE)),
        ("wv.wv", Tags("WavPack", "APEv2", ("Old Genre",), "", "", "", "A Title")),
        ("tta.tta", Tags("True Audio", "ID3v2.3", (), *ALL, "a comment")),
        ("wav.wav", Tags("WAV", "ID3v2.4", ("Old Genre",), ARTIST, "", "", WIDE)),
        ("info.wav", Tags("WAV", "RIFF INFO", ("Blues",), ARTIST, "", "", "A Title")),
        ("aiff.aiff", Tags("AIFF", "ID3v2.4", ("Old Genre",), ARTIST, "", "", WIDE)),
    ],
)  # fmt: skip
def test_what_tags_say(originals: dict[str, Path], name: str, tags: Tags) -> None:
    assert read_tags(originals[name]) == tags


@pytest.mark.parametrize(
    ("version", "text", "genres"),
    [
        (3, b"(17)", ("Rock",)),
        (3, b"(17)(8)", ("Rock", "Jazz")),
        (3, b"(17)Rock", ("Rock",)),
        (3, b"(4)Eurodisco", ("Disco", "Eurodisco")),
        (3, b"(RX)(CR)", ("Remix", "Cover")),
        (3, b"((Neo) Soul", ("(Neo) Soul",)),
        (3, b"17", ("Rock",)),
        (3, b"Rock/Jazz", ("Rock", "Jazz")),
        (3, b"Rock/Hip-Hop/Rap", ("Rock", "Hip-Hop", "Rap")),
        (3, b"Hip-Hop/Rap", ("Hip-Hop/Rap",)),
        (3, b"Soul / R&B", ("Soul / R&B",)),
        (3, b"Rock\0Jazz", ("Rock", "Jazz")),
        (3, b"", ()),
        (4, b"17\0RX\0Own", ("Rock", "Remix", "Own")),
        (4, b"Rock/Jazz", ("Rock/Jazz",)),
    ],
)
def test_genres_as_id3_writes_them(
    song: Song, version: int, text: bytes, genres: tuple[str, ...]
) -> None:
    path = song("none.mp3")
    frame = b"TCON\0\0\0" + bytes((len(text) + 1,)) + b"\0\0\0" + text
    path.write_bytes(id3_tag(version, frame) + path.read_bytes())
    assert read_tags(path).genres == genres


def test_the_tag_that_players_read_first_counts(song: Song) -> None:
    path = song("none.mp3")
    plain = path.read_bytes()
    path.write_bytes(id3_tag(3, id3_frames(3)) + plain + ape_tag(Genre="Pop") + id3_v1())
    tags = read_tags(path)
    assert (tags.format, tags.genres, tags.title) == ("ID3v2.3", ("Pop",), WIDE)
    path.write_bytes(plain + ape_tag(Title="x") + id3_v1())
    assert read_tags(path).genres == ("Disco",)


def test_several_values_of_other_fields(song: Song) -> None:
    path = song("m4a.m4a")
    tags = mutagen.mp4.MP4(path)
    tags["\xa9ART"], tags["\xa9grp"], tags["\xa9cmt"] = ["One", "Two"], "group", "comment"
    tags.save()
    found = read_tags(path)
    assert (found.artist, found.grouping, found.comment) == ("One; Two", "group", "comment")


def test_an_ape_tag_without_items_is_none(song: Song) -> None:
    path = song("wv.wv")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"APETAGEX")] + ape_tag())
    assert read_tags(path) == Tags("WavPack")


def test_what_is_no_music_has_no_tags(tmp_path: Path) -> None:
    for name, data in (("a.txt", b"text"), ("b.mp3", b""), ("c.mka", b"\x1aE\xdf\xa3")):
        (tmp_path / name).write_bytes(data)
        assert read_tags(tmp_path / name) == Tags()


def test_what_cannot_be_read_is_one_line(tmp_path: Path, song: Song) -> None:
    with pytest.raises(
        LibraryError, match=r"gone: No such file or directory; expected a file that"
    ):
        read_tags(tmp_path / "gone")
    with pytest.raises(LibraryError, match=r": no file; expected a music file"):
        read_tags(tmp_path)
    path = song("wma.wma")
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(
        LibraryError, match=r"wma\.wma: its tags cannot be read .*; expected a whole"
    ):
        read_tags(path)
    path = song("opus.opus")
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(LibraryError, match=r"opus\.opus: it has no comments where an Ogg file has"):
        read_tags(path)


def test_a_reader_that_stumbles_is_one_line(song: Song, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(genre_field, "sources", stumble)
    with pytest.raises(
        LibraryError, match=r"flac\.flac: its tags cannot be read \(ZeroDivisionErr"
    ):
        read_tags(song("flac.flac"))


# ------------------------------------------------------------------ wishes


def test_wishes() -> None:
    assert wish(["A", "B", "A"]) == Wish("genre", ("A", "B"))
    assert wish([]).wanted == ()
    assert wish(["A", "B"]).wanted == ("A", "B")
    assert wish(["A", "B"], "comment").wanted == ("A; B",)
    assert wish([], "comment").wanted == ()


# ------------------------------------------------------------------ the check


OLD = Source("ID3v2.3", {"genre": ("Pop",)}, {("genre", "TCON"): 1, ("", "TIT2"): 2})
NEW = replace(OLD, named={"genre": ("Jazz",)}, rest={("genre", "TCON"): 9, ("", "TIT2"): 2})
V1 = Source("ID3v1", {"genre": ("Pop",)}, {("genre", "TCON"): "Pop", ("title", "TIT2"): "x"})
JAZZ = Wish("genre", ("Jazz",))


def complaint(before: list[Source], after: list[Source], wished: Wish = JAZZ) -> str:
    try:
        check(Path("x.mp3"), before, after, wished)
    except LibraryError as error:
        return str(error)
    return ""


def test_what_was_wished_is_fine() -> None:
    assert complaint([OLD], [NEW]) == ""
    assert complaint([], [NEW]) == ""
    assert complaint([V1], [NEW, V1]) == ""  # a new tag before an old one
    assert complaint([replace(OLD, format="ID3v2.2")], [NEW]) == ""
    slash = replace(NEW, named={"genre": ("A", "B")})
    assert complaint([OLD], [slash], Wish("genre", ("A/B",))) == ""
    gone = Source("FLAC", {}, {})
    assert complaint([replace(OLD, format="FLAC", rest={})], [gone], Wish("genre", ())) == ""


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ([OLD], [OLD], "'Jazz' would read 'Pop'"),
        ([OLD], [], "'Jazz' would read ''"),
        ([OLD], [replace(NEW, rest={("", "TIT2"): 3})], "'TIT2' would change as well"),
        ([OLD], [replace(NEW, rest={})], "'TIT2' would change as well"),
        ([OLD], [replace(NEW, rest={**NEW.rest, ("", "X"): 1})], "'X' would change as well"),
        ([OLD, V1], [NEW], "its ID3v1 tag would change as well"),
        ([OLD], [replace(NEW, format="APEv2")], r"its ID3v2.3 tag would change as well"),
    ],
)
def test_what_was_not_wished_is_noticed(
    before: list[Source], after: list[Source], why: str
) -> None:
    line = complaint(before, after)
    assert line.startswith(f"x.mp3: {why}; expected ")
    assert line.endswith("A sidecar can hold it: --sidecar")


def test_values_of_the_first_tag_that_has_any() -> None:
    assert values([Source("APEv2", {}), V1], "genre") == ("Pop",)
    assert values([OLD, V1], "title") == ()
    assert values([], "genre") == ()
