"""Who is heard: names, pages, tokens, rates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.web.guards import SECURITY_HEADERS, Head, Rates, cors_headers, host_name, refuse
from genrewise.web.problems import Problem
from genrewise.web.settings import Settings

HOME = "127.0.0.1:8000"


def verdict(head: Head, **how: Any) -> int:
    """0 where a request is heard, else the status of the problem."""
    try:
        refuse(Settings(**how), head)
    except Problem as problem:
        return problem.status
    return 0


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("localhost:8000", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("", ""),
        ("a:b", ""),
        ("localhost:99999", ""),
        ("user@localhost", ""),
        ("localhost/x", ""),
        ("localhost?x", ""),
        ("localhost#x", ""),
        ("[::1", ""),
    ],
)
def test_names_in_the_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


@given(st.text())
def test_any_host_header_is_read(host: str) -> None:
    assert isinstance(host_name(host), str)


@pytest.mark.parametrize(
    ("host", "how", "status"),
    [
        ("localhost:8000", {}, 0),
        ("127.0.0.1:8000", {}, 0),
        ("[::1]:8000", {}, 0),
        ("127.0.0.1", {}, 0),
        ("evil.example:8000", {}, 421),
        ("localhost.evil.example", {}, 421),
        ("127.0.0.1.evil.example", {}, 421),
        ("192.168.1.5:8000", {}, 421),
        ("", {}, 421),
        ("music.example.org", {"hosts": ("music.example.org",)}, 0),
        ("MUSIC.example.org.:443", {"hosts": ("music.example.org",)}, 0),
        ("other.example.org", {"hosts": ("music.example.org",)}, 421),
        # Bound to the whole network an address cannot be rebound, a name can.
        ("192.168.1.5:8000", {"host": "0.0.0.0"}, 0),
        ("[fe80::1]:8000", {"host": "::"}, 0),
        ("evil.example:8000", {"host": "0.0.0.0"}, 421),
        ("box.local:8000", {"host": "box.local"}, 0),
    ],
)
def test_the_name_under_which_it_is_called(host: str, how: dict[str, Any], status: int) -> None:
    assert verdict(Head("GET", "/api/v1/models", host), **how) == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        ("", "", 0),  # no browser
        (f"http://{HOME}", "same-origin", 0),
        (f"https://{HOME}", "", 0),  # behind a proxy that speaks TLS
        ("", "same-origin", 0),
        ("", "none", 0),
        ("http://evil.example", "cross-site", 403),
        ("http://evil.example", "", 403),
        ("http://localhost:8000", "same-site", 403),
        ("http://127.0.0.1:8001", "same-site", 403),
        ("null", "", 403),
        ("", "cross-site", 403),
        ("", "same-site", 403),
        ("file://", "", 403),
        (f"ftp://{HOME}", "", 403),
        ("http://[", "", 403),
        (HOME, "", 403),
    ],
)
def test_pages_of_others_change_nothing(method: str, origin: str, site: str, status: int) -> None:
    assert verdict(Head(method, "/api/v1/classifications", HOME, origin, site)) == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_asking_alone_does_no_harm(method: str) -> None:
    head = Head(method, "/api/v1/models", HOME, "http://evil.example", "cross-site")
    assert verdict(head) == 0
    assert cors_headers(Settings(), head.origin) == {}


def test_an_allowed_page_may_ask() -> None:
    allowed = {"origins": ("https://page.example",)}
    head = Head("POST", "/api/v1/classifications", HOME, "https://page.example", "cross-site")
    assert verdict(head, **allowed) == 0
    found = cors_headers(Settings(**allowed), "https://page.example")
    assert found["Access-Control-Allow-Origin"] == "https://page.example"
    assert found["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in found
    for other in ("https://page.example.evil", "http://page.example", "null", ""):
        assert cors_headers(Settings(**allowed), other) == {}


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sesame", 0),
        ("bearer sesame", 0),
        ("Bearer  sesame ", 0),
        ("", 401),
        ("sesame", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer Sesame", 401),
        ("Bearer sesame2", 401),
        ("Basic c2VzYW1l", 401),
        ("Bearer sésame", 401),
        ("Bearer \udcff", 401),
    ],
)
def test_the_token(authorization: str, status: int) -> None:
    head = Head("GET", "/api/v1/models", HOME, authorization=authorization)
    assert verdict(head, token="sesame") == status
    assert verdict(head) == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 0),
        ("/assets/index.js", 0),
        ("/api/v1/health", 0),
        ("/api/v1/settings", 0),
        ("/api/v1/openapi.json", 401),
        ("/api/v1/health/", 401),
        ("/api/v1/classifications/x/events", 401),
        ("/metrics", 401),
    ],
)
def test_what_needs_the_token(path: str, status: int) -> None:
    assert verdict(Head("GET", path, HOME), token="sesame") == status
    assert verdict(Head("OPTIONS", path, HOME), token="sesame") == 0


def test_a_refusal_says_how_to_give_the_token() -> None:
    with pytest.raises(Problem) as caught:
        refuse(Settings(token="sesame"), Head("GET", "/api/v1/models", HOME))
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    assert "sesame" not in caught.value.detail


def test_no_script_or_style_but_our_own() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


def asks(rates: Rates, client: str, times: list[float]) -> list[int]:
    """Seconds to wait after each request; 0 where it was heard."""
    found = []
    for now in times:
        try:
            rates.count(client, now)
            found.append(0)
        except Problem as problem:
            found.append(int(problem.headers["Retry-After"]))
    return found


def test_a_minutes_worth_at_once_and_then_no_more() -> None:
    rates = Rates(60)
    assert asks(rates, "a", [0.0] * 61) == [0] * 60 + [1]
    assert asks(rates, "b", [0.0]) == [0]
    assert asks(rates, "a", [1.5, 1.5, 2.5]) == [0, 1, 0]


def test_a_slow_rate_says_how_long_to_wait() -> None:
    assert asks(Rates(2), "a", [0.0, 0.0, 0.0, 29.0, 31.0]) == [0, 0, 30, 1, 0]


@given(st.lists(st.floats(0, 300), max_size=60), st.integers(1, 30))
def test_no_client_gets_more_than_its_rate(gaps: list[float], most: int) -> None:
    times = sorted(gaps)
    heard = [t for t, wait in zip(times, asks(Rates(most), "a", times), strict=True) if not wait]
    for start in heard:
        within = sum(start <= t <= start + 60.0 for t in heard)
        assert within <= 2 * most + 1


def test_those_who_were_quiet_are_forgotten() -> None:
    rates = Rates(1, clients=3)
    for client in "abcd":
        rates.count(client, 0.0)
    assert len(rates._left) == 3
    rates.count("a", 0.0)  # a stranger again
    with pytest.raises(Problem):
        rates.count("d", 0.0)
