"""The catalogue as records and as rows of a table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest

from genrewise.library.catalogue import PAGE, Entry, Model, decide, entries, every
from genrewise.library.exports import embeddings, record, row

Add = Callable[..., int]


@pytest.fixture
def entry(db: sqlite3.Connection, model: Model, add: Add) -> Entry:
    added = add(
        "/m/a.mp3",
        (0.2, 0.5, 0.3),
        genres=("Dub", "Ska"),
        ours=("Dub",),
        artist="Ann",
        album="One",
        format="ID3v2.4",
        state="kept",
        vector=(0.6, 0.8),
    )
    audio = next(entries(db, [added], model.id)).file.audio
    assert audio is not None
    decide(db, [(audio, "changed", ("Jazz",))])
    return next(entries(db, [added], model.id))


def test_a_record_holds_all(entry: Entry, model: Model) -> None:
    found = record(entry, model)
    assert {k: found[k] for k in ("path", "state", "genres", "written", "artist", "album")} == {
        "path": "/m/a.mp3", "state": "kept", "genres": ["Dub", "Ska"], "written": ["Dub"],
        "artist": "Ann", "album": "One",
    }  # fmt: skip
    assert (found["format"], found["seconds"]) == ("ID3v2.4", 60.0)
    assert (found["decision"], found["decided"]) == ("changed", ["Jazz"])
    assert (found["model"], found["genre"], found["runner_up"]) == ("three", "hiphop", "jazz")
    assert found["confidence"] == pytest.approx(0.5)
    assert found["probabilities"] == pytest.approx({"blues": 0.2, "hiphop": 0.5, "jazz": 0.3})
    assert found["timeline"] == []
    json.dumps(found)


def test_a_record_without_answer_says_none(db: sqlite3.Connection, model: Model, add: Add) -> None:
    found = record(next(entries(db, [add("/a", None, state="failed")], model.id)), model)
    assert (found["model"], found["decision"], found["decided"]) == (None, None, [])
    assert "genre" not in found


def test_every_row_has_the_same_columns(
    db: sqlite3.Connection, entry: Entry, model: Model, add: Add
) -> None:
    full = row(entry, model, (0.6, 0.8))
    empty = row(next(entries(db, [add("/b", None)], model.id)), model, (0.0, 0.0))
    assert list(full) == list(empty)
    assert {k: type(v) for k, v in full.items()} == {k: type(v) for k, v in empty.items()}
    assert full["genres"] == "Dub; Ska"
    assert full["genre"] == "hiphop"
    assert [full[f"p_{label}"] for label in model.labels] == pytest.approx([0.2, 0.5, 0.3])
    assert (full["e_000"], full["e_001"]) == (0.6, 0.8)
    assert (empty["model"], empty["confidence"], empty["p_jazz"]) == ("", 0.0, 0.0)
    assert "e_000" not in row(entry, model)
    assert "p_jazz" not in row(entry, None)


def test_embeddings_go_with_their_entries(db: sqlite3.Connection, model: Model, add: Add) -> None:
    n = PAGE + 2
    for i in range(n):
        add(f"/{i:04}", None if i % 3 == 0 else (0.1, 0.8, 0.1), vector=(1.0, i / 1024))
    found = list(embeddings(db, every(db, model.id), model))
    assert [e.file.path for e, _ in found] == [f"/{i:04}" for i in range(n)]
    assert [v for _, v in found] == [
        (0.0, 0.0) if i % 3 == 0 else (1.0, i / 1024) for i in range(n)
    ]
