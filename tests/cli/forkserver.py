"""Runs ``genrewise`` in a process of its own without loading all modules each time.

Started by the fixture ``run_program``: loads what commands and workers need, in one thread, then
forks a child for each request and says its process id and exit code.  The child is a process as
any other: its own folder, environment, streams and signals.  Ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

PRELOAD = (
    *("click", "mutagen", "numpy", "onnxruntime", "rich.table", "soundfile", "soxr", "sqlite3"),
    *("genrewise.__main__", "genrewise.cli", "genrewise.cli.duplicates", "genrewise.cli.library"),
    *("genrewise.cli.review", "genrewise.cli.similar", "genrewise.cli.tag", "genrewise.cli.undo"),
    *("genrewise.cli.watch", "genrewise.features.statistics", "genrewise.inference"),
    *("genrewise.library.audio_hash", "genrewise.library.duplicates", "genrewise.library.exports"),
    *("genrewise.library.journal", "genrewise.library.listening", "genrewise.library.playlists"),
    *("genrewise.library.review", "genrewise.library.similar", "genrewise.library.status"),
    *("genrewise.library.tagging", "genrewise.library.undoing", "genrewise.library.watch"),
    "genrewise.records",
)


def become(request: dict[str, Any]) -> int:
    """Take on a command's folder, environment, arguments and streams, and run it."""
    for number, (path, flags) in enumerate(
        zip(request["streams"], (os.O_RDONLY, *[os.O_WRONLY | os.O_TRUNC] * 2), strict=True)
    ):
        file = os.open(path, flags)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    raw = io.FileIO(2, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), "utf-8", errors="backslashreplace", line_buffering=True
    )
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["genrewise", *request["args"]]
    from genrewise.__main__ import main

    return main()


def child(request: dict[str, Any]) -> None:
    """Run a command to its end, as the interpreter would."""
    code: Any = 1
    try:
        code = become(request)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 120
        os._exit(code)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it has ended, however it did."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def serve() -> None:
    """Answer requests, a line of JSON each, until there are no more."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    requests = os.fdopen(os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for name in PRELOAD:
        import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
    for line in requests:
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            os.close(answers.fileno())
            os.close(requests.fileno())
            child(json.loads(line))
        print(pid, file=answers, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve()
