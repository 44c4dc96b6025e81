"""The addresses of the library."""

from __future__ import annotations

from genrewise.web import library
from genrewise.web.route import JSON, Answer, Parameter, Route
from genrewise.web.shapes import array, ref

__all__ = ["LIBRARY"]

_ROW = Parameter("id", "Number of a file of the library.", {"type": "string", "minLength": 1})
_LIMIT = Parameter(
    "limit", "How many at the most.", {"type": "integer", "minimum": 1, "maximum": 200}, "query"
)
_AUDIO = {"type": "string", "format": "binary"}

LIBRARY: tuple[Route, ...] = (
    Route(
        "GET",
        "/library/status",
        library.show_status,
        "How the library stands.",
        {200: Answer("In numbers.", ref("Library"))},
        (404, 503),
        group="library",
    ),
    Route(
        "GET",
        "/library/review",
        library.review,
        "The files that wait for a person.",
        {200: Answer("The first of them.", ref("Review"))},
        (404, 503),
        (_LIMIT,),
        group="library",
    ),
    Route(
        "POST",
        "/library/review/undo",
        library.undo,
        "Take the last answer back.",
        {200: Answer("The file that is open again.", ref("Row"))},
        (404, 503),
        group="library",
    ),
    Route(
        "POST",
        "/library/review/{id}",
        library.decide,
        "Say what a file is.",
        {204: Answer("It is kept.", kind="")},
        (404, 409, 413, 415, 503),
        (_ROW,),
        bodies={JSON: ref("Verdict")},
        group="library",
    ),
    Route(
        "GET",
        "/library/files/{id}/audio",
        library.audio,
        "Listen to a file.",
        {
            200: Answer("The file.", _AUDIO, "audio/*"),
            206: Answer("A part of it.", _AUDIO, "audio/*"),
            304: Answer("It has not changed.", kind=""),
        },
        (404, 416, 503),
        (_ROW,),
        group="library",
    ),
    Route(
        "POST",
        "/library/similar",
        library.alike,
        "Songs that sound like one that was classified, most alike first.",
        {200: Answer("The songs.", array(ref("Alike")))},
        (404, 409, 413, 415, 503),
        bodies={JSON: ref("AlikeWish")},
        group="library",
    ),
)
