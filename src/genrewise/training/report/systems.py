"""Systems from reports: the authors' figure, ours under their protocol, ours under the honest one.

All three are the same figure at the same unit, so that what is between them is the protocol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genrewise.training.report import comparison
from genrewise.training.report.collect import Found, Source
from genrewise.training.report.pieces import levels_of, part_of

__all__ = ["System", "row", "systems"]

Report = Mapping[str, Any]

#: What is kept of a level in a row.
KEPT = ("accuracy", "interval", "macro_f1", "weighted_f1", "n", "groups")


@dataclass(frozen=True, eq=False)
class System:
    """One recipe or model under up to two protocols.

    Parameters
    ----------
    label : str
        Its name; with the folder where several runs bear the same.
    published, honest : Source, optional
        Runs; `honest` may be one by file, where artists are not known.
    published_seeds, honest_seeds : Source, optional
        The same over several seeds.
    """

    label: str
    published: Source | None = None
    honest: Source | None = None
    published_seeds: Source | None = None
    honest_seeds: Source | None = None

    def sources(self) -> list[Source]:
        """Those that there are; the richest first."""
        every = (self.honest, self.published, self.honest_seeds, self.published_seeds)
        return [source for source in every if source]


def _slot(source: Source, seeds: bool) -> str:
    side = "published" if source.report["protocol"] == "published" else "honest"
    return f"{side}_seeds" if seeds else side


def systems(found: Found) -> list[System]:
    """Runs put together by name; where a name has two runs of a kind, each stands for itself.

    Returns
    -------
    list of System
        By system (``000`` first, own models last), then by label.
    """
    placed = [(_slot(s, False), s) for s in found.runs] + [(_slot(s, True), s) for s in found.seeds]
    often = Counter((slot, source.name) for slot, source in placed)
    twice = {name for (_, name), n in often.items() if n > 1}
    slots: dict[str, dict[str, Source]] = {}
    for slot, source in placed:
        label = f"{source.name} ({source.place})" if source.name in twice else source.name
        slots.setdefault(label, {})[slot] = source
    made = [System(label, **mine) for label, mine in slots.items()]
    return sorted(made, key=lambda s: (_number(s) or "~", s.label))


def _number(system: System) -> str:
    """``000`` … ``004``; empty for what is nobody's."""
    return next((str(s.report["system"]) for s in system.sources() if s.report.get("system")), "")


def _levels(report: Report) -> dict[str, dict[str, Any]]:
    return {
        level: {key: s[key] for key in KEPT}
        for level, s in levels_of(report[part_of(report)]).items()
    }


def _side(source: Source | None, figure: str, unit: str) -> dict[str, Any] | None:
    """What a row says of one protocol."""
    if source is None:
        return None
    report = source.report
    found = _levels(report)
    at = found.get(unit)
    return {
        "value": comparison.at_unit(report, figure, unit),
        "interval": at["interval"] if at and figure == "accuracy" else None,
        "n": at["n"] if at else None,
        "part": part_of(report),
        "protocol": report["protocol"],
        "seed": report.get("seed", report["split"].get("seed")),
        "leaks": report.get("leaks"),
        "minutes": report.get("minutes"),
        "commit": report.get("commit"),
        "levels": found,
    }


def _seeds(source: Source | None, figure: str, unit: str) -> dict[str, Any] | None:
    """Mean and spread of one figure over the seeds."""
    if source is None:
        return None
    rows: Sequence[Report] = source.report["seeds"]
    spread = {}
    for level in dict.fromkeys((unit, "clip", "track")):
        values = [row[level][figure] for row in rows if level in row]
        if values:
            mean = sum(values) / len(values)
            spread[level] = {"mean": mean, "least": min(values), "most": max(values)}
    return {"n": len(rows), "levels": spread}


def _best(reports: Iterable[Report], key: str) -> Any:
    """The first value of a key that says something."""
    return next((report[key] for report in reports if report.get(key)), None)


def row(system: System) -> dict[str, Any]:
    """A system as plain values.

    Returns
    -------
    dict
        ``label``, ``name``, ``title``, ``system``; ``figure`` and ``unit`` that are compared;
        ``authors``: value, n, protocol and source, or None; ``published``, ``honest``: value,
        interval, n, levels, minutes …, or None; ``difference``: published less honest;
        ``seeds``: of the honest runs, n and by level mean, least and most, or None;
        ``published_seeds``; ``minutes`` of all of it.
    """
    reports = [source.report for source in system.sources()]
    runs = [source.report for source in (system.published, system.honest) if source]
    theirs = next((p for p in map(comparison.printed, reports) if p), {})
    figure = str(theirs.get("figure") or "accuracy")
    unit = comparison.unit_of(runs[0]) if runs else str(theirs.get("unit") or "track")
    published = _side(system.published, figure, unit)
    honest = _side(system.honest, figure, unit)
    spent = [report["minutes"] for report in reports if report.get("minutes")]
    values = [side["value"] for side in (published, honest) if side]
    both = len(values) == 2 and None not in values
    return {
        "label": system.label,
        "name": reports[0]["name"],
        "title": _best(reports, "title") or "",
        "system": _number(system),
        "recipe": _best(reports, "recipe") or "",
        "data": next((r["data"]["name"] for r in reports if "data" in r), ""),
        "figure": figure,
        "unit": unit,
        "authors": {key: theirs.get(key) for key in ("value", "unit", "n", "protocol", "source")}
        if theirs
        else None,
        "published": published,
        "honest": honest,
        "difference": values[0] - values[1] if both else None,
        "seeds": _seeds(system.honest_seeds, figure, unit),
        "published_seeds": _seeds(system.published_seeds, figure, unit),
        "minutes": round(sum(spent), 2) if spent else None,
    }
