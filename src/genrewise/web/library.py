"""The library's part of the interface: review, listening, and songs that sound alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from genrewise.web.problems import Problem
from genrewise.web.receiving import read_json
from genrewise.web.sending import send_audio
from genrewise.web.site import answer, site
from genrewise.web.wishes import names_only, text_field

if TYPE_CHECKING:
    from genrewise.web.shelf import Shelf

__all__ = ["alike", "audio", "decide", "review", "show_status", "undo"]

_VERDICTS = ("accepted", "changed", "skipped")
#: Genres of one file, and characters of one.
_MOST, _LONGEST = 10, 100
#: Songs that sound alike where nothing else is said, and at the most.
_ALIKE, _MOST_ALIKE = 8, 100


def _shelf() -> Shelf:
    shelf = site().shelf
    if shelf is None:
        raise Problem(404, "This server shows no library.")
    return shelf


def show_status() -> Response:
    """How the library stands."""
    return answer(_shelf().status())


def review(limit: int = 20) -> Response:
    """The files that wait for a person."""
    return answer(_shelf().waiting(limit))


def _row(id_: str) -> int:
    if not (id_.isascii() and id_.isdigit() and len(id_) < 19):
        raise Problem(404, "There is no such file in the library.")
    return int(id_)


def _genres(values: dict[str, Any], verdict: str) -> list[str]:
    given = values.get("genres") or []
    if verdict == "skipped":
        given = []
    elif not given:
        raise Problem(422, f"No genres; expected those that were {verdict}.")
    if not isinstance(given, list) or len(given) > _MOST:
        raise Problem(422, f"genres is no list of at most {_MOST} names.")
    return [text_field("a genre", genre, _LONGEST) for genre in given]


def decide(id: str) -> Response:  # noqa: A002 - the name in the path
    """Keep what a person says of a file."""
    shelf, row, values = _shelf(), _row(id), read_json()
    names_only(values, ("verdict", "genres"))
    verdict = values.get("verdict")
    if verdict not in _VERDICTS:
        raise Problem(422, f"Expected a verdict: {', '.join(_VERDICTS)}.")
    shelf.answer(row, verdict, _genres(values, verdict))
    return Response(status=204)


def undo() -> Response:
    """Take the last answer back."""
    return answer({"id": _shelf().undo()})


def audio(id: str) -> Response:  # noqa: A002
    """Listen to a file of the library."""
    return send_audio(_shelf().file(_row(id)))


def alike() -> Response:
    """Songs of the library that sound like one that was classified."""
    shelf, values = _shelf(), read_json()
    names_only(values, ("id", "n"))
    n = values.get("n", _ALIKE)
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= _MOST_ALIKE:
        raise Problem(422, f"n is no number from 1 to {_MOST_ALIKE}.")
    job = site().jobs.get(text_field("id", values.get("id"), 200))
    if not job.embedding:
        raise Problem(409, "There is nothing to compare: it has no answer of a model, or not yet.")
    if site().models.digest(job.record["model"]) != shelf.model.hash:
        raise Problem(409, "The library was heard by another model.")
    return answer(shelf.alike(job.embedding, n))
