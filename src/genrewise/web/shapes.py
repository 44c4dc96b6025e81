"""The parts that shapes of requests and answers are made of (JSON Schema of OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

__all__ = [
    "COUNT",
    "FLAG",
    "NUMBER",
    "SECONDS",
    "SHARE",
    "TEXT",
    "Schema",
    "array",
    "obj",
    "one_of",
    "or_null",
    "ref",
]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
SECONDS: Schema = {"type": "number", "minimum": 0, "maximum": 1e6}


def ref(name: str) -> Schema:
    """A reference to one of :data:`genrewise.web.schemas.SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def obj(properties: dict[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object whose properties are all there but for those named."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def or_null(schema: Schema) -> Schema:
    """A shape, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*words: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words)}
