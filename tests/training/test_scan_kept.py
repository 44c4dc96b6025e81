"""Facts of a scan are kept until their file changes, and are the same afterwards."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrewise import engine
from genrewise.training.datasets import Dataset, Item
from genrewise.training.datasets.scan import Facts, scan

SR = 22050


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a é.wav", rng.uniform(-0.5, 0.5, 3 * SR), SR)
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * SR), SR)
    (tmp_path / "bad.mp3").write_bytes(b"words, not music. " * 40)
    names = ("a é.wav", "silent.wav", "bad.mp3")
    items = [Item(name, "x", name, name) for name in names]
    items.append(Item("a é.wav", "x", "a", "a", "", 1.0, 1.5))
    return Dataset("some", str(tmp_path), tuple(items), ("x",))


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    run = engine.run

    def counted(setup: Any, items: Any, **how: Any) -> Any:
        calls.append(len(items))
        return run(setup, items, **how)

    monkeypatch.setattr(engine, "run", counted)
    return calls


def same(a: Facts, b: Facts) -> bool:
    names = [f.name for f in fields(Facts) if f.name != "prints"]
    plain = all(getattr(a, name) == getattr(b, name) for name in names)
    return plain and np.array_equal(a.prints, b.prints)


def test_kept_facts_are_those_that_were_found(
    dataset: Dataset, tmp_path: Path, count: list[int]
) -> None:
    place = tmp_path / "kept"
    plain = scan(dataset, workers=1)
    first = scan(dataset, workers=1, folder=place)
    seen: list[int] = []
    second = scan(dataset, workers=1, folder=place, progress=seen.append)
    assert count == [4, 4, 1]  # what cannot be read is tried again
    assert seen == [4]
    for facts in (first, second):
        assert all(map(same, facts, plain))
    assert second[1].level == -np.inf
    assert second[2].error
    assert second[3].seconds == pytest.approx(1.5, abs=0.01)
    assert second[0].prints.dtype == np.uint32


def test_without_a_folder_nothing_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    scan(dataset, workers=1)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_changed_file_is_looked_at_again(
    dataset: Dataset, tmp_path: Path, count: list[int]
) -> None:
    place = tmp_path / "kept"
    good = dataset.subset([0, 1])
    scan(good, workers=1, folder=place)
    soundfile.write(tmp_path / "silent.wav", np.full(SR, 0.25), SR)
    os.utime(tmp_path / "silent.wav", (2e9, 2e9))
    facts = scan(good, workers=1, folder=place)
    assert count == [2, 1]
    assert facts[1].peak == pytest.approx(0.25, abs=1e-3)
    assert facts[1].seconds == pytest.approx(1.0)


def test_a_file_by_another_name_keeps_its_own(dataset: Dataset, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    scan(dataset.subset([0]), workers=1, folder=place)
    above = Dataset(
        "other", str(tmp_path.parent), (Item(f"{tmp_path.name}/a é.wav", "x", "g", "t"),), ("x",)
    )
    (facts,) = scan(above, workers=1, folder=place)
    assert facts.path == f"{tmp_path.name}/a é.wav"
    assert len(list(place.rglob("*.npz"))) == 1
