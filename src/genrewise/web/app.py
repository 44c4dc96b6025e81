"""The application: every request finds its function here, every fault its document."""

from __future__ import annotations

import traceback

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from genrewise.web import classifications, receiving, samples, service
from genrewise.web.jobs import Jobs
from genrewise.web.listening import listeners
from genrewise.web.models import Models
from genrewise.web.problems import CONTENT_TYPE, Problem, problem_body
from genrewise.web.settings import Settings
from genrewise.web.site import Site
from genrewise.web.uploads import Workplace

__all__ = ["create_app"]


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
    app.config["MAX_CONTENT_LENGTH"] = settings.max_bytes + 2**16
    models = Models(settings.model)
    site = Site(settings, Jobs(settings), Workplace(), models)
    site.listeners = listeners(site.jobs, settings, models.own, _quiet)
    app.extensions["genrewise"] = site
    _add_routes(app)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)
    app.teardown_request(receiving.clear)
    return app


def _quiet(_event: str, **_fields: object) -> None:
    pass


def _add_routes(app: Flask) -> None:
    add = app.add_url_rule
    base = "/api/v1"
    add(f"{base}/health", view_func=service.health)
    add(f"{base}/classifications", "create", classifications.create, methods=["POST"])
    add(f"{base}/classifications/<id>", "show", classifications.show)
    add(f"{base}/classifications/<id>", "drop", classifications.drop, methods=["DELETE"])
    add(f"{base}/samples", "samples", samples.show_all)
    add(f"{base}/samples/<file>", "sample", samples.audio)


def _problem(problem: Problem) -> Response:
    response = Response(problem_body(problem), problem.status, content_type=CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response


def _http(error: HTTPException) -> Response:
    return _problem(Problem(error.code or 500, str(error.description)))


def _fault(error: Exception) -> Response:
    traceback.print_exception(error)
    return _problem(Problem(500, "Something went wrong inside the server. Its log says what."))
