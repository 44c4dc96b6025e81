"""Windows of changed copies: those of the changed samples, of the training side, kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from genrewise import engine
from genrewise.audio import load
from genrewise.errors import DatasetError, RecipeError, UnknownName
from genrewise.inputs import extract_samples, make_input
from genrewise.training.augment.extract import Changed, extract_augmented
from genrewise.training.augment.waveform import transform
from genrewise.training.datasets import Dataset, Item
from genrewise.training.store import extract_dataset, select_windows
from genrewise.windows import WindowRule

SPECS: Mapping[str, Mapping[str, Any]] = {"timbre": {"kind": "statistics"}}
RULE = WindowRule(1.0, 1.0, "shift", -60.0)
KINDS = ("gain", "random-crop", "time-stretch")
SR = 16000


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Five songs, two of them sections of one file, and one that is not there."""
    rng = np.random.default_rng(0)
    for name in "abcd":
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-0.3, 0.3, 3 * SR), SR)
    items = [Item(f"{name}.wav", "xy"[i % 2], name, name) for i, name in enumerate("abcd")]
    items.append(Item("d.wav", "x", "d", "d", "", 1.0, 1.5))
    items.append(Item("gone.wav", "y", "gone", "gone"))
    return Dataset("some", str(tmp_path), tuple(items), ("x", "y"))


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


def own_rng(seed: int, copy: int, item: Item) -> np.random.Generator:
    """The numbers that a copy of an item is drawn by: nothing of the machine in them."""
    digest = hashlib.sha256(f"{item.path} {item.start:g}".encode()).digest()
    return np.random.default_rng([seed, copy, int.from_bytes(digest[:8], "little")])


def test_windows_are_those_of_the_changed_samples(dataset: Dataset, tmp_path: Path) -> None:
    learnt = [4, 1, 3]
    table = extract_augmented(
        dataset, SPECS, RULE, KINDS, 2, 7, learnt, workers=1, folder=tmp_path / "cache"
    )
    made = {name: make_input(spec) for name, spec in SPECS.items()}
    assert sorted(set(table.item.tolist())) == [1, 3, 4]
    for i in learnt:
        item, rows = dataset.items[i], np.flatnonzero(table.item == i)
        copies = []
        for copy in range(2):
            whole = load(dataset.file(i), start=item.start, duration=item.duration)
            y = transform(KINDS, whole.y, whole.sr, own_rng(7, copy, item))
            copies.append(extract_samples(y, whole.sr, made, RULE))
        due = np.concatenate([found.arrays["timbre"] for found in copies])
        np.testing.assert_allclose(table.arrays["timbre"][rows], due, rtol=1e-4, atol=1e-5)
        starts = [w.start for found in copies for w in found.windows]
        np.testing.assert_allclose(table.start[rows], starts)
        assert not np.allclose(copies[0].arrays["timbre"][0], copies[1].arrays["timbre"][0])
    assert table.failed == ()


def test_only_what_is_learnt_from_is_read(dataset: Dataset, tmp_path: Path) -> None:
    whole = extract_augmented(
        dataset, SPECS, RULE, KINDS, 1, 0, [0, 2], workers=1, folder=tmp_path / "one"
    )
    # The others are no audio any more, so whoever opened one would say so.
    for name in "bd":
        (tmp_path / f"{name}.wav").unlink()
        (tmp_path / f"{name}.wav").mkdir()
    again = extract_augmented(
        dataset, SPECS, RULE, KINDS, 1, 0, [0, 2], workers=1, folder=tmp_path / "two"
    )
    assert again.failed == ()
    assert sorted(set(again.item.tolist())) == [0, 2]
    np.testing.assert_array_equal(whole.arrays["timbre"], again.arrays["timbre"])
    assert len(list((tmp_path / "two").glob("??/*.npz"))) == 2
    with_b = extract_augmented(
        dataset, SPECS, RULE, KINDS, 1, 0, [0, 1], workers=1, folder=tmp_path / "two"
    )
    assert [i for i, _ in with_b.failed] == [1]


