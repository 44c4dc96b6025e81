"""The report on a set of runs: one row a system, both protocols, genre by genre, pair by pair."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from genrewise.training.report import grids, set_figures, set_grids
from genrewise.training.report.collect import Source, collect
from genrewise.training.report.duels import duels
from genrewise.training.report.grids import Grid
from genrewise.training.report.html import whole_page, write_figures
from genrewise.training.report.pieces import part_of, pictures, share
from genrewise.training.report.run_grids import top
from genrewise.training.report.systems import System, row, systems
from genrewise.training.sweep_report import found_words, settings_grid

__all__ = ["Whole", "read_set", "write_set"]

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Whole:
    """A set of runs, put together.

    Parameters
    ----------
    rows : list of dict
        As of :func:`.systems.row`.
    duels : list of dict
        As of :func:`.duels.duels`.
    genres : list of (labels, level, scores)
        Systems of one label set: system to ``per_label``, honest, at the largest level.
    sweeps : tuple of Source
    failed : tuple of (path, reason)
        Files that could not be read.
    """

    rows: list[dict[str, Any]]
    duels: list[dict[str, Any]]
    genres: list[tuple[Sequence[str], str, dict[str, Any]]]
    sweeps: tuple[Source, ...]
    failed: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        return {
            "kind": "set",
            "systems": self.rows,
            "mcnemar": self.duels,
            "genres": [
                {"labels": list(labels), "level": level, "f1": _f1(scores)}
                for labels, level, scores in self.genres
            ],
            "sweeps": [
                {key: s.report[key] for key in ("name", "protocol", "total", "best", "agrees")}
                for s in self.sweeps
            ],
        }


def _f1(scores: Mapping[str, Row]) -> dict[str, dict[str, float]]:
    return {
        system: {label: at["f1"] for label, at in found.items()} for system, found in scores.items()
    }


def read_set(folders: Iterable[str | Path]) -> Whole:
    """Read the reports below some folders and put them together.

    Raises
    ------
    DatasetError
        There is none.
    """
    found = collect(folders)
    made = systems(found)
    rows = [row(system) for system in made]
    return Whole(rows, duels(made), _genres(made), found.sweeps, found.failed)


def _genres(found: Iterable[System]) -> list[tuple[Sequence[str], str, dict[str, Any]]]:
    """Systems with the same labels and level stand together, where there are two of them."""
    together: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}
    for system in found:
        if system.honest and part_of(system.honest.report) == "test":
            level, scores = top(system.honest.report)
            labels = tuple(system.honest.report["data"]["labels"])
            together.setdefault((labels, level), {})[system.label] = scores["per_label"]
    return [(*at, scores) for at, scores in together.items() if len(scores) > 1]


def _tables(whole: Whole) -> dict[str, Grid]:
    """The tables that have rows, by title."""
    every = {
        "Systems": set_grids.overview(whole.rows),
        "What the protocol is worth": set_grids.protocols(whole.rows),
        **{
            f"Genre by genre: {len(labels)} genres": set_grids.genres(labels, scores, level)
            for labels, level, scores in whole.genres
        },
        "Who is better on the same tracks": set_grids.versus(whole.duels),
        **{f"Sweep {s.name}, {s.report['protocol']}": _trials(s) for s in whole.sweeps},
    }
    return {title: grid for title, grid in every.items() if grid.rows}


def _trials(source: Source) -> Grid:
    return settings_grid(source.report)


def draw(whole: Whole) -> dict[str, Any]:
    """All figures of a set by the name of their file."""
    drawn = {}
    compared = [r for r in whole.rows if r["authors"] or r["published"] or r["honest"]]
    if compared:
        drawn["protocols"] = set_figures.dumbbells(compared)
    for k, (labels, _, scores) in enumerate(whole.genres, start=1):
        drawn[f"genres-{k}"] = set_figures.heat(labels, scores)
    return drawn


def write_set(folder: str | Path, whole: Whole) -> Path:
    """Write ``report.html``, ``report.json``, ``report.md``, ``table.tex`` and the figures.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    whole : Whole

    Returns
    -------
    Path
        Of the page.
    """
    folder = Path(folder)
    vectors = write_figures(folder / "figures", draw(whole))
    text = json.dumps(whole.to_json(), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    made = _tables(whole)
    parts = [f"## {title}\n\n{grids.markdown(grid)}" for title, grid in made.items()]
    said = [f"# {len(whole.rows)} systems\n\n{headline(whole)}\n", *parts]
    (folder / "report.md").write_text("\n".join(said), encoding="utf-8")
    tex = "\n".join(
        grids.latex(Grid(grid.head, grid.rows, grid.caption or title))
        for title, grid in made.items()
    )
    (folder / "table.tex").write_text(tex, encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(whole, vectors), encoding="utf-8")
    return target


def headline(whole: Whole) -> str:
    """What the protocols are worth, in a sentence or two of plain text."""
    apart = [row for row in whole.rows if row["difference"] is not None]
    if not apart:
        return "No system was run under both protocols."
    mean = 100 * sum(row["difference"] for row in apart) / len(apart)
    most = max(apart, key=lambda row: row["difference"])
    many = f"{len(apart)} systems were" if len(apart) > 1 else "One system was"
    said = f"{many} run under both protocols. Under the authors' split "
    if len(apart) == 1:
        return f"{said}it scores {_more(mean)}: same system, another rule of who is tested on what."
    said += f"they score {_more(mean)} on average, {_more(100 * most['difference'])} for"
    return f"{said} {most['label']}: same systems, another rule of who is tested on what."


def _more(points: float) -> str:
    """``24 points higher``."""
    return f"{abs(points):.0f} points {'higher' if points >= 0 else 'lower'}"


def _protocols(whole: Whole, drawn: Mapping[str, str]) -> str:
    note = (
        "Diamond: what the authors printed. Square: ours by their split rule. Disc: ours where no"
        " track, artist or known copy is on both sides. Thin lines are 95 % intervals."
    )
    shown = pictures([("protocols", note)], drawn)
    grid = set_grids.protocols(whole.rows)
    listed = grids.html(grid) if grid.rows else ""
    title = "<h2>What the protocol is worth</h2>"
    return f'{title}\n<div class="columns">{shown}{listed}</div>' if shown or listed else ""


def _genre_part(whole: Whole, drawn: Mapping[str, str]) -> str:
    parts = []
    for k, (labels, level, scores) in enumerate(whole.genres, start=1):
        note = f"F1 by {level} in hundredths, honest; empty where the test part has none."
        parts.append(f"<h3>{len(labels)} genres</h3>{pictures([(f'genres-{k}', note)], drawn)}")
        folded = grids.html(set_grids.genres(labels, scores, level), stack=True)
        parts.append(f"<details><summary>The same in figures</summary>{folded}</details>")
    return "<h2>Genre by genre</h2>\n" + "\n".join(parts) if parts else ""


def _versus(whole: Whole) -> str:
    if not whole.duels:
        return ""
    n = len(whole.duels)
    many = (
        f" {n} pairs were compared: call a difference sure where p is below {0.05 / n:.4f}, which"
        " is .05 shared among them."
        if n > 1
        else ""
    )
    return (
        "<h2>Who is better on the same tracks</h2>\n<p class='soft small'>McNemar's exact test of"
        " every two honest runs with the same test tracks: only what one of them alone has right"
        f" counts.{many}</p>\n{grids.html(set_grids.versus(whole.duels), stack=True)}"
    )


def _sweeps(whole: Whole) -> str:
    parts = [
        f"<h3>{escape(s.name)}, {escape(str(s.report['protocol']))}</h3>\n"
        f"<p>{escape(found_words(s.report))}</p>\n{grids.html(_trials(s), stack=True)}"
        for s in whole.sweeps
    ]
    return "<h2>Sweeps</h2>\n" + "\n".join(parts) if parts else ""


def _authors(row: Row) -> str:
    """What a system's authors printed, by which split, and where."""
    theirs = row["authors"]
    n = f", n {theirs['n']:,}" if theirs["n"] else ""
    words = [f"{set_grids.measured(row)} {share(theirs['value'])}{n}"]
    words += [theirs[key] for key in ("protocol", "source") if theirs[key]]
    return f"<li><b>{escape(row['label'])}</b>: {escape('; '.join(words))}</li>"


