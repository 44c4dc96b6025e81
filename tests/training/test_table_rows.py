"""Feature tables as windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.training.datasets import Dataset, FeatureTable, Item, read
from genrewise.training.table_rows import single_windows, table_rows


def data(durations: list[float | None]) -> Dataset:
    items = tuple(
        Item(f"{i}", "ab"[i % 2], "", f"{i}", duration=d) for i, d in enumerate(durations)
    )
    values = np.arange(len(items) * 3, dtype=np.float32).reshape(-1, 3)
    table = FeatureTable(("x", "y", "z"), values)
    return Dataset("toy", ".", items, ("a", "b"), table=table, kind="features")


def test_a_row_is_a_window() -> None:
    table = table_rows(data([None, 2.5, 30.0]))
    assert table.arrays["table"].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert table.arrays["table"].dtype == np.float32
    assert table.item.tolist() == [0, 1, 2]
    assert table.start.tolist() == [0, 0, 0]
    assert np.isnan(table.stop[0])
    assert table.stop[1:].tolist() == [2.5, 30.0]
    assert table.heard.tolist() == [True] * 3
    assert table.failed == ()


def test_items_that_failed_have_no_row() -> None:
    table = single_windows(data([1, 2, 3]), {"x": np.zeros((2, 1))}, [0, 2], [(1, "torn")])
    assert table.item.tolist() == [0, 2]
    assert table.stop.tolist() == [1, 3]
    assert table.failed == ((1, "torn"),)


def test_music_is_no_table() -> None:
    with pytest.raises(DatasetError, match="toy: a data set of audio; expected a table"):
        table_rows(Dataset("toy", ".", (Item("x.wav", "a", "", "x"),), ("a",)))


def test_the_table_that_goes_round_with_gtzan(shared_data: Path) -> None:
    dataset = read(shared_data / "tables" / "gtzan_features_30_sec.csv")
    table = table_rows(dataset)
    assert table.arrays["table"].shape == (710, 57)
    first = dataset.items[0]
    assert first.track == "blues.00000"
    assert table.arrays["table"][0, 0] == np.float32(0.35008811950683594)
