"""What a Dask cluster costs: ``classify --scheduler`` against ``classify``, with as many workers.

Both write Parquet, as they would at scale.  CPU seconds are counted by process: those that decode
and classify, the client, and the rest of the cluster.  A small batch and a large one are run in
turns; what a track costs is their difference, so that starting is told apart from working.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from operator import getitem
from pathlib import Path
from typing import Any

from common import GENREWISE, Row, alternate, median, music, save, tree, write_mp3
from genrewise import engine_dask, list_models
from genrewise.bundle import find
from genrewise.bundle import read as read_bundle
from genrewise.cli.output import size
from genrewise.cli.parquet import RecordFolder
from genrewise.dask_cluster import local
from genrewise.records import ClassifyJob
from memory import mix

WORKERS, ROUNDS = 2, 3
MODEL, LARGE = "small-gtzan-v1", "musicnn-gtzan-v1"
#: Seconds of a preview and of a track, and how many of them a small and a large run has.
PREVIEW, TRACK = 30, 240
FEW, MANY = {PREVIEW: 100, TRACK: 4}, {PREVIEW: 700, TRACK: 16}
#: Files that differ; the others are further names of these.
DIFFERENT = 8
#: Rows that the client takes in.
ROWS = 20_000
#: Tracks, and what an hour of a core is taken to cost, for the sums of the page.
SCALES = {"10⁶": 10**6, "10⁸": 10**8}
DOLLARS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and CPU seconds of what decodes, the client and the rest of Dask."""

    seconds: float
    work: float
    client: float = 0.0
    rest: float = 0.0

    @property
    def cpu(self) -> float:
        """All CPU seconds."""
        return self.work + self.client + self.rest

    def less(self, few: Cost, files: int) -> Cost:
        """Of one file, where `self` is a run of so many more than `few`."""
        return Cost(
            (self.seconds - few.seconds) / files,
            (self.work - few.work) / files,
            (self.client - few.client) / files,
            (self.rest - few.rest) / files,
        )


def programs(pid: int, name: str) -> list[int]:
    """Processes below one whose command line has a name in it."""
    below = {pid: Path(f"/proc/{pid}/cmdline") for pid in tree(pid)[1:]}
    return [pid for pid, place in below.items() if name in read(place)]


def read(place: Path) -> str:
    """A file of ``/proc``; empty where its process has ended."""
    with suppress(OSError):
        return place.read_text()
    return ""


def cluster_cpu(host: int) -> tuple[float, float]:
    """CPU seconds of a cluster's own processes, and of those below them that have ended."""
    own = ended = 0.0
    for pid in tree(host):
        fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        own += (int(fields[11]) + int(fields[12])) / TICKS
        ended += (int(fields[13]) + int(fields[14])) / TICKS
    return own, ended


def classify(folder: Path, files: Path, model: str, *more: str) -> tuple[float, float]:
    """Seconds and CPU seconds of the command with all that it starts; Parquet in ``out``."""
    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    command = [GENREWISE, "classify", "--time-limit", "0", "--model", model, "--parquet", out]
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*map(str, [*command, *more, files])], stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / "log").read_text())
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def here(folder: Path, files: Path, model: str = MODEL) -> Cost:
    """By processes of this machine."""
    return Cost(*classify(folder, files, model, "--workers", str(WORKERS)))


def there(folder: Path, files: Path, address: str, host: int) -> Cost:
    """By the cluster; its processes that decode have ended before and after."""
    before = cluster_cpu(host)
    seconds, client = classify(folder, files, MODEL, "--scheduler", address)
    while programs(host, "exec_process"):
        time.sleep(0.05)
    own, ended = (b - a for a, b in zip(before, cluster_cpu(host), strict=True))
    return Cost(seconds, ended, client, own)


