"""Shapes of what is asked and answered, as JSON Schema of OpenAPI 3.1."""

from __future__ import annotations

from genrewise.web.schemas_rooms import ROOMS
from genrewise.web.shapes import (
    COUNT,
    FLAG,
    NUMBER,
    SECONDS,
    SHARE,
    TEXT,
    Schema,
    array,
    obj,
    one_of,
    or_null,
    ref,
)

__all__ = ["OPTIONS", "SCHEMAS"]

_SEGMENT = obj({"start": NUMBER, "stop": NUMBER, "genre": TEXT, "confidence": SHARE})
_NEIGHBOUR = obj({"track": TEXT, "genre": TEXT, "similarity": NUMBER})
_PROBABILITIES: Schema = {"type": "object", "additionalProperties": SHARE}
_FREE: Schema = {"type": "object", "additionalProperties": True}

#: How a file is to be listened to; also the fields of the form beside the file.
OPTIONS: dict[str, Schema] = {
    "model": {"type": "string", "maxLength": 200, "description": "Name of a model."},
    "timeline": {"type": "boolean", "description": "Also the genre over time."},
    "picture": {"type": "boolean", "description": "Also what a page draws: see …/picture."},
    "start": {**SECONDS, "description": "Begin at this second."},
    "duration": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1e6,
        "description": "Listen to no more than these seconds.",
    },
}
_FORM_FLAG = {"type": "string", "enum": ["1", "0", "true", "false"]}
_FORM = {**OPTIONS, "timeline": _FORM_FLAG, "picture": _FORM_FLAG}
_FILE: Schema = {"type": "string", "format": "binary"}

SCHEMAS: dict[str, Schema] = {
    "Problem": obj(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        description="What went wrong (RFC 9457).",
    ),
    "Health": obj(
        {
            "status": one_of("ok"),
            "version": TEXT,
            "models": array(TEXT),
            "queue": obj({"length": COUNT, "limit": COUNT}),
        }
    ),
    "Settings": obj(
        {
            "max_bytes": COUNT,
            "max_seconds": NUMBER,
            "max_files": {**COUNT, "description": "Of one client at a time."},
            "url_allowed": FLAG,
            "token_needed": FLAG,
            "library": FLAG,
            "labelling": FLAG,
            "default_model": TEXT,
        }
    ),
    "Model": obj(
        {
            "name": TEXT,
            "labels": array(TEXT),
            "names": {"type": "object", "additionalProperties": TEXT},
            "bytes": COUNT,
            "licence": TEXT,
            "metrics": _FREE,
            "available": FLAG,
            "needs": array(TEXT),
            "error": TEXT,
        }
    ),
    "ModelDetail": {
        "allOf": [ref("Model"), obj({"card": TEXT, "report": or_null(_FREE)})],
    },
    "ReportRow": obj(
        {
            "name": TEXT,
            "protocol": TEXT,
            "title": TEXT,
            "data": {"type": "string", "description": "What it was measured on."},
            "unit": TEXT,
            "accuracy": or_null(NUMBER),
            "interval": or_null(array(NUMBER)),
            "n": or_null(COUNT),
            "figure": {"type": "string", "description": "What the authors published."},
            "ours": or_null(NUMBER),
            "published": or_null(NUMBER),
        }
    ),
    "Report": _FREE,
    "Sample": obj({"file": TEXT, "genre": TEXT, "title": TEXT, "made": TEXT, "licence": TEXT}),
    "Upload": obj({"file": _FILE, **_FORM}, optional=tuple(_FORM)),
    "Uploads": obj({"file": array(_FILE, minItems=1), **_FORM}, optional=tuple(_FORM)),
    "Named": obj(
        {
            "sample": {"type": "string", "description": "A file of /samples."},
            "url": {"type": "string", "description": "An address, where the server allows it."},
            **{name: or_null(schema) for name, schema in OPTIONS.items()},
        },
        optional=("sample", "url", *OPTIONS),
        oneOf=[{"required": ["sample"]}, {"required": ["url"]}],
        additionalProperties=False,
    ),
    "Waiting": obj(
        {
            "id": TEXT,
            "status": one_of("queued", "running"),
            "position": {**COUNT, "description": "In the queue, from 1; 0 when it is under way."},
            "progress": SHARE,
        }
    ),
    "Result": obj(
        {
            "path": {"type": "string", "description": "The file's own name."},
            "status": one_of("ok", "partial"),
            "genre": {**or_null(TEXT), "description": "null is unknown: see reason."},
            "confidence": SHARE,
            "probabilities": _PROBABILITIES,
            "seconds": NUMBER,
            "elapsed": NUMBER,
            "model": TEXT,
            "genres": {**array(TEXT), "description": "Best first; several of some models."},
            "runner_up": TEXT,
            "reason": TEXT,
            "heard": NUMBER,
            "stated": or_null(NUMBER),
            "lost": NUMBER,
            "distance": NUMBER,
            "deciding": array(_SEGMENT),
            "nearest": array(_NEIGHBOUR),
            "timeline": array(_SEGMENT),
            "id": TEXT,
        },
        optional=("timeline",),
    ),
    "Failure": obj(
        {
            "path": TEXT,
            "status": one_of("failed"),
            "genre": {"type": "null"},
            "confidence": SHARE,
            "probabilities": _PROBABILITIES,
            "seconds": NUMBER,
            "elapsed": NUMBER,
            "model": TEXT,
            "genres": array(TEXT),
            "error": TEXT,
            "cause": one_of("failed", "timeout", "crashed", "memory"),
            "id": TEXT,
        }
    ),
    "Cancelled": obj({"id": TEXT, "status": one_of("cancelled")}),
    "Classification": {
        "anyOf": [ref("Waiting"), ref("Result"), ref("Failure"), ref("Cancelled")],
    },
    "Batch": obj({"ids": array(TEXT)}),
    "Picture": obj(
        {
            "seconds": NUMBER,
            "peaks": array(array(NUMBER, minItems=2, maxItems=2)),
            "mel": obj({"png": TEXT, "seconds": NUMBER, "fmin": NUMBER, "fmax": NUMBER}),
        }
    ),
    "OpenApi": _FREE,
    **ROOMS,
}
