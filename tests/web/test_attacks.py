"""Requests that nobody honest sends: each is refused, none costs more than itself."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.conftest import (
    API,
    Server,
    Start,
    connection,
    form,
    head,
    is_problem,
    raw,
    reply_on,
    status,
)

MEBI = 2**20
pytestmark = pytest.mark.usefixtures("unharmed")


# -- size


def test_an_upload_that_says_it_is_too_large_is_not_waited_for(small: Server) -> None:
    with connection(small) as plain:
        plain.sendall(head("POST", f"{API}/classifications", f"Content-Length: {10**9}"))
        found = reply_on(plain)
    assert status(found) == 413
    assert (
        json.loads(found.partition(b"\r\n\r\n")[2])["detail"] == "Expected at most 1048576 bytes."
    )


@pytest.mark.parametrize("megabytes", [2, 20])
def test_who_sends_too_much_reads_why(small: Server, megabytes: int) -> None:
    reply = small.upload(b"x" * megabytes * MEBI)
    assert reply.status == 413
    is_problem(reply)


def test_an_expected_continue_is_refused_before_anything_is_sent(small: Server) -> None:
    with connection(small) as plain:
        lines = (f"Content-Length: {10**9}", "Expect: 100-continue")
        plain.sendall(head("POST", f"{API}/classifications", *lines))
        assert status(reply_on(plain)) == 413


def chunks(size: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def test_chunks_without_an_end_are_cut_off(small: Server) -> None:
    lines = ("Transfer-Encoding: chunked", "Content-Type: multipart/form-data; boundary=x")
    sent = 0
    with connection(small) as plain:
        plain.sendall(head("POST", f"{API}/classifications", *lines))
        try:
            for chunk in chunks(65536, 2000):
                plain.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        try:
            found = plain.recv(65536)
        except OSError:
            found = b""
    assert sent < 100 * MEBI
    assert status(found) in (0, 413)


def test_chunks_that_are_a_file_are_taken(small: Server, song: bytes) -> None:
    body, kind = form({}, [("file", "a.wav", song)])
    lines = ("Transfer-Encoding: chunked", f"Content-Type: {kind}", "Connection: close")
    parts = b"".join(
        f"{len(body[i : i + 999]):x}\r\n".encode() + body[i : i + 999] + b"\r\n"
        for i in range(0, len(body), 999)
    )
    found = raw(small, head("POST", f"{API}/classifications", *lines) + parts + b"0\r\n\r\n")
    assert status(found) == 202
    id_ = json.loads(found.partition(b"\r\n\r\n")[2])["id"]
    assert small.wait(id_)["status"] == "ok"


@pytest.mark.parametrize(
    "chunk", [b"zz\r\nab\r\n", b"-1\r\nab\r\n", b"ffffffffffffffff\r\n", b"5\r\nab"]
)
def test_chunks_that_are_none(small: Server, chunk: bytes) -> None:
    request = head("POST", f"{API}/classifications", "Transfer-Encoding: chunked") + chunk
    assert status(raw(small, request)) in (0, 400, 413)


@pytest.mark.parametrize("path", ["/health", "/samples", "/classifications/x", "/nothing"])
def test_large_bodies_where_none_belong(small: Server, path: str) -> None:
    reply = small.ask("POST", API + path, b"x" * 3 * MEBI)
    assert reply.status == 413
    is_problem(reply)


def test_a_long_json_is_not_read(small: Server) -> None:
    reply = small.post_json("/classifications", '{"sample": "' + "x" * 200_000 + '"}')
    assert reply.status == 413
    is_problem(reply)


def test_many_fields_and_long_fields(small: Server, song: bytes) -> None:
    many = {f"f{i}": "x" for i in range(500)}
    assert small.upload(song, **many).status == 413
    assert small.upload(song, model="x" * 300_000).status == 413
    body, kind = form({}, [("file", f"{i}.wav", b"x") for i in range(500)])
    reply = small.ask("POST", f"{API}/batches", body, {"Content-Type": kind})
    assert reply.status in (400, 413)
    is_problem(reply)


def test_a_head_of_the_size_of_a_book(small: Server) -> None:
    found = raw(small, head("GET", f"{API}/health", "X: " + "y" * 100_000))
    assert status(found) in (0, 431)
    many = [f"X-{i}: y" for i in range(5000)]
    assert status(raw(small, head("GET", f"{API}/health", *many))) in (0, 431)


def test_a_content_length_that_lies(small: Server, song: bytes) -> None:
    body, kind = form({}, [("file", "a.wav", song)])
    for length in (len(body) + 1000, 10, 0):
        lines = (f"Content-Type: {kind}", f"Content-Length: {length}", "Connection: close")
        found = raw(small, head("POST", f"{API}/classifications", *lines) + body)
        assert status(found) in (0, 400), length


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "1, 2", "+5", "٣", "9" * 30])
def test_a_content_length_that_is_none(small: Server, length: str) -> None:
    found = raw(small, head("POST", f"{API}/classifications", f"Content-Length: {length}"))
    assert status(found) in (0, 400, 413)


# -- time


def test_a_request_that_comes_byte_by_byte_is_dropped(start: Start) -> None:
    """The grace is some seconds; then 4 kB a second are expected."""
    server = start()
    with connection(server) as plain:
        began = time.monotonic()
        plain.sendall(head("POST", f"{API}/classifications", "Content-Length: 100000"))
        try:
            while time.monotonic() - began < 60:
                plain.sendall(b"x")
                plain.settimeout(0.5)
                try:
                    if not plain.recv(100):
                        break
                except TimeoutError:
                    pass
        except OSError:
            pass
        assert 10 < time.monotonic() - began < 40
    assert server.get("/health").status == 200


def test_half_a_head_and_many_idle_connections_disturb_nobody(small: Server) -> None:
    idle = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(100)]
    try:
        for plain in idle[:50]:
            plain.sendall(b"POST /api/v1/classifications HTTP/1.1\r\nHost: localh")
        assert small.get("/health").status == 200
    finally:
        for plain in idle:
            plain.close()


def test_who_hangs_up_in_the_middle_leaves_nothing(small: Server) -> None:
    for size in (0, 100, 400_000):
        with connection(small) as plain:
            lines = ("Content-Type: multipart/form-data; boundary=x", "Content-Length: 900000")
            plain.sendall(head("POST", f"{API}/classifications", *lines))
            plain.sendall(
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            )
            plain.sendall(b"x" * size)


# -- names and headers


@pytest.mark.parametrize(
    "name",
    [
        "../../../../tmp/evil.wav",
        "/etc/passwd",
        "..\\..\\evil.wav",
        "a/../../b.wav",
        "%2e%2e%2fevil.wav",
        "....//....//evil.wav",
        "evil.wav\x00.txt",
        "\u202evaw.live",
        "CON",
        "x" * 5000 + ".wav",
        "$(touch /tmp/evil).wav",
        "; rm -rf ~ #.wav",
        "<script>alert(1)</script>.wav",
        "{{7*7}}.wav",
        "-rf",
        ".",
        "..",
    ],
)
def test_names_lead_nowhere(small: Server, song: bytes, name: str) -> None:
    found = small.classify(song, name)
    assert found["status"] == "ok"
    assert not set(found["path"]) & set("/\\\0")
    assert found["path"] not in ("", ".", "..")
    assert len(found["path"]) <= 200
    assert not Path("/tmp/evil.wav").exists()
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize(
    "name", ["a\r\nX-Injected: 1", "a%0d%0aX-Injected: 1", 'a"; filename="b', "a\nX-Injected: 1"]
)
def test_names_inject_no_header(small: Server, song: bytes, name: str) -> None:
    reply = small.upload(song, name)
    assert reply.status in (202, 400, 422)
    assert "X-Injected" not in reply.headers
    if reply.status == 202:
        small.wait(reply.json["id"])


@pytest.mark.parametrize(
    "path",
    [
        "/../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../app.py",
        "/assets/..%5c..%5capp.py",
        "//etc/passwd",
        "/./app.py",
        "/.git/config",
        "/assets/.hidden",
        "/api/v1/samples/..%2fsamples.json",
        "/api/v1/samples/%2fetc%2fpasswd",
        "/api/v1/models/..%2f..%2fx",
        "/api/v1/reports/../../x",
        "/api/v1/classifications/%00",
        "/%00",
        "/" + "a" * 8000,
    ],
)
def test_addresses_lead_nowhere(small: Server, path: str) -> None:
    found = raw(
        small,
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"),
    )
    assert status(found) == 404
    assert b"root:" not in found
    assert b"Traceback" not in found


@pytest.mark.parametrize(
    "lines",
    [
        "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n",
        "GET /api/v1/health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET  /api/v1/health\r\n\r\n",
        "get /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET /api/v1/health HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n",
        "GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_proper_request(small: Server, lines: str) -> None:
    found = raw(small, lines.encode("latin-1"))
    assert status(found) in (0, 200, 400, 404, 405, 411, 421, 501)
    assert b"Traceback" not in found
    assert status(found) != 200 or b'"status": "ok"' in found


def test_no_second_request_hides_in_a_refused_body(small: Server, song: bytes) -> None:
    id_ = small.upload(song).json["id"]
    hidden = head("DELETE", f"{API}/classifications/{id_}")
    body = hidden + b"x" * 3 * MEBI
    reply = small.ask("POST", f"{API}/health", body)
    assert reply.status == 413
    assert small.wait(id_)["status"] == "ok"


# -- names of the server, pages of others


@pytest.mark.parametrize("path", [f"{API}/health", f"{API}/models", "/", "/metrics"])
def test_foreign_names(small: Server, path: str) -> None:
    for host in ("evil.example", "localhost.evil.example", "", "192.168.0.1"):
        found = small.ask("GET", path, headers={"Host": host})
        assert found.status == 421
        is_problem(found)


def test_no_name_at_all(small: Server) -> None:
    assert status(raw(small, b"GET /api/v1/health HTTP/1.0\r\n\r\n")) == 421


def test_forwarded_names_of_nobody_are_not_believed(small: Server) -> None:
    forwarded = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9;host=evil.example",
    }
    assert small.ask("GET", f"{API}/health", headers=forwarded).status == 200
    assert (
        small.ask("GET", f"{API}/health", headers={**forwarded, "Host": "evil.example"}).status
        == 421
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_upload_and_cancel_nothing(
    small: Server, song: bytes, headers: dict[str, str]
) -> None:
    reply = small.upload(song, headers=headers)
    assert reply.status == 403
    is_problem(reply)
    id_ = small.upload(song).json["id"]
    assert small.ask("DELETE", f"{API}/classifications/{id_}", headers=headers).status == 403
    assert small.wait(id_)["status"] == "ok"


def test_pages_of_others_read_nothing(small: Server) -> None:
    found = small.ask("GET", f"{API}/models", headers={"Origin": "https://evil.example"})
    assert found.status == 200
    assert not [name for name in found.headers if name.startswith("Access-Control")]
    assert found.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    preflight = small.ask(
        "OPTIONS",
        f"{API}/classifications",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert not [name for name in preflight.headers if name.startswith("Access-Control")]
