"""``genrewise library``: status, list, export and prune of a library with music in it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tagged(in_library: Run, songs: Path) -> Path:
    """Three files: one written, one with a genre of its own, one that failed; and a model."""
    file = mutagen.File("m/z.ogg", easy=True)
    file["genre"], file["artist"] = ["Dub", "Ska"], ["Ann, Bo"]
    file.save()
    (songs / "m" / "a tone.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    assert in_library("tag", "--write", "m").returncode == 1
    return songs


# ------------------------------------------------------------------ status


def test_status_for_people(in_library: Run, tagged: Path) -> None:
    done = in_library("library status")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "state    files  meaning",
        "failed       1  could not be read; tried again once it has changed",
        "written      1  its genre was written by genrewise and stands",
        "kept         1  has a genre that is kept",
    ]
    assert lines[4] == "3 files of 2 songs, 0:06.0"
    assert lines[5] == "genres: Dub 1, Ska 1, noise 1"
    assert lines[6].startswith("tiny (")
    assert lines[6].endswith(") answered for 2")
    assert lines[7].startswith("journal: 1 write, 1 can be undone, ")
    assert lines[8].startswith("  run 1, 20")
    assert lines[8].endswith(" --write m")
    assert ": 1 write, 1 can be undone: genrewise tag --model " in lines[8]
    assert lines[9].startswith(f"{tagged / 'library.sqlite3'}: ")


def test_status_for_programs(in_library: Run, tagged: Path) -> None:
    found = json.loads(in_library("library status", "--json").stdout)
    assert found["files"] == 3
    assert {state: n for state, n in found["states"].items() if n} == {
        "failed": 1, "written": 1, "kept": 1,
    }  # fmt: skip
    assert found["genres"] == {"Dub": 1, "Ska": 1, "noise": 1}
    assert [m["name"] for m in found["models"]] == ["tiny"]
    assert found["journal"]["writes"] == found["journal"]["undoable"] == 1
    assert found["bytes"] > 0
    assert found["library"] == str(tagged / "library.sqlite3")


def test_the_library_is_where_it_is_said_to_be(in_library: Run, tagged: Path) -> None:
    os.rename(tagged / "library.sqlite3", tagged / "mine.db")  # noqa: PTH104
    assert in_library("library status").returncode == 2
    done = in_library("library status", "--db", "mine.db", "--json")
    assert json.loads(done.stdout)["files"] == 3
    none = in_library("library list", "--db", "none.db")
    assert none.returncode == 2
    assert none.stderr.startswith("Error: none.db: no such library; expected one made before.")
    assert not (tagged / "none.db").exists()


# ------------------------------------------------------------------ list


def test_list(in_library: Run, tagged: Path) -> None:
    assert in_library("library list").stdout.splitlines() == [
        "state     genre                     heard as              file",
        "failed                                                    m/a tone.wav",
        "written   noise                     noise 1.00            m/below/noise.flac",
        "kept      Dub; Ska                  tone 1.00             m/z.ogg",
    ]
    assert tagged.is_dir()


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["--state", "kept"], ["z.ogg"]),
        (["--state", "kept", "--state", "failed"], ["a tone.wav", "z.ogg"]),
        (["--genre", "ska"], ["z.ogg"]),
        (["--genre", "Polka"], []),
        (["--state", "new"], []),
    ],
)
@pytest.mark.usefixtures("tagged")
def test_list_some(in_library: Run, args: list[str], names: list[str]) -> None:
    found = json.loads(in_library("library list", "--json", *args).stdout)
    assert [os.path.basename(r["path"]) for r in found] == names  # noqa: PTH119


@pytest.mark.usefixtures("tagged")
def test_list_of_what_there_is_not(in_library: Run) -> None:
    done = in_library("library list", "--state", "writen")
    assert done.returncode == 2
    assert "no state named 'writen'" in done.stderr
    assert "Did you mean written?" in done.stderr
    assert "no model in this library" in in_library("library list", "--model", "big").stderr


# ------------------------------------------------------------------ export


def test_export_to_json(in_library: Run, tagged: Path) -> None:
    done = in_library("library export", "-o", "all.json", "--json")
    assert json.loads(done.stdout) == {"output": "all.json", "files": 3}
    failed, noise, z = json.loads((tagged / "all.json").read_text(encoding="utf-8"))
    assert (failed["state"], failed["model"]) == ("failed", None)
    assert noise["genres"] == noise["written"] == ["noise"]
    assert noise["probabilities"]["noise"] == pytest.approx(noise["confidence"])
    assert noise["confidence"] > 0.9
    assert noise["timeline"][0]["genre"] == "noise"
    assert z["artist"] == "Ann, Bo"


def test_export_to_csv(in_library: Run, tagged: Path) -> None:
    done = in_library("library export", "-o", "all.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 files in all.csv\n")
    with (tagged / "all.csv").open(encoding="utf-8", newline="") as file:
        failed, noise, z = csv.DictReader(file)
    assert (failed["path"], failed["genre"], failed["p_tone"]) == (
        str(tagged / "m" / "a tone.wav"), "", "0.0",
    )  # fmt: skip
    assert (noise["genres"], noise["genre"], noise["state"]) == ("noise", "noise", "written")
    assert float(noise["p_noise"]) == pytest.approx(1.0, abs=0.01)
    assert (z["genres"], z["artist"]) == ("Dub; Ska", "Ann, Bo")


@pytest.mark.usefixtures("songs")
def test_export_to_parquet_with_embeddings(in_library: Run) -> None:
    import pandas as pd

    assert in_library("tag", "--model", "small-gtzan-v1", "m").returncode == 0
    done = in_library("library export", "-o", "all.parquet", "--embeddings")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet("all.parquet")
    assert len(table) == 3
    assert list(table["state"]) == ["review"] * 3
    vectors = table[[f"e_{i:03}" for i in range(64)]].to_numpy()
    assert ((vectors**2).sum(axis=1) ** 0.5) == pytest.approx([1.0] * 3, abs=1e-3)
    assert table[[c for c in table if c.startswith("p_")]].sum(axis=1).to_numpy() == pytest.approx(
        [1.0] * 3, abs=1e-5
    )


@pytest.mark.usefixtures("tagged")
def test_export_to_what_it_cannot_write(in_library: Run) -> None:
    done = in_library("library export", "-o", "all.xls")
    assert done.returncode == 2
    assert "expected a name that ends in .csv, .json or .parquet" in done.stderr
    assert in_library("library export", "-o", "no/such/all.csv").returncode == 2
    assert in_library("library export", "-o", "no/such/all.json").returncode == 1


# ------------------------------------------------------------------ prune


def test_prune_forgets_what_is_missing(in_library: Run, tagged: Path) -> None:
    done = in_library("library prune")
    assert (done.returncode, done.stderr) == (0, "forgot 0 missing files\n")
    (tagged / "m" / "z.ogg").unlink()
    in_library("tag", "m")
    assert "missing" in in_library("library status").stdout
    assert in_library("library prune").stderr == "forgot 1 missing file\n"
    assert "missing" not in in_library("library status").stdout
    assert json.loads(in_library("library status", "--json").stdout)["journal"]["writes"] == 1


@pytest.mark.usefixtures("tagged")
def test_prune_bounds_the_journal(in_library: Run) -> None:
    found = json.loads(in_library("library prune", "--keep-runs", "1", "--json").stdout)
    assert found == {"files": 0, "writes": 0, "bytes": 0}
    assert in_library("library prune", "--days", "30").stderr == "forgot 0 missing files\n"
    done = in_library("library prune", "--max-size", "0")
    assert done.stderr.splitlines()[1].startswith("1 write (")
    assert done.stderr.splitlines()[1].endswith(") cannot be undone any more")
    status = json.loads(in_library("library status", "--json").stdout)
    assert status["journal"] == {"writes": 0, "undoable": 0, "bytes": 0}


# ------------------------------------------------------------------ what it costs


@pytest.mark.usefixtures("tagged")
def test_status_loads_no_numbers(in_library: Run) -> None:
    assert in_library("library status").returncode == 0
    script = (
        "import sys; from genrewise.cli import main\n"
        "assert main(['library', 'status']) == 0\n"
        "assert not {'numpy', 'mutagen', 'onnxruntime'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
