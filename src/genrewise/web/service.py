"""What the server says of itself."""

from __future__ import annotations

from flask import Response

from genrewise import __version__
from genrewise.web.site import answer, site

__all__ = ["health"]


def health() -> Response:
    """Say that the server answers, and how much it has to do."""
    here = site()
    return answer(
        {
            "status": "ok",
            "version": __version__,
            "models": [model["name"] for model in here.models.all() if model["available"]],
            "queue": {"length": here.jobs.length, "limit": here.settings.queue},
        }
    )
