"""The sections of a report; each gives HTML, or nothing where there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from genrewise.training.report.pieces import (
    bar,
    clock,
    levels_of,
    part_of,
    per_cent,
    pictures,
    share,
    table,
    text,
)

__all__ = [
    "confidence",
    "confusion",
    "data",
    "environment",
    "genres",
    "headline",
    "how",
    "levels",
    "mistakes",
    "plane",
    "published",
    "training",
]

Report = Mapping[str, Any]
Drawn = Mapping[str, str]


def _top(report: Report) -> tuple[str, Mapping[str, Any]]:
    """The largest level of the part that the headline is about, and its figures."""
    return list(levels_of(report[part_of(report)]).items())[-1]


def headline(report: Report) -> str:
    """What the model is and how often it is right, in one sentence."""
    level, s = _top(report)
    lo, hi = s["interval"]
    part = part_of(report)
    heard = "it had never heard" if part == "test" else "held out in turn, without a test part"
    chance = 100 / len(report["data"]["labels"])
    return (
        f"<h1>{escape(report['name'])}</h1>\n<p class=soft>{escape(report['title'])}</p>\n"
        f'<p class="headline">Right about <b>{100 * s["accuracy"]:.0f} of 100</b> {level}s'
        f" {heard}. <span class=soft>95 % interval: {100 * lo:.0f} to {100 * hi:.0f}.</span></p>\n"
        f'<p class="soft">{s["n"]} {level}s in {s["groups"]} groups, {part} part, protocol'
        f" <b>{escape(report['protocol'])}</b>. Guessing would be right about {chance:.0f} of"
        " 100.</p>"
    )


def _card(level: str, s: Mapping[str, Any]) -> str:
    lo, hi = s["interval"]
    return (
        f'<div class="card"><h3>by {level}</h3><div class="big">{share(s["accuracy"])}</div>'
        f'<div class="track" role="img" aria-label="95 % interval {lo:.3f} to {hi:.3f}">'
        f'<i style="left:{100 * lo:.1f}%;width:{100 * (hi - lo):.1f}%"></i>'
        f'<b style="left:{100 * s["accuracy"]:.1f}%"></b></div></div>'
    )


_FIGURES = {
    "accuracy": "accuracy",
    "macro F1": "macro_f1",
    "weighted F1": "weighted_f1",
    "calibration error": "ece",
    "answered": "answered",
    "right when answered": "right_when_answered",
}


def _levels_table(scores: Mapping[str, Any], caption: str) -> str:
    """Figures down, levels across."""
    found = levels_of(scores)
    rows = [["n", *(str(s["n"]) for s in found.values())]]
    rows.append(["groups", *(str(s["groups"]) for s in found.values())])
    for name, key in _FIGURES.items():
        rows.append([name, *(share(s[key]) for s in found.values())])
        if key == "accuracy":
            spans = [f"{share(s['interval'][0])}–{share(s['interval'][1])}" for s in found.values()]
            rows.append(["95 % interval", *spans])
    return table(["", *found], rows, caption)


def levels(report: Report) -> str:
    """Windows, clips and tracks side by side."""
    part = part_of(report)
    cards = "".join(_card(level, s) for level, s in levels_of(report[part]).items())
    tables = _levels_table(report[part], f"The {part} part")
    if part == "test" and report.get("validation"):
        note = "Out of fold: what the model was chosen and calibrated on, so somewhat kind"
        tables += _levels_table(report["validation"], note)
    return (
        f'<h2>Accuracy</h2>\n<div class="cards">{cards}</div>\n'
        "<p class='soft small'>By the most probable label. Intervals resample whole groups"
        " (artists, albums), not single items. “Unknown” is counted beside it: answered, and right"
        f' when answered.</p>\n<div class="columns">{tables}</div>'
    )


def how(report: Report) -> str:
    """Data, split and what was looked at when."""
    split, about = report["split"], report["data"]
    facts = [
        f"{about['clips']} clips of {about['tracks']} tracks in {about['groups']} groups"
        f" ({escape(about['name'])}).",
        f"Split: {escape(split['rule'])}, seed {split['seed']}; {split['pool']} clips to learn and"
        f" choose from, {split['test']} for the test. No group stands on both sides. Checksum"
        f" <code>{escape(split['checksum'][:16])}</code>.",
    ]
    absent = _top(report)[1]["absent"]
    if absent:
        names = ", ".join(map(escape, absent))
        facts.append(f"Not in the {part_of(report)} part, and in no average: <b>{names}</b>.")
    warnings = (*split.get("warnings", ()), *about.get("warnings", ()))
    facts += [f"Warning: {escape(warning)}" for warning in warnings]
    listed = "".join(f"<li>{fact}</li>" for fact in facts)
    log = "".join(f"<li>{escape(line)}</li>" for line in report.get("log", ()))
    folded = f"<details><summary>Log of the run</summary><ul>{log}</ul></details>" if log else ""
    return f"<h2>How it was measured</h2>\n<ul>{listed}</ul>\n{folded}"


def genres(report: Report, drawn: Drawn) -> str:
    """Precision, recall and F1 of every label."""
    level, s = _top(report)
    rows = [
        [escape(label), str(r["n"]), bar(r["precision"]), bar(r["recall"]), bar(r["f1"])]
        for label, r in s["per_label"].items()
    ]
    caption = f"{part_of(report).capitalize()} part, by {level}"
    listed = table(["genre", "n", "precision", "recall", "F1"], rows, caption)
    picture = pictures([("genres", "Best first; in brackets how many there were.")], drawn)
    return f'<h2>Genre by genre</h2>\n<div class="columns">{listed}{picture}</div>'


def confusion(report: Report, drawn: Drawn) -> str:
    """Both matrices, and the commonest pairs in words."""
    labels, matrix = report["data"]["labels"], _top(report)[1]["confusion"]
    pairs = [
        (matrix[t][a], labels[t], labels[a])
        for t in range(len(labels))
        for a in range(len(labels))
        if t != a and matrix[t][a]
    ]
    pairs.sort(key=lambda pair: -pair[0])
    said = ", ".join(f"{escape(t)} taken for {escape(a)} ({n})" for n, t, a in pairs[:5])
    wanted = [
        ("confusion-normalised", "Of each truth, the share that got each answer."),
        ("confusion", "The same, counted."),
    ]
    return (
        f"<h2>What it confuses</h2>\n<p>{f'Most often: {said}.' if said else 'Nothing.'}</p>\n"
        f'<div class="columns">{pictures(wanted, drawn)}</div>'
    )


def _unknown_text(unknown: Mapping[str, Any]) -> str:
    end = "." if unknown["reached"] else "; more was not to be had without refusing too many."
    return (
        f"<p>“Unknown” is said below a confidence of {share(unknown['min_confidence'])}, or farther"
        f" than {unknown['max_distance']:.2f} from the music it learned from. Out of fold,"
        f" {per_cent(unknown['answered'])} are answered and"
        f" {per_cent(unknown['right_when_answered'])} of these are right{end}</p>"
    )


def confidence(report: Report, drawn: Drawn) -> str:
    """Calibration, risk against coverage, and the rule for "unknown"."""
    wanted = [
        ("calibration", "Bins of equally many; on the line, confidence is what it says."),
        ("unknown", "Answering only the surest: fewer answers, more of them right."),
    ]
    shown = pictures(wanted, drawn)
    unknown = report.get("unknown") or {}
    said = _unknown_text(unknown) if unknown else ""
    rows = [
        [share(r["confidence"]), per_cent(r["answered"]), per_cent(r["right_when_answered"])]
        for r in unknown.get("table", ())
    ]
    head = ["from confidence", "answered", "right of these"]
    listed = table(head, rows, "The trade-off, out of fold") if rows else ""
    if not (shown or said):
        return ""
    return f'<h2>Confidence and “unknown”</h2>\n{said}\n<div class="columns">{shown}{listed}</div>'


def mistakes(report: Report, worst: Sequence[Mapping[str, Any]]) -> str:
    """Wrong answers, the surest first.

    Parameters
    ----------
    worst : sequence of mapping
        As of :func:`genrewise.training.report.html.mistakes`.
    """
    if not worst:
        return ""
    rows = [
        [
            escape(str(row["path"] or row["track"])),
            text(row["truth"]),
            text(row["answer"]),
            bar(float(row["confidence"])),
            ", ".join(f"{clock(a)}–{clock(b)}" for a, b in row["seconds"]) or "–",
        ]
        for row in worst
    ]
    head = ["file", "truth", "answer", "confidence", "seconds that decided"]
    return (
        f"<h2>Worst mistakes</h2>\n<p class='soft small'>{part_of(report).capitalize()} part, by"
        f" {_top(report)[0]}; wrong and sure of it, the surest first. Listen to the seconds named:"
        f" sometimes it is the label that is wrong.</p>\n{table(head, rows, stack=True)}"
    )


def training(report: Report, drawn: Drawn) -> str:
    """Candidates and learning curves."""
    candidates = report.get("candidates") or []
    head = list(dict.fromkeys(key for row in candidates for key in row))
    rows = [[text(row.get(key, "")) for key in head] for row in candidates]
    for row in rows:  # the first cell heads its row and is no <td>
        row[0] = row[0].removeprefix('<td class="left">').removesuffix("</td>")
    listed = table(head, rows, "Candidates, judged out of fold, best first") if rows else ""
    curves = [
        (name, f"{escape(name.removeprefix('curves-'))}; dotted: the epoch that was kept.")
        for name in drawn
        if name.startswith("curves-")
    ]
    shown = pictures(curves, drawn)
    if not (listed or shown):
        return ""
    return f'<h2>Training</h2>\n{listed}\n<div class="columns">{shown}</div>'


def plane(drawn: Drawn) -> str:
    """The tracks by two principal components of their embeddings."""
    note = (
        "The two directions in which the embeddings differ most; what else the model hears lies"
        " in further ones."
    )
    shown = pictures([("plane", note)], drawn)
    return f"<h2>Map of the tracks</h2>\n{shown}" if shown else ""


def published(report: Report) -> str:
    """The authors' figures beside ours, with their protocol."""
    printed = report.get("published") or {}
    if not printed:
        return ""
    found = levels_of(report[part_of(report)])
    level = printed["unit"] if printed.get("unit") in found else list(found)[-1]
    rows, said = [], []
    for key, value in printed.items():
        name = escape(key.replace("_", " "))
        if isinstance(value, int | float) and not isinstance(value, bool):
            ours = found[level].get(key)
            rows.append([name, share(value), share(ours) if isinstance(ours, float) else "–"])
        else:
            plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            said.append(f"<li>{name}: {escape(plain)}</li>")
    head = ["figure", "published", f"ours, by {level}, {report['protocol']}"]
    notes = f"<ul>{''.join(said)}</ul>" if said else ""
    return f"<h2>Published and ours</h2>\n{table(head, rows) if rows else ''}{notes}"


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
