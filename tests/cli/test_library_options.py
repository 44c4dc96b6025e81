"""Options around a library: limits, policies, paths as shown, the library that is meant."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from genrewise import engine
from genrewise.cli.library_options import (
    MEMORY_LIMIT,
    limit_options,
    limits,
    opened,
    policy,
    policy_options,
    shown_path,
    typed,
)
from genrewise.errors import LibraryError, UnknownName
from genrewise.library.listening import Work
from genrewise.library.policies import Policy

LABELS = ("hiphop", "jazz")


def parsed(options: Callable[[Any], Any], *args: str) -> dict[str, Any]:
    """What a command with these options gets."""
    found: dict[str, Any] = {}

    @click.command()
    @options
    def command(**values: Any) -> None:
        found.update(values)

    done = CliRunner().invoke(command, args)
    assert done.exit_code == 0, done.output
    return found


# ------------------------------------------------------------------ policies


def test_without_options_the_policy_is_the_default() -> None:
    values = parsed(policy_options)
    names = {"hiphop": ("Hip-Hop",), "jazz": ("Jazz",)}
    assert policy(LABELS, values) == Policy(names=names)
    assert values == {}  # nothing is dropped silently


def test_every_wish_reaches_the_policy(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("hiphop,Rap\n")
    values = parsed(
        policy_options,
        *("--min-confidence", "0.5", "--existing", "append", "--genres", "3", "--album", "vote"),
        *("--map", str(tmp_path / "map.csv"), "--vocabulary", "label", "--field", "comment"),
        *("--sidecar", "--keep-mtime", "--retag"),
    )
    names = {"hiphop": ("Rap",), "jazz": ("jazz",)}
    assert policy(LABELS, values) == Policy(
        0.5, "append", 3, names, True, "comment", True, True, True
    )


def test_a_vocabulary_that_there_is_not() -> None:
    with pytest.raises(UnknownName, match="no vocabulary named 'x'"):
        policy(LABELS, parsed(policy_options, "--vocabulary", "x"))


# ------------------------------------------------------------------ limits


def test_limits_as_the_engine_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(bytes(1_000_000))
    found = limits(parsed(limit_options))
    assert (found["run"].func, found["run"].keywords) == (engine.run, {"workers": 0})
    assert found["memory_limit"] == (MEMORY_LIMIT if engine.CAN_LIMIT_MEMORY else None)
    assert found["time_limit"](Work(1, str(path))) == pytest.approx(80.0)
    args = ("--workers", "3", "--time-limit", "1:30", "--memory-limit", "1G")
    given = limits(parsed(limit_options, *args))
    assert given.pop("run").keywords == {"workers": 3}
    assert given == {"time_limit": 90.0, "memory_limit": 2**30}
    none = limits(parsed(limit_options, "--time-limit", "0", "--memory-limit", "0"))
    assert (none["time_limit"], none["memory_limit"]) == (None, None)


# ------------------------------------------------------------------ the library


def test_the_library_that_is_named_or_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENREWISE_LIBRARY", str(tmp_path / "mine.db"))
    with opened(None, create=True), opened(tmp_path / "other.db", create=True):
        assert {p.name for p in tmp_path.glob("*.db")} == {"mine.db", "other.db"}
    with pytest.raises(LibraryError, match="no such library"), opened(tmp_path / "none.db"):
        pass


def test_a_fault_of_the_file_is_one_line(tmp_path: Path) -> None:
    def fail() -> None:
        with opened(tmp_path / "x.db", create=True) as db:
            db.execute("SELECT * FROM no_such_table")

    with pytest.raises(LibraryError, match=r"x\.db: no such table.*Make room, or name") as caught:
        fail()
    assert isinstance(caught.value.__cause__, sqlite3.Error)


# ------------------------------------------------------------------ as it is shown


def test_paths_are_shown_from_here_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = os.getcwd()  # noqa: PTH109
    assert shown_path(f"{here}/a/b.mp3") == "a/b.mp3"
    assert shown_path(f"{here}x/b.mp3") == f"{here}x/b.mp3"
    assert shown_path("/elsewhere") == "/elsewhere"


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in use can be removed")
def test_paths_where_the_current_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    (tmp_path / "x").rmdir()
    assert shown_path("/a") == "/a"


def test_the_command_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = os.fsdecode(b"\xff.mp3")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/genrewise", "tag", "my music", odd])
    assert typed() == "genrewise tag 'my music' '\\udcff.mp3'"
    typed().encode("utf-8")
