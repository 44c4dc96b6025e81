"""Asking for a genre: files in, jobs, answers out."""

from __future__ import annotations

import gzip
import secrets
from typing import Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from genrewise.web.fetching import check_url, name_in
from genrewise.web.hearing import Wish
from genrewise.web.jobs import Job
from genrewise.web.problems import Problem
from genrewise.web.receiving import adopt, client, read_json
from genrewise.web.samples import sample_file
from genrewise.web.site import answer, site
from genrewise.web.uploads import clean_name
from genrewise.web.wishes import Asked, asked

__all__ = ["create", "create_batch", "drop", "picture", "show"]

_WHAT = "Expected multipart/form-data with a file, or application/json."


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
    site().metrics.add("genrewise_upload_bytes_total", path.stat().st_size)
    return Job(_wish(options, str(path)), client(), clean_name(file.filename), path)


def _sample(name: Any, options: Asked) -> Job:
    """A job of a piece that comes along."""
    if not isinstance(name, str):
        raise Problem(422, "sample is no name; expected text.")
    path = sample_file(name)
    return Job(_wish(options, str(path)), client(), path.name)


def _address(url: Any, options: Asked) -> Job:
    """A job of a file that is to be fetched."""
    if not site().settings.urls:
        raise Problem(403, "This server fetches nothing from the web.")
    if not isinstance(url, str):
        raise Problem(422, "url is no address; expected text.")
    check_url(url)
    path, file = site().workplace.new()
    file.close()
    return Job(_wish(options, str(path)), client(), clean_name(name_in(url)), path, url)


def _files(most: int) -> list[FileStorage]:
    """The files of a form, all in the field ``file``."""
    files = request.files.getlist("file")
    if not 1 <= len(files) <= most or len(files) != sum(1 for _ in request.files.items(multi=True)):
        many = "one file in a field" if most == 1 else f"1 to {most} files in fields"
        raise Problem(400, f"Expected {many} of the form named file.")
    return files


def _from_json() -> Job:
    values = read_json()
    if ("sample" in values) == ("url" in values):
        raise Problem(422, "Expected either sample or url.")
    options = asked(values, ("sample", "url"))
    if "url" in values:
        return _address(values["url"], options)
    return _sample(values["sample"], options)


def _from_form(most: int) -> list[Job]:
    options = asked(request.form)
    site().models.file(options.model)  # an unknown one before any file is kept
    return [_upload(file, options) for file in _files(most)]


def _add(jobs: list[Job]) -> None:
    here = site()
    here.jobs.add(*jobs)
    for job in jobs:
        if job.url:
            here.fetcher.add(job)


def create() -> Response:
    """Take a file, or name a sample or an address; the answer comes later."""
    kind = request.mimetype
    if kind not in ("multipart/form-data", "application/json"):
        raise Problem(415, _WHAT)
    site().jobs.check_room(client())
    job = _from_json() if kind == "application/json" else _from_form(1)[0]
    _add([job])
    seen = site().jobs.view(job.id)
    return answer(seen, 202, Location=f"/api/v1/classifications/{job.id}")


def create_batch() -> Response:
    """Take several files, all or none."""
    if request.mimetype != "multipart/form-data":
        raise Problem(415, "Expected multipart/form-data with files.")
    site().jobs.check_room(client())
    jobs = _from_form(site().settings.client_jobs)
    _add(jobs)
    first = f"/api/v1/classifications/{jobs[0].id}"
    return answer({"ids": [job.id for job in jobs]}, 202, Location=first)


def show(id: str) -> Response:  # noqa: A002 - the name in the path
    """Say where a classification stands, or its answer."""
    return answer(site().jobs.view(id))


def drop(id: str) -> Response:  # noqa: A002
    """Cancel a classification, or forget its answer."""
    site().jobs.drop(id)
    return Response(status=204)


def picture(id: str) -> Response:  # noqa: A002
    """What a page draws of a track."""
    packed = site().jobs.get(id).picture
    if not packed:
        raise Problem(404, "There is no picture, or not yet: ask for one with picture=1.")
    squeezed = request.accept_encodings.quality("gzip") > 0
    response = Response(
        packed if squeezed else gzip.decompress(packed), mimetype="application/json"
    )
    response.headers["Vary"] = "Accept-Encoding"
    if squeezed:
        response.headers["Content-Encoding"] = "gzip"
    return response
