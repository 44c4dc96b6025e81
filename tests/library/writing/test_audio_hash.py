"""What sounds has a hash of its own, whatever the tags say."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import mutagen
import mutagen.apev2
import mutagen.flac
import mutagen.id3
import pytest

from genrewise.library.audio_hash import audio_hash, stream_hash
from genrewise.library.patch import BLOCK

from .conftest import SONGS, Song, ape_tag, id3_frames, id3_tag, id3_v1


def another_program(path: Path) -> None:
    """Tag a file as others do: everything rewritten, a picture added, all else thrown out."""
    if path.suffix == ".mp3":
        mutagen.id3.delete(path)
        mutagen.apev2.delete(path)
        tags: Any = mutagen.id3.ID3()
        tags.add(mutagen.id3.TIT2(encoding=3, text="Another title"))
        tags.add(mutagen.id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=bytes(5000)))
        tags.save(path, v1=2)
        return
    song: Any = mutagen.File(path)
    song.delete()
    song = mutagen.File(path)
    if song.tags is None:
        song.add_tags()
    if isinstance(song.tags, mutagen.id3.ID3):
        song.tags.add(mutagen.id3.TIT2(encoding=3, text="Another title" * 90))
    else:
        song["\xa9nam" if path.suffix == ".m4a" else "title"] = "Another title" * 90
    song.save()


def test_it_does_not_depend_on_the_tags(song: Song, original: Path) -> None:
    path = song(original.name)
    another_program(path)
    assert path.read_bytes() != original.read_bytes()
    assert audio_hash(path) == audio_hash(original)
    for _ in range(2):
        another_program(path)
    assert audio_hash(path) == audio_hash(original)


def test_different_music_has_different_ones(originals: dict[str, Path]) -> None:
    hashes = {name: audio_hash(path) for name, path in originals.items()}
    mp3s = {value for name, value in hashes.items() if name.endswith(".mp3")}
    assert len(mp3s) == 1  # eight files of one song
    assert hashes["info.wav"] == hashes["wav.wav"]
    assert len(set(hashes.values())) == len(SONGS) - 7 - 1


def test_one_bit_of_the_audio_makes_another_one(song: Song, original: Path) -> None:
    path = song(original.name)
    data = bytearray(path.read_bytes())
    # Where the music is: comments take half of the first one, other tags stand at the end.
    data[-1200 if path.suffix == ".ogg" else len(data) * 11 // 20] ^= 4
    path.write_bytes(bytes(data))
    assert audio_hash(path) != audio_hash(original)


def test_it_is_sha256(tmp_path: Path) -> None:
    """Of the kind's name and the audio; of the whole file where it is of no kind."""
    sound = b"MAC " + bytes(500)
    path = tmp_path / "x.ape"
    path.write_bytes(id3_tag(3, id3_frames(3)) + sound + ape_tag(Title="x") + id3_v1())
    assert audio_hash(path) == hashlib.sha256(b"Monkey's Audio" + sound).hexdigest()
    path.write_bytes(b"no music")
    assert audio_hash(path) == hashlib.sha256(b"no music").hexdigest()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"fLaC",
        b"OggS",
        id3_tag(3, id3_frames(3)) + b"fLaC",
        b"RIFF\4\0\0\0WAVE",
        b"\0\0\0\x08ftyp",
        id3_tag(3, id3_frames(3)),
        ape_tag(Title="x"),
    ],
)
def test_without_audio_it_is_that_of_the_file(tmp_path: Path, data: bytes) -> None:
    """So that songs that nothing is left of are not taken for each other."""
    path = tmp_path / "x"
    path.write_bytes(data)
    assert audio_hash(path) == hashlib.sha256(data).hexdigest()
    with path.open("rb") as file:
        assert stream_hash(file) == ""


def test_long_files_are_not_held_in_memory(tmp_path: Path, song: Song) -> None:
    path = tmp_path / "long.mp3"
    frames = song("none.mp3").read_bytes()
    with path.open("wb") as file:
        for _ in range(24 * BLOCK // len(frames)):
            file.write(frames)
    tracemalloc.start()
    audio_hash(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * BLOCK < path.stat().st_size / 4


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        audio_hash(tmp_path / "gone")
    with pytest.raises(IsADirectoryError):
        audio_hash(tmp_path)


def test_copies_of_real_music_are_known_by_their_sound(shared_data: Path, tmp_path: Path) -> None:
    originals = sorted((shared_data / "mp3").glob("*.mp3"))
    hashes = {audio_hash(path) for path in originals}
    assert len(hashes) == len(originals) == 12
    for original in originals[:4]:
        path = tmp_path / original.name
        path.write_bytes(original.read_bytes())
        another_program(path)
        assert audio_hash(path) == audio_hash(original)
