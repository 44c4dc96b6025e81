"""The catalogue's tables in plain values: models, files, answers, what the user said."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genrewise import bundle
from genrewise.errors import LibraryError, UnknownName
from genrewise.library.catalogue import (
    PAGE,
    STATES,
    Decision,
    Model,
    decide,
    entries,
    every,
    find,
    labelled,
    model_in_use,
    models,
    register,
    restate,
)
from genrewise.library.database import open_database

Add = Callable[..., int]


# ------------------------------------------------------------------ models


def test_a_model_is_known_by_its_file_s_hash(db: sqlite3.Connection) -> None:
    path = bundle.find("small-gtzan-v1")
    one, again = register(db, path), register(db, path)
    read = bundle.read(path)
    values = ("small-gtzan-v1", read.digest, read.info.labels, 64, str(path.resolve()))
    assert one == again == Model(one.id, *values)
    assert db.execute("SELECT count(*) FROM models").fetchone()[0] == 1


def test_a_model_s_file_that_moved_is_the_same_model(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    path = bundle.find("small-gtzan-v1")
    one = register(db, path)
    other = register(db, Path(shutil.copy(path, tmp_path / "mine.genrewise")))
    assert (other.id, other.path) == (one.id, str(tmp_path / "mine.genrewise"))
    assert [model for model, _ in models(db)] == [other]


def test_two_processes_register_one_model_once(db: sqlite3.Connection, tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "library.sqlite3")) as other:
        path = bundle.find("small-gtzan-v1")
        assert register(db, path) == register(other, path)


def test_the_model_in_use_is_the_one_that_answered_most(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    with pytest.raises(LibraryError, match="no model has answered"):
        model_in_use(db)
    add("/a")
    other = register(db, bundle.find("small-gtzan-v1"))
    assert model_in_use(db) == model
    assert model_in_use(db, "three") == model
    assert model_in_use(db, model.hash) == model
    assert models(db) == [(model, 1), (other, 0)]
    with pytest.raises(UnknownName, match="no model in this library named 'small-gtzan-v1'"):
        model_in_use(db, "small-gtzan-v1")  # it is known and has not answered


# ------------------------------------------------------------------ reading


def test_an_entry_holds_file_answer_and_decision(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    row = add("/m/ö.mp3", (0.2, 0.5, 0.3), genres=("Dub", "Ska"), ours=("Dub",), artist="Ann")
    audio = next(entries(db, [row], model.id)).file.audio
    assert audio is not None
    decide(db, [(audio, "changed", ("Jazz",))])
    (entry,) = entries(db, [row], model.id)
    assert (entry.file.path, entry.file.genres, entry.file.ours) == (
        "/m/ö.mp3", ("Dub", "Ska"), ("Dub",),
    )  # fmt: skip
    assert entry.file.artist == "Ann"
    assert entry.seconds == 60.0
    assert entry.answer is not None
    assert (entry.answer.genre, entry.answer.runner_up) == ("hiphop", "jazz")
    assert list(entry.answer.probabilities) == ["blues", "hiphop", "jazz"]
    assert entry.answer.probabilities["jazz"] == pytest.approx(0.3)
    assert entry.decision == Decision("changed", ("Jazz",), entry.decision.made)  # type: ignore[union-attr]
    decide(db, [(audio, "", ())])
    assert next(entries(db, [row], model.id)).decision is None


def test_another_model_s_answer_is_not_shown(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    row = add("/a")
    assert next(entries(db, [row], model.id)).answer is not None
    assert next(entries(db, [row], model.id + 1)).answer is None


def test_entries_come_in_the_order_that_was_asked_for(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    rows = [add(f"/{i}", None) for i in range(5)]
    wanted = [rows[3], rows[0], 999, rows[4], rows[0]]
    assert [e.file.id for e in entries(db, wanted, model.id)] == [
        rows[3], rows[0], rows[4], rows[0],
    ]  # fmt: skip


def test_pages_are_seamless_and_nothing_stays_open(
    db: sqlite3.Connection, model: Model, tmp_path: Path
) -> None:
    n = 2 * PAGE + 3
    with db:
        db.executemany(
            "INSERT INTO files(path, size, mtime_ns, inode, state, seen)"
            " VALUES (?, 1, 1, '', ?, '')",
            [(f"/{i:05}".encode(), "new" if i % 2 else "kept") for i in range(n)],
        )
    paths = [f"/{i:05}" for i in range(n)]
    assert [e.file.path for e in every(db, model.id)] == paths
    assert [e.file.path for e in every(db, 0, ["kept"])] == paths[::2]
    ids = [row["id"] for row in db.execute("SELECT id FROM files ORDER BY path").fetchall()]
    with closing(open_database(tmp_path / "library.sqlite3")) as other:
        for i, entry in enumerate(entries(db, ids, model.id)):
            if i % 100 == 0:  # another process writes while this one reads and writes
                restate(other, [(entry.file.id, "review", "")])
                restate(db, [(entry.file.id, "skipped", "speech")])
    assert len(list(every(db, 0, ["skipped"]))) == n // 100 + 1


def test_a_state_that_there_is_not(db: sqlite3.Connection) -> None:
    with pytest.raises(UnknownName, match=r"no state named 'tagged'.*expected one of failed"):
        list(every(db, 0, ["tagged"]))


def test_files_by_a_genre_in_any_case(db: sqlite3.Connection, model: Model, add: Add) -> None:
    add("/a", genres=("Rock", "Dub"))
    add("/b", genres=("Rockabilly",))
    assert [e.file.path for e in every(db, model.id, genre="dub")] == ["/a"]
    assert [e.file.path for e in every(db, model.id, genre="ROCK")] == ["/a"]


@pytest.mark.parametrize("name", ["plain", "ünï\u0301 \U0001f3b5", os.fsdecode(b"\xff\xfe.mp3")])
def test_a_file_is_found_by_any_of_its_names(
    db: sqlite3.Connection, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    path.touch()
    (tmp_path / "link").symlink_to(path)
    row = add(str(path), None, sound="x")
    monkeypatch.chdir(tmp_path)
    assert find(db, path) == find(db, name) == find(db, "link") == row
    assert find(db, "other") is None


# ------------------------------------------------------------------ writing


def test_states_have_meanings_and_are_set(db: sqlite3.Connection, model: Model, add: Add) -> None:
    row = add("/a")
    for state, meaning in STATES.items():
        assert meaning
        restate(db, [(row, state, "why \udcff")])
        (entry,) = entries(db, [row], model.id)
        assert (entry.file.state, entry.file.error) == (state, "why \\udcff")


def test_the_last_word_counts(db: sqlite3.Connection, add: Add, model: Model) -> None:
    row = add("/a")
    audio = next(entries(db, [row], model.id)).file.audio
    assert audio is not None
    decide(db, [(audio, "accepted", ("Jazz",)), (audio, "skipped", ())])
    decision = next(entries(db, [row], model.id)).decision
    assert decision is not None
    assert (decision.verdict, decision.genres) == ("skipped", ())
    with pytest.raises(UnknownName, match="no verdict named 'yes'"):
        decide(db, [(audio, "accepted", ("Dub",)), (audio, "yes", ())])
    assert next(entries(db, [row], model.id)).decision == decision  # all or nothing


def test_what_one_can_train_from(db: sqlite3.Connection, add: Add, model: Model) -> None:
    words = {
        "/b.mp3": ("accepted", ("Jazz", "Bebop")),
        "/a.mp3": ("changed", ("Dub",)),
        "/c.mp3": ("skipped", ()),
        "/gone.mp3": ("accepted", ("Ska",)),
    }
    for path, (verdict, genres) in words.items():
        row = add(path, state="missing" if path == "/gone.mp3" else "new")
        audio = next(entries(db, [row], model.id)).file.audio
        assert audio is not None
        decide(db, [(audio, verdict, genres)])
    add("/copy of b.mp3", sound="/b.mp3")
    add("/never asked.mp3")
    assert list(labelled(db)) == [("/a.mp3", "Dub"), ("/b.mp3", "Jazz")]
