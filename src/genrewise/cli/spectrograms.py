"""``genrewise spectrograms``: folders of music to folders of pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genrewise import engine
from genrewise.cli.options import no_colour_option, seconds
from genrewise.cli.output import Progress, ready_stdout, say
from genrewise.cli.paths import Tally
from genrewise.cli.tracks import Counts, Pieces, namers, tracks
from genrewise.cut import Clip, Manifest, Piece, Track
from genrewise.errors import AudioError
from genrewise.files import replace_file

if TYPE_CHECKING:
    from genrewise.features.pictures import Kind

__all__ = ["PictureJob", "spectrograms"]

#: Pixels along a side at the most: a picture of a hundred million takes minutes.
LARGEST = 4096


@dataclass(frozen=True)
class PictureJob:
    """Settings of pictures; calling it gives the function that draws a track's.

    Parameters
    ----------
    folder : str
        Output folder; folders below it are made.
    kind : {"grey", "mel", "colour"}
    size : (int, int)
        Width and height in pixels.
    clip : float
        Seconds of a picture; 0 means the whole track.
    """

    folder: str
    kind: Kind = "grey"
    size: tuple[int, int] = (128, 128)
    clip: float = 0.0

    def __call__(self) -> Callable[[Track], Piece]:
        """Load what draws.

        Raises
        ------
        MissingExtra
            Colours without matplotlib.
        """
        from genrewise.features.pictures import colours, picture, png

        if self.kind == "colour":
            colours()  # better said once than of every file

        def draw(track: Track) -> Piece:
            pieces, clips = Pieces(track.source, 0, self.clip), []
            for n, (start, y) in enumerate(pieces):
                path = f"{track.stem}_{n:04d}.png" if self.clip else f"{track.stem}.png"
                pixels = picture(y, pieces.sr, self.kind, self.size)
                _write(Path(self.folder) / path, png(pixels))
                clips.append(Clip(path, start, len(y) / pieces.sr))
            length = clips[-1].start + clips[-1].seconds if clips else 0.0
            return Piece(tuple(clips), length, pieces.lost, pieces.partial)

        return draw


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"{path}: cannot be written ({reason})", "a writable folder") from None


def _size(_ctx: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    """Width and height of ``128x96``."""
    found = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", value.strip().lower())
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(1 <= side <= LARGEST for side in size):
        raise click.BadParameter(f"{value!r}; expected width x height, 1 to {LARGEST}: 128x128")
    return size


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Where the pictures go.")
@click.option(
    "--kind",
    type=click.Choice(["grey", "mel", "colour"]),
    default="grey",
    show_default=True,
    help="As scipy.signal.spectrogram, 128 mel bands, or as matplotlib's specgram.",
)
@click.option(
    "--size",
    default="128x128",
    show_default=True,
    metavar="WxH",
    callback=_size,
    help="Pixels.",
)
@click.option(
    "--clip",
    type=seconds,
    default=0.0,
    help="Seconds of a picture; by default a picture a track, of 10 minutes at the most.",
)
@click.option(
    "--workers", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0: one a CPU."
)
@no_colour_option
@click.pass_context
def spectrograms(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    output: str,
    kind: Kind,
    size: tuple[int, int],
    clip: float,
    workers: int,
) -> None:
    """Draw spectrograms of tracks, in the folders that the tracks stand in.

    PATHS are files, folders or patterns.  manifest.csv beside the pictures says which
    recording each is from: "genrewise train" takes such a folder.
    """
    folder, tally, counts = Path(output), Tally(), Counts("pictures")
    job = PictureJob(os.fspath(folder), kind, size, clip)
    named = namers(paths, folder)
    outcomes = engine.run(job, tracks(named, tally), workers=workers)
    columns = dict.fromkeys(c for _, namer in named for c in namer.columns())
    with Manifest(folder, columns) as manifest, closing(outcomes), Progress("tracks") as progress:
        for outcome in outcomes:
            counts.add(outcome, manifest.add)
            progress.update(counts.tracks)
    ready_stdout().write(counts.summary(output) + "\n")
    if tally.passed_over:
        say(f"passed over {tally.passed_over} files that are no audio")
    ctx.exit(int(counts.failed > 0))
