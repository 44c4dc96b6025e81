"""The page of an evaluation, and its tables: sets side by side, two models, damaged audio."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrewise.training.report import backing, figures, grids, html, run_grids, sections
from genrewise.training.report.grids import Grid, Points, Range, Span
from genrewise.training.report.mistakes import with_excerpts, worst
from genrewise.training.report.pieces import levels_of, note, per_cent, pictures

if TYPE_CHECKING:
    from genrewise.training.evaluate import Evaluation

__all__ = [
    "KINDS",
    "against",
    "damages",
    "falls",
    "page",
    "strangers",
    "tables",
    "write_evaluation",
]

One = Mapping[str, Any]

#: What marks a damage that costs too much.
OVER = "over 3 points"

_FIRST = ("set", "model", "part", "level", "path", "track", "group", "start", "stop")


def write_evaluation(folder: str | Path, found: Evaluation) -> Path:
    """Write ``report.json``, ``report.html``, ``predictions.csv`` and ``table.tex``.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    found : Evaluation

    Returns
    -------
    Path
        Of the page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.report, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    _write_predictions(folder / "predictions.csv", found.predictions)
    made = "\n".join(map(grids.latex, tables(found)))
    (folder / "table.tex").write_text(made, encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(found), encoding="utf-8")
    return target


