"""A library in a temporary folder, and files in it that need no music."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genrewise.library.catalogue import Model, text_list
from genrewise.library.database import open_database, transaction

LABELS = ("blues", "hiphop", "jazz")

#: Adds a file and what is known of it; returns its row.
Add = Callable[..., int]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "library.sqlite3")) as connection:
        yield connection


@pytest.fixture
def model(db: sqlite3.Connection) -> Model:
    """A model of three genres that is in the catalogue, though there is no file of it."""
    values = ("three", "ab" * 32, text_list(LABELS), 2)
    with transaction(db):
        row = db.execute(
            "INSERT INTO models(name, hash, labels, embedding_size, path) VALUES (?, ?, ?, ?, '')"
            " RETURNING id",
            values,
        ).fetchone()
    return Model(row["id"], "three", "ab" * 32, LABELS, 2)


@pytest.fixture
def add(db: sqlite3.Connection, model: Model) -> Add:
    """A function that puts a file into the catalogue."""

    def insert(table: str, **values: Any) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        row = db.execute(
            f"INSERT INTO {table}({names}) VALUES ({marks}) RETURNING rowid", [*values.values()]
        ).fetchone()
        return int(row[0])

    def put(
        path: str,
        p: tuple[float, ...] | None = (0.1, 0.8, 0.1),
        *,
        sound: str = "",
        genre: str | None = "",
        vector: tuple[float, ...] = (1.0, 0.0),
        seconds: float = 60.0,
        **more: Any,
    ) -> int:
        sound = sound or path
        known = db.execute("SELECT id FROM audio WHERE hash = ?", (sound,)).fetchone()
        with transaction(db):
            audio = known["id"] if known else insert("audio", hash=sound, seconds=seconds)
            if p is not None and not known:
                order = sorted(range(3), key=lambda i: -p[i])
                db.execute(
                    "INSERT INTO answers VALUES (?, ?, 'ok', ?, ?, ?, ?, ?, '{}', '')",
                    (
                        *(audio, model.id, LABELS[order[0]] if genre == "" else genre),
                        *(p[order[0]], LABELS[order[1]], "" if genre == "" else "low confidence"),
                        struct.pack("<3f", *p),
                    ),
                )
                db.execute(
                    "INSERT INTO embeddings VALUES (?, ?, ?)",
                    (model.id, audio, struct.pack(f"<{len(vector)}e", *vector)),
                )
            values: dict[str, Any] = {
                "path": os.fsencode(path), "size": 1, "mtime_ns": 2, "inode": f"1:{sound}",
                "audio": audio, "container": "MP3", "state": "new", "seen": "",
            }  # fmt: skip
            for name in ("genres", "ours"):
                more[name] = text_list(more.get(name, ()))
            return insert("files", **(values | more))

    return put


@pytest.fixture
def note(db: sqlite3.Connection) -> Callable[..., None]:
    """A function that puts a write into the journal."""

    def put(
        path: str | Path, *after: str, state: str = "done", run: int = 1, patch: bytes | None = None
    ) -> None:
        with transaction(db):
            db.execute(
                "INSERT OR IGNORE INTO runs(id, command, began) VALUES (?, 'tag', '')", (run,)
            )
            db.execute(
                "INSERT INTO writes(run, path, kind, state, audio, before, after, old_sha256,"
                " new_sha256, old_size, old_mtime_ns, patch, made)"
                " VALUES (?, ?, 'tag', ?, '', '[]', ?, '', '', 1, 1, ?, '')",
                (run, os.fsencode(path), state, text_list(after), patch),
            )

    return put
