"""Windows of a data set: the same as extracted one by one, once, and again when they change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from genrewise import engine
from genrewise.errors import DatasetError
from genrewise.inputs import extract, make_input
from genrewise.training.datasets import Dataset, Item
from genrewise.training.store import Table, extract_dataset, select_windows
from genrewise.windows import WindowRule

SPEC = {"timbre": {"kind": "statistics"}}
RULE = WindowRule(2.0, 1.0, "shift", -60.0)
SR = 22050


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    rng = np.random.default_rng(0)
    for i, seconds in enumerate((3.0, 2.0, 4.5)):
        y = rng.uniform(-0.3, 0.3, int(seconds * SR))
        if i == 2:
            y[int(2.2 * SR) :] = 0.0
        soundfile.write(tmp_path / f"{i}.wav", y, SR)
    (tmp_path / "bad.mp3").write_bytes(b"words, words " * 50)
    items = [Item(f"{i}.wav", "ab"[i % 2], str(i), str(i)) for i in range(3)]
    items.insert(1, Item("bad.mp3", "a", "bad", "bad"))
    items.append(Item("2.wav", "a", "2", "2", "", 1.0, 2.0))
    return Dataset("some", str(tmp_path), tuple(items), ("a", "b"))


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each call really extracted."""
    calls: list[int] = []
    run = engine.run

    def counted(setup: Any, items: Any, **how: Any) -> Any:
        calls.append(len(items))
        return run(setup, items, **how)

    monkeypatch.setattr(engine, "run", counted)
    return calls


def test_windows_are_those_of_each_file(dataset: Dataset, tmp_path: Path, count: list[int]) -> None:
    seen: list[int] = []
    place = tmp_path / "cache"
    table = extract_dataset(dataset, SPEC, RULE, workers=1, progress=seen.append, folder=place)
    made = {name: make_input(spec) for name, spec in SPEC.items()}
    for i, item in enumerate(dataset.items):
        rows = np.flatnonzero(table.item == i)
        if item.path == "bad.mp3":
            assert not len(rows)
            continue
        own = extract(dataset.file(i), made, RULE, start=item.start, duration=item.duration)
        np.testing.assert_allclose(table.arrays["timbre"][rows], own.arrays["timbre"], rtol=1e-5)
        np.testing.assert_allclose(table.start[rows], [w.start for w in own.windows])
        np.testing.assert_allclose(table.stop[rows], [w.stop for w in own.windows])
        assert table.heard[rows].tolist() == (own.levels >= -60.0).tolist()
    assert not table.heard.all()
    assert len(table) == len(table.item) == len(table.start)
    (failed,) = table.failed
    assert failed[0] == 1
    assert str(tmp_path) not in failed[1]
    assert seen == [1, 2, 3, 4, 5]
    # Again: only what had failed is tried once more, and nothing differs.
    again = extract_dataset(dataset, SPEC, RULE, workers=1, folder=place)
    assert count == [5, 1]
    assert again.failed == table.failed
    np.testing.assert_array_equal(again.arrays["timbre"], table.arrays["timbre"])
    np.testing.assert_array_equal(again.item, table.item)


def test_only_what_changed_is_extracted_again(
    dataset: Dataset, tmp_path: Path, count: list[int]
) -> None:
    good = dataset.subset([0, 2, 3])
    place = tmp_path / "cache"
    first = extract_dataset(good, SPEC, RULE, workers=1, folder=place)
    soundfile.write(tmp_path / "1.wav", np.full(3 * SR, 0.2), SR)
    os.utime(tmp_path / "1.wav", (2e9, 2e9))
    second = extract_dataset(good, SPEC, RULE, workers=1, folder=place)
    assert count == [3, 1]
    same = first.item != 1
    np.testing.assert_array_equal(
        first.arrays["timbre"][same], second.arrays["timbre"][second.item != 1]
    )
    kept_files = sorted(place.glob("??/*.npz"))
    kept_files[0].write_bytes(b"broken")
    third = extract_dataset(good, SPEC, RULE, workers=1, folder=place)
    assert count[2:] in ([0], [1])  # the broken one may be the old windows of 1.wav
    np.testing.assert_array_equal(third.arrays["timbre"], second.arrays["timbre"])
    extract_dataset(good, SPEC, WindowRule(1.0, 1.0, "pad", -60.0), workers=1, folder=place)
    assert count[3] == 3


def test_nothing_readable_is_an_error_with_the_reason(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file could be read: .*expected audio files"):
        extract_dataset(dataset.subset([1]), SPEC, RULE, workers=1, folder=tmp_path / "cache")


def table_of(counts: list[int], heard: list[bool]) -> Table:
    item = np.repeat(np.arange(len(counts)), counts)
    start = np.concatenate([np.arange(n, dtype=float) for n in counts] or [np.zeros(0)])
    return Table({}, item, start, start + 1, np.array(heard[: len(item)], dtype=bool))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.integers(1, 5),
    st.lists(st.booleans(), min_size=54, max_size=54),
)
def test_selected_windows(counts: list[int], most: int, heard: list[bool]) -> None:
    table = table_of(counts, heard)
    wanted = list(range(0, len(counts), 2))
    rows = select_windows(table, wanted, most)
    assert table.heard[rows].all()
    assert np.isin(table.item[rows], wanted).all()
    assert (np.diff(rows) > 0).all()
    for i in wanted:
        there = np.flatnonzero((table.item == i) & table.heard)
        mine = rows[table.item[rows] == i]
        assert len(mine) == min(most, len(there))
        if most > 1 and len(there):
            assert mine[0] == there[0]
            assert mine[-1] == there[-1]


def test_selected_windows_are_spread_evenly() -> None:
    table = table_of([9], [True] * 9)
    assert select_windows(table, [0], 3).tolist() == [0, 4, 8]
    assert select_windows(table, [0], 5).tolist() == [0, 2, 4, 6, 8]