def _write_predictions(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = [*_FIRST, *(key for key in keys if key not in _FIRST)]
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _where(one: One) -> str:
    """The model, the music and the part of it."""
    part = f", {one['part']} part" if one["part"] else ""
    return f"{one['model']} on {one['dataset']}{part}"


def _as_run(one: One) -> dict[str, Any]:
    """A set as the sections of a run's report take it."""
    return {
        "name": one["model"],
        "data": {"labels": one["labels"], "failed": one["failed"]},
        "test": levels_of(one),
        "where": _where(one),
    }


def _points(value: float) -> Points:
    """A difference without a minus before a nought."""
    return Points(round(value, 3) + 0.0)


def _edges(pair: Sequence[float]) -> str:
    """An interval of a difference, in hundredths."""
    return " to ".join(grids.plain(_points(edge)) for edge in pair)


def falls(one: One) -> Grid:
    """Recall of each genre in two collections."""
    mean = one["mean"]
    rows: list[list[grids.Cell]] = [
        [genre, *row["n"], row["first"], row["other"], _points(row["fall"]), None]
        for genre, row in one["genres"].items()
    ]
    if mean:
        shown = [mean["first"], mean["other"], _points(mean["fall"]), _edges(mean["interval"])]
        rows.append(["mean", None, None, *shown])
    first, other = one["first"], one["other"]
    head = ["recall", f"n {first}", f"n {other}", first, other, "points lost", "95 %"]
    caption = f"{one['model']}, from {first} to {other}, by track; genres that both hold"
    return Grid(head, rows, caption)


def strangers(found: One, where: str) -> Grid:
    """What became of clips whose label the model does not know, a row a label."""
    everything = [*found["per_label"].items(), ("all", found)]
    rows: list[list[grids.Cell]] = [
        [
            label,
            *(one[key] for key in ("n", "groups", "n_answered", "answered")),
            Range(*one["interval"]) if "interval" in one else None,
            ", ".join(f"{genre} {n}" for genre, n in one["taken_for"].items()) or None,
        ]
        for label, one in everything
    ]
    head = ["outside", "n", "groups", "answered", "share", "95 %", "taken for"]
    return Grid(head, rows, f"{where}, by clip; labels that the model does not know")


def _strange(report: One) -> list[Grid]:
    """Tables of strangers: of each set, of a second model, of all sets together."""
    made = []
    for one in _sets(report):
        second = one.get("against", {})
        for model, scores in ((one, one), (second, second.get("scores", {}))):
            if "strangers" in scores:
                where = _where({**one, "model": model["model"]})
                made.append(strangers(scores["strangers"], where))
    if "sets" in report and "strangers" in report:
        made.append(strangers(report["strangers"], f"{report['model']} on all sets"))
    return made


def against(one: One) -> Grid:
    """Two models on the same clips and tracks."""
    found = one["against"]
    rows: list[list[grids.Cell]] = []
    for level in ("clip", "track"):
        s = found[level]
        rows.append(
            [
                level,
                s["n"],
                *s["accuracy"],
                *(s[key] for key in ("both", "only_a", "only_b", "neither")),
                _points(s["difference"]),
                _edges(s["interval"]),
                f"{s['p']:.2g}",
            ]
        )
    head = ["by", "n", "A", "B", "both right", "only A", "only B", "neither", "A − B, points"]
    caption = f"A is {one['model']}, B is {found['model']}, on {one['dataset']}"
    return Grid([*head, "95 %", "p (McNemar)"], rows, caption)


def damages(one: One) -> Grid:
    """One row a damage to the audio; what costs more than three points is marked.

    Reports of before the marks have neither these nor the intervals of the differences.
    """
    found = one["robustness"]
    marked = all("lost_more" in row for row in found["rows"])
    rows: list[list[grids.Cell]] = []
    for row in found["rows"]:
        marks = [_edges(row["change_interval"]), OVER if row.get("lost_more") else None]
        rows.append(
            [
                row["damage"],
                row["n"],
                Span(row["accuracy"], *row["interval"]),
                _points(row["change"]),
                *(marks if marked else ()),
                row["answered"],
                row["right_when_answered"],
                _points(row["truth"]),
                row["changed"],
            ]
        )
    head = ["audio", "n", "accuracy (95 %)", "points", *(["95 %", "lost"] if marked else [])]
    head += ["answered", "right when answered", "points for the truth", "other answer"]
    caption = f"{_where(one)}, by clip; points against the same clips undamaged"
    summary = found.get("summary")
    return Grid(head, rows, f"{caption}; {summary}" if summary else caption)


def _genres(one: One) -> Grid:
    return replace(run_grids.genres(_as_run(one)), caption=f"{_where(one)}, by track")


def _sets(report: One) -> Sequence[One]:
    """The data sets of a report, be they one or several."""
    sets: Sequence[One] = report.get("sets", [report])
    return sets


def _scored(report: One) -> list[One]:
    """The data sets that have figures; one of strangers alone has none."""
    return [one for one in _sets(report) if "track" in one]


#: Tables of a report by what they are about.
KINDS: Mapping[str, Callable[[One], list[Grid]]] = {
    "evaluated": lambda report: [run_grids.levels(one, _where(one)) for one in _scored(report)],
    "strangers": _strange,
    "collections": lambda report: [falls(one) for one in report.get("falls", ())],
    "against": lambda report: [against(one) for one in _scored(report) if "against" in one],
    "damaged": lambda report: [damages(one) for one in _sets(report) if "robustness" in one],
}


def tables(found: Evaluation) -> list[Grid]:
    """All tables of an evaluation, in the order of the page."""
    made = [grid for kind in KINDS.values() for grid in kind(found.report)]
    return [*made, *(_genres(one) for one in _scored(found.report))]


def _title(found: Evaluation) -> str:
    names = [
        one["dataset"] + (f" ({one['part']} part)" if one["part"] else "") for one in found.sets
    ]
    return f"{found.report['model']} on {' and '.join(names)}"


def _sentence(words: str, value: float, s: One) -> str:
    """Words and the share that they are about, with its interval."""
    low, high = s["interval"]
    return (
        f'<p class="headline">{words}: <b>{per_cent(value)}</b>. <span class=soft>95 % interval:'
        f" {100 * low:.0f} to {per_cent(high)}, over {s['groups']:,} groups.</span></p>"
    )


def _headline(found: Evaluation) -> str:
    """How often the model is right, and how often it answers strangers, a sentence each."""
    parts = []
    for one in found.sets:
        name = escape(one["dataset"])
        if s := one.get("track"):
            head = f"Right in <b>{round(s['accuracy'] * s['n']):,} of {s['n']:,}</b> tracks of"
            parts.append(_sentence(f"{head} {name}", s["accuracy"], s))
        if s := one.get("strangers"):
            head = f"Answered <b>{s['n_answered']:,} of {s['n']:,}</b> clips of"
            words = f"{head} {name} whose labels it does not know"
            parts.append(_sentence(words, s["answered"], s))
    return f"<h1>{escape(_title(found))}</h1>\n" + "\n".join(parts)


def _notes(sets: Iterable[One]) -> str:
    """What a reader must know before any figure."""
    return "".join(note("amber", one["dataset"], line) for one in sets for line in one["warnings"])


def _shown(found: Evaluation, kind: str) -> str:
    return "".join(map(grids.html, KINDS[kind](found.report)))


def _section(title: str, words: str, made: str) -> str:
    """Tables below what is to be known of them; nothing where there are none."""
    return f"<h2>{title}</h2>\n<p class='soft small'>{words}</p>\n{made}" if made else ""


def _levels(found: Evaluation) -> str:
    shown = _shown(found, "evaluated")
    return _section(
        "Accuracy",
        "By the most probable label. Intervals resample whole groups, not single items. “Unknown”"
        " is counted beside it: answered, and right when answered. “Answered at 5 % wrong”: the"
        " share that could be answered, the surest first, if one in twenty may be wrong.",
        f'<div class="columns">{shown}</div>' if shown else "",
    )


def _outside(found: Evaluation) -> str:
    return _section(
        "Outside the labels",
        "Music of labels that the model does not know: “unknown” would be right, each answer is"
        " wrong. Intervals resample whole groups.",
        _shown(found, "strangers"),
    )


def _falls(found: Evaluation) -> str:
    return _section(
        "From one collection to another",
        "Recall, which does not change with how many tracks of each genre a collection happens to"
        " hold. What is lost may be the model's or the labels'.",
        _shown(found, "collections"),
    )


def _against(found: Evaluation) -> str:
    return _section(
        "Two models on the same music",
        "p: the chance of a difference at least this large if neither were better (McNemar's exact"
        " test, which takes clips for independent). The interval resamples whole groups, with both"
        " answers to each clip.",
        _shown(found, "against"),
    )


def _damages(found: Evaluation) -> str:
    return _section(
        "Damaged audio",
        "The same clips again, with their sound changed in known ways. “Points for the truth”: how"
        " much the probability of the right genre moved. “Other answer”: the share of clips whose"
        " most probable genre is another one. A row whose n is smaller leaves out clips that the"
        " damage would not change. “Over 3 points” marks what costs more than that.",
        _shown(found, "damaged"),
    )


def _set(one: One, found: Evaluation) -> str:
    """Genres, confusion, confidence and mistakes of one data set that has figures."""
    if "track" not in one:
        return ""
    run = _as_run(one)
    own = [
        {**row, "part": "test"}
        for row in found.predictions
        if row["set"] == one["dataset"] and row["model"] == one["model"]
    ]
    drawn = {
        name: figures.svg(figure) for name, figure in html.draw(run, own, html.Extras()).items()
    }
    heard = with_excerpts(worst(own, "test", "track"), found.listen.get(one["dataset"], {}))
    picture = pictures([("genres", "Best first; in brackets how many there were.")], drawn)
    parts = [
        f'<h2>Genre by genre</h2>\n<div class="columns">{grids.html(_genres(one))}{picture}</div>',
        sections.confusion(run, drawn),
        sections.confidence(run, drawn),
        backing.mistakes(run, heard),
    ]
    body = "\n".join(part for part in parts if part)
    if len(found.sets) == 1:
        return body
    inner = body.replace("<h2>", "<h3>").replace("</h2>", "</h3>")
    return f"<h2>{escape(one['dataset'])}</h2>\n{inner}"


def _left_out(sets: Sequence[One]) -> str:
    """What was renamed, left out or could not be read."""
    lines = []
    for one in sets:
        name = one["dataset"]
        lines += [f"{name}: {a} is taken for {b}" for a, b in one["repaired"].items()]
        lines += [f"{name}: {label} is left out, as the map says" for label in one["left_out"]]
        lines += [
            f"{name}: {a} is left out; another label is {b} already"
            for a, b in one["taken"].items()
        ]
        heard = one.get("strangers", {}).get("per_label", {})
        lines += [
            f"{name}: {label} is left out, which the model does not know"
            for label in one["outside"]
            if label not in heard
        ]
        lost = [*one["failed"], *one.get("robustness", {}).get("failed", ())]
        lines += [f"{path}: {reason}" for path, reason in dict.fromkeys(map(tuple, lost))]
    listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>Labels and files</h2>\n<ul>{listed}</ul>" if lines else ""


def page(found: Evaluation) -> str:
    """The whole page, which fetches nothing."""
    parts = [
        ("levels", "Accuracy", _levels(found)),
        ("outside", "Outside the labels", _outside(found)),
        ("falls", "Collections", _falls(found)),
        ("against", "Two models", _against(found)),
        ("damages", "Damaged audio", _damages(found)),
    ]
    parts += [
        (f"set-{k}", escape(one["dataset"]), _set(one, found)) for k, one in enumerate(found.sets)
    ]
    parts.append(("labels", "Labels and files", _left_out(found.sets)))
    head = _headline(found) + _notes(found.sets)
    return html.whole_page(_title(found), head, parts, "report.json and predictions.csv")
