"""The report of a run as one page that fetches nothing, with its figures and tables beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from genrewise.training.metrics import reliability, risk_coverage
from genrewise.training.report import (
    backing,
    comparison,
    figures,
    grids,
    markdown,
    run_grids,
    sections,
)
from genrewise.training.report.mistakes import rows_of, with_excerpts, worst
from genrewise.training.report.pieces import levels_of, part_of
from genrewise.training.report.style import STYLE

__all__ = ["Extras", "page", "whole_page", "write_figures", "write_report"]

Row = Mapping[str, Any]

#: Answers in a bin of the calibration plot, at the least: of fewer a share says nothing.
FEW = 8


@dataclass(frozen=True, eq=False)
class Extras:
    """What a report may show beside its figures; each is left out where it is empty.

    Parameters
    ----------
    embedding : ndarray, shape (n, d), optional
        A point for each clip or track.
    embedding_truth : sequence of str
        The label of each point.
    data_html : str
        Fragment of the data report.
    recipe : mapping
        As plain values.
    samples : sequence of (label, path, ndarray)
        A window of each genre as the model sees it: shape (H, W) in any range, or (H, W, 3)
        with colours from 0 to 1; the first row is the top of the picture, the highest
        frequency.
    listen : mapping of str to (str, float)
        Where the clips are heard, as of :func:`.listen.sources`: the worst mistakes then carry
        a short excerpt; empty for none.
    """

    embedding: NDArray[Any] | None = None
    embedding_truth: Sequence[str] = ()
    data_html: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[tuple[str, str, NDArray[Any]]] = ()
    listen: Mapping[str, tuple[str, float]] = field(default_factory=dict)


def write_report(
    folder: str | Path,
    report: Mapping[str, Any],
    predictions: Sequence[Row],
    extras: Extras | None = None,
) -> Path:
    """Write ``report.html``, ``report.md``, ``table.tex``, ``figures/*.png`` and ``*.svg``.

    Parameters
    ----------
    folder : path
        Of the run; made where it is not there.
    report : mapping
        What ``report.json`` holds: name, title, protocol, data, split, validation, test, ….
    predictions : sequence of mapping
        Rows of ``predictions.csv``: part, level, path, track, start, stop, truth, answer,
        confidence, and ``p_LABEL`` for each label.
    extras : Extras, optional

    Returns
    -------
    Path
        Of the page.
    """
    extras = extras or Extras()
    folder = Path(folder)
    vectors = write_figures(folder / "figures", draw(report, predictions, extras))
    (folder / "report.md").write_text(markdown.run(report), encoding="utf-8")
    (folder / "table.tex").write_text(_tables(report), encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(report, predictions, extras, vectors), encoding="utf-8")
    return target


def _tables(report: Mapping[str, Any]) -> str:
    """LaTeX: levels side by side, the labels, and the authors' figure beside ours."""
    part = part_of(report)
    where = f"{report['name']}, {part}, protocol {report['protocol']}"
    made = [run_grids.levels(report[part], where), replace(run_grids.genres(report), caption=where)]
    if comparison.printed(report):
        made.append(replace(comparison.compared(report), caption=where))
    return "\n".join(map(grids.latex, made))


def write_figures(folder: Path, drawn: Mapping[str, Any]) -> dict[str, str]:
    """Write each figure as PNG and SVG; gives the SVG by name."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = {name: figures.svg(figure) for name, figure in drawn.items()}
    for name, figure in drawn.items():
        (folder / f"{name}.svg").write_text(vectors[name], encoding="utf-8")
        (folder / f"{name}.png").write_bytes(figures.png(figure))
    return vectors


def draw(report: Mapping[str, Any], predictions: Sequence[Row], extras: Extras) -> dict[str, Any]:
    """All figures of a report by the name of their file."""
    part = part_of(report)
    top = list(levels_of(report[part]))[-1]
    scores, labels = report[part][top], report["data"]["labels"]
    rows = rows_of(predictions, part, top)
    drawn = {
        "confusion-normalised": figures.confusion(scores["confusion"], labels, normalised=True),
        "confusion": figures.confusion(scores["confusion"], labels, normalised=False),
        "genres": figures.genres(scores["per_label"]),
    }
    if rows:
        confidence = [float(row["confidence"]) for row in rows]
        right = [row["truth"] == row["answer"] for row in rows]
        coverage, risk, _ = risk_coverage(confidence, right)
        chosen = None
        if scores["right_when_answered"] is not None and scores["answered"] < 1:
            chosen = (scores["answered"], scores["right_when_answered"])
        drawn["calibration"] = figures.calibration(
            reliability(confidence, right, min(10, max(1, len(rows) // FEW)))
        )
        drawn["unknown"] = figures.risk_coverage(coverage, risk, chosen)
    for name, history in (report.get("history") or {}).items():
        for kind in ("loss", "accuracy") if history else ():
            best = report.get("best_epoch", {}).get(name, 0)
            drawn[backing.curve_name(name, kind)] = figures.curves(history, kind, best)
    if extras.samples:
        drawn["samples"] = figures.samples(extras.samples)
    if extras.embedding is not None and len(extras.embedding) > 2:
        drawn["plane"] = figures.plane(extras.embedding, extras.embedding_truth, labels)
    return drawn


def page(
    report: Mapping[str, Any],
    predictions: Sequence[Row],
    extras: Extras,
    drawn: Mapping[str, str],
) -> str:
    """The whole page.

    Parameters
    ----------
    report, predictions, extras
        As of :func:`write_report`.
    drawn : mapping of str to str
        Figures of :func:`draw` as SVG.
    """
    top = run_grids.top(report)[0]
    found = with_excerpts(worst(predictions, part_of(report), top), extras.listen)
    parts = [
        ("levels", "Accuracy", sections.levels(report)),
        ("published", "Published", sections.published(report)),
        ("how", "How measured", sections.how(report)),
        ("genres", "Genres", sections.genres(report, drawn)),
        ("confusion", "Confusion", sections.confusion(report, drawn)),
        ("mistakes", "Mistakes", backing.mistakes(report, found)),
        ("confidence", "Confidence", sections.confidence(report, drawn)),
        ("training", "Training", backing.training(report, drawn)),
        ("samples", "Pictures", backing.samples(drawn)),
        ("plane", "Map", backing.plane(drawn)),
        ("data", "Data", extras.data_html or backing.data(report)),
        ("environment", "Environment", backing.environment(report, extras.recipe)),
    ]
    head = sections.headline(report) + sections.banner(report)
    beside = "report.json and predictions.csv"
    return whole_page(report["name"], head, parts, beside)


def whole_page(title: str, head: str, parts: Sequence[tuple[str, str, str]], beside: str) -> str:
    """A page that fetches nothing: a head, links to its sections, the sections.

    Parameters
    ----------
    title : str
        Plain text.
    head : str
        HTML.
    parts : sequence of (key, name, HTML)
        Those without HTML are left out.
    beside : str
        Files with the numbers.
    """
    shown = [(key, name, body) for key, name, body in parts if body]
    links = "".join(f'<a href="#{key}">{name}</a>' for key, name, _ in shown)
    body = "\n".join(f'<section id="{key}">\n{text}\n</section>' for key, _, text in shown)
    head, body = (text.replace(" %", "\u00a0%") for text in (head, body))  # never parted by a line
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>{head}</header>\n<nav>{links}</nav>\n<main>\n{body}\n</main>\n"
        f"<footer>Written by genrewise; the numbers are in {beside} beside this page.</footer>\n"
        "</body>\n</html>\n"
    )
