"""Groups from tags, folders and lists."""

from __future__ import annotations

import builtins
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError, UnknownName
from genrewise.training.datasets import Item, read
from genrewise.training.datasets.grouping import by_rule, is_rule, join, person, read_tags


def song(path: Path, artist: str = "", album: str = "") -> Path:
    """A short file in the format of its ending, tagged by libsndfile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).standard_normal(4800).astype(np.float32) * 0.1
    with soundfile.SoundFile(path, "w", 48000, 1) as stream:
        if artist:
            stream.artist = artist
        if album:
            stream.album = album
        stream.write(noise)
    return path


@pytest.fixture
def no_mutagen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if mutagen were not installed."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "mutagen":
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)


FORMATS = ["song.flac", "song.ogg", "song.wav", "song.mp3"]


@pytest.mark.parametrize("name", FORMATS)
def test_tags_by_mutagen_or_ffmpeg(tmp_path: Path, name: str) -> None:
    path = song(tmp_path / name, "Ella Fitzgerald", "Lullabies")
    assert read_tags(path) == ("Ella Fitzgerald", "Lullabies")


@pytest.mark.usefixtures("no_mutagen")
@pytest.mark.parametrize("name", FORMATS)
def test_tags_without_mutagen(tmp_path: Path, name: str) -> None:
    path = song(tmp_path / name, "Ella Fitzgerald", "Lullabies")
    assert read_tags(path) == ("Ella Fitzgerald", "Lullabies")


@pytest.mark.parametrize("content", [b"", b"no music at all", b"\xff\xfb" + b"\0" * 100, b"ID3"])
@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a", "wav"])
def test_tags_of_broken_files_are_empty(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    assert read_tags(path) == ("", "")


def test_tags_of_nothing(tmp_path: Path) -> None:
    assert read_tags(tmp_path / "absent.mp3") == ("", "")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Queen", "queen"),
        ("  The  Beatles ", "the beatles"),
        ("Jay-Z feat. Alicia Keys", "jay-z"),
        ("Santana ft. Rob Thomas", "santana"),
        ("Santana (feat. Rob Thomas)", "santana"),
        ("Dido featuring Faithless", "dido"),
        ("Defeat.", "defeat."),
        ("Craft Work", "craft work"),
        ("Various Artists", ""),
        ("VA", ""),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_person(name: str, plain: str) -> None:
    assert person(name) == plain


def test_artists_then_albums_then_files(tmp_path: Path) -> None:
    song(tmp_path / "rock/1.flac", "Queen", "Jazz")
    song(tmp_path / "rock/2.ogg", "QUEEN feat. David Bowie", "Hot Space")
    song(tmp_path / "jazz/3.flac", "Various Artists", "Best of  Jazz")
    song(tmp_path / "jazz/4.flac", "", "best of jazz")
    song(tmp_path / "jazz/5.flac")
    dataset = read(tmp_path)
    found = {item.path: item.group for item in dataset.items}
    assert found == {
        "jazz/3.flac": "album best of jazz",
        "jazz/4.flac": "album best of jazz",
        "jazz/5.flac": "jazz/5",
        "rock/1.flac": "artist queen",
        "rock/2.ogg": "artist queen",
    }
    assert len(dataset.warnings) == 1
    assert dataset.warnings[0].startswith("1 of 5 files name no artist or album: each is its own")


def test_rules_by_name(tmp_path: Path) -> None:
    song(tmp_path / "rock/1.flac", "Queen", "Jazz")
    song(tmp_path / "rock/2.flac", "", "Jazz")
    song(tmp_path / "pop/3.flac", "Abba")
    by_artist = read(tmp_path, group_by="artist")
    assert [i.group for i in by_artist.items] == ["artist abba", "artist queen", "rock/2"]
    assert "1 of 3 files name no artist:" in by_artist.warnings[0]
    by_album = read(tmp_path, group_by="album")
    assert [i.group for i in by_album.items] == ["pop/3", "album jazz", "album jazz"]
    alone = read(tmp_path, group_by="file")
    assert [i.group for i in alone.items] == ["pop/3", "rock/1", "rock/2"]
    assert alone.warnings == ()
    with pytest.raises(UnknownName, match=r"'artits'.*[Dd]id you mean artist"):
        read(tmp_path, group_by="artits")


def test_is_rule() -> None:
    assert is_rule("tags")
    assert is_rule("my/LIST.CSV")
    assert is_rule("x.jsonl")
    assert not is_rule("composer")
    assert not is_rule("")


def test_addresses_have_no_tags(tmp_path: Path) -> None:
    items = [Item("https://example.org/a.mp3", "x", "", "t")]
    grouped, warnings = by_rule(items, tmp_path, "tags")
    assert grouped[0].group == ""
    assert len(warnings) == 1


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_join_by_path_name_track_and_piece(tmp_path: Path) -> None:
    source = write(
        tmp_path / "list.csv",
        "path,track,group,split",
        "deep/one.wav,,A,train",
        "two.wav,,B,",
        ",three,C,valid",
        ",four,,test",
    )
    items = [
        Item("deep/one.wav", "x", "", "deep/one"),
        Item("elsewhere/two.wav", "x", "", "elsewhere/two"),
        Item("pics/three.png", "x", "", "pics/three"),
        Item("three.12.wav", "x", "", "three.12"),
        Item("three_03.wav", "x", "", "three_03"),
        Item("four.wav", "x", "old", "four"),
        Item("five.wav", "x", "old", "five", "train"),
    ]
    joined, warnings = join(items, source)
    assert [i.group for i in joined] == ["A", "B", "C", "C", "C", "", ""]
    assert [i.split for i in joined] == ["train", "", "valid", "valid", "valid", "test", "train"]
    assert [i.track for i in joined[:5]] == ["deep/one", "elsewhere/two", "three", "three", "three"]
    assert warnings == ["1 items are not in list.csv: five.wav"]


def test_join_needs_its_columns(tmp_path: Path) -> None:
    items = [Item("a.wav", "x", "", "a")]
    with pytest.raises(DatasetError, match=r"no column 'group'.*[Rr]ename 'grup'"):
        join(items, write(tmp_path / "a.csv", "path,grup", "a.wav,x"))
    with pytest.raises(DatasetError, match="no column 'track'"):
        join(items, write(tmp_path / "b.csv", "song,group", "a,x"))
    with pytest.raises(DatasetError, match="line 2: split 'soon'"):
        join(items, write(tmp_path / "c.csv", "path,group,split", "a.wav,x,soon"))


def test_join_takes_replicas_where_the_group_is_unknown(tmp_path: Path) -> None:
    source = write(tmp_path / "l.csv", "track,group,replica_set", "a,,r1", "b,,r1", "c,,")
    items = [Item(f"{n}.wav", "x", "", n) for n in "abc"]
    joined, _ = join(items, source)
    assert [i.group for i in joined] == ["r1", "r1", ""]


def test_a_list_is_found_from_the_folder_of_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe names ../gtzan/index.csv for pictures, wherever it is run from."""
    write(tmp_path / "audio.csv", "track,group", "a,far")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "here").mkdir()
    items = [Item("rock/a.png", "rock", "", "a")]
    monkeypatch.chdir(tmp_path / "here")
    joined, _ = by_rule(items, tmp_path / "pictures", "../audio.csv")
    assert joined[0].group == "far"  # ../audio.csv from here as well
    monkeypatch.chdir("/")
    joined, _ = by_rule(items, tmp_path / "pictures", "../audio.csv")
    assert joined[0].group == "far"
    monkeypatch.chdir(tmp_path / "here")
    write(tmp_path / "here" / "own.csv", "track,group", "a,near")
    write(tmp_path / "pictures" / "own.csv", "track,group", "a,far")
    joined, _ = by_rule(items, tmp_path / "pictures", "own.csv")
    assert joined[0].group == "near"
    with pytest.raises(DatasetError, match=r"none\.csv: No such file"):
        by_rule(items, tmp_path / "pictures", "none.csv")


def test_the_pictures_of_gtzan_join_the_list_of_the_audio(shared_data: Path) -> None:
    dataset = read(shared_data / "gtzan-pictures", group_by="../gtzan/index.csv")
    audio = {i.track: i for i in read(shared_data / "gtzan").items}
    assert dataset.warnings == ()
    parts = Counter(item.split for item in dataset.items)
    assert parts == {"train": 442, "valid": 197, "": 70}
    same = [(i, audio[i.track]) for i in dataset.items if i.track in audio]
    assert len(same) == 610
    assert all(a.split == b.split and a.label == b.label for a, b in same)
    people: dict[str, set[str]] = {}
    for item in dataset.items:
        if item.split:
            people.setdefault(item.group, set()).add(item.split)
    assert all(len(sides) == 1 for sides in people.values())
