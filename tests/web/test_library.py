"""A library that a server shows: reviewed, listened to, compared with; its music is not touched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.web.conftest import MODEL, Server, is_problem, music, serving, wav

from genrewise.library.catalogue import Model, entries, find
from genrewise.library.database import open_database
from genrewise.web.problems import Problem
from genrewise.web.shelf import Shelf

#: Beside them lies a copy of the last one, which comes first in the queue.
SONGS = [f"Ärger – {i:02d}.wav" for i in range(11)]


def genrewise(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "genrewise", *args]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of music that was listened to; the model is sure of nothing in it."""
    folder = tmp_path_factory.mktemp("library")
    for i, name in enumerate(SONGS):
        (folder / name).write_bytes(wav(music(3.0, seed=i)))
    (folder / "copy.wav").write_bytes((folder / SONGS[-1]).read_bytes())
    db = folder / "library.sqlite3"
    genrewise(
        *("tag", str(folder), "--db", str(db), "--model", MODEL),
        *("--min-confidence", "1", "--existing", "replace"),
    )
    return db


@pytest.fixture
def db(heard: Path, tmp_path: Path) -> Path:
    """The library in which nobody has answered yet."""
    copy = tmp_path / "library.sqlite3"
    with closing(open_database(heard)) as one, closing(open_database(copy)) as other:
        one.backup(other)
    return copy


@pytest.fixture
def shelf(db: Path) -> Shelf:
    return Shelf(db)


def decided(db: Path, row: int) -> Any:
    with closing(open_database(db)) as library:
        model: Model = Shelf(db).model
        (found,) = entries(library, [row], model.id)
    return found.decision and (found.decision.verdict, found.decision.genres)


def test_the_queue_is_that_of_the_command_line(shelf: Shelf, db: Path) -> None:
    listed = json.loads(genrewise("review", "--json", "--db", str(db)).stdout)
    waiting = shelf.waiting(200)
    assert [item["name"] for item in waiting["items"]] == [Path(x["path"]).name for x in listed]
    assert waiting["left"] >= len(waiting["items"]) > 5
    first, told = waiting["items"][0], listed[0]
    assert first["proposed"] == told["genres"]
    assert first["confidence"] == pytest.approx(told["confidence"], abs=1e-6)
    assert first["folder"] == Path(told["path"]).parent.name
    assert not any("/" in str(value) for value in first.values() if isinstance(value, str))
    assert {"Blues", "Hip-Hop"} <= set(waiting["choices"])
    assert (waiting["answered"], waiting["can_undo"]) == (0, False)


def test_some_are_given_and_all_are_counted(shelf: Shelf) -> None:
    few = shelf.waiting(2)
    assert len(few["items"]) == 2
    assert few["left"] == shelf.waiting(200)["left"]


def test_answers_are_kept_and_taken_back_in_turn(shelf: Shelf, db: Path) -> None:
    one, two, three = (item["id"] for item in shelf.waiting(4)["items"][1:])
    left = shelf.waiting(1)["left"]
    shelf.answer(two, "changed", ["Chanson", "Pop"])
    shelf.answer(one, "accepted", ["Jazz"])
    shelf.answer(three, "skipped", [])
    assert decided(db, one) == ("accepted", ("Jazz",))
    assert decided(db, two) == ("changed", ("Chanson", "Pop"))
    assert decided(db, three) == ("skipped", ())
    now = shelf.waiting(200)
    assert (now["left"], now["answered"], now["can_undo"]) == (left - 3, 3, True)
    assert not {one, two, three} & {item["id"] for item in now["items"]}
    assert [shelf.undo(), shelf.undo(), shelf.undo()] == [three, one, two]
    assert decided(db, two) is None
    again = shelf.waiting(200)
    assert (again["left"], again["answered"], again["can_undo"]) == (left, 0, False)
    with pytest.raises(Problem) as refused:
        shelf.undo()
    assert refused.value.status == 404


