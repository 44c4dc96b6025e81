"""A Dask scheduler and workers as processes of their own, on loopback, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

#: Programs, as the command ``dask`` starts them.
SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"
WORKER = "from distributed.cli.dask_worker import main; main()"
#: Before them: where the tests are killed, standard input ends, and all of the session with it.
TIED = (
    "import os, signal, threading\n"
    "def tied():\n"
    "    os.read(0, 1)\n"
    "    os.killpg(0, signal.SIGKILL)\n"
    "threading.Thread(target=tied, daemon=True).start()\n"
)


def until(ready: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(p for child in children(pid) for p in tree(child))]


def command(pid: int) -> str:
    """The command line of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def programs(pid: int, name: str) -> list[int]:
    """Processes below one whose command line has a name in it."""
    return [p for p in tree(pid)[1:] if name in command(p)]


def decoders(pid: int) -> list[int]:
    """Processes below one that work on items."""
    return programs(pid, "exec_process")


def marked(mark: str) -> list[int]:
    """Processes in whose environment something stands, wherever they are in the tree."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in place.read_bytes():
                found.append(int(place.parent.name))
    return found


@dataclass
class Cluster:
    """What is started below a folder."""

    folder: Path
    path: Sequence[str] = ()
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def _start(self, program: str, *args: str) -> subprocess.Popen[bytes]:
        # Another folder than the client's, and no settings of the user's.
        paths = [*self.path, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths),
            "DASK_CONFIG": str(self.folder / "none"),
            "GENREWISE_CACHE": str(self.folder / "cache"),
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", TIED + program, *args],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def address(self) -> str:
        """Of the scheduler."""
        import json

        file = self.folder / "scheduler.json"
        until(lambda: file.is_file() and file.stat().st_size > 0)
        found: str = json.loads(file.read_text())["address"]
        return found

    def start(self, workers: int) -> Cluster:
        """Start a scheduler and workers."""
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file")
        self.scheduler = self._start(SCHEDULER, *options, str(self.folder / "scheduler.json"))
        for _ in range(workers):
            self.add()
        return self

    def add(self, program: str = WORKER, *more: str) -> subprocess.Popen[bytes]:
        """Start a worker, as ``dask worker`` does, with a nanny that starts it again."""
        options = ("--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        below = ("--local-directory", str(self.folder / "scratch"))
        worker = self._start(program, self.address, *options, *below, *more)
        self.workers.append(worker)
        return worker

    def working(self) -> list[int]:
        """Processes that Dask calls workers: children of the nannies that serve."""
        found = [pid for nanny in self.workers for pid in children(nanny.pid)]
        return [pid for pid in found if "spawn_main" in command(pid)]

    def end(self) -> None:
        """End all of it."""
        # A nanny may start a worker while it is ended, and what a test killed leaves children.
        while left := marked(f"GENREWISE_CACHE={self.folder}/"):
            for pid in left:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        for process in [*self.workers, *filter(None, [self.scheduler])]:
            process.kill()
            process.communicate()


@contextmanager
def cluster(folder: Path, workers: int, path: Sequence[str] = ()) -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder, path)
    try:
        yield made.start(workers)
    finally:
        made.end()
