"""Labelling by ear: songs to clips, clips to labels, labels to a folder, the folder to a model."""

from __future__ import annotations

import csv
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tests.web.conftest import SR, Server, Start, is_problem, music, serving, wav

from genrewise.errors import GenrewiseError
from genrewise.web.clips import Clip, cut_folder, export, folder_name, read_clips, songs
from genrewise.web.labelling import Labelling, beside
from genrewise.web.labels import Labels
from genrewise.web.problems import Problem

ODD = os.fsdecode(b"caf\xe9.wav")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three songs, one that is none, and what is no song."""
    folder = tmp_path / "Meine Musik"
    (folder / "live").mkdir(parents=True)
    (folder / "a.wav").write_bytes(wav(music(7.0, 1)))
    (folder / "live" / "a.wav").write_bytes(wav(music(6.0, 2)))
    (folder / ODD).write_bytes(wav(music(5.0, 3)))
    (folder / "letter.mp3").write_bytes(b"Dear all")
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / ".hidden.wav").write_bytes(wav(music(3.0)))
    return folder


def silent(*_event: Any, **_fields: Any) -> None:
    """A log that nobody reads."""


def work(folder: Path, out: Path | None = None) -> Labelling:
    return Labelling(folder, out or beside(folder), lambda _model: None, silent)


def settled(labelling: Labelling, seconds: float = 60.0) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while labelling.state()["cut"] is not None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return labelling.state()


# -- clips


def test_songs_are_found_in_order(folder: Path) -> None:
    found = [os.path.relpath(path, folder) for path in songs(folder)]
    assert found == ["a.wav", ODD, "letter.mp3", "live/a.wav"]


def test_a_folder_becomes_clips_with_their_songs(folder: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    out = tmp_path / "clips"
    failed = cut_folder(folder, out, 2.0, lambda *step: steps.append(step), lambda: True)
    assert failed == 1
    assert steps == [(done, 4) for done in range(5)]
    clips = read_clips(out)
    assert [(c.track, c.start) for c in clips if c.track.endswith("a")] == [
        *(("a", 0.0), ("a", 2.0), ("a", 4.0)),
        *(("live/a", 0.0), ("live/a", 2.0), ("live/a", 4.0)),
    ]
    assert len(clips) == 8
    whole, _ = soundfile.read(folder / "a.wav", dtype="int16")
    part, sr = soundfile.read(out / clips[1].path, dtype="int16")
    assert sr == SR
    assert np.array_equal(part, whole[2 * SR : 4 * SR])
    assert not out.with_name("clips.part").exists()


def test_what_is_given_up_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    asked = iter([True, True])
    cut_folder(folder, out, 2.0, lambda *_: None, lambda: next(asked, False))
    assert list(tmp_path.glob("clips*")) == []


@pytest.mark.parametrize("content", [[], ["letter.mp3"], ["short.wav"]])
def test_nothing_to_cut_is_said(tmp_path: Path, content: list[str]) -> None:
    folder, out = tmp_path / "songs", tmp_path / "clips"
    folder.mkdir()
    for name in content:
        (folder / name).write_bytes(b"x" if name == "letter.mp3" else wav(music(1.0)))
    with pytest.raises(GenrewiseError, match="expected"):
        cut_folder(folder, out, 2.0, lambda *_: None, lambda: True)
    assert list(tmp_path.glob("clips*")) == []


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    for text in ("a,b\n1,2\n", "path,label,group,track,start,seconds\nx,,g,t,soon,1\n"):
        (tmp_path / "manifest.csv").write_text(text)
        with pytest.raises(GenrewiseError, match="cannot be read"):
            read_clips(tmp_path)


@given(st.text(max_size=60))
def test_any_label_is_a_folders_name(label: str) -> None:
    name = folder_name(label)
    assert name
    assert name not in (".", "..")
    assert not set(name) & set('/\\:*?"<>|')
    assert name == name.strip(" .")


def test_an_export_replaces_the_one_before(tmp_path: Path) -> None:
    clips, out = tmp_path / "clips", tmp_path / "training"
    clips.mkdir()
    for name in ("x_0000.flac", "x_0001.flac"):
        (clips / name).write_bytes(name.encode())
    one, two = (Clip(f"x_000{i}.flac", "x", 8.0 * i, 8.0 * i + 8) for i in range(2))
    export(clips, [(one, "Drum/Bass"), (two, "Jazz")], out)
    assert (out / "Drum_Bass" / "x_0000.flac").read_bytes() == b"x_0000.flac"
    export(clips, [(two, "Soul")], out)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        *("Soul/x_0001.flac", "manifest.csv")
    ]
    (row,) = csv.DictReader((out / "manifest.csv").read_text("utf-8").splitlines())
    assert row == {
        "path": "Soul/x_0001.flac",
        "label": "Soul",
        "group": "x",
        "track": "x",
        "start": "8.000",
        "seconds": "8.000",
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips", "training"]


# -- labels


def test_words_are_kept_and_taken_back_after_a_new_start(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = Labels(path, 4)
    labels.say(0, "Drum & Bass")
    labels.say(1, None)
    labels.say(0, "Jazz")
    labels.say(2, "drum&bass")
    again = Labels(path, 4)
    assert [again.of(n) and again.of(n).label for n in range(4)] == [  # type: ignore[union-attr]
        *("Jazz", None, "Drum & Bass", None)
    ]
    assert again.of(3) is None
    assert again.names == ["Drum & Bass", "Jazz"]
    assert [again.undo(), again.undo()] == [2, 0]
    assert again.of(0).label == "Drum & Bass"  # type: ignore[union-attr]
    last = Labels(path, 4)
    assert [last.undo(), last.undo()] == [1, 0]
    assert not last.can_undo
    with pytest.raises(Problem):
        last.undo()
    assert last.counts() == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None, "undo"]))))
def test_what_is_read_is_what_was_said(words: list[tuple[int, str | None]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.jsonl"
        labels = Labels(path, 4)
        states: list[list[Any]] = [[None] * 4]
        for n, word in words:
            if word == "undo":
                if labels.can_undo:
                    labels.undo()
                    states.pop()
                continue
            labels.say(n, word)
            states.append([*states[-1]])
            states[-1][n] = (word,)
        again = Labels(path, 4)
        for held in (labels, again):
            said = [held.of(n) for n in range(4)]
            assert [s and (s.label,) for s in said] == states[-1]


def test_a_word_that_was_cut_off_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = Labels(path, 2)
    labels.say(0, "Jazz")
    path.write_bytes(path.read_bytes() + b'{"clip": 1, "lab')
    again = Labels(path, 2)
    assert again.of(1) is None
    again.say(1, "Soul")
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        *({"clip": 0, "label": "Jazz"}, {"clip": 1, "label": "Soul"})
    ]


def test_lines_of_others_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('x\n[]\n{"clip": 9, "label": "x"}\n{"clip": 0, "label": 3}\n{"clip": "0"}\n')
    labels = Labels(path, 2)
    assert labels.counts() == {}
    labels.say(0, "Jazz")
    assert Labels(path, 2).of(0).label == "Jazz"  # type: ignore[union-attr]


# -- the work on a folder


def test_from_songs_to_a_folder_to_learn_from(folder: Path) -> None:
    labelling = work(folder)
    assert labelling.state()["total"] == 0
    labelling.cut(2.0)
    with pytest.raises(Problem):
        labelling.cut(2.0)
    state = settled(labelling)
    assert (state["total"], state["unread"], state["problem"]) == (8, 1, "")
    shown = labelling.some(2, 3)
    assert [clip["n"] for clip in shown["clips"]] == [2, 3, 4]
    assert shown["clips"][1]["name"] == "caf?"
    for n in range(4):
        labelling.say(n, "Chords" if n < 3 else "Noise")
    labelling.say(4, None)
    state = labelling.state()
    assert (state["labelled"], state["skipped"], state["counts"]) == (
        4,
        1,
        {"Chords": 3, "Noise": 1},
    )
    found = labelling.export()
    assert found["folder"] == "Meine Musik-labelled/training"
    assert found["labels"] == {"Chords": 3, "Noise": 1}
    again = work(folder)
    assert again.state() == {**state, "exported": found["folder"], "unread": 0}
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [".hidden.wav", "a.wav", "live", ODD, "letter.mp3", "cover.jpg"]
    )


def test_what_lies_among_the_songs_is_refused(folder: Path) -> None:
    with pytest.raises(GenrewiseError, match="lies among the songs"):
        work(folder, folder / "labels")


def test_a_folder_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    labelling = work(folder, tmp_path / "taken" / "below")
    labelling.cut(2.0)
    state = settled(labelling)
    assert state["total"] == 0
    assert state["problem"]
    assert str(tmp_path) not in state["problem"]


def test_two_people_may_label_at_the_same_time(folder: Path) -> None:
    labelling = work(folder)
    labelling.cut(2.0)
    settled(labelling)

    def say(label: str, clips: range) -> None:
        for n in clips:
            labelling.say(n, label)

    threads = [threading.Thread(target=say, args=a) for a in [("x", range(4)), ("y", range(4, 8))]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {"x": 4, "y": 4}
    assert labelling.state()["counts"] == expected == work(folder).state()["counts"]


# -- the server


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on whose folder of songs everything was cut."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "songs").mkdir()
    t = np.arange(8 * SR) / SR
    for i in range(6):
        tone = 0.3 * np.sin(2 * np.pi * 60 * (i + 4) * t)
        noise = 0.1 * np.random.default_rng(i).standard_normal(len(t))
        (folder / "songs" / f"tone {i}.wav").write_bytes(wav(tone.astype(np.float32)))
        (folder / "songs" / f"noise {i}.wav").write_bytes(wav(noise.astype(np.float32)))
    with serving(folder / "s", "--label", str(folder / "songs")) as running:
        reply = running.post_json("/labelling", {"seconds": 4})
        assert reply.status == 202
        assert running.post_json("/labelling", {"seconds": 4}).status == 409
        until = time.monotonic() + 60
        while running.get("/labelling").json["cut"] is not None and time.monotonic() < until:
            time.sleep(0.05)
        yield running


def events(server: Server, path: str) -> list[tuple[str, Any]]:
    """All events of a stream, to its end."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=100)
    connection.request("GET", f"/api/v1{path}")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def test_clips_are_labelled_by_number(studio: Server) -> None:
    state = studio.get("/labelling").json
    assert (state["folder"], state["total"], state["cut"]) == ("songs", 24, None)
    found = studio.get("/labelling/clips?from=20&limit=100").json
    assert [clip["n"] for clip in found["clips"]] == [20, 21, 22, 23]
    clip = studio.post_json("/labelling/clips/3", {"label": " Hum "}, "PUT").json
    assert (clip["n"], clip["label"], clip["skipped"]) == (3, "Hum", False)
    assert studio.post_json("/labelling/clips/4", {"label": None}, "PUT").json["skipped"] is True
    undone = [studio.ask("POST", "/api/v1/labelling/undo").json["n"] for _ in range(2)]
    assert undone == [4, 3]
    assert studio.ask("POST", "/api/v1/labelling/undo").status == 404
    audio = studio.get("/labelling/clips/3/audio", Range="bytes=0-3")
    assert (audio.status, audio.body) == (206, b"fLaC")
    assert audio.headers["Content-Type"] == "audio/flac"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/clips/99", {"label": "x"}, 404),
        ("PUT", "/clips/x", {"label": "x"}, 404),
        ("PUT", "/clips/-1", {"label": "x"}, 404),
        ("PUT", "/clips/0", {}, 422),
        ("PUT", "/clips/0", {"label": ""}, 422),
        ("PUT", "/clips/0", {"label": 3}, 422),
        ("PUT", "/clips/0", {"label": "x" * 61}, 422),
        ("PUT", "/clips/0", {"label": "a\u0000b"}, 422),
        ("PUT", "/clips/0", {"label": "x", "more": 1}, 422),
        ("POST", "", {"seconds": 1}, 422),
        ("POST", "", {"seconds": "8"}, 422),
        ("POST", "", {"seconds": True}, 422),
        ("POST", "/export", None, 409),
        ("POST", "/train", {"quick": "yes"}, 422),
        ("POST", "/train", {}, 409),
        ("GET", "/clips/99/audio", None, 404),
        ("GET", "/clips?from=-1", None, 422),
        ("GET", "/clips?limit=9999", None, 422),
        ("GET", "/train/events", None, 404),
    ],
)
def test_what_is_refused(studio: Server, method: str, path: str, body: Any, status: int) -> None:
    kind = {"Content-Type": "application/json"} if body is not None else {}
    text = json.dumps(body) if body is not None else None
    reply = studio.ask(method, f"/api/v1/labelling{path}", text, kind)
    assert reply.status == status
    is_problem(reply)


