"""``genrewise watch``: tag what arrives in a folder, once it is complete."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.bundle import find
from genrewise.cli.library_options import (
    db_option,
    limit_options,
    limits,
    opened,
    policy,
    policy_options,
    typed,
)
from genrewise.cli.options import model_option, no_colour_option, seconds
from genrewise.cli.output import say
from genrewise.cli.paths import Tally, expand
from genrewise.cli.tag import JsonRows, Rows, Session
from genrewise.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3

    from genrewise.library.catalogue import Model
    from genrewise.library.policies import Policy
    from genrewise.library.watch import Arrivals

__all__ = ["Watch", "watch"]

#: The walk through a large folder takes no more than this share of the time.
SHARE = 0.1


@dataclass
class Watch:
    """Folders that are looked at, and what becomes of what arrives.

    Parameters
    ----------
    db : Connection
    folders : tuple of str
    model : Model
    file : Path
        Of the model.
    wishes : Policy
    bounds : dict
        Limits of the workers.
    session : Session
        Counts and shows.
    writes : bool
    arrivals : Arrivals
    """

    db: sqlite3.Connection
    folders: tuple[str, ...]
    model: Model
    file: Path
    wishes: Policy
    bounds: dict[str, Any]
    session: Session
    writes: bool
    arrivals: Arrivals
    _away: set[str] = field(default_factory=set)
    _trouble: str = ""
    _owed: array[int] = field(default_factory=lambda: array("q"))

    def round(self) -> float:
        """Look once, tag what has come to rest; returns the seconds that looking took."""
        began = time.monotonic()
        ready = self.arrivals.look(self._walk(), began)
        took = time.monotonic() - began
        if ready or self._owed:
            self._tag(ready)
        return took

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for: all files have come to rest and are done."""
        return not self.arrivals.waiting and not self._owed

    def _walk(self) -> Iterator[str]:
        """Files below the folders; a folder that is away is said once."""
        for folder in self.folders:
            if not Path(folder).is_dir():
                if folder not in self._away:
                    self._away.add(folder)
                    say(f"{folder}: not there; waiting for it", fg="yellow")
                continue
            if folder in self._away:
                self._away.remove(folder)
                say(f"{folder}: back again")
            for path in expand([folder], Tally()):
                if isinstance(path, str):
                    yield path

    def _tag(self, ready: list[str]) -> None:
        """Listen to files and write what is to be written."""
        from genrewise.library.listening import listen
        from genrewise.library.watch import take

        found, rows = take(self.db, ready, self.model)
        for _ in listen(self.db, found.work, self.model, self.file, **self.bounds):
            pass
        self._owed.extend(rows)
        try:
            self._write(self._owed)
        except LibraryError as error:  # another genrewise writes: at the next round, then
            if str(error) != self._trouble:
                say(str(error), fg="yellow")
            self._trouble = str(error)
        else:
            self._owed, self._trouble = array("q"), ""

    def _write(self, rows: array[int]) -> None:
        from genrewise.library.journal import writing
        from genrewise.library.tagging import Writer, suggest
        from genrewise.library.watch import hold_back

        if not rows:
            return
        run = writing(self.db, typed(), self.model.id) if self.writes else nullcontext(0)
        with run as number:
            writer = Writer(self.db, number, self.wishes) if self.writes else None
            self.session.writer = writer
            with writer or nullcontext():
                for suggestions in suggest(self.db, rows, self.model, self.wishes):
                    self.session.take(hold_back(self.db, suggestions))
                    for suggestion in suggestions:
                        self.arrivals.settle(suggestion.entry.file.path)


def _check(folders: tuple[str, ...], once: bool) -> None:
    """Refuse what is no folder, and one that is away where it is not waited for."""
    for folder in folders:
        there = Path(folder).exists()
        if Path(folder).is_dir() or (not there and not once):
            continue
        why = "not a folder" if there else "no such folder"
        raise LibraryError(f"{folder}: {why}", "a folder in which music arrives")


def _watch(work: Watch, interval: float, once: bool) -> None:
    """Look until Ctrl-C, or until nothing is waited for."""
    while True:
        took = work.round()
        if once and work.idle:
            return
        time.sleep(max(interval, took / SHARE) if not once else min(interval, 1.0))


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option(
    "--interval", type=seconds, default=5.0, show_default=True, help="Seconds between two looks."
)
@click.option(
    "--rest",
    type=seconds,
    default=3.0,
    show_default=True,
    help="Seconds that a file must not have changed.",
)
@click.option("--once", is_flag=True, help="End when all that is there has been dealt with.")
@policy_options
@model_option
@db_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as files come.")
@limit_options
@no_colour_option
def watch(
    *,
    folders: tuple[str, ...],
    dry_run: bool,
    interval: float,
    rest: float,
    once: bool,
    model: str,
    db: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Tag what arrives in folders, as genrewise tag --write does.

    A file is taken once it has not changed for a few seconds. What the library knows is left as
    it is; what it does not know yet counts as arrived. A folder that is away is waited for.
    Ctrl-C ends it.
    """
    from genrewise.library import catalogue
    from genrewise.library.watch import Arrivals

    _check(folders, once)
    bounds, path = limits(options), find(model)
    shown = JsonRows() if as_json else Rows(everything=False, writes=not dry_run)
    session = Session(shown, None)
    with opened(db, create=True) as library:
        heard_by = catalogue.register(library, path)
        wishes = policy(heard_by.labels, options)
        work = Watch(
            *(library, folders, heard_by, path, wishes, bounds),
            *(session, not dry_run, Arrivals(rest)),
        )
        with suppress(KeyboardInterrupt):  # that is how it ends
            _watch(work, interval, once)
    shown.close()
    say(session.summary(Tally()))
