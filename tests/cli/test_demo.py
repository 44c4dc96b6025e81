"""``genrewise demo``: the table, the strip, what to type next."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from genrewise.cli import COMMANDS, demo, group

MODEL = ("--model", "small-gtzan-v1")
PIECES = json.loads((demo.SAMPLES / "samples.json").read_text(encoding="utf-8"))


def call(*args: str) -> Result:
    return CliRunner().invoke(group, ["demo", *args], prog_name="genrewise")


def segment(start: float, stop: float, genre: str) -> dict[str, object]:
    return {"start": start, "stop": stop, "genre": genre, "confidence": 0.5}


def test_it_is_a_command_that_needs_no_extra() -> None:
    assert COMMANDS["demo"][1] == ""


def test_the_table() -> None:
    found = call(*MODEL, "--no-color")
    assert (found.exit_code, found.stderr) == (0, "")
    heading, *lines = found.stdout.splitlines()
    assert heading == "heard as   sure  over time               written as  piece"
    for line, piece in zip(lines, PIECES, strict=False):
        genre, sure, over, written = line.split()[:4]
        assert genre == written == piece["genre"]
        assert 50 < int(sure.rstrip("%")) <= 100
        assert over.startswith(genre[:4])
        assert line.endswith(piece["title"])
        assert line.index(written, 20) == heading.index("written as")
    assert lines[len(PIECES)] == ""
    assert "heard by small-gtzan-v1" in found.stdout


def test_it_fits_a_terminal_and_holds_no_colour_in_a_pipe() -> None:
    found = call(*MODEL)
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert "\x1b" not in found.stdout


def test_three_things_to_type_next_that_are_commands() -> None:
    lines = call(*MODEL).stdout.split("\nNext:\n")[1].splitlines()
    assert [line.split()[1] for line in lines] == ["classify", "train", "models"]
    assert all(line.split()[1] in COMMANDS for line in lines)
    assert all(line.startswith("  genrewise ") for line in lines)


def test_json() -> None:
    found = call(*MODEL, "--json")
    assert found.exit_code == 0
    records = json.loads(found.stdout)
    assert [r["title"] for r in records] == [p["title"] for p in PIECES]
    for record in records:
        assert Path(record["path"]).is_file()
        assert record["status"] == "ok"
        assert record["genre"] == record["written_as"]
        assert sum(record["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)
        assert record["timeline"][-1]["stop"] == pytest.approx(record["seconds"], abs=0.1)
        assert (record["model"], record["elapsed"] > 0) == ("small-gtzan-v1", True)


def test_it_is_quick() -> None:
    started = time.perf_counter()
    call(*MODEL)
    assert time.perf_counter() - started < 20


def test_an_unknown_model_is_a_line() -> None:
    found = call("--model", "small-gtzan")
    assert found.exit_code == 2
    assert "small-gtzan-v1" in found.stderr
    assert found.stdout == ""


def test_missing_pieces_are_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SAMPLES", tmp_path)
    found = call(*MODEL)
    assert found.exit_code == 1
    assert found.stderr == f"Error: {tmp_path / 'samples.json'}: No such file or directory\n"


def test_a_piece_that_is_not_recognised(model: Path) -> None:
    """A model of other labels: the answer stands beside what was written."""
    found = call("--model", str(model))
    assert found.exit_code == 0
    rows = found.stdout.splitlines()[1 : len(PIECES) + 1]
    assert {row.split()[0] for row in rows} <= {"tone", "noise", "unknown"}
    assert [row.split()[3] for row in rows] == [piece["genre"] for piece in PIECES]


def test_the_strip() -> None:
    timeline = [segment(0, 10, "jazz"), segment(10, 20, "jazz"), segment(20, 22, "blues")]
    assert demo.strip(timeline, 22.0) == "jazz────────────────bl"
    assert demo.strip([segment(0, 11, "pop"), segment(11, 22, "rock")], 22.0, "-") == (
        "pop--------rock-------"
    )
    assert demo.strip([], 22.0, "-") == "-" * 22


@given(
    st.lists(st.sampled_from(["jazz", "blues", "classical"]), min_size=1, max_size=40),
    st.floats(0.1, 30.0),
)
def test_the_strip_has_always_the_same_width(genres: list[str], length: float) -> None:
    timeline = [segment(i * length, (i + 1) * length, g) for i, g in enumerate(genres)]
    text = demo.strip(timeline, len(genres) * length)
    assert len(text) == 22
    # A first stretch of a cell or more begins with its name.
    first = next((i for i, g in enumerate(genres) if g != genres[0]), len(genres))
    shown = round(22 * first / len(genres))
    assert text.startswith(genres[0][:shown])


def test_what_to_type_is_what_the_shell_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "genrewise"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent))
    assert demo._program() == "genrewise"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("genrewise") is None
    monkeypatch.chdir(tmp_path)
    assert demo._program() == os.path.join("bin", "genrewise")  # noqa: PTH118
    monkeypatch.chdir(tmp_path.parent.parent)
    assert demo._program().endswith(os.path.join("bin", "genrewise"))  # noqa: PTH118
    monkeypatch.chdir("/")
    assert Path(demo._program()).name == "genrewise"


def test_long_paths_lose_the_explanations_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ("long" * 12) / "genrewise"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir("/")
    text = call(*MODEL).stdout
    assert "your own music" not in text
    assert text.count(f"{demo._program()} ") == 3
