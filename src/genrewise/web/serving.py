"""From settings to a server that answers: socket, waitress, and a clean end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress

from waitress.server import create_server

from genrewise.errors import GenrewiseError
from genrewise.web.app import create_app
from genrewise.web.settings import Settings

__all__ = ["address", "serve"]


def address(host: str, port: int) -> str:
    """What to type into a browser."""
    if host in ("", "0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _bind(settings: Settings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family = found[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        why = (
            error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        )
        given = f"{settings.host}:{settings.port}: {why}"
        raise GenrewiseError(given, "a free address of this machine", "try --port 0") from None


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or a signal ends the process.

    Parameters
    ----------
    settings : Settings
    ready : callable
        Called with the address once the server answers.

    Raises
    ------
    GenrewiseError
        The address is taken, or the model or the folder for uploads cannot be had.
    """
    with _bind(settings) as listening:
        app = create_app(settings)
        site = app.extensions["genrewise"]
        try:
            server = create_server(
                app,
                sockets=[listening],
                threads=settings.threads,
                ident=None,
                max_request_body_size=settings.max_bytes + 2**16,
                clear_untrusted_proxy_headers=True,
            )
            ready(address(settings.host, server.effective_port))
            server.asyncore.loop(timeout=1, map=server._map, use_poll=True)
        finally:
            site.close()
            with suppress(OSError):
                server.close()
