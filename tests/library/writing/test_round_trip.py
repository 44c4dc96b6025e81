"""A genre goes into every kind of file, alone, and other readers than ours find it there.

Readers: mutagen, eyeD3 for ID3, FFmpeg (through PyAV) for all; and the bytes themselves.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import eyed3
import mutagen
import numpy as np
import pytest

from genrewise.errors import LibraryError
from genrewise.library.audio_hash import audio_hash
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import Written, write_genres, writing
from genrewise.library.undoing import undo

from .conftest import SONGS, Song

ONE, WIDE, THREE = ("Jazz",), ("Ærkemusik 日本",), ("Rock", "Hip-Hop", "Ärger")
LONG = ("Genre " * 60 + "end",)

#: Samples that all songs have at least.
SAMPLES = 22_000

#: APE tags of MP3 files; ID3 in front of True Audio.
FFMPEG_DOES_NOT_READ = ("ape.mp3", "tta.tta")


def write(db: sqlite3.Connection, path: Path, genres: tuple[str, ...], **how: Any) -> Written:
    with writing(db, "test") as run:
        return write_genres(db, run, path, genres, **how)


def by_mutagen(path: Path) -> list[str]:
    """Genres as mutagen finds them, whichever kind of file it takes it for."""
    tags: Any = mutagen.File(path).tags
    if path.name in ("ape.mp3",):  # mutagen looks for ID3 in MP3 files only
        tags = mutagen.apev2.APEv2(path)
    for key in tags or ():
        name = key[0] if isinstance(key, tuple) else key
        if name.lower() in ("tcon", "\xa9gen", "wm/genre", "genre"):
            found = tags[name].genres if name == "TCON" else list(tags[name])
            return [str(genre) for genre in found]
    return []


def by_ffmpeg(path: Path) -> tuple[dict[str, str], list[Any], Any]:
    """Texts, chapters and samples of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        texts = {k.lower(): v for k, v in {**container.metadata, **stream.metadata}.items()}
        chapters = [(c["start"], c["end"], c["metadata"]) for c in container.chapters()]
        others = [s.type for s in container.streams if s is not stream]
        frames = []
        with suppress(av.error.InvalidDataError):  # it takes APE tags for audio
            for frame in container.decode(stream):
                frames.append(frame.to_ndarray())  # noqa: PERF401
    return texts, [*chapters, *others], np.concatenate(frames, axis=1)[:, :SAMPLES]


def other_frames(path: Path) -> list[bytes]:
    """Frames of the ID3v2 tag in front of a file, heads and all, but for the genre."""
    data, found, place = path.read_bytes(), [], 10
    if data[:3] != b"ID3" or data[3] == 2:
        return []
    stop = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    while place < stop and data[place]:
        if data[3] == 4:
            shifts = (21, 14, 7, 0)
            pairs = zip(data[place + 4 : place + 8], shifts, strict=True)
            size = sum(byte << shift for byte, shift in pairs)
        else:
            size = struct.unpack_from(">I", data, place + 4)[0]
        found.append(data[place : place + 10 + size])
        place += 10 + size
    return [frame for frame in found if not frame.startswith(b"TCON")]


# ------------------------------------------------------------------ all kinds


@pytest.mark.parametrize("genres", [ONE, WIDE, THREE, LONG], ids=["one", "wide", "three", "long"])
def test_the_genre_is_there_and_nothing_else_changed(
    song: Song, db: sqlite3.Connection, original: Path, genres: tuple[str, ...]
) -> None:
    path = song(original.name)
    texts, others, y = by_ffmpeg(path)
    frames, sound = other_frames(path), audio_hash(path)
    written = write(db, path, genres)
    assert (written.state, written.after) == ("written", genres)
    # Ours, mutagen's and FFmpeg's reading agree on it.
    assert read_tags(path).genres == genres
    joined = "/".join(by_mutagen(path))
    assert joined == "/".join(genres)
    new_texts, new_others, new_y = by_ffmpeg(path)
    if path.name not in FFMPEG_DOES_NOT_READ:
        shown = re.split("[;/]", new_texts["genre"])
        assert shown[0] in genres  # of several it may show one
    # All else is as it was.
    for one in (texts, new_texts):
        one.pop("genre", None)
    if "v1.mp3" in path.name:  # a new tag says what the old one says, which stays
        assert texts.items() <= new_texts.items()
    else:
        assert new_texts == texts
        assert other_frames(path) == frames or path.name == "v22.mp3"
    assert new_others == others
    assert new_y.shape[1] == SAMPLES
    assert np.array_equal(new_y, y)
    assert audio_hash(path) == sound
    # And the way back leads to the byte.
    assert [u.state for u in undo(db)] == ["undone"]
    assert path.read_bytes() == original.read_bytes()


