"""Files that break decoders, or never end: each costs its own job and nothing else."""

from __future__ import annotations

import csv
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.web.conftest import Server, Start, music, serving, wav


@pytest.fixture(scope="module")
def sturdy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience."""
    folder = tmp_path_factory.mktemp("sturdy")
    limits = ("--max-seconds", "600", "--time-limit", "30", "--memory-limit", "1G")
    with serving(folder, *limits, "--client-jobs", "64", "--client-requests", "100000") as running:
        yield running


def is_clean(found: dict[str, Any], server: Server) -> None:
    """No path, no traceback, one line."""
    text = str(found)
    assert "Traceback" not in text
    assert "internal error" not in text
    assert str(server.folder) not in text
    assert not re.search(r"(?<![\w.])/(?:tmp|work|root|home|usr|proc)\b", text)
    if found["status"] == "failed":
        assert found["error"]
        assert "\n" not in found["error"]
        assert found["genre"] is None


def classify_all(server: Server, files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Answers for many files, a few at a time."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[str] = []
    order: list[str] = []
    for name, content in files:
        while len(waiting) >= 16:
            id_ = waiting.pop(0)
            found[id_] = server.wait(id_)
        reply = server.upload(content, name)
        assert reply.status == 202, (name, reply.body)
        waiting.append(reply.json["id"])
        order.append(reply.json["id"])
    for id_ in waiting:
        found[id_] = server.wait(id_)
    return [found[id_] for id_ in order]


def test_odd_files_of_other_test_suites(sturdy: Server, shared_data: Path) -> None:
    """Every one is answered or refused in a line of its own."""
    with (shared_data / "odd" / "index.csv").open(newline="") as table:
        assert len(list(csv.DictReader(table))) > 400
    paths = sorted(p for p in (shared_data / "odd").iterdir() if p.name != "index.csv")
    chosen = random.Random(0).sample(paths, 160)
    answers = classify_all(sturdy, [(p.name, p.read_bytes()) for p in chosen])
    for path, found in zip(chosen, answers, strict=True):
        assert found["path"] == path.name
        is_clean(found, sturdy)
    status = [found["status"] for found in answers]
    assert status.count("ok") > 20
    assert status.count("failed") > 10
    assert sturdy.left() == []


def broken(count: int) -> list[tuple[str, bytes]]:
    """Files that were good once: cut, overwritten, shuffled, joined, renamed."""
    rng = random.Random(1)
    whole = []
    for form, ending in [("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mp3")]:
        buffer = BytesIO()
        soundfile.write(buffer, music(2.0, seed=len(whole)), 22050, format=form)
        whole.append((ending, buffer.getvalue()))
    made = []
    for i in range(count):
        ending, data = whole[i % len(whole)]
        changed = bytearray(data)
        kind = i // len(whole) % 6
        if kind == 0:
            del changed[rng.randrange(len(changed)) :]
        elif kind == 1:
            for _ in range(rng.randrange(1, 60)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
        elif kind == 2:
            for at in range(min(len(changed), 200)):
                if rng.random() < 0.1:
                    changed[at] = rng.randrange(256)
        elif kind == 3:
            at = rng.randrange(len(changed))
            changed[at : at + 3000] = rng.randbytes(3000)
        elif kind == 4:
            changed = bytearray(rng.randbytes(rng.randrange(1, 5000)))
        else:
            changed = changed[: len(changed) // 2] + bytearray(whole[(i + 1) % 4][1])
        made.append((f"{i}.{ending}", bytes(changed)))
    return made


def test_a_thousand_broken_files(sturdy: Server) -> None:
    files = broken(1000)
    answers = classify_all(sturdy, files)
    for (name, _), found in zip(files, answers, strict=True):
        assert found["path"] == name
        is_clean(found, sturdy)
    assert {found["status"] for found in answers} >= {"failed", "partial"}
    assert sturdy.left() == []
    assert sturdy.classify(wav(music()))["status"] == "ok"


def test_what_is_no_audio(sturdy: Server) -> None:
    files = {
        "empty.mp3": b"",
        "text.mp3": b"to be or not to be\n" * 100,
        "page.html": b"<!doctype html><script>alert(1)</script>",
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(1000),
        "archive.zip": b"PK\x03\x04" + bytes(1000),
        "program": b"\x7fELF" + bytes(1000),
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "hls.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:1/a.ts\n",
        "concat.txt": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "sdp.sdp": b"v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "nul.wav": bytes(10000),
    }
    for name, content in files.items():
        found = sturdy.classify(content, name)
        assert found["status"] == "failed", name
        assert "root:" not in str(found)
        is_clean(found, sturdy)


def test_days_of_silence_in_a_few_bytes(sturdy: Server) -> None:
    """Ten minutes are the limit; the rest is not decoded."""
    buffer = BytesIO()
    with soundfile.SoundFile(
        buffer, "w", samplerate=8000, channels=1, format="FLAC", subtype="PCM_16"
    ) as out:
        hour = np.zeros(3600 * 8000, dtype=np.int16)
        for _ in range(30):
            out.write(hour)
    assert len(buffer.getvalue()) < 5_000_000
    found = sturdy.classify(buffer.getvalue(), "bomb.flac")
    assert found["status"] == "failed"
    assert found["error"] == "too long; expected at the most 600 s of audio"
    assert found["elapsed"] < 25


def test_a_part_of_a_long_file_is_heard(sturdy: Server) -> None:
    buffer = BytesIO()
    soundfile.write(buffer, np.tile(music(10.0), 90), 22050, format="FLAC")
    whole = sturdy.classify(buffer.getvalue(), "long.flac")
    assert whole["error"].startswith("too long")
    part = sturdy.classify(buffer.getvalue(), "long.flac", start="30", duration="20")
    assert (part["status"], part["seconds"]) == ("ok", 20.0)


def workers(server: Server) -> set[int]:
    """Processes that the server started and that listen."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == server.process.pid and b"resource_tracker" not in command:
            found.add(int(entry.name))
    return found


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@linux
def test_a_worker_that_dies_costs_one_file_and_is_replaced(start: Start) -> None:
    server = start("--workers", "1")
    song = wav(music(30.0))
    assert server.classify(song)["status"] == "ok"
    (first,) = workers(server)
    os.kill(first, signal.SIGSTOP)  # it hangs with a file
    id_ = server.upload(song).json["id"]
    next_ = server.upload(song).json["id"]
    while server.get(f"/classifications/{id_}").json["status"] != "running":
        time.sleep(0.02)
    os.kill(first, signal.SIGKILL)
    found = server.wait(id_)
    assert (found["status"], found["cause"]) == ("failed", "crashed")
    assert found["error"] == "the decoder crashed on it (SIGKILL)"
    assert server.wait(next_)["status"] == "ok"
    assert workers(server) != {first}
    assert server.left() == []


