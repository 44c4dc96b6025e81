"""The life of a worker process of :mod:`genrewise.engine`.

A worker gets the setup through its pipe, then items one by one, and sends back
``("ready",)``, ``("setup", error…)`` or ``(elapsed, "ok", value)`` and
``(elapsed, "failed", error…)``; of an item under way ``("said", word)``.  Errors travel as
the name of their class and the three parts of their message, as the parent must not load
what the worker loaded.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from genrewise.errors import GenrewiseError

__all__ = ["HELD", "describe", "tell", "work"]

#: Signals that are kept back from a worker until it has let go of its parent's handlers.
HELD = {getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)}


#: This worker's end of its pipe; nothing in a process that is no worker.
_ends: list[Connection] = []


def tell(word: Any) -> None:
    """Say something of the item under way, such as how far it is; for functions in a worker.

    Parameters
    ----------
    word : object
        Picklable.  Nobody hears it outside a worker, or where nobody watches.
    """
    for pipe in _ends:
        pipe.send(("said", word))


def _isolate(inherited: Sequence[Connection]) -> None:
    """Cut this process loose from the parent's terminal, pipes and signals."""
    for end in inherited:  # else a dead parent would never show as the end of a pipe
        end.close()
    for name, action in (
        ("SIGINT", signal.SIG_IGN),  # the parent decides
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
        ("SIGALRM", signal.SIG_DFL),
    ):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), action)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    faulthandler.disable()  # the parent says what happened
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # decoders print warnings of their own
        os.dup2(null, fd)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # short of memory, the kernel shall take a worker
            Path("/proc/self/oom_score_adj").write_text("500")


def _alarm(seconds: float) -> None:
    """End this process in `seconds`, also where the parent is gone or busy; 0 disarms."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def describe(error: BaseException) -> tuple[str, tuple[str, str, str]]:
    """What is left of an error on its way to the parent.

    Returns
    -------
    name : str
        Its class in :mod:`genrewise.errors`, or ``"MemoryError"``.
    parts : tuple of three str
        Given, expected, todo.  An error that is none of ours is a fault of this
        program, so it says where it was raised.
    """
    if isinstance(error, GenrewiseError):
        return type(error).__name__, (error.given, error.expected, error.todo)
    if isinstance(error, MemoryError):
        return "MemoryError", ("out of memory", "", "")
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
    text = f"internal error: {type(error).__name__}: {error}{where}"
    return "GenrewiseError", (text, "", "please report it")


def _answer(pipe: Connection, function: Callable[[Any], Any], item: Any, alarm: float) -> None:
    """Work on one item and send what came of it."""
    _alarm(alarm)
    started = time.perf_counter()
    try:
        answer: tuple[Any, ...] = ("ok", function(item))
    except BaseException as error:  # whatever it is, it costs this item only
        answer = ("failed", *describe(error))
    elapsed = time.perf_counter() - started
    _alarm(0.0)
    try:
        pipe.send((elapsed, *answer))
    except OSError:
        raise
    except Exception as error:  # the value cannot be pickled
        pipe.send((elapsed, "failed", *describe(error)))


def _serve(pipe: Connection, preload: Sequence[str]) -> None:
    try:
        for name in preload:
            import_module(name)
    except ImportError:
        pass  # the setup will say it better
    try:
        setup = pipe.recv()
    except (EOFError, OSError):
        return
    except BaseException as error:  # it cannot be unpickled
        pipe.send(("setup", *describe(error)))
        return
    try:
        function = setup()
    except BaseException as error:
        pipe.send(("setup", *describe(error)))
        return
    pipe.send(("ready",))
    while True:
        _answer(pipe, function, *pipe.recv())


def work(pipe: Connection, inherited: Sequence[Connection], preload: Sequence[str]) -> None:
    """Load, then work on one item after another until the pipe ends.

    Parameters
    ----------
    pipe : Connection
        This worker's end.
    inherited : sequence of Connection
        Ends that a fork copied and that are not this worker's.
    preload : sequence of str
        Modules to load before anything is asked.
    """
    _isolate(inherited)
    _ends[:] = [pipe]
    try:
        _serve(pipe, preload)
    except (EOFError, OSError):
        pass  # the parent is gone or wants no more
    finally:
        os._exit(0)  # nothing here needs the interpreter's own slow end
