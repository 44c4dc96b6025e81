"""Work for the engine's tests: plain functions that every process can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from genrewise.errors import AudioError, BundleError, MissingExtra, UnknownName
from genrewise.worker import tell


def work(item: Any) -> Any:
    """Do what the item says: ("square", 3), ("sleep", 1), ("die", 9), ("fail",), …"""
    verb, *rest = item
    return VERBS[verb](*rest)


def setup() -> Callable[[Any], Any]:
    return work


def _square(x: int) -> int:
    return x * x


def _sleep(seconds: float, answer: Any = None) -> Any:
    time.sleep(seconds)
    return answer


def _hang() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM, signal.SIGINT})
    while True:
        time.sleep(10)


def _die(number: int) -> None:
    os.kill(os.getpid(), number)


def _die_above(number: int) -> None:
    """Kill the process that watches this one."""
    os.kill(os.getppid(), number)
    time.sleep(60)


def _fail(name: str) -> None:
    raise {
        "audio": AudioError("a.mp3: 0 bytes", "an audio file", "copy it again"),
        "unknown": UnknownName("label", "regge", ["reggae", "rock"]),
        "extra": MissingExtra("a URL", "url"),
        "bug": KeyError("nothing here"),
        "memory": MemoryError(),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
    }[name]


def _eat(megabytes: int) -> int:
    held = [bytearray(os.urandom(1) * 2**20) for _ in range(megabytes)]
    time.sleep(5)
    return len(held)


def _unpicklable() -> Any:
    return lambda: None


def _noise() -> str:
    os.write(1, b"decoder chatter on stdout\n")
    os.write(2, b"decoder chatter on stderr\n")
    sys.stdout.write("python chatter")
    sys.stdout.flush()
    return "said"


def _count(until: int) -> int:
    for i in range(until):
        tell(i)
    return until


def _say_and_hang(word: Any) -> None:
    tell(word)
    _hang()


def _blob(size: int) -> bytes:
    return b"x" * size


VERBS: dict[str, Callable[..., Any]] = {
    "square": _square,
    "sleep": _sleep,
    "hang": _hang,
    "die": _die,
    "die above": _die_above,
    "environment": os.environ.get,
    "fail": _fail,
    "eat": _eat,
    "unpicklable": _unpicklable,
    "noise": _noise,
    "blob": _blob,
    "count": _count,
    "say and hang": _say_and_hang,
    "pid": os.getpid,
    "threads": lambda: os.environ["OMP_NUM_THREADS"],
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "end": lambda: os._exit(7),
    "loaded": lambda name: name in sys.modules,
}


def broken_setup() -> Callable[[Any], Any]:
    raise BundleError("tiny.genrewise: 3 bytes", "a model file", "train it again")


def end_of_file_setup() -> Callable[[Any], Any]:
    raise EOFError("the model file ends early")


def dying_setup() -> Callable[[Any], Any]:
    os.kill(os.getpid(), signal.SIGILL)
    raise AssertionError


def _dies_until(marker: Path) -> Callable[[Any], Any]:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work


def dies_once(marker: Path) -> Callable[[], Callable[[Any], Any]]:
    return partial(_dies_until, marker)


def slow_setup() -> Callable[[Any], Any]:
    time.sleep(0.8)
    return work


def hanging_setup() -> Callable[[Any], Any]:
    _hang()
    raise AssertionError


def children(pid: int | None = None) -> set[int]:
    """Workers: processes whose parent is `pid`, by default this one."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
            if any(word in command for word in (b"resource_tracker", b"forkserver", b"playwright")):
                continue  # helpers of multiprocessing and of a browser; they stay with their parent
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == (pid or os.getpid()):
            found.add(int(entry.name))
    return found


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
