"""Reading data sets: the layouts people have, in miniature."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError, MissingExtra, RecipeError, UnknownName
from genrewise.registry import Registry
from genrewise.training import datasets as package
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.base import finish, select, some, stem
from genrewise.training.datasets.gtzan import is_gtzan, track_name
from genrewise.training.datasets.rows import column, read_rows, seconds, side


def wav(path: Path, value: float = 0.1) -> Path:
    """A short file that can be decoded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(800, value, dtype=np.float32), 8000)
    return path


def folder(root: Path, *paths: str) -> Path:
    for path in paths:
        wav(root / path)
    return root


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def labels(dataset: Dataset) -> dict[str, str]:
    return {item.path: item.label for item in dataset.items}


def groups(dataset: Dataset) -> list[str]:
    return [item.group for item in dataset.items]


# -- folder per genre


def test_folders_are_genres(tmp_path: Path) -> None:
    root = folder(tmp_path / "my music", "rock/b.wav", "rock/a.wav", "Hip-Hop/c.wav", "polka/d.wav")
    dataset = read(root)
    assert dataset.name == "my music"
    assert dataset.kind == "audio"
    assert labels(dataset) == {
        "Hip-Hop/c.wav": "Hip-Hop",
        "polka/d.wav": "polka",
        "rock/a.wav": "rock",
        "rock/b.wav": "rock",
    }
    # The user's own spelling stays, and order is the alphabet's.
    assert dataset.labels == ("Hip-Hop", "polka", "rock")
    assert dataset.targets().tolist() == [0, 1, 2, 2]
    assert [i.track for i in dataset.items] == ["Hip-Hop/c", "polka/d", "rock/a", "rock/b"]
    assert soundfile.info(dataset.file(0)).frames == 800
    assert "4 of 4 files name no artist or album" in dataset.warnings[0]


def test_known_labels_come_in_their_order(tmp_path: Path) -> None:
    names = ["tekno", "bouncy", "non-techno-drop", "industrial", "warzone"]
    root = folder(tmp_path, *(f"{n}/x.wav" for n in names))
    assert read(root).labels == ("bouncy", "tekno", "warzone", "industrial", "non-techno-drop")


def test_sub_folders_belong_to_their_genre(tmp_path: Path) -> None:
    root = folder(
        tmp_path, "jazz/Ella/Live/01.wav", "jazz/Ella/02.wav", "jazz/03.wav", "folk/Joan/01.wav"
    )
    dataset = read(root)
    assert Counter(i.label for i in dataset.items) == {"jazz": 3, "folk": 1}
    grouped = read(root, group_by="folder")
    assert groups(grouped) == ["folk/Joan", "jazz/03", "jazz/Ella", "jazz/Ella"]
    assert grouped.warnings == ("1 files lie in no sub-folder: each is its own group",)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        "rock/a.wav",
        "rock/._a.wav",
        "rock/.hidden/b.wav",
        ".cache/c.wav",
        "__MACOSX/rock/d.wav",
        "jazz/e.wav",
    )
    for other in ("rock/cover.jpg", "rock/album.cue", "jazz/cover.JPG", "jazz/README"):
        (root / other).write_bytes(b"x")
    dataset = read(root)
    assert sorted(labels(dataset)) == ["jazz/e.wav", "rock/a.wav"]
    assert dataset.passed == (
        "1 files .cue passed over",
        "2 files .jpg passed over",
        "1 files README passed over",
    )


def test_loose_files_are_told_of(tmp_path: Path) -> None:
    root = folder(tmp_path, "rock/a.wav", "jazz/b.wav", "loose.wav")
    dataset = read(root)
    assert len(dataset) == 2
    assert dataset.warnings[0] == "1 files lie in no genre folder: loose.wav"


def test_spellings_of_one_genre_are_told_of_and_kept(tmp_path: Path) -> None:
    root = folder(tmp_path, "hip-hop/a.wav", "Hip Hop/b.wav", "rock/c.wav")
    dataset = read(root)
    assert dataset.labels == ("Hip Hop", "hip-hop", "rock")
    assert "folders Hip Hop and hip-hop are kept as different genres" in dataset.warnings


