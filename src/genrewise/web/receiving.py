"""Requests whose files go straight into the server's own folder, and do not stay there."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from flask import Request, g, request
from werkzeug.datastructures import FileStorage

from genrewise.web.problems import Problem
from genrewise.web.site import site

__all__ = ["ReceivingRequest", "adopt", "clear", "client", "read_json"]

#: Bytes of a body that is no upload.
_SHORT = 64 * 1024


class ReceivingRequest(Request):
    """A request whose uploads are files of :class:`genrewise.web.uploads.Workplace`."""

    max_form_memory_size = 256 * 1024  # four times what is read at once
    max_form_parts = 100

    def _load_form_data(self) -> None:
        """Read the form; werkzeug trips over some that are none."""
        try:
            super()._load_form_data()
        except (TypeError, ValueError, LookupError, AttributeError):
            raise Problem(400, "The form cannot be read.") from None

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        """Where werkzeug writes a file to while it reads the form."""
        path, file = site().workplace.new()
        g.setdefault("arrived", {})[id(file)] = (path, file)
        return file


def adopt(file: FileStorage) -> Path:
    """Keep a file that has arrived: from now on it is the caller's to delete."""
    arrived: dict[int, tuple[Path, IO[Any]]] = g.get("arrived", {})
    found = arrived.pop(id(file.stream), None)
    if found is None:
        raise Problem(400, "Expected a file.")
    path, stream = found
    stream.close()
    return path


def clear(_error: BaseException | None = None) -> None:
    """Delete what arrived with a request and was not kept."""
    arrived = cast(dict[int, tuple[Path, IO[Any]]], g.pop("arrived", {}))
    for path, stream in arrived.values():
        with suppress(OSError):
            stream.close()
        with suppress(OSError):
            path.unlink()


def client() -> str:
    """Who asks: an address, the network of one where it is of IPv6."""
    address = request.remote_addr or ""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def read_json() -> dict[str, Any]:
    """The object in the body of a request.

    Raises
    ------
    Problem
        415 for another content type, 413 where it is long, 400 where it is no JSON, 422 where
        it is no object.
    """
    if request.mimetype != "application/json":
        raise Problem(415, "Expected application/json.")
    if (request.content_length or 0) > _SHORT:
        raise Problem(413, f"Expected at most {_SHORT} bytes of JSON.")
    try:
        found = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Problem(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise Problem(422, "Expected an object.")
    return found
