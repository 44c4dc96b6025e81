"""Small parts that the sections of a report are put together from."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from genrewise.training.report import figures

__all__ = [
    "bar",
    "clock",
    "levels_of",
    "note",
    "part_of",
    "per_cent",
    "pictures",
    "share",
    "table",
    "text",
]

#: Levels by growing size; the last that a report has is the one its headline gives.
LEVELS = ("window", "clip", "track")

#: Columns of which more are set closer.
MANY = 9


def part_of(report: Mapping[str, Any]) -> str:
    """The part that the headline is about: test where there is one."""
    return "test" if report.get("test") else "validation"


def levels_of(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Figures by level, smallest level first."""
    return {level: scores[level] for level in LEVELS if level in scores}


def share(value: float | None) -> str:
    """A figure from 0 to 1 with three digits, as papers print it: ``.768``."""
    if value is None:
        return "–"
    return f"{value:.3f}".removeprefix("0") if abs(value) < 1 else f"{value:.3f}"


def per_cent(value: float | None) -> str:
    """``77 %``."""
    return "–" if value is None else f"{100 * value:.0f} %"


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def text(value: Any) -> str:
    """A cell of any kind as HTML; strings and lists stand on the left."""
    if isinstance(value, float):
        return share(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        value = " + ".join(map(str, value))
    return f'<td class="left">{escape(str(value))}</td>'


def bar(value: float) -> str:
    """A cell whose ground is filled up to its value."""
    return f'<td class="bar" style="--w:{100 * value:.0f}%">{share(value)}</td>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", *, stack: bool = False
) -> str:
    """A table whose first column heads its rows.

    Parameters
    ----------
    head : sequence of str
        Plain text.
    rows : iterable of sequence of str
        Cells as HTML, or whole ``<td>`` elements.
    caption : str
        HTML.
    stack : bool
        On a narrow page each row becomes a paragraph of its own.
    """
    body = []
    first: Sequence[str] = ()
    for row in rows:
        first = first or row
        cells = [cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row[1:]]
        named = [
            cell.replace("<td", f'<td data-name="{escape(name)}"', 1)
            for cell, name in zip(cells, head[1:], strict=True)
        ]
        body.append(f'<tr><th scope="row">{row[0]}</th>{"".join(named)}</tr>')
    left = [cell.startswith('<td class="left"') for cell in first] or [False] * len(head)
    heads = "".join(
        f'<th scope="col"{" class=left" if is_left else ""}>{escape(h)}</th>'
        for h, is_left in zip(head, left, strict=True)
    )
    title = f'<p class="soft small">{caption}</p>' if caption else ""
    kinds = [name for name, holds in (("stack", stack), ("dense", len(head) > MANY)) if holds]
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    return (
        f'<div>{title}<div class="wide"><table{kind}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></div>"
    )


_TRIANGLE = "M12 2.5 23 21.5H1Z"
_DISC = "M12 1.5a10.5 10.5 0 1 0 0 21 10.5 10.5 0 0 0 0-21Z"


def note(colour: str, title: str, words: str) -> str:
    """A box that stands out: an icon, a few bold words and what they mean.

    Parameters
    ----------
    colour : {"red", "amber", "blue"}
    title, words : str
        Plain text.
    """
    shape = _DISC if colour == "blue" else _TRIANGLE
    mark = "M12 10v7M12 6.6v.2" if colour == "blue" else "M12 9.5v5.5M12 18v.2"
    return (
        f'<div class="note {colour}" role="note"><svg viewBox="0 0 24 24" aria-hidden="true">'
        f'<path d="{shape}" fill="currentColor"/><path d="{mark}" stroke="var(--paper)"'
        ' stroke-width="2.4" stroke-linecap="round"/></svg>'
        f"<div><b>{escape(title)}.</b> {escape(words)}</div></div>"
    )


def _uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def pictures(wanted: Sequence[tuple[str, str]], drawn: Mapping[str, str]) -> str:
    """Figures with captions, each for light and dark; those not drawn are left out.

    Parameters
    ----------
    wanted : sequence of (str, str)
        Name of the figure and its caption as HTML.
    drawn : mapping of str to str
        Figures as SVG by name
    """
    parts = []
    for name, caption in wanted:
        if name in drawn:
            light, dark = drawn[name], figures.darkened(drawn[name])
            below = f"<figcaption>{caption}</figcaption>" if caption else ""
            parts.append(
                '<figure><picture><source media="(prefers-color-scheme: dark)"'
                f' srcset="{_uri(dark)}"><img src="{_uri(light)}" alt="{escape(name)}"></picture>'
                f"{below}</figure>"
            )
    return "".join(parts)