def test_train_and_test_folders_are_the_split(tmp_path: Path) -> None:
    root = folder(
        tmp_path, "train/rock/a.wav", "train/jazz/b.wav", "Test/rock/c.wav", "val/jazz/sub/d.wav"
    )
    dataset = read(root, group_by="file")
    assert {i.path: (i.label, i.split) for i in dataset.items} == {
        "Test/rock/c.wav": ("rock", "test"),
        "train/jazz/b.wav": ("jazz", "train"),
        "train/rock/a.wav": ("rock", "train"),
        "val/jazz/sub/d.wav": ("jazz", "valid"),
    }
    # A genre may bear such a name beside others.
    other = folder(tmp_path / "two", "test/a.wav", "rock/b.wav")
    assert read(other).labels == ("rock", "test")


def test_picture_folders(tmp_path: Path) -> None:
    for path in ("rock/a.png", "jazz/b.PNG"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    dataset = read(tmp_path)
    assert dataset.kind == "pictures"
    assert len(dataset) == 2
    assert "pictures name no artist" in dataset.warnings[0]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    far = folder(tmp_path / "far", "x.wav")
    root = folder(tmp_path / "near", "rock/a.wav", "jazz/b.wav")
    (root / "polka").symlink_to(far, target_is_directory=True)
    (root / "rock" / "round").symlink_to(root, target_is_directory=True)
    dataset = read(root)
    assert labels(dataset)["polka/x.wav"] == "polka"
    assert len(dataset) == 3


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "no music"),
        (("a.wav", "b.wav"), "2 files but no genre folders"),
    ],
)
def test_folders_without_genres_are_refused(
    tmp_path: Path, paths: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(folder(tmp_path, *paths))
    assert "one sub-folder of music a genre" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/folder", "no such folder, file or data set"),
        ("syntetic", "Did you mean synthetic"),
        ("", "no genre folders|no music|no such|genre"),
    ],
)
def test_sources_that_are_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=message):
        read(source)


def test_a_song_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"song\.wav: a file; expected a folder"):
        read(wav(tmp_path / "song.wav"))


# -- labels asked for


def test_subset_of_labels_in_the_order_given(tmp_path: Path) -> None:
    root = folder(tmp_path, "a/1.wav", "b/2.wav", "c/3.wav", "c/4.wav")
    dataset = read(root, labels=["c", "a"])
    assert dataset.labels == ("c", "a")
    assert dataset.targets().tolist() == [1, 0, 0]
    with pytest.raises(UnknownName, match=r"no label named 'bb'.*[Dd]id you mean b"):
        read(root, labels=["a", "bb"])
    with pytest.raises(DatasetError, match="a twice"):
        read(root, labels=["a", "c", "a"])


# -- manifests


MANIFEST = "path,label,group,track,split,start,bpm,mood"


def test_manifest_beside_the_music_is_read_first(tmp_path: Path) -> None:
    root = folder(tmp_path, "x/1.wav", "x/2.wav", "y/3.wav")
    table(
        root / "manifest.csv",
        MANIFEST,
        "x/1.wav,rock,Queen,song1,train,1:01,120,sad",
        "./x/2.wav,jazz,Ella,,valid,,,",
        "y\\3.wav,jazz,,song3,,,,",
    )
    dataset = read(root)
    first, second, third = dataset.items
    assert (first.label, first.group, first.track, first.split) == (
        "rock",
        "Queen",
        "song1",
        "train",
    )
    assert (second.path, second.track) == ("x/2.wav", "x/2")
    assert (third.path, third.group, third.split) == ("y/3.wav", "song3", "")
    assert third.section == ("song3", "jazz")
    assert dataset.passed == ("columns passed over: start, bpm, mood",)
    assert dataset.warnings == ("1 rows name no group: each of their tracks is its own",)
    # A start alone is a place in the song, not in the file.
    assert first.start == 0.0
    assert first.duration is None


def test_parts_of_files(tmp_path: Path) -> None:
    root = folder(tmp_path, "mix.wav")
    table(
        root / "manifest.csv",
        "path,label,start,duration",
        "mix.wav,a,0:00.5,10",
        "mix.wav,b,1:00,0:10",
        "mix.wav,a,1:00:00.25,",
    )
    dataset = read(root, group_by="file")
    parts = [(i.start, i.duration) for i in dataset.items]
    assert parts == [(0.5, 10), (60, 10), (3600.25, None)]
    # Parts of one file are one track, so they share a group.
    assert groups(dataset) == ["mix"] * 3
    assert {i.track for i in dataset.items} == {"mix"}


