"""What of a report may leave its folder, and what must be the same when it is made again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePath, PureWindowsPath
from typing import Any

__all__ = ["comparable", "differences", "figures_only", "fingerprint", "text_of"]

#: Times, machines and versions: all that may differ between two runs of one recipe and seed.
PASSING = frozenset(
    {"bundle", "commit", "environment", "minutes", "recipe_sha256", "seconds", "version"}
)
#: Names of files of music and of pictures inside a text.
FILE = re.compile(r"\S+\.(?:aiff?|au|flac|jpe?g|m4a|mp3|ogg|opus|png|wav|wma)\b", re.IGNORECASE)
#: Characters of a line of JSON.
WIDTH = 98
#: Words of a recipe that no figure depends on.
WORDS = frozenset(
    {"choices", "expect", "expectation", "licence", "minutes", "notes", "published", "reductions"}
    | {"system", "title"}
)


def figures_only(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report without names of files, without places on this machine, without times of epochs.

    Files that failed become their number.
    """
    kept: dict[str, Any] = _without(report, {"seconds"})
    for part in (kept, kept.get("data", {})):
        if isinstance(part.get("failed"), list):
            part["failed"] = len(part["failed"])
    return kept


def _without(value: Any, keys: set[str] | frozenset[str]) -> Any:
    """Plain values without some keys at any depth, and paths without their folders."""
    if isinstance(value, Mapping):
        return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}
    if isinstance(value, list | tuple):
        return [_without(inner, keys) for inner in value]
    return _nameless(value) if isinstance(value, str) else value


def _nameless(text: str) -> str:
    """A path from the root becomes its last part; files inside a text lose their names."""
    for kind in (PurePath, PureWindowsPath):
        if len(text.splitlines()) == 1 and kind(text).is_absolute():
            text = kind(text).name or text
    return FILE.sub("(file)", text)


def comparable(report: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs of the same recipe and seed must have in common to the last digit."""
    found: dict[str, Any] = _without(figures_only(report), PASSING)
    return found


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two plain values differ: ``test/clip/accuracy: 0.5, 0.6``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = dict.fromkeys((*one, *other))
        inner = [(key, one.get(key), other.get(key)) for key in keys]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        inner = [(str(i), a, b) for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return [] if one == other else [f"{place}: {one}, {other}"]
    start = f"{place}/" if place else ""
    return [line for key, a, b in inner for line in differences(a, b, f"{start}{key}")]


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Of all in a resolved recipe or sweep that a figure depends on; words do not count.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    counts = _without(recipe, WORDS)
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()


def text_of(values: Any, indent: str = "") -> str:
    """JSON for people: what fits stands on one line, so that a matrix looks like one."""
    flat = json.dumps(values, ensure_ascii=False)
    if not isinstance(values, Mapping | list) or len(indent) + len(flat) <= WIDTH:
        return flat
    deeper = indent + " "
    if isinstance(values, Mapping):
        inner = [
            f"{deeper}{json.dumps(key, ensure_ascii=False)}: {text_of(value, deeper)}"
            for key, value in values.items()
        ]
        return "{\n" + ",\n".join(inner) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + text_of(v, deeper) for v in values) + f"\n{indent}]"
