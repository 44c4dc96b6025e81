"""From settings to a server that answers: socket, waitress, and a clean end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from waitress.server import create_server

from genrewise.errors import GenrewiseError
from genrewise.web.app import create_app
from genrewise.web.channel import channel_class
from genrewise.web.guards import Head, refuse
from genrewise.web.problems import Problem
from genrewise.web.settings import Settings
from genrewise.web.site import Site

__all__ = ["address", "serve"]

#: Bytes that a request without an upload may have.
_SHORT = 2**20
_UPLOADS = ("/api/v1/classifications", "/api/v1/batches")
_FORWARDED = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"}


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
    except (OSError, UnicodeError) as error:
        given = f"{settings.host}:{settings.port}: {_why(error)}"
        raise GenrewiseError(given, "a free address of this machine", "try --port 0") from None


def _why(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no host"


def _early(site: Site) -> Callable[[str, str, Mapping[str, str]], None]:
    """What is asked of a request before its body is read."""

    def ask(method: str, path: str, headers: Mapping[str, str]) -> None:
        if "CONTENT_LENGTH" not in headers and method not in ("POST", "PUT"):
            return
        names = ("HOST", "ORIGIN", "SEC_FETCH_SITE", "AUTHORIZATION")
        if not site.settings.proxy:  # else the host is in a header that is read later
            refuse(site.settings, Head(method, path, *(headers.get(name, "") for name in names)))
        length = headers.get("CONTENT_LENGTH", "0")
        bytes_ = int(length) if length.isdigit() and len(length) < 20 else 0
        upload = path in _UPLOADS and method == "POST"
        if upload and bytes_ > site.settings.max_bytes + 2**16:
            raise Problem(413, f"Expected at most {site.settings.max_bytes} bytes.")
        if not upload and bytes_ > _SHORT:
            raise Problem(413, f"Expected at most {_SHORT} bytes.")
        if upload and site.jobs.is_full():
            site.jobs.check_room("")

    return ask


def _server(app: Any, settings: Settings, listening: socket.socket, site: Site) -> Any:
    """Waitress with our limits."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    proxy: dict[str, Any] = {}
    if settings.proxy:
        proxy = {"trusted_proxy": settings.proxy, "trusted_proxy_headers": _FORWARDED}
    server = create_server(
        app,
        sockets=[listening],
        threads=settings.threads,
        ident=None,
        connection_limit=512,
        channel_timeout=30,
        cleanup_interval=5,
        recv_bytes=2**16,
        max_request_header_size=16 * 1024,
        max_request_body_size=settings.max_bytes + 2**16 + 1,
        clear_untrusted_proxy_headers=True,
        **proxy,
    )
    server.channel_class = channel_class(_early(site))
    return server


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
        site: Site = app.extensions["genrewise"]
        try:
            server = _server(app, settings, listening, site)
            ready(address(settings.host, server.effective_port))
            server.asyncore.loop(timeout=1, map=server._map, use_poll=True)
        finally:
            _end(site)


def _end(site: Site) -> None:
    """Clean up, whatever signals still come."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                with suppress(OSError, ValueError):
                    signal.signal(getattr(signal, name), signal.SIG_IGN)
    site.close()
