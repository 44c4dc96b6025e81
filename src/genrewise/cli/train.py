"""``genrewise train``: a folder of genre folders to a model, without a choice to make."""

from __future__ import annotations

from pathlib import Path

import click

from genrewise.cli.library_options import db_option, opened
from genrewise.cli.options import names, no_colour_option
from genrewise.cli.output import say
from genrewise.cli.runs import show_report, start

__all__ = ["train"]


def _check_source(source: str, from_library: bool, db: Path | None, group_by: str) -> None:
    """Music comes from one place."""
    if bool(source) == from_library:
        given = f"{source} and --from-library" if source else "no music to learn from"
        raise click.UsageError(f"{given}. Give a folder, or --from-library")
    if db is not None and not from_library:
        raise click.UsageError("--db is for --from-library")
    if from_library and group_by == "folder":
        raise click.UsageError("--group-by folder: a library has no folders of genres")


def _from_library(db: Path | None, folder: Path) -> str:
    """A list of the songs whose genre the user has said; returns its path.

    Raises
    ------
    LibraryError
        There is no library, or too few songs.
    """
    from genrewise.library.catalogue import labelled
    from genrewise.library.examples import gather, write_manifest

    with opened(db) as library:
        found = gather(labelled(library))
    for line in found.remarks():
        say(line)
    path = folder / "library.csv"
    write_manifest(path, found.songs)
    return str(path)


@click.command()
@click.argument("source", metavar="[FOLDER|MANIFEST|NAME]", default="")
@click.option(
    "--from-library",
    is_flag=True,
    help="Learn from the songs of your library whose genre you have said (genrewise review).",
)
@db_option
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The model file to write: NAME.genrewise. Its report lies beside it in NAME-report/.",
)
@click.option("--model", default="", metavar="NAME", help="One kind of classifier, such as svc.")
@click.option("--labels", default="", metavar="A,B,…", callback=names, help="These genres only.")
@click.option(
    "--group-by", default="", metavar="RULE", help="What must not be split; see datasets."
)
@click.option(
    "--fast", is_flag=True, help="Own statistics only, no backbone: seconds, not minutes."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a value of the recipe."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="Only measure: repeat with N splits and give the test figures of each.",
)
@click.option("--workers", type=click.IntRange(0), default=0, metavar="N", help="0: one a CPU.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@no_colour_option
@click.pass_context
def train(
    ctx: click.Context,
    source: str,
    from_library: bool,
    db: Path | None,
    out: Path | None,
    model: str,
    labels: list[str],
    group_by: str,
    fast: bool,
    settings: tuple[str, ...],
    seeds: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Learn your own genres: one sub-folder a genre, or a folder with a manifest.csv.

    With --from-library it learns from what you accepted and corrected in genrewise review.

    Looks at the data, splits it so that no artist is on two sides, picks a model by
    cross-validation, opens the test part once, writes the model and a report. What was
    interrupted goes on where it was when the same command is given again: what was computed
    lies below the folder that "genrewise models where" names, and may be deleted.
    """
    from genrewise.training.default import model_name, recipe_for

    if out is None and seeds is None:
        raise click.UsageError("no model file to write. Give one: -o NAME.genrewise")
    if out is not None and out.suffix.lower() != ".genrewise":
        out = out.with_name(out.name + ".genrewise")
    target = out
    name = target.stem if target else "model"
    folder = target.with_name(f"{name}-report") if target else Path(f"{name}-seeds")
    _check_source(source, from_library, db, group_by)
    if from_library:
        source = _from_library(db, folder)
    recipe = recipe_for(
        source,
        model_name(name),
        model=model,
        labels=labels,
        group_by=group_by,
        fast=fast,
        settings=settings,
    )
    job = start(recipe, recipe.name, None if seeds else target, folder, workers)
    ctx.exit(show_report(job, seeds, as_json))
