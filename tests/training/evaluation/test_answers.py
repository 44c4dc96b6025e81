"""Which items are asked, what comes back, and what becomes of files that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError
from genrewise.inference import Classifier
from genrewise.training.answers import Answers, answer, collect, normalised, spread, wanted_items
from genrewise.training.datasets import Dataset, Item, read

# ------------------------------------------------------------------- which items


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[str], list[str], int]:
    """Labels, groups and how many are wanted."""
    items = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), min_size=1, max_size=60)
    )
    labels = [label for label, _ in items]
    return labels, [f"{label}{group}" for label, group in items], draw(st.integers(1, len(items)))


@given(collections())
def test_a_limit_is_dealt_evenly_over_labels(case: tuple[list[str], list[str], int]) -> None:
    labels, groups, limit = case
    chosen = spread(labels, groups, limit)
    assert len(chosen) == limit == len(set(chosen))
    assert chosen == sorted(chosen)
    got, there = Counter(labels[i] for i in chosen), Counter(labels)
    most = max(got.values())
    for label, n in there.items():
        assert got[label] in {most, most - 1} or got[label] == n


@given(collections())
def test_within_a_label_every_group_comes_once_before_any_comes_twice(
    case: tuple[list[str], list[str], int],
) -> None:
    labels, groups, limit = case
    chosen = spread(labels, groups, limit)
    for label in set(labels):
        there = {g for g, own in zip(groups, labels, strict=True) if own == label}
        got = [groups[i] for i in chosen if labels[i] == label]
        assert len(set(got)) == min(len(there), len(got))


def test_the_same_call_gives_the_same_items_and_another_seed_others() -> None:
    labels, groups = ["a"] * 50, [str(i) for i in range(50)]
    assert spread(labels, groups, 10) == spread(labels, groups, 10)
    assert spread(labels, groups, 10) != spread(labels, groups, 10, seed=1)
    assert spread(labels, groups, 10) != list(range(10))  # not the alphabet's first


def listed(splits: str = "") -> Dataset:
    """Twelve items of three labels and groups of two; each has a letter of `splits`."""
    names = {"t": "train", "v": "valid", "-": ""}
    items = tuple(
        Item(f"{i}.wav", "abc"[i % 3], f"g{i // 6}{i % 3}", f"t{i}", names[splits[i % len(splits)]])
        for i in range(12)
    )
    return Dataset("listed", "nowhere", items, ("a", "b", "c"))


def test_items_are_those_of_labels_and_part() -> None:
    dataset = listed("tv")
    assert wanted_items(dataset, ["a", "c"], "", 0) == [0, 2, 3, 5, 6, 8, 9, 11]
    assert wanted_items(dataset, ["a"], "valid", 0) == [3, 9]
    assert wanted_items(dataset, ["a", "b"], "train", 100) == [0, 4, 6, 10]


def test_a_limit_picks_among_the_wanted() -> None:
    dataset = listed("tv")
    chosen = wanted_items(dataset, ["a", "b"], "train", 2)
    assert [dataset.items[i].label for i in chosen] in (["a", "b"], ["b", "a"])
    assert {dataset.items[i].split for i in chosen} == {"train"}


def test_a_part_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        DatasetError, match=r"listed: no item in part 'test'; expected one of train"
    ):
        wanted_items(listed("tv"), ["a"], "test", 0)
    with pytest.raises(DatasetError, match="expected a data set with a split column"):
        wanted_items(listed("-"), ["a"], "test", 0)
    assert wanted_items(listed("tv"), ["a"], "test", 0, must=False) == []
    assert wanted_items(listed("tv"), [], "", 3, must=False) == []


# ------------------------------------------------------------------- what comes back


def test_rows_are_spread_over_some_labels() -> None:
    np.testing.assert_allclose(
        normalised(np.array([[0.2, 0.6], [0.0, 0.0], [3.0, 1.0]])),
        [[0.25, 0.75], [0.0, 0.0], [0.75, 0.25]],
    )


def made() -> Answers:
    told = {
        4: {"p": [0.2, 0.3, 0.5], "answered": True, "cells": ((0.0, 1.0, (0.2, 0.3, 0.5)),)},
        1: {"p": [0.6, 0.4, 0.0], "answered": False, "cells": ()},
        7: {"p": [0.0, 1.0, 0.0], "answered": True, "cells": ()},
    }
    return collect(told, (("x.wav", "broken"),))


def test_no_answers_have_a_shape_all_the_same() -> None:
    for nobody in (Answers.none(3), made().only(())):
        assert (nobody.items, nobody.cells) == ((), ())
        assert (nobody.p.shape, nobody.answered.shape) == ((0, 3), (0,))
        assert nobody.among([0, 2]).shape == (0, 2)


def test_answers_stand_in_the_order_of_the_data_set() -> None:
    found = made()
    assert found.items == (1, 4, 7)
    assert found.answered.tolist() == [False, True, True]
    np.testing.assert_array_equal(found.p[1], [0.2, 0.3, 0.5])
    assert found.cells[1] == ((0.0, 1.0, (0.2, 0.3, 0.5)),)
    np.testing.assert_allclose(found.among([0, 2])[1], [2 / 7, 5 / 7])


def test_some_of_the_answers() -> None:
    found = made().only([7, 4, 99])
    assert found.items == (4, 7)
    np.testing.assert_array_equal(found.p[:, 1], [0.3, 1.0])
    assert found.answered.tolist() == [True, True]
    assert [len(own) for own in found.cells] == [1, 0]
    assert found.failed == (("x.wav", "broken"),)


def test_answers_are_those_of_classify(pitch: str, tones: Path) -> None:
    dataset, classifier = read(tones), Classifier(pitch)
    items = [0, 3, 9]
    found = answer(pitch, dataset, items, workers=1)
    for k, i in enumerate(items):
        one = classifier.predict_file(dataset.file(i))
        np.testing.assert_allclose(found.p[k], list(one.probabilities.values()))
        assert found.answered[k] == (one.genre is not None)
        assert [cell[:2] for cell in found.cells[k]] == [(s.start, s.stop) for s in one.timeline]
    assert found.failed == ()


def test_a_part_of_a_file_is_asked_alone(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    import soundfile

    y = np.concatenate([make_tone(200.0), make_tone(4000.0)])
    soundfile.write(tmp_path / "two.wav", y, 22050)
    parts = tuple(Item("two.wav", "low", "g", f"t{s}", "", s, 1.0) for s in (0.0, 1.0))
    dataset = Dataset("parts", str(tmp_path), parts, ("low",))
    found = answer(pitch, dataset, [0, 1], workers=1)
    assert found.p.argmax(axis=1).tolist() == [0, 2]


class Bar:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.titles: list[tuple[str, int]] = []
        self.seen: list[int] = []

    @contextmanager
    def __call__(self, unit: str, total: int) -> Iterator[Bar]:
        self.titles.append((unit, total))
        yield self

    def update(self, done: int) -> None:
        self.seen.append(done)


def test_files_that_fail_are_named_once_and_the_rest_is_answered(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "ä b", {"low": (100, 200), "high": (5000,)})
    (folder / "low" / "150.wav").write_bytes(b"RIFF no more")
    (folder / "high" / "text.mp3").write_bytes(b"words, not music. " * 40)
    dataset, bar = read(folder), Bar()
    found = answer(pitch, dataset, range(len(dataset)), workers=1, bars=bar)
    assert [path for path, _ in found.failed] == ["high/text.mp3", "low/150.wav"]
    assert not any(str(folder) in reason for _, reason in found.failed)
    assert all(reason for _, reason in found.failed)
    assert [dataset.items[i].path for i in found.items] == [
        "high/5000.wav",
        "low/100.wav",
        "low/200.wav",
    ]
    assert (bar.titles, bar.seen) == ([("files", 5)], [1, 2, 3, 4, 5])


def test_nothing_readable_is_one_line(pitch: str, tmp_path: Path) -> None:
    (tmp_path / "m" / "low").mkdir(parents=True)
    (tmp_path / "m" / "low" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    dataset = read(tmp_path / "m")
    with pytest.raises(DatasetError, match="m: no file could be read: ") as error:
        answer(pitch, dataset, [0], workers=1)
    assert "\n" not in str(error.value)
