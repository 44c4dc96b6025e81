"""Which engine a command works with: processes here, or a Dask cluster by ``--scheduler``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import click

from genrewise import engine
from genrewise.engine import Outcome

__all__ = ["Engine", "chosen", "scheduler_option"]

#: As :func:`genrewise.engine.run`, without the number of workers.
Engine = Callable[..., Generator[Outcome, None, None]]


def scheduler_option(command: Any) -> Any:
    """Add ``--scheduler ADDRESS|local`` to a command."""
    return click.option(
        "--scheduler",
        default="",
        metavar="ADDRESS|local",
        help="Work on a Dask cluster: its scheduler's address, or local to start one here.",
    )(command)


def chosen(scheduler: str, workers: int) -> Engine:
    """The engine that the options name.

    Parameters
    ----------
    scheduler : str
        Empty for processes of this one.
    workers : int
        Processes at the most; 0 is one a CPU.

    Raises
    ------
    click.UsageError
        A number of workers for a cluster that has its own.
    """
    if not scheduler:
        return partial(engine.run, workers=workers)
    if workers and scheduler != "local":
        raise click.UsageError(
            f"--workers {workers} with --scheduler {scheduler}; a cluster has its own workers."
            " Leave --workers out"
        )
    from genrewise import engine_dask

    return partial(engine_dask.run, scheduler=scheduler, workers=workers)
