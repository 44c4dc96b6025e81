"""A Dask cluster to work on: one that is there, or one that is started on this machine.

Dask is imported here and in :mod:`genrewise.engine_dask` alone, when a run begins.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from genrewise import engine
from genrewise.errors import GenrewiseError, MissingExtra

__all__ = ["connected", "host", "local", "quiet"]

#: Seconds to wait for a scheduler, for its first worker, and for a cluster of our own to end.
CONNECT, FIRST_WORKER, LEAVE = 10.0, 30.0, 5.0

_PROGRAM = "import sys; sys.path[:] = {path}; from {module} import host; host({workers})"


#: Settings of a cluster of our own: Dask looks fifty times a second whether its loops are late,
#: and a hundred times what its threads are at, which is most of what an idle one costs.
_CALM = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Dask tells on standard error of its own inner life.

    Raises
    ------
    MissingExtra
        Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("a Dask cluster", "dask", error.name or "") from None
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] == "distributed"]
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def host(workers: int) -> None:
    """Be a scheduler with so many workers until standard input ends; a program of its own.

    Writes the scheduler's address to standard output.
    """
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # none would be a server on the usual port
        memory_limit=None,  # the processes that decode have limits of their own
    )
    sys.stdout.write(cluster.scheduler_address + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.close(timeout=LEAVE)


@contextmanager
def local(workers: int = 0) -> Iterator[str]:
    """A cluster on 127.0.0.1 that ends with the block, and with this process.

    Parameters
    ----------
    workers : int
        Processes of one thread each; 0 means one a usable CPU.

    Yields
    ------
    str
        The scheduler's address.

    Raises
    ------
    GenrewiseError
        It does not start.
    """
    count = workers or engine.usable_cpus()
    program = _PROGRAM.format(path=ascii(sys.path), module=__name__, workers=count)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | _CALM,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C is for this process alone
    ) as process:
        try:
            yield _address(process)
        finally:
            _leave(process)


def _address(process: subprocess.Popen[str]) -> str:
    """What a cluster of our own says once it is there; ended where that does not happen."""
    assert process.stdout is not None
    address = ""
    try:
        address = process.stdout.readline().strip()
    finally:
        if not address:
            process.kill()
    if not address:
        given = "a Dask cluster on this machine that did not start"
        raise GenrewiseError(given, todo="see what is wrong with: dask scheduler")
    return address


def _leave(process: subprocess.Popen[str]) -> None:
    """Let a cluster of our own end, and see to it."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(2 * LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a scheduler that has workers.

    Parameters
    ----------
    address : str

    Yields
    ------
    distributed.Client

    Raises
    ------
    GenrewiseError
        No scheduler answers there, or it has no workers.
    """
    from distributed import Client

    try:
        asyncio.run(_greet(address))
        client = Client(address, timeout=CONNECT, set_as_default=False, name="genrewise")
    except Exception as error:  # a server of another kind may answer anything
        reason = " ".join(str(error).split()) or "no answer"
        raise GenrewiseError(
            f"{address}: {reason}",
            "the address of a Dask scheduler, such as tcp://10.0.0.1:8786",
            "start one with: dask scheduler, or give local",
        ) from None
    try:
        _wait_for_one(client, address)
        yield client
    finally:
        client.close(timeout=LEAVE)


async def _greet(address: str) -> None:
    """Find out whether a scheduler answers; a client of Dask would wait for ever to be greeted.

    Raises
    ------
    Exception
        Whatever keeps it from answering.
    """
    from distributed import rpc
    from distributed.security import Security

    args = Security().get_connection_args("client")
    async with rpc(address, timeout=CONNECT, connection_args=args) as scheduler:
        found = await asyncio.wait_for(scheduler.identity(), CONNECT + 1.0)
    if found.get("type") != "Scheduler":
        raise ValueError(f"a {str(found.get('type', 'server')).lower()} of Dask's")


def _wait_for_one(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER)
    except TimeoutError:
        todo = f"start some: dask worker {address}"
        raise GenrewiseError(f"{address}: no workers", "one or more", todo) from None
