"""The pieces that come along: what the script makes, small, and heard as what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import genrewise
from genrewise.audio import load, probe
from genrewise.bundle import list_models
from genrewise.features.frontend import FrontEnd, log_mel, power_frames
from genrewise.features.rhythm import onset_strength, tempo
from genrewise.features.spectral import spectral_flatness
from genrewise.inference import Classifier
from genrewise.labels import LABEL_SETS
from genrewise.training.datasets.synthesis import SR
from genrewise.training.pieces import PIECES, render

F32 = NDArray[np.float32]

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(genrewise.__file__).parent / "samples"
NAMES = tuple(PIECES)


@lru_cache(maxsize=8)
def shipped(name: str) -> F32:
    return load(FOLDER / f"{name}.ogg", SR).y


@lru_cache(maxsize=2)
def classifier(model: str) -> Classifier:
    entry = next(e for e in list_models() if e.name == model)
    if not entry.available:
        pytest.skip(f"{model} needs {', '.join(entry.needs)}: genrewise models get {model}")
    return Classifier(model)


def about() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "samples.json").read_text("utf-8"))
    return found


def test_the_list_says_what_lies_there() -> None:
    files = sorted(path.name for path in FOLDER.iterdir())
    assert files == sorted([*(row["file"] for row in about()), "samples.json"])
    for row, (name, piece) in zip(about(), PIECES.items(), strict=True):
        assert row == {
            "file": f"{name}.ogg",
            "genre": piece.genre,
            "title": piece.title,
            "made": piece.made,
            "licence": "CC0-1.0",
        }


def test_at_least_four_genres_that_the_models_know() -> None:
    genres = [piece.genre for piece in PIECES.values()]
    assert len(genres) == len(set(genres)) >= 4
    assert set(genres) <= set(LABEL_SETS["gtzan-10"].labels)


def test_they_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("*.ogg")]
    assert max(sizes) <= 250_000
    assert sum(sizes) <= 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_the_files(name: str) -> None:
    path = FOLDER / f"{name}.ogg"
    info, audio = probe(path), load(path)
    assert (info.codec, info.sr, info.channels) == ("vorbis", SR, 1)
    assert 20.0 <= audio.seconds <= 30.0
    assert not audio.partial
    assert 0.5 < np.abs(audio.y).max() < 1.05
    assert abs(float(audio.y.mean())) < 1e-3


@pytest.mark.parametrize("name", ["heel-and-thumb", "worn-groove"])
def test_a_seed_is_a_performance(name: str) -> None:
    """The same one to the last sample; another one is played otherwise."""
    first, again = render(name), render(name)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert np.abs(first).max() == pytest.approx(0.9)
    other = PIECES[name].compose(np.random.default_rng(99))
    assert len(other) == len(first)
    assert np.corrcoef(other, first)[0, 1] < 0.9


@pytest.mark.parametrize("name", NAMES)
def test_the_small_model_hears_what_it_is(name: str) -> None:
    heard = classifier("small-gtzan-v1").predict(shipped(name), SR)
    assert (heard.genre, heard.reason) == (PIECES[name].genre, "")
    assert heard.confidence > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_the_large_model_hears_what_it_is(name: str) -> None:
    heard = classifier("musicnn-gtzan-v1").predict(shipped(name), SR)
    assert (heard.genre, heard.reason) == (PIECES[name].genre, "")
    assert heard.confidence > 0.6


@pytest.mark.parametrize("name", ["heel-and-thumb", "second-chorus"])
def test_it_is_the_notes_that_are_heard_not_the_seed(name: str) -> None:
    y = PIECES[name].compose(np.random.default_rng(11))
    found = classifier("small-gtzan-v1").predict(y, SR).probabilities
    assert max(found, key=lambda label: found[label]) == PIECES[name].genre


def onsets(name: str) -> F32:
    return onset_strength(log_mel(shipped(name), FrontEnd()))


@pytest.mark.parametrize(
    ("name", "bpm"), [("low-string", 143.0), ("second-chorus", 152.0), ("worn-groove", 103.0)]
)
def test_the_beat_is_the_written_one(name: str, bpm: float) -> None:
    """As our own tempo estimate finds it, up to a factor of two."""
    found = tempo(onsets(name), FrontEnd().frame_rate)
    assert min(abs(np.log2(found / bpm * 2.0**k)) for k in (-1, 0, 1)) < 0.07


def test_strings_are_tones_and_metal_is_noise() -> None:
    def flatness(name: str) -> float:
        y = shipped(name)
        frames = np.lib.stride_tricks.sliding_window_view(y, 2048)[::2048]
        return float(np.mean(spectral_flatness(power_frames(frames, FrontEnd()))))

    assert flatness("slow-movement") < 0.2 * flatness("low-string")


def test_drums_hit_and_bows_do_not() -> None:
    bows = np.percentile(onsets("slow-movement"), 98)
    for name in ("heel-and-thumb", "low-string", "worn-groove"):
        assert np.percentile(onsets(name), 98) > 1.5 * bows


def test_the_files_are_what_the_script_writes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "samples.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"{n}.ogg" for n in NAMES]
    assert (tmp_path / "samples.json").read_text() == (FOLDER / "samples.json").read_text()
    for name in NAMES:
        made = load(tmp_path / f"{name}.ogg", SR).y
        assert len(made) == len(shipped(name))
        assert np.corrcoef(made, shipped(name))[0, 1] > 0.99
