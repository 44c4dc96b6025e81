"""From what was heard to what is written: albums, proposals, files that are written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from genrewise.errors import LibraryError
from genrewise.library.catalogue import Entry, Model, entries, every
from genrewise.library.database import open_database, transaction
from genrewise.library.genre_field import read_tags
from genrewise.library.journal import writing
from genrewise.library.policies import Policy
from genrewise.library.scan import look
from genrewise.library.tagging import (
    LARGEST_FOLDER,
    TELL_EVERY,
    Suggestion,
    Writer,
    albums,
    suggest,
)

Add = Callable[..., int]
POLICY = Policy(min_confidence=0.5)


def groups(db: sqlite3.Connection, scope: list[int]) -> list[list[int]]:
    return [list(group) for group in albums(db, scope)]


def suggested(
    db: sqlite3.Connection, model: Model, policy: Policy = POLICY
) -> dict[str, Suggestion]:
    scope = [e.file.id for e in every(db, model.id)]
    found = [s for album in suggest(db, scope, model, policy) for s in album]
    return {os.path.basename(s.entry.file.path): s for s in found}  # noqa: PTH119


# ------------------------------------------------------------------ albums


def test_an_album_is_what_says_so(db: sqlite3.Connection, add: Add) -> None:
    one = add("/m/1/a.mp3", album="Blue", albumartist="Ann")
    other = add("/m/1/b.mp3", album="Red", albumartist="Ann")
    disc2 = add("/m/2/c.mp3", album="BLUE", albumartist="ann")
    same_name = add("/m/2/d.mp3", album="Blue", albumartist="Bo")
    assert groups(db, [one, other, disc2, same_name]) == [[one, disc2], [other], [same_name]]


def test_without_an_album_artist_the_folder_tells_albums_apart(
    db: sqlite3.Connection, add: Add
) -> None:
    rows = [add(f"/m/{f}/{i}.mp3", album="Greatest Hits") for f in "ab" for i in range(2)]
    assert groups(db, rows) == [rows[:2], rows[2:]]


def test_without_an_album_the_folder_is_one_for_each_artist(
    db: sqlite3.Connection, add: Add
) -> None:
    rows = [add(f"/m/x/{i}.mp3", artist="Bo" if i % 2 else "") for i in range(4)]
    elsewhere = add("/m/y/0.mp3")
    assert groups(db, [*rows, elsewhere]) == [rows[::2], rows[1::2], [elsewhere]]


def test_a_heap_is_no_album(db: sqlite3.Connection, add: Add) -> None:
    rows = [add(f"/m/{i:02}.mp3", None) for i in range(LARGEST_FOLDER + 1)]
    assert groups(db, rows) == [[row] for row in rows]
    assert groups(db, rows[1:]) == [rows[1:]]


def test_what_went_away_meanwhile_is_in_no_album(db: sqlite3.Connection, add: Add) -> None:
    row = add("/a")
    assert groups(db, [row, 999]) == [[row]]
    assert groups(db, []) == []


# ------------------------------------------------------------------ suggestions


def test_the_catalogue_is_told_what_was_suggested(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    add("/sure.mp3")
    add("/unsure.mp3", (0.4, 0.35, 0.25))
    add("/unknown.mp3", genre=None)
    add("/has.mp3", genres=("Dub",))
    add("/book.m4b")
    add("/odd.mkv", container="")
    add("/gone.mp3", state="missing")
    add("/broken.mp3", None, state="failed", error="no audio")
    found = suggested(db, model)
    expected = {
        "sure.mp3": ("proposed", ""),
        "unsure.mp3": ("review", "below 0.5"),
        "unknown.mp3": ("review", "low confidence"),
        "has.mp3": ("kept", ""),
        "book.m4b": ("skipped", "speech"),
        "odd.mkv": ("skipped", "its tags cannot be written; a sidecar can"),
        "broken.mp3": ("failed", "no audio"),
    }
    kept = {
        e.file.path[1:]: (e.file.state, e.file.error)
        for e in every(db, model.id)
        if e.file.state != "missing"
    }
    assert kept == expected
    assert {n: s.proposal.state for n, s in found.items() if n != "gone.mp3"} == {
        n: state for n, (state, _) in expected.items()
    }


def test_suggesting_again_writes_nothing(db: sqlite3.Connection, model: Model, add: Add) -> None:
    for i in range(20):
        add(f"/{i}.mp3")
    suggested(db, model)
    before = db.total_changes
    suggested(db, model)
    assert db.total_changes == before


def test_songs_of_an_album_that_disagree_are_told(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    for name, p in {"a": (0.1, 0.8, 0.1), "b": (0.05, 0.9, 0.05), "c": (0.6, 0.3, 0.1)}.items():
        add(f"/m/{name}", p, album="Mixed")
    add("/n/d", album="Plain")
    add("/n/e", album="Plain")
    found = suggested(db, model)
    told = found["a"].disagreement
    assert told is not None
    assert told is found["b"].disagreement is found["c"].disagreement
    assert (told.album, told.genres, told.together) == (
        "Mixed", (("hiphop", 2), ("blues", 1)), "hiphop",
    )  # fmt: skip
    logs = np.log([[0.1, 0.8, 0.1], [0.05, 0.9, 0.05], [0.6, 0.3, 0.1]]).mean(axis=0)
    assert told.confidence == pytest.approx((np.exp(logs) / np.exp(logs).sum()).max(), abs=1e-6)
    assert found["d"].disagreement is None
    assert [s.proposal.genres for s in found.values()][2] == ("blues",)


def test_a_folder_of_this_and_that_does_not_disagree(
    db: sqlite3.Connection, model: Model, add: Add
) -> None:
    p = [(0.9, 0.05, 0.05), (0.05, 0.9, 0.05), (0.05, 0.05, 0.9)]
    for i in range(3):
        add(f"/m/{i}", p[i])
        add(f"/n/{i}", p[min(i, 1)])
    rows = [e.file.id for e in every(db, model.id)]
    by_path = {
        s.entry.file.path: s.disagreement
        for album in suggest(db, rows, model, POLICY)
        for s in album
    }
    assert [by_path[f"/m/{i}"] for i in range(3)] == [None] * 3
    of_n = by_path["/n/0"]
    assert of_n is not None
    assert (of_n.album, of_n.genres) == ("n", (("hiphop", 2), ("blues", 1)))


def test_an_album_gets_one_genre_on_request(db: sqlite3.Connection, model: Model, add: Add) -> None:
    for name, p in {"a": (0.1, 0.8, 0.1), "b": (0.05, 0.9, 0.05), "c": (0.6, 0.3, 0.1)}.items():
        add(f"/m/{name}", p, album="Mixed")
    add("/m/has", (0.9, 0.05, 0.05), album="Mixed", genres=("Dub",))
    add("/m/failed", None, album="Mixed", state="failed")
    found = suggested(db, model, Policy(min_confidence=0.0, album=True))
    genres = {name: s.proposal.genres for name, s in found.items()}
    assert genres["a"] == genres["b"] == genres["c"]
    assert len(genres["a"]) == 1
    assert found["has"].proposal.state == "kept"
    assert found["failed"].proposal.state == "failed"


def test_many_albums_come_in_their_order(db: sqlite3.Connection, model: Model, add: Add) -> None:
    n = 130
    rows = [add(f"/{i % n:03}/{i:04}", album=f"{i % n}") for i in range(4 * n)]
    found = list(suggest(db, rows, model, POLICY))
    assert [len(album) for album in found] == [4] * n
    assert [album[0].entry.file.album for album in found] == [str(i) for i in range(n)]


# ------------------------------------------------------------------ writing


@pytest.fixture
def song(db: sqlite3.Connection, add: Add, tmp_path: Path) -> Callable[..., Entry]:
    """A function that makes a file of half a second and puts it into the catalogue."""

    def make(name: str, **more: object) -> Entry:
        path = tmp_path / name
        soundfile.write(path, np.sin(np.arange(4000) / 5).astype(np.float32) / 2, 8000)
        stand, tags = look(str(path)), read_tags(path)
        row = add(
            stand.path,
            size=stand.size,
            mtime_ns=stand.mtime_ns,
            inode=stand.inode,
            sound=name,
            container=tags.container,
            **more,
        )
        return next(entries(db, [row], 1))

    return make


def genre(path: str | Path) -> list[str]:
    return list(mutagen.File(path, easy=True).get("genre", []))


def test_a_proposal_is_written_and_the_catalogue_knows(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry]
) -> None:
    path = song("a.flac").file.path
    suggestion = suggested(db, model)["a.flac"]
    with writing(db, "test", model.id) as run, Writer(db, run, POLICY) as writer:
        after, note = writer.write(suggestion)
    assert genre(path) == ["hiphop"]
    assert (after.proposal.state, after.proposal.genres, note) == ("written", ("hiphop",), "")
    (entry,) = every(db, model.id)
    about = os.stat(path)  # noqa: PTH116
    assert (entry.file.state, entry.file.genres, entry.file.ours) == (
        "written", ("hiphop",), ("hiphop",),
    )  # fmt: skip
    assert (entry.file.size, entry.file.mtime_ns) == (about.st_size, about.st_mtime_ns)
    assert suggested(db, model)["a.flac"].proposal.state == "written"
    row = db.execute("SELECT * FROM runs").fetchone()
    assert (row["command"], row["model"]) == ("test", model.id)


def test_a_file_that_changed_since_is_left_alone(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry]
) -> None:
    path = Path(song("a.flac").file.path)
    suggestion = suggested(db, model)["a.flac"]
    file = mutagen.File(path)
    file["title"] = ["Mine, set meanwhile"]
    file.save()
    before = path.read_bytes()
    with writing(db, "test") as run, Writer(db, run, POLICY) as writer:
        with pytest.raises(LibraryError, match="changed since it was listened to"):
            writer.write(suggestion)
        path.unlink()
        with pytest.raises(LibraryError, match="no such file"):
            writer.write(suggestion)
    assert before
    assert db.execute("SELECT count(*) FROM writes").fetchone()[0] == 0


@pytest.mark.parametrize("field", ["genre", "comment", "grouping"])
def test_other_fields_on_request(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry], field: str
) -> None:
    path = song("a.flac", genres=()).file.path
    policy = Policy(min_confidence=0.5, field=field)
    with writing(db, "test") as run, Writer(db, run, policy) as writer:
        writer.write(suggested(db, model, policy)["a.flac"])
    tags = read_tags(Path(path))
    assert {"genre": tags.genres, "comment": (tags.comment,), "grouping": (tags.grouping,)}[
        field
    ] == ("hiphop",)
    assert suggested(db, model, policy)["a.flac"].proposal.state == "written"


def test_a_sidecar_leaves_the_music_alone(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry]
) -> None:
    path = Path(song("a.flac").file.path)
    before = path.read_bytes()
    policy = Policy(min_confidence=0.5, sidecar=True)
    with writing(db, "test") as run, Writer(db, run, policy) as writer:
        writer.write(suggested(db, model, policy)["a.flac"])
    assert path.read_bytes() == before
    beside = path.with_name("a.flac.genre.json")
    assert "hiphop" in beside.read_text()
    assert suggested(db, model, policy)["a.flac"].proposal.state == "written"
    beside.unlink()  # as undo does
    assert suggested(db, model, policy)["a.flac"].proposal.state == "proposed"
    assert suggested(db, model)["a.flac"].proposal.state == "proposed"  # the tags have none


def test_the_time_of_change_is_kept_on_request(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry], tmp_path: Path
) -> None:
    policy = Policy(min_confidence=0.5, keep_mtime=True)
    song("a.flac")
    os.utime(tmp_path / "a.flac", ns=(5_000_000_000, 5_000_000_000))
    with transaction(db):
        db.execute("UPDATE files SET mtime_ns = 5000000000")
    with writing(db, "test") as run, Writer(db, run, policy) as writer:
        writer.write(suggested(db, model, policy)["a.flac"])
    assert (tmp_path / "a.flac").stat().st_mtime_ns == 5_000_000_000
    assert genre(tmp_path / "a.flac") == ["hiphop"]


def test_many_are_told_a_few_at_a_time_and_the_last_ones_too(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry], tmp_path: Path
) -> None:
    n = TELL_EVERY + 3
    for i in range(n):
        song(f"{i:02}.flac")
    found = suggested(db, model)
    written = []
    with closing(open_database(tmp_path / "library.sqlite3")) as reader:
        with writing(db, "test") as run, Writer(db, run, POLICY) as writer:
            for suggestion in found.values():
                writer.write(suggestion)
                written.append(len(list(every(reader, 0, ["written"]))))
        assert len(list(every(reader, 0, ["written"]))) == n
    assert set(written) == {0, TELL_EVERY}


def test_a_file_that_is_taken_away_as_soon_as_it_was_written(
    db: sqlite3.Connection,
    model: Model,
    song: Callable[..., Entry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from genrewise.library import tagging

    path = Path(song("a.flac").file.path)
    real = tagging.write_genres

    def write_and_lose(*args: object, **more: object) -> object:
        written = real(*args, **more)  # type: ignore[arg-type]
        path.rename(path.with_name("b.flac"))
        return written

    monkeypatch.setattr(tagging, "write_genres", write_and_lose)
    with writing(db, "test") as run, Writer(db, run, POLICY) as writer:
        after, _ = writer.write(suggested(db, model)["a.flac"])
    assert after.proposal.state == "written"
    assert genre(path.with_name("b.flac")) == ["hiphop"]


def test_what_was_written_is_told_although_the_next_one_fails(
    db: sqlite3.Connection, model: Model, song: Callable[..., Entry]
) -> None:
    song("a.flac")
    song("b.flac")
    found = suggested(db, model)
    Path(found["b.flac"].entry.file.path).write_bytes(b"")

    def write_both() -> None:
        with writing(db, "test") as run, Writer(db, run, POLICY) as writer:
            writer.write(found["a.flac"])
            writer.write(found["b.flac"])

    with pytest.raises(LibraryError):
        write_both()
    states = {os.path.basename(e.file.path): e.file.state for e in every(db, model.id)}  # noqa: PTH119
    assert states == {"a.flac": "written", "b.flac": "proposed"}
