"""Odd files of other projects' test suites against what PyAV alone made of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genrewise.audio import load
from genrewise.errors import AudioError


def seconds_or_line(path: Path) -> tuple[float, bool] | str:
    """Length and whether it is partial, or the message."""
    try:
        audio = load(path, duration=20.0)
    except AudioError as error:
        return str(error)
    assert np.isfinite(audio.y).all(), path.name
    assert len(audio.y) == round(audio.seconds * audio.sr) > 0, path.name
    return audio.seconds, audio.partial


def test_never_less_than_pyav_gave_and_never_more_than_a_line(
    shared_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "odd"
    with (folder / "index.csv").open(newline="") as file:
        known = {row["file"]: float(row["seconds_decoded_max20"]) for row in csv.DictReader(file)}
    refused = 0
    for name, expected in known.items():
        found = seconds_or_line(folder / name)
        if isinstance(found, str):
            refused += 1
            assert found.startswith(f"{folder / name}: "), name
            assert "\n" not in found, name
            assert expected == 0, f"{name}: PyAV gave {expected} s, we said {found}"
        else:
            seconds, partial = found
            assert partial or seconds >= min(expected, 20) - 0.05, name
    assert len(known) > 400
    assert refused <= 120
    assert capfd.readouterr() == ("", "")
