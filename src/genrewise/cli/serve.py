"""``genrewise serve``: the page and its interface for programs, on this machine."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import Any

import click

from genrewise.cli.options import model_option, no_colour_option, seconds, size
from genrewise.cli.output import json_text, ready_stdout, say
from genrewise.engine import CAN_LIMIT_MEMORY, usable_cpus

__all__ = ["serve"]

#: Where a token may be given without writing it to a file or showing it to other users.
TOKEN = "GENREWISE_TOKEN"


def _token(file: Path | None) -> str:
    """The token in a file, else in the environment; empty for none."""
    if file is None:
        return os.environ.get(TOKEN, "").strip()
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no text"
        raise click.BadParameter(f"{file}: {why}", param_hint="--token-file") from None
    if not found:
        raise click.BadParameter(f"{file}: empty", param_hint="--token-file")
    return found


def _origin(_ctx: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> Any:
    for origin in value:
        scheme, mark, host = origin.partition("://")
        if scheme not in ("http", "https") or not mark or not host or "/" in host:
            raise click.BadParameter(f"{origin!r}; expected https://example.org")
    return value


#: What bounds the work of a server.
_LIMITS = (
    click.option(
        "--workers",
        type=click.IntRange(1),
        default=usable_cpus(),
        metavar="N",
        help="Processes that listen; by default one a CPU.",
    ),
    click.option(
        "--queue",
        type=click.IntRange(1),
        default=64,
        show_default=True,
        metavar="N",
        help="Files that may wait.",
    ),
    click.option(
        "--max-size",
        "max_bytes",
        type=size,
        default="300M",
        show_default=True,
        help="Size of an upload at the most.",
    ),
    click.option(
        "--max-seconds",
        type=seconds,
        default="4:00:00",
        show_default=True,
        help="Length of a recording at the most.",
    ),
    click.option(
        "--time-limit",
        type=seconds,
        default="15:00",
        show_default=True,
        help="Give a file up after this at the latest.",
    ),
    click.option(
        "--memory-limit",
        type=size,
        default="2G" if CAN_LIMIT_MEMORY else "0",
        show_default=True,
        help="Give a file up above this (needs /proc); 0 for none.",
    ),
    click.option(
        "--client-jobs",
        type=click.IntRange(1),
        default=32,
        show_default=True,
        metavar="N",
        help="Files of one client at a time.",
    ),
    click.option(
        "--client-requests",
        type=click.IntRange(1),
        default=3000,
        show_default=True,
        metavar="N",
        help="Requests of one client in a minute.",
    ),
    click.option(
        "--keep",
        "keep_seconds",
        type=seconds,
        default="1:00:00",
        show_default=True,
        help="Forget answers after this.",
    ),
)


def _limits(command: Any) -> Any:
    """Add the options that bound what the server does."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


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
@click.option(
    "--db",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A music library: review what was found, find alike.",
)
@model_option
@click.option(
    "--label",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="A folder of songs to label by ear.",
)
@click.option(
    "--label-out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where clips, labels and what was learnt are kept; by default FOLDER-labelled beside it.",
)
@click.option(
    "--reports",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Reports of runs to show, NAME/PROTOCOL/report.json; by default those that come along.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Refuse who does not know what is in FILE; the variable {TOKEN} does the same.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Another name under which the server is called.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    callback=_origin,
    metavar="ORIGIN",
    help="Pages of another server that may ask: https://example.org.",
)
@click.option(
    "--allow-urls",
    "urls",
    is_flag=True,
    help="Fetch files from public addresses of the web for clients.",
)
@click.option(
    "--proxy",
    default="",
    metavar="ADDRESS",
    help="Believe the X-Forwarded headers of the proxy at this address.",
)
@_limits
@click.option(
    "--log",
    type=click.Choice(["quiet", "text", "json"]),
    default="quiet",
    show_default=True,
    help="A line for each request on standard error; faults are always written.",
)
@click.option("--json", "as_json", is_flag=True, help="Say where it answers as JSON.")
@no_colour_option
def serve(
    *,
    no_browser: bool,
    token_file: Path | None,
    memory_limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Open the page: drop a song, see and hear why.

    The server listens on this machine alone unless --host says otherwise. Its address is
    printed once it answers; Ctrl-C ends it.
    """
    from genrewise.web.reports import folder_of_reports
    from genrewise.web.serving import serve as run
    from genrewise.web.settings import Settings

    out = ready_stdout()
    options["reports"] = options["reports"] or folder_of_reports()
    settings = Settings(token=_token(token_file), memory_limit=memory_limit or None, **options)

    def ready(url: str) -> None:
        out.write((json_text({"url": url, "pid": os.getpid()}) if as_json else url) + "\n")
        out.flush()
        if not no_browser and not webbrowser.open(_opened(url, settings.token)):
            say("no browser was found: open the address yourself", fg="yellow")

    run(settings, ready)


def _opened(url: str, token: str) -> str:
    """What the browser is given: behind the # nothing goes over the wire."""
    from urllib.parse import quote

    return f"{url}#/?token={quote(token, safe='')}" if token else url
