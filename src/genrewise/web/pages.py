"""The built page: its files, compressed once, kept long where their names say so."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Response, request
from werkzeug.security import safe_join

from genrewise.web.problems import Problem

__all__ = ["NOT_BUILT", "STATIC", "index", "static_file"]

STATIC = Path(__file__).resolve().parent / "static"
NOT_BUILT = "The page is not built here. Programs find their way in /api/v1/openapi.json."

#: What the system's table of types may not know, or has wrong.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_COMPRESSED = (".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest")
#: Below this compressing gains nothing.
_SMALL = 1000


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int, _size: int) -> tuple[bytes, bytes, str]:
    """A file, the same compressed where that is less, and its mark."""
    data = path.read_bytes()
    packed = b""
    if path.suffix in _COMPRESSED and len(data) > _SMALL:
        packed = gzip.compress(data, 9, mtime=0)
    return data, packed if len(packed) < len(data) else b"", hashlib.sha256(data).hexdigest()[:20]


def _type(path: Path) -> str:
    guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _TYPES.get(path.suffix, guessed)


def _send(path: Path, cache: str) -> Response:
    try:
        about = path.stat()
        data, packed, mark = _read(path, about.st_mtime_ns, about.st_size)
    except OSError:
        raise Problem(404, "There is no such file.") from None
    squeeze = bool(packed) and request.accept_encodings.quality("gzip") > 0
    response = Response(packed if squeeze else data, content_type=_type(path))
    response.headers["Cache-Control"] = cache
    response.set_etag(mark + ("-gzip" if squeeze else ""))
    if packed:
        response.headers["Vary"] = "Accept-Encoding"
    if squeeze:
        response.headers["Content-Encoding"] = "gzip"
    response.make_conditional(request)
    return response


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long for any file
        return False


def index() -> Response:
    """Send the page."""
    if not (STATIC / "index.html").is_file():
        raise Problem(404, NOT_BUILT)
    return _send(STATIC / "index.html", "no-cache")


def static_file(name: str) -> Response:
    """Send a file of the page; names below ``assets/`` change with their content."""
    found = safe_join(str(STATIC), name)
    if found is None or "/." in f"/{name}" or not _is_file(found):
        raise Problem(404, "There is nothing here.")
    kept = name.startswith("assets/")
    return _send(Path(found), "public, max-age=31536000, immutable" if kept else "no-cache")
