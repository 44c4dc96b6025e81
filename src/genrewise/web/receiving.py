"""Requests whose files go straight into the server's own folder, and do not stay there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from flask import Request, g
from werkzeug.datastructures import FileStorage

from genrewise.web.problems import Problem
from genrewise.web.site import site

__all__ = ["ReceivingRequest", "adopt", "clear"]


class ReceivingRequest(Request):
    """A request whose uploads are files of :class:`genrewise.web.uploads.Workplace`."""

    max_form_memory_size = 256 * 1024  # four times what is read at once
    max_form_parts = 100

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
