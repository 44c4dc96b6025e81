"""What an address of the interface is described by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from genrewise.web.shapes import Schema

__all__ = ["FORM", "JSON", "Answer", "Parameter", "Route"]

JSON = "application/json"
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Parameter:
    """A part of an address that may vary.

    Parameters
    ----------
    name : str
    about : str
    schema : mapping
    place : {"path", "query"}
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    place: str = "path"


@dataclass(frozen=True)
class Answer:
    """What comes back.

    Parameters
    ----------
    about : str
    schema : mapping, optional
    kind : str
        Content type; empty where nothing comes with it.
    """

    about: str
    schema: Mapping[str, Any] | None = None
    kind: str = JSON


@dataclass(frozen=True)
class Route:
    """An address and a method.

    Parameters
    ----------
    method, path : str
        ``"/samples/{file}"``; below :data:`BASE`.
    run : callable
        Gets the parameters by name.
    summary : str
    answers : mapping of int to Answer
        By status.
    problems : tuple of int
        Statuses of problem documents, besides those that any address may answer.
    parameters : tuple of Parameter
    bodies : mapping of str to schema
        By content type.
    group : str
    """

    method: str
    path: str
    run: Callable[..., Response]
    summary: str
    answers: Mapping[int, Answer]
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    group: str = "service"
