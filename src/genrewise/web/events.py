"""Server-sent events: where a classification stands, as it changes."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from genrewise.plain import json_text
from genrewise.web.jobs import ENDED, Jobs
from genrewise.web.problems import Problem
from genrewise.web.site import site

__all__ = ["event", "follow", "stream"]

#: Seconds between two signs of life: proxies give up what is silent for a minute.
BEAT = 10.0


def event(name: str, value: object) -> bytes:
    """One event with a value as JSON."""
    return f"event: {name}\ndata: {json_text(value)}\n\n".encode("utf-8", "replace")


def stream(lines: Iterator[bytes]) -> Response:
    """An answer that goes on; its place among the streams is given back at its end.

    Raises
    ------
    Problem
        503 where too many are open.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    kind = "text/event-stream"
    if request.method == "HEAD":
        return Response(b"", headers=headers, mimetype=kind)
    streams = site().streams
    streams.enter()
    response = Response(lines, headers=headers, mimetype=kind)
    response.call_on_close(streams.leave)
    return response


def _changes(jobs: Jobs, id_: str) -> Iterator[bytes]:
    """The state at once, then whenever it changes, until nothing follows."""
    mark = jobs.mark(id_)
    last = None
    while True:
        try:
            now = jobs.view(id_)
        except Problem:  # it was forgotten
            return
        yield b": still here\n\n" if now == last else event("status", now)
        last = now
        if now["status"] in ENDED or jobs.closed:
            return
        mark = jobs.wait(id_, mark, BEAT)


def follow(id: str) -> Response:  # noqa: A002 - the name in the path
    """Follow a classification until it ends."""
    jobs = site().jobs
    jobs.get(id)
    return stream(_changes(jobs, id))
