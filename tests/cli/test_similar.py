"""``genrewise similar`` and ``genrewise duplicates``: processes over a library of real files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile

Run = Callable[..., subprocess.CompletedProcess[str]]


def sound(path: Path, hz: float, **tags: str) -> Path:
    t = np.arange(3 * 22050) / 22050
    y = sum(np.sin(2 * np.pi * f * t) for f in (hz, hz * 1.26)) / 4 * (1 + np.sign(t % 0.4 - 0.2))
    soundfile.write(path, y.astype(np.float32), 22050)
    file = mutagen.File(path, easy=True)
    file.update({key: [value] for key, value in tags.items()})
    file.save()
    return path


@pytest.fixture
def collection(in_library: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four songs, one of them twice, that the small model has heard."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "Müsik"
    folder.mkdir()
    for i in range(4):
        sound(folder / f"{i}.flac", 150.0 * (i + 1), artist="Ann" if i < 2 else "Bo", title=f"T{i}")
    shutil.copy(folder / "2.flac", folder / "copy.flac")
    sound(folder / "2.flac", 450.0, artist="Cy", title="T2", genre="Dub")
    assert in_library("tag", "--model", "small-gtzan-v1", folder).returncode == 0
    return folder


def found(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = json.loads(done.stdout)
    return records


def names(records: list[dict[str, Any]]) -> list[str]:
    return [os.path.basename(r["path"]) for r in records]  # noqa: PTH119


# ------------------------------------------------------------------ similar


def test_the_nearest_first(in_library: Run, collection: Path) -> None:
    records = found(in_library("similar", "Müsik/copy.flac", "--json"))
    assert len(records) == 4
    first = records[0]
    assert list(first) == ["path", "similarity", "genre", "artist", "album", "title", "seconds"]
    assert first["path"] == str(collection / "2.flac")
    assert first["similarity"] == pytest.approx(1.0, abs=1e-3)
    assert (first["genre"], first["artist"], first["title"]) == ("Dub", "Cy", "T2")
    assert first["seconds"] == pytest.approx(3.0, abs=0.1)
    similarities = [r["similarity"] for r in records]
    assert similarities == sorted(similarities, reverse=True)


def test_the_table_says_the_same(in_library: Run, collection: Path) -> None:
    records = found(in_library("similar", "Müsik/0.flac", "--json", "-n", "2"))
    done = in_library("similar", "Müsik/0.flac", "-n", "2")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["alike", "genre", "length", "file"]
    for line, record in zip(lines, records, strict=True):
        assert line.split()[0] == f"{record['similarity']:.3f}"
        assert line.endswith(f"0:03.0  Müsik/{os.path.basename(record['path'])}")  # noqa: PTH119
    assert collection.is_dir()


@pytest.mark.usefixtures("collection")
def test_filters(in_library: Run) -> None:
    song = "Müsik/copy.flac"
    assert names(found(in_library("similar", song, "--json", "--no-duplicates")))[0] != "2.flac"
    others = found(in_library("similar", song, "--json", "--not-same-artist"))
    assert {r["artist"] for r in others} == {"Ann", "Cy"}
    assert names(found(in_library("similar", song, "--json", "--genre", "dub"))) == ["2.flac"]
    done = in_library("similar", song, "--genre", "polka")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "nothing is left to compare it with\n"


def test_a_song_from_elsewhere(in_library: Run, collection: Path, tmp_path: Path) -> None:
    song = shutil.move(collection / "3.flac", tmp_path / "elsewhere.flac")
    records = found(in_library("similar", song, "--json"))
    assert records[0]["path"] == str(collection / "3.flac")  # the library has not noticed
    assert records[0]["similarity"] == pytest.approx(1.0, abs=1e-3)
    in_library("tag", "--model", "small-gtzan-v1", collection)
    assert "3.flac" not in names(found(in_library("similar", song, "--json")))


def test_lists_for_players(in_library: Run, collection: Path, tmp_path: Path) -> None:
    args = ("-n", "2", "--playlist", "out.m3u8", "--csv", "out.csv")
    done = in_library("similar", "Müsik/copy.flac", *args)
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["2 songs in out.m3u8", "2 songs in out.csv"]
    lines = (tmp_path / "out.m3u8").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXTINF:3,Cy - T2", "Müsik/2.flac"]
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [
        str(collection / Path(line).name) for line in lines[2::2]
    ]
    assert in_library("similar", "Müsik/0.flac", "--playlist", "out.txt").returncode == 2


def test_what_cannot_be_compared(in_library: Run, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    assert "no such library" in in_library("similar", "x.mp3").stderr
    in_library("tag", ".")  # which makes an empty one
    done = in_library("similar", "x.mp3")
    assert done.returncode == 2
    assert "no model has answered" in done.stderr


@pytest.mark.usefixtures("songs")
def test_a_model_without_embeddings(in_library: Run) -> None:
    in_library("tag", "m")
    done = in_library("similar", "m/z.ogg")
    assert done.returncode == 2
    assert "tiny: a model without embeddings" in done.stderr


@pytest.mark.usefixtures("collection")
def test_a_song_that_is_none(in_library: Run, tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no music " * 99)
    done = in_library("similar", "text.mp3")
    assert done.returncode in (1, 2)
    assert "text.mp3" in done.stderr
    assert in_library("similar", "none.mp3").stderr.startswith("Error: none.mp3: no such file")


# ------------------------------------------------------------------ duplicates


def test_duplicates(in_library: Run, collection: Path) -> None:
    sound(collection / "1 again.wav", 300.0)
    in_library("tag", "--model", "small-gtzan-v1", collection)
    groups = found(in_library("duplicates", "--json"))
    assert groups[0]["kind"] == "same audio"
    assert groups[0]["similarity"] == 1.0
    assert names(groups[0]["files"]) == ["2.flac", "copy.flac"]
    assert list(groups[0]["files"][0]) == [
        "path", "bytes", "seconds", "format", "artist", "title",
    ]  # fmt: skip
    alike = [set(names(group["files"])) for group in groups if group["kind"] == "alike"]
    assert {"1.flac", "1 again.wav"} in alike


@pytest.mark.usefixtures("collection")
def test_the_same_audio_only(in_library: Run) -> None:
    done = in_library("duplicates", "--same-audio")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["kind", "alike", "length", "size", "file"]
    assert lines[1].startswith("same audio  1.000    0:03.0")
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [
        "Müsik/2.flac", "Müsik/copy.flac",
    ]  # fmt: skip
    assert done.stderr == "1 group: same audio\n"


def test_nothing_is_there_twice(in_library: Run, collection: Path) -> None:
    (collection / "copy.flac").unlink()
    in_library("tag", "--model", "small-gtzan-v1", collection)
    done = in_library("duplicates", "--same-audio")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no song is there twice\n"
    assert found(in_library("duplicates", "--same-audio", "--json")) == []
