"""Shapes of the library's and the labelling's requests and answers."""

from __future__ import annotations

from genrewise.web.shapes import (
    COUNT,
    FLAG,
    NUMBER,
    SHARE,
    TEXT,
    Schema,
    array,
    obj,
    one_of,
    or_null,
    ref,
)

__all__ = ["ROOMS"]

_COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
_SEGMENT = obj({"start": NUMBER, "stop": NUMBER, "genre": TEXT, "confidence": SHARE})
_GENRE: Schema = {"type": "string", "minLength": 1, "maxLength": 100}

ROOMS: dict[str, Schema] = {
    "Library": obj(
        {
            "files": COUNT,
            "states": _COUNTS,
            "genres": _COUNTS,
            "songs": COUNT,
            "hours": NUMBER,
            "models": array(obj({"name": TEXT, "hash": TEXT, "answers": COUNT})),
            "decisions": _COUNTS,
        }
    ),
    "Review": obj(
        {
            "left": COUNT,
            "answered": {**COUNT, "description": "Since the server began."},
            "can_undo": FLAG,
            "choices": array(TEXT),
            "items": array(ref("ReviewItem")),
        }
    ),
    "ReviewItem": obj(
        {
            "id": COUNT,
            "name": TEXT,
            "folder": {"type": "string", "description": "The last one alone."},
            "artist": TEXT,
            "title": TEXT,
            "genre": {**or_null(TEXT), "description": "As it was heard; null is unknown."},
            "confidence": SHARE,
            "runner_up": TEXT,
            "reason": TEXT,
            "proposed": array(TEXT),
            "current": array(TEXT),
            "deciding": array(_SEGMENT),
            "seconds": NUMBER,
        }
    ),
    "Row": obj({"id": COUNT}),
    "Verdict": obj(
        {
            "verdict": one_of("accepted", "changed", "skipped"),
            "genres": {**array(_GENRE), "maxItems": 10},
        },
        optional=("genres",),
        additionalProperties=False,
    ),
    "AlikeWish": obj(
        {
            "id": {"type": "string", "description": "Of a classification."},
            "n": {"type": "integer", "minimum": 1, "maximum": 100},
        },
        optional=("n",),
        additionalProperties=False,
    ),
    "Alike": obj(
        {
            "id": COUNT,
            "name": TEXT,
            "artist": TEXT,
            "title": TEXT,
            "genre": TEXT,
            "similarity": NUMBER,
            "seconds": NUMBER,
        }
    ),
    "CutWish": obj(
        {"seconds": {"type": "number", "minimum": 2, "maximum": 60}},
        optional=("seconds",),
        additionalProperties=False,
    ),
    "Labelling": obj(
        {
            "folder": {"type": "string", "description": "Its name alone, as that of out."},
            "out": TEXT,
            "labels": array(TEXT),
            "counts": _COUNTS,
            "total": COUNT,
            "labelled": COUNT,
            "skipped": COUNT,
            "can_undo": FLAG,
            "cut": or_null(obj({"done": COUNT, "total": COUNT})),
            "unread": {**COUNT, "description": "Songs that could not be read."},
            "problem": TEXT,
            "exported": or_null(TEXT),
            "training": or_null(ref("Training")),
        }
    ),
    "Clip": obj(
        {
            "n": COUNT,
            "name": TEXT,
            "start": NUMBER,
            "stop": NUMBER,
            "label": or_null(TEXT),
            "skipped": FLAG,
        }
    ),
    "Clips": obj({"total": COUNT, "clips": array(ref("Clip"))}),
    "LabelWish": obj(
        {"label": or_null({"type": "string", "minLength": 1, "maxLength": 60})},
        additionalProperties=False,
    ),
    "Exported": obj({"folder": TEXT, "clips": COUNT, "labels": _COUNTS, "message": TEXT}),
    "TrainWish": obj(
        {"quick": {**FLAG, "description": "Seconds, not minutes."}},
        optional=("quick",),
        additionalProperties=False,
    ),
    "Training": obj(
        {
            "status": one_of("running", "done", "failed"),
            "progress": or_null(SHARE),
            "message": TEXT,
            "model": TEXT,
            "accuracy": SHARE,
            "interval": array(NUMBER),
            "n": COUNT,
            "part": TEXT,
        },
        optional=("accuracy", "interval", "n", "part"),
    ),
}
