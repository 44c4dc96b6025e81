"""``genrewise tag``: genres into the tags of a music library; writes nothing unless told to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from genrewise.bundle import find
from genrewise.cli.library_options import (
    db_option,
    limit_options,
    limits,
    opened,
    policy,
    policy_options,
    shown_path,
    typed,
)
from genrewise.cli.options import model_option, no_colour_option
from genrewise.cli.output import Column, JsonArray, JsonLines, Progress, Table, ready_stdout, say
from genrewise.cli.paths import Tally, expand, is_url
from genrewise.engine import Refused
from genrewise.errors import GenrewiseError

if TYPE_CHECKING:
    import sqlite3

    from genrewise.library.catalogue import Model
    from genrewise.library.policies import Policy
    from genrewise.library.scan import Scan
    from genrewise.library.tagging import Suggestion, Writer

__all__ = ["JsonRows", "Rows", "Session", "record", "tag"]

#: States of files with which there is something to do.
_TO_DO = ("proposed", "review", "failed")
_COLOURS = {"written": "green", "proposed": "green", "review": "yellow", "failed": "red"}


def record(suggestion: Suggestion) -> dict[str, Any]:
    """A suggestion as JSON has it."""
    file, proposal = suggestion.entry.file, suggestion.proposal
    return {
        "path": file.path,
        "state": proposal.state,
        "genres": list(proposal.genres),
        "confidence": proposal.confidence,
        "runner_up": proposal.runner_up,
        "reason": proposal.reason,
        "current": list(file.genres),
        "artist": file.artist,
        "album": file.album,
        "title": file.title,
        "seconds": suggestion.entry.seconds,
    }


def _failure(path: str, error: str) -> dict[str, Any]:
    """What stands in JSON for a path that is no file."""
    empty: dict[str, Any] = {"genres": [], "confidence": 0.0, "runner_up": ""}
    about: dict[str, Any] = {"current": [], "artist": "", "album": "", "title": "", "seconds": 0.0}
    return {"path": path, "state": "failed", **empty, "reason": error, **about}


class _Shown(Protocol):
    def album(self, suggestions: list[Suggestion]) -> None:
        """Show what an album's songs have in common."""

    def file(self, found: dict[str, Any], fresh: bool) -> None:
        """Show a file; `fresh` where it has just been written."""

    def close(self) -> None:
        """Show what ends the document."""


class JsonRows:
    """JSON of all files.

    Parameters
    ----------
    array : bool
        One array, or an object a line as they come.
    """

    def __init__(self, array: bool = False) -> None:
        out = ready_stdout()
        self._rows = JsonArray(out) if array else JsonLines(out)

    def album(self, suggestions: list[Suggestion]) -> None:
        """Nothing: every file says its album."""

    def file(self, found: dict[str, Any], fresh: bool) -> None:  # noqa: ARG002
        """An object."""
        self._rows.write(found)

    def close(self) -> None:
        """What ends the document."""
        self._rows.close()


class Rows:
    """A table of the files with which there is something to do, or of all."""

    def __init__(self, everything: bool, writes: bool) -> None:
        columns = (
            Column("state", 8),
            Column("genre", 24),
            Column("confidence", 10, right=True),
            Column("before" if writes else "now", 16),
            Column("file"),
        )
        self._all, self._table = everything, Table(columns, ready_stdout())

    def album(self, suggestions: list[Suggestion]) -> None:
        """A line below the songs of an album that are heard as several genres."""
        found = suggestions[0].disagreement
        shown = [s for s in suggestions if s.proposal.state in ("proposed", "review")]
        if found is None or len(shown) < 2:
            return
        parts = ", ".join(f"{n} {genre}" for genre, n in found.genres)
        told = f"  {found.album}: {parts}; together {found.together} {found.confidence:.2f}"
        self._table.note(told)

    def file(self, found: dict[str, Any], fresh: bool) -> None:
        """A row, where there is something to do or it has just been done."""
        state = found["state"]
        if not (self._all or fresh or state in _TO_DO):
            return
        genre = "; ".join(found["genres"]) or "–"
        if state == "review":
            genre += "?"
        sure = f"{found['confidence']:.2f}" if found["confidence"] else ""
        now = "; ".join(found["current"])
        cells = [state, genre, sure, now, shown_path(found["path"])]
        self._table.row(cells, **({"fg": _COLOURS[state]} if state in _COLOURS else {}))

    def close(self) -> None:
        """Nothing to add."""