def test_pages_of_others_label_nothing(studio: Server) -> None:
    origin = {"Origin": "https://evil.example"}
    reply = studio.post_json("/labelling/clips/0", {"label": "x"}, "PUT", **origin)
    assert reply.status == 403
    assert studio.get("/labelling").json["labelled"] == 0


@pytest.mark.slow
def test_what_was_labelled_is_learnt_and_answers(studio: Server) -> None:
    clips = studio.get("/labelling/clips").json["clips"]
    for clip in clips:
        label = "Hum" if clip["name"].startswith("tone") else "Hiss"
        studio.post_json(f"/labelling/clips/{clip['n']}", {"label": label}, "PUT")
    reply = studio.post_json("/labelling/train", {"quick": True})
    assert (reply.status, reply.json["status"]) == (202, "running")
    assert studio.ask("POST", "/api/v1/labelling/export").status == 409
    found = events(studio, "/labelling/train/events")
    lines = [data["text"] for name, data in found if name == "line"]
    assert any("24 clips of 12 tracks" in line for line in lines)
    assert not any("/" in line and str(studio.folder.parent) in line for line in lines)
    name, last = found[-1]
    assert (name, last["status"], last["model"]) == ("status", "done", "songs")
    assert last["accuracy"] == 1.0
    assert last["interval"][0] <= 1.0
    models = {model["name"]: model for model in studio.get("/models").json}
    assert models["songs"]["labels"] == ["Hiss", "Hum"]
    hiss = 0.1 * np.random.default_rng(99).standard_normal(6 * SR).astype(np.float32)
    answer = studio.classify(wav(hiss), "new.wav", model="songs")
    assert max(answer["probabilities"], key=answer["probabilities"].get) == "Hiss"