def _origin(whole: Whole) -> str:
    """The authors' figures with their splits and sources; what could not be read."""
    lines = "".join(_authors(row) for row in whole.rows if row["authors"])
    unread = "".join(f"<li>{escape(path)}: {escape(why)}</li>" for path, why in whole.failed)
    parts = [f"<h2>What the authors printed</h2>\n<ul>{lines}</ul>"] if lines else []
    parts += [f"<h2>Could not be read</h2>\n<ul>{unread}</ul>"] if unread else []
    return "\n".join(parts)


def page(whole: Whole, drawn: Mapping[str, str]) -> str:
    """The whole page; `drawn` holds the figures of :func:`draw` as SVG."""
    n = len(whole.rows)
    head = (
        f"<h1>{n} system{'s' if n != 1 else ''}</h1>\n"
        f'<p class="headline">{escape(headline(whole))}</p>'
    )
    listed = grids.html(set_grids.overview(whole.rows), stack=True) if n else ""
    parts = [
        ("systems", "Systems", f"<h2>Systems</h2>\n{listed}" if listed else ""),
        ("protocols", "Protocols", _protocols(whole, drawn)),
        ("genres", "Genres", _genre_part(whole, drawn)),
        ("versus", "Pairs", _versus(whole)),
        ("sweeps", "Sweeps", _sweeps(whole)),
        ("authors", "Authors", _origin(whole)),
    ]
    return whole_page(f"{n} systems", head, parts, "report.json")
