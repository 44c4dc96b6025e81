"""Many at once: clients upload real files to ``genrewise serve`` for a minute, over loopback.

Each client sends a file, follows its events to the end, checks that the answer is that of
``genrewise classify`` for the very same file, and sends the next.  What the server does in
that time is compared with what ``genrewise classify`` does with the same files on the same
CPUs, measured before and after.  A second, short run with a small queue shows that who finds
it full is told so, with the seconds after which to come again.

usage: serve.py [--seconds S] [--clients N] [--files N] [FOLDER]

Files are those of FOLDER, else of the data folder's ``mp3`` and ``gtzan``, else synthetic.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import GENREWISE, ROOT, Row, memory, music, save, write_mp3

MODEL = "small-gtzan-v1"
ENDINGS = (".mp3", ".m4a", ".flac", ".ogg", ".opus", ".wav")
#: Of a record of classify: what says whether an answer is that of its file.
KEYS = ("status", "genre", "confidence", "probabilities", "seconds", "deciding")


@dataclass
class Tally:
    """What all clients saw."""

    latencies: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def find_files(folder: str, count: int, work: Path) -> list[Path]:
    """Real files where there are some, else synthetic ones."""
    data = Path(os.environ.get("GENREWISE_DATA", ROOT.parent / "shared" / "data"))
    for place in [Path(folder)] if folder else [data / "mp3", data / "gtzan"]:
        found = sorted(p for p in place.rglob("*") if p.suffix.lower() in ENDINGS)
        if len(found) >= min(count, 10):
            step = max(1, len(found) // count)
            return found[::step][:count]
    return [write_mp3(work / f"{i:03d}.mp3", music(30.0, i)) for i in range(count)]


def expected(files: list[Path]) -> tuple[dict[str, dict[str, Any]], float]:
    """Answers of the command line by path, and files a second."""
    began = time.perf_counter()
    command = [GENREWISE, "classify", "--jsonl", "--model", MODEL, *files]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    rate = len(files) / (time.perf_counter() - began)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {record["path"]: record for record in records}, rate


@contextmanager
def served(*options: str) -> Iterator[tuple[int, int]]:
    """A server; gives its port and process."""
    command = [GENREWISE, "serve", "--no-browser", "--port", "0", "--model", MODEL, "--json"]
    process = subprocess.Popen(
        [str(part) for part in (*command, *options)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield int(re.findall(r":(\d+)/", said["url"])[0]), process.pid
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def ready(port: int, workers: int) -> None:
    """Wait until all workers have loaded the model."""
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        if f"genrewise_workers {workers}\n" in text:
            return
        time.sleep(0.1)


def body_of(path: Path) -> tuple[bytes, str]:
    """A form with a file."""
    mark = secrets.token_hex(8)
    name = path.name.encode("utf-8", "replace").replace(b'"', b"")
    head = b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    lines = (b"--", mark.encode(), b"\r\n", head, path.read_bytes(), b"\r\n--", mark.encode())
    return b"".join(lines) + b"--\r\n", f"multipart/form-data; boundary={mark}"


def ask(port: int, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
    """One request: status, headers and what came back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def final(port: int, id_: str) -> dict[str, Any]:
    """The last event of a classification; asked for where all streams are taken."""
    while True:
        status, _, text = ask(port, "GET", f"/api/v1/classifications/{id_}/events")
        lines = [line for line in text.splitlines() if line.startswith(b"data: ")]
        if status == 200 and lines:
            found: dict[str, Any] = json.loads(lines[-1][6:])
            if found["status"] not in ("queued", "running"):
                return found
        time.sleep(0.25)
        _, _, text = ask(port, "GET", f"/api/v1/classifications/{id_}")
        found = json.loads(text)
        if found["status"] not in ("queued", "running"):
            return found


