"""What stands behind the figures of a run, section by section; HTML, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from genrewise.training.report import grids, run_grids
from genrewise.training.report.pieces import bar, clock, part_of, pictures, table, text

__all__ = ["curve_name", "data", "environment", "mistakes", "plane", "samples", "training"]

Report = Mapping[str, Any]
Drawn = Mapping[str, str]


def curve_name(member: str, kind: str) -> str:
    """Name of the file of a member's curves."""
    return "curves-" + "".join(c if c.isalnum() else "-" for c in member) + f"-{kind}"


def _player(row: Mapping[str, Any]) -> str:
    """A cell that plays the excerpt of a mistake."""
    if "excerpt" in row:
        name = escape(str(row["path"]))
        return (
            f'<td class="left"><audio controls preload="metadata" aria-label="excerpt of {name}"'
            f' src="{row["excerpt"]}"></audio></td>'
        )
    return text(row.get("silent", "–"))


def mistakes(report: Report, worst: Sequence[Mapping[str, Any]]) -> str:
    """Wrong answers, the surest first.

    Parameters
    ----------
    worst : sequence of mapping
        As of :func:`genrewise.training.report.mistakes.with_excerpts`.
    """
    if not worst:
        return ""
    heard = any("excerpt" in row or "silent" in row for row in worst)
    rows = [
        [
            escape(str(row["path"] or row["track"])),
            text(row["truth"]),
            text(row["answer"]),
            bar(float(row["confidence"])),
            ", ".join(f"{clock(a)}–{clock(b)}" for a, b in row["seconds"]) or "–",
            *([_player(row)] if heard else []),
        ]
        for row in worst
    ]
    head = ["file", "truth", "answer", "confidence", "seconds that decided"]
    head += ["listen"] if heard else []
    where = report.get("where") or f"{part_of(report).capitalize()} part"
    carried = " The excerpts are part of this page: give it on only where the music may go."
    return (
        f"<h2>Worst mistakes</h2>\n<p class='soft small'>{escape(where)}, by"
        f" {run_grids.top(report)[0]}; wrong and sure of it, the surest first. Listen to the"
        " seconds named: sometimes it is the label that is wrong."
        f"{carried if heard else ''}</p>\n{table(head, rows, stack=True)}"
    )


def _curves(report: Report, drawn: Drawn) -> str:
    """Loss and accuracy over the epochs, a pair a network."""
    parts = []
    for member, history in (report.get("history") or {}).items():
        wanted = [(curve_name(member, kind), kind) for kind in ("loss", "accuracy")]
        shown = pictures([(name, "") for name, _ in wanted], drawn)
        kept = report.get("best_epoch", {}).get(member, 0)
        after = f"; the weights of epoch {kept} were kept (dotted)" if kept else ""
        if shown:
            parts.append(
                f"<h3>{escape(member)}</h3>\n<p class='soft small'>{len(history)} epochs{after}."
                f'</p>\n<div class="columns">{shown}</div>'
            )
    return "\n".join(parts)


def training(report: Report, drawn: Drawn) -> str:
    """Candidates and learning curves."""
    grid = run_grids.candidates(report)
    listed = grids.html(grid) if grid.rows else ""
    if any(name.startswith("test ") for name in grid.head):
        listed += "<p class='soft small'>Nothing was chosen by the test figures.</p>"
    shown = _curves(report, drawn)
    return f"<h2>Training</h2>\n{listed}\n{shown}" if listed or shown else ""


def plane(drawn: Drawn) -> str:
    """The tracks by two principal components of their embeddings."""
    note = (
        "The two directions in which the embeddings differ most; what else the model hears lies"
        " in further ones."
    )
    shown = pictures([("plane", note)], drawn)
    return f"<h2>Map of the tracks</h2>\n{shown}" if shown else ""


def samples(drawn: Drawn) -> str:
    """What the model is shown, one picture a genre."""
    note = "One window of each genre, as the model is given it; time runs to the right."
    shown = pictures([("samples", note)], drawn)
    return f"<h2>What it looks at</h2>\n{shown}" if shown else ""


def data(report: Report) -> str:
    """Files that could not be used."""
    failed = report["data"].get("failed", ())
    if not failed:
        return ""
    listed = "".join(f"<li>{escape(path)}: {escape(why)}</li>" for path, why in failed)
    return (
        "<h2>Data</h2>\n<details><summary>Files that could not be used:"
        f" {len(failed)}</summary><ul>{listed}</ul></details>"
    )


def environment(report: Report, recipe: Mapping[str, Any]) -> str:
    """Versions and the resolved recipe, folded."""
    versions = report.get("environment") or {}
    parts = []
    if versions:
        listed = "".join(f"<li>{escape(k)}: {escape(str(v))}</li>" for k, v in versions.items())
        parts.append(f"<details><summary>Versions</summary><ul>{listed}</ul></details>")
    if recipe:
        shown = escape(json.dumps(recipe, indent=1, ensure_ascii=False, default=str))
        parts.append(f"<details><summary>Recipe, resolved</summary><pre>{shown}</pre></details>")
    return "<h2>Environment and recipe</h2>\n" + "\n".join(parts) if parts else ""
