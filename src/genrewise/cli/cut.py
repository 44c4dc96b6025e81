"""``genrewise cut``: tracks to clips of one length."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from genrewise import engine
from genrewise.cli.options import no_colour_option, seconds
from genrewise.cli.output import Progress, ready_stdout, say
from genrewise.cli.paths import Tally
from genrewise.cli.tracks import Counts, namers, tracks
from genrewise.cut import CutRule, Cutter, Manifest

__all__ = ["cut"]


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
    folder, tally, counts = Path(output), Tally(), Counts("clips")
    cutter = Cutter(os.fspath(folder), CutRule(sr=sr or 0, **rule))
    named = namers(paths, folder)
    outcomes = engine.run(cutter, tracks(named, tally), workers=workers)
    columns = dict.fromkeys(c for _, namer in named for c in namer.columns())
    with Manifest(folder, columns) as manifest, closing(outcomes), Progress("tracks") as progress:
        for outcome in outcomes:
            counts.add(outcome, manifest.add)
            progress.update(counts.tracks)
    ready_stdout().write(counts.summary(output) + "\n")
    if tally.passed_over:
        say(f"passed over {tally.passed_over} files that are no audio")
    ctx.exit(int(counts.failed > 0))
