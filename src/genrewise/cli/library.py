"""``genrewise library``: how the music library stands, what is in it, out of it, in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.library_options import db_option, opened, shown_path
from genrewise.cli.options import no_colour_option, size
from genrewise.cli.output import (
    Column,
    JsonArray,
    Progress,
    Table,
    clock,
    json_text,
    ready_stdout,
    say,
    table,
)
from genrewise.cli.output import size as shown_size
from genrewise.cli.tables import TableFile

if TYPE_CHECKING:
    import sqlite3

    from genrewise.library.catalogue import Entry, Model

__all__ = ["library"]

_json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_model_option = click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Whose answers; by default those of the model that gave most.",
)


@click.group()
def library() -> None:
    """Say how the music library stands, list, export, prune it."""


# ------------------------------------------------------------------ status


@library.command()
@_json_option
@db_option
@no_colour_option
def status(as_json: bool, db: Path | None) -> None:
    """How many files are in which state, which genres there are, how large it all is."""
    from genrewise.library.database import database_path
    from genrewise.library.status import status as found_in

    with opened(db) as library:
        found = found_in(library, db or database_path())
    if as_json:
        ready_stdout().write(json_text(found, indent=2) + "\n")
        return
    table(("state", "files", "meaning"), _states(found), right=(1,))
    for line in _lines(found):
        ready_stdout().write(line + "\n")


def _states(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    from genrewise.library.catalogue import STATES

    for state, n in found["states"].items():
        if n:
            yield state, str(n), STATES[state]


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """What a library holds, below the table of its states."""
    songs = _count(found["songs"], "song")
    yield f"{_count(found['files'], 'file')} of {songs}, {clock(3600 * found['hours'])}"
    if found["genres"]:
        first = [f"{genre} {n}" for genre, n in list(found["genres"].items())[:10]]
        more = len(found["genres"]) - len(first)
        yield "genres: " + ", ".join(first) + (f" and {more} more" if more > 0 else "")
    for model in found["models"]:
        yield f"{model['name']} ({model['hash'][:8]}) answered for {model['answers']}"
    if found["decisions"]:
        yield "you said: " + ", ".join(
            f"{n} {verdict}" for verdict, n in found["decisions"].items()
        )
    journal = found["journal"]
    yield (
        f"journal: {_count(journal['writes'], 'write')},"
        f" {journal['undoable']} can be undone, {shown_size(journal['bytes'])}"
    )
    for run in found["runs"]:
        writes = f"{_count(run['writes'], 'write')}, {run['undoable']} can be undone"
        yield f"  run {run['run']}, {run['began']}: {writes}: {run['command']}"
    yield f"{found['library']}: {shown_size(found['bytes'])}"


# ------------------------------------------------------------------ list and export


def _model(db: sqlite3.Connection, name: str) -> Model | None:
    """The model whose answers are shown; None where no model has answered yet."""
    from genrewise.library.catalogue import model_in_use, models

    return model_in_use(db, name) if name or any(n for _, n in models(db)) else None


_COLUMNS = (
    Column("state", 8),
    Column("genre", 24),
    Column("heard as", 20),
    Column("file"),
)


def _cells(entry: Entry) -> list[str]:
    answer = entry.answer
    heard = "" if answer is None else f"{answer.genre or 'unknown'} {answer.confidence:.2f}"
    return [entry.file.state, "; ".join(entry.file.genres), heard, shown_path(entry.file.path)]


@library.command("list")
@click.option("--state", "states", multiple=True, metavar="STATE", help="In this state only.")
@click.option("--genre", default="", metavar="GENRE", help="That carry this genre only.")
@_json_option
@_model_option
@db_option
@no_colour_option
def list_files(
    states: tuple[str, ...], genre: str, as_json: bool, model: str, db: Path | None
) -> None:
    """List files: state, genre in the tags, what they were heard as."""
    from genrewise.library.catalogue import every
    from genrewise.library.exports import record

    with opened(db) as library:
        heard_by = _model(library, model)
        found = every(library, heard_by.id if heard_by else 0, states, genre)
        if as_json:
            array = JsonArray(ready_stdout())
            for entry in found:
                array.write(record(entry, heard_by))
            array.close()
            return
        rows = Table(_COLUMNS, ready_stdout())
        for entry in found:
            rows.row(_cells(entry))


@contextmanager
def _json_file(output: str) -> Iterator[JsonArray]:
    """An array that takes its name when it is whole."""
    part = Path(output + ".part")
    with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
        array = JsonArray(file)
        yield array
        array.close()
    os.replace(part, output)  # noqa: PTH105


@library.command()
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="A .csv, .json or .parquet file.",
)
@click.option("--embeddings", is_flag=True, help="Also the embeddings (CSV and Parquet).")
@_json_option
@_model_option
@db_option
@no_colour_option
def export(output: str, embeddings: bool, as_json: bool, model: str, db: Path | None) -> None:
    """Write all that is known of every file to a table or to JSON."""
    from genrewise.library.catalogue import every
    from genrewise.library.exports import record

    suffix, n = Path(output).suffix.lower(), 0
    if suffix not in (".csv", ".json", ".parquet"):
        given = f"{output}; expected a name that ends in .csv, .json or .parquet"
        raise click.BadParameter(given)
    with opened(db) as library, Progress("files") as progress:
        heard_by = _model(library, model)
        found = every(library, heard_by.id if heard_by else 0)
        if suffix == ".json":
            with _json_file(output) as array:
                for n, entry in enumerate(found, 1):
                    array.write(record(entry, heard_by))
                    progress.update(n)
        else:
            with TableFile(output) as rows:
                for n, flat in enumerate(_flat(library, found, heard_by, embeddings), 1):
                    rows.write(flat)
                    progress.update(n)
    if as_json:
        ready_stdout().write(json_text({"output": output, "files": n}) + "\n")
    else:
        say(f"{_count(n, 'file')} in {output}")


def _flat(
    db: sqlite3.Connection, found: Iterable[Entry], model: Model | None, vectors: bool
) -> Iterator[dict[str, Any]]:
    from genrewise.library.exports import embeddings, row

    if not vectors or model is None:
        yield from (row(entry, model) for entry in found)
        return
    for entry, vector in embeddings(db, found, model):
        yield row(entry, model, vector)


# ------------------------------------------------------------------ prune


@library.command()
@click.option(
    "--keep-runs", type=click.IntRange(0), metavar="N", help="Of the journal: the last N."
)
@click.option(
    "--days", type=click.FloatRange(0), metavar="N", help="Of the journal: the last N days."
)
@click.option("--max-size", type=size, help="Of the journal: as much as this (200M, 2G).")
@_json_option
@db_option
@no_colour_option
def prune(
    keep_runs: int | None,
    days: float | None,
    max_size: int | None,
    as_json: bool,
    db: Path | None,
) -> None:
    """Forget files that are missing and, where you say how much to keep, old writes.

    What goes out of the journal cannot be undone any more; without a limit all of it stays.
    """
    from genrewise.library import journal
    from genrewise.library.status import forget, shrink

    with opened(db) as library:
        found = {"files": forget(library), "writes": 0, "bytes": 0}
        if (keep_runs, days, max_size) != (None, None, None):
            older = None if days is None else timedelta(days=days)
            pruned = journal.prune(
                library, keep_runs=keep_runs, older_than=older, max_bytes=max_size
            )
            found |= {"writes": pruned.writes, "bytes": pruned.bytes}
        shrink(library)
    if as_json:
        ready_stdout().write(json_text(found) + "\n")
        return
    say(f"forgot {_count(found['files'], 'missing file')}")
    if found["writes"]:
        gone = f"{_count(found['writes'], 'write')} ({shown_size(found['bytes'])})"
        say(f"{gone} cannot be undone any more")
