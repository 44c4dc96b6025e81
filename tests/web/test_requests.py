"""Values that are none: each is refused with a sentence, and nothing is left of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.web.conftest import API, Server, form, head, is_problem, raw, status

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"x"',
        "[" * 100_00,
        '{"sample": NaN}',
        "\xff\xfe",
        '{"sample": null}',
        '{"sample": 3}',
        '{"sample": ["a"]}',
        '{"sample": {"a": 1}}',
        '{"sample": "../samples.json"}',
        '{"sample": "/etc/passwd"}',
        '{"sample": "none.ogg"}',
        '{"sample": "a", "url": "b"}',
        '{"url": "file:///etc/passwd"}',
        '{"url": "http://127.0.0.1:22/"}',
        '{"sample": "low-string.ogg", "model": "/etc/passwd"}',
        '{"sample": "low-string.ogg", "model": "../models/small-gtzan-v1"}',
        '{"sample": "low-string.ogg", "model": "x.genrewise"}',
        '{"sample": "low-string.ogg", "start": 1e999}',
        '{"sample": "low-string.ogg", "start": ' + "9" * 5000 + "}",
        '{"sample": "low-string.ogg", "__class__": "x"}',
        '{"sample": "\\ud800"}',
    ],
)
def test_json_that_is_not_what_was_expected(small: Server, body: str) -> None:
    reply = small.post_json("/classifications", body.encode("latin-1"))
    assert reply.status in (400, 403, 404, 422)
    is_problem(reply)
    assert "/etc" not in reply.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "x", "image/png"]
)
def test_other_content_types(small: Server, kind: str) -> None:
    reply = small.ask("POST", f"{API}/classifications", b"file=x", {"Content-Type": kind})
    assert reply.status == 415
    is_problem(reply)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 500,
        'multipart/form-data; boundary="\r"',
        "multipart/form-data; boundary=y",
    ],
)
def test_forms_that_are_none(small: Server, kind: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    lines = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
    found = raw(small, head("POST", f"{API}/classifications", *lines) + body)
    assert status(found) == 400
    assert b"Traceback" not in found


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("song", "a.wav", b"x")],
        [("file", "a.wav", b"x"), ("file", "b.wav", b"x")],
        [("file", "a.wav", b"x"), ("other", "b.wav", b"x")],
    ],
)
def test_one_file_is_expected(small: Server, files: Any) -> None:
    body, kind = form({}, files)
    reply = small.ask("POST", f"{API}/classifications", body, {"Content-Type": kind})
    assert reply.status == 400
    assert reply.json["detail"] == "Expected one file in a field of the form named file."


def test_a_file_without_a_name_is_a_field(small: Server) -> None:
    body, kind = form({"file": "no upload"}, [])
    reply = small.ask("POST", f"{API}/classifications", body, {"Content-Type": kind})
    assert reply.status in (400, 422)
    is_problem(reply)


@pytest.mark.parametrize("query", ["?limit=3", "?x", "?" + "a=b&" * 1000, "?%ff=%00"])
def test_parameters_that_nobody_knows(small: Server, query: str) -> None:
    reply = small.ask("GET", f"{API}/models{query}")
    assert reply.status == 422
    is_problem(reply)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND", "X"])
def test_other_methods(small: Server, method: str) -> None:
    reply = small.ask(method, f"{API}/models")
    assert reply.status == 405
    is_problem(reply)
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("name", [b'"\r"', b'"\n"', b'"', b'"a\r\nb"', b'"\x00"', b"\xff", b""])
def test_fields_with_names_that_are_none(small: Server, name: bytes) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name=" + name + b"\r\n\r\ny\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = small.ask("POST", f"{API}/classifications", body, kind)
    assert reply.status in (400, 422)
    is_problem(reply)
