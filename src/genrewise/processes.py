"""How processes are started on this machine, and how many of them it has room for."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from genrewise.worker import HELD

__all__ = ["cause_of", "context", "held_signals", "usable_cpus"]


def usable_cpus() -> int:
    """CPUs that this process may use: affinity and the container's quota counted."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cpus, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return cpus


def context(name: str | None) -> Any:
    """The multiprocessing context of a name; without one fork where that is safe, else spawn."""
    if name == "exec":
        from genrewise import exec_process

        return exec_process
    if name is None:
        tasks = Path("/proc/self/task")
        single = sys.platform == "linux" and len(list(tasks.iterdir())) == 1
        name = "fork" if single else "spawn"
    return get_context(name)


@contextmanager
def held_signals() -> Iterator[None]:
    """Keep signals back: a worker has this process's handlers until its first line."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def cause_of(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
