"""Tag vectors of tracks without audio: which rows they give, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.tags import tag_rows, tag_tracks

NAMES = sorted(LABEL_SETS["gtzan-10"].labels)
DATASET = Dataset(
    "some",
    "",
    (Item("a.wav", "rock", "g", "rock.00001"), Item("b.wav", "jazz", "h", "jazz.00001")),
    ("rock", "jazz"),
)


def write(path: Path, rows: list[tuple[str, int, int]], **changed: Any) -> Path:
    """Rows of (track, label, count); each vector is its own number."""
    track = [name for name, _, n in rows for _ in range(n)]
    label = [c for _, c, n in rows for _ in range(n)]
    tags = np.arange(len(track), dtype=np.float64)[:, None] * np.ones(3)
    arrays = {"tags": tags, "label": np.array(label), "track": np.array(track)}
    np.savez(path, **(arrays | changed))
    return path


def test_rows_are_means_of_eight_windows(tmp_path: Path) -> None:
    jazz, rock, pop = (NAMES.index(name) for name in ("jazz", "rock", "pop"))
    path = write(
        tmp_path / "rows.npz",
        [
            ("rock.00001", rock, 8),  # its audio is at hand
            ("jazz.00007", jazz, 19),  # two rows, three windows left over
            ("pop.00003", pop, 8),  # no label of the data set
            ("rock.00009", rock, 8),
            ("rock.00010", rock, 7),  # too short
        ],
    )
    x, y = tag_rows(path, DATASET)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    np.testing.assert_allclose(x[:, 0], [8 + 3.5, 16 + 3.5, 35 + 3.5])
    assert y.tolist() == [1, 1, 0]


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    first = write(tmp_path / "a.npz", [("rock.2", 9, 8), ("jazz.2", NAMES.index("jazz"), 8)])
    second = write(tmp_path / "b.npz", [("jazz.2", NAMES.index("jazz"), 8), ("rock.2", 9, 8)])
    assert tag_rows(first, DATASET)[1].tolist() == tag_rows(second, DATASET)[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    "changed",
    [
        {"label": np.full(8, 10)},
        {"label": np.full(8, -1)},
        {"label": np.full(8, 0.5)},
        {"label": np.zeros(7, dtype=int)},
        {"tags": np.zeros(8)},
        {"track": np.array(["x"] * 9)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = write(tmp_path / "rows.npz", [("rock.2", 9, 8)], **changed)
    with pytest.raises(DatasetError, match=r"rows\.npz: tags .*expected \(n, d\)"):
        tag_rows(path, DATASET)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "good.npz", [("rock.2", 9, 8)])
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:300])
    (tmp_path / "text.npz").write_text("words")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    names = ["none.npz", "cut.npz", "text.npz", "empty.npz", "other.npz", "array.npy", "."]
    for name in names:
        with pytest.raises(DatasetError) as caught:
            tag_rows(tmp_path / name, DATASET)
        assert "expected an .npz of tags, label and track" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_nothing_new_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.npz", [("rock.00001", 9, 8)])
    with pytest.raises(DatasetError, match="no track that some lacks"):
        tag_rows(path, DATASET)


def test_the_rows_of_the_large_model(shared_data: Path) -> None:
    dataset = read(shared_data / "gtzan")
    x, y = tag_rows(shared_data / "tables" / "gtzan_musicnn_tags_train.npz", dataset)
    assert x.shape[1] == 50
    assert len(x) == len(y) > 100
    assert np.isfinite(x).all()
    assert 0 <= x.min() <= x.max() <= 1
    # Disco and reggae are what the audio lacks.
    counts = {
        dataset.labels[c]: int(n) for c, n in zip(*np.unique(y, return_counts=True), strict=True)
    }
    assert max(counts, key=counts.__getitem__) in {"disco", "reggae"}


def test_rows_know_the_track_that_they_are_of(tmp_path: Path) -> None:
    jazz, rock = (NAMES.index(name) for name in ("jazz", "rock"))
    path = write(tmp_path / "rows.npz", [("rock.00009", rock, 8), ("jazz.00007", jazz, 16)])
    x, y, tracks = tag_tracks(path, DATASET)
    assert tracks == ("jazz.00007", "jazz.00007", "rock.00009")
    assert [DATASET.labels[i] for i in y] == ["jazz", "jazz", "rock"]
    rows, labels = tag_rows(path, DATASET)
    np.testing.assert_array_equal(rows, x)
    np.testing.assert_array_equal(labels, y)