def batches(folder: Path, seconds: int) -> tuple[Path, Path]:
    """Two folders, of few names and of many, for a few songs of so many seconds."""
    if seconds == PREVIEW:
        songs = [write_mp3(folder / f"{i}.mp3", music(seconds, i)) for i in range(DIFFERENT)]
    else:
        songs = [mix(folder / "mix.mp3", seconds // 60)]
    few, many = ((folder / f"{seconds}-{n[seconds]}", n[seconds]) for n in (FEW, MANY))
    for below, count in (few, many):
        below.mkdir()
        for i in range(count):
            os.link(songs[i % len(songs)], below / f"{i:05}.mp3")
    return few[0], many[0]


def compared(folder: Path, address: str) -> tuple[list[Cost], ...]:
    """Runs here, few and many, and there, few and many."""
    few, many = batches(folder, PREVIEW)
    (host,) = programs(os.getpid(), "dask_cluster")
    there(folder, few, address, host)  # once for the page cache and Dask's own first time
    runs = [
        lambda: here(folder, few),
        lambda: here(folder, many),
        lambda: there(folder, few, address, host),
        lambda: there(folder, many, address, host),
    ]
    return tuple(alternate(runs, ROUNDS))


def varied(value: Any, rng: random.Random) -> Any:
    """A record with other numbers in it, as Parquet packs what is alike."""
    if isinstance(value, float):
        return value * rng.uniform(0.5, 1.5)
    if isinstance(value, dict):
        return {key: varied(held, rng) for key, held in value.items()}
    return [varied(held, rng) for held in value] if isinstance(value, list) else value


def taken_in(folder: Path, address: str) -> tuple[float, float]:
    """CPU seconds of the client, and bytes of Parquet, for a song that costs the workers nothing.

    It is too little to be seen in the time of the command.
    """
    model = read_bundle(find(MODEL))
    answer = ClassifyJob(MODEL)()(str(folder / "0.mp3"))
    rng = random.Random(0)
    records = [varied(answer, rng) for _ in range(ROWS)]
    engine_dask.MOST_ITEMS = 32  # as many as songs of 30 s are
    with RecordFolder(folder / "rows", "a benchmark", model.info.labels) as rows:
        setup = partial(partial, getitem, records)
        outcomes = engine_dask.run(setup, range(ROWS), scheduler=address, time_limit=60.0)
        rows.write({"path": "first.mp3", **next(outcomes).value})  # all is sent and set up
        began = time.process_time()
        for outcome in outcomes:
            rows.write({"path": f"music/{outcome.index:08}.mp3", **outcome.value})
    seconds = time.process_time() - began
    kept = sum(part.stat().st_size for part in (folder / "rows").iterdir())
    return seconds / (ROWS - 1), kept / ROWS


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(median(getattr(c, k) for c in costs) for k in Cost.__dataclass_fields__))


def track_cost(folder: Path, few: Path, many: Path, model: str) -> float:
    """CPU seconds of a whole track, by processes of this machine."""
    pair = alternate([lambda: here(folder, few, model), lambda: here(folder, many, model)], ROUNDS)
    return middle(pair[1]).less(middle(pair[0]), MANY[TRACK] - FEW[TRACK]).cpu


def scheduling(runs: Sequence[list[Cost]], client: float) -> tuple[list[Row], Cost, float]:
    """Rows on what Dask costs, a preview's cost on the cluster, and Dask's share of it."""
    few, many, dask_few, dask_many = map(middle, runs)
    files = MANY[PREVIEW] - FEW[PREVIEW]
    mine = many.less(few, files)
    theirs = replace(dask_many.less(dask_few, files), client=client)
    share = (theirs.client + theirs.rest) / theirs.cpu
    rows = [
        Row("a song of 30 s by the local engine, CPU", f"{1000 * mine.cpu:.1f} ms"),
        Row("on the cluster: decoding and classifying", f"{1000 * theirs.work:.1f} ms"),
        Row("on the cluster: Dask's scheduler and workers", f"{1000 * theirs.rest:.2f} ms"),
        Row("on the cluster: the client, Parquet written", f"{1000 * theirs.client:.2f} ms"),
        Row("share of scheduling in the CPU time", f"{share:.1%}", "< 2 %"),
        Row("time on the clock against the local engine", f"{theirs.seconds / mine.seconds:.2f}×"),
        Row("to begin: more than the local engine", f"{dask_few.seconds - few.seconds:.1f} s"),
        Row("one client takes in", f"{1 / theirs.client:,.0f} songs a second"),
    ]
    return rows, theirs, share


def scale(tracks: dict[str, float], preview: float, share: float, row: float) -> list[Row]:
    """Rows on what many tracks cost."""
    each = {f"tracks of 4 minutes, {model}": cost / (1 - share) for model, cost in tracks.items()}
    each = {f"previews of 30 s, {MODEL}": preview, **each}
    rows = []
    for name, count in SCALES.items():
        for what, cost in each.items():
            hours = cost * count / 3600
            dollars = f"${hours * DOLLARS:,.{2 * (hours < 100)}f}"
            rows.append(Row(f"{name} {what}", f"{hours:,.0f} core-hours, {dollars}"))
        rows.append(Row(f"{name} rows of Parquet", size(row * count)))
    return rows


def keep_scheduling(folder: Path) -> tuple[Cost, float, float]:
    """Measure and keep what Dask costs; a preview's cost, Dask's share, bytes of Parquet a row."""
    with local(WORKERS) as address:
        runs = compared(folder, address)
        client, row = taken_in(folder, address)
    rows, preview, share = scheduling(runs, client)
    names = ("few", "many", "dask_few", "dask_many")
    values = {
        "workers": WORKERS,
        "files": [FEW[PREVIEW], MANY[PREVIEW]],
        "runs": {n: [vars(cost) for cost in run] for n, run in zip(names, runs, strict=True)},
        "client_cpu_seconds": client,
        "share": share,
        "preview_cpu_seconds": preview.cpu,
    }
    save("scheduler", rows, values)
    return preview, share, row


def main() -> None:
    """Measure and keep."""
    models = [MODEL]
    models += [e.name for e in list_models() if e.name == LARGE and e.available]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        preview, share, row = keep_scheduling(folder)
        few, many = batches(folder, TRACK)
        tracks = {model: track_cost(folder, few, many, model) for model in models}
        length = (folder / "mix.mp3").stat().st_size
    values = {
        "files": [FEW[TRACK], MANY[TRACK]],
        "track_cpu_seconds": tracks,
        "track_bytes": length,
        "parquet_bytes_a_row": row,
        "dollars_a_core_hour": DOLLARS,
    }
    reads = Row(f"a core reads, tracks, {MODEL}", f"{length / tracks[MODEL] / 1e6:.1f} MB a second")
    save("scale", [*scale(tracks, preview.cpu, share, row), reads], values)


if __name__ == "__main__":
    main()
