"""``genrewise serve`` as a program: its address, its refusals, its end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MODEL = "small-gtzan-v1"


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "genrewise", "serve", "--no-browser", *args]


def refused(*args: str, **env: str) -> tuple[int, str]:
    """Exit code and message of a server that does not start."""
    run = subprocess.run(
        command(*args),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **env},
    )
    assert run.stdout == ""
    return run.returncode, run.stderr.strip()


@contextmanager
def running(tmp: Path, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server and what it printed first."""
    with subprocess.Popen(
        command("--model", MODEL, *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            if process.poll() is None:
                process.kill()


def health(url: str) -> dict[str, object]:
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=30)
    connection.request("GET", "/api/v1/health")
    found: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_answers_and_ends_without_a_trace(tmp_path: Path, number: int) -> None:
    with running(tmp_path, "--port", "0") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert health(url)["status"] == "ok"
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        assert process.wait(30) == (130 if number == signal.SIGINT else 143)
        assert process.stderr is not None
        assert process.stderr.read() == ("interrupted\n" if number == signal.SIGINT else "")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_server_leaves_what_the_next_one_removes(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as (process, _):
        process.kill()
        process.wait(30)
    left = [p.name for p in tmp_path.rglob("serve-*")]
    assert left
    with running(tmp_path, "--port", "0"):
        now = [p.name for p in tmp_path.rglob("serve-*")]
        assert len(now) == 2  # the folder and its lock
        assert set(now).isdisjoint(left)


def test_two_servers_live_side_by_side(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0") as (_, one), running(tmp_path, "--port", "0") as (_, two):
        assert one != two
        assert health(one)["status"] == health(two)["status"] == "ok"
        assert len(list(tmp_path.rglob("serve-*.lock"))) == 2


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, text = refused("--port", port, TMPDIR=str(tmp_path))
    assert code == 2
    assert text == (
        f"Error: 127.0.0.1:{port}: Address already in use; expected a free address of this "
        "machine. Try --port 0"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--model", "smal-gtzan-v1"), "did you mean small-gtzan-v1"),
        (("--model", "./none.genrewise"), "no such file"),
        (("--port", "65536"), "65536 is not in the range"),
        (("--port", "eight"), "'eight' is not a valid integer"),
        (("--host", "192.0.2.1"), "192.0.2.1:0: "),
        (("--host", "no such host"), "no such host:0: "),
    ],
)
def test_refusals_are_one_line(args: tuple[str, ...], text: str) -> None:
    code, said = refused("--port", "0", *args)
    assert code == 2
    assert text.lower() in said.lower()
    assert "Traceback" not in said


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users and links as on Linux")
def test_uploads_go_through_nobodys_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / f"genrewise-{os.getuid()}"
    link.symlink_to(tmp_path / "elsewhere")
    code, text = refused("--port", "0", TMPDIR=str(tmp_path))
    assert code == 2
    assert text == f"Error: {link}: of somebody else; expected a folder of your own"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "flask.py").write_text("raise ModuleNotFoundError('no', name='flask')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    code, text = refused(PYTHONPATH=path)
    assert code == 3
    assert text == (
        "Error: genrewise serve needs the extra [web] (no module 'flask'). "
        'Run: pip install "genrewise[web]"'
    )
