"""Clusters: one of our own that ends as it should, and addresses where there is none."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genrewise import dask_cluster
from genrewise.dask_cluster import connected, local, quiet
from genrewise.errors import GenrewiseError, MissingExtra

pytestmark = pytest.mark.usefixtures("clusters")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT", 1.0)
    monkeypatch.setattr(dask_cluster, "FIRST_WORKER", 1.0)


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """A server that says something else, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                held.append(one)
                if answer is not None:
                    one.sendall(answer)
                    one.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in held:
            one.close()


def refusal(address: str) -> str:
    with quiet(), pytest.raises(GenrewiseError) as caught, connected(address):
        pass
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:9", "Timed out trying to connect to tcp://127.0.0.1:9 after 1 s"),
        ("nonsense", "missing port number in address 'nonsense'"),
        ("http://127.0.0.1:80/x", "unknown address scheme 'http'"),
        ("tcp://127.0.0.1:port", "invalid literal"),
    ],
)
def test_where_no_scheduler_is(address: str, reason: str) -> None:
    said = refusal(address)
    assert said.startswith(f"{address}: {reason}")
    assert said.endswith(
        "; expected the address of a Dask scheduler, such as tcp://10.0.0.1:8786."
        " Start one with: dask scheduler, or give local"
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", [None, b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_another_kind_of_server(answer: bytes | None) -> None:
    with listening(answer) as address:
        assert refusal(address).startswith(f"{address}: ")


def test_a_scheduler_without_workers_and_a_worker_that_is_none(
    clusters: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "FIRST_WORKER", 1.0)
    with clusters.cluster(tmp_path, 0) as made:
        assert refusal(made.address) == (
            f"{made.address}: no workers; expected one or more."
            f" Start some: dask worker {made.address}"
        )
        made.add(clusters.WORKER, "--no-nanny", "--worker-port", "0")
        log = tmp_path / "log"
        clusters.until(lambda: "Listening to:" in log.read_text())
        place = log.read_text().split("Listening to:")[1].split()[0]
        assert refusal(place).startswith(f"{place}: a worker of Dask's; expected the address of a")


def test_one_of_our_own(clusters: ModuleType) -> None:
    with quiet(), local(2) as address:
        assert address.startswith("tcp://127.0.0.1:")
        (host,) = clusters.programs(os.getpid(), "dask_cluster")
        below = clusters.tree(host)
        with connected(address) as client:
            client.wait_for_workers(2, timeout=60)
            assert list(client.nthreads().values()) == [1, 1]
            settings = client.run(lambda: __import__("dask").config.get("distributed"))
        for found in settings.values():
            assert found["admin"]["tick"]["interval"] == "1s"
            assert found["worker"]["profile"]["enabled"] is False
        if sys.platform == "linux":
            assert os.getsid(host) != os.getsid(0)
    clusters.until(lambda: not any(map(clusters.command, below)))


def test_all_of_it_listens_to_this_machine_alone(clusters: ModuleType) -> None:
    psutil = pytest.importorskip("psutil")
    with quiet(), local(1):
        (host,) = clusters.programs(os.getpid(), "dask_cluster")
        places: list[Any] = [
            c.laddr.ip
            for pid in clusters.tree(host)
            for c in psutil.Process(pid).net_connections("inet")
            if c.status == "LISTEN"
        ]
    assert len(places) >= 2
    assert set(places) == {"127.0.0.1"}


PARENT = """
import sys, time
from genrewise.dask_cluster import local
with local(1) as address:
    print(address, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_whoever_started_it(clusters: ModuleType, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert parent.stdout.readline().startswith("tcp://127.0.0.1:")
        below = clusters.tree(parent.pid)[1:]
        assert below
        os.killpg(parent.pid, number)  # as a terminal does
        parent.wait(30)
        said = parent.stderr.read()
        assert said.count("Traceback") == (number == signal.SIGINT)  # the script's own
    clusters.until(lambda: not any(map(clusters.command, below)))


def test_one_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_PROGRAM", "raise SystemExit(3)")
    text = "a Dask cluster on this machine that did not start"
    with pytest.raises(GenrewiseError, match=text), local(1):
        pass


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r'pip install "genrewise\[dask\]"'), quiet():
        pass


def test_it_is_quiet_for_a_while() -> None:
    logger = logging.getLogger("distributed.client")
    before = logger.level
    with quiet():
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert logger.level == before


def test_time_is_left_to_what_must_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that does not end by itself is ended."""
    monkeypatch.setattr(dask_cluster, "LEAVE", 0.2)
    program = "import time; print('tcp://127.0.0.1:1', flush=True); time.sleep(60)"
    monkeypatch.setattr(dask_cluster, "_PROGRAM", program)
    began = time.monotonic()
    with local(1) as address:
        assert address == "tcp://127.0.0.1:1"
    assert time.monotonic() - began < 20


TESTS = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import dask_processes
with dask_processes.cluster(Path({folder!r}), 1) as made:
    dask_processes.until(lambda: made.working())
    print(made.address, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and signals")
def test_what_tests_start_ends_where_they_are_killed(clusters: ModuleType, tmp_path: Path) -> None:
    script = TESTS.format(here=str(Path(clusters.__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith(b"tcp://127.0.0.1:")
        assert len(clusters.marked(f"GENREWISE_CACHE={tmp_path}/")) >= 3
        parent.kill()
    clusters.until(lambda: not clusters.marked(f"GENREWISE_CACHE={tmp_path}/"))
