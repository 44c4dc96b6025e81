"""Worker processes of the engine that are programs of their own, for use inside other programs.

``multiprocessing`` allows a daemon no children, which the workers of a Dask cluster are by
default, and a process that it spawns runs the main script of its parent anew, which there is
Dask's.  A process of this module needs neither: it is the same interpreter with the same search
path and nothing else.  It ends by itself where its parent does, as its pipe ends then.

The module stands where a context of ``multiprocessing`` would: :func:`Pipe`, :class:`Process` and
:func:`get_start_method` are what the engine asks of one.  For systems that follow POSIX.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from genrewise.worker import work

__all__ = ["Pipe", "Process", "begin", "get_start_method"]

_PROGRAM = "import sys; sys.path[:] = {path}; from {module} import begin; begin({ends}, {preload})"


def get_start_method() -> str:
    """``"exec"``."""
    return "exec"


class Process:
    """A process that does the work of :func:`genrewise.worker.work`.

    Parameters
    ----------
    target : callable
        Taken for what it always is.
    args : tuple
        The worker's end of the pipe, nothing that would be inherited, modules to load.
    daemon : bool
        Taken for True.

    Attributes
    ----------
    sentinel : int
        Can be read once the process has ended.
    """

    def __init__(
        self,
        *,
        target: Callable[..., None],  # noqa: ARG002
        args: tuple[Connection, Sequence[Connection], Sequence[str]],
        daemon: bool,  # noqa: ARG002
    ) -> None:
        self._end, _, self._preload = args
        self._popen: subprocess.Popen[bytes] | None = None
        self.sentinel = -1

    def start(self) -> None:
        """Start it; of all that is open here it gets its pipe alone.

        Raises
        ------
        OSError
            No more processes, or no more open files.
        """
        self.sentinel, held = os.pipe()
        ends = (self._end.fileno(), held)
        program = _PROGRAM.format(
            path=ascii(sys.path), module=__name__, ends=ends, preload=ascii(list(self._preload))
        )
        # Dask has its workers give memory back at once; for a decoder that is a fifth more work.
        environment = {k: v for k, v in os.environ.items() if k != "MALLOC_TRIM_THRESHOLD_"}
        command = [sys.executable, "-c", program]
        try:
            self._popen = subprocess.Popen(command, pass_fds=ends, env=environment)
        finally:
            os.close(held)

    @property
    def pid(self) -> int | None:
        """Its number; None before it is started."""
        return None if self._popen is None else self._popen.pid

    @property
    def exitcode(self) -> int | None:
        """None while it runs, below zero where a signal ended it."""
        return None if self._popen is None else self._popen.poll()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self._popen is not None:
            self._popen.kill()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for so many seconds at the most."""
        if self._popen is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout)
            if self.sentinel >= 0:
                os.close(self.sentinel)
                self.sentinel = -1


def begin(ends: tuple[int, int], preload: Sequence[str]) -> None:
    """The life of such a process.

    Parameters
    ----------
    ends : tuple of two int
        Numbers of its pipe's end and of what is open as long as it lives.
    preload : sequence of str
        Modules to load before anything is asked.
    """
    for end in ends:  # what it starts in its turn must not hold them
        os.set_inheritable(end, False)
    work(Connection(ends[0]), (), preload)
