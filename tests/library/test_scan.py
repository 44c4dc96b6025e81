"""Files on the disk against the catalogue: new, same, changed, renamed, gone; nothing is opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.engine import Refused
from genrewise.library.catalogue import PAGE, Model, entries, every
from genrewise.library.database import open_database, transaction
from genrewise.library.scan import Scan, look, scan

Heard = Callable[[], None]


def walk(folder: Path) -> list[str]:
    """Files below a folder, as a walk that sorts gives them."""
    return sorted(str(p) for p in folder.rglob("*") if p.is_file())


def kinds(found: Scan) -> dict[str, int]:
    return {kind: n for kind, n in found.kinds.items() if n}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)
    for i, name in enumerate(("a.mp3", "b.mp3", "album/c.mp3")):
        (folder / name).write_bytes(b"x" * (i + 1))
    return folder


@pytest.fixture
def heard(db: sqlite3.Connection, model: Model) -> Heard:
    """A function that stands for listening: every file that is new gets audio and an answer."""

    def call() -> None:
        with transaction(db):
            rows = db.execute("SELECT id, path FROM files WHERE audio IS NULL").fetchall()
            for row in rows:
                data = Path(os.fsdecode(row["path"])).read_bytes()
                audio = db.execute(
                    "INSERT INTO audio(hash) VALUES (?) ON CONFLICT(hash) DO UPDATE SET hash = hash"
                    " RETURNING id",
                    (f"{row['path']!r} {data!r}",),
                ).fetchone()["id"]
                db.execute(
                    "INSERT OR REPLACE INTO answers VALUES"
                    " (?, ?, 'ok', 'jazz', 1, 'blues', '', zeroblob(12), '{}', '')",
                    (audio, model.id),
                )
                db.execute(
                    "UPDATE files SET audio = ?, state = 'kept' WHERE id = ?", (audio, row["id"])
                )

    return call


@pytest.fixture
def rescan(db: sqlite3.Connection, model: Model, music: Path) -> Callable[..., Scan]:
    def call(paths: list[str] | None = None, **how: object) -> Scan:
        found = walk(music) if paths is None else paths
        return scan(db, found, model.id, roots=[str(music)], **how)  # type: ignore[arg-type]

    return call


def states(db: sqlite3.Connection) -> dict[str, str]:
    return {e.file.path.rpartition("music/")[2]: e.file.state for e in every(db, 0)}


# ------------------------------------------------------------------ first and second


def test_new_files_are_work_in_their_order(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path, model: Model
) -> None:
    found = rescan()
    assert kinds(found) == {"new": 3}
    assert list(found.scope) == list(found.work)
    assert [e.file.path for e in entries(db, found.scope, model.id)] == walk(music)
    assert states(db) == {"a.mp3": "new", "b.mp3": "new", "album/c.mp3": "new"}


def test_what_was_not_listened_to_stays_work(rescan: Callable[..., Scan], heard: Heard) -> None:
    first = rescan()
    second = rescan()
    assert kinds(second) == {"same": 3}
    assert second.work == first.work
    heard()
    third = rescan()
    assert list(third.work) == []
    assert third.scope == first.scope


def test_a_second_scan_writes_and_opens_nothing(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, music: Path
) -> None:
    rescan()
    heard()
    for path in walk(music):  # read times that a reader would have to set anew
        os.utime(path, ns=(1, os.stat(path).st_mtime_ns))  # noqa: PTH116
    changes = db.total_changes
    assert kinds(rescan()) == {"same": 3}
    assert db.total_changes == changes
    assert {os.stat(path).st_atime_ns for path in walk(music)} == {1}  # noqa: PTH116


def test_another_model_has_to_listen_to_all(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, model: Model, music: Path
) -> None:
    rescan()
    heard()
    found = scan(db, walk(music), model.id + 1)
    assert (kinds(found), len(found.work)) == ({"same": 3}, 3)


def test_a_file_that_is_named_twice_is_there_once(rescan: Callable[..., Scan], music: Path) -> None:
    found = rescan(
        [*walk(music), str(music / "a.mp3"), str(music / "." / "album" / ".." / "a.mp3")]
    )
    assert kinds(found) == {"new": 3}
    assert len(set(found.scope)) == len(found.scope) == 3


def test_what_is_refused_is_given_on(rescan: Callable[..., Scan], music: Path) -> None:
    found = rescan(["nowhere.mp3", Refused("odd", "why"), str(music / "a.mp3")])  # type: ignore[list-item]
    assert [(r.item, r.error) for r in found.refused] == [
        ("nowhere.mp3", "no such file or directory"),
        ("odd", "why"),
    ]
    assert len(found.scope) == 1


def test_more_files_than_a_page_and_few_transactions(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path
) -> None:
    for i in range(2 * PAGE):
        (music / f"{i:05}.mp3").write_bytes(b"x")
    commits: list[str] = []
    db.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    found = rescan()
    db.set_trace_callback(None)
    assert kinds(found) == {"new": 2 * PAGE + 3}
    assert len(commits) == 3
    assert kinds(rescan()) == {"same": 2 * PAGE + 3}


# ------------------------------------------------------------------ changed


@pytest.mark.parametrize("how", ["size", "time"])
def test_a_changed_file_is_work_again(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, music: Path, how: str
) -> None:
    rescan()
    heard()
    path = music / "b.mp3"
    about = path.stat()
    if how == "size":
        path.write_bytes(b"other")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    else:
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    found = rescan()
    assert kinds(found) == {"same": 2, "changed": 1}
    assert len(found.work) == 1
    assert states(db)["b.mp3"] == "new"
    heard()
    assert list(rescan().work) == []


def test_a_file_that_failed_waits_until_it_changes_or_is_tried_again(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path
) -> None:
    rescan()
    with transaction(db):
        db.execute("UPDATE files SET state = 'failed', error = 'no' WHERE size = 1")
    assert len(rescan().work) == 2
    assert len(rescan(retry=True).work) == 3
    (music / "a.mp3").write_bytes(b"changed")
    found = rescan()
    assert (kinds(found), len(found.work)) == ({"same": 2, "changed": 1}, 3)
    assert states(db)["a.mp3"] == "new"


def test_speech_is_not_listened_to_again(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard
) -> None:
    rescan()
    heard()
    with transaction(db):
        db.execute("DELETE FROM answers")
        db.execute("UPDATE files SET state = 'skipped', error = 'speech' WHERE size < 3")
    assert len(rescan().work) == 1


# ------------------------------------------------------------------ renamed


def test_a_renamed_folder_is_known_again(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, music: Path
) -> None:
    rescan()
    heard()
    before = {e.file.id for e in every(db, 0)}
    (music / "album").rename(music / "Ålbum")
    (music / "a.mp3").rename(music / "z.mp3")
    found = rescan()
    assert kinds(found) == {"same": 1, "moved": 2}
    assert list(found.work) == []
    assert {e.file.id for e in every(db, 0)} == before
    assert states(db) == {"b.mp3": "kept", "z.mp3": "kept", "Ålbum/c.mp3": "kept"}


def test_the_journal_follows_a_renamed_file(
    db: sqlite3.Connection,
    rescan: Callable[..., Scan],
    heard: Heard,
    note: Callable[..., None],
    music: Path,
) -> None:
    rescan()
    heard()
    old, new = music / "a.mp3", music / "new.mp3"
    note(old, "Dub")
    old.rename(new)
    rescan()
    assert db.execute("SELECT path FROM writes").fetchone()["path"] == os.fsencode(new)


def test_a_name_that_is_spelled_otherwise_is_the_same_file(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, music: Path, model: Model
) -> None:
    rescan()
    heard()
    old, new = str(music / "a.mp3"), str(music / "A.mp3")
    os.rename(old, new)  # noqa: PTH104
    os.symlink(new, old)  # noqa: PTH211 - so that the old name seems to be there still
    found = scan(db, [new], model.id)
    assert (kinds(found), list(found.work)) == ({"moved": 1}, [])


def test_a_file_that_shows_under_two_paths_is_two(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path
) -> None:
    rescan()
    other = music / "second mount" / "a.mp3"
    other.parent.mkdir()
    other.write_bytes(b"x")
    stand = look(str(other))
    with transaction(db):  # as a folder that is mounted twice shows it
        db.execute(
            "UPDATE files SET inode = ?, mtime_ns = ? WHERE size = 1",
            (stand.inode, stand.mtime_ns),
        )
    assert kinds(rescan())["new"] == 1
    assert {"a.mp3", "second mount/a.mp3"} <= set(states(db))


def test_names_that_change_places_are_listened_to(
    rescan: Callable[..., Scan], heard: Heard, music: Path
) -> None:
    rescan()
    heard()
    (music / "a.mp3").rename(music / "x")
    (music / "b.mp3").rename(music / "a.mp3")
    (music / "x").rename(music / "b.mp3")
    found = rescan()
    assert (kinds(found), len(found.work)) == ({"same": 1, "changed": 2}, 2)


def test_a_copy_is_new_and_a_second_name_too(
    rescan: Callable[..., Scan], heard: Heard, music: Path
) -> None:
    rescan()
    heard()
    shutil.copy2(music / "a.mp3", music / "copy.mp3")
    os.link(music / "b.mp3", music / "name.mp3")
    found = rescan()
    assert (kinds(found), len(found.work)) == ({"same": 3, "new": 2}, 2)


def test_a_link_is_the_file_itself(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "d.mp3").write_bytes(b"dddd")
    (music / "link.mp3").symlink_to(elsewhere / "d.mp3")
    (music / "again.mp3").symlink_to("a.mp3")
    (music / "folder").symlink_to(elsewhere)
    found = rescan([*walk(music), str(music / "folder" / "d.mp3")])
    assert kinds(found) == {"new": 4}
    assert {e.file.path for e in every(db, 0)} == {
        *(str(music / n) for n in ("a.mp3", "b.mp3", "album/c.mp3")),
        str(elsewhere / "d.mp3"),
    }


# ------------------------------------------------------------------ gone


def test_what_is_gone_is_missing_and_comes_back(
    db: sqlite3.Connection, rescan: Callable[..., Scan], heard: Heard, music: Path, tmp_path: Path
) -> None:
    rescan()
    heard()
    shutil.move(music / "album", tmp_path / "away")
    found = rescan()
    assert kinds(found) == {"same": 2, "missing": 1}
    assert states(db)["album/c.mp3"] == "missing"
    assert kinds(rescan()) == {"same": 2}
    shutil.move(tmp_path / "away", music / "album")
    found = rescan()
    assert (kinds(found), list(found.work)) == ({"same": 2, "moved": 1}, [])
    assert states(db)["album/c.mp3"] == "new"  # its state is settled when it is looked at


def test_only_what_lies_below_the_folder_can_be_missed(
    db: sqlite3.Connection, model: Model, music: Path
) -> None:
    scan(db, walk(music), model.id)
    for path in walk(music):
        Path(path).unlink()
    assert kinds(scan(db, [], model.id, roots=[str(music / "album")])) == {"missing": 1}
    assert kinds(scan(db, [], model.id, roots=[str(music / "a.mp3")])) == {"missing": 1}
    assert kinds(scan(db, [], model.id, roots=[str(music) + "x"])) == {}
    assert kinds(scan(db, [], model.id, roots=["/"])) == {"missing": 1}


def test_an_empty_place_where_a_disk_was_misses_nothing(
    db: sqlite3.Connection, rescan: Callable[..., Scan], music: Path
) -> None:
    rescan()
    with transaction(db):  # as if the files had lain on another device
        db.execute("UPDATE files SET inode = '999999:' || size")
    shutil.rmtree(music)
    music.mkdir()
    assert kinds(rescan()) == {}
    (music / "new.mp3").write_bytes(b"something")  # a disk is there, so the others are gone
    assert kinds(rescan()) == {"new": 1, "missing": 3}


# ------------------------------------------------------------------ names and systems


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_of_any_bytes(db: sqlite3.Connection, model: Model, tmp_path: Path) -> None:
    names = [b"\xff\xfe.mp3", b"a\nb\t.mp3", "e\u0301.mp3".encode(), "é.mp3".encode(), b"x" * 255]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    paths = [os.path.join(tmp_path, os.fsdecode(name)) for name in names]  # noqa: PTH118
    found = scan(db, paths, model.id)
    assert kinds(found) == {"new": len(names)}
    assert [e.file.path for e in entries(db, found.scope, model.id)] == paths
    assert kinds(scan(db, paths, model.id)) == {"same": len(names)}


def test_looking_says_what_the_system_says(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(music)
    stand, about = look("album/../a.mp3"), (music / "a.mp3").stat()
    assert stand.path == str(music / "a.mp3")
    assert (stand.size, stand.mtime_ns, stand.links) == (1, about.st_mtime_ns, 1)
    assert stand.inode == f"{about.st_dev}:{about.st_ino}"
    with pytest.raises(FileNotFoundError):
        look("none")
    for path in (str(music), os.devnull):
        with pytest.raises(OSError, match="not a file"):
            look(path)


def test_two_processes_at_once_know_every_file_once(
    db: sqlite3.Connection, model: Model, music: Path, tmp_path: Path
) -> None:
    paths = walk(music)
    with closing(open_database(tmp_path / "library.sqlite3")) as other:

        def meanwhile() -> Iterator[str]:
            yield from paths[:2]
            scan(other, paths, model.id)
            yield paths[2]

        found = scan(db, meanwhile(), model.id)
    assert len(found.scope) == 3
    assert db.execute("SELECT count(*) FROM files").fetchone()[0] == 3


@settings(max_examples=25)
@given(st.data())
def test_the_catalogue_follows_whatever_happens_to_a_folder(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("f")
    music = folder / "music"
    music.mkdir()
    names = [str(music / f"{c}.mp3") for c in "abcde"]
    with closing(open_database(folder / "x")) as db:
        for _ in range(data.draw(st.integers(1, 6))):
            what = data.draw(st.sampled_from(["write", "remove", "rename"]))
            one, other = (Path(data.draw(st.sampled_from(names))) for _ in range(2))
            if what == "write":
                one.write_bytes(b"x" * data.draw(st.integers(1, 3)))
            elif one.exists():
                one.unlink() if what == "remove" else one.rename(other)
            if data.draw(st.booleans()):
                scan(db, walk(music), 1, roots=[str(music)])
        scan(db, walk(music), 1, roots=[str(music)])
        known = {e.file.path: e.file for e in every(db, 0) if e.file.state != "missing"}
        assert sorted(known) == walk(music)
        for path, file in known.items():
            about = Path(path).stat()
            assert (file.size, file.mtime_ns) == (about.st_size, about.st_mtime_ns)
