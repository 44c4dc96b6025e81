"""The teacher is asked once about each patch, and what it said is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError
from genrewise.features.frontend import log_mel
from genrewise.input_kinds import BackboneInput, levelled
from genrewise.training.distil.lessons import Excerpt, collect


def song(path: Path, seconds: float, seed: int = 0, sr: int = 16000) -> Path:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sr)) / sr
    y = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 2000) * t) * np.sin(3 * t) ** 2
    y += 0.01 * rng.standard_normal(len(t))
    soundfile.write(path, y.astype(np.float32), sr, subtype="FLOAT")
    return path


@pytest.mark.usefixtures("teacher")
def test_patches_and_answers_are_those_of_the_whole(tmp_path: Path) -> None:
    """Against the log-mel spectrogram of the whole, cut and asked by hand."""
    path = song(tmp_path / "a.wav", 9.0)
    found = collect([Excerpt(str(path))], workers=1)
    spec = BackboneInput("musicnn-msd", ("tags", "penultimate", "pooled"), ("mean",), level=-14.0)
    y, _ = soundfile.read(path, dtype="float32")
    rows = log_mel(y, spec.frontend)
    starts = range(0, len(rows) - 186, 93)
    patches = np.stack([rows[i : i + 187] for i in starts])
    assert found.patches.shape == (len(starts), 187, 96)
    np.testing.assert_allclose(found.patches, levelled(patches, -14.0), atol=5e-3)
    np.testing.assert_allclose(found.answers, spec.run(patches), atol=5e-3)
    assert found.excerpt.tolist() == [0] * len(starts)


@pytest.mark.usefixtures("teacher")
def test_no_more_than_asked_and_evenly_spread(tmp_path: Path) -> None:
    path = song(tmp_path / "a.wav", 30.0)
    everything = collect([Excerpt(str(path))], workers=1)
    few = collect([Excerpt(str(path))], most=3, workers=1)
    places = [0, (len(everything.patches) - 1) // 2, len(everything.patches) - 1]
    np.testing.assert_array_equal(few.patches[[0, 2]], everything.patches[[places[0], places[2]]])
    assert len(few.patches) == 3


@pytest.mark.usefixtures("teacher")
def test_short_audio_fills_a_patch_and_parts_are_parts(tmp_path: Path) -> None:
    path = song(tmp_path / "a.wav", 12.0)
    short = song(tmp_path / "b.wav", 1.0)
    found = collect([Excerpt(str(path), 4.0, 3.5), Excerpt(str(short))], workers=1)
    assert found.excerpt.tolist() == [0, 1]
    rows = found.patches[1].astype(np.float32)
    np.testing.assert_allclose(rows[: 187 - 63], rows[63:187], atol=2e-2)  # repeated each second


def test_what_was_asked_before_is_not_asked_again(tmp_path: Path, teacher: Path) -> None:
    excerpts = [Excerpt(str(song(tmp_path / f"{i}.wav", 4.0, i))) for i in range(3)]
    first = collect(excerpts[:2], workers=1)
    teacher.write_bytes(b"no network any more")
    again = collect(excerpts[:2], workers=1)
    np.testing.assert_array_equal(first.answers, again.answers)
    said: list[int] = []
    with pytest.raises(DatasetError, match="nothing to learn from"):
        collect(excerpts[2:], workers=1, progress=said.append)
    assert said == [1]
    song(tmp_path / "0.wav", 4.0, seed=9)  # another song under its name
    more = collect(excerpts[:2], workers=1)
    assert [name for name, _ in more.failed] == [excerpts[0].file]
    assert set(more.excerpt) == {1}


@pytest.mark.usefixtures("teacher")
def test_files_that_cannot_be_heard_are_named(tmp_path: Path) -> None:
    good = Excerpt(str(song(tmp_path / "a.wav", 4.0)))
    (tmp_path / "empty.wav").write_bytes(b"")
    found = collect([dataclasses.replace(good, file=str(tmp_path / "empty.wav")), good], workers=1)
    assert [name for name, _ in found.failed] == [str(tmp_path / "empty.wav")]
    assert "0 bytes" in found.failed[0][1]
    assert set(found.excerpt) == {1}
    with pytest.raises(DatasetError, match="no excerpt was named"):
        collect([])
