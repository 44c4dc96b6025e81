"""The table of commands: refusals, exit codes, ends, and what is loaded for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

import genrewise
from genrewise import cli
from genrewise.cli import COMMANDS, group
from genrewise.errors import AudioError, BundleError, MissingExtra

GENREWISE = [sys.executable, "-m", "genrewise"]


def call(*args: str) -> Result:
    return CliRunner().invoke(group, list(args), prog_name="genrewise")


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command that ends in a way of ours."""
    module = ModuleType("ending_command")
    ends = {
        "bundle": BundleError("x.genrewise: version 9", "version 1", "get a newer genrewise"),
        "extra": MissingExtra("training", "train", "torch"),
        "audio": AudioError("a.mp3: 0 bytes"),
        "bug": KeyError("lost"),
        "interrupt": KeyboardInterrupt(),
    }

    @click.command()
    @click.argument("how")
    def command(how: str) -> None:
        if how in ends:
            raise ends[how]

    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ending_command", module)
    monkeypatch.setitem(COMMANDS, "ending", ("ending_command:command", "", "End."))
    monkeypatch.setitem(COMMANDS, "lacking", ("no_such_module:x", "train", "Lack a module."))
    return module


# ------------------------------------------------------------------ names


def test_every_command_of_the_table_is_there_and_has_help() -> None:
    ctx = click.Context(group)
    for name, (_, _, line) in COMMANDS.items():
        command = group.get_command(ctx, name)
        assert isinstance(command, click.Command), name
        assert command.help, name
        assert len(line) < 70, name
        assert line.endswith("."), name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (name, option.opts)


def test_help_lists_all_commands_and_how_to_complete() -> None:
    found = call("--help")
    assert found.exit_code == 0
    for name, (_, _, line) in COMMANDS.items():
        assert f"  {name}" in found.output
        assert line in " ".join(found.output.split())
    assert "_GENREWISE_COMPLETE" in found.output
    assert "3 an extra is missing" in " ".join(found.output.split())


def test_version() -> None:
    found = call("--version")
    assert (found.exit_code, found.output) == (0, f"genrewise {genrewise.__version__}\n")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["clasify", "x.mp3"], "no command named 'clasify'; expected one of"),
        (["clasify", "x.mp3"], "Did you mean classify?"),
        (["classify", "x.mp3", "--jsnl"], "--jsonl"),
        (["--versoin"], "--version"),
        (["classify"], "nothing to classify"),
        (["classify", "x", "--top", "0"], "--top"),
        (["classify", "x", "--min-confidence", "2"], "--min-confidence"),
        (["classify", "x", "--start", "soon"], "'soon'; expected a time: 90, 1:30 or 1:02:03"),
        (["classify", "x", "--duration", "0"], "expected more than 0 seconds"),
        (["classify", "x", "--memory-limit", "lots"], "expected an amount of memory: 512M or 2G"),
        (["classify", "--files-from", "no-such-list"], "no-such-list"),
    ],
)
def test_wrong_use_is_refused_with_the_nearest_match(args: list[str], text: str) -> None:
    found = call(*args)
    assert found.exit_code == 2
    assert found.stdout == ""
    assert text in found.stderr


def test_a_file_where_a_command_belongs(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.touch()
    found = call(str(song))
    assert found.exit_code == 2
    assert f"Try: genrewise classify {song}" in found.stderr


def test_completion_knows_the_commands() -> None:
    environment = os.environ | {
        "_GENREWISE_COMPLETE": "bash_complete",
        "COMP_WORDS": "genrewise cl",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(GENREWISE, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["plain,classify"]
    environment["_GENREWISE_COMPLETE"] = "bash_source"
    done = subprocess.run(GENREWISE, env=environment, capture_output=True, text=True, check=False)
    assert "complete" in done.stdout


# ------------------------------------------------------------------ ends


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        ("well", 0, ""),
        (
            "bundle",
            2,
            "Error: x.genrewise: version 9; expected version 1. Get a newer genrewise\n",
        ),
        (
            "extra",
            3,
            "Error: training needs the extra [train] (no module 'torch')."
            ' Run: pip install "genrewise[train]"\n',
        ),
        ("audio", 1, "Error: a.mp3: 0 bytes\n"),
        ("interrupt", 130, "interrupted\n"),
    ],
)
def test_every_end_is_a_line_and_an_exit_code(how: str, code: int, line: str) -> None:
    found = call("ending", how)
    assert (found.exit_code, found.stdout, found.stderr) == (code, "", line)


@pytest.mark.usefixtures("ending")
def test_a_fault_of_ours_is_a_line_too() -> None:
    found = call("ending", "bug")
    assert found.exit_code == 1
    assert found.stderr.startswith("internal error: KeyError: 'lost' at test_group.py:")
    assert found.stderr.count("\n") == 1


@pytest.mark.usefixtures("ending")
def test_a_command_without_its_extra() -> None:
    found = call("lacking")
    assert found.exit_code == 3
    assert found.stderr == (
        "Error: command lacking needs the extra [train] (no module 'no_such_module')."
        ' Run: pip install "genrewise[train]"\n'
    )


@pytest.mark.usefixtures("ending")
def test_main_returns_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ending", "well"]) == 0
    assert cli.main(["ending", "bundle"]) == 2
    assert cli.main(["ending"]) == 2
    assert cli.main(["--version"]) == 0
    assert "Missing argument 'HOW'" in capsys.readouterr().err


def test_a_full_disk_is_said() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*GENREWISE, "classify", "--jsonl", "no-such.mp3"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: No space left on device"
    assert "ignored" not in done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------ what is loaded

HEAVY = "numpy scipy onnxruntime soundfile soxr av rich importlib.metadata genrewise.inference"


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["classify", "--help"]])
def test_little_is_loaded_before_there_is_work(args: list[str]) -> None:
    script = (
        "import sys; sys.argv = ['genrewise', *sys.argv[1:]]\n"
        "from genrewise.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('LOADED', sorted(set({HEAVY.split()}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout


def test_the_command_line_imports_click_only() -> None:
    script = (
        "import sys, sysconfig, genrewise.cli\n"
        "site = sysconfig.get_paths()['purelib']\n"
        "found = {n.partition('.')[0] for n, m in sys.modules.items()"
        " if (getattr(m, '__file__', '') or '').startswith(site)}\n"
        "print(sorted(n for n in found if not n.startswith(('_', 'genrewise'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['click']"


# ------------------------------------------------------------------ signals


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_waiting_for_a_list_ends_by_signal(number: int, code: int) -> None:
    with subprocess.Popen(
        [*GENREWISE, "classify", "--jsonl", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("no-such.mp3\n")
        process.stdin.flush()
        assert "no-such.mp3" in process.stdout.readline()
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == code
        assert time.monotonic() - started < 3
        lines = process.stderr.read().splitlines()
    assert lines[0] == "no-such.mp3: no such file or folder"
    assert lines[1:] == (["interrupted"] if number == signal.SIGINT else [])
