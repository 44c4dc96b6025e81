"""The addresses of labelling by ear."""

from __future__ import annotations

from genrewise.web import labelling_views as views
from genrewise.web.route import JSON, Answer, Parameter, Route
from genrewise.web.shapes import ref

__all__ = ["LABELLING"]

_N = Parameter("n", "Number of a clip, from 0.", {"type": "string", "minLength": 1})
_FROM = Parameter(
    "from", "Number of the first.", {"type": "integer", "minimum": 0, "maximum": 10**9}, "query"
)
_LIMIT = Parameter(
    "limit", "How many at the most.", {"type": "integer", "minimum": 1, "maximum": 500}, "query"
)
_AUDIO = {"type": "string", "format": "binary"}
_STATE = ref("Labelling")

LABELLING: tuple[Route, ...] = (
    Route(
        "GET",
        "/labelling",
        views.show,
        "How far the labelling is.",
        {200: Answer("As it stands.", _STATE)},
        (404,),
        group="labelling",
    ),
    Route(
        "POST",
        "/labelling",
        views.cut,
        "Cut the songs into clips.",
        {202: Answer("It begins.", _STATE)},
        (404, 409, 413, 415),
        bodies={JSON: ref("CutWish")},
        group="labelling",
    ),
    Route(
        "GET",
        "/labelling/clips",
        views.clips,
        "Clips from one on.",
        {200: Answer("Some of them.", ref("Clips"))},
        (404,),
        (_FROM, _LIMIT),
        group="labelling",
    ),
    Route(
        "GET",
        "/labelling/clips/{n}/audio",
        views.audio,
        "Listen to a clip.",
        {
            200: Answer("The clip.", _AUDIO, "audio/flac"),
            206: Answer("A part of it.", _AUDIO, "audio/flac"),
            304: Answer("It has not changed.", kind=""),
        },
        (404, 416),
        (_N,),
        group="labelling",
    ),
    Route(
        "PUT",
        "/labelling/clips/{n}",
        views.say,
        "Label a clip; null skips it.",
        {200: Answer("The clip as it is then.", ref("Clip"))},
        (404, 413, 415, 507),
        (_N,),
        bodies={JSON: ref("LabelWish")},
        group="labelling",
    ),
    Route(
        "POST",
        "/labelling/undo",
        views.undo,
        "Take the last word back.",
        {200: Answer("The clip that it was about.", ref("Clip"))},
        (404, 507),
        group="labelling",
    ),
    Route(
        "POST",
        "/labelling/export",
        views.export,
        "Write a folder to learn from.",
        {200: Answer("What is in it.", ref("Exported"))},
        (404, 409, 507),
        group="labelling",
    ),
    Route(
        "POST",
        "/labelling/train",
        views.train,
        "Learn from what was labelled.",
        {202: Answer("It begins.", ref("Training"))},
        (404, 409, 413, 415, 507),
        bodies={JSON: ref("TrainWish")},
        group="labelling",
    ),
    Route(
        "DELETE",
        "/labelling/train",
        views.stop,
        "Stop learning.",
        {204: Answer("It ends.", kind="")},
        (404,),
        group="labelling",
    ),
    Route(
        "GET",
        "/labelling/train/events",
        views.follow,
        "Follow how a model learns: an event `line` with each line, `status` with each change.",
        {200: Answer("Events until it ends.", {"type": "string"}, "text/event-stream")},
        (404, 503),
        group="labelling",
    ),
)
