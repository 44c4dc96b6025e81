"""How the engine ends: no process left, whoever stops, and what it costs while it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrewise import engine
from genrewise.engine import run

HERE = Path(__file__).parent


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")


@linux
def test_no_process_is_left_when_the_reader_stops(jobs: ModuleType) -> None:
    outcomes = run(jobs.setup, [("square", 1), *[("hang",)] * 9], workers=3)
    next(outcomes)
    assert jobs.children()
    outcomes.close()
    assert not jobs.children()


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import engine_jobs
from genrewise.engine import run
if __name__ == "__main__":
    try:
        for o in run(engine_jobs.setup, [("square", 3)] + [("hang",)] * 4, workers=2,
                     method={method!r}):
            print(o.value, flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "exec"])
def test_ctrl_c_ends_everything_quietly(jobs: ModuleType, tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(here=str(HERE), method=method))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert parent.stdout.readline() == "9\n"
        workers = jobs.children(parent.pid)
        assert workers
        for pid in (*workers, parent.pid):  # a terminal sends it to all of them
            os.kill(pid, signal.SIGINT)
        assert parent.wait(10) == 130
        assert parent.stderr.read() == ""
    assert all(jobs.gone(pid) for pid in workers)


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "exec"])
def test_no_worker_outlives_a_killed_parent(jobs: ModuleType, tmp_path: Path, method: str) -> None:
    script = tmp_path / "script.py"
    text = SCRIPT.format(here=str(HERE), method=method)
    script.write_text(text.replace('[("hang",)] * 4', '[("sleep", 1.0)] * 4'))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "9\n"
        workers = jobs.children(parent.pid)
        assert workers
        parent.kill()
        parent.wait(10)
    assert all(jobs.gone(pid) for pid in workers)


@linux
def test_decoders_cannot_write_into_the_results(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.format(here=str(HERE), method=None).replace(
            '[("square", 3)] + [("hang",)] * 4', '[("noise",)] * 3'
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("said\nsaid\nsaid\n", "")


FLAT = """
import resource, sys
sys.path.insert(0, {here!r})
import engine_jobs
from genrewise.engine import run
if __name__ == "__main__":
    peaks = []
    for n in (500, 10_000):
        items = (("blob", 2_000) for _ in range(n))
        assert sum(len(o.value) for o in run(engine_jobs.setup, items, workers=2)) == 2_000 * n
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(peaks[1] - peaks[0])
"""


@linux
def test_memory_is_flat_in_the_number_of_items(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(FLAT.format(here=str(HERE)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1024  # kB


PREFORKED = """
import sys
sys.path.insert(0, {here!r})
import engine_jobs
from genrewise import engine
engine.prefork(["decimal", "no.such.module"])
before = len(engine._spares)
assert "decimal" not in sys.modules
first = [o.value for o in engine.run(engine_jobs.setup, [("loaded", "decimal"), ("square", 3)],
                                     workers=1)]
engine.prefork(["decimal"])
engine.dismiss()
print(before, len(engine._spares), first)
"""


@linux
def test_a_worker_can_load_beforehand(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PREFORKED.format(here=str(HERE)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "1 0 [True, 9]\n"


def test_usable_cpus_heed_the_quota_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_text
    said = ""

    def read(path: Path, *args: Any) -> str:
        return said if path.name == "cpu.max" else real(path, *args)

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    for said, cpus in [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("", 8)]:
        assert engine.usable_cpus() == cpus, said
