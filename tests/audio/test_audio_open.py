"""Sources: paths of every kind, file objects, pipes, addresses, and what they are called."""

from __future__ import annotations

import http.server
import io
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import soundfile

from genrewise import audio_open
from genrewise.audio import Stream, load
from genrewise.audio_open import Handle, display_name, open_source
from genrewise.errors import AudioError, MissingExtra

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


@pytest.fixture(scope="module")
def flac(chirp: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, chirp(2.0, 16_000), 16_000, format="FLAC", subtype="PCM_16")
    return out.getvalue()


@pytest.fixture(scope="module")
def m4a(chirp: Any, encode: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = encode(tmp_path_factory.mktemp("m4a") / "a.m4a", chirp(2.0, 16_000), 16_000, "aac")
    return path.read_bytes()


def line(source: Any) -> str:
    """The message of a refusal, which must be one line."""
    with pytest.raises(AudioError) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "name",
    [
        "a b.flac",
        "Ünïcödé – 歌曲 🎵.flac",
        "x" * 246 + ".flac",
        "-.flac",
        "%00.flac",
        "a'b\"c.flac",
    ],
)
def test_any_name_that_a_file_may_have(tmp_path: Path, flac: bytes, m4a: bytes, name: str) -> None:
    for data in (flac, m4a):
        path = tmp_path / name
        path.write_bytes(data)
        assert load(path).seconds == pytest.approx(2.0, abs=0.1)
        assert load(str(path)).seconds == pytest.approx(2.0, abs=0.1)


@posix
def test_a_name_that_is_no_utf_8(tmp_path: Path, flac: bytes, m4a: bytes) -> None:
    for data in (flac, m4a):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
        path.write_bytes(data)
        assert load(path).seconds == pytest.approx(2.0, abs=0.1)
        path.write_bytes(b"text")
        assert "caf\\udce9.mp3: text" in line(path)


def test_a_relative_path(tmp_path: Path, flac: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("song.flac", "concat:a.flac", "file:b.flac", "pipe:0"):
        if os.name == "posix" or ":" not in name:
            Path(name).write_bytes(flac)
            assert load(name).seconds == 2.0


def test_nothing_there(tmp_path: Path) -> None:
    assert line(tmp_path / "a.mp3") == f"{tmp_path}/a.mp3: no such file; expected an audio file"
    assert "no such file" in line(tmp_path / "a.mp3" / "b.mp3") or "Not a directory" in line(
        tmp_path / "a.mp3" / "b.mp3"
    )
    assert line("") == "an empty name; expected an audio file"


def test_a_folder(tmp_path: Path) -> None:
    assert line(tmp_path) == f"{tmp_path}: a folder; expected an audio file"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert "null" in line(f"{tmp_path}/a\0b.mp3")
    assert "too long" in line(tmp_path / ("x" * 300)).lower()


@posix
def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp3")
    with socket.socket(socket.AF_UNIX) as server, tempfile.TemporaryDirectory() as short:
        server.bind(f"{short}/socket")
        for path in (tmp_path / "fifo.mp3", f"{short}/socket", "/dev/zero", "/dev/null"):
            assert "a device, pipe or socket; expected a regular file" in line(path)


@posix
def test_links(tmp_path: Path, flac: bytes) -> None:
    (tmp_path / "real.flac").write_bytes(flac)
    (tmp_path / "link.flac").symlink_to(tmp_path / "real.flac")
    assert load(tmp_path / "link.flac").seconds == 2.0
    (tmp_path / "broken.flac").symlink_to(tmp_path / "gone.flac")
    assert "no such file" in line(tmp_path / "broken.flac")
    (tmp_path / "loop.flac").symlink_to(tmp_path / "loop.flac")
    assert "symbolic links" in line(tmp_path / "loop.flac")
    (tmp_path / "zero.flac").symlink_to("/dev/zero")
    assert "a device" in line(tmp_path / "zero.flac")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lay down the rights of root for a moment, as root may read everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(mine)


@posix
def test_a_file_that_may_not_be_read(tmp_path: Path, flac: bytes) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac)
    path.chmod(0)
    with as_nobody():
        assert line(path) == f"{path}: not readable; expected a file that you may read"


