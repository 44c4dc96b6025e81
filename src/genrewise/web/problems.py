"""What goes wrong, told as RFC 9457 has it: one clear sentence, no path, no traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

__all__ = ["CONTENT_TYPE", "Problem", "problem_body", "title_of"]

CONTENT_TYPE = "application/problem+json"


def title_of(status: int) -> str:
    """The name of a status: ``"Not Found"``."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


@dataclass
class Problem(Exception):
    """An answer that is no answer.

    Parameters
    ----------
    status : int
        Of HTTP, from 400 on.
    detail : str
        One sentence for people.
    headers : mapping of str to str
        Such as ``Retry-After``.
    """

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_body(problem: Problem) -> bytes:
    """The document of a problem (RFC 9457, section 3)."""
    values = {
        "type": "about:blank",
        "title": title_of(problem.status),
        "status": problem.status,
        "detail": problem.detail,
    }
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
