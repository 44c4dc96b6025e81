"""``genrewise sweep``: settings of a recipe, tried side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genrewise.cli.options import no_colour_option
from genrewise.cli.output import Progress, json_text, ready_stdout, say, table

__all__ = ["sweep"]


def _show(report: dict[str, Any], folder: Path) -> None:
    """The table of settings, then what was found."""
    from genrewise.training.report.grids import plain
    from genrewise.training.sweep_report import found_words, settings_grid, verdict

    grid = settings_grid(report, brief=True)
    rows = [[plain(cell) for cell in row] for row in grid.rows]
    right = [
        i for i, title in enumerate(grid.head[:-1]) if title not in ("no", *report["keys"].values())
    ]
    table(grid.head, rows, right=right)
    say(found_words(report))
    if report["published"]["note"]:
        say(f"The authors: {report['published']['note']}. {verdict(report)}")
    say(f"report: {folder / 'report.html'}")


@click.command()
@click.argument("name", metavar="NAME|FILE.toml")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the trials, the tables and the report.",
)
@click.option("--resume", is_flag=True, help="Go on with the sweep that the folder holds.")
@click.option(
    "--jobs",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Trials at a time, each in a process of its own; 0: one a CPU.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="CPUs that a trial uses. Another number may change the last digits.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a value of the recipe, or search.KEY and judge.KEY of the sweep.",
)
@click.option("--fast", is_flag=True, help="Two settings on synthetic music: does it run at all?")
@click.option(
    "--protocol",
    type=click.Choice(["honest", "published"]),
    default="honest",
    show_default=True,
    help="By groups that were never heard, or as the published system was measured.",
)
@click.option("--prune", is_flag=True, help="End networks early that fall behind the others.")
@click.option(
    "--finish",
    is_flag=True,
    help="Run the best setting once more at the end, with the test part opened.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@no_colour_option
@click.pass_context
def sweep(
    ctx: click.Context,
    name: str,
    out: Path,
    resume: bool,
    jobs: int,
    threads: int,
    settings: tuple[str, ...],
    fast: bool,
    protocol: str,
    prune: bool,
    finish: bool,
    as_json: bool,
) -> None:
    """Try the settings of a sweep, such as 003/learning-rate, and compare them.

    Settings are judged on the validation part; the test part stays closed. What was
    interrupted or killed goes on where it was when the same command is given with --resume.
    """
    from genrewise.training.sweep import SweepJob, run_sweep

    settings += ("search.prune=true",) if prune else ()
    job = SweepJob(
        name, out, settings, protocol, fast, resume, finish, jobs, threads, say, Progress
    )
    report = run_sweep(job)
    if as_json:
        ready_stdout().write(json_text(report, 1) + "\n")
    else:
        _show(report, out)
    ctx.exit(int(any(trial["state"] == "failed" for trial in report["trials"])))