def test_what_was_answered_is_not_answered_once_more(shelf: Shelf, db: Path) -> None:
    row = shelf.waiting(2)["items"][1]["id"]
    Shelf(db).answer(row, "accepted", ["Jazz"])
    with pytest.raises(Problem) as refused:
        shelf.answer(row, "changed", ["Blues"])
    assert refused.value.status == 409
    assert decided(db, row) == ("accepted", ("Jazz",))


def test_a_copy_is_answered_with_its_twin(shelf: Shelf) -> None:
    waiting = shelf.waiting(200)
    assert waiting["items"][0]["name"] == "copy.wav"
    shelf.answer(waiting["items"][0]["id"], "accepted", ["Jazz"])
    now = shelf.waiting(200)
    assert now["left"] == waiting["left"] - 2
    assert not {"copy.wav", SONGS[-1]} & {item["name"] for item in now["items"]}


def test_files_that_went_away_are_not_there(shelf: Shelf, db: Path) -> None:
    row = shelf.waiting(1)["items"][0]["id"]
    assert shelf.file(row).is_file()
    with closing(open_database(db)) as library, library:
        library.execute("UPDATE files SET state = 'missing' WHERE id = ?", (row,))
    for ask in (shelf.file, lambda id_: shelf.answer(id_, "accepted", ["Jazz"])):
        with pytest.raises(Problem) as refused:
            ask(row)
        assert refused.value.status == 404
    with pytest.raises(Problem):
        shelf.file(10**6)


def test_a_library_that_went_away_is_said(shelf: Shelf, db: Path) -> None:
    db.rename(db.with_name("elsewhere"))
    for ask in (shelf.status, lambda: shelf.waiting(3), lambda: shelf.file(1), shelf.undo):
        with pytest.raises(Problem) as refused:
            ask()
        assert refused.value.status == 503
        assert str(db) not in refused.value.detail


def test_what_sounds_alike_is_found_by_the_embedding(shelf: Shelf, heard: Path, db: Path) -> None:
    song = str(heard.parent / SONGS[3])
    with closing(open_database(db)) as library:
        row = find(library, song)
        vector = library.execute(
            "SELECT vector FROM embeddings WHERE audio = (SELECT audio FROM files WHERE id = ?)",
            (row,),
        ).fetchone()["vector"]
    found = shelf.alike(vector, 5)
    how = ("-n", "5", "--no-duplicates", "--json", "--db", str(db))
    told = json.loads(genrewise("similar", song, *how).stdout)
    assert [item["name"] for item in found] == [Path(x["path"]).name for x in told]
    assert found[0]["similarity"] == pytest.approx(told[0]["similarity"], abs=1e-6)
    assert [x["similarity"] for x in found] == sorted(x["similarity"] for x in found)[::-1]
    with pytest.raises(Problem) as refused:
        shelf.alike(np.zeros(3, "<f2").tobytes(), 5)
    assert refused.value.status == 409


# -- the server


@pytest.fixture(scope="module")
def showing(heard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("shown"), "--db", str(heard)) as running:
        yield running


def test_it_tells_how_the_library_stands(showing: Server, heard: Path) -> None:
    assert showing.get("/settings").json["library"] is True
    found = showing.get("/library/status").json
    told = json.loads(genrewise("library", "status", "--json", "--db", str(heard)).stdout)
    assert found == {key: told[key] for key in found}
    assert str(heard.parent) not in showing.get("/library/status").text


def test_files_are_heard_in_parts(showing: Server, heard: Path) -> None:
    item = showing.get("/library/review?limit=1").json["items"][0]
    path = f"/library/files/{item['id']}/audio"
    whole = (heard.parent / item["name"]).read_bytes()
    assert showing.get(path).body == whole
    part = showing.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole[10:20])
    assert part.headers["Content-Type"] == "audio/wav"
    assert part.headers["Cache-Control"] == "no-store"
    assert item["name"] not in part.headers.get("Content-Disposition", "")


