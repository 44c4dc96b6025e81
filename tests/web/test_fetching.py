"""Addresses of the web: public ones alone, whatever they are called and wherever they lead."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.web import fetching
from genrewise.web.fetching import check_url, fetch, is_public, name_in
from genrewise.web.problems import Problem


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1"),
        *("", "localhost", "1.1.1", "256.1.1.1", "evil.example"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_what_is_local_is_never_public(address: Any) -> None:
    local = address.is_private or address.is_loopback or address.is_link_local
    assert not (local and is_public(str(address)))
    assert isinstance(is_public(str(address)), bool)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://example.org/a.mp3", ("https", "example.org", 443, "/a.mp3")),
        ("http://example.org", ("http", "example.org", 80, "/")),
        ("http://example.org:80/a?b=c#d", ("http", "example.org", 80, "/a?b=c")),
        ("https://bücher.example/a", ("https", "xn--bcher-kva.example", 443, "/a")),
        ("HTTPS://EXAMPLE.org/A", ("https", "example.org", 443, "/A")),
    ],
)
def test_addresses_that_may_be_tried(url: str, parts: tuple[str, str, int, str]) -> None:
    assert check_url(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.mp3", "/etc/passwd", "file:///etc/passwd", "ftp://example.org/a", "//example.org"),
        *("gopher://example.org", "data:audio/wav;base64,AAAA", "javascript:alert(1)"),
        *("https://user:secret@example.org/", "https://example.org@127.0.0.1/"),
        *("https://example.org:8443/", "https://example.org:22/", "http://example.org:99999/"),
        *("https:///a", "https://", "https://exa mple.org/", "https://example.org/\r\nX: y"),
        *("https://[::1", "https://" + "a" * 3000, "https://..example.org/", "https://\ud800/"),
    ],
)
def test_what_is_no_address_of_the_web(url: str) -> None:
    with pytest.raises(Problem) as caught:
        check_url(url)
    assert caught.value.status == 422


@given(st.text())
def test_any_text_is_an_address_or_refused(url: str) -> None:
    try:
        found = check_url(url)
    except Problem:
        found = ("https", "", 443, "/")
    assert found[0] in ("http", "https")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
    ],
)
def test_this_machine_and_its_network_are_never_asked(url: str) -> None:
    with pytest.raises(Problem) as caught:
        fetch(url, BytesIO(), 100, 5.0)
    assert caught.value.status == 422
    assert "public" in caught.value.detail or "no server of that name" in caught.value.detail


class Pages(BaseHTTPRequestHandler):
    """A server of the web that does all that one may meet."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.split("?")[0].strip("/")
        getattr(self, f"send_{what}", self.send_nothing)()

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_song(self) -> None:
        self.reply(b"sound" * 1000)

    def send_head(self) -> None:
        self.reply("\n".join(f"{k}: {v}" for k, v in self.headers.items()).encode())

    def send_nothing(self) -> None:
        self.reply(b"no", 404)

    def send_loop(self) -> None:
        self.reply(b"", 302, Location="/loop")

    def send_moved(self) -> None:
        self.reply(b"", 301, Location="/song")

    def send_away(self) -> None:
        port = self.server.server_address[1]
        self.reply(b"", 302, Location=f"http://127.0.0.2:{port}/song")

    def send_metadata(self) -> None:
        self.reply(b"", 307, Location="http://169.254.169.254/")

    def send_file(self) -> None:
        self.reply(b"", 302, Location="file:///etc/passwd")

    def send_nowhere(self) -> None:
        self.reply(b"", 302)

    def send_short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.close_connection = True

    def send_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.close_connection = True

    def send_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine: its port and, in the tests, its address are allowed."""
    with web() as base:
        port = int(base.rpartition(":")[2])
        monkeypatch.setitem(fetching._PORTS, "http", port)
        yield base


def only(address: str) -> Callable[[str], bool]:
    return lambda found: found == address


def fetched(url: str, most: int = 10**6, seconds: float = 10.0, **how: Any) -> bytes:
    out = BytesIO()
    count = fetch(url, out, most, seconds, allows=only("127.0.0.1"), **how)
    assert count == len(out.getvalue())
    return out.getvalue()


def refused(url: str, **how: Any) -> str:
    with pytest.raises(Problem) as caught:
        fetched(url, **how)
    assert caught.value.status == 422
    return caught.value.detail


def test_a_file_is_fetched(page: str) -> None:
    assert fetched(f"{page}/song") == b"sound" * 1000
    assert fetched(f"{page}/moved") == b"sound" * 1000


def test_little_is_said_of_us(page: str) -> None:
    head = fetched(f"{page}/head?a=b").decode()
    names = {line.split(":")[0] for line in head.splitlines()}
    assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("nothing", "answers with the status 404"),
        ("loop", "leads on and on"),
        ("away", "not of the public Internet"),
        ("file", "Expected an address of the web"),
        ("nowhere", "leads on and on"),
        ("short", "did not send all of it"),
        ("metadata", "not of the public Internet"),
    ],
)
def test_what_a_server_may_do(page: str, path: str, text: str) -> None:
    assert text in refused(f"{page}/{path}")


def test_what_is_too_large_is_left(page: str) -> None:
    assert refused(f"{page}/song", most=4999) == "What lies there is larger than 4999 bytes."
    assert refused(f"{page}/endless", most=10**6).startswith("What lies there is larger")
    assert len(fetched(f"{page}/song", most=5000)) == 5000


def test_what_takes_too_long_is_left(page: str) -> None:
    began = time.monotonic()
    text = refused(f"{page}/drip", seconds=0.5)
    assert "too long" in text or "did not send all" in text or "cannot be read" in text
    assert time.monotonic() - began < 8


def test_a_silent_server_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(fetching._PORTS, "http", port)
            assert "cannot be read" in refused(f"http://127.0.0.1:{port}/", seconds=0.5)


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(fetching._PORTS, "http", port)
        assert refused(f"http://127.0.0.1:{port}/") == "That server does not answer."


def test_fetching_ends_where_nobody_wants_it_any_more(page: str) -> None:
    out = BytesIO()
    count = fetch(f"{page}/endless", out, 10**9, 30.0, lambda: False, only("127.0.0.1"))
    assert count <= 2**16


def test_a_name_is_looked_up_once_a_hop(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for another address the second time (DNS rebinding) gains nothing."""
    port = int(page.rpartition(":")[2])
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *args: Any, **how: Any) -> Any:
        if host == "song.example":
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
            return real(address, *args, **how)
        return real(host, *args, **how)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert fetched(f"http://song.example:{port}/song") == b"sound" * 1000
    assert asked == ["song.example"]
    assert "public" in refused(f"http://song.example:{port}/song")


def test_one_private_address_among_public_ones_is_enough(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(page.rpartition(":")[2])
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.1", "127.0.0.2")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_how: both)
    assert "public" in refused(f"http://song.example:{port}/song")


def test_proxies_of_the_environment_are_not_asked(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetched(f"{page}/song") == b"sound" * 1000


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/music/a%20song.mp3?x=y", "a song.mp3"),
        ("https://example.org/", ""),
        ("https://example.org/a/..%2f..%2fb", "../../b"),
        ("https://example.org/%ff", "\ufffd"),
    ],
)
def test_names_in_addresses(url: str, name: str) -> None:
    assert name_in(url) == name
