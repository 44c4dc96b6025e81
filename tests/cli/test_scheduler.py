"""``--scheduler``: classify, tag and features on a real Dask cluster say what they say here."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")

Run = Callable[..., subprocess.CompletedProcess[str]]

#: Short files; of every fifty one is cut off and one is text.
FILES = 300


@pytest.fixture(scope="module")
def made(clusters: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers, as processes, in a folder of their own."""
    with clusters.cluster(tmp_path_factory.mktemp("dask"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred short files, each of its own pitch."""
    folder = tmp_path_factory.mktemp("music")
    t = np.arange(3000) / 8000
    for i in range(FILES):
        path = folder / f"{'ab'[i % 2]}" / f"{i:03} ü.{('wav', 'flac', 'ogg')[i % 3]}"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.sin(2 * np.pi * (200 + 10 * i) * t).astype(np.float32) / 2, 8000)
        if i % 50 == 0:
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        if i % 50 == 1:
            path.write_text("no music\n")
    return folder


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
    command = [sys.executable, "-m", "genrewise", "classify", "--model", str(model), "--jsonl"]
    with subprocess.Popen(
        [*command, "--scheduler", made.address, "."],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = [process.stdout.readline() for _ in range(FILES // 4)]
        os.kill(made.working()[0], signal.SIGKILL)
        there = "".join(first) + process.stdout.read()
        said = process.stderr.read()
    found = records(there)
    assert len(found) == FILES
    assert len({record["path"] for record in found}) == FILES
    assert found == records(here.stdout)
    assert (process.returncode, said) == (here.returncode, here.stderr) != (0, "")
    assert 6 <= sum(record["status"] == "failed" for record in found) <= 12


def test_a_library_is_tagged_alike(in_library: Run, music: Path, made: Any, tmp_path: Path) -> None:
    how = ("--json", "--all", "--min-confidence", "0.9", music / "a")
    here = in_library("tag", "--db", tmp_path / "here.db", *how)
    there = in_library("tag", "--db", tmp_path / "there.db", "--scheduler", made.address, *how)
    found = json.loads(there.stdout)
    assert len(found) == FILES // 2
    assert {f["state"] for f in found} == {"proposed", "review", "failed"}
    assert found == json.loads(here.stdout)
    assert there.stderr == here.stderr
    # The second call has nothing to do, and needs no cluster for it.
    again = in_library("tag", "--db", tmp_path / "there.db", "--scheduler", "nonsense", *how)
    assert json.loads(again.stdout) == found


def test_a_renamed_file_is_known_again(
    in_library: Run, music: Path, made: Any, tmp_path: Path
) -> None:
    """What a worker says of a file must not hide from the next scan that it was moved."""
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "one.wav").write_bytes((music / "a" / "002 ü.ogg").read_bytes())
    in_library("tag", "--scheduler", made.address, folder)
    (folder / "one.wav").rename(folder / "two.wav")
    done = in_library("tag", "--json", "--scheduler", "nonsense", folder)
    assert [Path(f["path"]).name for f in json.loads(done.stdout)] == ["two.wav"]


def test_features_are_the_same(in_library: Run, music: Path, made: Any, tmp_path: Path) -> None:
    few = sorted((music / "b").glob("*9*"))[:20]
    tables = []
    for name, more in {"here": (), "there": ("--scheduler", made.address)}.items():
        out = tmp_path / f"{name}.csv"
        done = in_library("features", "--layout", "statistics", "-o", out, *more, *few)
        assert done.returncode == 0, done.stderr
        with out.open(newline="") as file:
            tables.append(list(csv.reader(file)))
    assert len(tables[0]) == len(few) + 1
    assert tables[0] == tables[1]


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
    song = music / "a" / "002 ü.ogg"
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        archive.write(song, "song.ogg")
    given = [
        str(song),
        song.as_uri().replace("%20", " ").replace("%C3%BC", "ü"),
        f"{address}/a/002%20%C3%BC.ogg",
        f"zip://song.ogg::file://{tmp_path}/songs.zip",
        f"simplecache::{address}/a/002%20%C3%BC.ogg",
        f"{address}/gone.ogg",
        "memory://nothing.ogg",
        "s4://bucket/song.ogg",
    ]
    done = genrewise("--jsonl", "--scheduler", made.address, *given)
    found = records(done.stdout)
    assert [record["path"] for record in found] == given
    assert [record["status"] for record in found] == ["ok"] * 5 + ["failed"] * 3
    assert len({json.dumps(record["probabilities"]) for record in found[:5]}) == 1
    errors = [record["error"] for record in found[5:]]
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
    done = genrewise("--scheduler", "tcp://10.0.0.1:8786", "--workers", "3", music)
    assert done.returncode == 2
    assert "a cluster has its own workers. Leave --workers out" in done.stderr


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


@pytest.mark.usefixtures("clusters")
def test_a_cluster_of_its_own(genrewise: Run, music: Path) -> None:
    done = genrewise("--jsonl", "--scheduler", "local", "--workers", "1", music / "a")
    assert len(records(done.stdout)) == FILES // 2
    assert done.stderr.splitlines()[-1] == "150 files: 146 ok, 4 failed"


def test_ctrl_c_is_one_line_and_leaves_nobody_behind(
    clusters: ModuleType, model: Path, music: Path
) -> None:
    command = [sys.executable, "-m", "genrewise", "classify", "--model", str(model), "--jsonl"]
    with subprocess.Popen(
        [*command, "--scheduler", "local", "--workers", "1", *[str(music)] * 40],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
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
