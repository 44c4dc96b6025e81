"""``--scheduler``: classify, tag and features on a real Dask cluster say what they say here."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from click import UsageError
from pyarrow import parquet

from genrewise.cli.engines import chosen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

Run = Callable[..., subprocess.CompletedProcess[str]]

#: Short files; of every fifty one is cut off and one is text.
FILES = 1000


@pytest.fixture(scope="module")
def made(clusters: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers, as processes, in a folder of their own."""
    with clusters.cluster(tmp_path_factory.mktemp("dask"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand short files, each of its own pitch: fifty in ``few``, the others in ``many``."""
    folder = tmp_path_factory.mktemp("music")
    t = np.arange(2000) / 8000
    for i in range(FILES):
        path = folder / ("few" if i < 50 else "many") / f"{i:03} ü.{('wav', 'flac', 'ogg')[i % 3]}"
        path.parent.mkdir(exist_ok=True)
        hz = 200 + 3 * (37 * i % FILES)
        soundfile.write(path, np.sin(2 * np.pi * hz * t).astype(np.float32) / 2, 8000)
        if i % 50 == 0:
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        if i % 50 == 1:
            path.write_text("no music\n")
    return folder


@contextmanager
def started(*args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A command in the background, in a session of its own; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "genrewise", *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def records(text: str) -> list[dict[str, Any]]:
    """Records without what differs from run to run."""
    found = [json.loads(line) for line in text.splitlines()]
    for record in found:
        record.pop("elapsed")
    return found


def test_a_worker_killed_in_the_middle_changes_nothing(
    genrewise: Run, model: Path, music: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    here = genrewise("--jsonl", ".")
    how = ("--model", model, "--jsonl", "--scheduler", made.address)
    with started("classify", *how, ".") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = [process.stdout.readline() for _ in range(FILES // 4)]
        os.kill(made.working()[0], signal.SIGKILL)
        there = "".join(first) + process.stdout.read()
        said = process.stderr.read()
    found = records(there)
    assert len(found) == len({record["path"] for record in found}) == FILES
    assert found == records(here.stdout)
    assert (process.returncode, said) == (here.returncode, here.stderr) != (0, "")
    assert 20 <= sum(record["status"] == "failed" for record in found) <= 40


def test_a_library_is_tagged_alike(in_library: Run, music: Path, made: Any, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    shutil.copytree(music / "few", folder)
    how = ("--json", "--all", "--min-confidence", "0.9", folder)
    here = in_library("tag", "--db", tmp_path / "here.db", *how)
    there = in_library("tag", "--db", tmp_path / "there.db", "--scheduler", made.address, *how)
    found = json.loads(there.stdout)
    assert len(found) == 50
    assert {f["state"] for f in found} == {"proposed", "review", "failed"}
    assert found == json.loads(here.stdout)
    assert there.stderr == here.stderr
    # The second call has nothing to do, and needs no cluster for it; nor where a file was moved,
    # which what a worker said of it must not hide.
    (folder / "002 ü.ogg").rename(folder / "zz.ogg")
    again = in_library("tag", "--db", tmp_path / "there.db", "--scheduler", "nonsense", *how)
    moved = [f for f in found if "002" in f["path"]]
    rest = [f for f in found if f not in moved]
    assert json.loads(again.stdout) == [*rest, *(f | {"path": f"{folder}/zz.ogg"} for f in moved)]


def test_features_are_the_same(in_library: Run, music: Path, made: Any, tmp_path: Path) -> None:
    few = sorted((music / "few").glob("*9*"))
    how = ("features", "--layout", "statistics")
    assert in_library(*how, "-o", tmp_path / "here.parquet", *few).returncode == 0
    folder = tmp_path / "there"
    there = (*how, "--scheduler", made.address, "--parquet", folder)
    done = in_library(*there, *few[:4])
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"4 rows of 4 tracks in {folder}\n",
        "",
    )
    done = in_library(*there, "--resume", *few)
    rest = len(few) - 4
    assert done.stdout == f"{rest} rows of {rest} tracks in {folder}, 4 done before\n"
    tables = [
        parquet.read_table(place).to_pylist() for place in (tmp_path / "here.parquet", folder)
    ]
    assert len(tables[0]) == len(few)
    assert [row | {"path_bytes": None} for row in tables[0]] == tables[1]


def test_what_was_interrupted_goes_on(
    genrewise: Run, model: Path, music: Path, made: Any, tmp_path: Path
) -> None:
    """Ctrl-C in the middle keeps what is there; the same command does the rest once."""
    folder = tmp_path / "out"
    how = ("--parquet", folder, "--resume", "--scheduler", made.address)
    # The list on standard input never ends, so that the run does not either.
    with started("classify", "--model", model, *how, music / "few", "-") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "001 ü" in line:  # the first batches are through
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stderr.read().splitlines()[-1] == "interrupted"
        assert process.wait(30) == 130
    before = parquet.read_table(folder).num_rows
    assert 1 <= before <= 50
    done = genrewise(*how, music / "few")
    assert done.stderr.endswith(f" {before} done before\n") or before == 50
    found = {row["path"]: row for row in parquet.read_table(folder).to_pylist()}
    here = records(genrewise("--jsonl", music / "few").stdout)
    assert parquet.read_table(folder).num_rows == len(found) == len(here) == 50
    for record in here:
        row = found[record["path"]]
        assert (row["status"], row["genre"]) == (record["status"], record["genre"])
        assert (row["probabilities"] or {}) == pytest.approx(record["probabilities"], abs=1e-6)


# ------------------------------------------------------------------ addresses


@pytest.fixture
def address(music: Path) -> Iterator[str]:
    """A web server of the music."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Handler, directory=str(music))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_files_by_address(
    genrewise: Run, music: Path, made: Any, address: str, tmp_path: Path
) -> None:
    song = music / "few" / "002 ü.ogg"
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        archive.write(song, "song.ogg")
    given = [
        str(song),
        song.as_uri().replace("%20", " ").replace("%C3%BC", "ü"),
        f"{address}/few/002%20%C3%BC.ogg",
        f"zip://song.ogg::file://{tmp_path}/songs.zip",
        f"{address}/gone.ogg",
        "memory://nothing.ogg",
        "s4://bucket/song.ogg",
    ]
    done = genrewise("--jsonl", "--scheduler", made.address, *given)
    found = records(done.stdout)
    assert [record["path"] for record in found] == given
    assert [record["status"] for record in found] == ["ok"] * 4 + ["failed"] * 3
    assert len({json.dumps(record["probabilities"]) for record in found[:4]}) == 1
    errors = [record["error"] for record in found[4:]]
    assert "expected an address that answers" in errors[0]
    assert "expected an address that answers" in errors[1]
    assert "s4" in errors[2]
    assert done.returncode in (1, 3)
    assert done.stderr.count("\n") == 4


# ------------------------------------------------------------------ wrong use, the end


def test_what_cannot_be_meant(genrewise: Run, music: Path) -> None:
    done = genrewise("--scheduler", "nonsense", music)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: nonsense: missing port number in address 'nonsense'; expected the address of a"
        " Dask scheduler, such as tcp://10.0.0.1:8786. Start one with: dask scheduler, or give"
        " local\n"
    )
    with pytest.raises(UsageError) as caught:
        chosen("tcp://10.0.0.1:8786", 3)
    assert caught.value.message == (
        "--workers 3 with --scheduler tcp://10.0.0.1:8786; a cluster has its own workers."
        " Leave --workers out"
    )


def test_without_dask(model: Path, music: Path) -> None:
    script = (
        "import sys; sys.modules['distributed'] = None\n"
        "from genrewise.__main__ import main\n"
        f"sys.argv = ['genrewise', 'classify', '--model', {str(model)!r}, '--scheduler', 'local',"
        f" {str(music)!r}]\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert 'Run: pip install "genrewise[dask]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_is_one_line_and_leaves_nobody_behind(
    clusters: ModuleType, model: Path, music: Path
) -> None:
    how = ("--model", model, "--jsonl", "--scheduler", "local", "--workers", "1")
    with started("classify", *how, *[music] * 40) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        below = clusters.tree(process.pid)[1:]
        assert below
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=30)[1]
        assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said
    clusters.until(lambda: not any(map(clusters.command, below)))
