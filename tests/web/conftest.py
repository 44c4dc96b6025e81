"""A real server in a process of its own, and a client that says exactly what it sends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

MODEL = "small-gtzan-v1"
API = "/api/v1"
SR = 22050


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


def form(fields: Mapping[str, str], files: list[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """A multipart body and its content type; files are (field, file name, content)."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for field, name, content in files:
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Type: audio/x\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


class Server:
    """A running ``genrewise serve``."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
        self.process, self.url, self.folder = process, url, folder
        self.port = int(url.rstrip("/").rpartition(":")[2])

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", API + path, headers=headers)

    def upload(
        self, content: bytes, name: str = "a.wav", headers: Any = None, **fields: str
    ) -> Reply:
        body, kind = form(fields, [("file", name, content)])
        return self.ask(
            "POST", f"{API}/classifications", body, {"Content-Type": kind, **(headers or {})}
        )

    def post_json(self, path: str, value: Any, method: str = "POST", **headers: str) -> Reply:
        body = value if isinstance(value, (bytes, str)) else json.dumps(value)
        return self.ask(method, API + path, body, {"Content-Type": "application/json", **headers})

    def wait(self, id_: str, seconds: float = 60.0) -> dict[str, Any]:
        """What became of a classification."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found: dict[str, Any] = self.get(f"/classifications/{id_}").json
            if found["status"] not in ("queued", "running"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"no answer: {found}")

    def classify(self, content: bytes, name: str = "a.wav", **fields: str) -> dict[str, Any]:
        """Upload and wait."""
        reply = self.upload(content, name, **fields)
        assert reply.status == 202, reply.body
        return self.wait(reply.json["id"])

    def left(self) -> list[str]:
        """Uploads that lie in the folder for temporary files."""
        files = [p for p in self.folder.rglob("*") if p.is_file() and p.suffix != ".lock"]
        return sorted(p.relative_to(self.folder).as_posix() for p in files)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as a service manager does; gives its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def serving(folder: Path, *args: str, model: str = MODEL, **env: str) -> Iterator[Server]:
    """A server on a port of its own, with its folder for temporary files below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "genrewise", "serve", "--no-browser", "--port", "0"]
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--model", model, *args],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), **env},
        )
    (folder / "tmp").mkdir()
    assert process.stdout is not None
    with process.stdout:
        try:
            url = process.stdout.readline().decode().strip()
            assert url, (folder / "stderr").read_text()
            yield Server(process, url, folder / "tmp")
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server that tests share which leave it as it was."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server with options of its own."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda *args, **how: stack.enter_context(serving(tmp_path / "s", *args, **how))


def wav(y: Any, sr: int = SR) -> bytes:
    """The bytes of a file."""
    from io import BytesIO

    buffer = BytesIO()
    soundfile.write(buffer, y, sr, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def music(seconds: float = 4.0, seed: int = 0) -> Any:
    """Chords and noise, other ones for each seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    y = 0.02 * rng.standard_normal(len(t))
    for frequency in rng.uniform(80, 3000, 6):
        y += 0.1 * np.sin(2 * np.pi * frequency * t) * np.sin(np.pi * rng.uniform(0.1, 3) * t) ** 2
    return y.astype(np.float32)


@cache
def long_song(hours: float) -> bytes:
    """A click, over and over: few bytes to send, some seconds an hour to listen to."""
    from io import BytesIO

    buffer = BytesIO()
    part = np.zeros(10 * (SR // 3), dtype=np.int16)
    part[::1000] = 8000
    with soundfile.SoundFile(buffer, "w", SR // 3, 1, "PCM_16", format="FLAC") as file:
        for _ in range(round(360 * hours)):
            file.write(part)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def song() -> bytes:
    """A short piece as a file."""
    return wav(music())


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain:
        yield plain


def raw(server: Server, data: bytes) -> bytes:
    """Whatever comes back for bytes that are sent as they are."""
    with connection(server) as plain:
        try:
            plain.sendall(data)
            plain.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        found = b""
        try:
            while piece := plain.recv(65536):
                found += piece
        except ConnectionError:
            pass
        return found


def reply_on(plain: socket.socket) -> bytes:
    """One reply with all of its body, on a connection that stays open."""
    with plain.makefile("rb") as file:
        found = b""
        while not found.endswith(b"\r\n\r\n") and (line := file.readline()):
            found += line
        length = re.search(rb"(?i)^content-length: *(\d+)", found, re.MULTILINE)
        return found + file.read(int(length[1]) if length else 0)


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1]) if reply else 0


def head(method: str, path: str, *lines: str, host: str = "localhost") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


def is_problem(reply: Reply) -> None:
    assert reply.headers["Content-Type"] == "application/problem+json"
    found = reply.json
    assert set(found) == {"type", "title", "status", "detail"}
    assert found["status"] == reply.status
    assert re.fullmatch(r"[A-Za-z][^\n]*[.?]", found["detail"])
    assert not re.search(r"(?<!\w)/\w", found["detail"])


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes little."""
    folder = tmp_path_factory.mktemp("small")
    with serving(folder, "--max-size", "1M", "--client-requests", "100000") as running:
        yield running


@pytest.fixture
def unharmed(small: Server) -> Iterator[None]:
    """After each attack the server answers, and nothing lies about."""
    yield
    assert small.get("/health").json["status"] == "ok"
    until = time.monotonic() + 10
    while small.left() and time.monotonic() < until:
        time.sleep(0.05)
    assert small.left() == []
    assert small.process.poll() is None
