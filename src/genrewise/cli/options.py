"""Options that several commands share, and how their values are written."""

from __future__ import annotations

import re
from typing import Any

import click
from click.shell_completion import CompletionItem

__all__ = [
    "complete_models",
    "model_option",
    "names",
    "no_colour_option",
    "seconds",
    "size",
    "windows",
]

_UNITS = {"": 2**20, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def seconds(value: str | float) -> float:
    """Seconds, or minutes and hours: ``90``, ``1:30``, ``1:02:03.5``.

    Raises
    ------
    click.BadParameter
        What is no length of time.
    """
    if isinstance(value, (int, float)):
        return float(value)
    if re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?|\.\d+", value, re.ASCII) is None:
        raise click.BadParameter(f"{value!r}; expected a time: 90, 1:30 or 1:02:03")
    total = 0.0
    for part in value.split(":"):
        total = total * 60 + float(part)
    return total


def size(value: str | int) -> int:
    """Bytes of an amount of memory: ``512`` (MB), ``512M``, ``2G``.

    Raises
    ------
    click.BadParameter
        What is no amount of memory.
    """
    if isinstance(value, int):
        return value
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?", value.strip().lower())
    if found is None:
        raise click.BadParameter(f"{value!r}; expected an amount of memory: 512M or 2G")
    return round(float(found[1]) * _UNITS[found[2]])


def windows(value: str | int) -> int | None:
    """How many windows: a number from 1 on, or ``all``, which is None.

    Raises
    ------
    click.BadParameter
        Anything else.
    """
    if isinstance(value, int):
        return value
    if value == "all":
        return None
    if not re.fullmatch(r"0*[1-9]\d{0,5}", value, re.ASCII):
        raise click.BadParameter(f"{value!r}; expected a number of windows from 1 on, or all")
    return int(value)


def names(_ctx: click.Context, _option: click.Parameter, value: str) -> list[str]:
    """Names written with commas between them."""
    return [name.strip() for name in value.split(",") if name.strip()]


def complete_models(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of models, and files, that begin with what was typed."""
    from genrewise.bundle import list_models

    names = [m.name for m in list_models() if m.name.startswith(incomplete)]
    return [CompletionItem(n) for n in names] or [CompletionItem(incomplete, type="file")]


def _no_colour(_ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        from genrewise.cli.output import use_colour

        use_colour(False)


def model_option(command: Any) -> Any:
    """Add ``--model NAME|FILE`` to a command."""
    return click.option(
        "--model",
        default="",
        metavar="NAME|FILE",
        shell_complete=complete_models,
        help="A model's name (see: genrewise models) or a .genrewise file;"
        " by default the best one that is here.",
    )(command)


def no_colour_option(command: Any) -> Any:
    """Add ``--no-color`` to a command."""
    return click.option(
        "--no-color",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_no_colour,
        help="No colours; the variable NO_COLOR does the same.",
    )(command)