def test_copies_are_kept(dataset: Dataset, tmp_path: Path, count: list[int]) -> None:
    seen: list[int] = []
    place = tmp_path / "cache"

    def run(kinds: Any = KINDS, copies: int = 2, seed: int = 7, items: Any = (0, 1, 2)) -> Any:
        return extract_augmented(
            dataset, SPECS, RULE, kinds, copies, seed, items, workers=1, folder=place,
            progress=seen.append,
        )  # fmt: skip

    first = run()
    assert count == [3, 3]
    assert seen == [1, 2, 3, 4, 5, 6]
    again = run(KINDS[::-1])
    assert count[2:] == [0, 0]
    np.testing.assert_array_equal(first.arrays["timbre"], again.arrays["timbre"])
    # Another seed, other kinds and a further copy are other results; fewer items are not.
    run(copies=3)
    run(copies=1, seed=8)
    run(copies=1, kinds=("gain",))
    run(items=(2,))
    assert count[4:] == [0, 0, 3, 3, 3, 0, 0]
    # What the samples are by themselves is kept apart from their copies.
    extract_dataset(dataset.subset([1]), SPECS, RULE, workers=1, folder=place)
    assert count[11:] == [1]
    soundfile.write(tmp_path / "a.wav", np.full(3 * SR, 0.2), SR)
    os.utime(tmp_path / "a.wav", (2e9, 2e9))
    run(copies=1)
    assert count[12:] == [1]


def test_copies_do_not_depend_on_their_neighbours(dataset: Dataset, tmp_path: Path) -> None:
    some = extract_augmented(
        dataset, SPECS, RULE, KINDS, 1, 0, [0, 1, 2], workers=1, folder=tmp_path / "one"
    )
    alone = extract_augmented(
        dataset.subset([2, 0]), SPECS, RULE, KINDS, 1, 0, [0], workers=1, folder=tmp_path / "two"
    )
    np.testing.assert_array_equal(
        some.arrays["timbre"][some.item == 2], alone.arrays["timbre"][alone.item == 0]
    )


def test_copies_of_an_item_follow_one_another(dataset: Dataset, tmp_path: Path) -> None:
    table = extract_augmented(
        dataset, SPECS, RULE, ("gain",), 3, 0, [3, 0], workers=1, folder=tmp_path / "cache"
    )
    assert table.item.tolist() == [0] * 9 + [3] * 9
    assert table.start[:9].tolist() == [0.0, 1.0, 2.0] * 3
    # So the choice of windows spread over the copies picks rows of the right item.
    rows = select_windows(table, [3], 4)
    assert table.item[rows].tolist() == [3] * 4


def test_what_a_copy_lost_is_said(dataset: Dataset, tmp_path: Path) -> None:
    table = extract_augmented(
        dataset, SPECS, RULE, ("gain",), 2, 0, [5, 1], workers=1, folder=tmp_path / "cache"
    )
    ((item, why),) = table.failed
    assert item == 5
    assert "gone.wav" not in why
    assert why
    assert set(table.item.tolist()) == {1}
    with pytest.raises(DatasetError, match="no file could be read"):
        extract_augmented(
            dataset, SPECS, RULE, ("gain",), 1, 0, [5], workers=1, folder=tmp_path / "cache"
        )


def test_wrong_use_is_refused_before_anything_is_read(dataset: Dataset, tmp_path: Path) -> None:
    def run(kinds: tuple[str, ...], copies: int) -> None:
        extract_augmented(
            dataset, SPECS, RULE, kinds, copies, 0, [0], workers=1, folder=tmp_path / "cache"
        )

    with pytest.raises(UnknownName, match="Did you mean gain"):
        run(("gian",), 1)
    with pytest.raises(UnknownName, match="no augmentation named 'mirror'"):
        run(("mirror",), 1)
    with pytest.raises(RecipeError, match="1 copies of the sound by 0 kinds"):
        run((), 1)
    with pytest.raises(RecipeError, match="0 copies of the sound by 1 kinds"):
        run(("gain",), 0)
    assert not (tmp_path / "cache").exists()


@given(st.integers(0, 9), st.integers(0, 3), st.text(max_size=12))
def test_numbers_drawn_depend_on_seed_copy_and_name(seed: int, copy: int, name: str) -> None:
    y = np.linspace(-0.5, 0.5, 500, dtype=np.float32)

    def changed(*key: int, of: str = name) -> list[float]:
        return Changed(("gain",), *key)(y, SR, of).tolist()  # type: ignore[no-any-return]

    one = changed(seed, copy)
    assert one == changed(seed, copy)
    assert one != changed(seed + 1, copy)
    assert one != changed(seed, copy + 1)
    assert one != changed(seed, copy, of=name + "x")
    assert json.loads(Changed(("gain",), seed, copy).key())[1:] == [["gain"], seed, copy]
