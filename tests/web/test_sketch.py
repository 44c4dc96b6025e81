"""Outline and spectrogram: right, small, the same however the samples come."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.web.sketch import COLUMNS, PEAKS, Cells, Sketch, _mean, _outer

SR = 22050


def drawn(y: Any, sr: int = SR, cuts: list[int] | None = None) -> dict[str, Any]:
    sketch = Sketch(sr)
    for part in np.split(np.asarray(y, dtype=np.float32), sorted(cuts or [])):
        sketch.add(part)
    return sketch.values()


def pixels(values: dict[str, Any]) -> Any:
    """The grey levels of a PNG that was written without filters."""
    head, _, data = values["mel"]["png"].partition(",")
    assert head == "data:image/png;base64"
    raw = base64.b64decode(data)
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(raw[i : i + 4], "big") for i in (16, 20))
    at = raw.index(b"IDAT")
    size = int.from_bytes(raw[at - 4 : at], "big")
    rows = np.frombuffer(zlib.decompress(raw[at + 4 : at + 4 + size]), dtype=np.uint8)
    return rows.reshape(height, width + 1)[:, 1:]


@given(st.lists(st.integers(0, 300), max_size=12), st.sampled_from([2, 8, 20]))
def test_cells_hold_every_row_once(lengths: list[int], most: int) -> None:
    cells = Cells(most, _outer)
    values = np.arange(sum(lengths), dtype=np.float32)
    rows = np.stack([values, values], axis=1)
    for part in np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []:
        cells.add(part)
    found = cells.all()
    assert len(found) <= most
    if len(values):
        starts = np.arange(len(found)) * cells.size
        np.testing.assert_array_equal(found[:, 0], starts)
        np.testing.assert_array_equal(found[:, 1], [*(starts[1:] - 1), len(values) - 1])


def test_cells_of_means() -> None:
    cells = Cells(4, _mean)
    cells.add(np.arange(16, dtype=np.float32)[:, None])
    np.testing.assert_allclose(cells.all()[:, 0], [3.5, 11.5])
    assert cells.size == 8


@pytest.mark.parametrize("seconds", [0.0001, 0.01, 0.5, 7.3, 95.0])
def test_the_outline_holds_least_and_largest(seconds: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.uniform(-0.8, 0.8, max(1, round(seconds * SR))).astype(np.float32)
    y[len(y) // 3] = 0.95
    found = drawn(y)
    peaks = np.array(found["peaks"])
    assert 1 <= len(peaks) <= PEAKS + 1
    assert found["seconds"] == pytest.approx(len(y) / SR)
    assert peaks.min() == pytest.approx(y.min(), abs=6e-4)
    assert peaks.max() == pytest.approx(0.95, abs=6e-4)
    where = peaks[:, 1].argmax() / len(peaks)
    assert where == pytest.approx(1 / 3, abs=0.01 + 1 / len(peaks))


def test_a_rising_tone_rises_in_the_picture() -> None:
    t = np.arange(10 * SR) / SR
    y = 0.5 * np.sin(2 * np.pi * (200 * t + 0.5 * 900 * t**2 / 2))
    image = pixels(drawn(y))
    loudest = image.argmax(axis=0)  # rows from the top
    assert loudest[5] > 60
    assert loudest[-5] < 30
    assert np.all(np.diff(loudest[5:-5].astype(int)) <= 1)


def test_loud_is_white_and_silence_is_black() -> None:
    y = np.zeros(4 * SR, dtype=np.float32)
    y[SR : 2 * SR] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(SR) / SR)
    image = pixels(drawn(y))
    width = image.shape[1]
    assert image.max() == 255
    assert image[:, int(width * 0.3) : int(width * 0.45)].max(axis=0).min() > 240
    assert image[:, int(width * 0.6) :].max() == 0


def test_digital_silence_has_a_picture_too() -> None:
    found = drawn(np.zeros(SR))
    assert found["peaks"][0] == [0.0, 0.0]
    assert pixels(found).shape[0] == 96


@given(st.lists(st.integers(0, 3 * SR), max_size=6))
def test_it_does_not_depend_on_how_the_samples_come(cuts: list[int]) -> None:
    y = np.random.default_rng(1).uniform(-1, 1, 3 * SR)
    whole, parts = drawn(y), drawn(y, cuts=cuts)
    assert parts["peaks"] == whole["peaks"]
    assert parts["mel"] == whole["mel"]


@pytest.mark.parametrize("sr", [1000, 8000, 44100, 192000, 768000])
def test_any_rate(sr: int) -> None:
    t = np.arange(2 * sr) / sr
    found = drawn(0.5 * np.sin(2 * np.pi * sr / 10 * t), sr)
    assert found["seconds"] == 2.0
    assert found["mel"]["seconds"] == pytest.approx(2.0, abs=0.1)
    assert found["mel"]["fmax"] == min(sr / 2, 16000.0)
    image = pixels(found)
    assert image.shape[1] <= COLUMNS


def test_three_hours_are_drawn_in_little_memory_and_few_bytes() -> None:
    sketch = Sketch(8000)
    block = np.random.default_rng(2).uniform(-0.5, 0.5, 80000).astype(np.float32)
    for _ in range(1080):
        sketch.add(block)
    assert sum(map(len, sketch._columns._cells)) <= COLUMNS
    assert len(sketch._tail) < len(block)
    found = sketch.values()
    assert found["seconds"] == 10800.0
    assert found["mel"]["seconds"] == pytest.approx(10800.0, rel=0.01)
    assert len(found["peaks"]) <= PEAKS + 1
    assert COLUMNS / 2 <= pixels(found).shape[1] <= COLUMNS


def test_packed_is_the_same_and_small() -> None:
    y = np.random.default_rng(3).uniform(-1, 1, 30 * SR)
    sketch = Sketch(SR)
    sketch.add(y.astype(np.float32))
    packed = sketch.packed()
    assert len(packed) < 200_000
    assert set(json.loads(gzip.decompress(packed))) == {"seconds", "peaks", "mel"}


def test_samples_beyond_full_scale_stay_in_the_frame() -> None:
    found = drawn(np.full(SR, 30000.0))
    assert np.abs(found["peaks"]).max() == 1.0
