"""``genrewise undo``: give music its old bytes back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.library_options import db_option, opened
from genrewise.cli.options import no_colour_option
from genrewise.cli.output import Column, JsonArray, Table, ready_stdout, say

if TYPE_CHECKING:
    from genrewise.library.undoing import Undone

__all__ = ["undo"]

_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_COLUMNS = (Column("result", 16), Column("genre", 20), Column("was", 20), Column("file"))


def moment(_ctx: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """A point in time: ``2026-05-01``, ``2026-05-01 18:30``, or ``2h``, ``3d``, ``1w`` ago.

    Without a zone it is local time.

    Raises
    ------
    click.BadParameter
        What is none.
    """
    if value is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,6})\s*(min|h|d|w)", value.strip(), re.ASCII):
            span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return datetime.now().astimezone() - span
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError, OSError):
        expected = "2026-05-01, 2026-05-01T18:30, or 30min, 2h, 3d, 1w ago"
        raise click.BadParameter(f"{value!r}; expected a time: {expected}") from None


def _record(item: Undone) -> dict[str, Any]:
    return {
        "path": os.fspath(item.path),
        "run": item.run,
        "state": item.state,
        "genres": list(item.before),
        "written": list(item.after),
        "reason": item.reason,
    }


def _listed(genres: Iterable[str]) -> str:
    return "; ".join(genres) or "–"


def _show(items: Iterable[Undone], as_json: bool) -> dict[str, int]:
    """Show what became of each write as it comes; returns how often which."""
    out = ready_stdout()
    array, table = JsonArray(out), Table(_COLUMNS, out)
    counts: dict[str, int] = {}
    for item in items:
        counts[item.state] = counts.get(item.state, 0) + 1
        if as_json:
            array.write(_record(item))
        else:
            colour = {} if "undone" in item.state else {"fg": "red"}
            path = os.fspath(item.path)
            table.row((item.state, _listed(item.before), _listed(item.after), path), **colour)
        if item.reason:
            say(f"{item.path}: {item.reason}", fg="red")
    if as_json:
        array.close()
    return counts


@click.command()
@click.argument("what", metavar="[RUN|PATH]", required=False)
@click.option(
    "--since",
    metavar="TIME",
    callback=moment,
    help="Only what was written since: 2026-05-01, '2026-05-01 18:30', 30min, 2h, 3d.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be undone.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects.")
@db_option
@no_colour_option
@click.pass_context
def undo(
    ctx: click.Context,
    /,
    *,
    what: str | None,
    since: datetime | None,
    dry_run: bool,
    as_json: bool,
    db: Path | None,
) -> None:
    """Give music its old bytes back.

    Without an argument all that the last run wrote is undone; RUN is the number of another one
    (genrewise library status), PATH a file or a folder.  A file that somebody else changed
    since is left alone and named, and makes the exit code 1.
    """
    from genrewise.library import undoing

    is_run = what is not None and what.isdecimal() and len(what) < 18 and not Path(what).exists()
    with opened(db) as library:
        items = undoing.undo(
            library,
            run=int(what) if what is not None and is_run else None,
            path=Path(what) if what is not None and not is_run else None,
            since=since,
            dry_run=dry_run,
        )
        with closing(items):
            counts = _show(items, as_json)
    total, good = sum(counts.values()), sum(n for state, n in counts.items() if "undone" in state)
    verb = "would be undone" if dry_run else "undone"
    if total:
        files = f"{total} file{'s' if total != 1 else ''}"
        rest = f", {total - good} not" if good < total else ""
        say(f"{files}: {good} {verb}{rest}")
    else:
        say("nothing to undo")
    ctx.exit(int(good < total))
