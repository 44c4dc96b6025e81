"""The data report: what a data set holds and what is wrong with it, before anyone trains.

Built from a data set and the facts of its audio; shown as text, as an HTML fragment or
as plain values for JSON.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from genrewise.training.datasets.base import Dataset, some
from genrewise.training.datasets.duplicates import Duplicate, duplicates
from genrewise.training.datasets.scan import Facts

__all__ = ["Balance", "DataReport", "Lengths", "Pair", "data_report", "html", "page", "text"]

#: Share of silence, of clipped samples, and ratio of class sizes that are worth a line.
SILENT, CLIPPED, UNEVEN = 0.5, 0.001, 3.0
#: Groups below which a class cannot be in every part of a split with something to spare.
FEW_GROUPS = 5


@dataclass(frozen=True)
class Balance:
    """How much of one genre there is.

    Parameters
    ----------
    label : str
    clips, tracks, groups : int
    seconds : float
        0 where the data set holds no audio.
    largest : float
        Share of the clips that lie in the largest group, 0 to 1.
    """

    label: str
    clips: int
    tracks: int
    groups: int
    seconds: float
    largest: float


@dataclass(frozen=True)
class Lengths:
    """Lengths in seconds.

    Parameters
    ----------
    shortest, median, longest, total : float
    """

    shortest: float
    median: float
    longest: float
    total: float


@dataclass(frozen=True)
class Pair:
    """Two files that hold the same audio.

    Parameters
    ----------
    first, second : str
        Paths.
    offset, overlap : float
        Seconds.
    error : float
        Share of differing fingerprint bits.
    across_groups : bool
        A split could have parted them.
    labels_differ : bool
    """

    first: str
    second: str
    offset: float
    overlap: float
    error: float
    across_groups: bool
    labels_differ: bool


@dataclass(frozen=True)
class DataReport:
    """What a data set holds.

    Parameters
    ----------
    name : str
    kind : {"audio", "pictures", "features"}
    clips, tracks, groups : int
    balance : tuple of Balance
        By label, in the order of the class indices.
    parts : dict of str to int
        Clips by the split column, ``""`` for none; empty where there is no such column.
    lengths : Lengths or None
    rates, channels, codecs : dict
        Files by sample rate in Hz, by channels, by codec; most frequent first.
    unreadable : tuple of (path, reason)
    damaged : tuple of (path, seconds lost)
    silent : tuple of (path, share)
        Files silent for at least half their time.
    clipped : tuple of (path, share)
        Files with at least a thousandth of their samples clipped.
    pairs : tuple of Pair
    warnings : tuple of str
    passed : tuple of str
        What the reader passed over.
    """

    name: str
    kind: str
    clips: int
    tracks: int
    groups: int
    balance: tuple[Balance, ...]
    parts: dict[str, int]
    lengths: Lengths | None
    rates: dict[int, int]
    channels: dict[int, int]
    codecs: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    damaged: tuple[tuple[str, float], ...]
    silent: tuple[tuple[str, float], ...]
    clipped: tuple[tuple[str, float], ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]
    passed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        from dataclasses import asdict

        return asdict(self)


def _balance(dataset: Dataset, facts: Sequence[Facts]) -> tuple[Balance, ...]:
    by_label: dict[str, list[int]] = {label: [] for label in dataset.labels}
    for i, item in enumerate(dataset.items):
        by_label[item.label].append(i)
    rows = []
    for label, indices in by_label.items():
        items = [dataset.items[i] for i in indices]
        groups = Counter(item.group for item in items)
        rows.append(
            Balance(
                label,
                len(items),
                len({item.track for item in items}),
                len(groups),
                sum(facts[i].seconds for i in indices) if facts else 0.0,
                max(groups.values()) / len(items) if items else 0.0,
            )
        )
    return tuple(rows)


def _lengths(facts: Sequence[Facts]) -> Lengths | None:
    seconds = sorted(f.seconds for f in facts if not f.error)
    if not seconds:
        return None
    return Lengths(seconds[0], seconds[len(seconds) // 2], seconds[-1], math.fsum(seconds))


def _counts(values: Iterable[Any]) -> dict[Any, int]:
    return dict(Counter(values).most_common())


def _pairs(dataset: Dataset, found: Sequence[Duplicate]) -> tuple[Pair, ...]:
    items = dataset.items
    pairs = [
        Pair(
            items[d.first].path,
            items[d.second].path,
            d.offset,
            d.overlap,
            d.error,
            d.across(items),
            d.contradicts(items),
        )
        for d in found
    ]
    return tuple(sorted(pairs, key=lambda p: (not p.across_groups, not p.labels_differ, p.error)))


def _class_warnings(balance: Sequence[Balance]) -> list[str]:
    lines = []
    sizes = [b.clips for b in balance]
    if len(balance) < 2:
        lines.append("one genre only: there is nothing to tell apart")
    elif max(sizes) > UNEVEN * min(sizes):
        few, many = min(balance, key=lambda b: b.clips), max(balance, key=lambda b: b.clips)
        lines.append(
            f"uneven: {many.clips} clips of {many.label}, {few.clips} of {few.label}; "
            "read macro figures rather than accuracy"
        )
    few_groups = [f"{b.label} ({b.groups})" for b in balance if b.groups < FEW_GROUPS]
    if few_groups:
        lines.append(
            f"fewer than {FEW_GROUPS} groups in {some(few_groups)}: "
            "figures for these genres will not mean much"
        )
    lines += [
        f"{b.largest:.0%} of {b.label} lies in one group: it stands on one side of every split"
        for b in balance
        if b.groups >= FEW_GROUPS and b.largest > 0.4
    ]
    return lines


def _audio_warnings(facts: Sequence[Facts], pairs: Sequence[Pair]) -> list[str]:
    lines = []
    apart = sum(p.across_groups for p in pairs)
    if apart:
        lines.append(
            f"{apart} pairs of near-duplicates lie in different groups: their groups are joined "
            "before a split"
        )
    torn = [p for p in pairs if p.labels_differ]
    if torn:
        lines.append(
            f"{len(torn)} pairs hold the same audio under two labels, such as {torn[0].first} "
            f"and {torn[0].second}"
        )
    rates = {f.sr for f in facts if f.sr}
    if len(rates) > 1 and min(rates) < 32_000 < max(rates):
        lines.append(
            f"sample rates from {min(rates)} to {max(rates)} Hz: a model may learn the missing "
            "treble of one genre instead of its music"
        )
    return lines


def data_report(
    dataset: Dataset,
    facts: Sequence[Facts] = (),
    found: Sequence[Duplicate] | None = None,
) -> DataReport:
    """The report on a data set.

    Parameters
    ----------
    dataset : Dataset
        As read, before near-duplicates are joined.
    facts : sequence of Facts
        Of its audio (:func:`.scan.scan`); empty leaves those parts out.
    found : sequence of Duplicate, optional
        Where they were searched for already.

    Returns
    -------
    DataReport
    """
    found = duplicates(dataset, facts) if found is None else found
    pairs = _pairs(dataset, found)
    balance = _balance(dataset, facts)
    good = [f for f in facts if not f.error]
    parts = Counter(item.split for item in dataset.items)
    return DataReport(
        name=dataset.name,
        kind=dataset.kind,
        clips=len(dataset.items),
        tracks=len({item.track for item in dataset.items}),
        groups=len({item.group for item in dataset.items}),
        balance=balance,
        parts={} if set(parts) == {""} else dict(sorted(parts.items())),
        lengths=_lengths(facts),
        rates=_counts(f.sr for f in good),
        channels=_counts(f.channels for f in good),
        codecs=_counts(f.codec for f in good),
        unreadable=tuple((f.path, f.error) for f in facts if f.error),
        damaged=tuple((f.path, f.lost) for f in good if f.partial),
        silent=tuple((f.path, f.silent) for f in good if f.silent >= SILENT),
        clipped=tuple((f.path, f.clipped) for f in good if f.clipped >= CLIPPED),
        pairs=pairs,
        warnings=(*dataset.warnings, *_class_warnings(balance), *_audio_warnings(good, pairs)),
        passed=dataset.passed,
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _facts_lines(report: DataReport) -> list[tuple[str, str]]:
    """Name and value of what is told in one line each."""
    lines = [
        ("clips", f"{report.clips} of {report.tracks} tracks in {report.groups} groups"),
    ]
    if report.lengths:
        x = report.lengths
        lines.append(
            (
                "lengths",
                f"{_clock(x.total)} in all; {x.shortest:.1f} s to {x.longest:.1f} s, "
                f"median {x.median:.1f} s",
            )
        )
    tables: tuple[tuple[str, dict[Any, int], str], ...] = (
        ("rates", report.rates, " Hz"),
        ("channels", report.channels, ""),
        ("codecs", report.codecs, ""),
    )
    for name, counts, unit in tables:
        if counts:
            shown = [f"{key}{unit} ({n})" for key, n in counts.items()]
            lines.append((name, some(shown, 5)))
    if report.parts:
        shown = [f"{part or 'outside'} {n}" for part, n in report.parts.items()]
        lines.append(("split", ", ".join(shown)))
    return lines


def _trouble(report: DataReport) -> list[tuple[str, list[str]]]:
    """Title and lines of what is wrong with single files."""
    across = [p for p in report.pairs if p.across_groups]
    within = [p for p in report.pairs if not p.across_groups]

    def told(pairs: Sequence[Pair]) -> list[str]:
        return [
            f"{p.first} = {p.second}"
            + (f" from {p.offset:+.1f} s" if abs(p.offset) > 0.5 else "")
            + f" ({p.overlap:.0f} s, {p.error:.0%} differs)"
            + (" UNDER TWO LABELS" if p.labels_differ else "")
            for p in pairs
        ]

    sections = [
        ("unreadable", [f"{path}: {reason}" for path, reason in report.unreadable]),
        ("damaged", [f"{path}: {lost:.1f} s lost" for path, lost in report.damaged]),
        ("silent", [f"{path}: {share:.0%} silent" for path, share in report.silent]),
        ("clipped", [f"{path}: {share:.2%} of the samples" for path, share in report.clipped]),
        ("near-duplicates across groups", told(across)),
        ("near-duplicates within a group", told(within)),
    ]
    return [(title, lines) for title, lines in sections if lines]


_HEADINGS = ("genre", "clips", "tracks", "groups", "minutes", "largest group")


def _rows(report: DataReport) -> list[tuple[str, ...]]:
    return [
        (
            b.label,
            str(b.clips),
            str(b.tracks),
            str(b.groups),
            f"{b.seconds / 60:.1f}" if b.seconds else "–",
            f"{b.largest:.0%}",
        )
        for b in report.balance
    ]


def text(report: DataReport, most: int = 10) -> str:
    """The report as text, with at most `most` lines for each kind of trouble."""
    rows = [_HEADINGS, *_rows(report)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    lines = [f"{report.name} ({report.kind})"]
    lines += [f"  {name:<10}{value}" for name, value in _facts_lines(report)]
    lines.append("")
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  " + "  ".join(cells))
    for title, own in _trouble(report):
        lines += ["", f"{title}: {len(own)}", *(f"  {line}" for line in own[:most])]
        if len(own) > most:
            lines.append(f"  and {len(own) - most} more")
    if report.warnings:
        lines += ["", "warnings", *(f"  {line}" for line in report.warnings)]
    lines += ["", *(f"({line})" for line in report.passed)] if report.passed else []
    return "\n".join(lines) + "\n"


def html(report: DataReport, most: int = 50) -> str:
    """The report as an HTML fragment, one ``section`` that needs no script and no style."""
    largest = max((b.clips for b in report.balance), default=1)
    parts = ['<section class="data-report">', f"<h2>Data: {escape(report.name)}</h2>", "<dl>"]
    for name, value in _facts_lines(report):
        parts.append(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>")
    parts.append("</dl>\n<table><thead><tr>")
    parts += [f'<th scope="col">{escape(h)}</th>' for h in (*_HEADINGS, "")]
    parts.append("</tr></thead><tbody>")
    for row, own in zip(_rows(report), report.balance, strict=True):
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        bar = f'<td><meter max="{largest}" value="{own.clips}">{own.clips}</meter></td>'
        parts.append(f'<tr><th scope="row">{escape(row[0])}</th>{cells}{bar}</tr>')
    parts.append("</tbody></table>")
    if report.warnings:
        parts += ["<h3>Warnings</h3>", _list(report.warnings, most)]
    for title, lines in _trouble(report):
        parts += [f"<details><summary>{escape(title)}: {len(lines)}</summary>"]
        parts += [_list(lines, most), "</details>"]
    if report.passed:
        parts.append(f"<p>{escape('; '.join(report.passed))}</p>")
    parts.append("</section>\n")
    return "\n".join(parts)


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}th,td{padding:.2em .8em;text-align:right}"
    "th[scope=row]{text-align:left}tbody tr:nth-child(odd){background:#8881}"
    "dt{font-weight:600;float:left;min-width:6em}"
)


def page(report: DataReport) -> str:
    """The report as a whole HTML page that fetches nothing."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Data: {escape(report.name)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{html(report)}</body></html>\n"
    )


def _list(lines: Sequence[str], most: int) -> str:
    shown = [f"<li>{escape(line)}</li>" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"<li>and {len(lines) - most} more</li>")
    return "<ul>" + "".join(shown) + "</ul>"
