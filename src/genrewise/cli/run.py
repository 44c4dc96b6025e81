"""``genrewise run``: a recipe, from data to report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from genrewise.cli.options import no_colour_option
from genrewise.cli.runs import show_report, start

__all__ = ["run"]


@click.command()
@click.argument("recipe", metavar="NAME|FILE.toml")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the report and the model.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a value of the recipe."
)
@click.option("--fast", is_flag=True, help="On synthetic music, in seconds: does it run at all?")
@click.option(
    "--protocol",
    type=click.Choice(["honest", "published"]),
    default="honest",
    show_default=True,
    help="By groups that were never heard, or as the published system was measured.",
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
def run(
    ctx: click.Context,
    recipe: str,
    out: Path,
    settings: tuple[str, ...],
    fast: bool,
    protocol: str,
    seeds: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Run a recipe, such as models/small-gtzan-v1, from its data to its report."""
    from genrewise.training.default import fast_settings
    from genrewise.training.recipe import load

    chosen = load(recipe, settings, protocol)
    if fast:
        chosen = load(recipe, (*fast_settings(chosen), *settings), protocol)
    name = chosen.name
    target = None if seeds else out / f"{name}.genrewise"
    job = replace(start(chosen, name, target, out, workers), fast=fast, source=recipe)
    ctx.exit(show_report(job, seeds, as_json))
