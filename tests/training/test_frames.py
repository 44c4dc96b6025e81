"""Windows cut out of one memory map: equal to those that they stand for, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise import engine
from genrewise.errors import DatasetError, RecipeError
from genrewise.inputs import extract, make_input
from genrewise.training.datasets import Dataset, Item
from genrewise.training.frames import Cuts, random_windows, whole
from genrewise.training.models.rows import take
from genrewise.windows import WindowRule

F32 = NDArray[np.float32]

SR, HOP, FRAMES = 8000, 256, 20
FRONTEND = {"sr": SR, "n_fft": 512, "hop_length": HOP, "n_mels": 12, "power": 2.0, "log": "db"}
MEL = {"mel": {"kind": "log-mel", "n_frames": FRAMES, "frontend": FRONTEND}}


def tracks_of(lengths: Sequence[int], n_mels: int = 3) -> list[F32]:
    """Tracks in which every value is another one."""
    ends = np.cumsum([0, *lengths]) * n_mels
    return [np.arange(a, b, dtype=np.float32).reshape(-1, n_mels) for a, b in pairwise(ends)]


def cuts_of(tracks: Sequence[F32], wanted: Sequence[tuple[int, int]], n_frames: int) -> Cuts:
    """Windows that begin at a frame of a track."""
    ends = np.cumsum([0, *map(len, tracks)])
    of, at = np.array(wanted, dtype=np.int64).reshape(-1, 2).T
    return Cuts(np.concatenate(tracks), ends[of] + at, ends[of], ends[of + 1], n_frames)


def stacked(tracks: Sequence[F32], wanted: Sequence[tuple[int, int]], n_frames: int) -> F32:
    """The same windows by hand."""
    rows = []
    for of, at in wanted:
        track = tracks[of]
        rows.append(np.resize(track, (n_frames, track.shape[1])) if len(track) < n_frames else
                    track[at : at + n_frames])  # fmt: skip
    return np.stack(rows).transpose(0, 2, 1)[:, None]


@st.composite
def layouts(draw: Any) -> tuple[list[F32], list[tuple[int, int]], int]:
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    n_frames = draw(st.integers(1, 14))
    numbers = draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=8))
    wanted = [(k, draw(st.integers(0, max(0, lengths[k] - n_frames)))) for k in numbers]
    return tracks_of(lengths), wanted, n_frames


@given(layouts(), st.data())
def test_windows_are_those_that_they_stand_for(layout: Any, data: st.DataObject) -> None:
    cuts, x = cuts_of(*layout), stacked(*layout)
    assert cuts.shape == x.shape
    assert (len(cuts), cuts.ndim, cuts.dtype) == (len(x), x.ndim, x.dtype)
    np.testing.assert_array_equal(cuts[:], x)
    assert cuts[:].flags.c_contiguous
    n = len(x)
    some = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=6)), dtype=np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    a, b = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    for rows in (some, mask, slice(a, b)):
        found = cuts[rows]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, x[rows])
        np.testing.assert_array_equal(cuts.select(rows)[:], x[rows])
        assert cuts.select(rows).shape == x[rows].shape
        np.testing.assert_array_equal(take(cuts, rows)[:], take(x, rows))


@given(layouts(), st.integers(0, 99))
def test_a_moved_window_stays_in_its_track(layout: Any, seed: int) -> None:
    tracks, wanted, n_frames = layout
    cuts = cuts_of(*layout)
    moved = cuts.moved(np.random.default_rng(seed))
    room = np.maximum(cuts.high - cuts.low - n_frames, 0)
    place = moved.at - cuts.low
    assert (place >= 0).all()
    assert (place <= room).all()
    again = [(of, int(p)) for (of, _), p in zip(wanted, place, strict=True)]
    np.testing.assert_array_equal(moved[:], stacked(tracks, again, n_frames))
    same = cuts.moved(np.random.default_rng(seed))
    np.testing.assert_array_equal(moved.at, same.at)
    np.testing.assert_array_equal(cuts[:], stacked(*layout))  # itself it did not move


def test_a_window_moves_to_every_place_and_equally_often() -> None:
    cuts = cuts_of(tracks_of([9]), [(0, 0)] * 3000, 6)
    counts = np.bincount(cuts.moved(np.random.default_rng(0)).at)
    assert len(counts) == 4
    # Five standard deviations of a share of a quarter.
    assert abs(counts - 750).max() < 5 * (3000 * 0.25 * 0.75) ** 0.5


def test_selecting_leaves_the_frames_where_they_are() -> None:
    cuts = cuts_of(tracks_of([9, 4]), [(0, 1), (1, 0), (0, 3)], 4)
    assert take(cuts, np.array([2])).rows is cuts.rows
    assert isinstance(take(cuts, slice(0, 2)), Cuts)


# -- of music


def write(folder: Path, name: str, y: F32) -> Item:
    soundfile.write(folder / name, y, SR)
    return Item(name, "ab"[int(name[0]) % 2], name, name)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four tracks: 2 s, 1.3 s, one of less than a window, one that is silent in the middle."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    parts = [rng.uniform(-0.5, 0.5, int(n * SR)).astype(np.float32) for n in (2, 1.3, 0.4, 4)]
    parts[3][SR : 3 * SR] = 0
    items = [write(folder, f"{k}.wav", y) for k, y in enumerate(parts)]
    return Dataset("songs", str(folder), tuple(items), ("a", "b"))


def windows_of(songs: Dataset, place: Path, count: int = 5, seed: int = 0, **more: Any) -> Any:
    return random_windows(songs, more.pop("features", MEL), count, seed, workers=1, folder=place)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def test_a_window_is_what_prediction_hears_at_the_same_start(songs: Dataset, place: Path) -> None:
    table = windows_of(songs, place, count=30)
    step = HOP / SR
    rule = WindowRule(FRAMES * step, step, "drop")
    compared = 0
    for row in range(len(table)):
        heard = extract(songs.file(int(table.item[row])), {"mel": make_input(MEL["mel"])}, rule)
        number = round(table.start[row] / step)
        if number < len(heard.windows):
            found = table.arrays["mel"][[row]][0]
            np.testing.assert_allclose(found, heard.arrays["mel"][number], atol=1e-5)
            assert table.start[row] == pytest.approx(heard.windows[number].start)
            compared += 1
        stop = min(table.start[row] + FRAMES * step, heard.seconds)
        assert stop == pytest.approx(table.stop[row], abs=step)
    assert compared > 100


def test_each_clip_has_its_count_of_windows_in_order(songs: Dataset, place: Path) -> None:
    table = windows_of(songs, place, count=3)
    assert table.item.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert table.arrays["mel"].shape == (12, 1, 12, FRAMES)
    assert len(set(table.start[:3])) == 3
    assert table.start[6:9].tolist() == [0, 0, 0]  # less than a window: there is one place
    assert table.failed == ()


def test_places_depend_on_the_clip_alone(songs: Dataset, place: Path) -> None:
    table = windows_of(songs, place, count=6)
    mixed = windows_of(songs.subset([3, 0]), place, count=6)
    np.testing.assert_array_equal(mixed.start[:6], table.start[18:])
    np.testing.assert_array_equal(mixed.start[6:], table.start[:6])
    np.testing.assert_array_equal(mixed.arrays["mel"][:6], table.arrays["mel"][18:])
    # Fewer windows are the first of more, and another seed gives others.
    fewer = windows_of(songs, place, count=2)
    np.testing.assert_array_equal(fewer.start[2:4], table.start[6:8])
    other = windows_of(songs, place, count=6, seed=1)
    assert (other.start[:6] != table.start[:6]).any()
    assert (table.start[:2] != table.start[6:8]).any()


def test_silence_is_not_heard(songs: Dataset, place: Path) -> None:
    table = windows_of(songs, place, count=40)
    own = table.item == 3
    assert table.heard[~own].all()
    # Silent from 1 s to 3 s; a frame looks 256 samples to either side of its centre.
    edge = 256 / SR
    inside = (table.start >= 1 + edge) & (table.stop <= 3 - edge + HOP / SR)
    assert 3 < (own & inside).sum() < 40
    np.testing.assert_array_equal(~table.heard[own], inside[own])


def test_the_frames_are_written_once_and_stay_on_the_disk(
    songs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = windows_of(songs, tmp_path)
    (file,) = (tmp_path / "frames").rglob("*.npy")
    state = file.stat()
    asked: list[int] = []
    run = engine.run

    def counted(setup: Any, items: Any, **how: Any) -> Any:
        asked.append(len(items))
        return run(setup, items, **how)

    monkeypatch.setattr(engine, "run", counted)
    second = windows_of(songs, tmp_path, seed=4)
    assert asked == [0]
    assert (file.stat().st_ino, file.stat().st_size) == (state.st_ino, state.st_size)
    assert [*(tmp_path / "frames").rglob("*.*")] == [file]
    assert isinstance(second.arrays["mel"].rows.base, np.memmap)
    np.testing.assert_array_equal(first.arrays["mel"].rows, second.arrays["mel"].rows)
    windows_of(songs.subset([0, 1]), tmp_path)
    assert len([*(tmp_path / "frames").rglob("*.npy")]) == 2


def test_several_inputs_have_frames_of_their_own_at_the_same_places(
    songs: Dataset, tmp_path: Path
) -> None:
    fine = {"kind": "log-mel", "n_frames": FRAMES, "frontend": {**FRONTEND, "n_mels": 5}}
    table = windows_of(songs, tmp_path, features={**MEL, "fine": fine})
    assert table.arrays["fine"].shape == (20, 1, 5, FRAMES)
    np.testing.assert_array_equal(table.arrays["fine"].at, table.arrays["mel"].at)
    assert len([*(tmp_path / "frames").rglob("*.npy")]) == 2


def test_what_cannot_be_read_is_listed(songs: Dataset, tmp_path: Path) -> None:
    bad = Item("none.wav", "a", "none", "none")
    items = (songs.items[0], bad, songs.items[1])
    seen: list[int] = []
    table = random_windows(
        Dataset("songs", songs.root, items, ("a", "b")),
        MEL, 2, 0, workers=1, folder=tmp_path, progress=seen.append,
    )  # fmt: skip
    assert table.item.tolist() == [0, 0, 2, 2]
    assert [number for number, _ in table.failed] == [1]
    assert seen == [1, 2, 3]
    with pytest.raises(DatasetError, match="no file could be read"):
        random_windows(
            Dataset("songs", songs.root, (bad,), ("a",)), MEL, 2, 0, workers=1, folder=tmp_path
        )


def test_inputs_that_cannot_be_cut_anywhere_are_refused(songs: Dataset, tmp_path: Path) -> None:
    for spec in ({"kind": "statistics"}, {"kind": "picture", "picture": "mel", "size": [8, 8]}):
        with pytest.raises(RecipeError, match=r"random windows of an input .*expected log-mel"):
            whole(spec)
    with pytest.raises(RecipeError, match=r"Leave out windows\.count"):
        windows_of(songs, tmp_path, features={"x": {"kind": "statistics"}})
    assert not list(tmp_path.iterdir())


def test_frames_of_a_track_do_not_depend_on_the_length_of_a_window() -> None:
    longer = {**MEL["mel"], "n_frames": 40}
    assert whole(MEL["mel"]).fingerprint() == whole(longer).fingerprint()
    assert whole(MEL["mel"]).fingerprint() != make_input(MEL["mel"]).fingerprint()
    other = {**MEL["mel"], "frontend": {**FRONTEND, "n_mels": 13}}
    assert whole(other).fingerprint() != whole(MEL["mel"]).fingerprint()
