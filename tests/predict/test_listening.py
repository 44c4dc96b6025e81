"""Long tracks heard in a few places: the same windows as those pieces alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise.errors import RecipeError
from genrewise.features.frontend import FrontEnd
from genrewise.inputs import Extracted, Input, extract, extract_samples, make_input
from genrewise.windows import Span, WindowRule, spans, spread

SR = 22050
MEL = FrontEnd(sr=16000, n_fft=512, hop_length=256, n_mels=32)
KINDS: dict[str, Input] = {
    "s": make_input({"kind": "statistics"}),
    "m": make_input({"kind": "log-mel", "frontend": MEL.to_json(), "n_frames": 100}),
}
RULE = WindowRule(3.0, 1.5)


def music(seconds: float) -> Any:
    rng = np.random.default_rng(5)
    t = np.arange(round(seconds * SR)) / SR
    y = 0.02 * rng.standard_normal(len(t))
    for frequency in rng.uniform(80, 3000, 6):
        y += 0.1 * np.sin(2 * np.pi * frequency * t) * np.sin(np.pi * rng.uniform(0.1, 3) * t) ** 2
    return y.astype(np.float32)


def alike(a: Extracted, b: Extracted) -> None:
    assert a.windows == b.windows
    np.testing.assert_allclose(a.levels, b.levels, atol=1e-3)
    for name, array in a.arrays.items():
        np.testing.assert_allclose(array, b.arrays[name], rtol=1e-3, atol=2e-3)


def wav(path: Path, y: Any, stated: float | None = None) -> Path:
    """A file; its header promises another length where one is given."""
    soundfile.write(path, y, SR, subtype="FLOAT")
    if stated is not None:
        raw = bytearray(path.read_bytes())
        at = raw.index(b"data") + 4
        raw[at : at + 4] = round(stated * SR * 4).to_bytes(4, "little")
        path.write_bytes(raw)
    return path


@pytest.mark.parametrize("n", [1, 2, 5])
def test_some_windows_are_those_of_the_pieces(tmp_path: Path, n: int) -> None:
    y = music(40.0)
    found = extract(wav(tmp_path / "a.wav", y), KINDS, RULE, listen=n)
    assert (found.seconds, found.stated, found.partial) == (40.0, 40.0, False)
    assert found.windows == spread(40.0, 3.0, n)
    for k, span in enumerate(found.windows):
        piece = y[round(span.start * SR) : round(span.stop * SR)]
        alone = extract_samples(piece, SR, KINDS, RULE)
        assert found.levels[k] == pytest.approx(alone.levels[0], abs=0.2)
        for name, array in alone.arrays.items():
            np.testing.assert_allclose(found.arrays[name][k], array[0], rtol=1e-3, atol=2e-3)


def test_what_is_short_is_heard_whole(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", music(12.0))
    alike(extract(path, KINDS, RULE, listen=4), extract(path, KINDS, RULE))
    assert len(extract(path, KINDS, RULE, listen=3).windows) == 3


def test_parts_of_a_part(tmp_path: Path) -> None:
    y = music(40.0)
    path = wav(tmp_path / "a.wav", y)
    found = extract(path, KINDS, RULE, start=10.0, duration=20.0, listen=2)
    same = extract(wav(tmp_path / "b.wav", y[10 * SR : 30 * SR]), KINDS, RULE, listen=2)
    alike(found, same)
    assert found.windows == (Span(3.5, 6.5), Span(13.5, 16.5))
    rest = extract(path, KINDS, RULE, start=25.0, listen=2)
    assert rest.windows == spread(15.0, 3.0, 2)


def test_a_file_that_ends_early_is_heard_whole(tmp_path: Path) -> None:
    """Most of the places that were chosen are not there."""
    short = wav(tmp_path / "a.wav", music(9.0), stated=60.0)
    found = extract(short, KINDS, RULE, listen=3)
    assert found.windows == spans(9.0, RULE)
    assert found.partial
    assert found.lost == pytest.approx(51.0, abs=0.1)
    most = extract(wav(tmp_path / "b.wav", music(45.0), stated=60.0), KINDS, RULE, listen=3)
    assert most.windows == spread(60.0, 3.0, 3)[:2]
    assert most.partial


def test_silent_places_make_it_hear_the_rest(tmp_path: Path) -> None:
    y = np.zeros(60 * SR, dtype=np.float32)
    y[20 * SR : 24 * SR] = music(4.0)
    found = extract(wav(tmp_path / "a.wav", y), KINDS, RULE, listen=3)
    assert found.windows == spans(60.0, RULE)
    assert found.levels.max() > RULE.silence_db


def test_damage_outside_the_places_is_counted(tmp_path: Path) -> None:
    y = music(40.0)
    y[:SR] = np.nan
    found = extract(wav(tmp_path / "a.wav", y), KINDS, RULE, listen=2)
    assert found.lost == 1.0
    assert found.partial


def test_no_window_to_listen_to(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="0 windows to listen to; expected 1 or more"):
        extract(wav(tmp_path / "a.wav", music(4.0)), KINDS, RULE, listen=0)
