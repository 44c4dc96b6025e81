"""Which tracks of a test were taken for another genre, from a run's ``predictions.csv``."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["mistakes"]

#: No run that a page shows has more, nor does a page show more.
_LARGEST, _MOST = 200 * 2**20, 2000


def mistakes(path: Path) -> list[dict[str, Any]]:
    """The tracks that were taken for another genre, those of which it was surest first.

    Parameters
    ----------
    path : Path
        Of a run's predictions; a track is called as the data set calls it.

    Returns
    -------
    list of dict
        ``track``, ``truth``, ``answer`` and ``confidence``; none where there is no such file.
        Of the test part, of the validation where nothing was held out.
    """
    try:
        about = path.stat()
        if about.st_size > _LARGEST:
            return []
        return _read(path, about.st_mtime_ns, about.st_size)
    except (OSError, csv.Error, KeyError, ValueError):
        return []


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            if row["level"] != "track" or row["truth"] == row["answer"]:
                continue
            found.setdefault(row["part"], []).append(
                {
                    "track": row["track"].replace("\\", "/").rpartition("/")[2],
                    "truth": row["truth"],
                    "answer": row["answer"],
                    "confidence": float(row["confidence"]),
                }
            )
    wrong = found.get("test") or found.get("validation") or []
    return sorted(wrong, key=lambda row: -row["confidence"])[:_MOST]
