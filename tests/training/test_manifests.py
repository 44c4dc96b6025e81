"""Reading manifests: CSV and JSONL, their dialects, what is refused, how rows are grouped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError, UnknownName
from genrewise.training.datasets import Dataset, read


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
    dataset = read(root)
    assert groups(dataset) == ["Mötley Crüe", "Ella"]
    assert dataset.warnings == (
        "manifest.csv, line 2: no UTF-8; read as Windows-1252, so that letters with accents may"
        " be wrong: save it as UTF-8",
    )
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (root / "manifest.csv").write_bytes(text.encode(encoding))
        dataset = read(root)
        assert groups(dataset) == ["Mötley Crüe", "Ella"]
        assert dataset.warnings == ()


def test_the_encoding_of_a_list_is_told_of(tmp_path: Path) -> None:
    root = folder(tmp_path / "music", "rock/1.wav", "jazz/2.wav")
    index = tmp_path / "list.csv"
    index.write_bytes("track,group\r\nrock/1,Ella\r\njazz/2,Mötley Crüe\r\n".encode("cp1252"))
    dataset = read(root, group_by=str(index))
    assert groups(dataset) == ["Mötley Crüe", "Ella"]
    assert dataset.warnings[0].startswith("list.csv, line 3: no UTF-8; read as Windows-1252")


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
