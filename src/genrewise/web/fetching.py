"""A file from the web, where the owner of the server allows that: public addresses alone.

The name is looked up once; each address found must be one of the public Internet; the
connection goes to an address that was looked at, so the name cannot point elsewhere in
between.  The same holds for every redirection.  Proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import IO
from urllib.parse import unquote, urljoin, urlsplit

from genrewise import __version__
from genrewise.web.problems import Problem

__all__ = ["check_url", "fetch", "is_public", "name_in"]

#: Redirections that are followed.
_HOPS = 5
#: Seconds for a connection or between two pieces of an answer.
_PATIENCE = 10.0
_PIECE = 1 << 16
_PORTS = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Allows = Callable[[str], bool]
Wanted = Callable[[], bool]


def _inner(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 leads to; itself where it leads to none."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet, whatever it is wrapped in.

    Parameters
    ----------
    address : str
        ``"192.0.2.1"``, ``"::1"``.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(found)
    return inner.is_global and not (inner.is_multicast or inner.is_reserved)


def check_url(url: str) -> tuple[str, str, int, str]:
    """The parts of an address that may be fetched, as far as it can be told by looking.

    Returns
    -------
    scheme, host, port, path : str, str, int, str

    Raises
    ------
    Problem
        422: no address of the web, with a password, or with a port of its own.
    """
    expected = "Expected an address of the web: https://…"
    if len(url) > 2000 or any(c.isspace() or not c.isprintable() for c in url):
        raise Problem(422, expected)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        raise Problem(422, expected) from None
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        raise Problem(422, expected)
    if port not in (None, _PORTS[parts.scheme]):
        raise Problem(422, "Addresses with a port of their own are not fetched.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, _PORTS[parts.scheme], path.encode("ascii", "ignore").decode()


def name_in(url: str) -> str:
    """The file's name in an address."""
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")


def _addresses(host: str, port: int, allows: Allows) -> list[str]:
    """What a name stands for, all of it allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Problem(422, "There is no server of that name.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(map(allows, addresses)):
        raise Problem(422, "That address is not of the public Internet.")
    return addresses


def _connect(scheme: str, host: str, port: int, addresses: list[str]) -> socket.socket:
    """A connection to one of the addresses that were looked at."""
    for address in addresses:
        with suppress(OSError):
            plain = socket.create_connection((address, port), timeout=_PATIENCE)
            if scheme == "http":
                return plain
            try:
                return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            except BaseException:
                plain.close()
                raise
    raise Problem(422, "That server does not answer.")


def _headers(host: str) -> dict[str, str]:
    return {
        "Host": f"[{host}]" if ":" in host else host,
        "User-Agent": f"genrewise/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _cut(connection: socket.socket) -> None:
    """End a connection from outside: whoever reads from it reads its end."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def fetch(
    url: str,
    out: IO[bytes],
    max_bytes: int,
    seconds: float,
    wanted: Wanted = lambda: True,
    allows: Allows = is_public,
) -> int:
    """Write what lies at an address to a file.

    Parameters
    ----------
    url : str
    out : binary file
    max_bytes : int
    seconds : float
        All of it may take so long.
    wanted : callable
        Asked between two pieces whether to go on.
    allows : callable
        Whether an address may be connected to.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    Problem
        422, one sentence: not public, no answer, an error, too large, too slow.
    """
    until = time.monotonic() + seconds
    for _ in range(_HOPS + 1):
        scheme, host, port, path = check_url(url)
        plain = _connect(scheme, host, port, _addresses(host, port, allows))
        # A server that sends a byte now and then would keep any time limit of a single read.
        clock = threading.Timer(max(0.0, until - time.monotonic()), _cut, [plain])
        clock.start()
        try:
            with plain, closing(_ask(plain, host, port, path)) as reply:
                if reply.status not in (301, 302, 303, 307, 308):
                    return _receive(reply, out, max_bytes, until, wanted)
                url = urljoin(url, reply.headers.get("Location", ""))
        except (OSError, http.client.HTTPException, ValueError):
            raise Problem(422, "That server's answer cannot be read.") from None
        finally:
            clock.cancel()
    raise Problem(422, "That address leads on and on.")


def _ask(plain: socket.socket, host: str, port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(host, port)
    connection.sock = plain
    connection.request("GET", path, headers=_headers(host))
    return connection.getresponse()


def _receive(
    reply: http.client.HTTPResponse,
    out: IO[bytes],
    max_bytes: int,
    until: float,
    wanted: Wanted,
) -> int:
    if reply.status != 200:
        raise Problem(422, f"That server answers with the status {reply.status}.")
    total = 0
    while piece := reply.read1(_PIECE):
        total += out.write(piece)
        if total > max_bytes:
            raise Problem(422, f"What lies there is larger than {max_bytes} bytes.")
        if time.monotonic() > until:
            raise Problem(422, "That server takes too long.")
        if not wanted():
            return total
    if time.monotonic() > until or (reply.length or 0) > 0:
        raise Problem(422, "That server did not send all of it.")
    return total
