"""Files in, answers out: those of the command line, for every format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile
from tests.web.conftest import MODEL, Server, music, wav


def command_line(folder: Path, *names: str, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Records of ``genrewise classify --jsonl``."""
    command = [sys.executable, "-m", "genrewise", "classify", "--model", MODEL, "--jsonl"]
    run = subprocess.run(
        [*command, *options, *names], cwd=folder, capture_output=True, text=True, check=False
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """All but the number of the job and the time it took."""
    given = {k: v for k, v in found.items() if k not in ("id", "elapsed")}
    assert given == {k: v for k, v in expected.items() if k != "elapsed"}
    assert list(given) == [k for k in expected if k != "elapsed"]


def test_a_file_gets_the_answer_of_the_command_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a song.wav").write_bytes(wav(music(5.0)))
    reply = server.upload((tmp_path / "a song.wav").read_bytes(), "a song.wav")
    assert reply.status == 202
    assert reply.json["status"] in ("queued", "running")
    assert reply.headers["Location"] == f"/api/v1/classifications/{reply.json['id']}"
    found = server.wait(reply.json["id"])
    assert found["id"] == reply.json["id"]
    same(found, command_line(tmp_path, "a song.wav", "a song.wav")[0])
    assert server.left() == []


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac", "opus", "ogg"])
def test_formats(server: Server, tmp_path: Path, kind: str) -> None:
    encode(tmp_path / f"a.{kind}", music(4.0))
    found = server.classify((tmp_path / f"a.{kind}").read_bytes(), f"a.{kind}")
    same(found, command_line(tmp_path, f"a.{kind}", f"a.{kind}")[0])
    assert found["status"] == "ok"


def encode(path: Path, y: Any, sr: int = 22050) -> None:
    """Write a file: AAC with FFmpeg's encoder, the rest with libsndfile's."""
    if path.suffix != ".m4a":
        subtype = "OPUS" if path.suffix == ".opus" else None
        rate = 24000 if subtype else sr  # Opus knows few rates
        form = "OGG" if subtype else path.suffix[1:].upper()
        soundfile.write(path, y, rate, format=form, subtype=subtype)
        return
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=sr, layout="mono")
        sound = av.AudioFrame.from_ndarray(y[None, :], format="fltp", layout="mono")
        sound.sample_rate, sound.pts = sr, 0
        fit = av.AudioResampler("fltp", "mono", sr, frame_size=1024)
        for frame in [*fit.resample(sound), *fit.resample(None)]:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
