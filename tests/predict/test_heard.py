"""Listening in while a file is decoded, and refusing what is too long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise.audio import Stream, load
from genrewise.errors import AudioError
from genrewise.inputs import extract, make_input
from genrewise.windows import WindowRule

SR = 22050
RULE = WindowRule(3.0, 3.0)
INPUTS = {"s": make_input({"kind": "statistics"})}


class Ear:
    """Keeps what it is told of."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.blocks: list[list[Any]] = []

    def __call__(self, stream: Stream, y: Any) -> None:
        if not self.streams or self.streams[-1] is not stream:
            self.streams.append(stream)
            self.blocks.append([])
        self.blocks[-1].append(y.copy())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    y = (0.3 * rng.standard_normal(25 * SR)).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", y, SR)
    return tmp_path / "a.flac"


@pytest.mark.parametrize("listen", [None, 2])
def test_every_sample_is_heard_once_and_in_order(path: Path, listen: int | None) -> None:
    ear = Ear()
    found = extract(path, INPUTS, RULE, listen=listen, heard=ear)
    assert len(ear.streams) == 1
    np.testing.assert_array_equal(np.concatenate(ear.blocks[0]), load(path).y)
    assert ear.streams[0].seconds == pytest.approx(found.seconds)


def test_listening_in_changes_nothing(path: Path) -> None:
    alone, overheard = extract(path, INPUTS, RULE), extract(path, INPUTS, RULE, heard=Ear())
    np.testing.assert_array_equal(alone.arrays["s"], overheard.arrays["s"])
    assert alone.windows == overheard.windows


def test_a_part_is_heard_as_a_part(path: Path) -> None:
    ear = Ear()
    extract(path, INPUTS, RULE, start=5.0, duration=4.0, heard=ear)
    assert sum(map(len, ear.blocks[0])) == 4 * SR


def test_decoding_again_is_another_stream(tmp_path: Path) -> None:
    """All chosen places are silent, so everything is listened to."""
    y = np.zeros(40 * SR, dtype=np.float32)
    y[5 * SR : 6 * SR] = 0.5
    soundfile.write(tmp_path / "a.wav", y, SR)
    ear = Ear()
    extract(tmp_path / "a.wav", INPUTS, RULE, listen=1, heard=ear)
    assert len(ear.streams) == 2
    assert [sum(map(len, blocks)) for blocks in ear.blocks] == [40 * SR, 40 * SR]


@pytest.mark.parametrize("listen", [None, 2])
def test_what_is_too_long_is_refused(path: Path, listen: int | None) -> None:
    with pytest.raises(AudioError, match=r"a\.flac: too long; expected at the most 20 s of audio"):
        extract(path, INPUTS, RULE, listen=listen, max_seconds=20.0)
    assert extract(path, INPUTS, RULE, listen=listen, max_seconds=25.0).seconds == 25.0


def test_a_part_of_what_is_too_long_is_taken(path: Path) -> None:
    found = extract(path, INPUTS, RULE, start=10.0, duration=6.0, max_seconds=20.0)
    assert found.seconds == 6.0


def test_what_is_too_long_is_not_decoded_to_its_end(tmp_path: Path) -> None:
    """An hour of silence in a few bytes costs what the limit costs."""
    soundfile.write(tmp_path / "a.flac", np.zeros(3600 * 8000, dtype=np.int16), 8000)
    assert (tmp_path / "a.flac").stat().st_size < 200_000
    ear = Ear()
    with pytest.raises(AudioError, match="too long"):
        extract(tmp_path / "a.flac", INPUTS, RULE, max_seconds=60.0, heard=ear)
    assert sum(map(len, ear.blocks[0])) <= 60 * 8000
