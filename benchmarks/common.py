"""What the benchmarks share: music, processes that are watched, results that are kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
GENREWISE = Path(sys.executable).with_name("genrewise")


@dataclass(frozen=True)
class Row:
    """A line of a result: what was measured, the figure as shown, the target it is held to."""

    what: str
    figure: str
    target: str = ""


@dataclass(frozen=True)
class Watched:
    """A command that ended.

    Seconds, MiB of its largest process and of all together, and CPU seconds of all of them.
    """

    seconds: float
    largest: float
    together: float
    cpu: float = 0.0


def music(seconds: float, seed: int) -> NDArray[np.float32]:
    """Synthetic music, stereo at 44.1 kHz, shape (n, 2)."""
    from genrewise.audio import resample
    from genrewise.training.datasets.synthesis import SR
    from genrewise.training.datasets.synthetic import STYLES, artist, render

    rng = np.random.default_rng(seed)
    style = STYLES[list(STYLES)[seed % len(STYLES)]]
    y = resample(render(artist(style, rng), seconds, rng), SR, 44100)
    return np.stack([y, np.roll(y, 441)], axis=1)


def write_mp3(path: Path, y: NDArray[np.float32]) -> Path:
    """An mp3 of stereo samples at 44.1 kHz."""
    import soundfile

    soundfile.write(path, y, 44100, format="MP3")
    return path


def watch(command: Sequence[str | Path], poll: float = 0.0, codes: Sequence[int] = (0,)) -> Watched:
    """Run a command; with `poll` its memory is looked at every so many seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    together = 0.0
    while poll:
        together = max(together, memory(process.pid))
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        time.sleep(poll)
    else:
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Watched(seconds, usage.ru_maxrss / 1024, together, cpu)


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def memory(pid: int) -> float:
    """MiB of a process and all below it (Linux).

    What each has for itself, and the largest share that one has in common with others.
    """
    sizes = [_sizes(each) for each in tree(pid)]
    return sum(own for own, _ in sizes) + max((held for _, held in sizes), default=0.0)


def _sizes(pid: int) -> tuple[float, float]:
    """MiB that a process has for itself and in common with others; 0 when it has ended."""
    own = held = 0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split()[:2]
            own += int(value) if name.startswith("Private_") else 0
            held += int(value) if name in {"Shared_Clean:", "Shared_Dirty:"} else 0
    return own / 1024, held / 1024


def alternate(functions: Iterable[Callable[[], Any]], rounds: int) -> list[list[Any]]:
    """Call functions in turn, so that what else the machine does hits all of them alike."""
    functions = list(functions)
    results: list[list[Any]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, kept in zip(functions, results, strict=True):
            kept.append(function())
    return results


def timed(function: Callable[[], Any]) -> Callable[[], float]:
    """A function that gives the seconds that `function` took."""

    def measure() -> float:
        began = time.perf_counter()
        function()
        return time.perf_counter() - began

    return measure


def median(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def _cpu() -> str:
    """Name of the CPU."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "rev-parse", "--short=10", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def save(name: str, rows: Sequence[Row], values: dict[str, Any], keep: bool = True) -> None:
    """Print a table and keep it, with every value, as ``benchmarks/results/NAME.json``."""
    width = max(len(row.what) for row in rows)
    for row in rows:
        print(f"{row.what:<{width}}  {row.figure:<34}{row.target}")
    if not keep:
        return
    machine = {
        "cpu": _cpu(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }
    kept = {
        "name": name,
        "commit": _commit(),
        "machine": machine,
        "rows": [asdict(row) for row in rows],
        "values": values,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
