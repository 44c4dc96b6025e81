"""Files are heard once: real files, real workers, and what is kept when something goes wrong."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import time
from array import array
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile

from genrewise import bundle
from genrewise.engine import Outcome
from genrewise.errors import AudioError
from genrewise.inference import Classifier
from genrewise.library.catalogue import Entry, Model, entries, every, register
from genrewise.library.database import transaction
from genrewise.library.listening import Heard, ListenJob, Work, listen
from genrewise.library.scan import Scan, scan

SR = 22050
PATH = bundle.find("small-gtzan-v1")

Hear = Callable[..., list[Outcome]]


def song(path: Path, hz: float = 220.0, seconds: float = 3.0) -> Path:
    """Chords of a few seconds."""
    t = np.arange(round(seconds * SR)) / SR
    y = sum(np.sin(2 * np.pi * f * t) for f in (hz, hz * 1.26, hz * 1.5)) / 6
    soundfile.write(path, (y * (1 + np.sign(t % 0.5 - 0.25))).astype(np.float32), SR)
    return path


def tag(path: Path, **tags: str) -> None:
    file = mutagen.File(path)
    file.update({key: [value] for key, value in tags.items()})
    file.save()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    song(folder / "a.ogg")
    tag(song(folder / "b.flac", 330.0), artist="Ann", album="Blå", genre="Dub", title="Bee")
    return folder


@pytest.fixture
def small(db: sqlite3.Connection) -> Model:
    return register(db, PATH)


@pytest.fixture
def rescan(db: sqlite3.Connection, small: Model, music: Path) -> Callable[[], Scan]:
    def call() -> Scan:
        files = sorted(str(p) for p in music.rglob("*") if p.is_file())
        return scan(db, files, small.id, roots=[str(music)])

    return call


@pytest.fixture
def hear(db: sqlite3.Connection, small: Model, rescan: Callable[[], Scan]) -> Hear:
    """Scan and listen."""

    def call(**limits: Any) -> list[Outcome]:
        return list(listen(db, rescan().work, small, PATH, **{"workers": 1} | limits))

    return call


def by_name(db: sqlite3.Connection, model: Model) -> dict[str, Entry]:
    return {os.path.basename(e.file.path): e for e in every(db, model.id)}  # noqa: PTH119


# ------------------------------------------------------------------ what is kept


def test_what_is_kept_is_what_the_classifier_says(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path
) -> None:
    assert [o.kind for o in hear()] == ["ok", "ok"]
    classifier = Classifier(PATH)
    for name, entry in by_name(db, small).items():
        said = classifier.predict_file(music / name)
        assert entry.answer is not None
        assert entry.answer.genre == said.genre
        assert entry.answer.reason == said.reason
        assert entry.answer.confidence == pytest.approx(said.confidence, abs=1e-6)
        assert entry.answer.probabilities == pytest.approx(said.probabilities, abs=1e-6)
        assert entry.seconds == pytest.approx(3.0, abs=0.01)
        assert entry.answer.more["model"] == "small-gtzan-v1"
        timeline = entry.answer.more["timeline"]
        assert (timeline[0]["start"], timeline[-1]["stop"]) == (0.0, pytest.approx(3.0, abs=0.01))
        row = db.execute(
            "SELECT vector FROM embeddings WHERE audio = ?", (entry.file.audio,)
        ).fetchone()
        kept = np.frombuffer(row["vector"], dtype="<f2").astype(np.float64)
        assert kept @ said.embedding == pytest.approx(1.0, abs=1e-3)


def test_tags_are_kept_beside_it(db: sqlite3.Connection, small: Model, hear: Hear) -> None:
    hear()
    found = by_name(db, small)
    b = found["b.flac"].file
    assert (b.artist, b.album, b.title, b.genres) == ("Ann", "Blå", "Bee", ("Dub",))
    assert b.container
    assert found["a.ogg"].file.genres == ()
    assert b.ours == ()


def test_nothing_to_hear_starts_no_worker(db: sqlite3.Connection, hear: Hear, small: Model) -> None:
    hear()
    broken = Path("/no/such/model.genrewise")
    assert list(listen(db, array("q"), small, broken)) == []


# ------------------------------------------------------------------ heard once


def test_audio_that_is_known_is_not_classified_again(music: Path) -> None:
    work = ListenJob(str(PATH))
    one = work()(Work(1, str(music / "b.flac")))
    assert one.record is not None
    shutil.copy(music / "b.flac", music / "copy.flac")
    tag(music / "copy.flac", genre="Ska")
    again = ListenJob(str(PATH), frozenset({bytes.fromhex(one.hash)}))()
    for name in ("b.flac", "copy.flac"):
        found = again(Work(1, str(music / name)))
        assert (found.hash, found.record) == (one.hash, None)
    assert again(Work(1, str(music / "a.ogg"))).record is not None


def test_a_file_that_another_program_tagged_is_read_and_not_heard(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path
) -> None:
    hear()
    before = db.execute("SELECT * FROM answers ORDER BY audio").fetchall()
    tag(music / "a.ogg", genre="Ska", artist="Bo")
    (outcome,) = hear()
    assert outcome.value.record is None
    after = db.execute("SELECT * FROM answers ORDER BY audio").fetchall()
    assert [tuple(r) for r in after] == [tuple(r) for r in before]
    file = by_name(db, small)["a.ogg"].file
    assert (file.genres, file.artist) == (("Ska",), "Bo")


def test_a_file_that_moved_to_another_disk_brings_along_what_is_known(
    db: sqlite3.Connection, small: Model, hear: Hear, note: Callable[..., None], music: Path
) -> None:
    hear()
    row = by_name(db, small)["a.ogg"].file
    with transaction(db):
        db.execute("UPDATE files SET ours = '[\"Dub\"]' WHERE id = ?", (row.id,))
    note(row.path, "Dub")
    data = (music / "a.ogg").read_bytes()
    (music / "a.ogg").unlink()
    (music / "below").mkdir()
    (music / "below" / "z.ogg").write_bytes(data)  # another inode and another time
    (outcome,) = hear()
    assert outcome.value.record is None
    found = by_name(db, small)
    assert set(found) == {"b.flac", "z.ogg"}
    assert found["z.ogg"].file.ours == ("Dub",)
    written = db.execute("SELECT path FROM writes").fetchone()["path"]
    assert written == os.fsencode(music / "below" / "z.ogg")


def test_a_copy_does_not_take_over_what_lies_on_a_disk_that_is_away(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(music / "a.ogg", disk / "a.ogg")
    found = scan(db, [str(disk / "a.ogg")], small.id)
    list(listen(db, found.work, small, PATH, workers=1))
    with transaction(db):  # as if it had lain on a device of its own
        db.execute("UPDATE files SET inode = '999999:1'")
    shutil.rmtree(disk)
    disk.mkdir()
    hear()
    assert len([e for e in every(db, small.id) if e.file.path.startswith(str(disk))]) == 1


def test_what_a_write_that_was_cut_short_left_is_known_as_ours(
    db: sqlite3.Connection, small: Model, hear: Hear, note: Callable[..., None], music: Path
) -> None:
    hear()
    note(music / "a.ogg", "Jazz", state="begun")
    tag(music / "a.ogg", genre="Jazz")
    hear()
    assert by_name(db, small)["a.ogg"].file.ours == ("Jazz",)
    tag(music / "b.flac", genre="Jazz")
    hear()
    assert by_name(db, small)["b.flac"].file.ours == ()


# ------------------------------------------------------------------ what goes wrong


def test_failures_are_remembered_with_their_reasons(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path
) -> None:
    (music / "text.mp3").write_text("no music\n" * 99)
    (music / os.fsdecode(b"\xff.wav")).write_bytes(b"")
    assert [o.kind for o in hear()] == ["ok", "ok", "failed", "failed"]
    found = by_name(db, small)
    for name in ("text.mp3", os.fsdecode(b"\xff.wav")):
        file = found[name].file
        assert (file.state, file.audio) == ("failed", None)
        assert file.error
        assert not file.error.startswith("/")
    assert hear() == []


def test_a_file_that_went_away_is_missing(
    db: sqlite3.Connection, small: Model, rescan: Callable[[], Scan], music: Path
) -> None:
    found = rescan()
    (music / "a.ogg").unlink()
    assert [o.kind for o in listen(db, found.work, small, PATH, workers=1)] == ["failed", "ok"]
    assert by_name(db, small)["a.ogg"].file.state == "missing"


def test_a_file_that_changes_while_it_is_read_fails(
    monkeypatch: pytest.MonkeyPatch, music: Path
) -> None:
    work = ListenJob(str(PATH))()
    path = music / "a.ogg"
    from genrewise.library import audio_hash

    def grow(_path: Path) -> str:
        with path.open("ab") as file:
            file.write(b"more")
        return "00" * 32

    monkeypatch.setattr(audio_hash, "audio_hash", grow)
    with pytest.raises(AudioError, match="changed while it was read"):
        work(Work(1, str(path)))


def test_speech_is_not_classified(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path
) -> None:
    tag(music / "b.flac", genre="Audiobook")
    values: list[Heard] = [o.value for o in hear()]
    assert [v.speech for v in values] == [False, True]
    assert values[1].record is None
    file = by_name(db, small)["b.flac"].file
    assert (file.state, file.error) == ("skipped", "speech")
    assert hear() == []


def test_a_file_that_takes_too_long_costs_itself(
    db: sqlite3.Connection, small: Model, hear: Hear
) -> None:
    outcomes = hear(time_limit=lambda work: 0.001 if work.path.endswith("a.ogg") else 60.0)
    assert [o.kind for o in outcomes] == ["timeout", "ok"]
    found = by_name(db, small)
    assert found["a.ogg"].file.state == "failed"
    assert "no answer within" in found["a.ogg"].file.error
    assert found["b.flac"].answer is not None


def test_whatever_ends_it_what_was_heard_is_kept(
    db: sqlite3.Connection, small: Model, rescan: Callable[[], Scan], music: Path
) -> None:
    for i in range(4):
        song(music / f"c{i}.ogg", 100.0 + 50 * i)
    found = rescan()
    with closing(listen(db, found.work, small, PATH, workers=1)) as outcomes:  # type: ignore[type-var]
        next(outcomes)
        next(outcomes)
    assert db.execute("SELECT count(*) FROM answers").fetchone()[0] == 2
    again = rescan()
    assert len(again.work) == 4
    assert [o.value.record is not None for o in listen(db, again.work, small, PATH)] == [True] * 4


def test_it_is_written_down_while_it_goes_on(
    db: sqlite3.Connection, small: Model, rescan: Callable[[], Scan], music: Path, tmp_path: Path
) -> None:
    for i in range(40):
        song(music / f"c{i:02}.wav", 100.0 + 10 * i, 0.5)
    found = rescan()
    reader = sqlite3.connect(f"file:{tmp_path / 'library.sqlite3'}?mode=ro", uri=True)
    seen, slowest = set(), 0.0
    with closing(reader):
        for _ in listen(db, found.work, small, PATH, workers=1):
            began = time.perf_counter()
            seen.add(reader.execute("SELECT count(*) FROM answers").fetchone()[0])
            slowest = max(slowest, time.perf_counter() - began)
    assert 16 in seen
    assert 32 in seen
    assert slowest < 5  # it never waits for the writer


def test_stretches_of_one_genre_are_one(
    db: sqlite3.Connection, small: Model, hear: Hear, music: Path
) -> None:
    song(music / "long.ogg", seconds=40.0)
    hear()
    answer = by_name(db, small)["long.ogg"].answer
    assert answer is not None
    timeline = answer.more["timeline"]
    assert all(
        (one["genre"], one["stop"]) != (other["genre"], other["start"])
        for one, other in itertools.pairwise(timeline)
    )
    cells = Classifier(PATH).predict_file(music / "long.ogg").timeline
    assert len(timeline) < len(cells)
    seconds = sum(c["stop"] - c["start"] for c in timeline)
    assert seconds == pytest.approx(sum(c.stop - c.start for c in cells))
    weighted = sum(c["confidence"] * (c["stop"] - c["start"]) for c in timeline) / seconds
    expected = sum(c.confidence * (c.stop - c.start) for c in cells) / seconds
    assert weighted == pytest.approx(expected, abs=1e-3)


def test_entries_are_found_by_their_rows(
    db: sqlite3.Connection, small: Model, rescan: Callable[[], Scan], hear: Hear
) -> None:
    hear()
    found = rescan()
    assert [e.file.path for e in entries(db, found.scope, small.id)] == sorted(
        e.file.path for e in every(db, small.id)
    )