def test_a_person_answers_and_takes_back(showing: Server) -> None:
    left = showing.get("/library/review").json["left"]
    row = showing.get("/library/review?limit=2").json["items"][1]["id"]
    said = {"verdict": "changed", "genres": ["  Chanson "]}
    assert showing.post_json(f"/library/review/{row}", said).status == 204
    assert showing.post_json(f"/library/review/{row}", said).status == 409
    now = showing.get("/library/review").json
    assert (now["left"], "Chanson" in json.dumps(now["choices"])) == (left - 1, False)
    assert showing.ask("POST", "/api/v1/library/review/undo").json == {"id": row}
    assert showing.ask("POST", "/api/v1/library/review/undo").status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"verdict": "yes"}, 422),
        ({"verdict": "accepted"}, 422),
        ({"verdict": "accepted", "genres": []}, 422),
        ({"verdict": "accepted", "genres": "Jazz"}, 422),
        ({"verdict": "changed", "genres": [7]}, 422),
        ({"verdict": "changed", "genres": [" "]}, 422),
        ({"verdict": "changed", "genres": ["a\nb"]}, 422),
        ({"verdict": "changed", "genres": ["x" * 101]}, 422),
        ({"verdict": "changed", "genres": ["x"] * 11}, 422),
        ({"verdict": "changed", "genre": ["x"]}, 422),
        (b"[", 400),
    ],
)
def test_answers_that_are_none(showing: Server, body: Any, status: int) -> None:
    row = showing.get("/library/review?limit=1").json["items"][0]["id"]
    reply = showing.post_json(f"/library/review/{row}", body)
    assert reply.status == status
    is_problem(reply)


@pytest.mark.parametrize("id_", ["x", "-1", "1.5", "٣", "9" * 18, "9" * 30, "%00"])
def test_numbers_of_no_file(showing: Server, id_: str) -> None:
    from urllib.parse import quote

    for method, path in (("GET", "files/{}/audio"), ("POST", "review/{}")):
        body = {"verdict": "skipped"} if method == "POST" else None
        address = "/library/" + path.format(quote(id_, safe="%"))
        reply = showing.post_json(address, body, method)
        assert reply.status == 404
        is_problem(reply)


def test_songs_like_one_that_was_dropped(showing: Server, heard: Path) -> None:
    done = showing.classify((heard.parent / SONGS[4]).read_bytes(), "mine.wav")
    assert "embedding" not in done
    found = showing.post_json("/library/similar", {"id": done["id"], "n": 3}).json
    song = str(heard.parent / SONGS[4])
    how = ("-n", "3", "--no-duplicates", "--json", "--db", str(heard))
    told = json.loads(genrewise("similar", song, *how).stdout)
    assert [item["name"] for item in found] == [Path(x["path"]).name for x in told]


def test_songs_like_nothing(showing: Server) -> None:
    silent = showing.classify(b"no music", "x.mp3")["id"]
    for body, status in [
        ({"id": silent}, 409),
        ({"id": "nobody"}, 404),
        ({}, 422),
        ({"id": silent, "n": 0}, 422),
        ({"id": silent, "n": True}, 422),
        ({"id": silent, "m": 1}, 422),
    ]:
        reply = showing.post_json("/library/similar", body)
        assert reply.status == status
        is_problem(reply)


def test_a_server_without_a_library_has_none(server: Server) -> None:
    for path in ("status", "review", "files/1/audio"):
        assert server.get(f"/library/{path}").status == 404
    assert server.post_json("/library/similar", {"id": "x"}).status == 404


def test_what_is_no_library_is_refused_at_the_start(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("Dear all")
    command = [sys.executable, "-m", "genrewise", "serve", "--no-browser", "--db", str(other)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert "library of genrewise" in run.stderr


def test_the_music_is_untouched(heard: Path) -> None:
    for i, name in enumerate(SONGS):
        assert (heard.parent / name).read_bytes() == wav(music(3.0, seed=i))
