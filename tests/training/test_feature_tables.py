"""Reading tables of features as data sets."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError, UnknownName
from genrewise.training.datasets import Dataset, read
from genrewise.training.splits import make_split


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


def groups(dataset: Dataset) -> list[str]:
    return [item.group for item in dataset.items]


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
    assert (
        "2 rows have one that is equal, or nearly so: such rows share a group" in dataset.warnings
    )


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


def wide(path: Path, values: np.ndarray) -> Path:
    """A table of many columns, each row of a song of its own."""
    names = ",".join(f"c{k}" for k in range(values.shape[1]))
    rows = [
        ",".join([f"{n}.wav", *map(repr, row.tolist()), "xy"[n % 2]])
        for n, row in enumerate(values)
    ]
    return table(path, f"filename,{names},label", *rows)


def test_nearly_equal_rows_of_many_columns_share_a_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 24)) * 10.0 ** rng.integers(-3, 6, 24)
    deviation = values.std(axis=0)
    values[7] = values[3] + 0.15 * deviation
    values[9] = values[7] + 0.15 * deviation
    values[11] = values[3]
    values[12] = values[3]
    values[12, 5] += 0.5 * deviation[5]  # one column tells them apart
    own = groups(read(wide(tmp_path / "t.csv", values)))
    assert [n for n, group in enumerate(own) if group == "3.wav"] == [3, 7, 9, 11]
    assert len(set(own)) == 37
    # Few columns agree by chance.
    few = groups(read(wide(tmp_path / "few.csv", values[:, :19])))
    assert [n for n, group in enumerate(few) if group == "3.wav"] == [3, 11]


def test_a_column_that_never_varies_does_not_matter(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(6, 22))
    values[:, 4] = 7.0
    values[5] = values[1]
    assert len(set(groups(read(wide(tmp_path / "t.csv", values))))) == 5


def test_copies_in_the_real_tables(shared_data: Path) -> None:
    """Without a list the table itself tells the known copies of GTZAN, and no others."""
    dataset = read(shared_data / "tables" / "gtzan_features_30_sec.csv")
    together: dict[str, list[str]] = {}
    for item in dataset.items:
        together.setdefault(item.group, []).append(item.track)
    copies = {tuple(tracks) for tracks in together.values() if len(tracks) > 1}
    assert len(copies) == 13
    assert {("metal.00058", "rock.00016"), ("pop.00015", "pop.00022")} <= copies
    assert {("pop.00047", "pop.00080"), ("pop.00045", "pop.00046")} <= copies
    # The list's parts part none of them.
    listed = read(
        shared_data / "tables" / "gtzan_features_30_sec.csv", group_by="../gtzan/index.csv"
    )
    sizes = [len(part) for part in make_split(listed).parts().values()]
    assert sum(sizes) == 640
    codes = read(shared_data / "fma" / "features_3000.csv")
    lines: dict[str, list[str]] = {}
    for item in codes.items:
        lines.setdefault(item.group, []).append(item.path.removeprefix("row "))
    assert sorted(pair for pair in lines.values() if len(pair) > 1) == [
        ["1362", "2019"],
        ["2113", "2747"],
        ["260", "2625"],
        ["834", "872"],
        ["980", "985"],
    ]


def test_the_encoding_of_a_table_is_told_of(tmp_path: Path) -> None:
    path = features(tmp_path / "t.csv", [("a.wav", "x", [1, 2, 3, 4, 5])])
    path.write_bytes(path.read_bytes().replace(b"a.wav", "ä.wav".encode("cp1252")))
    assert read(path).warnings[0].startswith("t.csv, line 2: no UTF-8")
