"""``genrewise cut``: tracks to clips of one length."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise import engine
from genrewise.cli.options import no_colour_option, seconds
from genrewise.cli.output import Progress, ready_stdout, say
from genrewise.cli.paths import Tally, expand
from genrewise.cut import CutRule, Cutter, Manifest, Namer, Track
from genrewise.engine import Refused, Waiting
from genrewise.errors import DatasetError

if TYPE_CHECKING:
    from genrewise.engine import Outcome

__all__ = ["cut"]


def _tracks(namers: Iterable[tuple[str, Namer]], tally: Tally) -> Iterator[Track | Refused]:
    """Every track below the paths, in order."""
    for path, namer in namers:
        for found in expand([path], tally):
            if isinstance(found, Refused):
                yield found
            elif not isinstance(found, Waiting):
                yield namer.track(found)


def _namers(paths: tuple[str, ...], output: Path) -> list[tuple[str, Namer]]:
    """A namer for each path; refuses to write into a folder that is read."""
    used: set[str] = set()
    for path in paths:
        if output.resolve().is_relative_to(Path(path).resolve()):
            raise DatasetError(
                f"{output}: lies in {path}, which is read", "an output folder elsewhere"
            )
    return [(p, Namer(p if Path(p).is_dir() else "", used)) for p in paths]


class _Counts:
    """What became of the tracks."""

    def __init__(self) -> None:
        self.tracks = self.clips = self.short = self.partial = self.failed = 0

    def add(self, outcome: Outcome, manifest: Manifest) -> None:
        """Count an outcome, list its clips, say what is to be said."""
        self.tracks += 1
        name = outcome.item.source if isinstance(outcome.item, Track) else outcome.item
        if outcome.kind != "ok":
            self.failed += 1
            lead = "" if outcome.error.startswith(f"{name}: ") else f"{name}: "
            say(f"{lead}{outcome.error}", fg="red")
            return
        piece = outcome.value
        manifest.add(outcome.item, piece)
        self.clips += len(piece.clips)
        self.short += not piece.clips
        self.partial += piece.partial
        if piece.partial:
            say(f"{name}: partial, {piece.lost:.1f} s could not be decoded", fg="yellow")

    def summary(self, output: str) -> str:
        """One line: how many clips, and what was left out."""
        rest = (
            (self.short, "shorter than a clip"),
            (self.partial, "partial"),
            (self.failed, "failed"),
        )
        left = "".join(f", {n} {what}" for n, what in rest if n)
        return f"{self.clips} clips of {self.tracks} tracks in {output}{left}"


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Where the clips go.")
@click.option("--length", type=seconds, default=8.0, show_default=True, help="Seconds of a clip.")
@click.option(
    "--hop", type=seconds, default=0.0, help="From one clip to the next; by default the length."
)
@click.option(
    "--tail",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="What becomes of a shorter rest.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["wav", "flac"]),
    default="wav",
    show_default=True,
    help="Format of the clips.",
)
@click.option("--sr", type=click.IntRange(1000, 192_000), help="Sample rate; by default as it is.")
@click.option(
    "--workers", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0: one a CPU."
)
@no_colour_option
@click.pass_context
def cut(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    output: str,
    sr: int | None,
    workers: int,
    **rule: Any,
) -> None:
    """Cut tracks into clips of one length.

    PATHS are files, folders or patterns.  Clips are mono and keep the folders that the
    tracks stand in; manifest.csv beside them says which recording each is from, and
    what the folder's own manifest.csv says of it.
    """
    folder, tally, counts = Path(output), Tally(), _Counts()
    cutter = Cutter(os.fspath(folder), CutRule(sr=sr or 0, **rule))
    namers = _namers(paths, folder)
    outcomes = engine.run(cutter, _tracks(namers, tally), workers=workers)
    columns = dict.fromkeys(c for _, namer in namers for c in namer.columns())
    with Manifest(folder, columns) as manifest, closing(outcomes), Progress("tracks") as progress:
        for outcome in outcomes:
            counts.add(outcome, manifest)
            progress.update(counts.tracks)
    ready_stdout().write(counts.summary(output) + "\n")
    if tally.passed_over:
        say(f"passed over {tally.passed_over} files that are no audio")
    ctx.exit(int(counts.failed > 0))
