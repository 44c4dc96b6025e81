"""Options of the commands around a music library, and what they are made into."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.options import seconds, size
from genrewise.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3

    from genrewise.library.policies import Policy

__all__ = [
    "db_option",
    "limit_options",
    "limits",
    "opened",
    "policy",
    "policy_options",
    "shown_path",
    "typed",
]

#: Bytes a worker may hold where nothing else is said.
MEMORY_LIMIT = 2 * 2**30


def db_option(command: Any) -> Any:
    """Add ``--db FILE`` to a command."""
    return click.option(
        "--db",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The library's own file; by default the user's (GENREWISE_LIBRARY names another).",
    )(command)


@contextmanager
def opened(path: Path | None, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """The library that was named, or the user's.

    Raises
    ------
    LibraryError
        It is not there, cannot be opened or, later, cannot be read or written.
    """
    import sqlite3

    from genrewise.library.database import database_path, open_database

    place = path or database_path()
    with closing(open_database(place, create=create)) as db:
        try:
            yield db
        except sqlite3.Error as error:  # the disk is full, or the file is damaged
            given = f"{place}: {error}"
            expected = "a library that can be read and written"
            raise LibraryError(given, expected, "make room, or name another: --db FILE") from error


_POLICY = (
    click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1),
        default=0.75,
        show_default=True,
        metavar="P",
        help="Write from this confidence on, leave the rest to review; 0 writes the most probable"
        " genre even where the model says unknown.",
    ),
    click.option(
        "--existing",
        type=click.Choice(["keep", "replace", "append"]),
        default="keep",
        show_default=True,
        help="What becomes of a genre that stands there.",
    ),
    click.option(
        "--genres",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Up to N genres a song: those after the first need a probability of .2.",
    ),
    click.option(
        "--map",
        "mapping",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Your names for the model's labels: lines of label,name[,name…], or a .toml file.",
    ),
    click.option(
        "--vocabulary",
        default="display",
        show_default=True,
        metavar="NAME",
        help="Whose names are written: display, id3v1, discogs or label.",
    ),
    click.option(
        "--album",
        type=click.Choice(["song", "vote"]),
        default="song",
        show_default=True,
        help="A genre a song, or one for an album by the vote of its songs.",
    ),
    click.option(
        "--field",
        type=click.Choice(["genre", "comment", "grouping"]),
        default="genre",
        show_default=True,
        help="Where the genre is written to.",
    ),
    click.option(
        "--sidecar", is_flag=True, help="Leave the music alone: write SONG.genre.json beside it."
    ),
    click.option("--keep-mtime", is_flag=True, help="Leave the time of the last change as it was."),
    click.option(
        "--retag",
        is_flag=True,
        help="Also what genrewise wrote itself and nobody changed since.",
    ),
)


def policy_options(command: Any) -> Any:
    """Add what a user may wish of the genres that are written."""
    for add in reversed(_POLICY):
        command = add(command)
    return command


def policy(labels: Sequence[str], values: dict[str, Any]) -> Policy:
    """The policy that options stand for; takes them out of `values`.

    Raises
    ------
    UnknownName, LibraryError
        No such vocabulary, or the file of names is wrong.
    """
    from genrewise.library.names import names_of
    from genrewise.library.policies import Policy

    names = names_of(labels, values.pop("vocabulary"), values.pop("mapping"))
    album = values.pop("album") == "vote"
    kept = ("min_confidence", "existing", "genres", "field", "sidecar", "keep_mtime", "retag")
    return Policy(names=names, album=album, **{name: values.pop(name) for name in kept})


_LIMITS = (
    click.option(
        "--workers",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Processes at the most; by default one a CPU.",
    ),
    click.option(
        "--time-limit",
        type=seconds,
        help="Give a file up after this; by default 60 s and 20 s a MB, 0 for never.",
    ),
    click.option(
        "--memory-limit",
        type=size,
        help="Give a file up above this (512M, 2G; needs /proc); by default 2G, 0 for none.",
    ),
)


def limit_options(command: Any) -> Any:
    """Add the limits of the workers."""
    for add in reversed(_LIMITS):
        command = add(command)
    return command


def limits(values: dict[str, Any]) -> dict[str, Any]:
    """The limits that options stand for, as ``engine.run`` takes them; out of `values`."""
    from genrewise import engine
    from genrewise.cli.classify import default_limit

    time, memory = values.pop("time_limit"), values.pop("memory_limit")
    if memory is None:
        memory = MEMORY_LIMIT if engine.CAN_LIMIT_MEMORY else 0
    return {
        "workers": values.pop("workers"),
        "time_limit": (lambda work: default_limit(work.path)) if time is None else (time or None),
        "memory_limit": memory or None,
    }


def typed() -> str:
    """The command as it was typed, for the list of runs."""
    return shlex.join(["genrewise", *sys.argv[1:]]).encode("utf-8", "backslashreplace").decode()


def shown_path(path: str) -> str:
    """A path as tables show it: from the current folder on where it lies below it."""
    try:
        here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118
    except OSError:  # the current folder is gone
        return path
    return path.removeprefix(here)