@pytest.mark.parametrize("field", ["comment", "grouping"])
def test_other_fields_on_request(
    song: Song, db: sqlite3.Connection, original: Path, field: str
) -> None:
    path = song(original.name)
    genres, frames = read_tags(path).genres, other_frames(path)
    assert write(db, path, THREE, field=field).after == ("Rock; Hip-Hop; Ärger",)
    tags = read_tags(path)
    assert getattr(tags, field) == "Rock; Hip-Hop; Ärger"
    assert tags.genres == genres
    texts, _, _ = by_ffmpeg(path)
    if path.name not in FFMPEG_DOES_NOT_READ:
        assert "Rock; Hip-Hop; Ärger" in texts.values()
    if field == "grouping" and frames:
        assert [f for f in other_frames(path) if not f.startswith(b"TIT1")] == frames
    assert [u.state for u in undo(db)] == ["undone"]
    assert path.read_bytes() == original.read_bytes()


def test_a_field_can_be_emptied(song: Song, db: sqlite3.Connection, original: Path) -> None:
    path = song(original.name)
    had = bool(read_tags(path).genres)
    assert write(db, path, ()).state == ("written" if had else "same")
    assert read_tags(path).genres == ()
    assert by_mutagen(path) == []
    assert "genre" not in by_ffmpeg(path)[0]
    assert [u.state for u in undo(db)] == ["undone"] * had
    assert path.read_bytes() == original.read_bytes()


def test_what_stands_there_is_not_written_again(
    song: Song, db: sqlite3.Connection, original: Path
) -> None:
    path = song(original.name)
    write(db, path, THREE)
    data, about = path.read_bytes(), path.stat()
    again = write(db, path, THREE)
    assert (again.state, again.before, again.after) == ("same", THREE, THREE)
    assert path.read_bytes() == data
    assert path.stat().st_mtime_ns == about.st_mtime_ns
    assert path.stat().st_ino == about.st_ino


def test_another_genre_and_back_is_the_same_file_where_there_is_room(
    song: Song, db: sqlite3.Connection, original: Path
) -> None:
    path = song(original.name)
    write(db, path, ONE)
    data = path.read_bytes()
    write(db, path, LONG)
    write(db, path, ONE)
    assert read_tags(path).genres == ONE
    # Room that was taken once stays with the tags of some; nothing else is left behind.
    assert len(path.read_bytes()) <= len(data) + 1024


# ------------------------------------------------------------------ ID3 and eyeD3


@pytest.mark.parametrize("name", [name for name in SONGS if name.endswith(".mp3")])
@pytest.mark.parametrize("genres", [ONE, WIDE, THREE], ids=["one", "wide", "three"])
def test_eyed3_reads_the_same(
    song: Song, db: sqlite3.Connection, name: str, genres: tuple[str, ...]
) -> None:
    def tag(path: Path) -> Any:
        found = eyed3.load(path)
        assert found is not None
        return found.tag

    path = song(name)
    before = tag(path)
    write(db, path, genres)
    if name == "ape.mp3":
        assert tag(path) is None  # it was given no ID3 tag
        return
    after = tag(path)
    version = {"v24.mp3": (2, 4, 0)}.get(name, (2, 3, 0))
    if name == "v1.mp3" and genres == ONE:
        version = (1, 1, 0)  # ID3v1 can say it
    assert after.version == version
    separator = "\0" if version == (2, 4, 0) else "/"
    assert after.genre.name == separator.join(genres)
    if before is not None:
        for field in ("title", "artist", "album", "album_artist"):
            assert getattr(after, field) == getattr(before, field)
        assert [c.text for c in after.comments] == [c.text for c in before.comments]
        assert [i.image_data for i in after.images] == [i.image_data for i in before.images]


@pytest.mark.parametrize(("name", "version"), [("v23.mp3", 3), ("v24.mp3", 4), ("v22.mp3", 3)])
def test_a_tag_keeps_its_version_but_2_2_becomes_2_3(
    song: Song, db: sqlite3.Connection, name: str, version: int
) -> None:
    path = song(name)
    note = write(db, path, ONE).note
    assert path.read_bytes()[3] == version
    assert note == ("ID3v2.2 became ID3v2.3" if name == "v22.mp3" else "")


def test_padding_takes_up_what_a_tag_grows_by(song: Song, db: sqlite3.Connection) -> None:
    path = song("v23.mp3")
    size = path.stat().st_size
    write(db, path, ("Jazz and Blues",))
    assert path.stat().st_size == size
    write(db, path, ONE)
    assert path.stat().st_size == size
    write(db, path, LONG)
    assert path.stat().st_size > size