@posix
def test_a_file_that_vanishes_while_it_is_read(tmp_path: Path, flac: bytes) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac)
    with Stream(path, block_seconds=0.1) as stream:
        next(stream)
        path.unlink()
        total = sum(map(len, stream))
    assert total == 2 * 16_000 - 1_600
    assert "no such file" in line(path)


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(160_000, dtype=np.float32), 16_000)
    with Stream(path, block_seconds=0.1) as stream:
        next(stream)
        os.truncate(path, 200_000)
        total = sum(map(len, stream))
    assert total < 160_000
    assert stream.partial
    assert stream.lost == pytest.approx(10 - stream.seconds)


# -------------------------------------------------------------- file objects


class Reader(io.RawIOBase):
    """A file object that can only be read, as a socket, and may fail."""

    def __init__(self, data: bytes, fails_at: int = 1 << 60) -> None:
        super().__init__()
        self.data, self.fails_at, self.at = data, fails_at, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.at >= self.fails_at:
            raise ConnectionResetError(104, "Connection reset by peer")
        part = self.data[self.at : min(self.at + len(buffer), self.fails_at)]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


class Seekable(Reader):
    """The same, with a position."""

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, len(self.data))[whence]
        return self.at

    def tell(self) -> int:
        return self.at


def test_the_callers_file_stays_open_and_is_read_from_its_beginning(
    flac: bytes, m4a: bytes
) -> None:
    for data in (flac, m4a):
        file = io.BytesIO(data)
        file.seek(100)
        assert load(file).seconds == pytest.approx(2.0, abs=0.1)
        assert not file.closed
        assert load(file).seconds == pytest.approx(2.0, abs=0.1)


def test_a_file_object_without_a_position(flac: bytes, m4a: bytes) -> None:
    for data in (flac, m4a):
        np.testing.assert_array_equal(load(Reader(data)).y, load(data).y)


def test_a_pipe(flac: bytes) -> None:
    out, into = os.pipe()

    def feed() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(flac)

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(out, "rb") as file:
        assert load(file).seconds == 2.0
    thread.join()


def test_a_file_object_whose_only_method_is_read(flac: bytes) -> None:
    class Least:
        def __init__(self) -> None:
            self.read = io.BytesIO(flac).read

    source: Any = Least()
    assert load(source).seconds == 2.0