@linux
def test_a_worker_that_hangs_is_given_up(start: Start) -> None:
    server = start("--workers", "1", "--time-limit", "2")
    song = wav(music(30.0))
    server.classify(song)
    (first,) = workers(server)
    os.kill(first, signal.SIGSTOP)
    found = server.classify(song)
    assert (found["status"], found["cause"]) == ("failed", "timeout")
    assert server.classify(song)["status"] == "ok"


@linux
def test_an_idle_worker_that_dies_is_replaced_unseen(start: Start) -> None:
    server = start("--workers", "1")
    song = wav(music())
    server.classify(song)
    for pid in workers(server):
        os.kill(pid, signal.SIGKILL)
    assert server.classify(song)["status"] == "ok"


def test_a_model_that_goes_away_fails_files_and_says_so_in_the_log(
    start: Start, tmp_path: Path
) -> None:
    source = Path(__file__).resolve().parents[2] / "src/genrewise/models/small-gtzan-v1.genrewise"
    model = tmp_path / "mine.genrewise"
    model.write_bytes(source.read_bytes())
    server = start("--workers", "1", "--time-limit", "2", model=str(model))
    song = wav(music())
    assert server.classify(song)["status"] == "ok"
    model.unlink()
    for pid in workers(server):
        os.kill(pid, signal.SIGKILL)
    found = server.classify(song)
    assert (found["status"], found["genre"]) == ("failed", None)
    assert found["error"] == "the server could not work on it. Its log says why"
    is_clean(found, server)
    assert "mine.genrewise: no such file" in (server.folder.parent / "stderr").read_text()


@linux
def test_no_worker_outlives_the_server(start: Start) -> None:
    server = start("--workers", "2")
    server.classify(wav(music()))
    before = workers(server)
    assert before
    server.stop(signal.SIGKILL)
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in before) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
