"""Reports of runs, from a folder that the server's owner names: ``NAME/PROTOCOL/report.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response

from genrewise.web.mistakes import mistakes
from genrewise.web.problems import Problem
from genrewise.web.site import answer, site

__all__ = ["folder_of_reports", "of_model", "show", "show_all", "without_paths"]

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


@lru_cache(maxsize=512)
def _parsed(path: Path, _changed: int, size: int) -> dict[str, Any] | None:
    """A report without paths; None where it is none."""
    if size > _LARGEST:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return without_paths(found) if isinstance(found, dict) else None


def _read(folder: Path) -> dict[str, Any] | None:
    """The report in a folder; None where there is none that can be read."""
    path = folder / "report.json"
    try:
        about = path.stat()
    except OSError:
        return None
    return _parsed(path, about.st_mtime_ns, about.st_size)


def _whole(folder: Path) -> dict[str, Any] | None:
    """The report in a folder with the tracks that were taken for others, where these are told."""
    report = _read(folder)
    found = mistakes(folder / "predictions.csv") if report else []
    return {**report, "mistakes": found} if report and found else report


def folder_of_reports() -> Path | None:
    """The reports that come along: of the models, and of systems that were built anew."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "results", package.parent.parent / "results"):  # as installed; here
        if folder.is_dir():
            return folder
    return None


def of_model(folders: Sequence[Path], name: str, protocol: str) -> dict[str, Any] | None:
    """The report of a model; None where none is at hand.

    Parameters
    ----------
    folders : sequence of Path
        Where ``NAME/PROTOCOL/`` or, as ``genrewise train`` writes it, ``NAME-report/`` lies.
    name, protocol : str
        As the model's file has them; another protocol is taken where that one is missing.
    """
    if not _NAME.fullmatch(name):
        return None
    for folder in folders:
        others = sorted(path.parent for path in folder.glob(f"{name}/*/report.json"))
        known = [folder / name / protocol] if _NAME.fullmatch(protocol) else []
        for candidate in (*known, *others, folder / f"{name}-report"):
            if found := _whole(candidate):
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
    data = report.get("data")
    return {
        "name": name,
        "protocol": protocol,
        "title": str(report.get("title", name)),
        "data": str(data.get("name", "")) if isinstance(data, dict) else "",
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
        known = _NAME.fullmatch(name) and _NAME.fullmatch(protocol)
        report = _read(path.parent) if known else None
        if report is not None:
            rows.append(_row(name, protocol, report))
    return answer(rows)


def show(name: str, protocol: str) -> Response:
    """The report of a run."""
    folder = site().settings.reports
    known = folder and _NAME.fullmatch(name) and _NAME.fullmatch(protocol)
    found = _whole(folder / name / protocol) if folder and known else None
    if found is None:
        raise Problem(404, "There is no such report.")
    return answer(found)
