"""``classify`` under bad luck: killed and hanging workers, Ctrl-C, a reader that leaves, hours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

Run = Callable[..., subprocess.CompletedProcess[str]]


def children(pid: int) -> list[int]:
    """Workers of a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in found]


def state(pid: int) -> str:
    """State of a process; Z where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def resident(pid: int) -> int:
    """Kilobytes that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Whether processes end within some seconds."""
    until = time.monotonic() + seconds
    while any(state(p) != "Z" for p in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class Live:
    """A running ``classify -`` to which paths are told one by one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdin: IO[str] = process.stdin
        self.stdout: IO[str] = process.stdout
        self.stderr: IO[str] = process.stderr

    def tell(self, *paths: str) -> None:
        self.stdin.write("".join(f"{p}\n" for p in paths))
        self.stdin.flush()

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout.readline())
        return found

    def end(self) -> tuple[int, list[str]]:
        self.stdin.close()
        return self.process.wait(20), self.stderr.read().splitlines()


@contextmanager
def live(model: Path, *more: str, sources: tuple[str, ...] = ("-",)) -> Iterator[Live]:
    command = [sys.executable, "-m", "genrewise", "classify", "--model", str(model), "--jsonl"]
    command += ["--listen", "all"]  # so that long files take long
    with subprocess.Popen(
        [*command, *more, *sources],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Live(process)
        finally:
            process.kill()


@pytest.fixture
def long(songs: Path) -> str:
    """Half an hour, which takes a second or more."""
    y = np.sin(np.arange(1800 * 8000, dtype=np.float32) * 0.35) * 0.5
    soundfile.write(songs / "long.wav", y, 8000, subtype="ULAW")
    return "long.wav"


def busy_worker(run: Live, path: str) -> int:
    """The worker that works on a path, told just now."""
    run.tell("m/z.ogg")
    assert run.answer()["status"] == "ok"
    run.tell(path)
    time.sleep(0.2)
    (worker,) = children(run.process.pid)
    return worker


# ------------------------------------------------------------------ one file each


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_worker_that_dies_costs_its_file(model: Path, long: str, name: str) -> None:
    with live(model, "--workers", "1") as run:
        os.kill(busy_worker(run, long), getattr(signal, name))
        run.tell("m/a tone.wav", "m/below/noise.flac")
        lost, *rest = (run.answer() for _ in range(3))
        assert (lost["path"], lost["status"], lost["cause"]) == (long, "failed", "crashed")
        assert [r["genre"] for r in rest] == ["tone", "noise"]
        code, said = run.end()
    assert code == 1
    assert said == [
        f"long.wav: the decoder crashed on it ({name})",
        "4 files: 3 ok, 1 failed",
    ]


def test_a_worker_that_hangs_costs_its_file(model: Path, long: str) -> None:
    with live(model, "--workers", "1", "--time-limit", "1") as run:
        os.kill(busy_worker(run, long), signal.SIGSTOP)
        run.tell("m/a tone.wav")
        lost, other = run.answer(), run.answer()
        assert (lost["status"], lost["cause"]) == ("failed", "timeout")
        assert 1.0 <= lost["elapsed"] < 3.0
        assert other["genre"] == "tone"
        code, said = run.end()
    assert code == 1
    assert said[0] == "long.wav: no answer within 1 s; expected one. Raise the time limit"


def test_a_file_that_takes_too_long_costs_itself(genrewise: Run, long: str) -> None:
    done = genrewise(
        "--jsonl", "--listen", "all", "--time-limit", "0.2", "m/z.ogg", long, "m/z.ogg"
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["status"] for r in records] == ["ok", "failed", "ok"]
    assert done.returncode == 1


@pytest.mark.usefixtures("songs")
def test_a_memory_limit_below_what_the_model_takes(genrewise: Run) -> None:
    done = genrewise("--jsonl", "--memory-limit", "5M", "m")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "5 MB" in done.stderr


def test_a_memory_limit_above_it(genrewise: Run, long: str) -> None:
    assert genrewise("--memory-limit", "400M", long).returncode == 0


def test_files_may_vanish_while_a_folder_is_read(model: Path, songs: Path) -> None:
    folder = songs / "v"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.wav").write_bytes((songs / "m" / "a tone.wav").read_bytes())
    with live(model, "--workers", "1", sources=("v/a.wav", "-", "v")) as run:
        assert run.answer()["path"] == "v/a.wav"
        (folder / "c.wav").unlink()
        (folder / "b.wav").rename(folder / "d.wav")
        run.tell("v/b.wav")
        assert run.answer()["error"] == "no such file or folder"
        code, said = run.end()
        assert [json.loads(line)["path"] for line in run.stdout] == ["v/a.wav", "v/d.wav"]
    assert code == 1
    assert said[-1] == "4 files: 3 ok, 1 failed"


# ------------------------------------------------------------------ ends


def until_workers(run: Live, n: int) -> list[int]:
    """Workers, once there are as many."""
    until = time.monotonic() + 10
    while len(workers := children(run.process.pid)) < n:
        assert time.monotonic() < until
        time.sleep(0.002)
    return workers


def test_ctrl_c_is_one_line_and_leaves_nobody_behind(model: Path, long: str) -> None:
    with live(model, "--workers", "2", sources=(long, long, long)) as run:
        workers = until_workers(run, 2)
        time.sleep(0.2)
        started = time.monotonic()
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
        assert run.process.wait(10) == 130
        assert time.monotonic() - started < 2
        assert run.stderr.read() == "interrupted\n"
        assert run.stdout.read() == ""
    assert gone(workers)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_ctrl_c_at_any_time(model: Path, long: str, delay: float) -> None:
    with live(model, sources=(long,)) as run:
        workers = until_workers(run, 1)
        time.sleep(delay)
        os.killpg(run.process.pid, signal.SIGINT)
        ended = run.process.wait(10), run.stderr.read(), run.stdout.read()
        assert ended == (130, "interrupted\n", "")
    assert gone(workers)


def test_no_worker_outlives_a_killed_parent(model: Path, long: str) -> None:
    with live(model, "--workers", "1") as run:
        worker = busy_worker(run, long)
        run.process.kill()
        run.process.wait(10)
        assert gone([worker], 20)


def test_a_reader_that_leaves_is_no_error(model: Path, songs: Path) -> None:
    assert songs.is_dir()
    with live(model, sources=("m/z.ogg",) * 50) as run:
        assert run.answer()["status"] == "ok"
        workers = children(run.process.pid)
        run.stdout.close()
        assert run.process.wait(10) == 141
        assert run.stderr.read() == ""
    assert gone(workers)


# ------------------------------------------------------------------ as they come, without end


def test_answers_come_as_they_are_asked_for(model: Path, songs: Path) -> None:
    assert songs.is_dir()
    with live(model) as run:
        for path, genre in [("m/z.ogg", "tone"), ("m/below/noise.flac", "noise")] * 3:
            run.tell(path)
            record = run.answer()
            assert (record["path"], record["genre"]) == (path, genre)
        assert run.end() == (0, ["6 files: 6 ok"])


def test_memory_is_flat_in_the_number_of_files(model: Path, songs: Path) -> None:
    soundfile.write(songs / "s.wav", np.sin(np.arange(4000, dtype=np.float32)), 22050)
    with live(model, "--workers", "1") as run:
        held = []
        for _ in range(8):
            run.tell(*["s.wav"] * 125)
            for _ in range(125):
                assert run.answer()["status"] == "ok"
            held.append([resident(p) for p in (run.process.pid, *children(run.process.pid))])
        code, said = run.end()
    assert (code, said) == (0, ["1000 files: 1000 ok"])
    for first, last in zip(held[1], held[-1], strict=True):
        assert last - first < 4096, held  # a leak of 5 kB a file would show
    assert held[-1][0] < 40_000  # the parent loads no numpy


def test_where_processes_cannot_be_forked_they_are_spawned(model: Path, songs: Path) -> None:
    script = songs / "program.py"
    script.write_text(
        "import multiprocessing, sys, threading\n"
        "from genrewise.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        f"    sys.argv = ['', 'classify', '--model', {str(model)!r}, '--jsonl', 'm', 'no']\n"
        "    code = main()\n"
        "    print(multiprocessing.get_context('spawn').active_children(), file=sys.stderr)\n"
        "    sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["genre"] for r in records] == ["tone", "noise", "tone", None]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "4 files: 3 ok, 1 failed; passed over 1 that are no audio",
        "[]",
    ]


def test_the_parent_stays_light(model: Path, songs: Path) -> None:
    assert songs.is_dir()
    script = (
        "import sys\nfrom genrewise.__main__ import main\n"
        f"sys.argv = ['genrewise', 'classify', '--model', {str(model)!r}, 'm']\n"
        "main()\n"
        "print({'numpy', 'onnxruntime', 'soundfile', 'scipy', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
