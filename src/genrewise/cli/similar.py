"""``genrewise similar``: the songs of a library that sound most like one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.library_options import db_option, limit_options, limits, opened, shown_path
from genrewise.cli.options import no_colour_option
from genrewise.cli.output import Column, JsonArray, Table, clock, ready_stdout, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrewise.library.playlists import Item
    from genrewise.library.similar import Neighbour

__all__ = ["record", "similar"]

_COLUMNS = (
    Column("alike", 6, right=True),
    Column("genre", 20),
    Column("length", 8, right=True),
    Column("file"),
)


def _genre(found: Neighbour) -> str:
    """The genre of a song: as it is tagged, else as it was heard."""
    from genrewise.labels import display

    if found.entry.file.genres:
        return "; ".join(found.entry.file.genres)
    heard = found.entry.answer
    return display(heard.genre) if heard and heard.genre else ""


def record(found: Neighbour) -> dict[str, Any]:
    """A neighbour as JSON has it."""
    file = found.entry.file
    return {
        "path": file.path,
        "similarity": found.similarity,
        "genre": _genre(found),
        "artist": file.artist,
        "album": file.album,
        "title": file.title,
        "seconds": found.entry.seconds,
    }


def _items(found: Sequence[Neighbour]) -> list[Item]:
    from genrewise.library.playlists import Item

    return [Item(**record(neighbour)) for neighbour in found]


def _show(found: Sequence[Neighbour], as_json: bool) -> None:
    if as_json:
        array = JsonArray(ready_stdout())
        for neighbour in found:
            array.write(record(neighbour))
        array.close()
        return
    rows = Table(_COLUMNS, ready_stdout())
    for neighbour in found:
        length = clock(neighbour.entry.seconds)
        path = shown_path(neighbour.entry.file.path)
        rows.row((f"{neighbour.similarity:.3f}", _genre(neighbour), length, path))


def _write(found: Sequence[Neighbour], playlist: Path | None, table: Path | None) -> None:
    from genrewise.library.playlists import write_csv, write_playlist

    for path, write in ((playlist, write_playlist), (table, write_csv)):
        if path is not None:
            write(path, _items(found))
            say(f"{len(found)} song{'s' if len(found) != 1 else ''} in {path}")


@click.command()
@click.argument("song", type=click.Path(readable=False))
@click.option(
    "-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many songs."
)
@click.option("--genre", default="", metavar="GENRE", help="Of this genre only.")
@click.option("--not-same-artist", "other_artist", is_flag=True, help="Of other artists only.")
@click.option("--not-same-album", "other_album", is_flag=True, help="Of other albums only.")
@click.option("--no-duplicates", is_flag=True, help="No copies of the song, nor two of another.")
@click.option(
    "--playlist",
    type=click.Path(path_type=Path),
    metavar="FILE.m3u8",
    help="Also write a playlist, the song itself left out.",
)
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), metavar="FILE.csv", help="Also a table."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Whose ear; by default the model that heard most of the library.",
)
@db_option
@limit_options
@no_colour_option
def similar(
    *,
    song: str,
    count: int,
    playlist: Path | None,
    table: Path | None,
    as_json: bool,
    model: str,
    db: Path | None,
    **options: Any,
) -> None:
    """Find the songs of the library that sound most like SONG.

    SONG is one of the library's or any other file, which is then listened to. What is compared is
    the place at which the library's model puts a song: 1 is the very same, 0 nothing in common.
    """
    bounds = limits(options)
    with opened(db) as library:
        from genrewise.library import catalogue
        from genrewise.library import similar as finder

        heard_by = catalogue.model_in_use(library, model)
        to = finder.song(library, song, heard_by, **bounds)
        wanted = finder.Filters(**options)
        found = finder.similar(library, heard_by, to, count, wanted)
    _show(found, as_json)
    _write(found, playlist, table)
    if not found:
        say("nothing is left to compare it with")
