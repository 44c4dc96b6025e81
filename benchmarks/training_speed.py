"""Training speed of the networks of systems 000 and 001 against Keras with TensorFlow.

Both train on the same shapes, random data, with the same batch and one thread each: ours as a
recipe fits it, Keras as its authors would write it (``keras_peer.py``).  An epoch of each by
turns, the first by turns too; the ratio is the median of the pairs' ratios.  Ours is the second
epoch of a fit, Keras has done two before.  Where the processor multiplies bfloat16 itself
ours is measured in float32 as well, which is what it would take without.

CPU seconds stand beside seconds: they hardly change with what else the machine does.

TensorFlow goes into an environment of its own, thrown away afterwards; ``--environment DIR``
keeps it, or uses one that is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import venv
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common import ROOT, Row, median, save
from genrewise.training import models
from genrewise.training.models.precision import cpu_flags
from genrewise.training.models.training_loop import watcher

PAIRS = 7

#: Seconds, and seconds of a CPU.
Took = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """A network on one size of input.

    Parameters
    ----------
    network : str
    height, width : int
    batch, clips : int
        Of a step and of an epoch.
    """

    network: str
    height: int
    width: int
    batch: int
    clips: int

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.network}, {self.height}×{self.width}"


CASES = (
    Case("cnn-000", 64, 173, 64, 320),
    Case("cnn-001", 64, 64, 32, 128),
    Case("cnn-001", 128, 128, 32, 32),
)


def environment(folder: Path) -> Path:
    """The Python of an environment with TensorFlow, made where there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "tensorflow-cpu"]
        subprocess.run([str(part) for part in command], check=True)
    return python


@contextmanager
def keras(python: Path, case: Case, threads: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """What Keras says it is, and a function that trains an epoch and gives its seconds."""
    numbers = (case.height, case.width, case.clips, case.batch, threads)
    command = [python, ROOT / "benchmarks" / "keras_peer.py", case.network, *numbers]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    # It ends with its input, which is closed on the way out.
    with subprocess.Popen([str(part) for part in command], text=True, **pipes) as process:

        def answer() -> Any:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"keras_peer.py ended with {process.wait()}")
            return json.loads(line)

        def epoch() -> Took:
            process.stdin.write("\n")
            process.stdin.flush()
            return tuple(answer())

        yield answer(), epoch


def ours(case: Case, precision: str) -> Callable[[], tuple[Took, Any]]:
    """A function that fits two epochs and gives what the second took, and the network."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((case.clips, 1, case.height, case.width)).astype(np.float32)
    y = np.arange(case.clips) % 10
    settings = {"validation": 0.0, "patience": 0, "precision": precision}

    def epoch() -> tuple[Took, Any]:
        ends: list[Took] = []
        watcher.set(lambda _: ends.append((time.perf_counter(), time.process_time())))
        network = models.make(case.network, 10, batch_size=case.batch, max_epochs=2, **settings)
        network.fit(x, y)
        return (ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]), network

    return epoch


def _jiffies(text: str, first: int, last: int) -> float:
    """Seconds of CPU in some columns of a line of /proc."""
    columns = [int(part) for part in text.split()[first:last]]
    return sum(columns) / os.sysconf("SC_CLK_TCK")


def used(pid: int) -> tuple[float, float, float]:
    """Seconds: now, CPU that everybody has used, and CPU that this process and `pid` have."""
    line = Path("/proc/stat").read_text().splitlines()[0]
    everybody = _jiffies(line, 1, 4) + _jiffies(line, 6, 9)
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return time.monotonic(), everybody, time.process_time() + _jiffies(stat, 11, 13)


def others(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """CPUs that others kept busy between two looks."""
    wall, everybody, own = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (everybody - own) / wall)


def measure(case: Case, python: Path, threads: int) -> dict[str, Any]:
    """Seconds of the epochs of all, by turns, and what else the machine did meanwhile."""
    fits = {precision: ours(case, precision) for precision in ("auto", "float32")}
    trained = {precision: fit()[1] for precision, fit in fits.items()}
    if trained["auto"].precision_ == "float32":
        del fits["float32"]
    took: dict[str, list[Took]] = {name: [] for name in (*fits, "keras")}
    busy: list[float] = []
    with keras(python, case, threads) as (peer, epoch):
        turns = {**{name: lambda fit=fit: fit()[0] for name, fit in fits.items()}, "keras": epoch}
        for pair in range(PAIRS):
            before = used(peer["pid"])
            for name in list(took)[:: 1 if pair % 2 else -1]:
                took[name].append(turns[name]())
            busy.append(others(before, used(peer["pid"])))
    weights = sum(p.numel() for p in trained["auto"].module_.parameters())
    return {
        "clips": case.clips,
        "batch": case.batch,
        "parameters": {"ours": weights, "keras": peer["parameters"]},
        "precision": {name: trained[name].precision_ for name in fits},
        "versions": {"torch": torch.__version__, **{k: peer[k] for k in ("tensorflow", "keras")}},
        "seconds": {name: [seconds for seconds, _ in pairs] for name, pairs in took.items()},
        "cpu_seconds": {name: [cpu for _, cpu in pairs] for name, pairs in took.items()},
        "others_cpus": busy,
    }


def ratio(kept: dict[str, Any], precision: str, unit: str = "seconds") -> float:
    """How many times faster than Keras: the median of the pairs."""
    pairs = zip(kept[unit]["keras"], kept[unit][precision], strict=True)
    return median(theirs / mine for theirs, mine in pairs)


def shown(name: str, kept: dict[str, Any], units: list[str]) -> list[Row]:
    """Lines of one network."""
    speed = {key: kept["clips"] / median(took) for key, took in kept["seconds"].items()}
    rows = [Row(f"{name}, Keras", f"{speed['keras']:.1f} clips/s")]
    for key, precision in kept["precision"].items():
        target = "≥ 2.5" if precision == "bfloat16" else "≥ 1.2"
        note = ", as without its units" if units and precision == "float32" else ""
        rows.append(Row(f"{name}, ours in {precision}{note}", f"{speed[key]:.1f} clips/s"))
        rows.append(Row("how many times faster", f"{ratio(kept, key):.2f}", target))
        in_cpu = ratio(kept, key, "cpu_seconds")
        rows.append(Row("the same in CPU seconds", f"{in_cpu:.2f}", target))
    return rows


def main() -> None:
    """Measure and keep."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, help="folder of one that is kept")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    units = sorted(cpu_flags() & {"avx512_bf16", "amx_bf16"})
    with tempfile.TemporaryDirectory() as folder:
        python = environment(args.environment or Path(folder) / "keras")
        found = {case.name: measure(case, python, args.threads) for case in CASES}
    rows = [row for name, kept in found.items() for row in shown(name, kept, units)]
    busy = median(cpus for kept in found.values() for cpus in kept["others_cpus"])
    rows.append(Row("CPUs that others kept busy meanwhile", f"{busy:.1f} of {os.cpu_count()}"))
    save("training_speed", rows, {"threads": args.threads, "bf16_units": units, "networks": found})


if __name__ == "__main__":
    main()
