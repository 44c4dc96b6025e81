"""A library of many files: time, memory, a second run, renamed files, a reader meanwhile.

::

    benchmarks/library.py [--files 10000] [--folder FOLDER] [--workers N]

The files are made first (see :mod:`library_files`) and removed at the end.  What is kept is told
by CPU seconds too, which say the same on a machine that others use.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from common import GENREWISE, ROOT, Row, Watched, save, watch
from library_files import DAMAGED, KINDS, Plan, make_all, plans

MODEL = "small-gtzan-v1"
#: Files in the run that memory is compared with.
PART = 10
#: Seconds between two questions of the reader.
PAUSE = 0.05
#: What the reader asks: a page of files as a window shows it, how many there are of a kind, and
#: one song.
QUESTIONS = (
    "SELECT f.path, f.genres, a.genre, a.confidence FROM files f LEFT JOIN answers a"
    " ON a.audio = f.audio WHERE f.path > x'2f' ORDER BY f.path LIMIT 50",
    "SELECT state, count(*) FROM files GROUP BY state",
    "SELECT * FROM files WHERE id = 7",
)


class Reader:
    """Another program that looks into the library all the time, and how long each look took."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.seconds: list[float] = []
        self.refused = 0

    def _read(self) -> None:
        while not self._ends.wait(PAUSE):
            if not self.path.exists():
                continue
            began = time.perf_counter()
            try:
                with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
                    for question in QUESTIONS:
                        db.execute(question).fetchall()
            except sqlite3.OperationalError as error:
                self.refused += "no such table" not in str(error)
                continue
            self.seconds.append(time.perf_counter() - began)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ends.set()
        self._thread.join()


def call(*args: str | Path, codes: Sequence[int] = (0, 1)) -> Watched:
    """A command of genrewise, watched; files that cannot be read make the code 1."""
    return watch([GENREWISE, *args], poll=0.1, codes=codes)


def tag(db: Path, folder: Path, *more: str) -> Watched:
    """``genrewise tag`` on a folder."""
    return call("tag", "--model", MODEL, "--db", db, *more, folder)


def answers(db: Path) -> list[tuple[int, str]]:
    """Which audio was answered for, and when."""
    with closing(sqlite3.connect(db)) as library:
        return library.execute("SELECT audio, made FROM answers ORDER BY audio").fetchall()


