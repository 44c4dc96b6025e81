"""Processes that are programs of their own: from daemons, from threads, without what is open."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrewise.engine import run
from genrewise.exec_process import Pipe, Process, get_start_method
from genrewise.worker import work

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")

HERE = Path(__file__).parent


def started(preload: tuple[str, ...] = ()) -> tuple[Any, Process]:
    near, far = Pipe()
    process = Process(target=work, args=(far, (), preload), daemon=True)
    process.start()
    far.close()
    return near, process


def test_it_answers_and_ends_with_its_pipe(jobs: ModuleType) -> None:
    assert get_start_method() == "exec"
    pipe, process = started()
    pipe.send(jobs.setup)
    assert pipe.recv() == ("ready",)
    pipe.send((("square", 7), 0.0))
    elapsed, kind, value = pipe.recv()
    assert (kind, value) == ("ok", 49)
    assert elapsed >= 0
    assert process.is_alive()
    assert process.exitcode is None
    pipe.close()
    process.join(10)
    assert (process.is_alive(), process.exitcode) == (False, 0)


def test_the_sentinel_can_be_read_once_it_has_ended(jobs: ModuleType) -> None:
    pipe, process = started()
    assert multiprocessing.connection.wait([process.sentinel], 0.05) == []
    process.kill()
    assert multiprocessing.connection.wait([process.sentinel], 10) == [process.sentinel]
    process.join()
    assert process.exitcode == -9
    assert process.sentinel == -1
    process.join()  # twice does no harm
    pipe.close()
    assert jobs.gone(process.pid)


def test_before_it_is_started() -> None:
    near, far = Pipe()
    process = Process(target=work, args=(far, (), ()), daemon=True)
    process.kill()
    process.join()
    assert (process.pid, process.is_alive(), process.exitcode) == (None, False, None)
    near.close()
    far.close()


def test_waiting_has_a_limit() -> None:
    pipe, process = started()
    began = time.monotonic()
    process.join(0.1)
    assert 0.1 <= time.monotonic() - began < 5
    assert process.is_alive()
    pipe.close()
    process.join()


def test_memory_is_not_given_back_at_once(
    jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Dask sets for its workers makes the system hand out every buffer anew."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("GENREWISE_CACHE", "kept")
    names = ("MALLOC_TRIM_THRESHOLD_", "GENREWISE_CACHE")
    items = [("environment", name) for name in names]
    found = [o.value for o in run(jobs.setup, items, workers=1, method="exec")]
    assert found == [None, "kept"]


def test_modules_are_loaded_beforehand(jobs: ModuleType) -> None:
    pipe, process = started(("decimal", "no.such.module"))
    pipe.send(jobs.setup)
    assert pipe.recv() == ("ready",)
    pipe.send((("loaded", "decimal"), 0.0))
    assert pipe.recv()[2] is True
    pipe.close()
    process.join()


def test_nothing_else_that_is_open_goes_along(jobs: ModuleType, tmp_path: Path) -> None:
    with (tmp_path / "held").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        pids = [o.value for o in run(jobs.setup, [("pid",)], workers=1, method="exec")]
        outcomes = run(jobs.setup, [("pid",), ("sleep", 9)], workers=1, method="exec")
        pid = next(outcomes).value
        if sys.platform == "linux":
            places = [
                str(p.readlink()) for p in Path(f"/proc/{pid}/fd").iterdir() if p.is_symlink()
            ]
            assert str(tmp_path / "held") not in places
        outcomes.close()
    assert jobs.gone(pid)
    assert jobs.gone(pids[0])


DAEMON = """
import multiprocessing, sys
open("ran", "a").write(".")
sys.path.insert(0, {here!r})
import engine_jobs
from genrewise.engine import run

def inside(pipe):
    pipe.send([o.value for o in run(engine_jobs.setup, [("square", 3)], method="exec")])

if __name__ == "__main__":
    near, far = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=inside, args=(far,), daemon=True)
    process.start()
    print(near.recv())
    process.join()
"""


def test_a_daemon_may_have_them_and_its_main_script_is_not_run(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(DAEMON.format(here=str(HERE)))
    command = [sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[9]\n", "")
    assert (tmp_path / "ran").read_text() == ".."  # once by itself and once by the daemon


def test_a_thread_may_have_them(jobs: ModuleType) -> None:
    found: list[Any] = []

    def inside() -> None:
        found.extend(o.value for o in run(jobs.setup, [("square", 4)], method="exec"))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [16]