def test_a_source_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_open, "MAX_SPOOLED", 3 << 20)

    class Endless(Reader):
        def readinto(self, buffer: Any) -> int:
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    assert line(Endless(b"")) == (
        "file object: does not end within 3 MiB; expected a source that ends."
        " Save it to a file first"
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_an_open_device() -> None:
    with Path("/dev/zero").open("rb") as file:
        assert line(file) == "/dev/zero: empty, 0 bytes; expected an audio file"


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_connection_that_breaks(
    flac: bytes, m4a: bytes, capfd: pytest.CaptureFixture[str], share: float
) -> None:
    assert "Connection reset by peer" in line(Reader(flac, int(len(flac) * share)))
    audio = load(Seekable(flac, int(len(flac) * share)), duration=0.1)
    assert audio.seconds == 0.1
    try:
        audio = load(Seekable(m4a, int(len(m4a) * share)))
    except AudioError as error:
        text = str(error)
    else:
        text = f"partial {audio.lost > 0}" if audio.partial else "whole"
    assert "Connection reset" in text or text == "partial True"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrong", [42, None, ["a.mp3"], 3.5])
def test_what_is_no_source(wrong: Any) -> None:
    assert f"{type(wrong).__name__} given" in line(wrong)


def test_a_text_file_object() -> None:
    assert line(io.StringIO("abc")).startswith("StringIO given; expected a path, an address")


# ------------------------------------------------------------------ addresses


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_an_address_of_fsspec(memory: Any, flac: bytes, m4a: bytes) -> None:
    for name, data in (("a.flac", flac), ("b.m4a", m4a), ("c.raw", flac)):
        memory.pipe(f"/music/{name}", data)
        np.testing.assert_array_equal(load(f"memory://music/{name}").y, load(data).y)


def test_an_address_with_nothing_behind_it(memory: Any) -> None:  # noqa: ARG001
    text = line("memory://music/none.mp3")
    assert text.startswith("memory://music/none.mp3: ")
    assert text.endswith("expected an address that answers")


def test_an_address_of_this_machine_is_a_path(tmp_path: Path, flac: bytes) -> None:
    (tmp_path / "a.flac").write_bytes(flac)
    assert load(f"file://{tmp_path}/a.flac").seconds == 2.0
    if Path("/dev/zero").exists():
        assert "a device, pipe or socket" in line("file:///dev/zero")
    assert "a folder" in line(f"local://{tmp_path}")


def test_a_protocol_that_nobody_knows() -> None:
    assert "gopherx" in line("gopherx://music/a.mp3")


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r'pip install "genrewise\[url\]"'):
        load("https://example.org/a.mp3")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server that knows no ranges, and its folder."""
    handler = partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", tmp_path
        server.shutdown()
        thread.join()


def test_an_address_of_the_web(web: tuple[str, Path], flac: bytes, m4a: bytes) -> None:
    pytest.importorskip("aiohttp")
    address, folder = web
    for name, data in (("a.flac", flac), ("b.m4a", m4a)):
        (folder / name).write_bytes(data)
        np.testing.assert_array_equal(load(f"{address}/{name}").y, load(data).y)
    assert line(f"{address}/none.mp3").startswith(f"{address}/none.mp3: ")
    (folder / "page.mp3").write_bytes(b"<html>Not found</html>")
    assert "page.mp3: text" in line(f"{address}/page.mp3")


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("music/song.mp3", "music/song.mp3"),
        (Path("music/song.mp3"), str(Path("music/song.mp3"))),
        (b"12345", "5 bytes"),
        (io.BytesIO(b""), "file object"),
        ("https://me:secret@example.org/a@b.mp3", "https://example.org/a@b.mp3"),
        ("simplecache::s3://bucket/a.mp3", "simplecache::s3://bucket/a.mp3"),
        ("a\nb\x1b[31m.mp3", "a\\nb\\x1b[31m.mp3"),
        ("ein Lied – 歌.mp3", "ein Lied – 歌.mp3"),
    ],
)
def test_names_in_messages(source: Any, name: str) -> None:
    assert display_name(source) == name


def test_a_file_object_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_bytes(b"only text")
    with path.open("rb") as file:
        assert line(file) == f"{path}: text; expected an audio file"


# --------------------------------------------------------------------- handle


def test_a_handle_reads_as_a_file(flac: bytes) -> None:
    with open_source(flac) as handle:
        assert (handle.size, handle.head) == (len(flac), flac[:4096])
        assert (handle.readable(), handle.seekable(), handle.error) == (True, True, "")
        assert handle.read(4) == b"fLaC"
        assert handle.tell() == 4
        assert handle.seek(-4, os.SEEK_END) == len(flac) - 4
        assert handle.read() == flac[-4:]
        assert handle.read() == b""
    assert handle.tell() == -1


def test_an_impossible_position_is_refused_as_c_does(flac: bytes) -> None:
    with open_source(flac) as handle:
        assert handle.seek(-1) == -1
        assert handle.read(4) == b"fLaC"


def test_an_error_while_reading_is_kept(flac: bytes) -> None:
    with Handle(Seekable(flac, 2_000), "x") as handle:
        handle.seek(3_000)
        assert handle.read(10) == b""
        assert handle.error == "Connection reset by peer"


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b"plain", True),
        (b"tabs\tand\r\nlines\x1b[0m", True),
        ("äöü".encode() * 2000, True),
        (("a" + "ä" * 4000).encode(), True),
        (b"caf\xe9", False),
        (b"a\0b", False),
        (b"ID3\x03\x00", False),
        (b"\xff\xfb\x90", False),
    ],
)
def test_what_looks_like_text(head: bytes, text: bool) -> None:
    with open_source(head) as handle:
        assert handle.is_text is text
