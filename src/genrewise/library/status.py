"""How a library stands as a whole, and putting it in order."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from genrewise.library.catalogue import STATES, models
from genrewise.library.database import transaction

__all__ = ["RUNS", "forget", "shrink", "status"]

#: How many runs are told of.
RUNS = 10


def status(db: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """What a library holds.

    Parameters
    ----------
    db : Connection
    path : Path
        Of its file.

    Returns
    -------
    dict
        ``library``, ``files``, ``states`` (all of them, with their counts), ``genres`` (as they
        stand in the files, most first), ``songs`` (different audio), ``hours``, ``answers`` by
        model, ``decisions`` by verdict, ``runs`` that wrote (the newest `RUNS`, the latest
        first), ``journal`` (writes, how many of them can be undone, bytes) and ``bytes`` of the
        whole on the disk.
    """
    states = dict(db.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall())
    songs, seconds = db.execute(
        "SELECT count(*), coalesce(sum(seconds), 0) FROM audio u"
        " WHERE EXISTS (SELECT 1 FROM files f WHERE f.audio = u.id AND f.state != 'missing')"
    ).fetchone()
    writes, undoable, patches = db.execute(
        "SELECT count(*), count(patch) FILTER (WHERE state = 'done'),"
        " coalesce(sum(length(patch)), 0) FROM writes"
    ).fetchone()
    return {
        "library": str(path),
        "files": sum(states.values()),
        "states": {state: states.get(state, 0) for state in STATES},
        "genres": _genres(db),
        "songs": songs,
        "hours": seconds / 3600,
        "models": [
            {"name": model.name, "hash": model.hash, "answers": n} for model, n in models(db)
        ],
        "decisions": dict(
            db.execute("SELECT verdict, count(*) FROM decisions GROUP BY verdict").fetchall()
        ),
        "runs": _runs(db),
        "journal": {"writes": writes, "undoable": undoable, "bytes": patches},
        "bytes": _size(path),
    }


def _runs(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """The last runs that wrote: number, command, when, how many writes and how many stand."""
    rows = db.execute(
        "SELECT r.id AS run, r.command, r.began, count(w.id) AS writes,"
        " count(w.id) FILTER (WHERE w.state = 'done') AS undoable"
        " FROM runs r JOIN writes w ON w.run = r.id GROUP BY r.id ORDER BY r.id DESC LIMIT ?",
        (RUNS,),
    )
    return [dict(row) for row in rows.fetchall()]


def _genres(db: sqlite3.Connection) -> dict[str, int]:
    """How many files that are there carry a genre, most first."""
    rows = db.execute(
        "SELECT j.value AS genre, count(*) AS n FROM files f, json_each(f.genres) j"
        " WHERE f.state != 'missing' GROUP BY j.value ORDER BY n DESC, genre"
    )
    return {row["genre"]: row["n"] for row in rows.fetchall()}


def _size(path: Path) -> int:
    """Bytes of the library's file and of what SQLite keeps beside it."""
    beside = [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm")]
    return sum(file.stat().st_size for file in beside if file.exists())


def forget(db: sqlite3.Connection) -> int:
    """Forget files that are missing, and audio that no file holds and nobody decided on.

    Returns
    -------
    int
        How many files were forgotten.
    """
    with transaction(db):
        gone = db.execute("DELETE FROM files WHERE state = 'missing'").rowcount
        unheard = (
            "NOT EXISTS (SELECT 1 FROM files f WHERE f.audio = u.id)"
            " AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.audio = u.id)"
        )
        for table in ("answers", "embeddings"):
            db.execute(
                f"DELETE FROM {table} WHERE audio IN (SELECT id FROM audio u WHERE {unheard})"
            )
        db.execute(f"DELETE FROM audio AS u WHERE {unheard}")
    return gone


def shrink(db: sqlite3.Connection) -> None:
    """Give back to the disk what the file does not need; waits for nobody."""
    try:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError:  # somebody reads or writes: another time
        pass
