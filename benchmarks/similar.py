"""The songs most alike among 100,000: reading the embeddings, comparing, and the whole command.

Embeddings are drawn about genre centres as those of real music lie.  What is found is held
against brute force in double precision.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common import GENREWISE, Row, median, save, timed
from genrewise import bundle
from genrewise.library.catalogue import register
from genrewise.library.database import open_database, transaction
from genrewise.library.similar import load, ranked

SONGS, SIZE, GENRES, ROUNDS, QUERIES, SHOWN = 100_000, 64, 10, 7, 50, 20
MODEL = "small-gtzan-v1"


def embeddings(songs: int) -> NDArray[np.float16]:
    """Unit vectors about as many centres as there are genres, shape (songs, SIZE)."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(GENRES, SIZE))
    x = centres[rng.integers(GENRES, size=songs)] + rng.normal(size=(songs, SIZE))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype="<f2")


def library(path: Path, songs: int) -> NDArray[np.float16]:
    """Make a library of so many songs; returns their embeddings."""
    vectors = embeddings(songs)
    answer = (0.8, "jazz", bytes(40), json.dumps({"timeline": [], "deciding": [], "seconds": 200}))
    with closing(open_database(path)) as db:
        model = register(db, bundle.find(MODEL))
        with transaction(db):
            db.executemany(
                "INSERT INTO audio(id, hash, seconds) VALUES (?, ?, 200)",
                ((i, f"{i:064x}") for i in range(1, songs + 1)),
            )
            db.executemany(
                "INSERT INTO files(id, path, size, mtime_ns, inode, audio, container, state, seen)"
                " VALUES (?, ?, 1, 1, '', ?, 'MP3', 'kept', '')",
                ((i, os.fsencode(path.parent / f"{i:06}.mp3"), i) for i in range(1, songs + 1)),
            )
            db.executemany(
                "INSERT INTO answers(audio, model, status, genre, confidence, runner_up, reason,"
                " probabilities, record, made) VALUES (?, ?, 'ok', 'blues', ?, ?, '', ?, ?, '')",
                ((i, model.id, *answer) for i in range(1, songs + 1)),
            )
            db.executemany(
                "INSERT INTO embeddings(model, audio, vector) VALUES (?, ?, ?)",
                ((model.id, i + 1, vector.tobytes()) for i, vector in enumerate(vectors)),
            )
    (path.parent / "000001.mp3").touch()
    return vectors


def wrong(path: Path, vectors: NDArray[np.float16]) -> int:
    """Queries of which the nearest `SHOWN` are not those of brute force."""
    x = vectors.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    count = 0
    with closing(open_database(path)) as db:
        held = load(db, register(db, bundle.find(MODEL)))
    for i in np.random.default_rng(1).integers(len(x), size=QUERIES):
        found = [a - 1 for a, _ in first(ranked(held, held.matrix[i]))]
        count += found != np.lexsort((np.arange(len(x)), -(x @ x[i])))[:SHOWN].tolist()
    return count


def first(pairs: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The first `SHOWN`."""
    return list(itertools.islice(pairs, SHOWN))


def command(path: Path) -> None:
    """The command as a user calls it."""
    song = path.parent / "000001.mp3"
    args = [GENREWISE, "similar", "--json", "-n", str(SHOWN), "--db", path, song]
    subprocess.run(args, check=True, capture_output=True)


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "library.sqlite3"
        vectors = library(path, SONGS)
        with closing(open_database(path)) as db:
            model = register(db, bundle.find(MODEL))
            held = load(db, model)
            reads = [timed(lambda: load(db, model))() for _ in range(ROUNDS)]
        query = held.matrix[0]
        finds = [timed(lambda: first(ranked(held, query)))() for _ in range(ROUNDS * 3)]
        calls = [timed(lambda: command(path))() for _ in range(ROUNDS)]
        missed = wrong(path, vectors)
    rows = [
        Row(f"reading {SONGS:,} embeddings", f"{1000 * median(reads):.0f} ms"),
        Row(f"the nearest {SHOWN}", f"{1000 * median(finds):.0f} ms"),
        Row("the whole command", f"{median(calls):.2f} s", "≤ 2 s"),
        Row("other than brute force", f"{missed} of {QUERIES} queries", "0"),
    ]
    values = {
        "songs": SONGS,
        "size": SIZE,
        "read_seconds": reads,
        "find_seconds": finds,
        "command_seconds": calls,
        "queries": QUERIES,
        "wrong": missed,
    }
    save("similar", rows, values)


if __name__ == "__main__":
    main()
