"""``genrewise report``: runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from genrewise.cli.options import no_colour_option
from genrewise.cli.output import json_text, ready_stdout, say, table

__all__ = ["report"]


@click.command()
@click.argument(
    "folders",
    metavar="FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for report.html, report.json, report.md, table.tex and figures/.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@no_colour_option
@click.pass_context
def report(ctx: click.Context, folders: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Put runs, seeds and sweeps side by side: what run, train and sweep left below FOLDER.

    A row a system: the authors' figure, ours by their split rule, ours where no artist is on
    both sides, and what the rule alone is worth. Honest runs with the same test tracks are
    compared pair by pair.
    """
    from genrewise.training.report.grids import plain
    from genrewise.training.report.set_grids import overview
    from genrewise.training.report.set_report import headline, read_set, write_set

    whole = read_set(folders)
    page = write_set(out, whole)
    if as_json:
        ready_stdout().write(json_text(whole.to_json(), 1) + "\n")
    else:
        grid = overview(whole.rows)
        rows = [tuple(plain(cell) for cell in row) for row in grid.rows]
        table(tuple(grid.head), rows, right=range(2, len(grid.head)))
        say(headline(whole))
        say(f"report: {page}")
    for path, reason in whole.failed:
        say(f"{path}: {reason}")
    ctx.exit(1 if whole.failed else 0)
