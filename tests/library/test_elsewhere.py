"""Songs of another program's library: its genres count, and ours only remembers what was heard."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from genrewise import bundle, engine
from genrewise.library.catalogue import Model, decide, every, find, register
from genrewise.library.elsewhere import Song, judge
from genrewise.library.policies import Policy, Proposal

SR = 22050
PATH = bundle.find("small-gtzan-v1")
ANY = Policy(min_confidence=0)


def sound(path: Path, hz: float = 220.0) -> Path:
    t = np.arange(3 * SR) / SR
    y = sum(np.sin(2 * np.pi * f * t) for f in (hz, hz * 1.26, hz * 1.5)) / 6
    soundfile.write(path, (y * (1 + np.sign(t % 0.5 - 0.25))).astype(np.float32), SR)
    return path


@pytest.fixture
def small(db: sqlite3.Connection) -> Model:
    return register(db, PATH)


@pytest.fixture
def music(tmp_path: Path) -> list[str]:
    folder = tmp_path / "m"
    folder.mkdir()
    return [str(sound(folder / f"{i}.flac", 150.0 * (i + 1))) for i in range(3)]


def judged(
    db: sqlite3.Connection, model: Model, songs: list[Song], policy: Policy = ANY
) -> list[Proposal]:
    return judge(db, songs, model, PATH, policy, workers=1)


def test_one_answer_a_song_in_their_order(
    db: sqlite3.Connection, small: Model, music: list[str]
) -> None:
    songs = [Song(path) for path in reversed(music)]
    found = judged(db, small, songs)
    heard = {entry.file.path: entry.answer for entry in every(db, small.id)}
    for song, proposal in zip(songs, found, strict=True):
        answer = heard[song.path]
        assert answer is not None
        best = max(answer.probabilities, key=answer.probabilities.__getitem__)
        assert (proposal.state, proposal.genres) == ("proposed", (best,))
        assert proposal.confidence == pytest.approx(answer.probabilities[best])


def test_the_genres_are_those_of_the_other_program(
    db: sqlite3.Connection, small: Model, music: list[str]
) -> None:
    file = mutagen.File(music[0])
    file["genre"] = ["Dub"]
    file.save()
    first, second = judged(db, small, [Song(music[0]), Song(music[1], ("Ska",))])
    assert first.state == "proposed"  # whatever the tags of the file say
    assert (second.state, second.genres) == ("kept", ("Ska",))
    (more,) = judged(db, small, [Song(music[1], ("Ska",))], Policy(0, existing="append"))
    assert more.genres[0] == "Ska"
    assert len(more.genres) == 2
    stored = {entry.file.path: entry.file.genres for entry in every(db, small.id)}
    assert stored[music[0]] == ("Dub",)


def test_what_was_heard_is_not_heard_again(
    db: sqlite3.Connection, small: Model, music: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = [Song(path) for path in music]
    before = judged(db, small, songs)
    monkeypatch.setattr(engine, "run", None)  # a worker would end the test
    assert judged(db, small, songs) == before


def test_albums_are_the_other_program_s(
    db: sqlite3.Connection, small: Model, music: list[str]
) -> None:
    policy = Policy(min_confidence=0, album=True)
    together = judged(db, small, [Song(path, album=7) for path in music], policy)
    assert len({proposal.genres for proposal in together}) == 1
    alone = judged(db, small, [Song(path) for path in music], policy)
    assert [p.confidence for p in alone] == [p.confidence for p in judged(
        db, small, [Song(path) for path in music]
    )]  # fmt: skip


def test_what_cannot_be_read_costs_itself_only(
    db: sqlite3.Connection, small: Model, music: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.mp3").write_text("no music\n" * 100)
    gone, text, folder, good = judged(
        db,
        small,
        [Song("/none.flac"), Song(str(tmp_path / "text.mp3")), Song(str(tmp_path)), Song(music[0])],
    )
    assert gone == Proposal("failed", reason="no such file or directory")
    assert text.state == "failed"
    assert text.reason
    assert folder.reason == "not a file"
    assert good.state == "proposed"
    Path(music[0]).unlink()  # known by now, and yet gone
    assert judged(db, small, [Song(music[0])]) == [gone]
    assert judged(db, small, []) == []


def test_review_is_told_and_outweighs_the_model(
    db: sqlite3.Connection, small: Model, music: list[str]
) -> None:
    unsure = Policy(min_confidence=1.0)
    (found,) = judged(db, small, [Song(music[0])], unsure)
    assert found.state == "review"
    (entry,) = every(db, small.id, ["review"])
    assert (entry.file.path, entry.file.error) == (music[0], found.reason)
    assert entry.file.audio is not None
    decide(db, [(entry.file.audio, "changed", ["Hum"])])
    (said,) = judged(db, small, [Song(music[0])], unsure)
    assert (said.state, said.genres, said.confidence) == ("proposed", ("Hum",), 1.0)


def test_kinds_of_files_that_we_do_not_write(
    db: sqlite3.Connection, small: Model, music: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    y, _ = soundfile.read(music[0])
    soundfile.write(path, y, SR, format="RF64")
    (found,) = judged(db, small, [Song(str(path))])
    assert found.state == "proposed"


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_of_any_bytes_and_links(
    db: sqlite3.Connection, small: Model, music: list[str], tmp_path: Path
) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.flac")
    Path(music[0]).rename(odd)
    link = tmp_path / "link.flac"
    link.symlink_to(odd)
    one, other = judged(db, small, [Song(odd), Song(str(link))])
    assert one.state == other.state == "proposed"
    assert one.genres == other.genres
    assert find(db, odd) == find(db, link)
