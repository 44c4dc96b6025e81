"""The description of the interface (OpenAPI 3.1), made of the table of routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Response

from genrewise import __version__
from genrewise.web.problems import CONTENT_TYPE, title_of
from genrewise.web.schemas import SCHEMAS
from genrewise.web.shapes import ref
from genrewise.web.site import answer, site

if TYPE_CHECKING:
    from genrewise.web.route import Route

__all__ = ["description", "show"]

#: Problems that any address may answer with, and what they mean.
ANYWHERE = {
    400: "The request cannot be read.",
    421: "The server is not called so.",
    422: "A value is not what was expected.",
    429: "Too much of one client; Retry-After says when to come again.",
}
_UNSAFE = {403: "Pages of other servers may not ask."}
_TOKEN = {401: "The token is missing or wrong."}
#: Addresses that need no token.
_OPEN = ("/health", "/settings")


def _problem(status: int, about: str = "") -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": ref("Problem")}}
    found: dict[str, Any] = {"description": about or f"{title_of(status)}.", "content": content}
    if status in (429, 503):
        about = "Seconds after which to try again."
        found["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer"}}}
    return found


def _responses(route: Route, token: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, given in route.answers.items():
        found[str(status)] = {"description": given.about}
        if given.kind:
            found[str(status)]["content"] = {given.kind: {"schema": given.schema}}
        if status == 202:
            header = {"description": "Where to ask.", "schema": {"type": "string"}}
            found[str(status)]["headers"] = {"Location": header}
    known = {
        **ANYWHERE,
        **(_UNSAFE if route.method != "GET" else {}),
        **(_TOKEN if token and route.path not in _OPEN else {}),
        **dict.fromkeys(route.problems, ""),
    }
    for status in sorted(known):
        found[str(status)] = _problem(status, known[status])
    return found


def _operation(route: Route, token: bool) -> dict[str, Any]:
    words = [route.method.lower(), *route.path.replace("{", "").replace("}", "").split("/")]
    found: dict[str, Any] = {
        "operationId": "_".join(word.split(".")[0] for word in words if word),
        "summary": route.summary,
        "tags": [route.group],
        "responses": _responses(route, token),
    }
    if route.parameters:
        found["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.about,
                "schema": parameter.schema,
            }
            for parameter in route.parameters
        ]
    if route.bodies:
        content = {kind: {"schema": schema} for kind, schema in route.bodies.items()}
        found["requestBody"] = {"required": True, "content": content}
    if token:
        found["security"] = [] if route.path in _OPEN else [{"token": []}]
    return found


def description(base: str, routes: Sequence[Route], token: bool) -> dict[str, Any]:
    """The whole description.

    Parameters
    ----------
    base : str
        What all addresses begin with.
    routes : sequence of Route
    token : bool
        Whether the server wants one.
    """
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(base + route.path, {})[route.method.lower()] = _operation(route, token)
    components: dict[str, Any] = {"schemas": SCHEMAS}
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "genrewise",
            "version": __version__,
            "summary": "Which genre a piece of music is, and how sure one can be.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }


def show() -> Response:
    """Send the description."""
    return answer(site().description)
