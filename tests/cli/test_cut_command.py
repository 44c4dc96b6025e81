"""``genrewise cut`` as a user types it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

GENREWISE = [sys.executable, "-m", "genrewise", "cut"]


def run(*args: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [*GENREWISE, *map(str, args)], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def song(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    y = np.sin(np.arange(round(seconds * 8_000)) / 9).astype(np.float32) / 2
    soundfile.write(path, np.stack([y, y], axis=1), 8_000)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    song(folder / "jazz" / "a.wav", 20)
    song(folder / "jazz" / "b.flac", 9)
    song(folder / "rock" / "live" / "c.wav", 17)
    return folder


def listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    assert run(music, "-o", out, "--length", "8") == (
        0,
        f"5 clips of 3 tracks in {out}\n",
        "",
    )
    rows = listed(out)
    assert [r["path"] for r in rows] == [
        "jazz/a_0000.wav",
        "jazz/a_0001.wav",
        "jazz/b_0000.wav",
        "rock/live/c_0000.wav",
        "rock/live/c_0001.wav",
    ]
    assert [r["label"] for r in rows] == ["jazz"] * 3 + ["rock"] * 2
    assert [r["group"] for r in rows] == ["jazz/a"] * 2 + ["jazz/b"] + ["rock/live/c"] * 2
    for row in rows:
        info = soundfile.info(out / row["path"])
        assert (info.frames, info.channels, info.subtype) == (64_000, 1, "PCM_16")


def test_hop_tail_format_and_rate(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    code, told, _ = run(
        *(music / "jazz" / "a.wav", "-o", out, "--length", "0:08", "--hop", "5"),
        *("--tail", "keep", "--format", "flac", "--sr", "4000"),
    )
    assert (code, told) == (0, f"4 clips of 1 tracks in {out}\n")
    rows = listed(out)
    assert [(r["path"], r["start"], r["seconds"]) for r in rows] == [
        ("a_0000.flac", "0.000", "8.000"),
        ("a_0001.flac", "5.000", "8.000"),
        ("a_0002.flac", "10.000", "8.000"),
        ("a_0003.flac", "15.000", "5.000"),
    ]
    assert soundfile.info(out / "a_0000.flac").samplerate == 4_000


def test_what_fails_and_what_is_passed_over(music: Path, tmp_path: Path) -> None:
    (music / "jazz" / "bad.mp3").write_bytes(b"no audio")
    (music / "jazz" / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    song(music / "jazz" / "short.wav", 2)
    out = tmp_path / "clips"
    code, told, said = run(music, tmp_path / "gone.mp3", "-o", out)
    assert code == 1
    assert told == f"5 clips of 6 tracks in {out}, 1 shorter than a clip, 2 failed\n"
    assert f"{music}/jazz/bad.mp3: text; expected an audio file\n" in said
    assert f"{tmp_path}/gone.mp3: no such file or folder\n" in said
    assert "passed over 1 files that are no audio\n" in said


def test_a_damaged_track_is_named(music: Path, tmp_path: Path) -> None:
    path = music / "jazz" / "a.wav"
    path.write_bytes(path.read_bytes()[:400_000])
    code, told, said = run(path, "-o", tmp_path / "clips", "--length", "4")
    assert (code, told.endswith(", 1 partial\n")) == (0, True)
    assert said == f"{path}: partial, 7.5 s could not be decoded\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["music"], "Missing option '-o'"),
        (["-o", "x"], "Missing argument 'PATHS...'"),
        (["music", "-o", "music/clips"], "lies in music, which is read"),
        (["music", "-o", "music"], "lies in music, which is read"),
        (["music", "-o", "x", "--length", "0"], "clips of 0 s"),
        (["music", "-o", "x", "--length", "eight"], "expected a time"),
        (["music", "-o", "x", "--tail", "pad"], "'pad' is not one of"),
        (["music", "-o", "x", "--format", "mp3"], "'mp3' is not one of"),
        (["music", "-o", "full"], "full/manifest.csv: there already"),
        (["music", "-o", "full/manifest.csv"], "expected a writable folder"),
    ],
)
def test_wrong_use(music: Path, tmp_path: Path, args: list[str], said: str) -> None:
    assert music.is_dir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "manifest.csv").write_text("path\n")
    code, told, errors = run(*args, cwd=tmp_path)
    assert (code, told) == (2, "")
    assert said in errors
    assert not (tmp_path / "x").exists()


def test_cutting_real_music_keeps_what_its_manifest_says(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "gtzan"
    (source / "blues").mkdir(parents=True)
    with (shared_data / "gtzan" / "manifest.csv").open(newline="") as file:
        known = [row for row in csv.DictReader(file) if row["path"].startswith("blues/")][:2]
        header = list(known[0])
    with (source / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(known)
    for row in known:
        (source / row["path"]).symlink_to(shared_data / "gtzan" / row["path"])
    code, told, _ = run(source, "-o", tmp_path / "out", "--length", "10")
    assert (code, told) == (0, f"6 clips of 2 tracks in {tmp_path}/out\n")
    rows = listed(tmp_path / "out")
    assert {(r["group"], r["split"], r["track"]) for r in rows} == {
        (k["group"], k["split"], k["track"]) for k in known
    }
