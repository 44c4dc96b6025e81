"""``genrewise train --from-library``: what was said in review becomes a model."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mutagen
import pytest
import soundfile

from genrewise.cli import main
from genrewise.library.catalogue import decide, labelled
from genrewise.library.database import open_database
from genrewise.training import datasets
from genrewise.training.datasets.synthetic import generate

GENRES = {"metal": "Metal", "techno": "R&B/Soul", "waltz": "Wälzer"}
QUICK = ("--fast", "--set", "fit.folds=2", "--workers", "1")


@pytest.fixture(scope="module")
def heard(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three genres by nine artists, heard by the tiny model."""
    folder = tmp_path_factory.mktemp("library")
    made = generate(folder / "made", 6, 4.0, genres=tuple(GENRES), tracks_per_artist=2)
    (folder / "Müsik").mkdir()
    for i, wav in enumerate(sorted(made.glob("*/*.wav"))):
        y, sr = soundfile.read(wav)
        path = folder / "Müsik" / f"{wav.parent.name} {i:02}.flac"
        soundfile.write(path, y, sr)
        file = mutagen.File(path)
        file["artist"] = [f"Artist {i // 2}" + (" feat. X" if i % 2 else "")]
        file.save()
    command = [sys.executable, "-m", "genrewise", "tag", "--model", str(model)]
    subprocess.run(
        [*command, "--db", str(folder / "library.sqlite3"), str(folder / "Müsik")],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(autouse=True)
def own_places(heard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GENREWISE_CACHE", str(heard / "cache"))
    monkeypatch.setenv("GENREWISE_LIBRARY", str(heard / "library.sqlite3"))
    monkeypatch.chdir(tmp_path)
    yield
    with closing(open_database(heard / "library.sqlite3")) as db:
        rows = db.execute("SELECT audio FROM decisions").fetchall()
        decide(db, [(row["audio"], "", []) for row in rows])


def say_genres(folder: Path, most: int = 6, **others: str) -> None:
    """Decide on the first songs of each genre, as review does."""
    with closing(open_database(folder / "library.sqlite3")) as db:
        rows = db.execute("SELECT path, audio FROM files ORDER BY path").fetchall()
        seen: dict[str, int] = {}
        for row in rows:
            genre = os.path.basename(os.fsdecode(row["path"])).split()[0]  # noqa: PTH119
            seen[genre] = seen.get(genre, 0) + 1
            if seen[genre] <= int(others.get(genre, most)):
                decide(db, [(row["audio"], "changed", [GENRES[genre], "More"])])


def test_what_was_said_is_learnt_and_no_artist_parted(
    heard: Path, tmp_path: Path, capsys: Any
) -> None:
    say_genres(heard)
    assert main(["train", "--from-library", "-o", "mine", *QUICK, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["test"]["track"]["n"] > 0
    assert (tmp_path / "mine.genrewise").is_file()
    with (tmp_path / "mine-report" / "library.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    assert {row["label"] for row in rows} == set(GENRES.values())
    assert all(Path(row["path"]).is_file() for row in rows)
    song = next((heard / "Müsik").glob("waltz*"))
    assert main(["classify", "--jsonl", "--model", "mine.genrewise", str(song)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["probabilities"]) == set(GENRES.values())

    _no_artist_is_parted(tmp_path)


def _no_artist_is_parted(tmp_path: Path) -> None:
    dataset = datasets.read(tmp_path / "mine-report" / "library.csv")
    groups: dict[str, set[int]] = {}
    for item in dataset.items:
        groups.setdefault(item.group, set()).add(int(item.path[-7:-5]) // 2)
    assert sorted(groups.values(), key=min) == [{i} for i in range(9)]
    sides: dict[str, set[str]] = {}
    with (tmp_path / "mine-report" / "predictions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sides.setdefault(row["group"], set()).add(row["part"])
    assert len(sides) > 2
    assert all(len(parts) == 1 for parts in sides.values())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"most": 0}, "in which you have said the genre of no song"),
        ({"most": 2}, "too few songs: Metal (2), R&B/Soul (2), Wälzer (2)"),
        ({"most": 0, "metal": "6"}, "too few songs: Metal (6)"),
    ],
)
def test_too_few_are_one_line(
    heard: Path, tmp_path: Path, capsys: Any, said: dict[str, Any], told: str
) -> None:
    say_genres(heard, **said)
    assert main(["train", "--from-library", "-o", "mine", *QUICK]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert line.endswith("Say more: genrewise review")
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_not_there(tmp_path: Path, capsys: Any) -> None:
    args = ["train", "--from-library", "--db", "none.sqlite3", "-o", "mine"]
    assert main(args) == 2
    assert "none.sqlite3: no such library" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "no music to learn from. Give a folder, or --from-library"),
        (["music", "--from-library"], "music and --from-library. Give a folder, or"),
        (["music", "--db", "x.sqlite3"], "--db is for --from-library"),
        (["--from-library", "--group-by", "folder"], "a library has no folders of genres"),
    ],
)
def test_wrong_use(args: list[str], told: str, capsys: Any) -> None:
    assert main(["train", *args, "-o", "mine"]) == 2
    assert told in capsys.readouterr().err


def test_what_is_rare_or_gone_is_left_out_and_said(heard: Path, capsys: Any) -> None:
    say_genres(heard, waltz="2")
    with closing(open_database(heard / "library.sqlite3")) as db:
        path, _ = next(iter(labelled(db)))
    away = Path(path).rename(heard / "away.flac")
    try:
        assert main(["train", "--from-library", "--seeds", "1", *QUICK]) == 0
    finally:
        away.rename(path)
    said = capsys.readouterr().err
    assert "left out: Wälzer (2); a genre needs 3 songs" in said
    assert "1 files of the manifest are not there" in said
