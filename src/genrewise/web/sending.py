"""Music that is sent to be listened to, the parts of it that a player asks for."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Response, send_file

from genrewise.web.problems import Problem

__all__ = ["send_audio"]

#: What systems' tables of types lack, or name as no browser does.
_TYPES = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}


def send_audio(path: Path, seconds: int = 0) -> Response:
    """Send a file of music; its name stays here.

    Parameters
    ----------
    path : Path
    seconds : int
        How long the browser may keep it.

    Raises
    ------
    Problem
        404 where it cannot be read.
    """
    kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
    if not kind.startswith(("audio/", "video/")):
        kind = "application/octet-stream"
    try:
        response = send_file(path, kind, download_name="audio", conditional=True, max_age=seconds)
    except OSError:
        raise Problem(404, "This file cannot be read.") from None
    response.headers["Cache-Control"] = f"private, max-age={seconds}" if seconds else "no-store"
    return response
