"""The report of a run as one page that fetches nothing, with its figures and tables beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from genrewise.training.metrics import reliability, risk_coverage
from genrewise.training.report import figures, sections, tex
from genrewise.training.report.pieces import levels_of, part_of
from genrewise.training.report.style import STYLE

__all__ = ["Extras", "deciding", "mistakes", "page", "write_report"]

Row = Mapping[str, Any]

#: Mistakes shown.
WORST = 15


@dataclass(frozen=True, eq=False)
class Extras:
    """What a report may show beside its figures; each is left out where it is empty.

    Parameters
    ----------
    history : mapping of str to sequence
        Member to its training history, a row an epoch.
    best_epoch : mapping of str to int
        Member to the epoch whose weights were kept.
    embedding : ndarray, shape (n, d), optional
        A point for each clip or track.
    embedding_truth : sequence of str
        The label of each point.
    data_html : str
        Fragment of the data report.
    recipe : mapping
        As plain values.
    """

    history: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    best_epoch: Mapping[str, int] = field(default_factory=dict)
    embedding: NDArray[Any] | None = None
    embedding_truth: Sequence[str] = ()
    data_html: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)


def write_report(
    folder: str | Path,
    report: Mapping[str, Any],
    predictions: Sequence[Row],
    extras: Extras | None = None,
) -> Path:
    """Write ``report.html``, ``figures/*.png`` and ``*.svg``, and ``tables.tex``.

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
    pictures = folder / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = draw(report, predictions, extras)
    vectors = {name: figures.svg(figure) for name, figure in drawn.items()}
    for name, figure in drawn.items():
        (pictures / f"{name}.svg").write_text(vectors[name], encoding="utf-8")
        (pictures / f"{name}.png").write_bytes(figures.png(figure))
    part = part_of(report)
    text = tex.tables(report["name"], part, report["protocol"], levels_of(report[part]))
    (folder / "tables.tex").write_text(text, encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(report, predictions, extras, vectors), encoding="utf-8")
    return target


def _rows(predictions: Iterable[Row], part: str, level: str) -> list[Row]:
    return [row for row in predictions if row["part"] == part and row["level"] == level]


def draw(report: Mapping[str, Any], predictions: Sequence[Row], extras: Extras) -> dict[str, Any]:
    """All figures of a report by the name of their file."""
    part = part_of(report)
    top = list(levels_of(report[part]))[-1]
    scores, labels = report[part][top], report["data"]["labels"]
    rows = _rows(predictions, part, top)
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
        drawn["calibration"] = figures.calibration(reliability(confidence, right))
        drawn["unknown"] = figures.risk_coverage(coverage, risk, chosen)
    for name, history in extras.history.items():
        for kind in ("loss", "accuracy") if history else ():
            key = "curves-" + "".join(c if c.isalnum() else "-" for c in name) + "-" + kind
            drawn[key] = figures.curves(history, kind, extras.best_epoch.get(name, 0))
    if extras.embedding is not None and len(extras.embedding) > 2:
        drawn["plane"] = figures.plane(extras.embedding, extras.embedding_truth, labels)
    return drawn


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
        In seconds; without overlap.
    """
    found: list[tuple[float, float]] = []
    key = f"p_{answer}"
    for row in sorted(windows, key=lambda w: -float(w[key])):
        start, stop = float(row["start"]), float(row["stop"])
        if len(found) < most and all(stop <= a or start >= b for a, b in found):
            found.append((start, stop))
    return found


def mistakes(predictions: Sequence[Row], part: str, level: str, most: int = WORST) -> list[Row]:
    """Wrong answers, the surest first, and what spoke for them.

    Returns
    -------
    list of mapping
        The rows; `path` is the file that spoke loudest where a track has several, and
        `seconds` its seconds as of :func:`deciding`.
    """
    wrong = [row for row in _rows(predictions, part, level) if row["truth"] != row["answer"]]
    wrong.sort(key=lambda row: -float(row["confidence"]))
    unit = ("track", "truth") if level == "track" else ("path",)
    windows: dict[tuple[str, ...], list[Row]] = {}
    for row in _rows(predictions, part, "window"):
        windows.setdefault(tuple(row[key] for key in unit), []).append(row)
    found: list[Row] = []
    for row in wrong[:most]:
        heard, answer = windows.get(tuple(row[key] for key in unit), []), f"p_{row['answer']}"
        path = max(heard, key=lambda w: float(w[answer]))["path"] if heard else row["path"]
        own = [w for w in heard if w["path"] == path]
        found.append({**row, "path": path, "seconds": deciding(own, row["answer"])})
    return found


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
    worst = mistakes(predictions, part_of(report), list(levels_of(report[part_of(report)]))[-1])
    parts = [
        ("levels", "Accuracy", sections.levels(report)),
        ("how", "How measured", sections.how(report)),
        ("genres", "Genres", sections.genres(report, drawn)),
        ("confusion", "Confusion", sections.confusion(report, drawn)),
        ("confidence", "Confidence", sections.confidence(report, drawn)),
        ("mistakes", "Mistakes", sections.mistakes(report, worst)),
        ("training", "Training", sections.training(report, drawn)),
        ("plane", "Map", sections.plane(drawn)),
        ("published", "Published", sections.published(report)),
        ("data", "Data", extras.data_html or sections.data(report)),
        ("environment", "Environment", sections.environment(report, extras.recipe)),
    ]
    shown = [(key, name, body) for key, name, body in parts if body]
    links = "".join(f'<a href="#{key}">{name}</a>' for key, name, _ in shown)
    body = "\n".join(f'<section id="{key}">\n{text}\n</section>' for key, _, text in shown)
    name = escape(report["name"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>{sections.headline(report)}</header>\n<nav>{links}</nav>\n"
        f"<main>\n{body}\n</main>\n"
        "<footer>Written by genrewise; the numbers are in report.json and predictions.csv beside"
        " this page.</footer>\n</body>\n</html>\n"
    )