def client(
    port: int, files: list[Path], known: dict[str, Any], first: int, until: float, tally: Tally
) -> None:
    """Send one file after the other until the time is up; the last is waited for."""
    n = first
    while time.perf_counter() < until:
        path = files[n % len(files)]
        n += 1
        body, kind = body_of(path)
        began = time.perf_counter()
        status, headers, text = ask(port, "POST", "/api/v1/classifications", body, kind)
        with tally.lock:
            tally.statuses[status] += 1
            tally.without_retry += status != 202 and "Retry-After" not in headers
        if status != 202:
            time.sleep(min(float(headers.get("Retry-After", 1)), 2.0))
            continue
        found = final(port, json.loads(text)["id"])
        took = time.perf_counter() - began
        want = known[str(path)]
        right = all(found.get(key) == want.get(key) for key in KEYS)
        with tally.lock:
            tally.latencies.append(took)
            if not right or found["path"] != path.name:
                tally.wrong.append(path.name)


def load(
    files: list[Path], known: dict[str, Any], clients: int, seconds: float, queue: int
) -> tuple[Tally, float, float]:
    """What clients saw, in how many seconds, and the most memory."""
    tally = Tally()
    limits = ("--client-jobs", "100000", "--client-requests", "1000000", "--queue", str(queue))
    with served(*limits) as (port, pid):
        ready(port, len(os.sched_getaffinity(0)))
        most = memory(pid)
        began = time.perf_counter()
        threads = [
            threading.Thread(
                target=client,
                args=(port, files, known, i * len(files) // clients, began + seconds, tally),
            )
            for i in range(clients)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most = max(most, memory(pid))
            time.sleep(1.0)
        return tally, time.perf_counter() - began, most


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default="")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--files", type=int, default=300)
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        files = find_files(given.folder, given.files, work)
        expected(files[:20])  # once for the page cache
        known, before = expected(files)
        files = [path for path in files if known[str(path)]["status"] != "failed"]
        tally, seconds, most = load(files, known, given.clients, given.seconds, 64)
        _, after = expected(files)
        full, _, _ = load(files, known, given.clients, min(10.0, given.seconds), 4)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(given.clients, files, tally, seconds, most, (before, after), full)


def report(
    clients: int,
    files: list[Path],
    tally: Tally,
    seconds: float,
    most: float,
    rates: tuple[float, float],
    full: Tally,
) -> None:
    """Show and keep the figures."""
    taken = sorted(tally.latencies)
    if not taken:
        sys.exit("no answer at all")
    ours, cli = len(taken) / seconds, statistics.mean(rates)
    p95 = taken[min(len(taken) - 1, int(0.95 * len(taken)))]
    busy = full.statuses[503]
    values = {
        "clients": clients,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "seconds": seconds,
        "answers": len(taken),
        "cli_files_a_second": list(rates),
        "median": statistics.median(taken),
        "p95": p95,
        "mib": most,
        "wrong": sorted({*tally.wrong, *full.wrong}),
        "statuses": {str(k): v for k, v in sorted(tally.statuses.items())},
        "full": {"statuses": {str(k): v for k, v in sorted(full.statuses.items())}},
        "without_retry_after": tally.without_retry + full.without_retry,
    }
    rows = [
        Row(f"files of {clients} clients", f"{len(taken)} in {seconds:.0f} s, {ours:.1f} a second"),
        Row("genrewise classify, the same files", f"{cli:.1f} a second"),
        Row("share of it", f"{ours / cli:.0%}", "≥ 60 %"),
        Row("time to an answer, median and p95", f"{statistics.median(taken):.1f} s, {p95:.1f} s"),
        Row("memory of server and workers", f"{most:.0f} MiB"),
        Row("lost or mixed-up answers", str(len(tally.wrong) + len(full.wrong)), "0"),
        Row(
            "refused in a queue of 4", f"{busy} with 503, {full.without_retry} without Retry-After"
        ),
    ]
    save("serve", rows, values)


if __name__ == "__main__":
    main()
