"""Tables that are written as the rows come: what they hold, and when they take their name."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from genrewise.cli import tables
from genrewise.cli.tables import TableFile
from genrewise.errors import DatasetError

cells = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")),
        "n": st.integers(-(2**63), 2**63 - 1),
        "x": st.floats(width=32, allow_nan=False),
    }
)
posix = pytest.mark.skipif(os.name != "posix", reason="needs names that are bytes")


def write(path: Path | str, rows: list[dict[str, Any]]) -> None:
    with TableFile(str(path)) as table:
        for row in rows:
            table.write(row)


@settings(max_examples=40, deadline=None)
@given(st.lists(cells, min_size=1, max_size=7))
def test_both_kinds_give_every_cell_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    for suffix in ("csv", "parquet"):
        write(folder / f"t.{suffix}", rows)
    assert sorted(p.name for p in folder.iterdir()) == ["t.csv", "t.parquet"]
    with (folder / "t.csv").open(encoding="utf-8", newline="") as file:
        plain = list(csv.DictReader(file))
    assert [r["name"] for r in plain] == [r["name"] for r in rows]
    assert [int(r["n"]) for r in plain] == [r["n"] for r in rows]
    assert [float(r["x"]) for r in plain] == [r["x"] for r in rows]
    assert parquet.read_table(folder / "t.parquet").to_pylist() == rows


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
def test_batches_neither_lose_nor_repeat_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(tables, "_BATCH", 3)
    write(tmp_path / "t.parquet", [{"n": i} for i in range(count)])
    table = parquet.ParquetFile(tmp_path / "t.parquet")
    assert table.read().column("n").to_pylist() == list(range(count))
    assert table.num_row_groups == math.ceil(count / 3)


def test_pandas_reads_both_as_the_same_table(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    rows = [
        {"filename": f"{i}.wav", "length": i, **{f"f{j}": float(str(x)) for j, x in enumerate(row)}}
        for i, row in enumerate(values)
    ]
    write(tmp_path / "t.csv", rows)
    write(tmp_path / "t.parquet", rows)
    plain, other = pd.read_csv(tmp_path / "t.csv"), pd.read_parquet(tmp_path / "t.parquet")
    assert list(plain) == list(other)
    assert other["f0"].dtype == np.float32
    for frame in (plain, other):
        np.testing.assert_array_equal(frame[["f0", "f1", "f2"]].to_numpy(np.float32), values)


@posix
def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    """CSV keeps its bytes; Parquet, which holds text only, shows them."""
    rows = [{"name": os.fsdecode(b"caf\xe9.wav"), "x": 0.5}, {"name": "é", "x": 1.5}]
    write(tmp_path / "t.csv", rows)
    assert (tmp_path / "t.csv").read_bytes() == b"name,x\ncaf\xe9.wav,0.5\n\xc3\xa9,1.5\n"
    write(tmp_path / "t.parquet", rows)
    found = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    assert found == {"name": ["caf\\xe9.wav", "é"], "x": [0.5, 1.5]}


def test_standard_output_is_a_table_too(capsys: pytest.CaptureFixture[str]) -> None:
    write("-", [{"a": 'x,"y"', "b": 1}, {"a": "", "b": 0.1}])
    out = capsys.readouterr().out
    assert out == 'a,b\n"x,""y""",1\n,0.1\n'
    assert list(csv.reader(io.StringIO(out)))[1] == ['x,"y"', "1"]


@pytest.mark.parametrize("suffix", ["csv", "CSV", "parquet", "Parquet"])
def test_an_old_table_stays_until_the_new_one_is_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")

    def interrupted() -> None:
        with TableFile(str(path)) as table:
            table.write({"a": 1})
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    write(path, [{"a": 2}])
    assert b"old" not in path.read_bytes()
    assert not path.with_name(path.name + ".part").exists()


def test_rows_can_be_read_while_the_table_grows(tmp_path: Path) -> None:
    part = tmp_path / "t.csv.part"
    with TableFile(str(tmp_path / "t.csv")) as table:
        for i in range(3):
            table.write({"a": i})
            assert part.read_text() == "a\n" + "".join(f"{k}\n" for k in range(i + 1))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder.csv", "folder.csv: a folder; expected the name of a file"),
        ("no/t.csv", "no/t.csv: no such folder. Make it first"),
        ("file.csv/t.csv", "file.csv/t.csv: no such folder. Make it first"),
    ],
)
def test_places_where_no_table_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file.csv").write_text("mine")
    with pytest.raises(DatasetError) as caught:
        TableFile(name)
    assert str(caught.value) == said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.csv", "folder.csv"]


def test_a_column_that_comes_late_is_no_silent_loss(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'b'"):
        write(tmp_path / "t.csv", [{"a": 1}, {"a": 2, "b": 3}])
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "t.csv.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "t.csv", [{"a": 1}])
    assert not (tmp_path / "t.csv").exists()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write(tmp_path / "other.csv", [{"a": 1}])  # CSV needs no pyarrow
    assert (tmp_path / "other.csv").read_text() == "a\n1\n"
