"""Folders of Parquet files that grow, that a later run goes on with, and that refuse others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from genrewise.cli import parquet as ours
from genrewise.cli.parquet import Done, ParquetFolder, RecordFolder, check_parquet
from genrewise.cut import Track
from genrewise.engine import Refused, Waiting
from genrewise.errors import DatasetError, MissingExtra

Run = Callable[..., subprocess.CompletedProcess[str]]

names = st.text(min_size=1) | st.binary(min_size=1).map(os.fsdecode)


def row(path: str, n: int = 0) -> dict[str, Any]:
    return {"path": path, "n": n, "x": n / 2}


def record(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "status": "ok", "probabilities": {"a": 0.25, "b": 0.75}, **more}


def parts(folder: Path) -> list[list[dict[str, Any]]]:
    return [parquet.read_table(p).to_pylist() for p in sorted(folder.glob("*.parquet"))]


# ------------------------------------------------------------------ what is done


@given(st.lists(names), st.lists(names))
def test_what_is_done_is_left_out_and_counted(before: list[str], now: list[str]) -> None:
    done = Done(before)
    assert list(done.rest(now)) == [path for path in now if path not in before]
    assert done.met == sum(path in before for path in now)


def test_all_that_the_engine_takes_has_a_path() -> None:
    waiting, gone = Waiting(0), Refused("gone.mp3", "no such file")
    track, other = Track("a.mp3", "a", {}), Track("b.mp3", "b", {})
    done = Done(["a.mp3", "gone.mp3"])
    assert list(done.rest([waiting, gone, track, other])) == [waiting, other]
    assert done.met == 2


# ------------------------------------------------------------------ parts


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_parts_neither_lose_nor_repeat_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(ours, "ROWS", 3)
    with ParquetFolder(tmp_path / "out", "tests") as folder:
        for i in range(count):
            folder.write(row(f"{i}.mp3", i))
    found = parts(tmp_path / "out")
    assert [len(part) for part in found] == sizes
    assert [r for part in found for r in part] == [
        {"path": f"{i}.mp3", "n": i, "x": i / 2, "path_bytes": None} for i in range(count)
    ]


def test_rows_of_a_file_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a run that goes on would take a file for done of which a part is missing."""
    monkeypatch.setattr(ours, "ROWS", 3)
    with ParquetFolder(tmp_path, "tests") as folder:
        folder.write(row("a"), row("a"))
        folder.write(row("b"), row("b"), row("b"))
        folder.write(row("c"))
    found = [[r["path"] for r in part] for part in parts(tmp_path)]
    assert found == [["a", "a", "b", "b", "b"], ["c"]]


def test_a_part_is_written_once_it_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "SECONDS", 0.0)
    folder = ParquetFolder(tmp_path, "tests")
    folder.write(row("a"))
    folder.write(row("b"))
    assert [len(part) for part in parts(tmp_path)] == [1, 1]


def test_names_that_are_no_utf_8_come_back(tmp_path: Path) -> None:
    paths = [os.fsdecode(b"caf\xe9.mp3"), "caf\\xe9.mp3", "café.mp3", "x" * 4000]
    with ParquetFolder(tmp_path, "tests") as folder:
        folder.write(*map(row, paths))
    ((first, *_),) = parts(tmp_path)
    assert (first["path"], first["path_bytes"]) == ("caf\\xe9.mp3", b"caf\xe9.mp3")
    done = ParquetFolder(tmp_path, "tests").done(resume=True)
    assert list(done.rest([*paths, os.fsdecode(b"caf\xe8.mp3")])) == [os.fsdecode(b"caf\xe8.mp3")]


def test_records_have_the_same_columns_whatever_they_hold(tmp_path: Path) -> None:
    span = {"start": 0.0, "stop": 1.5, "genre": "a", "confidence": 0.5}
    more = {"genres": ["b"], "genre": "b", "timeline": [span], "seconds": 2.5}
    for i, held in enumerate([{}, more]):
        with RecordFolder(tmp_path, "tests", ["a", "b"]) as folder:
            folder.done(resume=True)
            folder.write(record(f"{i}", **held))
    (one,), (two,) = parts(tmp_path)
    assert list(one) == list(two)
    assert (one["timeline"], one["genre"], one["genres"]) == (None, None, None)
    assert two["timeline"] == [span]
    assert {k: two[k] for k in ("genres", "seconds")} == {"genres": ["b"], "seconds": 2.5}
    assert two["probabilities"] == {"a": 0.25, "b": 0.75}
    failed = record("2") | {"status": "failed", "probabilities": {}}
    with RecordFolder(tmp_path / "other", "tests", ["a", "b"]) as folder:
        folder.write(failed)
    assert parts(tmp_path / "other")[0][0]["probabilities"] is None


# ------------------------------------------------------------------ going on


def test_what_was_there_before_goes_on(tmp_path: Path) -> None:
    with ParquetFolder(tmp_path, "tests") as folder:
        folder.write(row("a"))
    with ParquetFolder(tmp_path, "tests") as folder:
        assert list(folder.done(resume=True).rest(["a", "b"])) == ["b"]
        folder.write(row("b"))
    assert [p.name[:11] for p in sorted(tmp_path.iterdir())] == ["part-00000-", "part-00001-"]


