"""Connections: refused early, not slower than a modem, and told why.

waitress reads a whole request before the application sees it.  So what can be refused by
its head is refused here before its body is read, and a client that sends a byte now and
then is let go.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask

from genrewise.web.guards import SECURITY_HEADERS
from genrewise.web.problems import CONTENT_TYPE, Problem, problem_body, title_of

__all__ = ["channel_class"]

#: Seconds that a request may take to arrive, besides those that its bytes may take.
GRACE = 15.0
#: Bytes a second that are expected of a client.
SLOWEST = 4096
#: Seconds and bytes for which a refused client may go on sending, so that it reads why.
LINGER, LINGER_BYTES = 5.0, 64 * 2**20

Early = Callable[[str, str, Mapping[str, str]], None]

_DETAILS = {
    400: "The request cannot be read.",
    413: "The request is larger than this server takes.",
    431: "The head of the request is larger than this server takes.",
    500: "Something went wrong inside the server. Its log says what.",
    501: "The request is sent in a way that this server does not know.",
}


class _Refusal:
    """An error of waitress's kind that becomes a problem document."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status line, headers and body."""
        problem = self.problem
        headers = {**SECURITY_HEADERS, **problem.headers, "Content-Type": CONTENT_TYPE}
        status = f"{problem.status} {title_of(problem.status)}"
        return status, list(headers.items()), problem_body(problem)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Asks whether a request is heard as soon as its head is there."""

    def __init__(self, early: Early, adj: Any) -> None:
        super().__init__(adj)
        self._early = early
        self.began = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; a refused request has no body to wait for."""
        super().parse_header(header_plus)
        try:
            self._early(self.command, self.path, self.headers)
        except Problem as problem:
            self.error = _Refusal(problem)
            self.body_rcv, self.content_length = None, 0
            self.expect_continue, self.chunked = False, False

    def is_late(self, now: float) -> bool:
        """Whether less came by now than a slow line would have brought."""
        got = self.header_bytes_received + self.body_bytes_received
        return bool(now - self.began > GRACE + got / SLOWEST)


class _Error(ErrorTask):  # type: ignore[misc]
    """Answers with a problem document, whatever went wrong."""

    def execute(self) -> None:
        error = self.request.error
        if not isinstance(error, _Refusal):
            code = int(error.code)
            self.request.error = _Refusal(Problem(code, _DETAILS.get(code, f"{title_of(code)}.")))
        super().execute()


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection whose client must keep going, and is heard out when it is refused.

    A client that still sends when its connection is closed loses what was said to it.  So
    after a refusal only our side is closed, and what still comes is dropped for a while.
    """

    error_task_class = _Error

    def __init__(self, early: Early, *args: Any, **how: Any) -> None:
        self.parser_class = partial(_Parser, early)
        self._refused = False
        self._until = 0.0  # lingering until then
        self._dropped = 0
        super().__init__(*args, **how)

    def received(self, data: bytes) -> bool:
        """Take bytes; close where they come too slowly."""
        request = self.request
        if request is not None and request.is_late(time.monotonic()):
            self.will_close = True
            return False
        taken = bool(super().received(data))
        self._refused = self._refused or any(r.error for r in list(self.requests))
        return taken

    def readable(self) -> bool:
        """Whether there is room for more; always while lingering."""
        return self._until > 0 or bool(super().readable())

    def handle_read(self) -> None:
        """Read; drop it while lingering."""
        if not self._until:
            super().handle_read()
            return
        data = self.recv(self.adj.recv_bytes)  # closes where the client has gone
        self._dropped += len(data)
        if data and (time.monotonic() > self._until or self._dropped > LINGER_BYTES):
            self.handle_close()

    def handle_close(self) -> None:
        """Close, or linger first."""
        if self._refused and self.connected and self.will_close and not self._until:
            self._until = time.monotonic() + LINGER
            self.will_close = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()


def channel_class(early: Early) -> Callable[..., Any]:
    """What a server makes of each connection.

    Parameters
    ----------
    early : callable
        Gets method, path and headers (``"HOST"``, ``"CONTENT_LENGTH"``, …) of a request
        before its body is read, and raises :class:`Problem` to refuse it.
    """
    return partial(_Channel, early)
