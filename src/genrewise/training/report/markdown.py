"""The report of a run as Markdown, with the figures of ``report.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from genrewise.training.report import comparison, grids, run_grids
from genrewise.training.report.pieces import part_of

__all__ = ["bullets", "run"]

Report = Mapping[str, Any]


def bullets(lines: Iterable[str]) -> str:
    """A list; nothing where there are no lines."""
    return "".join(f"* {line}\n" for line in lines)


def _section(title: str, *parts: str) -> str:
    body = "\n".join(part for part in parts if part)
    return f"\n## {title}\n\n{body}" if body else ""


def _warning(report: Report) -> str:
    words = comparison.leak_words(report)
    if not words or report["protocol"] != "published":
        return ""
    return (
        f"\n> ⚠ **Not what it is worth on new music.** Measured by the authors' split rule,"
        f" faults included: {words}\n"
    )


def _origin(report: Report) -> str:
    """The authors' figures beside ours, and what differs."""
    parts = []
    if theirs := comparison.printed(report):
        source = f" Source: {theirs['source']}." if theirs.get("source") else ""
        parts.append(grids.markdown(comparison.compared(report)))
        parts.append(f"{comparison.verdict(report)}{source}\n")
        parts.append(bullets(f"{name}: {value}" for name, value in comparison.said_too(report)))
    for title, key in (
        ("Not printed by the authors; ours:", "choices"),
        ("Smaller here than published:", "reductions"),
    ):
        if report.get(key):
            parts.append(f"{title}\n\n{bullets(report[key])}")
    return _section("Published and ours", *parts)


def _how(report: Report) -> str:
    split, about = report["split"], report["data"]
    lines = [
        f"{about['clips']:,} clips of {about['tracks']:,} tracks in {about['groups']:,} groups"
        f" ({about['name']})",
        f"split: {split['rule']}, seed {split['seed']}, {split['pool']:,} clips to learn and choose"
        f" from, {split['test']:,} for the test, checksum {split['checksum'][:16]}",
        f"protocol: {report['protocol']} ({comparison.protocol_words(report['protocol'])})",
    ]
    if absent := run_grids.top(report)[1]["absent"]:
        lines.append(f"not in the {part_of(report)} part, and in no average: {', '.join(absent)}")
    if report.get("minutes"):
        lines.append(f"{report['minutes']:.1f} minutes")
    warned = (*split.get("warnings", ()), *about.get("warnings", ()))
    return _section("How it was measured", bullets([*lines, *(f"warning: {w}" for w in warned)]))


def run(report: Report) -> str:
    """A run's report.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds.

    Returns
    -------
    str
    """
    part = part_of(report)
    shown = [grids.markdown(run_grids.levels(report[part], f"The {part} part:"))]
    if part == "test" and report.get("validation"):
        shown.append(grids.markdown(run_grids.levels(report["validation"], "Validation:")))
    candidates = run_grids.candidates(report)
    return "".join(
        [
            f"# {report['name']}\n\n{report['title']}\n",
            _warning(report),
            _section("Accuracy", *shown),
            _origin(report),
            _how(report),
            _section("Genre by genre", grids.markdown(run_grids.genres(report))),
            _section("What it confuses", grids.markdown(run_grids.confusion(report))),
            _section("Candidates", grids.markdown(candidates)) if candidates.rows else "",
        ]
    )
