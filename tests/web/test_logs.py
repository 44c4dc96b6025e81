"""Lines on standard error."""

from __future__ import annotations

import json

import pytest

from genrewise.web.logs import Log


def written(capsys: pytest.CaptureFixture[str], form: str) -> list[str]:
    log = Log(form)  # type: ignore[arg-type]
    log("request", method="GET", route="/api/v1/health", status="200", ms=1.5)
    log("lost", cause="crashed", error="the decoder crashed on it (SIGSEGV)")
    return capsys.readouterr().err.splitlines()


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = written(capsys, "text")
    assert first.split(" ", 1)[1] == "request method=GET route=/api/v1/health status=200 ms=1.5"
    assert second.endswith('lost cause=crashed error="the decoder crashed on it (SIGSEGV)"')


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = map(json.loads, written(capsys, "json"))
    assert first.pop("time").endswith("Z")
    expected = {"method": "GET", "route": "/api/v1/health", "status": "200", "ms": 1.5}
    assert first == {"event": "request", **expected}
    assert second["cause"] == "crashed"


def test_quiet_is_quiet_about_requests_alone(capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = written(capsys, "quiet")
    assert " lost " in only


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_comes_with_its_traceback(capsys: pytest.CaptureFixture[str], form: str) -> None:
    try:
        raise KeyError("nothing here")
    except KeyError as error:
        Log(form)("fault", route="/x", exception=error)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    text = json.loads(said)["traceback"] if form == "json" else said
    assert "KeyError: 'nothing here'" in text
    assert "test_logs.py" in text


def test_nobody_breaks_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Log("text")("failed", error="a\nb\x1b[31m \u202e")
    Log("json")("failed", error="a\nb\x1b[31m \u202e")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
