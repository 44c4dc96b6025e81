"""``genrewise features``: tracks to a table of feature vectors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from genrewise.cli.engines import chosen, scheduler_option
from genrewise.cli.options import no_colour_option, seconds
from genrewise.cli.output import Progress, ready_stdout, say
from genrewise.cli.parquet import Done, ParquetFolder, check_parquet, parquet_options
from genrewise.cli.paths import Tally
from genrewise.cli.tables import TableFile
from genrewise.cli.tracks import Counts, Pieces, tracks
from genrewise.cut import Namer, Track
from genrewise.errors import UnknownName
from genrewise.features import FEATURES

__all__ = ["FeatureJob", "Rows", "features"]

#: The layouts that are defined at one sample rate; the others take a file's own.
RATES = {"gtzan57": 22050, "statistics": 22050}
#: Columns of a folder's manifest that go with the features.
KNOWN = ("label", "group", "track", "split")


@dataclass(frozen=True)
class Rows:
    """Vectors of one track.

    Parameters
    ----------
    rows : tuple of dict
        Start in seconds, length in samples, and the features by name.
    lost, partial : float, bool
        As in :class:`genrewise.audio.Audio`.
    """

    rows: tuple[dict[str, Any], ...]
    lost: float
    partial: bool


@dataclass(frozen=True)
class FeatureJob:
    """Settings of a table; calling it gives the function from a track to its rows.

    Parameters
    ----------
    layout : str
        A name of :data:`genrewise.features.FEATURES`.
    window : float
        Seconds of a vector; 0 means the whole track.
    """

    layout: str
    window: float = 0.0

    def __call__(self) -> Callable[[Track], Rows]:
        """Load the layout.

        Raises
        ------
        UnknownName
            Where there is none of that name.
        """
        layout = FEATURES.get(self.layout)

        def compute(track: Track) -> Rows:
            pieces = Pieces(track.source, RATES.get(self.layout, 0), self.window)
            rows = []
            for start, y in pieces:
                vector = layout(y, pieces.sr)
                # Through text, so that a number keeps the digits it has and no more.
                values = (float(str(v)) for v in vector.values)
                features = dict(zip(vector.names, values, strict=True))
                rows.append({"start": round(start, 3), "length": len(y), **features})
            return Rows(tuple(rows), pieces.lost, pieces.partial)

        return compute


def _keep(table: TableFile | ParquetFolder, windows: bool) -> Callable[[Track, Rows], int]:
    """A function that writes the rows of a track."""

    def keep(track: Track, found: Rows) -> int:
        about = {key: track.about.get(key, "") for key in KNOWN}
        rows = []
        for row in found.rows:
            start = {"start": row.pop("start")}
            rows.append({"filename": track.source, **(start if windows else {}), **row, **about})
        if rows:
            table.write(*rows)
        return len(rows)

    return keep


def _output(
    output: str, parquet: Path | None, resume: bool, made_by: str
) -> tuple[TableFile | ParquetFolder, Done]:
    """Where rows go, and what was done before."""
    check_parquet(parquet, resume, "--output" if output != "-" else "")
    if parquet is None:
        return TableFile(output), Done()
    folder = ParquetFolder(parquet, made_by, key="filename")
    return folder, folder.done(resume)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="A .csv or a .parquet file; by default CSV on standard output.",
)
@parquet_options
@click.option(
    "--layout",
    default="gtzan57",
    show_default=True,
    metavar="NAME",
    help="gtzan57, fma518, pyaudio136, statistics, or one of a plug-in.",
)
@click.option(
    "--window",
    type=seconds,
    default=0.0,
    help="Seconds of a row; by default a row a track, of 10 minutes at the most.",
)
@click.option(
    "--workers", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0: one a CPU."
)
@scheduler_option
@no_colour_option
@click.pass_context
def features(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    output: str,
    parquet: Path | None,
    resume: bool,
    layout: str,
    window: float,
    workers: int,
    scheduler: str,
) -> None:
    """Make a table of features of tracks.

    PATHS are files, folders or patterns.  A row names its file, its length in samples and,
    where the folders or their manifest.csv say so, label, group, track and split:
    A table of whole tracks reads well in pandas or a spreadsheet.
    """
    if layout not in FEATURES:
        raise UnknownName("feature layout", layout, FEATURES)
    run = chosen(scheduler, workers)
    tally, counts, used = Tally(), Counts("rows", "shorter than a window"), set[str]()
    named = [(p, Namer(p if Path(p).is_dir() else "", used)) for p in paths]
    made_by = f"{layout}, windows of {window:g} s" if window else layout
    made, done = _output(output, parquet, resume, made_by)
    outcomes = run(FeatureJob(layout, window), done.rest(tracks(named, tally)))
    with made as table, closing(outcomes), Progress("tracks") as progress:
        keep = _keep(table, windows=window > 0)
        for outcome in outcomes:
            counts.add(outcome, keep)
            progress.update(counts.tracks)
    before = f", {done.met} done before" if done.met else ""
    if output == "-" and parquet is None:
        say(counts.summary("standard output"))
    else:
        ready_stdout().write(counts.summary(str(parquet or output)) + before + "\n")
    if tally.passed_over:
        say(f"passed over {tally.passed_over} files that are no audio")
    ctx.exit(int(counts.failed > 0))
