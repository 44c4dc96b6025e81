"""What all parts of a running server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Response, current_app

from genrewise.plain import json_text
from genrewise.web.jobs import Jobs
from genrewise.web.listening import Listener
from genrewise.web.models import Models
from genrewise.web.settings import Settings
from genrewise.web.uploads import Workplace

__all__ = ["Site", "answer", "site"]


@dataclass
class Site:
    """A server: its settings and all that it holds.

    Parameters
    ----------
    settings : Settings
    jobs : Jobs
    workplace : Workplace
    models : Models
    listeners : list of Listener
    """

    settings: Settings
    jobs: Jobs
    workplace: Workplace
    models: Models
    listeners: list[Listener] = field(default_factory=list)

    def close(self) -> None:
        """End the work and remove what was uploaded; twice does no harm."""
        self.jobs.close()
        for listener in self.listeners:
            listener.join(10.0)
        self.workplace.close()


def site() -> Site:
    """The site of the request that is served."""
    found: Site = current_app.extensions["genrewise"]
    return found


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """A value as JSON, with numbers as the command line writes them.

    Parameters
    ----------
    value : object
    status : int
    **headers
        ``Location="/api/…"``; an underscore stands for a hyphen.
    """
    text = json_text(value) + "\n"
    # A file name may hold half a surrogate pair, which is no text.
    response = Response(text.encode("utf-8", "replace"), status, mimetype="application/json")
    for name, content in headers.items():
        response.headers[name.replace("_", "-")] = content
    return response