def test_jsonl_manifest(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    lines = [
        {"path": "1.wav", "label": "rock", "group": "g\u2028x", "start": 1.5, "duration": 2},
        {"path": "2.wav", "label": "jazz", "group": None, "split": "val"},
    ]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (root / "manifest.jsonl").write_text(text + "\n\n", encoding="utf-8")
    dataset = read(root)
    first, second = dataset.items
    assert (first.group, first.start, first.duration) == ("g\u2028x", 1.5, 2.0)
    assert (second.group, second.split) == ("2", "valid")
    assert read(root / "manifest.jsonl").name == "manifest"


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Path,Genre", ["1.wav,rock", "2.wav,jazz"]),
        ("filename;class", ["1.wav;rock", "2.wav;jazz"]),
        ("file\tlabel", ["1.wav\trock", "2.wav\tjazz"]),
        ("file path,label", ["1.wav,rock", "2.wav,jazz"]),
        ("\ufeffpath,label", ["1.wav,rock", "2.wav,jazz"]),
        ("# made by hand\n# twice\npath,label", ["1.wav,rock", "", "2.wav,jazz"]),
    ],
)
def test_dialects(tmp_path: Path, header: str, rows: list[str]) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    table(root / "manifest.csv", header, *rows)
    assert labels(read(root)) == {"1.wav": "rock", "2.wav": "jazz"}


def test_spreadsheets_of_windows(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    text = "path,label,group\r\n1.wav,rock,Mötley Crüe\r\n2.wav,jazz,Ella\r\n"
    (root / "manifest.csv").write_bytes(text.encode("cp1252"))
    assert groups(read(root)) == ["Mötley Crüe", "Ella"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["pth,label", "1.wav,rock"], r"no column 'path' among pth.*[Rr]ename 'pth' to 'path'"),
        (["path,labell", "1.wav,rock"], r"no column 'label'.*[Rr]ename 'labell' to 'label'"),
        (["path,artist", "1.wav,Queen"], r"no column 'label' among path, artist"),
        (["path,label,path", "1.wav,rock,2"], r"column 'path' twice"),
        (["path,label", "1.wav,rock,more"], r"line 2: 3 cells; expected 2"),
        (["path,label", "1.wav"], r"line 2: 1 cells"),
        (["path,label,split", "1.wav,rock,trian"], r"line 2: split 'trian'.*[Dd]id you mean train"),
        (
            ["path,label,start,duration", "1.wav,rock,soon,5"],
            r"line 2: 'soon'; expected seconds, m:ss",
        ),
        (["path,label,start,duration", "1.wav,rock,1,-5"], r"'-5'"),
        (["path,label,start,duration", "1.wav,rock,1,0"], r"duration 0\.0; expected"),
        (["path,label", "gone.wav,rock"], r"1 files of the manifest are not there: gone\.wav"),
        (["path,label", "1.wav,"], r"no labelled items \(1 rows without a label"),
        (["path,label"], r"no labelled items"),
        ([""], r"empty; expected a first line"),
        (
            ["path,label", "1.wav,rock", "1.wav,jazz"],
            r"1\.wav stands twice, as rock and as jazz \(lines 2 and 3\)",
        ),
        (["path,label", "1.wav,rock", "./1.wav,rock"], r"stands twice, rock \(lines 2 and 3\)"),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    root = folder(tmp_path, "1.wav")
    table(root / "manifest.csv", *lines)
    with pytest.raises(DatasetError, match=message) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"path": "1.wav"', "line 1: no JSON"),
        ('{"path": "1.wav", "label": "a"}\n[1]', r"line 2: \[1\]; expected one object a line"),
        ("", "no column"),
    ],
)
def test_jsonl_that_is_refused(tmp_path: Path, text: str, message: str) -> None:
    root = folder(tmp_path, "1.wav")
    (root / "manifest.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read(root)


def test_binary_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"PK\0\0binary")
    with pytest.raises(DatasetError, match="binary data"):
        read(tmp_path)


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav", "3.wav")
    table(
        root / "manifest.csv",
        "path,label,group",
        "1.wav,rock,a",
        "2.wav,jazz,b",
        "3.wav,,c",
        ",rock,d",
        ",jazz,e",
        "4.wav,rock,f",
        "5.wav,rock,g",
        "https://example.org/6.wav,rock,h",
    )
    dataset = read(root)
    assert [i.path for i in dataset.items] == ["1.wav", "2.wav", "https://example.org/6.wav"]
    assert dataset.file(2) == "https://example.org/6.wav"
    assert dataset.warnings == (
        "2 rows without a path are left out",
        "1 rows without a label are left out",
        "2 files of the manifest are not there: 4.wav, 5.wav",
    )


