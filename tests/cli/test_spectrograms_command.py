"""``genrewise spectrograms`` as a user types it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from genrewise.cli.spectrograms import PictureJob
from genrewise.cut import Track
from genrewise.errors import AudioError, MissingExtra
from genrewise.features.pictures import picture
from genrewise.training.datasets import read

SR = 16000


def run(*args: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "genrewise", "spectrograms", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def song(path: Path, seconds: float, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    y = np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * SR))
    soundfile.write(path, y.astype(np.float32), SR, subtype="FLOAT")
    return path


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    song(folder / "jazz" / "a.wav", 5, 1)
    song(folder / "jazz" / "b.wav", 1, 2)
    song(folder / "rock" / "live" / "c.wav", 3, 3)
    return folder


def listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_picture_a_track_in_the_folders_of_the_tracks(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    assert run(music, "-o", out) == (0, f"3 pictures of 3 tracks in {out}\n", "")
    assert [(r["path"], r["label"], r["track"]) for r in listed(out)] == [
        ("jazz/a.png", "jazz", "jazz/a"),
        ("jazz/b.png", "jazz", "jazz/b"),
        ("rock/live/c.png", "rock", "rock/live/c"),
    ]
    with Image.open(out / "jazz" / "a.png") as image:
        assert (image.mode, image.size) == ("L", (128, 128))
        y, _ = soundfile.read(music / "jazz" / "a.wav", dtype="float32")
        np.testing.assert_array_equal(np.asarray(image), picture(y, SR))


@pytest.mark.parametrize(("kind", "mode"), [("mel", "L"), ("colour", "RGB")])
def test_clips_kinds_and_sizes(music: Path, tmp_path: Path, kind: str, mode: str) -> None:
    out = tmp_path / "pictures"
    code, told, _ = run(music, "-o", out, "--clip", "2", "--kind", kind, "--size", "60x40")
    assert (code, told) == (0, f"3 pictures of 3 tracks in {out}, 1 shorter than a clip\n")
    assert [(r["path"], r["start"], r["seconds"], r["group"]) for r in listed(out)] == [
        ("jazz/a_0000.png", "0.000", "2.000", "jazz/a"),
        ("jazz/a_0001.png", "2.000", "2.000", "jazz/a"),
        ("rock/live/c_0000.png", "0.000", "2.000", "rock/live/c"),
    ]
    for row in listed(out):
        with Image.open(out / row["path"]) as image:
            assert (image.mode, image.size) == (mode, (60, 40))


def test_pictures_are_a_data_set_that_keeps_tracks_together(music: Path, tmp_path: Path) -> None:
    run(music, "-o", tmp_path / "pictures", "--clip", "1")
    dataset = read(tmp_path / "pictures")
    assert dataset.labels == ("jazz", "rock")
    assert len(dataset.items) == 9
    assert {i.group for i in dataset.items} == {"jazz/a", "jazz/b", "rock/live/c"}


def test_what_fails_is_listed_and_the_rest_goes_on(music: Path, tmp_path: Path) -> None:
    (music / "jazz" / "bad.wav").write_bytes(b"RIFFrubbish")
    song(music / "rock" / "click.wav", 0.01)
    code, told, err = run(music, "-o", tmp_path / "out")
    assert (code, told) == (1, f"3 pictures of 5 tracks in {tmp_path / 'out'}, 2 failed\n")
    lines = err.splitlines()
    assert lines[0].startswith(f"{music}/jazz/bad.wav: ")
    assert lines[1] == (
        f"{music}/rock/click.wav: audio of 160 samples; expected at least 256 for a spectrogram"
    )


@pytest.mark.parametrize("size", ["128", "0x10", "10x5000", "axb", "-1x4"])
def test_sizes_that_are_none_are_refused(music: Path, tmp_path: Path, size: str) -> None:
    code, _, err = run(music, "-o", tmp_path / "out", "--size", size)
    assert code == 2
    assert "expected width x height, 1 to 4096: 128x128" in err
    assert not (tmp_path / "out").exists()


def test_pictures_are_not_written_among_the_music(music: Path) -> None:
    code, _, err = run(music, "-o", music / "pictures")
    assert code == 2
    assert "which is read; expected an output folder elsewhere" in err


def test_a_folder_that_cannot_be_written_is_one_line(music: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "jazz").write_text("in the way")
    job = PictureJob(str(tmp_path / "out"))()
    with pytest.raises(AudioError, match=r"jazz.a\.png: cannot be written"):
        job(Track(str(music / "jazz" / "a.wav"), "jazz/a", {}))


def test_colours_without_matplotlib_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"\[train\]"):
        PictureJob(str(tmp_path), "colour")()
    PictureJob(str(tmp_path), "grey")()
