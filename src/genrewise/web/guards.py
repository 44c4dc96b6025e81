"""Who is heard: the right name, the right page, the token, not too often.

Everything here looks at the head of a request alone, so that it can be asked before a body
is read.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from genrewise.web.problems import Problem
from genrewise.web.settings import Settings

__all__ = ["SECURITY_HEADERS", "Head", "Rates", "cors_headers", "host_name", "refuse"]

#: Methods that change nothing.
_SAFE = ("GET", "HEAD", "OPTIONS")
#: What needs no token: is the server there, and what does it expect.
_OPEN = ("/api/v1/health", "/api/v1/settings")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

#: On every answer.  Scripts and styles come from this server's files alone.
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Head:
    """What of a request decides whether it is heard.

    Parameters
    ----------
    method, path : str
    host, origin, fetch_site, authorization : str
        The headers of these names (``Sec-Fetch-Site``); empty where there are none.
    """

    method: str
    path: str
    host: str = ""
    origin: str = ""
    fetch_site: str = ""
    authorization: str = ""


def host_name(host: str) -> str:
    """The name in a ``Host`` header: without port and brackets; empty where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return ""
    plain = parts.netloc == host and "@" not in host and not parts.path
    return (parts.hostname or "").rstrip(".") if plain else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_called(settings: Settings, host: str) -> bool:
    """Whether the server may be called so.

    A page elsewhere can have its own name point to this machine (DNS rebinding) and would
    then be of the same origin.  It cannot do so with an address, so where the server is
    bound to more than this machine, every address passes.
    """
    name = host_name(host).lower()
    own = {settings.host.lower(), *(h.lower() for h in settings.hosts)}
    if name in own or name in _LOOPBACK:
        return bool(name)
    return settings.host.lower() not in _LOOPBACK and _is_address(name)


def _is_ours(settings: Settings, head: Head) -> bool:
    """Whether a request comes from our own page, an allowed one, or from no page at all."""
    if head.origin in settings.origins:
        return True
    if head.origin:
        scheme, mark, host = head.origin.lower().partition("://")
        return scheme in ("http", "https") and host == head.host.lower() != "" and bool(mark)
    return head.fetch_site in ("", "same-origin", "none")


def _knows_token(settings: Settings, head: Head) -> bool:
    kind, _, given = head.authorization.partition(" ")
    expected = settings.token.encode()
    right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected)
    return kind.lower() == "bearer" and right


def refuse(settings: Settings, head: Head) -> None:
    """Let a request pass, or not.

    Raises
    ------
    Problem
        421 where the server is not called so, 403 for another's page, 401 without the token.
    """
    if not _is_called(settings, head.host):
        raise Problem(421, "This server is not called so. Its owner can allow names.")
    if head.method not in _SAFE and not _is_ours(settings, head):
        raise Problem(403, "Pages of other servers may not ask here.")
    guarded = head.path.startswith(("/api/", "/metrics")) and head.path not in _OPEN
    if settings.token and guarded and head.method != "OPTIONS" and not _knows_token(settings, head):
        detail = "A token is needed: the header Authorization: Bearer TOKEN."
        raise Problem(401, detail, {"WWW-Authenticate": "Bearer"})


def cors_headers(settings: Settings, origin: str) -> dict[str, str]:
    """What lets an allowed page of another server read the answer; nothing for the others."""
    if not origin or origin not in settings.origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Expose-Headers": "Location, Retry-After",
        "Access-Control-Max-Age": "600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }


class Rates:
    """How often each client asks; a minute's worth may come at once.

    Parameters
    ----------
    per_minute : int
    clients : int
        How many are remembered; those that were quiet longest are forgotten.
    """

    def __init__(self, per_minute: int, clients: int = 10_000) -> None:
        self._most, self._clients = per_minute, clients
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, client: str, now: float | None = None) -> None:
        """Count a request.

        Raises
        ------
        Problem
            429 where there were too many, with the seconds until the next one is heard.
        """
        now = time.monotonic() if now is None else now
        a_second = self._most / 60.0
        with self._lock:
            left, then = self._left.pop(client, (float(self._most), now))
            left = min(float(self._most), left + (now - then) * a_second)
            self._left[client] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
            if len(self._left) > self._clients:
                self._left.popitem(last=False)
        if left < 1.0:
            wait = math.ceil(round((1.0 - left) / a_second, 6))
            raise Problem(429, "Too many requests of one client.", {"Retry-After": str(wait)})
