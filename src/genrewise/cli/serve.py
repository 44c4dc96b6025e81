"""``genrewise serve``: the page and its interface for programs, on this machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import click

from genrewise.cli.options import model_option, no_colour_option
from genrewise.cli.output import ready_stdout

__all__ = ["serve"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind to.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0 picks one.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option("--db", type=click.Path(path_type=Path), metavar="FILE", help="A music library.")
@model_option
@no_colour_option
def serve(*, no_browser: bool, **options: Any) -> None:
    """Open the page: drop a song, see and hear why."""
    from genrewise.web.serving import serve as run
    from genrewise.web.settings import Settings

    out = ready_stdout()

    def ready(url: str) -> None:
        out.write(f"{url}\n")
        out.flush()
        if not no_browser:
            webbrowser.open(url)

    run(Settings(**options), ready)
