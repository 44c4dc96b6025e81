"""``genrewise demo``: the pieces of music that come along, and what the model hears in them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from genrewise.cli.options import model_option, no_colour_option
from genrewise.cli.output import Column, JsonArray, Table, ready_stdout, style
from genrewise.cli.results import stretches
from genrewise.records import ClassifyJob

__all__ = ["SAMPLES", "demo", "strip"]

#: Where the pieces lie.
SAMPLES = Path(__file__).resolve().parent.parent / "samples"
#: Columns of a terminal, and those of the genre over time.
_WIDTH, _CELLS = 80, 22

_COLUMNS = (
    Column("heard as", 9),
    Column("sure", 4, right=True),
    Column("over time", _CELLS),
    Column("written as", 10),
    Column("piece"),
)

_NEXT = (
    ("classify ~/Music", "your own music"),
    ("train my_genres -o my.genrewise", "your own genres"),
    ("models", "which models there are"),
)


def strip(timeline: list[dict[str, Any]], seconds: float, line: str = "─") -> str:
    """Genre over time in one line: each name where it begins, as long as it lasts.

    Parameters
    ----------
    timeline : list of dict
        Segments with start, stop, genre and confidence.
    seconds : float
        Length of the music.
    line : str
        What a stretch is drawn with.

    Returns
    -------
    str
        22 characters: ``jazz──────blues───────``.
    """
    text = ""
    for _, stop, genre, _ in stretches(timeline):
        width = round(_CELLS * min(1.0, stop / seconds)) - len(text)
        text += genre[:width].ljust(width, line)
    return text.ljust(_CELLS, line)


def _records(model: str) -> Iterator[dict[str, Any]]:
    """What the model says of each piece, beside what the piece is."""
    classify = ClassifyJob(model, timeline=True)()
    pieces = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    for piece in pieces:
        path = SAMPLES / piece["file"]
        started = time.perf_counter()
        found = classify(str(path))
        elapsed = time.perf_counter() - started
        about = {"path": str(path), "title": piece["title"], "written_as": piece["genre"]}
        yield about | found | {"elapsed": elapsed}


def _program() -> str:
    """What to type for this program: its name where the shell finds it, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("genrewise")
    if called.stem != "genrewise" or (found and Path(found).resolve() == called.resolve()):
        return "genrewise"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)


def _show(records: Iterator[dict[str, Any]], out: TextIO) -> None:
    """The pieces as a table, the total below it."""
    utf = (out.encoding or "").lower().startswith("utf")
    table, model, seconds, elapsed = Table(_COLUMNS, out), "", 0.0, 0.0
    for record in records:
        genre = record["genre"]
        cells = (
            genre or "unknown",
            f"{record['confidence']:.0%}",
            strip(record["timeline"], record["seconds"], "─" if utf else "-"),
            record["written_as"],
            record["title"],
        )
        table.row(cells, **({"bold": True} if genre else {"dim": True}))
        model = record["model"]
        seconds += record["seconds"]
        elapsed += record["elapsed"]
    out.write(f"\n{seconds:.0f} s of music, made by genrewise's own synthesiser,")
    out.write(f" heard by {model}\nin {elapsed:.1f} s.\n")


def _suggest(out: TextIO) -> None:
    """What to type next."""
    program = _program()
    width = max(len(command) for command, _ in _NEXT)
    lines = [(f"  {program} {command.ljust(width)}", f"  {what}") for command, what in _NEXT]
    # A long path takes the line; the commands matter more than what is said of them.
    fit = max(len(line + note) for line, note in lines) <= _WIDTH
    out.write("\nNext:\n")
    for line, note in lines:
        out.write((line + style(note, out, dim=True) if fit else line.rstrip()) + "\n")


@click.command()
@model_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@no_colour_option
def demo(model: str, as_json: bool) -> None:
    """Classify a few short pieces of music that come along.

    They were written and played by genrewise's own synthesiser, so nothing is needed to
    see what an answer looks like.
    """
    out = ready_stdout()
    records = _records(model)
    if as_json:
        array = JsonArray(out)
        for record in records:
            array.write(record)
        array.close()
        return
    _show(records, out)
    _suggest(out)
