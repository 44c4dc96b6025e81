"""``genrewise duplicates``: songs that a library holds more than once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.library_options import db_option, opened, shown_path
from genrewise.cli.options import no_colour_option
from genrewise.cli.output import Column, JsonArray, Table, clock, ready_stdout, say
from genrewise.cli.output import size as shown_size

if TYPE_CHECKING:
    from genrewise.library.duplicates import Duplicates

__all__ = ["duplicates", "record"]

_COLUMNS = (
    Column("kind", 10),
    Column("alike", 5, right=True),
    Column("length", 8, right=True),
    Column("size", 9, right=True),
    Column("file"),
)


def record(found: Duplicates) -> dict[str, Any]:
    """Files of one song as JSON has them."""
    return {
        "kind": found.kind,
        "similarity": found.similarity,
        "files": [
            {
                "path": entry.file.path,
                "bytes": max(0, entry.file.size),  # not known until the next scan once undone
                "seconds": entry.seconds,
                "format": entry.file.format or entry.file.container,
                "artist": entry.file.artist,
                "title": entry.file.title,
            }
            for entry in found.files
        ],
    }


@click.command()
@click.option("--same-audio", is_flag=True, help="Only what is the same to the byte.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of groups.")
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Whose ear; by default the model that heard most of the library.",
)
@db_option
@no_colour_option
def duplicates(*, same_audio: bool, as_json: bool, model: str, db: Path | None) -> None:
    """List songs that the library holds more than once; nothing is deleted.

    "same audio" is the same to the byte but for its tags. "alike" sounds alike and is as long, as
    the same recording in two formats is: listen before you delete.
    """
    from genrewise.library import catalogue
    from genrewise.library import duplicates as finder

    array, rows = JsonArray(ready_stdout()), Table(_COLUMNS, ready_stdout())
    counts: Counter[str] = Counter()
    with opened(db) as library:
        heard_by = None if same_audio else catalogue.model_in_use(library, model)
        for found in finder.duplicates(library, heard_by):
            counts[found.kind] += 1
            if as_json:
                array.write(record(found))
                continue
            for i, entry in enumerate(found.files):
                first = (found.kind, f"{found.similarity:.3f}") if i == 0 else ("", "")
                about = (clock(entry.seconds), shown_size(entry.file.size))
                rows.row((*first, *about, shown_path(entry.file.path)))
    if as_json:
        array.close()
    told = [f"{n} group{'s' if n != 1 else ''}: {kind}" for kind, n in counts.items()]
    say(", ".join(told) or "no song is there twice")
