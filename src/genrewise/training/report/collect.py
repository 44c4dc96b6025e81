"""Reports found below folders: runs, runs over several seeds, sweeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrewise.errors import DatasetError

__all__ = ["Found", "Source", "collect", "kind_of", "read_report"]

#: Names under which reports lie.
FILES = ("report.json", "seeds.json")


@dataclass(frozen=True, eq=False)
class Source:
    """A report and where it lies.

    Parameters
    ----------
    path : Path
    place : str
        Its folder, below the one that was given.
    report : mapping
    """

    path: Path
    place: str
    report: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of the recipe or model."""
        return str(self.report["name"])


@dataclass(frozen=True, eq=False)
class Found:
    """What lies below some folders.

    Parameters
    ----------
    runs, seeds, sweeps : tuple of Source
        By path.
    failed : tuple of (path, reason)
        Files that could not be read.
    """

    runs: tuple[Source, ...]
    seeds: tuple[Source, ...]
    sweeps: tuple[Source, ...]
    failed: tuple[tuple[str, str], ...]


def kind_of(report: Any) -> str:
    """``"run"``, ``"seeds"``, ``"sweep"``; ``"set"`` or ``"evaluation"``; else ``""``."""
    if not isinstance(report, Mapping):
        return ""
    if report.get("kind") in ("sweep", "set"):
        return str(report["kind"])
    if "model" in report and ("sets" in report or "dataset" in report):
        return "evaluation"
    if not {"name", "protocol"} <= set(report):
        return ""
    if "seeds" in report:
        return "seeds"
    return "run" if report.get("test") or report.get("validation") else ""


def read_report(path: Path) -> Mapping[str, Any]:
    """A JSON file that should hold a report.

    Raises
    ------
    DatasetError
        It cannot be read, or is no report.
    """
    expected = "what genrewise run, train or sweep left"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(f"{path}: {reason}", expected) from error
    if not kind_of(values):
        raise DatasetError(f"{path}: no report of a run, of seeds or of a sweep", expected)
    checked: Mapping[str, Any] = values
    return checked


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not there", "a folder with runs in it")
    found = sorted(path for name in FILES for path in folder.rglob(name))
    return [path for path in found if not _of_a_trial(path)]


def _of_a_trial(path: Path) -> bool:
    """Whether a report is one of many that a sweep left, whose own report tells of them."""
    return any((above / "sweep.json").is_file() for above in path.parents[1:3])


def collect(folders: Iterable[str | Path]) -> Found:
    """Read every report below some folders.

    Reports on sets of runs, and evaluations of models, are no runs and are passed over.

    Raises
    ------
    DatasetError
        A folder is not there, or nothing was found.
    """
    places = [Path(folder) for folder in folders]
    by_kind: dict[str, list[Source]] = {"run": [], "seeds": [], "sweep": []}
    failed, seen = [], set()
    for folder in places:
        for path in _files(folder):
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                report = read_report(path)
            except DatasetError as error:
                failed.append((str(path), str(error).removeprefix(f"{path}: ")))
                continue
            below = path.parent.relative_to(folder) if folder.is_dir() else Path()
            place = below.as_posix() if below.parts else path.parent.resolve().name
            by_kind.setdefault(kind_of(report), []).append(Source(path, place, report))
    if not any(by_kind[kind] for kind in ("run", "seeds", "sweep")):
        where = ", ".join(map(str, places))
        why = f" ({failed[0][1]})" if failed else ""
        raise DatasetError(f"{where}: no report there{why}", f"folders with {', '.join(FILES)}")
    return Found(
        tuple(by_kind["run"]), tuple(by_kind["seeds"]), tuple(by_kind["sweep"]), tuple(failed)
    )
