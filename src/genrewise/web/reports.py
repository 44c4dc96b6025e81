"""Reports of runs, from a folder that the server's owner names: ``NAME/PROTOCOL/report.json``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flask import Response

from genrewise.web.problems import Problem
from genrewise.web.site import answer, site

__all__ = ["of_model", "show", "show_all", "without_paths"]

#: No honest report is larger.
_LARGEST = 20 * 2**20
#: What begins like a path of a machine, up to its last part.
_PATH = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\\"']+[/\\])+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def without_paths(value: Any) -> Any:
    """Values in which paths of a machine are cut to their last part.

    Parameters
    ----------
    value : object
        Text, or a list or mapping with text in it.
    """
    if isinstance(value, str):
        return _PATH.sub("", value)
    if isinstance(value, dict):
        return {key: without_paths(v) for key, v in value.items()}
    if isinstance(value, list):
        return [without_paths(v) for v in value]
    return value


def _read(folder: Path, name: str, protocol: str) -> dict[str, Any] | None:
    """A report; None where there is none that can be read."""
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(protocol)):
        return None
    path = folder / name / protocol / "report.json"
    try:
        if path.stat().st_size > _LARGEST:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return without_paths(found) if isinstance(found, dict) else None


def of_model(folder: Path | None, name: str, protocol: str) -> dict[str, Any] | None:
    """The report of a model; None where none is at hand.

    Parameters
    ----------
    folder : Path or None
    name, protocol : str
        As the model's file has them; another protocol is taken where that one is missing.
    """
    if folder is None or not _NAME.fullmatch(name):
        return None
    others = sorted(p.parent.name for p in folder.glob(f"{name}/*/report.json"))
    for candidate in (protocol, *others):
        if found := _read(folder, name, candidate):
            return found
    return None


def _scores(report: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The unit at which a report is compared, and its figures there."""
    test = report.get("test")
    found: dict[str, Any] = test if isinstance(test, dict) else {}
    published = report.get("published")
    wanted = str(published.get("unit")) if isinstance(published, dict) else ""
    for unit in (wanted, "track", "clip", "window"):
        if isinstance(found.get(unit), dict):
            return unit, found[unit]
    return "", {}


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _row(name: str, protocol: str, report: dict[str, Any]) -> dict[str, Any]:
    unit, scores = _scores(report)
    printed = report.get("published")
    published: dict[str, Any] = printed if isinstance(printed, dict) else {}
    figure = str(published.get("figure", "accuracy"))
    interval, n = scores.get("interval"), scores.get("n")
    return {
        "name": name,
        "protocol": protocol,
        "title": str(report.get("title", name)),
        "unit": unit,
        "accuracy": _number(scores.get("accuracy")),
        "interval": interval if isinstance(interval, list) else None,
        "n": n if isinstance(n, int) else None,
        "figure": figure,
        "ours": _number(scores.get(figure)),
        "published": _number(published.get("value")),
    }


def show_all() -> Response:
    """List the reports; none where no folder was named."""
    folder = site().settings.reports
    rows = []
    for path in sorted(folder.glob("*/*/report.json")) if folder else []:
        name, protocol = path.parent.parent.name, path.parent.name
        report = _read(folder, name, protocol) if folder else None
        if report is not None:
            rows.append(_row(name, protocol, report))
    return answer(rows)


def show(name: str, protocol: str) -> Response:
    """The report of a run."""
    folder = site().settings.reports
    found = _read(folder, name, protocol) if folder else None
    if found is None:
        raise Problem(404, "There is no such report.")
    return answer(found)
