"""``genrewise datasets``: look at a data set, check a copy, split it, get or make one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.options import names, no_colour_option
from genrewise.cli.output import Progress, json_text, ready_stdout, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genrewise.training.datasets import Dataset
    from genrewise.training.datasets.scan import Facts

__all__ = ["datasets"]


_WORK = (
    click.option(
        "--workers", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0: one a CPU."
    ),
    click.option(
        "--audio/--no-audio", default=True, help="Decode the music, or look at names only."
    ),
    no_colour_option,
)
_FOLDER = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
)
_SOURCE = click.argument("source", metavar="FOLDER|MANIFEST|TABLE|NAME")
_CHOICE = (
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
)


def _work_options(command: Any) -> Any:
    """Add the data set and how it is looked at."""
    for add in (*_WORK, _SOURCE):
        command = add(command)
    return command


def _data_options(command: Any) -> Any:
    """Add the data set, what of it is meant, and how it is looked at."""
    for add in _CHOICE:
        command = add(command)
    return _work_options(command)


def _scan(dataset: Dataset, audio: bool, workers: int) -> tuple[Facts, ...]:
    """Facts of the audio, with progress on a terminal."""
    if not audio:
        return ()
    from genrewise.training.datasets.scan import scan

    with Progress("files", len(dataset)) as progress:
        return scan(dataset, workers=workers, progress=progress.update)


def _unreadable(dataset: Dataset, audio: bool, workers: int) -> tuple[tuple[str, str], ...]:
    """Items that cannot be decoded, and why."""
    if dataset.kind != "pictures" or not audio:
        return tuple((f.path, f.error) for f in _scan(dataset, audio, workers) if f.error)
    from genrewise.training.picture_files import unreadable

    with Progress("pictures", len(dataset)) as progress:
        return unreadable(dataset, workers=workers, progress=progress.update)


@click.group()
def datasets() -> None:
    """Look at a data set, check a copy, split it, get one, make a synthetic one."""


@datasets.command("list")
@no_colour_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """Data sets that are known, what a copy looks like and how to get one; label sets."""
    from dataclasses import asdict

    from genrewise.labels import LABEL_SETS
    from genrewise.training.datasets import DATASETS
    from genrewise.training.datasets.known import KNOWN, Known

    plugged = {name: Known("by a plug-in", name, "") for name in DATASETS if name not in KNOWN}
    known = dict(KNOWN) | plugged
    sets = {s.name: list(s.labels) for s in LABEL_SETS.values()}
    if as_json:
        values = {name: asdict(one) for name, one in known.items()}
        ready_stdout().write(json_text({"data sets": values, "label sets": sets}, 1) + "\n")
        return
    for name, one in known.items():
        click.echo(name)
        for title, text in asdict(one).items():
            if text:
                click.echo(click.wrap_text(text, 96, f"  {title:<6}", " " * 8))
        click.echo()
    table(["label set", "genres"], [[name, ", ".join(own)] for name, own in sets.items()])


@datasets.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--write", is_flag=True, help="Write the checksums of the files as they are now.")
@click.option(
    "--sums",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The list of checksums; by default SHA256SUMS in the folder.",
)
@_work_options
@click.pass_context
def check(
    ctx: click.Context,
    *,
    source: str,
    audio: bool,
    workers: int,
    as_json: bool,
    write: bool,
    sums: Path | None,
) -> None:
    """Whether a copy is whole: files a genre, missing numbers, unreadable and equal files.

    Every file is held against the list of checksums that --write made, against lists that
    came with the copy (FMA's "checksums") and against published checksums of archives.
    sha256sum -c reads the list as well.  Exit code 1 where a file cannot be read, is gone or
    is another than listed.
    """
    from genrewise.training import datasets as data
    from genrewise.training.datasets import check as checks
    from genrewise.training.datasets.folder import walk
    from genrewise.training.datasets.sums import SUMS, hash_files, write_list

    dataset = data.read(source)
    root = Path(dataset.root)
    own = sums or root / SUMS
    files = [file for file in walk(root) if root / file != own]
    with Progress("files", len(files)) as progress:
        found = hash_files(root, files, workers=workers, progress=progress.update)
    if write:
        write_list(own, {file: digest for file, digest in found.items() if digest})
        say(f"{own}: checksums of {len(found)} files")
    elif sums and not sums.is_file():
        raise click.BadParameter(f"{sums}: no such file; --write makes it", param_hint="--sums")
    unreadable = _unreadable(dataset, audio, workers)
    result = checks.check(
        dataset, found, unreadable, own if own.is_file() else None, workers=workers
    )
    out = ready_stdout()
    out.write(json_text(result.to_json(), 1) + "\n" if as_json else checks.text(result))
    ctx.exit(0 if result.good else 1)


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
@_FOLDER
@click.option("--tracks", default=12, show_default=True, help="A genre.")
@click.option("--seconds", default=10.0, show_default=True, help="A track.")
@click.option("--seed", default=0, show_default=True)
@click.option("--genres", default="", metavar="A,B,…", callback=names, help="These only.")
def synthetic(output: Path, tracks: int, seconds: float, seed: int, genres: list[str]) -> None:
    """Write synthetic music: made-up genres that differ in rhythm, timbre and harmony."""
    from genrewise.training.datasets.synthetic import generate

    generate(output, tracks, seconds, seed, genres=genres)
    say(f"{output}: written")


def _show_built(values: Mapping[str, Any]) -> None:
    """What a fetched data set holds, a row a label."""
    rows = list(values["labels"].items())
    if values["unlabelled"]["tracks"]:
        rows.append(("", values["unlabelled"]))
    table(
        ("label", "tracks", "hours", "groups"),
        [
            (label, str(one["tracks"]), f"{one['hours']:.2f}", str(one["groups"]))
            for label, one in rows
        ],
        right=(1, 2, 3),
    )


@datasets.command()
@no_colour_option
@click.argument("name", metavar="NAME")
@_FOLDER
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take the packages (.deb files) from here; fetch nothing.",
)
@click.option(
    "--all/--labelled",
    "everything",
    default=False,
    help="Also packages of whose music nobody says a genre; by default those with labels.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def get(
    ctx: click.Context,
    *,
    name: str,
    output: Path,
    source: Path | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Get a data set that can be fetched: free-music, from Debian's packages.

    A folder a package, and manifest.csv with what their authors say of them.
    The same command goes on where it was ended: what is there is not fetched again.  Exit
    code 1 where a package could not be had.
    """
    from genrewise.training.datasets.free_music import get as build
    from genrewise.training.datasets.free_music_rows import summary
    from genrewise.training.datasets.known import KNOWN, refuse_to_fetch

    if name != "free-music":
        raise refuse_to_fetch(name, KNOWN)
    built = build(output, source, everything=everything, progress=say)
    values = summary(built)
    if as_json:
        ready_stdout().write(json_text(values, 1) + "\n")
    else:
        _show_built(values)
    lost = [state.package for state in built.states if state.state == "failed"]
    if lost:
        say(f"{output}: without {', '.join(lost)}", fg="yellow")
    else:
        say(f"{output}: manifest.csv, {len(built.rows)} tracks of {len(built.states)} packages")
    ctx.exit(int(bool(lost)))
