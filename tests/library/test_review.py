"""The queue of what a person should look at: answers kept at once, taken back, copies together."""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.library.catalogue import Model, every, restate
from genrewise.library.database import open_database
from genrewise.library.policies import Policy
from genrewise.library.review import Review, names_to_choose, queue
from genrewise.library.tagging import album_of, suggest

Add = Callable[..., int]
NAMES = {"blues": ("Blues",), "hiphop": ("Hip-Hop",), "jazz": ("Jazz",)}
POLICY = Policy(names=NAMES)
UNSURE = (0.1, 0.6, 0.3)


@pytest.fixture
def review(db: sqlite3.Connection, model: Model) -> Callable[..., Review]:
    """A function that opens the queue of a library as it stands."""

    def call(*paths: str, proposed: bool = False) -> Review:
        scope = [e.file.id for e in every(db, model.id) if e.file.state == "new"]
        list(suggest(db, scope, model, POLICY))
        return Review(db, model, POLICY, queue(db, paths, proposed=proposed))

    return call


def path(found: Review) -> str | None:
    current = found.current()
    return None if current is None else current.entry.file.path


def states(db: sqlite3.Connection) -> dict[str, str]:
    return {e.file.path: e.file.state for e in every(db, 0)}


def decisions(db: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = db.execute(
        "SELECT f.path, d.verdict, d.genres FROM decisions d JOIN files f ON f.audio = d.audio"
    )
    return {os.fsdecode(r["path"]): (r["verdict"], r["genres"]) for r in rows.fetchall()}


# ------------------------------------------------------------------ the queue


def test_the_queue_is_what_a_person_should_look_at(add: Add, review: Callable[..., Review]) -> None:
    add("/m/b", UNSURE)
    add("/m/a", UNSURE)
    add("/sure")
    add("/m/has", UNSURE, genres=("Dub",))
    found = review()
    assert len(found.rows) == 2
    assert path(found) == "/m/a"
    assert len(review(proposed=True).rows) == 3
    assert len(review("/m/b").rows) == len(review("/m/b", "/none").rows) == 1
    assert len(review("/m").rows) == 2
    assert len(review("/").rows) == 2
    assert len(review("/m/").rows) == 2
    assert len(review("/mm").rows) == 0


def test_an_empty_queue(review: Callable[..., Review]) -> None:
    found = review()
    assert found.current() is None
    assert found.accept_above(0.0) == 0
    assert found.undo() == 0
    found.answer("skipped")


def test_the_names_to_choose_from(db: sqlite3.Connection, model: Model, add: Add) -> None:
    add("/a", genres=("Dub", "Jazz"))
    add("/b", genres=("Ska", "Dub"))
    assert names_to_choose(db, model, POLICY) == ["Blues", "Hip-Hop", "Jazz", "Dub", "Ska"]


# ------------------------------------------------------------------ answers


def test_answers_are_kept_at_once(add: Add, review: Callable[..., Review], tmp_path: Path) -> None:
    for name in "abc":
        add(f"/{name}", UNSURE)
    found = review()
    with closing(open_database(tmp_path / "library.sqlite3")) as other:
        found.answer("accepted", ("Hip-Hop",))
        assert decisions(other) == {"/a": ("accepted", '["Hip-Hop"]')}
        assert states(other) == {"/a": "proposed", "/b": "review", "/c": "review"}
        found.answer("changed", ("Dub", "Ska"))
        found.answer("skipped")
        assert decisions(other)["/b"] == ("changed", '["Dub", "Ska"]')
        assert states(other) == {"/a": "proposed", "/b": "proposed", "/c": "skipped"}
    assert found.current() is None
    assert list(found.answered) == list(found.rows)
    assert len(review().rows) == 0


def test_what_was_accepted_is_proposed_for_good(
    db: sqlite3.Connection, model: Model, add: Add, review: Callable[..., Review]
) -> None:
    row = add("/a", UNSURE)
    review().answer("changed", ("Dub",))
    ((suggestion,),) = suggest(db, [row], model, Policy(min_confidence=1.0, names=NAMES))
    assert (suggestion.proposal.state, suggestion.proposal.genres) == ("proposed", ("Dub",))


def test_copies_of_one_song_are_asked_for_once(
    db: sqlite3.Connection, add: Add, review: Callable[..., Review]
) -> None:
    for name in "abc":
        add(f"/{name}", UNSURE, sound="/z" if name == "c" else "/one")
    found = review()
    assert len(found.rows) == 3
    found.answer("accepted", ("Hip-Hop",))
    assert states(db)["/b"] == "proposed"
    assert path(found) == "/c"


def test_what_went_away_meanwhile_is_passed_over(
    db: sqlite3.Connection, add: Add, review: Callable[..., Review]
) -> None:
    rows = [add(f"/{name}", UNSURE) for name in "abc"]
    found = review()
    restate(db, [(rows[0], "missing", "")])
    with db:
        db.execute("DELETE FROM files WHERE id = ?", (rows[1],))
    assert path(found) == "/c"


def test_songs_of_an_album_are_seen_together(add: Add, review: Callable[..., Review]) -> None:
    add("/m/a", UNSURE, album="One")
    add("/m/b", (0.9, 0.05, 0.05), album="one")
    add("/n/c", UNSURE)
    add("/n/d", (0.9, 0.05, 0.05))
    found = review()
    current = found.current()
    assert current is not None
    assert current.disagreement is not None
    assert current.disagreement.genres == (("Hip-Hop", 1), ("Blues", 1))
    found.place = 1
    current = found.current()
    assert current is not None
    assert current.disagreement is not None


def test_an_album_of_one_file(db: sqlite3.Connection, add: Add) -> None:
    rows = [add("/m/a", album="One"), add("/m/b", album="ONE"), add("/m/c"), add("/m/x/d")]
    assert list(album_of(db, rows[0])) == list(album_of(db, rows[1])) == rows[:2]
    assert list(album_of(db, rows[2])) == [rows[2]]
    assert list(album_of(db, rows[3])) == [rows[3]]
    assert list(album_of(db, 999)) == []


# ------------------------------------------------------------------ many, and back


def test_all_above_are_accepted_at_once(
    db: sqlite3.Connection, add: Add, review: Callable[..., Review]
) -> None:
    add("/a", (0.1, 0.5, 0.4))
    add("/b", (0.1, 0.7, 0.2))
    add("/c", (0.1, 0.7, 0.2), sound="/b")
    add("/d", (0.7, 0.2, 0.1), genre=None)
    found = review()
    assert found.accept_above(0.7) == 2
    assert path(found) == "/a"
    assert states(db) == {"/a": "review", "/b": "proposed", "/c": "proposed", "/d": "proposed"}
    assert found.accept_above(0.7) == 0
    found.answer("skipped")
    assert found.current() is None
    assert found.undo() == 1
    assert found.undo() == 2
    assert set(states(db).values()) == {"review"}
    assert decisions(db) == {}
    assert path(found) == "/a"


def test_albums_that_vote_are_accepted_by_their_vote(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    add("/m/a", (0.1, 0.8, 0.1), album="One", state="kept", genres=("Dub",))
    add("/m/b", (0.3, 0.4, 0.3), album="One", state="review")
    policy = Policy(names=NAMES, album=True)
    found = Review(db, model, policy, queue(db))
    together = (0.8 * 0.4) ** 0.5 / ((0.8 * 0.4) ** 0.5 + 2 * (0.1 * 0.3) ** 0.5)
    assert found.accept_above(together + 0.001) == 0
    assert found.accept_above(together - 0.001) == 1
    assert decisions(db) == {"/m/b": ("accepted", '["Hip-Hop"]')}


def test_taking_back_brings_back_what_was_said_before(
    db: sqlite3.Connection, add: Add, review: Callable[..., Review]
) -> None:
    add("/a", UNSURE)
    review().answer("changed", ("Dub",))
    again = review(proposed=True)
    again.answer("skipped")
    assert states(db) == {"/a": "skipped"}
    assert again.undo() == 1
    assert decisions(db) == {"/a": ("changed", '["Dub"]')}
    assert states(db) == {"/a": "proposed"}
    assert again.undo() == 0
    assert list(again.answered) == []


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["accept", "change", "skip", "undo", "above"]), max_size=15))
def test_taking_all_back_leaves_no_trace(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    with closing(open_database(tmp_path_factory.mktemp("r") / "x")) as db:
        db.execute("INSERT INTO models VALUES (1, 'm', 'h', '[\"jazz\", \"pop\"]', 0, '')")
        for i in range(6):
            p = (0.9, 0.1) if i % 2 else (0.55, 0.45)
            db.execute("INSERT INTO audio(id, hash) VALUES (?, ?)", (i, str(i)))
            db.execute(
                "INSERT INTO answers VALUES (?, 1, 'ok', NULL, 0, 'pop', 'low', ?, '{}', '')",
                (i, array("f", p).tobytes()),
            )
            db.execute(
                "INSERT INTO files(path, size, mtime_ns, inode, audio, container, state, seen)"
                " VALUES (?, 1, 1, '', ?, 'MP3', 'review', '')",
                (f"/{i}".encode(), i),
            )
        db.commit()
        model = Model(1, "m", "h", ("jazz", "pop"), 0)
        found = Review(db, model, Policy(), queue(db))
        for key in keys:
            if key == "undo":
                found.undo()
            elif key == "above":
                found.accept_above(0.8)
            else:
                found.answer(
                    {"accept": "accepted", "change": "changed", "skip": "skipped"}[key], ("x",)
                )
            assert len(found.answered) == len(decisions(db))
        while found.undo():
            pass
        assert decisions(db) == {}
        assert set(states(db).values()) == {"review"}
        assert path(found) == "/0"
