"""The benchmark of ``similar``: it measures what it says, and the figures that are kept hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import similar

    yield similar
    for name in ("similar", "common"):
        sys.modules.pop(name, None)


def test_its_library_is_one_and_what_is_found_is_right(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "library.sqlite3"
    vectors = benchmark.library(path, 600)
    assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(
        np.ones(600), abs=2e-3
    )
    assert benchmark.wrong(path, vectors) == 0
    benchmark.command(path)
    assert benchmark.wrong(path, vectors[::-1]) > 40  # it would notice


def test_the_figures_that_are_kept_hold_the_promise() -> None:
    kept = json.loads((ROOT / "benchmarks" / "results" / "similar.json").read_text("utf-8"))
    values = kept["values"]
    assert values["songs"] == 100_000
    assert (values["wrong"], values["queries"]) == (0, 50)
    assert np.median(values["command_seconds"]) <= 2
    assert np.median(values["find_seconds"]) <= 0.1
