"""The labelling's part of the interface."""

from __future__ import annotations

import math
from collections.abc import Iterator

from flask import Response

from genrewise.web.events import BEAT, event, stream
from genrewise.web.labelling import Labelling
from genrewise.web.problems import Problem
from genrewise.web.receiving import read_json
from genrewise.web.sending import send_audio
from genrewise.web.site import answer, site
from genrewise.web.teaching import Teacher
from genrewise.web.wishes import names_only, text_field

__all__ = ["audio", "clips", "cut", "export", "follow", "say", "show", "stop", "train", "undo"]

#: Characters of a label, and seconds of a clip.
_LONGEST = 60
_SHORTEST_CLIP, _LONGEST_CLIP = 2.0, 60.0


def _labelling() -> Labelling:
    found = site().labelling
    if found is None:
        raise Problem(404, "On this server nothing is labelled.")
    return found


def _number(n: str) -> int:
    if not (n.isascii() and n.isdigit() and len(n) < 10):
        raise Problem(404, "There is no such clip.")
    return int(n)


def show() -> Response:
    """How far it is."""
    return answer(_labelling().state())


def cut() -> Response:
    """Cut the songs into clips."""
    here, values = _labelling(), read_json()
    names_only(values, ("seconds",))
    seconds = values.get("seconds", 8)
    number = seconds if isinstance(seconds, int | float) else math.nan
    if isinstance(seconds, bool) or not _SHORTEST_CLIP <= number <= _LONGEST_CLIP:
        raise Problem(422, f"seconds is no number from {_SHORTEST_CLIP:g} to {_LONGEST_CLIP:g}.")
    here.cut(float(seconds))
    return answer(here.state(), 202, Location="/api/v1/labelling")


def clips(limit: int = 100, **query: int) -> Response:
    """Clips from one on."""
    return answer(_labelling().some(query.get("from", 0), limit))


def audio(n: str) -> Response:
    """Listen to a clip."""
    return send_audio(_labelling().file(_number(n)), 3600)


def say(n: str) -> Response:
    """Label a clip, or skip it."""
    here, values = _labelling(), read_json()
    names_only(values, ("label",))
    if "label" not in values:
        raise Problem(422, "Expected a label, or null to skip the clip.")
    label = values["label"]
    said = None if label is None else text_field("label", label, _LONGEST)
    return answer(here.say(_number(n), said))


def undo() -> Response:
    """Take the last word back."""
    return answer(_labelling().undo())


def export() -> Response:
    """Write a folder to learn from."""
    return answer(_labelling().export())


def train() -> Response:
    """Learn from what was labelled."""
    here, values = _labelling(), read_json()
    names_only(values, ("quick",))
    quick = values.get("quick", True)
    if not isinstance(quick, bool):
        raise Problem(422, "quick is neither true nor false.")
    here.train(quick)
    return answer(here.teacher.state, 202, Location="/api/v1/labelling/train/events")


def stop() -> Response:
    """Stop learning."""
    _labelling().teacher.stop()
    return Response(status=204)


def follow() -> Response:
    """Follow how a model learns."""
    teacher = _labelling().teacher
    if teacher.state is None:
        raise Problem(404, "No model is learning here.")
    return stream(_changes(teacher))


def _changes(teacher: Teacher) -> Iterator[bytes]:
    """All lines so far, then the state and every line as it comes, until it ended."""
    told, last = 0, None
    while True:
        mark, lines, state = teacher.now()
        new = lines[max(0, len(lines) - (mark - told)) :]
        yield from (event("line", {"text": line}) for line in new)
        yield b": still here\n\n" if state == last else event("status", state)
        told, last = mark, state
        if state is None or state["status"] != "running":
            return
        teacher.wait(mark, state, BEAT)
