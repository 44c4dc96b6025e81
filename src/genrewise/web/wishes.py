"""What a client asks for, checked value by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genrewise.errors import nearest
from genrewise.web.problems import Problem

__all__ = ["Asked", "asked", "names_only", "text_field"]

#: Seconds beyond which no recording reaches.
_LONGEST = 1e6
_WORDS = {"1": True, "true": True, "0": False, "false": False, "": False}


@dataclass(frozen=True)
class Asked:
    """How a file is to be listened to; as in :class:`genrewise.web.hearing.Wish`."""

    model: str = ""
    timeline: bool = False
    picture: bool = False
    start: float = 0.0
    duration: float | None = None


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise Problem(422, f"{name} is no name; expected text of at most 200 characters.")
    return value


def text_field(name: str, value: Any, longest: int) -> str:
    """Text that a person wrote: blanks around it taken away, nothing in it that is no sign.

    Raises
    ------
    Problem
        422 where it is none, empty or too long.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= longest or not text.isprintable():
        raise Problem(422, f"{name} is no name; expected text of 1 to {longest} characters.")
    return text


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if isinstance(value, bool):
        return value
    raise Problem(422, f"{name} is neither true nor false; expected 1 or 0.")


def _seconds(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= _LONGEST:
        raise Problem(422, f"{name} is no number of seconds; expected 0 to 1000000.")
    return number


def _length(name: str, value: Any) -> float:
    number = _seconds(name, value)
    if number == 0:
        raise Problem(422, f"{name} is 0; expected more than 0 seconds.")
    return number


_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "model": _text,
    "timeline": _flag,
    "picture": _flag,
    "start": _seconds,
    "duration": _length,
}


def names_only(values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse fields that nobody reads.

    Raises
    ------
    Problem
        422, with the nearest field that there is.
    """
    for name in values:
        if name not in known:
            near = nearest(str(name)[:100], known)  # a field may have no name at all
            hint = f" Did you mean {near[0]}?" if near else ""
            raise Problem(422, f"There is no field of that name here.{hint}")


def asked(values: Mapping[str, Any], also: tuple[str, ...] = ()) -> Asked:
    """The options of a request.

    Parameters
    ----------
    values : mapping
        Fields of a form, or an object of JSON; what is None counts as not given.
    also : tuple of str
        Names of fields that are somebody else's.

    Raises
    ------
    Problem
        422: an unknown field, with the nearest, or a value that is none.
    """
    names_only(values, (*_FIELDS, *also))
    given = {name: values[name] for name in _FIELDS if values.get(name) is not None}
    return Asked(**{name: _FIELDS[name](name, value) for name, value in given.items()})
