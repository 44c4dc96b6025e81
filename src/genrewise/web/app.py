"""The application: every request finds its function here, every fault its document."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from genrewise.errors import MissingExtra, nearest
from genrewise.web import pages, receiving, service
from genrewise.web.fetcher import Fetcher
from genrewise.web.guards import SECURITY_HEADERS, Head, Rates, cors_headers, refuse
from genrewise.web.jobs import Job, Jobs
from genrewise.web.labelling import Labelling, beside
from genrewise.web.listening import listeners
from genrewise.web.logs import Log
from genrewise.web.models import Models
from genrewise.web.openapi import description
from genrewise.web.problems import CONTENT_TYPE, Problem, problem_body, title_of
from genrewise.web.route import Route
from genrewise.web.routes import BASE, ROUTES
from genrewise.web.settings import Settings
from genrewise.web.site import Site, site
from genrewise.web.streams import Streams
from genrewise.web.uploads import Workplace

if TYPE_CHECKING:
    from genrewise.web.shelf import Shelf

__all__ = ["create_app"]

#: Bytes of a form beside its files.
_FORM = 2**16
_DETAILS = {
    400: "The request cannot be read.",
    404: "There is nothing here.",
    405: "That cannot be done here.",
    416: "There is no such part of it.",
}


def create_app(settings: Settings | None = None) -> Flask:
    """A server's application, with its workers started.

    Parameters
    ----------
    settings : Settings, optional

    Returns
    -------
    Flask
        ``app.extensions["genrewise"]`` is its :class:`Site`, to be closed at the end.

    Raises
    ------
    GenrewiseError
        The model or the folder for uploads cannot be had.
    """
    settings = settings or Settings()
    app = Flask(__name__, static_folder=None)
    app.request_class = receiving.ReceivingRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes + _FORM
    app.extensions["genrewise"] = _start(settings)
    for route in ROUTES:
        rule = BASE + route.path.replace("{", "<").replace("}", ">")
        name = f"{route.method} {route.path}".replace(".", "_")
        app.add_url_rule(rule, name, _view(route), methods=[route.method])
    app.add_url_rule("/", "page", pages.index)
    app.add_url_rule("/<path:name>", "static", pages.static_file)
    app.add_url_rule("/metrics", "metrics", service.metrics)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)
    app.before_request(_guard)
    app.after_request(_finish)
    app.teardown_request(receiving.clear)
    return app


def _start(settings: Settings) -> Site:
    """All that a server holds, with its workers started."""
    models, jobs, log = Models(settings.model), Jobs(settings), Log(settings.log)
    here = Site(
        settings,
        jobs,
        Workplace(),
        models,
        Fetcher(jobs, settings, models.own),
        Rates(settings.client_requests),
        Streams(settings.streams),
        log,
        description=description(BASE, ROUTES, bool(settings.token)),
    )

    def ended(job: Job) -> None:
        here.metrics.add("genrewise_jobs_total", status=job.status)
        if job.record:
            here.metrics.time("genrewise_job_seconds", job.record["elapsed"])
            here.metrics.add("genrewise_audio_seconds_total", job.record["seconds"])

    jobs.on_end = ended
    here.shelf = _shelf(settings)
    if settings.label is not None:
        out = settings.label_out or beside(settings.label)
        here.labelling = Labelling(settings.label, out, models.add, log)
    here.listeners = listeners(jobs, settings, models.own, log)
    return here


def _shelf(settings: Settings) -> Shelf | None:
    """The library, where one is shown; its reader of tags is an extra of its own."""
    if settings.db is None:
        return None
    try:
        from genrewise.web.shelf import Shelf
    except ModuleNotFoundError as error:
        raise MissingExtra("genrewise serve --db", "tags", error.name or "mutagen") from None
    return Shelf(settings.db)


# -- a request


def _view(route: Route) -> Callable[..., Response]:
    """The function of a route, with what stands behind the question mark checked."""

    def run(**path: str) -> Response:
        return route.run(**path, **_query(route))

    return run


def _query(route: Route) -> dict[str, Any]:
    """The parameters of a route that are given, by the types of its table."""
    known = {p.name: p for p in route.parameters if p.place == "query"}
    found: dict[str, Any] = {}
    for name, text in request.args.items():
        if name not in known:
            near = nearest(name[:100], known)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise Problem(422, f"There is no parameter of that name here.{hint}")
        found[name] = _value(name, text, dict(known[name].schema))
    return found


def _value(name: str, text: str, schema: dict[str, Any]) -> Any:
    if schema.get("type") != "integer":
        return text
    least, most = schema.get("minimum", 0), schema.get("maximum", 10**9)
    if not (text.isascii() and text.isdigit() and len(text) < 11 and least <= int(text) <= most):
        raise Problem(422, f"{name} is no number from {least} to {most}.")
    return int(text)


def _head() -> Head:
    headers = request.headers
    return Head(
        request.method,
        request.path,
        headers.get("Host", ""),
        headers.get("Origin", ""),
        headers.get("Sec-Fetch-Site", ""),
        headers.get("Authorization", ""),
    )


def _guard() -> None:
    """Let a request pass, or not."""
    g.began = time.perf_counter()
    here = site()
    here.rates.count(receiving.client())
    refuse(here.settings, _head())


def _finish(response: Response) -> Response:
    """What every answer says; and what is noted of the request."""
    here = site()
    api = request.path.startswith("/api/") or request.path == "/metrics"
    if api and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    for name, content in SECURITY_HEADERS.items():
        response.headers.setdefault(name, content)
    for name, content in cors_headers(here.settings, request.headers.get("Origin", "")).items():
        response.headers[name] = content
    rule = str(request.url_rule) if request.url_rule else "none"
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    status = str(response.status_code)
    method = request.method if request.method in _METHODS else "other"
    here.metrics.add("genrewise_requests_total", method=method, route=rule, status=status)
    here.metrics.time("genrewise_request_seconds", seconds, route=rule)
    here.log("request", method=method, route=rule, status=status, ms=round(1000 * seconds, 1))
    return response


_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")

# -- faults


def _problem(problem: Problem) -> Response:
    response = Response(problem_body(problem), problem.status, content_type=CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response


def _http(error: HTTPException) -> Response:
    """What Flask refuses, in our words."""
    code = error.code or 500
    if code < 400:  # a redirection
        return Response(error.get_body(), code, error.get_headers())
    detail = _DETAILS.get(code, f"{title_of(code)}.")
    if isinstance(error, RequestEntityTooLarge):
        detail = f"Expected at most {site().settings.max_bytes} bytes."
    kept = {k: v for k, v in error.get_headers() if k in ("Allow", "Content-Range", "Retry-After")}
    return _problem(Problem(code, detail, kept))


def _fault(error: Exception) -> Response:
    """A fault of ours: its traceback goes to the log."""
    here = site()
    if isinstance(error, OSError) and error.errno in (28, 122):  # no space, or no quota
        here.log("fault", error="no room for uploads")
        return _problem(Problem(507, "There is no room on this server. Try again later."))
    here.log("fault", route=str(request.url_rule), exception=error)
    return _problem(Problem(500, "Something went wrong inside the server. Its log says what."))
