"""The pieces of music that come along, to be tried at once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response

from genrewise.web.problems import Problem
from genrewise.web.sending import send_audio
from genrewise.web.site import answer

__all__ = ["audio", "sample_file", "show_all"]

_FOLDER = Path(__file__).resolve().parent.parent / "samples"


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((_FOLDER / "samples.json").read_text(encoding="utf-8")))


def sample_file(name: str) -> Path:
    """Where a piece lies.

    Raises
    ------
    Problem
        404 where there is none of that name.
    """
    if name not in {row["file"] for row in _rows()}:
        raise Problem(404, "There is no such sample.")
    return _FOLDER / name


def show_all() -> Response:
    """List the pieces."""
    return answer(list(_rows()))


def audio(file: str) -> Response:
    """Send a piece; parts of it where a player asks for them."""
    return send_audio(sample_file(file), 86400)