def states(db: Path) -> dict[str, int]:
    """How many files there are of each state, as the command tells."""
    command = [GENREWISE, "library", "status", "--json", "--db", str(db)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {**{k: n for k, n in told["states"].items() if n}, "songs": told["songs"]}


def digests(folder: Path) -> dict[str, str]:
    """The content of all files below a folder."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def rename(folder: Path, share: float = 0.2) -> int:
    """Rename a share of the albums; returns how many files that concerns."""
    albums = sorted(p for p in folder.glob("*/*") if p.is_dir())
    chosen = random.Random(0).sample(albums, max(1, round(len(albums) * share)))
    for album in chosen:
        album.rename(album.with_name(album.name + " (Ümbenannt)"))
    return sum(len(list(p.iterdir())) for p in folder.glob("*/*Ümbenannt)"))


def sources() -> list[Path]:
    """Real music, where there is any."""
    data = Path(os.environ.get("GENREWISE_DATA", ROOT.parent / "shared" / "data"))
    return sorted(p for name in ("gtzan", "loops") for p in data.glob(f"{name}/*/*.opus"))


@contextmanager
def made(folder: Path | None, count: int) -> Iterator[tuple[Path, list[Plan], float]]:
    """A library of files, and a tenth of it beside; both are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="genrewise-", dir=folder) as name:
        files = plans(Path(name) / "Music", count, sources())
        seconds = make_all(files, len(os.sched_getaffinity(0)))
        few = Path(name) / "Few"
        for plan in files[: count // PART]:
            target = few / Path(plan.path).relative_to(Path(name) / "Music")
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(plan.path, target)
        yield Path(name), files, seconds


def measure(place: Path, workers: int) -> dict[str, Any]:
    """All runs, one after the other."""
    music, db = place / "Music", place / "library.sqlite3"
    bounds = ("--workers", str(workers))
    few = tag(place / "few.sqlite3", place / "Few", *bounds)
    before = digests(music)
    with Reader(db) as reader:
        first = tag(db, music, *bounds)
    heard, told = answers(db), states(db)
    with Reader(db) as idle:
        time.sleep(min(5.0, first.seconds))
    again = tag(db, music, *bounds)
    moved = rename(music)
    renamed = tag(db, music, *bounds)
    same = answers(db) == heard
    names = digests(music)
    with Reader(db) as beside:
        written = tag(db, music, "--write", "--min-confidence", "0", *bounds)
    writes = states(db)["written"]
    undone = call("undo", "--db", db)
    return {
        "few": vars(few),
        "first": vars(first),
        "again": vars(again),
        "renamed": vars(renamed),
        "write": vars(written),
        "undo": vars(undone),
        "states": told,
        "renamed_files": moved,
        "heard_again": not same,
        "writes": writes,
        "restored": digests(music) == names and sorted(names.values()) == sorted(before.values()),
        "library_bytes": db.stat().st_size,
        "read_seconds": {
            "listening": quantiles(reader.seconds),
            "idle": quantiles(idle.seconds),
            "writing": quantiles(beside.seconds),
            "refused": reader.refused + beside.refused,
        },
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th in a hundred and longest of the looks, and how many there were."""
    if not seconds:
        return {"n": 0, "median": 0.0, "p99": 0.0, "longest": 0.0}
    median, p99, longest = (float(np.quantile(seconds, q)) for q in (0.5, 0.99, 1.0))
    return {"n": len(seconds), "median": median, "p99": p99, "longest": longest}


def rows(found: dict[str, Any]) -> list[Row]:
    """The table."""
    n, first, few = found["files"], found["first"], found["few"]
    read, told = found["read_seconds"], found["states"]
    return [
        Row("files, and hours of music in them", f"{n:,}, {found['hours']:.1f} h"),
        Row("of them damaged; failed", f"{found['damaged']}; {told.get('failed', 0)}"),
        Row("the first run", f"{first['seconds']:.0f} s"),
        Row("files per second a core", f"{n / first['cpu']:.1f}"),
        Row("times as fast as it plays, a core", f"{3600 * found['hours'] / first['cpu']:.0f}"),
        Row(f"memory, all processes, {n // PART:,} files", f"{few['together']:.0f} MiB"),
        Row(
            f"memory, all processes, {n:,} files",
            f"{first['together']:.0f} MiB",
            f"≤ 1.15 × that of {n // PART:,}",
        ),
        Row("a second run", f"{found['again']['seconds']:.1f} s", "≤ 10 s"),
        Row(
            f"{found['renamed_files']:,} files renamed",
            f"{found['renamed']['seconds']:.1f} s, {'some' if found['heard_again'] else 'none'}"
            " heard again",
            "none",
        ),
        Row("writing", f"{found['writes'] / found['write']['seconds']:.0f} files a second"),
        Row("undoing", f"{found['writes'] / found['undo']['seconds']:.0f} files a second"),
        Row("back to the byte", "all" if found["restored"] else "NOT ALL", "all"),
        Row("the library's file", f"{found['library_bytes'] / n / 1000:.1f} kB a file"),
        *(
            Row(
                f"a reader's three questions, {name}: median, 99 %",
                f"{1000 * read[name]['median']:.1f} ms, {1000 * read[name]['p99']:.0f} ms",
            )
            for name in ("idle", "listening", "writing")
        ),
    ]


def main() -> None:
    """Make, measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000, help="how many")
    parser.add_argument("--folder", type=Path, help="where they are made for the time")
    parser.add_argument("--workers", type=int, default=0, help="0: one a CPU")
    parser.add_argument("--dry-run", action="store_true", help="print, keep nothing")
    options = parser.parse_args()
    with made(options.folder, options.files) as (place, files, seconds):
        found = measure(place, options.workers)
    found |= {
        "files": options.files,
        "hours": seconds / 3600,
        "damaged": sum(bool(plan.damage) for plan in files),
        "copies": sum(bool(plan.copies) for plan in files),
        "share_damaged": DAMAGED,
        "kinds": len(KINDS),
    }
    save("library", rows(found), found, keep=not options.dry_run)


if __name__ == "__main__":
    main()
