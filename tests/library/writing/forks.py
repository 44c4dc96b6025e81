"""Forks processes that write genres, to be killed: run by tests, a job a line on its input.

The process that forks has everything loaded and no threads, so a child is at work at once.  It
answers with how the child ended.
"""

from __future__ import annotations

import codecs
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from genrewise.errors import LibraryError
from genrewise.library.database import open_database
from genrewise.library.journal import write_genres, writing
from genrewise.library.undoing import undo

# Another user may not be able to load them later.
for encoding in ("latin-1", "utf-16", "utf-16-le", "utf-16-be", "ascii", "idna"):
    codecs.lookup(encoding)


def counted(work: Callable[[], None], last: int | None) -> int:
    """Do work and count its steps: calls of functions, begun and ended.

    At the one that is the `last` the process kills itself, in the very place where it is.
    """
    steps = 0

    def step(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(step)
    work()
    sys.setprofile(None)
    return steps


def become(uid: int | None) -> None:
    """Go on as another user, who may do less."""
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def work(job: dict[str, Any]) -> list[str]:
    """Write or undo; returns what was refused."""
    refused: list[str] = []
    with closing(open_database(Path(job["db"]))) as db:
        if job["genres"] is None:
            return [item.reason for item in undo(db) if item.reason]
        with writing(db, "test") as run:
            for path in job["paths"]:
                try:
                    write_genres(db, run, Path(path), job["genres"])
                except LibraryError as error:
                    refused.append(str(error))
    return refused


def child(job: dict[str, Any]) -> None:
    refused: list[str] = []
    with open(job["answer"], "w") as answer:  # noqa: PTH123
        become(job.get("uid"))
        steps = 0
        if job.get("after") is None:
            steps = counted(lambda: refused.extend(work(job)), job.get("last"))
        else:  # counting takes its time
            refused = work(job)
        json.dump({"steps": steps, "refused": refused}, answer)


for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(job)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    until, status = time.monotonic() + job.get("after", 600), None
    while status is None:
        ended, how = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = how
        elif time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)  # its number is its own until it was waited for
            status = os.waitpid(pid, 0)[1]
        else:
            time.sleep(0.0005)
    print(status, flush=True)  # noqa: T201
