"""``genrewise undo`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile

from genrewise.cli import COMMANDS, main
from genrewise.cli.undo import moment
from genrewise.library.database import open_database
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import write_genres, writing

#: Runs the command; gives its exit code, output and messages.
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three songs, and a library in which two runs wrote to them."""
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / name for name in ("a.flac", "b.wav", "more/ü.flac")]
    (tmp_path / "more").mkdir()
    for path in paths:
        soundfile.write(path, np.sin(np.arange(2000) / 9) / 2, 8000)
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "library.sqlite3"))
    monkeypatch.setenv("NO_COLOR", "1")
    with closing(open_database(tmp_path / "library.sqlite3")) as db:
        with writing(db, "genrewise tag") as run:
            write_genres(db, run, paths[0], ("Jazz",))
        with writing(db, "genrewise tag") as run:
            for path in paths:
                write_genres(db, run, path, ("Rock", "Pop"))
    return paths


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    def run(*args: str) -> tuple[int, str, str]:
        code = main(["undo", *args])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def genres(paths: list[Path]) -> list[tuple[str, ...]]:
    return [read_tags(path).genres for path in paths]


def test_all_of_the_last_run(music: list[Path], call: Call, tmp_path: Path) -> None:
    code, out, err = call()
    assert (code, err) == (0, "3 files: 3 undone\n")
    assert out.splitlines() == [
        "result            genre                 was                   file",
        f"undone            –                     Rock; Pop             {tmp_path}/more/ü.flac",
        f"undone            –                     Rock; Pop             {tmp_path}/b.wav",
        f"undone            Jazz                  Rock; Pop             {tmp_path}/a.flac",
    ]
    assert genres(music) == [("Jazz",), (), ()]
    assert call()[::2] == (0, "1 file: 1 undone\n")
    assert genres(music) == [(), (), ()]
    assert call() == (0, "", "nothing to undo\n")


def test_as_json(music: list[Path], call: Call) -> None:
    code, out, err = call("--json", "a.flac")
    assert (code, err) == (0, "2 files: 2 undone\n")
    assert json.loads(out) == [
        {
            "path": str(music[0]),
            "run": run,
            "state": "undone",
            "genres": before,
            "written": after,
            "reason": "",
        }
        for run, before, after in ((2, ["Jazz"], ["Rock", "Pop"]), (1, [], ["Jazz"]))
    ]
    assert json.loads(call("--json", "a.flac")[1]) == []


def test_a_run_by_its_number(music: list[Path], call: Call) -> None:
    code, _, err = call("1")
    assert code == 1
    assert err.splitlines() == [
        f"{music[0]}: written again by run 2; undo that first",
        "1 file: 0 undone, 1 not",
    ]
    assert call("2")[0] == 0
    assert call("1")[::2] == (0, "1 file: 1 undone\n")
    assert call("7") == (2, "", "Error: no run 7 in the journal; expected one from 1 to 2\n")


def test_a_file_that_is_called_like_a_run(music: list[Path], call: Call, tmp_path: Path) -> None:
    (tmp_path / "2").mkdir()
    assert call("2")[::2] == (0, "nothing to undo\n")  # the folder, in which nothing was written
    assert genres(music)[1] == ("Rock", "Pop")


def test_a_folder(music: list[Path], call: Call) -> None:
    assert call("more")[::2] == (0, "1 file: 1 undone\n")
    assert genres(music) == [("Rock", "Pop"), ("Rock", "Pop"), ()]


def test_a_dry_run(music: list[Path], call: Call) -> None:
    music[1].write_bytes(b"somebody's")
    code, out, err = call("--dry-run")
    assert code == 1
    assert [line.split("  ")[0] for line in out.splitlines()[1:]] == [
        *("would be undone", "changed", "would be undone"),
    ]
    assert err.splitlines() == [
        f"{music[1]}: changed by another program since",
        "3 files: 2 would be undone, 1 not",
    ]
    assert genres(music[::2]) == [("Rock", "Pop"), ("Rock", "Pop")]


def test_what_cannot_be_undone_makes_the_exit_code_1(music: list[Path], call: Call) -> None:
    music[1].unlink()
    code, out, err = call("--json")
    assert code == 1
    assert [item["state"] for item in json.loads(out)] == ["undone", "missing", "undone"]
    assert err.splitlines() == [f"{music[1]}: no such file any more", "3 files: 2 undone, 1 not"]


def test_a_time(music: list[Path], call: Call) -> None:
    assert call("--since", "2100-01-01")[::2] == (0, "nothing to undo\n")
    assert call("--since", "1h", "--dry-run")[0] == 1  # the first of two writes to one file
    assert call("--since", "1h", str(music[1]))[::2] == (0, "1 file: 1 undone\n")
    code, _, err = call("--since", "soon")
    assert code == 2
    assert "'soon'; expected a time: 2026-05-01, 2026-05-01T18:30, or 30min, 2h, 3d, 1w ago" in err


def at(text: str) -> datetime:
    found = moment(click.Context(click.Command("x")), click.Option(["--x"]), text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30min", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("3 d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_times_ago(text: str, ago: timedelta) -> None:
    now = datetime.now().astimezone()
    assert abs(now - at(text) - ago) < timedelta(minutes=1)


def test_points_in_time() -> None:
    assert at("2026-05-01") == datetime(2026, 5, 1).astimezone()
    assert at("2026-05-01 18:30") == datetime(2026, 5, 1, 18, 30).astimezone()
    assert (
        at("2026-05-01T18:30Z").isoformat()
        == at("2026-05-01T20:30+02:00").astimezone(at("2026-05-01T18:30Z").tzinfo).isoformat()
    )
    for text in ("", "yesterday", "2026-13-01", "999999w", "-1h", "1 month"):
        with pytest.raises(click.BadParameter, match="expected a time"):
            at(text)


def test_a_library_that_is_not_there(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "none.sqlite3"))
    code, out, err = call()
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {tmp_path / 'none.sqlite3'}: no such library; expected one made")
    assert call("--db", str(tmp_path / "other"))[2].startswith(
        f"Error: {tmp_path / 'other'}: no su"
    )
    assert list(tmp_path.iterdir()) == []


def test_it_is_in_the_table() -> None:
    assert COMMANDS["undo"] == ("genrewise.cli.undo:undo", "tags", "Give music its old tags back.")


def test_as_a_process_of_its_own(music: list[Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genrewise", "undo", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "3 files: 3 undone\n")
    assert len(json.loads(done.stdout)) == 3
    assert genres(music) == [("Jazz",), (), ()]