class Session:
    """What becomes of the files of one call, counted and shown.

    Parameters
    ----------
    shown : object
        Where files are shown.
    writer : Writer, optional
        Writes what is proposed; None only shows it.
    """

    def __init__(self, shown: _Shown, writer: Writer | None) -> None:
        self.shown, self.writer = shown, writer
        self.counts: Counter[str] = Counter()
        self.written = 0

    def refuse(self, items: Iterable[Refused]) -> None:
        """Show what is no file."""
        for item in items:
            self._count(_failure(item.item, item.error))

    def take(self, suggestions: list[Suggestion]) -> None:
        """Show the songs of an album, and write them where that is wanted."""
        for suggestion in suggestions:
            if suggestion.proposal.state == "proposed" and self.writer is not None:
                self._write(suggestion, self.writer)
            else:
                self._count(record(suggestion))
        self.shown.album(suggestions)

    def _write(self, suggestion: Suggestion, writer: Writer) -> None:
        from genrewise.library.catalogue import without_path

        path = suggestion.entry.file.path
        try:
            suggestion, note = writer.write(suggestion)
        except GenrewiseError as error:
            reason = without_path(str(error), path)
            self._count(record(suggestion) | {"state": "failed", "reason": reason})
            return
        self.written += 1
        if note:
            say(f"{shown_path(path)}: {note}", fg="yellow")
        self._count(record(suggestion), fresh=True)

    def _count(self, found: dict[str, Any], fresh: bool = False) -> None:
        self.counts[found["state"]] += 1
        self.shown.file(found, fresh)
        if found["state"] == "failed":
            say(f"{shown_path(found['path'])}: {found['reason']}", fg="red")

    def summary(self, tally: Tally) -> str:
        """The closing line: ``12 files: 8 proposed, 2 to review, 2 kept; passed over 3 …``."""
        n = sum(self.counts.values())
        earlier = self.counts["written"] - self.written
        parts = [
            (self.counts["proposed"], "proposed"),
            (self.written, "written"),
            (self.counts["review"], "to review"),
            (earlier, "written before"),
            *((self.counts[state], state) for state in ("kept", "skipped", "new", "failed")),
        ]
        told = ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing to do"
        text = f"{n} file{'s' if n != 1 else ''}: {told}"
        if tally.passed_over:
            be = "is" if tally.passed_over == 1 else "are"
            text += f"; passed over {tally.passed_over} that {be} no audio"
        return text

    def advice(self) -> Iterator[str]:
        """What can be done next."""
        if self.writer is None and self.counts["proposed"]:
            yield "nothing was written; --write writes what is proposed"
        if self.writer is not None and self.written:
            yield "genrewise undo takes it back"
        if self.counts["review"]:
            yield "genrewise review shows what the model is not sure of"


def walk(paths: Iterable[str], tally: Tally) -> Iterator[str | Refused]:
    """Files that paths stand for, counted on a terminal; addresses are refused."""
    with Progress("files found") as progress:
        for n, item in enumerate(expand(paths, tally)):
            if isinstance(item, str) and is_url(item):
                yield Refused(item, "an address. A library holds files")
            elif isinstance(item, (str, Refused)):
                yield item
            progress.update(n)


def hear(
    db: sqlite3.Connection, found: Scan, model: Model, path: Path, bounds: dict[str, Any]
) -> None:
    """Listen to what is new or changed, and say how far it is."""
    from genrewise.library.listening import listen

    with Progress("files", len(found.work)) as progress:
        for n, outcome in enumerate(listen(db, found.work, model, path, **bounds), 1):
            progress.update(n, outcome.item.path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--write", is_flag=True, help="Write into the files; without it nothing is.")
@policy_options
@model_option
@db_option
@click.option("--retry", is_flag=True, help="Also files that failed before and did not change.")
@click.option("--all", "everything", is_flag=True, help="Also show what is kept as it is.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of all files.")
@limit_options
@no_colour_option
@click.pass_context
def tag(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    write: bool,
    model: str,
    db: Path | None,
    retry: bool,
    everything: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Find out the genres of a music library and, with --write, tag it.

    PATHS are files, folders (all audio below them) or patterns. Without --write it says what it
    would do. What was heard is kept in the library: the next call listens only to what is new or
    has changed. Every write can be taken back: genrewise undo.

    Exit code 1 means that some files failed.
    """
    from genrewise.library import catalogue
    from genrewise.library.journal import writing
    from genrewise.library.scan import scan
    from genrewise.library.tagging import Writer, suggest

    bounds, path, tally = limits(options), find(model), Tally()
    with opened(db, create=True) as library:
        heard_by = catalogue.register(library, path)
        wishes: Policy = policy(heard_by.labels, options)
        roots = [p for p in paths if os.path.lexists(p)]
        found = scan(library, walk(paths, tally), heard_by.id, roots=roots, retry=retry)
        hear(library, found, heard_by, path, bounds)
        shown = JsonRows(array=True) if as_json else Rows(everything, write)
        run = writing(library, typed(), heard_by.id) if write else nullcontext(0)
        with run as number:
            writer = Writer(library, number, wishes) if write else None
            session = Session(shown, writer)
            session.refuse(found.refused)
            with writer or nullcontext():
                for suggestions in suggest(library, found.scope, heard_by, wishes):
                    session.take(suggestions)
        shown.close()
    say(session.summary(tally))
    for line in session.advice():
        say(line)
    ctx.exit(int(session.counts["failed"] > 0))
