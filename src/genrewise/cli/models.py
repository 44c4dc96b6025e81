"""``genrewise models``: which models there are, what they need, where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.options import complete_models, no_colour_option
from genrewise.cli.output import json_text, ready_stdout, say, size, table

if TYPE_CHECKING:
    from genrewise.bundle import ModelEntry

__all__ = ["models"]

_name = click.argument("name", metavar="NAME|FILE", shell_complete=complete_models)


def _figure(metrics: Mapping[str, Any]) -> str:
    """The measured accuracy by track with its interval, as far as the model says them."""
    track = metrics.get("track", metrics)
    accuracy, interval = track.get("accuracy"), track.get("interval")
    if accuracy is None:
        return "–"
    bounds = f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else ""
    return f"{accuracy:.3f}{bounds}"


def _row(entry: ModelEntry) -> list[str]:
    lacks = "damaged: " + entry.path if entry.error else "genrewise models get " + entry.name
    here = "yes" if entry.available else "no: " + lacks
    labels = str(len(entry.labels))
    return [
        entry.name,
        labels,
        size(entry.bytes),
        entry.licence,
        _figure(entry.metrics),
        here,
    ]


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A list of objects.")
@no_colour_option
@click.pass_context
def models(ctx: click.Context, /, *, as_json: bool) -> None:
    """List the models, get what one needs, show its card.

    The accuracy is by track, with its 95 % interval, under the protocol that the
    model's card names: genrewise models show NAME.
    """
    if ctx.invoked_subcommand is not None:
        return
    from genrewise.bundle import list_models

    entries = list_models()
    if as_json:
        ready_stdout().write(json_text([asdict(e) for e in entries], indent=2) + "\n")
        return
    titles = ("name", "labels", "size", "licence", "accuracy", "here")
    table(titles, map(_row, entries), right=(1, 2))


@models.command()
@_name
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The package to take it from, where it is at hand; else it is fetched.",
)
@no_colour_option
def get(name: str, source: Path | None) -> None:
    """Fetch and convert what a model needs; nothing to do is fine.

    The name may also be that of a pretrained network itself, e.g. musicnn-msd.
    """
    from genrewise import bundle
    from genrewise.backbone import fetch

    known = name in fetch.BACKBONES
    needs = (name,) if known else bundle.read(bundle.find(name)).info.backbones()
    missing = [need for need in needs if not fetch.available(need)]
    for need in missing:
        say(f"{need}: {fetch.get(need, source, say)}")
    if not missing:
        say(f"{name}: nothing to fetch")


@models.command()
@_name
@no_colour_option
def show(name: str) -> None:
    """Show a model's card: data, protocol, figures, what it confuses."""
    from genrewise import bundle

    card = bundle.read(bundle.find(name)).card
    ready_stdout().write((card or f"{name} has no card").rstrip("\n") + "\n")


@models.command()
@click.argument("name", metavar="[NAME|FILE]", required=False, shell_complete=complete_models)
@no_colour_option
def where(name: str | None) -> None:
    """Say where a model's file lies, or the folder of what was fetched."""
    from genrewise.bundle import find
    from genrewise.cache import cache_dir

    ready_stdout().write(f"{find(name) if name else cache_dir()}\n")
