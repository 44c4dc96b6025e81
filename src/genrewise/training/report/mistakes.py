"""The worst mistakes of a run: which they are, the seconds that decided, how they sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genrewise.errors import GenrewiseError
from genrewise.training.report.listen import excerpt_uri

__all__ = ["deciding", "rows_of", "with_excerpts", "worst"]

Row = Mapping[str, Any]

#: Mistakes shown, and how many of them can be heard.
WORST, HEARD = 15, 10


def rows_of(predictions: Iterable[Row], part: str, level: str) -> list[Row]:
    """The predictions of one part and level."""
    return [row for row in predictions if row["part"] == part and row["level"] == level]


def deciding(windows: Iterable[Row], answer: str, most: int = 2) -> list[tuple[float, float]]:
    """The seconds of a clip that spoke most for its answer, strongest first.

    Parameters
    ----------
    windows : iterable of mapping
        Its windows, with start, stop and ``p_ANSWER``.
    answer : str

    Returns
    -------
    list of (start, stop)
        In seconds; without overlap. Of a picture or a row of a table nobody knows them.
    """
    found: list[tuple[float, float]] = []
    key = f"p_{answer}"
    for row in sorted(windows, key=lambda w: -float(w[key])):
        start, stop = float(row["start"]), float(row["stop"])
        known = math.isfinite(stop)
        if known and len(found) < most and all(stop <= a or start >= b for a, b in found):
            found.append((start, stop))
    return found


def worst(predictions: Sequence[Row], part: str, level: str, most: int = WORST) -> list[Row]:
    """Wrong answers, the surest first, and what spoke for them.

    Returns
    -------
    list of mapping
        The rows; `path` is the file that spoke loudest where a track has several, and
        `seconds` its seconds as of :func:`deciding`.
    """
    wrong = [row for row in rows_of(predictions, part, level) if row["truth"] != row["answer"]]
    wrong.sort(key=lambda row: -float(row["confidence"]))
    unit = ("track", "truth") if level == "track" else ("path",)
    windows: dict[tuple[str, ...], list[Row]] = {}
    for row in rows_of(predictions, part, "window"):
        windows.setdefault(tuple(row[key] for key in unit), []).append(row)
    found: list[Row] = []
    for row in wrong[:most]:
        heard, answer = windows.get(tuple(row[key] for key in unit), []), f"p_{row['answer']}"
        path = max(heard, key=lambda w: float(w[answer]))["path"] if heard else row["path"]
        own = [w for w in heard if w["path"] == path]
        found.append({**row, "path": path, "seconds": deciding(own, row["answer"])})
    return found


def with_excerpts(
    found: Sequence[Row], listen: Mapping[str, tuple[str, float]], most: int = HEARD
) -> list[Row]:
    """Mistakes with a short excerpt each, the first `most` that can be heard.

    Parameters
    ----------
    found : sequence of mapping
        As of :func:`worst`.
    listen : mapping of str to (str, float)
        As of :func:`.listen.sources`.
    most : int

    Returns
    -------
    list of mapping
        With `excerpt`, a data address; `silent`, why there is none; or neither.
    """
    out: list[Row] = []
    left = most
    for row in found:
        place = listen.get(row["path"])
        if place is None or not row["seconds"] or not left:
            out.append(row)
            continue
        file, begin = place
        start, stop = row["seconds"][0]
        try:
            out.append({**row, "excerpt": excerpt_uri(file, begin + start, begin + stop)})
            left -= 1
        except GenrewiseError as error:
            out.append({**row, "silent": str(error).removeprefix(f"{file}: ")})
    return out