KILLED = """
import os, sys
from pathlib import Path
from genrewise.cli import parquet
parquet.ROWS = 10
folder = parquet.ParquetFolder(Path(sys.argv[1]), "tests")
for path in folder.done(True).rest(map(str, range(95))):
    folder.write({"path": path})
    if path == sys.argv[2]:
        os.kill(os.getpid(), 9)
folder.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_kill_9_costs_the_part_that_was_not_written(tmp_path: Path) -> None:
    for die, rows in (("0", 0), ("34", 30), ("60", 60), ("", 95)):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path, die], check=die == "")
        assert sum(map(len, parts(tmp_path))) == rows
    assert {r["path"] for part in parts(tmp_path) for r in part} == set(map(str, range(95)))


def test_a_part_that_was_cut_off_in_writing_is_none(tmp_path: Path) -> None:
    (tmp_path / ".genrewise-0123").write_bytes(b"PAR1 half")
    assert ParquetFolder(tmp_path, "tests").done(resume=False).met == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = ParquetFolder(tmp_path / "out", "tests")
    (tmp_path / "out").rmdir()  # gone meanwhile; who is root may write into any other
    folder.write(row("a"))
    with pytest.raises(FileNotFoundError):
        folder.close()


# ------------------------------------------------------------------ refusals


def foreign(path: Path) -> None:
    parquet.write_table(pa.table({"path": ["a"]}), path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign, ": made by another program; expected tests. Name another folder"),
        (lambda p: p.write_bytes(b"PAR1"), "; expected a Parquet file of genrewise's"),
        (lambda p: p.write_bytes(b""), "; expected a Parquet file of genrewise's"),
    ],
)
def test_what_is_no_part_of_ours(tmp_path: Path, make: Callable[[Path], Any], said: str) -> None:
    make(tmp_path / "x.parquet")
    with pytest.raises(DatasetError) as caught:
        ParquetFolder(tmp_path, "tests").done(resume=True)
    assert str(caught.value).startswith(f"{tmp_path}/x.parquet: ")
    assert str(caught.value).endswith(said)
    assert "\n" not in str(caught.value)


def test_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DatasetError, match=r"file: a file; expected the name of a folder"):
        ParquetFolder(tmp_path / "file", "tests")


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "genrewise\[dask\]"'):
        ParquetFolder(tmp_path, "tests")


@pytest.mark.parametrize(
    ("folder", "resume", "other", "said"),
    [
        (None, True, "", "--resume without a folder to go on with. Give --parquet DIR"),
        (Path("out"), False, "--csv", "--csv and --parquet; expected one of them"),
    ],
)
def test_what_cannot_be_meant(folder: Path | None, resume: bool, other: str, said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        check_parquet(folder, resume, other)
    assert caught.value.message == said
    check_parquet(None, False, other)


# ------------------------------------------------------------------ as it is typed


@pytest.mark.usefixtures("songs")
def test_classify_into_a_folder_in_two_runs(genrewise: Run) -> None:
    done = genrewise("--parquet", "out", "m/below", "m/gone.mp3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "2 files: 1 ok, 1 failed"
    done = genrewise("--parquet", "out", "m")
    assert done.returncode == 2
    assert "1 Parquet file in it; expected an empty folder" in done.stderr
    done = genrewise("--parquet", "out", "--resume", "m", "m/gone.mp3")
    said = "2 files: 2 ok; 2 done before; passed over 1 that are no audio"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, said)
    found = {r["path"]: r for r in parquet.read_table("out").to_pylist()}
    assert len(found) == parquet.read_table("out").num_rows == 4
    genres = {path: r["genre"] for path, r in found.items()}
    assert genres == {
        "m/a tone.wav": "tone",
        "m/below/noise.flac": "noise",
        "m/gone.mp3": None,
        "m/z.ogg": "tone",
    }
    assert found["m/gone.mp3"]["error"] == "no such file or folder"
    done = genrewise("--parquet", "out", "--resume", "--listen", "all", "m")
    assert done.returncode == 2
    assert "out/part-00000-" in done.stderr
    assert ", listen 10; expected tiny " in done.stderr


@pytest.mark.usefixtures("songs")
def test_features_into_a_folder_in_two_runs(in_library: Run) -> None:
    how = ("--layout", "statistics", "--window", "1", "--parquet", "out")
    done = in_library("features", *how, "m/below")
    assert (done.returncode, done.stdout) == (0, "2 rows of 1 tracks in out\n")
    done = in_library("features", *how, "--resume", "m")
    assert done.stdout == "6 rows of 2 tracks in out, 1 done before\n"
    rows = parquet.read_table("out").to_pylist()
    assert len({(r["filename"], r["start"]) for r in rows}) == len(rows) == 8
    assert (rows[0]["filename"], rows[0]["length"]) == ("m/below/noise.flac", 22050)
    done = in_library("features", "--layout", "statistics", "--parquet", "out", "--resume", "m")
    assert (done.returncode, done.stdout) == (2, "")
    assert "made by statistics, windows of 1 s; expected statistics. Name" in done.stderr
    done = in_library("features", *how, "-o", "t.csv", "m")
    assert "--output and --parquet; expected one of them" in done.stderr
