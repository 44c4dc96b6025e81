"""``genrewise evaluate``: a model on labelled music."""

from __future__ import annotations

import click

from genrewise.cli.options import names, no_colour_option
from genrewise.cli.output import Progress, json_text, ready_stdout, say, table
from genrewise.cli.runs import TITLES, level_rows

__all__ = ["evaluate"]


def _pairs(_ctx: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(item.partition("=")[::2] for item in value)
    for ours, theirs in pairs.items():
        if not ours or not theirs:
            raise click.BadParameter("expected LABEL=LABEL, such as rap=hiphop")
    return pairs


@click.command()
@click.argument("model", metavar="NAME|FILE")
@click.argument("source", metavar="FOLDER|MANIFEST|NAME")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="A=B",
    callback=_pairs,
    help="Label A of the music is label B of the model.",
)
@click.option(
    "--part",
    default="",
    type=click.Choice(["", "train", "valid", "test"]),
    metavar="PART",
    help="Only items of this part of the data set's own split: train, valid or test.",
)
@click.option("--labels", default="", metavar="A,B,…", callback=names, help="These genres only.")
@click.option("--restrict", is_flag=True, help="Choose among the data set's labels only.")
@click.option("--group-by", default="", metavar="RULE", help="What the interval resamples.")
@click.option("--workers", type=click.IntRange(0), default=0, metavar="N", help="0: one a CPU.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@no_colour_option
@click.pass_context
def evaluate(
    ctx: click.Context,
    model: str,
    source: str,
    mapping: dict[str, str],
    part: str,
    labels: list[str],
    restrict: bool,
    group_by: str,
    workers: int,
    as_json: bool,
) -> None:
    """Score a model on labelled music: accuracy with its interval, by track, clip and window."""
    from genrewise.training.evaluate import evaluate as score

    with Progress("files") as bar:
        found = score(
            model,
            source,
            mapping=mapping,
            part=part,
            labels=labels,
            restrict=restrict,
            group_by=group_by,
            workers=workers,
            progress=bar.update,
        )
    if as_json:
        ready_stdout().write(json_text(found, 1) + "\n")
    else:
        rows = level_rows(part or "all", found)
        table(TITLES, rows, right=tuple(range(2, len(TITLES))))
    for label in found["outside"]:
        say(f"left out: {label}, which the model does not know")
    for path, reason in found["failed"]:
        say(f"{path}: {reason}")
    if found["failed"]:
        ctx.exit(1)