@pytest.mark.slow
def test_learning_is_stopped_and_ends_with_the_server(start: Start, tmp_path: Path) -> None:
    songs_ = tmp_path / "songs"
    songs_.mkdir()
    for i in range(4):
        (songs_ / f"{i}.wav").write_bytes(wav(music(4.0, i)))
    server = start("--label", str(songs_))
    server.post_json("/labelling", {"seconds": 2})
    until = time.monotonic() + 60
    while server.get("/labelling").json["cut"] is not None and time.monotonic() < until:
        time.sleep(0.05)
    for n in range(8):
        server.post_json(f"/labelling/clips/{n}", {"label": "ab"[n // 4]}, "PUT")
    assert server.post_json("/labelling/train", {}).status == 202
    assert server.ask("DELETE", "/api/v1/labelling/train").status == 204
    ended = events(server, "/labelling/train/events")[-1][1]
    assert (ended["status"], ended["message"]) == ("failed", "Stopped.")
    assert server.post_json("/labelling/train", {}).status == 202
    began = time.monotonic()
    assert server.stop() in (0, 143, -15)
    assert time.monotonic() - began < 25
    assert not [p for p in Path("/proc").glob("[0-9]*") if _is_training(p, songs_)]


def _is_training(process: Path, folder: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
    except OSError:
        return False
    return b"train" in command and os.fsencode(f"{folder}-labelled") in command


def test_a_server_that_labels_nothing(server: Server) -> None:
    assert server.get("/settings").json["labelling"] is False
    assert server.get("/labelling").status == 404
    assert server.post_json("/labelling", {}).status == 404
