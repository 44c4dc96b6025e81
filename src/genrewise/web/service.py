"""What the server says of itself and of its models."""

from __future__ import annotations

from flask import Response

from genrewise import __version__
from genrewise.web import metrics as measured
from genrewise.web.reports import of_model
from genrewise.web.site import answer, site

__all__ = ["health", "metrics", "model", "models", "settings"]


def health() -> Response:
    """Say that the server answers, and how much it has to do."""
    here = site()
    return answer(
        {
            "status": "ok",
            "version": __version__,
            "models": [entry["name"] for entry in here.models.all() if entry["available"]],
            "queue": {"length": here.jobs.length, "limit": here.settings.queue},
        }
    )


def settings() -> Response:
    """What a client must know."""
    here = site()
    return answer(
        {
            "max_bytes": here.settings.max_bytes,
            "max_seconds": here.settings.max_seconds,
            "max_files": min(here.settings.client_jobs, here.settings.queue),
            "url_allowed": here.settings.urls,
            "token_needed": bool(here.settings.token),
            "library": here.settings.db is not None,
            "labelling": here.settings.label is not None,
            "default_model": here.models.own,
        }
    )


def models() -> Response:
    """List the models."""
    return answer(site().models.all())


def model(name: str) -> Response:
    """A model with its card and its report."""
    here = site()
    found = here.models.one(name)
    folders = [here.settings.reports, here.labelling and here.labelling.out]
    protocol = str(found["metrics"].get("protocol", ""))
    report = of_model([folder for folder in folders if folder], name, protocol)
    return answer({**found, "card": here.models.card(name), "report": report})


def metrics() -> Response:
    """Counts and times as Prometheus reads them."""
    here = site()
    gauges = {
        "genrewise_queue_length": here.jobs.length,
        "genrewise_queue_limit": here.settings.queue,
        "genrewise_running": here.jobs.running,
        "genrewise_streams": here.streams.open,
        "genrewise_workers": sum(listener.ready for listener in here.listeners),
        "process_resident_memory_bytes": measured.resident_bytes(),
    }
    return Response(here.metrics.text(gauges), content_type=measured.CONTENT_TYPE)