def test_replicas_and_tracks_close_the_groups(tmp_path: Path) -> None:
    root = folder(tmp_path, *(f"{i}.wav" for i in range(6)))
    table(
        root / "manifest.csv",
        "path,label,group,track,replica_set",
        "0.wav,rock,Queen,t0,r1",
        "1.wav,metal,Live,t1,r1",
        "2.wav,rock,Dio,t2,",
        "3.wav,rock,Rainbow,t2,",
        "4.wav,rock,Abba,t4,",
        "5.wav,metal,,t5,",
    )
    assert groups(read(root)) == ["Queen", "Queen", "Dio", "Dio", "Abba", "t5"]


def test_group_by_a_column(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav", "3.wav")
    table(
        root / "manifest.csv",
        "path,label,group,label_company",
        "1.wav,rock,a,EMI",
        "2.wav,jazz,b,EMI",
        "3.wav,jazz,b,Verve",
    )
    assert groups(read(root)) == ["a", "b", "b"]
    dataset = read(root, group_by="label_company")
    assert groups(dataset) == ["EMI", "EMI", "Verve"]
    assert dataset.passed == ("columns passed over: group",)
    assert groups(read(root, group_by="file")) == ["1", "2", "3"]
    with pytest.raises(UnknownName, match=r"'label_compny'.*[Dd]id you mean label_company"):
        read(root, group_by="label_compny")


def test_artist_column_stands_in_for_groups(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav", "3.wav")
    table(
        root / "manifest.csv",
        "path,label,artist",
        "1.wav,rock,Queen",
        "2.wav,jazz,Queen",
        "3.wav,jazz,",
    )
    dataset = read(root)
    assert groups(dataset) == ["Queen", "Queen", "3"]
    assert dataset.warnings == ("1 rows name no artist: each of their tracks is its own",)


# -- feature tables


COLUMNS = ("mfcc1", "mfcc2", "tempo", "rms", "zcr")


def features(path: Path, rows: Iterable[tuple[str, str, list[float | str]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["filename", "length", *COLUMNS, "label"])
        for name, label, values in rows:
            writer.writerow([name, 661794, *values, label])
    return path


def test_feature_table(tmp_path: Path) -> None:
    path = features(
        tmp_path / "features_30_sec.csv",
        [
            ("blues.00000.wav", "blues", [1, 2, 3, 4, 5]),
            ("rock.00001.wav", "rock", [1.5, -2e3, 0, 4, 5]),
        ],
    )
    dataset = read(path)
    assert dataset.kind == "features"
    assert dataset.name == "features_30_sec"
    assert dataset.table is not None
    assert dataset.table.names == COLUMNS
    assert dataset.table.values.dtype == np.float32
    assert dataset.table.values.tolist() == [[1, 2, 3, 4, 5], [1.5, -2000, 0, 4, 5]]
    assert [i.track for i in dataset.items] == ["blues.00000", "rock.00001"]
    assert dataset.passed == ("columns passed over: length",)
    assert "names no groups" in dataset.warnings[0]


def test_pieces_of_a_track_share_it(tmp_path: Path) -> None:
    rows = [(f"jazz.00007.{k}.wav", "jazz", [k, 1, 2, 3, 4]) for k in range(3)]
    rows += [("rock.00001.0.wav", "rock", [9, 9, 9, 9, 9])]
    dataset = read(features(tmp_path / "features_3_sec.csv", rows))
    assert [i.track for i in dataset.items] == ["jazz.00007"] * 3 + ["rock.00001"]
    assert groups(dataset) == ["jazz.00007"] * 3 + ["rock.00001"]


def test_unusable_rows_of_a_table_are_named(tmp_path: Path) -> None:
    path = features(
        tmp_path / "t.csv",
        [
            ("a.wav", "x", [1, 2, 3, 4, 5]),
            ("b.wav", "y", [1, "", 3, 4, 5]),
            ("c.wav", "", [1, 2, 3, 4, 5]),
            ("d.wav", "y", [1, "inf", 3, 4, 5]),
            ("e.wav", "y", [1, "nan", 3, 4, 6]),
            ("f.wav", "y", [0, 2, 3, 4, 5]),
        ],
    )
    dataset = read(path)
    assert [i.path for i in dataset.items] == ["a.wav", "f.wav"]
    assert dataset.warnings[0] == (
        "4 rows without a label or with no number are left out: line 3, line 4, line 5 and 1 more"
    )
    assert dataset.table is not None
    assert len(dataset.table.values) == 2


def test_equal_rows_share_a_group(tmp_path: Path) -> None:
    same = [1.0, 2, 3, 4, 5]
    path = features(
        tmp_path / "t.csv",
        [("a.wav", "x", same), ("b.wav", "y", [0, 0, 0, 0, 1]), ("c.wav", "y", same)],
    )
    dataset = read(path)
    assert groups(dataset) == ["a.wav", "b.wav", "a.wav"]
    assert "2 rows have an equal one: equal rows share a group" in dataset.warnings


def test_table_without_names_and_with_codes(tmp_path: Path) -> None:
    header = ",".join([*COLUMNS, "genre"])
    path = table(tmp_path / "t.csv", header, "1,2,3,4,5,0.0", "2,2,3,4,5,10.0", "3,2,3,4,5,2.0")
    dataset = read(path)
    assert dataset.labels == ("0", "10", "2")
    assert [i.path for i in dataset.items] == ["row 2", "row 3", "row 4"]


def test_table_joined_to_a_list(tmp_path: Path) -> None:
    path = features(
        tmp_path / "t.csv",
        [
            ("blues.00000.wav", "blues", [1, 2, 3, 4, 5]),
            ("blues.00001.wav", "blues", [2, 2, 3, 4, 5]),
            ("rock.00002.wav", "rock", [3, 2, 3, 4, 5]),
        ],
    )
    index = table(
        tmp_path / "index.csv",
        "path,track,label,group,split",
        ",blues.00000,blues,Hooker,valid",
        ",blues.00001,blues,Hooker,train",
    )
    dataset = read(path, group_by=str(index))
    assert groups(dataset) == ["Hooker", "Hooker", "rock.00002"]
    assert [i.split for i in dataset.items] == ["valid", "train", ""]
    assert dataset.warnings == ("1 items are not in index.csv: rock.00002.wav",)
    with pytest.raises(DatasetError, match="No such file"):
        read(path, group_by=str(tmp_path / "absent.csv"))
    with pytest.raises(UnknownName, match="'indx'"):
        read(path, group_by="indx")


def test_few_numbers_are_notes_of_a_manifest(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    path = table(root / "songs.csv", "path,label,bpm,year", "1.wav,a,120,1999", "2.wav,b,90,2001")
    dataset = read(path, group_by="file")
    assert dataset.kind == "audio"
    assert dataset.name == "songs"
    assert dataset.passed == ("columns passed over: bpm, year",)


def test_subset_of_a_table(tmp_path: Path) -> None:
    rows = [(f"{i}.wav", "xyz"[i % 3], [i, 2, 3, 4, 5]) for i in range(6)]
    dataset = read(features(tmp_path / "t.csv", rows), labels=["z", "x"])
    assert dataset.table is not None
    assert dataset.table.values[:, 0].tolist() == [0, 2, 3, 5]
    assert dataset.targets().tolist() == [1, 0, 1, 0]


# -- GTZAN


def test_track_names() -> None:
    assert track_name("blues.00042.wav") == ("blues.00042", "blues")
    assert track_name("genres/rock/rock.00001.au") == ("rock.00001", "rock")
    assert track_name("classical.00000.7.wav") == ("classical.00000", "classical")
    assert track_name("Hip-Hop.00007.wav") == ("hiphop.00007", "hiphop")
    assert track_name("blues00000.png") == ("blues.00000", "blues")
    assert track_name("polka.00000.wav") is None
    assert track_name("01 Intro.mp3") is None
    assert is_gtzan(["blues.00000.au"] * 9 + ["readme.au"])
    assert not is_gtzan(["blues.00000.au"] * 8 + ["a.au", "b.au"])
    assert not is_gtzan([])


@pytest.mark.parametrize(
    "layout",
    [
        "{genre}/{genre}.{n:05d}.au",
        "genres_original/{genre}/{genre}.{n:05d}.wav",
        "{genre}.{n:05d}.wav",
    ],
)
def test_gtzan_in_its_layouts(tmp_path: Path, layout: str) -> None:
    for genre in ("blues", "rock", "hiphop"):
        for n in range(3):
            wav(tmp_path / layout.format(genre=genre, n=n))
    (tmp_path / "bextract_single.mf").write_text("x")
    dataset = read(tmp_path)
    assert dataset.name == "gtzan"
    assert dataset.labels == ("blues", "hiphop", "rock")
    assert len(dataset) == 9
    assert {i.track for i in dataset.items} >= {"blues.00000", "rock.00002"}
    assert "GTZAN without a list of its artists" in dataset.warnings[0]
    assert dataset.passed == ("1 files .mf passed over",)


@pytest.mark.parametrize("beside", ["index.csv", "../index.csv"])
def test_gtzan_takes_the_list_beside_it(tmp_path: Path, beside: str) -> None:
    root = folder(
        tmp_path / "gtzan",
        "metal/metal.00058.wav",
        "rock/rock.00016.wav",
        "rock/rock.00017.wav",
        "rock/rock.00018.wav",
    )
    table(
        root / beside,
        "path,track,label,group,split,replica_set",
        ",metal.00058,metal,Queen,,r",
        "rock/rock.00016.wav,rock.00016,rock,Queen,train,r",
        ",rock.00017,rock,,valid,s",
    )
    dataset = read(root)
    assert groups(dataset) == ["Queen", "Queen", "s", "rock.00018"]
    assert [i.split for i in dataset.items] == ["", "train", "valid", ""]
    assert dataset.warnings == ("1 items are not in index.csv: rock/rock.00018.wav",)


def test_gtzan_spellings_are_repaired_and_told(tmp_path: Path) -> None:
    root = folder(tmp_path, "Hip-Hop/Hip-Hop.00000.wav", "Rock/Rock.00001.wav")
    dataset = read(root)
    assert dataset.labels == ("hiphop", "rock")
    assert dataset.warnings[:2] == ("Hip-Hop is read as hiphop", "Rock is read as rock")


def test_gtzan_groups_by_another_rule(tmp_path: Path) -> None:
    root = folder(tmp_path, "blues/blues.00000.wav", "rock/rock.00001.wav")
    assert read(root, group_by="file").warnings == ()
    with pytest.raises(UnknownName, match="'composer'"):
        read(root, group_by="composer")


# -- small parts


def test_seconds_and_sides() -> None:
    assert seconds("61.5", "x") == 61.5
    assert seconds("1:01.5", "x") == 61.5
    assert seconds("1:02:03", "x") == 3723
    for wrong in ("", "1:2:3:4", "-1", "nan", "inf", "1:-2", "a"):
        with pytest.raises(DatasetError, match="here"):
            seconds(wrong, "here")
    spellings = ("Train", "training ", "VAL", "validation", "dev", "test", "eval", "")
    found = [side(s, "x") for s in spellings]
    assert found == ["train", "train", "valid", "valid", "valid", "test", "test", ""]


def test_column_prefers_our_own_name(tmp_path: Path) -> None:
    assert column(["genre", "label"], "label") == "label"
    assert column(["Genre", "x"], "label") == "Genre"
    assert column(["x"], "label") == ""
    rows = read_rows(table(tmp_path / "t.csv", "a,b", "1,2", "", "3,4"))
    assert rows.lines == (2, 4)
    assert rows.rows == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})


def test_names_and_stems() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert stem("a.b/song.mp3") == "a.b/song"
    assert stem("a.b/song") == "a.b/song"
    assert stem(".hidden") == ".hidden"


def test_finish_refuses_impossible_times() -> None:
    from genrewise.training.datasets import Item

    for start, duration in ((-1.0, None), (float("nan"), None), (0.0, -2.0), (0.0, float("inf"))):
        bad = Dataset("x", ".", (Item("a", "l", "g", "t", "", start, duration),), ())
        with pytest.raises(DatasetError, match="expected a start of 0 s or more"):
            finish(bad)


def test_select_and_subset_keep_numbers() -> None:
    from genrewise.training.datasets import Item

    items = tuple(Item(str(i), "abc"[i % 3], "", str(i)) for i in range(6))
    dataset = finish(Dataset("x", ".", items, ()))
    part = dataset.subset([5, 1])
    assert part.labels == ("a", "b", "c")
    assert part.targets().tolist() == [2, 1]
    assert select(dataset, ["b"]).targets().tolist() == [0, 0]


# -- names and plug-ins


def test_synthetic_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    source = "synthetic:tracks_per_genre=2,seconds=0.5,genres=3,tracks_per_artist=1"
    dataset = read(source)
    assert dataset.name == "synthetic"
    assert len(dataset) == 6
    assert len(set(groups(dataset))) == 6
    before = (Path(dataset.root) / "manifest.csv").stat().st_mtime_ns
    assert read(source).root == dataset.root
    assert (Path(dataset.root) / "manifest.csv").stat().st_mtime_ns == before
    assert read(source.replace("seconds=0.5", "seconds=0.6")).root != dataset.root
    for wrong, message in (
        ("track_per_genre=2", "no setting 'track_per_genre'.*[Dd]id you mean tracks_per_genre"),
        ("seconds=long", "seconds='long'; expected a number"),
        ("genres=0", "genres=0; expected 1 to 12"),
    ):
        with pytest.raises(RecipeError, match=message):
            read(f"synthetic:{wrong}")


def test_names_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    table(root / "manifest.csv", "path,label,group", "1.wav,a,x", "2.wav,b,y")
    known = Registry("data set", {"mine": "absent_module:prepare"}, "train")
    monkeypatch.setattr(package, "DATASETS", known)
    with pytest.raises(MissingExtra, match=r"data set mine needs the extra \[train\]"):
        read("mine")


# -- the real folders


def test_real_gtzan(shared_data: Path) -> None:
    dataset = read(shared_data / "gtzan")
    assert len(dataset) == 611
    assert len(dataset.labels) == 10
    assert Counter(i.split for i in dataset.items) == {"train": 388, "valid": 166, "": 57}
    assert len(set(groups(dataset))) == 164
    assert dataset.warnings == ()


def test_real_sub_genres(shared_data: Path) -> None:
    dataset = read(shared_data / "hard-techno")
    assert len(dataset) == 1403
    assert len({i.track for i in dataset.items}) == 218
    assert len({i.section for i in dataset.items}) == 319
    # Its column start is a minute of the song; the files are clips of 8 s.
    assert {i.start for i in dataset.items} == {0.0}
    five = read(
        shared_data / "hard-techno",
        labels=["bouncy", "tekno", "warzone", "industrial", "non-techno-drop"],
    )
    assert len(five) == 1041


def test_real_tables_and_pictures(shared_data: Path) -> None:
    index = str(shared_data / "gtzan" / "index.csv")
    dataset = read(shared_data / "tables" / "gtzan_features_30_sec.csv", group_by=index)
    assert dataset.table is not None
    assert dataset.table.values.shape == (710, 57)
    assert dataset.table.names[0] == "chroma_stft_mean"
    assert dataset.table.names[-1] == "mfcc20_var"
    assert Counter(i.split for i in dataset.items) == {"train": 443, "valid": 197, "": 70}
    pictures = read(shared_data / "gtzan-pictures", group_by=index)
    assert pictures.kind == "pictures"
    assert len(pictures) == 709
    assert len(set(groups(pictures))) == 209
    codes = read(shared_data / "fma" / "features_3000.csv")
    assert codes.table is not None
    assert codes.table.values.shape == (3000, 29)
    assert "4 rows have an equal one: equal rows share a group" in codes.warnings


def test_real_loops(shared_data: Path) -> None:
    dataset = read(shared_data / "loops")
    assert dataset.labels == ("blues", "hiphop", "jazz", "reggae", "rock")
    assert dataset.warnings == ("109 rows without a label are left out",)
