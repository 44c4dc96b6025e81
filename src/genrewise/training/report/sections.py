"""What a run is worth, section by section; each gives HTML, or nothing where it has nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from genrewise.training.report import comparison, grids, run_grids
from genrewise.training.report.pieces import (
    bar,
    levels_of,
    note,
    part_of,
    per_cent,
    pictures,
    share,
    table,
)
from genrewise.training.report.run_grids import top

__all__ = [
    "banner",
    "confidence",
    "confusion",
    "genres",
    "headline",
    "how",
    "levels",
    "published",
]

Report = Mapping[str, Any]
Drawn = Mapping[str, str]


def _heard(report: Report) -> str:
    """What the items of the headline were to the model."""
    if part_of(report) == "validation":
        return "held out in turn, without a test part"
    if comparison.leaks(report):
        return "by the authors' split, which mixes what it learnt from with what it is asked"
    return "it had never heard"


def headline(report: Report) -> str:
    """What the model is and how often it is right, in one sentence."""
    published = report["protocol"] == "published"
    level = comparison.unit_of(report) if published else top(report)[0]
    part = part_of(report)
    s = report[part][level]
    lo, hi = s["interval"]
    n, labels = s["n"], len(report["data"]["labels"])
    right = round(s["accuracy"] * n)
    things = f"{level}s" if n != 1 else level
    return (
        f"<h1>{escape(report['name'])}</h1>\n<p class=soft>{escape(report['title'])}</p>\n"
        f'<p class="headline">Right in <b>{right:,} of {n:,}</b> {things} {_heard(report)}:'
        f" <b>{per_cent(s['accuracy'])}</b>. <span class=soft>95 % interval:"
        f" {100 * lo:.0f} to {per_cent(hi)}.</span></p>\n"
        f'<p class="soft">{n:,} {things} in {s["groups"]:,} groups, {part} part, protocol'
        f" <b>{escape(report['protocol'])}</b>. Guessing among {labels} genres would be right in"
        f" {per_cent(1 / labels)}.</p>"
    )


def banner(report: Report) -> str:
    """What a reader must know of the protocol before any figure; nothing under the honest one."""
    protocol = report["protocol"]
    if protocol == "by file":
        return note(
            "amber",
            "Artists are not known here",
            "Each file stands for itself, so an artist may be on both sides of the split. Figures"
            " like these are kinder than honest ones.",
        )
    if protocol != "published":
        return ""
    words = comparison.leak_words(report)
    if not words:
        return note(
            "blue",
            "Measured by the authors' own split",
            "No track and no group stands on both sides of it.",
        )
    return note(
        "red",
        "Not what it is worth on new music",
        f"Measured by the authors' split rule, faults included: {words} The figures are here to"
        " be compared with the authors'; what the system is worth is the report under the honest"
        " protocol.",
    )


def _card(level: str, s: Mapping[str, Any]) -> str:
    lo, hi = s["interval"]
    return (
        f'<div class="card"><h3>by {level}</h3><div class="big">{share(s["accuracy"])}</div>'
        f'<div class="track" role="img" aria-label="95 % interval {lo:.3f} to {hi:.3f}">'
        f'<i style="left:{100 * lo:.1f}%;width:{100 * (hi - lo):.1f}%"></i>'
        f'<b style="left:{100 * s["accuracy"]:.1f}%"></b></div></div>'
    )


def levels(report: Report) -> str:
    """Windows, clips and tracks side by side."""
    part = part_of(report)
    cards = "".join(_card(level, s) for level, s in levels_of(report[part]).items())
    tables = grids.html(run_grids.levels(report[part], f"The {part} part"))
    if part == "test" and report.get("validation"):
        kind = "Validation: what the model was chosen and calibrated on, so somewhat kind"
        tables += grids.html(run_grids.levels(report["validation"], kind))
    return (
        f'<h2>Accuracy</h2>\n<div class="cards">{cards}</div>\n'
        "<p class='soft small'>By the most probable label. Intervals resample whole groups"
        " (artists, albums), not single items. “Unknown” is counted beside it: answered, and right"
        f' when answered.</p>\n<div class="columns">{tables}</div>'
    )


def _listed(title: str, lines: Iterable[str], kind: str = "") -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{title}</h3>\n<ul{kind}>{items}</ul>" if items else ""


def published(report: Report) -> str:
    """The authors' figure beside ours, and what differs between their system and this one."""
    parts = []
    if theirs := comparison.printed(report):
        source = f" Source: {theirs['source']}." if theirs.get("source") else ""
        more = [f"{name}: {value}" for name, value in comparison.said_too(report)]
        parts.append(grids.html(comparison.compared(report), stack=True))
        parts.append(f"<p>{escape(comparison.verdict(report) + source)}</p>")
        parts.append(_listed("Printed by the authors too", more, ' class="facts"'))
    parts.append(_listed("Not printed by the authors; ours", report.get("choices", ())))
    parts.append(_listed("Smaller here than published", report.get("reductions", ())))
    body = "\n".join(part for part in parts if part)
    return f"<h2>Published and ours</h2>\n{body}" if body else ""


def how(report: Report) -> str:
    """Data, split and what was looked at when."""
    split, about = report["split"], report["data"]
    apart = comparison.leak_words(report) or "No group stands on both sides."
    facts = [
        f"{about['clips']:,} clips of {about['tracks']:,} tracks in {about['groups']:,} groups"
        f" ({escape(about['name'])}).",
        f"Split: {escape(split['rule'])}, seed {split['seed']}; {split['pool']:,} clips to learn"
        f" and choose from, {split['test']:,} for the test. {apart[0].upper()}{apart[1:]} Checksum"
        f" <code>{escape(split['checksum'][:16])}</code>.",
    ]
    absent = top(report)[1]["absent"]
    if absent:
        names = ", ".join(map(escape, absent))
        facts.append(f"Not in the {part_of(report)} part, and in no average: <b>{names}</b>.")
    if report.get("minutes"):
        facts.append(f"{report['minutes']:.1f} minutes from data to report.")
    warnings = (*split.get("warnings", ()), *about.get("warnings", ()))
    facts += [f"Warning: {escape(warning)}" for warning in warnings]
    listed = "".join(f"<li>{fact}</li>" for fact in facts)
    log = "".join(f"<li>{escape(line)}</li>" for line in report.get("log", ()))
    folded = f"<details><summary>Log of the run</summary><ul>{log}</ul></details>" if log else ""
    return f"<h2>How it was measured</h2>\n<ul>{listed}</ul>\n{folded}"


def genres(report: Report, drawn: Drawn) -> str:
    """Precision, recall and F1 of every label."""
    level, s = top(report)
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
    labels, matrix = report["data"]["labels"], top(report)[1]["confusion"]
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
        f" than {unknown['max_distance']:.2f} from the music it learned from."
        f" Of the clips it was chosen by, {per_cent(unknown['answered'])} are answered and"
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
    listed = table(head, rows, "The trade-off, on the clips that it was chosen by") if rows else ""
    if not (shown or said):
        return ""
    return f'<h2>Confidence and “unknown”</h2>\n{said}\n<div class="columns">{shown}{listed}</div>'
