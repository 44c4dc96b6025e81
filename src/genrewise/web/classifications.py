"""Asking for a genre: files in, jobs, answers out."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from genrewise.web.hearing import Wish
from genrewise.web.jobs import Job
from genrewise.web.problems import Problem
from genrewise.web.receiving import adopt
from genrewise.web.site import answer, site
from genrewise.web.uploads import clean_name
from genrewise.web.wishes import Asked, asked

__all__ = ["create", "drop", "show"]


def client() -> str:
    """Who asks: an address, the network of one where it is of IPv6."""
    address = request.remote_addr or ""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def _wish(options: Asked, path: str) -> Wish:
    return Wish(
        secrets.token_urlsafe(16),
        path,
        site().models.file(options.model),
        options.timeline,
        options.picture,
        options.start,
        options.duration,
    )


def _upload(file: FileStorage, options: Asked) -> Job:
    """A job of a file that has arrived."""
    path = adopt(file)
    return Job(_wish(options, str(path)), client(), clean_name(file.filename), path)


def _sample(name: Any, options: Asked) -> Job:
    """A job of a piece that comes along."""
    from genrewise.web.samples import sample_file

    if not isinstance(name, str):
        raise Problem(422, "sample is no name; expected text.")
    path = sample_file(name)
    return Job(_wish(options, str(path)), client(), path.name)


def _from_form() -> Job:
    files = request.files.getlist("file")
    if len(files) != 1 or len(request.files) != 1:
        raise Problem(400, "Expected one file in a form field named file.")
    return _upload(files[0], asked(request.form))


def _from_json() -> Job:
    values = request.get_json()
    if not isinstance(values, dict):
        raise Problem(422, "Expected an object with sample or url.")
    options = asked(values, ("sample", "url"))
    if ("sample" in values) == ("url" in values):
        raise Problem(422, "Expected either sample or url.")
    if "url" in values:
        raise Problem(403, "This server fetches nothing from the web.")
    return _sample(values["sample"], options)


def create() -> Response:
    """Take a file, or name a sample or an address; the answer comes later."""
    kind = request.mimetype
    if kind not in ("multipart/form-data", "application/json"):
        raise Problem(415, "Expected multipart/form-data with a file, or application/json.")
    here = site()
    here.jobs.check_room(client())
    job = _from_form() if kind == "multipart/form-data" else _from_json()
    here.jobs.add(job)
    seen = here.jobs.view(job.id)
    return answer(seen, 202, Location=f"/api/v1/classifications/{job.id}")


def show(id: str) -> Response:  # noqa: A002 - the name in the path
    """Say where a classification stands, or its answer."""
    return answer(site().jobs.view(id), Cache_Control="no-store")


def drop(id: str) -> Response:  # noqa: A002
    """Cancel a classification, or forget its answer."""
    site().jobs.drop(id)
    return Response(status=204)