def test_tags_that_hold_a_genre_never_contradict_each_other(
    song: Song, db: sqlite3.Connection
) -> None:
    path = song("all.mp3")
    write(db, path, ("Swing", "Ärger"))
    assert mutagen.id3.ID3(path, load_v1=False)["TCON"].text == ["Swing/Ärger"]
    assert list(mutagen.apev2.APEv2(path)["Genre"]) == ["Swing", "Ärger"]
    assert path.read_bytes()[-1] == 83  # Swing in the list of ID3v1
    write(db, path, ("Warzone",))
    assert path.read_bytes()[-1] == 18  # Techno is what comes closest to it there
    write(db, path, ("Nobody's music",))
    assert path.read_bytes()[-1] == 255
    assert path.read_bytes()[-128:-1] == song("all.mp3", "b.mp3").read_bytes()[-128:-1]


def test_loudness_alone_does_not_make_a_tag_for_names(song: Song, db: sqlite3.Connection) -> None:
    path = song("gain.mp3")
    write(db, path, ONE)
    assert mutagen.id3.ID3(path)["TCON"].text == ["Jazz"]
    assert "Genre" not in mutagen.apev2.APEv2(path)
    path = song("ape.mp3")
    write(db, path, ONE)
    assert list(mutagen.apev2.APEv2(path)["Genre"]) == ["Jazz"]
    assert list(mutagen.apev2.APEv2(path)["Mood"]) == ["calm", "late"]
    assert path.read_bytes()[:3] != b"ID3"


def test_id3v1_alone_is_enough_for_a_genre_of_its_list(song: Song, db: sqlite3.Connection) -> None:
    path = song("v1.mp3")
    old = path.read_bytes()
    write(db, path, ("Rock",))
    assert path.read_bytes() == old[:-1] + b"\x11"
    assert read_tags(path).format == "ID3v1"
    write(db, path, ("Rock", "Jazz"))
    tag = mutagen.id3.ID3(path, load_v1=False)
    assert {k: str(f) for k, f in tag.items()} == {
        "TIT2": "A Title", "TPE1": "The Artist", "TALB": "The Album", "TDRC": "1999",
        "COMM::eng": "a comment", "TRCK": "5", "TCON": "Rock/Jazz",
    }  # fmt: skip
    assert path.read_bytes().endswith(old[-128:-1] + b"\x11")


def test_the_journal_holds_little_of_a_file(song: Song, db: sqlite3.Connection) -> None:
    for name in SONGS:
        write(db, song(name), ("Jazz and Blues",))
    sizes = [len(row[0]) for row in db.execute("SELECT patch FROM writes ORDER BY id")]
    assert len(sizes) == len(SONGS)
    # The pictures of three kilobytes are in none of them.
    assert max(sizes) < 400


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize("genre", ["", " ", " Rock", "Rock\n", "Ro\0ck", "\ud800", "Rock\u2028"])
def test_what_is_no_genre_is_refused(song: Song, db: sqlite3.Connection, genre: str) -> None:
    path = song("flac.flac")
    with pytest.raises(LibraryError, match=r"expected text in one line"):
        write(db, path, (genre,))


@pytest.mark.parametrize("genre", ["17", "RX", "(4)Eurodisco"])
def test_a_genre_that_would_read_as_another_one_is_refused(
    song: Song, db: sqlite3.Connection, genre: str
) -> None:
    """ID3 takes numbers for names of its list."""
    path = song("v24.mp3")
    old = path.read_bytes()
    given = rf"v24.mp3: {re.escape(repr(genre))} would read '.*'; expected a genre that its tags"
    with pytest.raises(LibraryError, match=given):
        write(db, path, (genre,))
    assert path.read_bytes() == old
    assert db.execute("SELECT count(*) FROM writes").fetchone()[0] == 0
    assert write(db, song("flac.flac"), (genre,)).state == "written"


def test_an_unknown_field_is_refused(song: Song, db: sqlite3.Connection) -> None:
    with pytest.raises(LibraryError, match=r"field 'mood'; expected one of genre, comment, group"):
        write(db, song("flac.flac"), ONE, field="mood")


def test_a_genre_once_is_enough(song: Song, db: sqlite3.Connection) -> None:
    path = song("flac.flac")
    assert write(db, path, ("Jazz", "Rock", "Jazz")).after == ("Jazz", "Rock")
    assert by_mutagen(path) == ["Jazz", "Rock"]
