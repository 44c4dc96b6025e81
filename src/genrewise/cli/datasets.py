"""``genrewise datasets``: look at a data set, split it, make a synthetic one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.options import names, no_colour_option
from genrewise.cli.output import Progress, json_text, ready_stdout, say, table

if TYPE_CHECKING:
    from genrewise.training.datasets import Dataset
    from genrewise.training.datasets.scan import Facts

__all__ = ["datasets"]


def _data_options(command: Any) -> Any:
    """Add the data set and what of it is meant."""
    for add in (
        click.option(
            "--workers",
            type=click.IntRange(0),
            default=0,
            metavar="N",
            help="Processes; 0: one a CPU.",
        ),
        click.option(
            "--audio/--no-audio", default=True, help="Decode the music, or look at names only."
        ),
        click.option(
            "--labels", default="", metavar="A,B,…", callback=names, help="These genres only."
        ),
        click.option(
            "--group-by",
            default="",
            metavar="RULE",
            help="What must not be split: a column of the manifest, artist, album, tags,"
            " folder, file, or a list LIST.csv with track and group.",
        ),
        no_colour_option,
        click.argument("source", metavar="FOLDER|MANIFEST|TABLE|NAME"),
    ):
        command = add(command)
    return command


def _scan(dataset: Dataset, audio: bool, workers: int) -> tuple[Facts, ...]:
    """Facts of the audio, with progress on a terminal."""
    if not audio:
        return ()
    from genrewise.training.datasets.scan import scan

    with Progress("files", len(dataset)) as progress:
        return scan(dataset, workers=workers, progress=progress.update)


@click.group()
def datasets() -> None:
    """Look at a data set, split it, make a synthetic one."""


@datasets.command("list")
@no_colour_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """Data sets that a name stands for, and label sets that are known."""
    from genrewise.labels import LABEL_SETS
    from genrewise.training.datasets import ABOUT, DATASETS

    named = {name: ABOUT.get(name, "by a plug-in") for name in DATASETS}
    sets = {s.name: list(s.labels) for s in LABEL_SETS.values()}
    if as_json:
        ready_stdout().write(json_text({"data sets": named, "label sets": sets}, 1) + "\n")
        return
    table(["data set", "what it is"], list(named.items()))
    click.echo()
    table(["label set", "genres"], [[name, ", ".join(own)] for name, own in sets.items()])


@datasets.command()
@_data_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--html", "page_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a page."
)
@click.pass_context
def report(
    ctx: click.Context,
    *,
    source: str,
    group_by: str,
    labels: list[str],
    audio: bool,
    workers: int,
    as_json: bool,
    page_file: Path | None,
) -> None:
    """What a data set holds and what is wrong with it, before anyone trains.

    Lengths, rates, codecs, damage, silence, clipping, balance of the genres by clip, track
    and group, near-duplicates by audio fingerprint.  Exit code 1 where a file could not
    be read.
    """
    from genrewise.training import datasets as data
    from genrewise.training.report.data import data_report, page, text

    dataset = data.read(source, labels=labels, group_by=group_by)
    found = data_report(dataset, _scan(dataset, audio, workers))
    out = ready_stdout()
    out.write(json_text(found.to_json(), 1) + "\n" if as_json else text(found))
    if page_file:
        page_file.write_text(page(found), encoding="utf-8", errors="backslashreplace")
    ctx.exit(1 if found.unreadable else 0)


@datasets.command()
@_data_options
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="CSV"
)
@click.option("--seed", default=0, show_default=True)
@click.option("--valid", default=0.15, show_default=True, help="Share of the clips.")
@click.option("--test", default=0.15, show_default=True, help="Share of the clips.")
def split(
    *,
    source: str,
    group_by: str,
    labels: list[str],
    audio: bool,
    workers: int,
    output: Path,
    seed: int,
    valid: float,
    test: float,
) -> None:
    """Divide a data set so that no group, track or copy stands on two sides.

    Near-duplicates are searched for by audio fingerprint and kept together; --no-audio
    leaves that out.
    """
    from genrewise.training import datasets as data
    from genrewise.training.datasets.duplicates import duplicates, merge
    from genrewise.training.splits import make_split, write_split

    dataset = data.read(source, labels=labels, group_by=group_by)
    pairs = duplicates(dataset, _scan(dataset, audio, workers))
    dataset = merge(dataset, pairs)
    made = make_split(dataset, seed=seed, valid=valid, test=test)
    digest = write_split(output, dataset, made)
    for line in (*dataset.warnings, *made.warnings):
        say(line, fg="yellow")
    rows = [[name, str(len(part))] for name, part in made.parts().items()]
    table(["part", "clips"], rows, right=[1])
    say(f"{output}: {made.rule}; sha256 {digest[:12]}")


@datasets.command()
@no_colour_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
)
@click.option("--tracks", default=12, show_default=True, help="A genre.")
@click.option("--seconds", default=10.0, show_default=True, help="A track.")
@click.option("--seed", default=0, show_default=True)
@click.option("--genres", default="", metavar="A,B,…", callback=names, help="These only.")
def synthetic(output: Path, tracks: int, seconds: float, seed: int, genres: list[str]) -> None:
    """Write synthetic music: made-up genres that differ in rhythm, timbre and harmony."""
    from genrewise.training.datasets.synthetic import generate

    generate(output, tracks, seconds, seed, genres=genres)
    say(f"{output}: written")
