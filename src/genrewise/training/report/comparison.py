"""What the authors printed beside what we measured, and what separates the two.

A figure is compared at the unit that the authors used; where a report has no such level,
at its largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genrewise.training.report.grids import Cell, Grid, Span
from genrewise.training.report.pieces import levels_of, part_of, per_cent

__all__ = [
    "FIGURES",
    "at_unit",
    "compared",
    "figure_of",
    "leak_words",
    "leaks",
    "printed",
    "protocol_words",
    "said_too",
    "share_of",
    "span",
    "unit_of",
    "verdict",
]

Report = Mapping[str, Any]

#: Figures that authors print, by their key in a report.
FIGURES = {"accuracy": "accuracy", "macro_f1": "macro F1", "weighted_f1": "weighted F1"}

_PROTOCOLS = {
    "honest": "no track, artist or known copy on both sides",
    "published": "the authors' split rule",
    "by file": "by file: artists are not known",
}


def printed(report: Report) -> Mapping[str, Any]:
    """The section ``published`` of a report, where it names a figure; else nothing."""
    section: Mapping[str, Any] = report.get("published") or {}
    return section if section.get("figure") and section.get("value") is not None else {}


def figure_of(report: Report) -> str:
    """Key of the figure that is compared: the authors', else the accuracy."""
    return str(printed(report).get("figure") or "accuracy")


def unit_of(report: Report) -> str:
    """Level at which figures are compared: the authors' unit where the report has it."""
    found = levels_of(report[part_of(report)])
    unit = str(printed(report).get("unit", ""))
    return unit if unit in found else list(found)[-1]


def at_unit(report: Report, figure: str, unit: str) -> float | None:
    """One figure of the headline's part; None where the report does not have the level."""
    scores = report[part_of(report)].get(unit)
    return None if scores is None else float(scores[figure])


def span(scores: Mapping[str, Any]) -> Span:
    """Accuracy with its interval."""
    low, high = scores["interval"]
    return Span(scores["accuracy"], low, high)


def leaks(report: Report) -> Mapping[str, int]:
    """What stands on both sides of the split, or chose on the test; empty where nothing does."""
    found: Mapping[str, int] = report.get("leaks") or {}
    faults = ("tracks", "groups", "windows", "chosen_on_test")
    return found if any(found.get(key) for key in faults) else {}


def leak_words(report: Report) -> str:
    """What leaks, as a sentence; empty where nothing does."""
    found = leaks(report)
    if not found:
        return ""
    learnt, n = found.get("windows", 0), found.get("of", 0)
    said = []
    if learnt:
        said.append(
            f"{learnt:,} of {n:,} test windows ({share_of(learnt, n)}) come from tracks that were"
            " learnt from"
        )
    mixed = [
        f"{found[key]:,} {name}"
        for key, name in (("tracks", "tracks"), ("groups", "groups (artists, songs)"))
        if found.get(key)
    ]
    if mixed:
        said.append(f"{' and '.join(mixed)} stand on both sides")
    if found.get("chosen_on_test"):
        said.append("the test part also stopped the training")
    return "; ".join(said) + "."


def share_of(n: int, whole: int) -> str:
    """``98 %``; never 100 % where one is missing."""
    return per_cent(min(n / max(whole, 1), 1.0 if n == whole else 0.99))


def protocol_words(protocol: str) -> str:
    """What a protocol of ours means, in a few words."""
    return _PROTOCOLS.get(protocol, protocol)


def _our_levels(report: Report) -> list[str]:
    """The unit compared first, then clips and tracks."""
    found = levels_of(report[part_of(report)])
    first = unit_of(report)
    return [first, *(level for level in ("clip", "track") if level in found and level != first)]


def compared(report: Report) -> Grid:
    """The authors' figure, ours at the same unit, then ours by clip and track.

    Parameters
    ----------
    report : mapping
        With a section ``published`` that names a figure.
    """
    theirs, figure = printed(report), figure_of(report)
    part = part_of(report)
    other = figure != "accuracy"
    note = "" if part == "test" else "; no test part: on the clips that it was chosen by"
    own: list[list[Cell]] = []
    for level in _our_levels(report):
        s = report[part][level]
        values: list[Cell] = [s[figure], span(s)] if other else [span(s)]
        own.append(
            ["ours", level, s["n"], *values, protocol_words(report["protocol"]) + note],
        )
    more = theirs.get("more") or {}
    accuracy = [more.get("accuracy")] if other else []
    first = ["the authors", theirs.get("unit") or None, theirs.get("n"), theirs["value"]]
    head = ["", "unit", "n", *([FIGURES[figure]] if other else []), "accuracy (95 %)", "protocol"]
    return Grid(head, [[*first, *accuracy, theirs.get("protocol") or None], *own])


def said_too(report: Report) -> list[tuple[str, str]]:
    """What else the authors printed: name and value."""
    more = printed(report).get("more") or {}
    return [(key.replace("_", " "), _told(value)) for key, value in more.items()]


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(v)}" for key, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value))
    return str(value)


def verdict(report: Report) -> str:
    """How far ours lies from the authors' figure, and whether the two can be compared."""
    theirs, figure, unit = printed(report), figure_of(report), unit_of(report)
    ours = at_unit(report, figure, unit)
    if not theirs or ours is None:
        return ""
    apart = 100 * (ours - theirs["value"])
    side = "above" if apart >= 0 else "below"
    said = f"By {unit}, ours is {abs(apart):.1f} points {side} the authors' {FIGURES[figure]}."
    if theirs.get("unit") and theirs["unit"] != unit:
        said += f" Theirs is by {theirs['unit']}, which this run does not have."
    if report["protocol"] != "published":
        said += (
            " The two are measured on different splits; what compares with the authors' is the"
            " run under the published protocol."
        )
    return said
