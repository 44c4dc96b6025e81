"""What all parts of a running server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Response, current_app

from genrewise.plain import json_text
from genrewise.web.fetcher import Fetcher
from genrewise.web.guards import Rates
from genrewise.web.jobs import Jobs
from genrewise.web.listening import Listener
from genrewise.web.logs import Log
from genrewise.web.metrics import Metrics
from genrewise.web.models import Models
from genrewise.web.settings import Settings
from genrewise.web.streams import Streams
from genrewise.web.uploads import Workplace

if TYPE_CHECKING:
    from genrewise.web.labelling import Labelling
    from genrewise.web.shelf import Shelf

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
    fetcher : Fetcher
    rates : Rates
    streams : Streams
    log : Log
    metrics : Metrics
    listeners : list of Listener
    description : dict
        Of the interface.
    shelf : Shelf or None
        The library, where one is shown.
    labelling : Labelling or None
        The folder that is labelled by ear, where there is one.
    """

    settings: Settings
    jobs: Jobs
    workplace: Workplace
    models: Models
    fetcher: Fetcher
    rates: Rates
    streams: Streams
    log: Log
    metrics: Metrics = field(default_factory=Metrics)
    listeners: list[Listener] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)
    shelf: Shelf | None = None
    labelling: Labelling | None = None

    def close(self) -> None:
        """End the work and remove what was uploaded; twice does no harm."""
        self.jobs.close()
        self.fetcher.close()
        if self.labelling is not None:
            self.labelling.close()
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
