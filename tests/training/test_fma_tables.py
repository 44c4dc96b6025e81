"""The tables of FMA, as published and as they are saved again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.labels import label_set
from genrewise.training.datasets import fma_tables
from genrewise.training.datasets.fma_tables import (
    is_features,
    is_tracks,
    read_features,
    read_genres,
    read_tracks,
)

GENRES = label_set("fma-8").labels


def test_tracks(fma_made: Path) -> None:
    tracks = read_tracks(fma_made / "fma_metadata" / "tracks.csv")
    rock = next(t for t in tracks if t.genre == "Rock" and len(t.genres) > 1)
    assert rock.genres == (12, 25)
    assert (rock.split, rock.subset, rock.artist, rock.album) == ("valid", "small", "8001", "8001")
    assert [t.genre for t in tracks if t.subset == "large"] == ["Pop", "", ""]


def test_genres(fma_made: Path) -> None:
    genres = read_genres(fma_made / "fma_metadata" / "genres.csv")
    assert {g.title for g in genres.values() if not g.parent} == set(GENRES)
    assert (genres[25].title, genres[25].parent, genres[25].top) == ("Punk", 12, 12)


def test_only_wanted_rows_in_the_order_asked_for(fma_made: Path) -> None:
    path = fma_made / "fma_metadata" / "features.csv"
    _, few = read_features(path, [521, 5, 2])
    _, every = read_features(path, [2, 175, 348, 521])
    np.testing.assert_array_equal(few[[0, 2]], every[[3, 0]])
    assert np.isnan(few[1]).all()


def test_damaged_genres(tmp_path: Path) -> None:
    path = tmp_path / "genres.csv"
    path.write_text("genre_id,title\n1,Rock\n")
    with pytest.raises(DatasetError, match="no column parent, top_level"):
        read_genres(path)
    path.write_text("genre_id,title,parent,top_level\nx,Rock,0,1\n")
    with pytest.raises(DatasetError, match="'x'"):
        read_genres(path)


def cells(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def save(path: Path, rows: list[list[str]], encoding: str = "utf-8", end: str = "\n") -> Path:
    """A table saved again by another program."""
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, lineterminator=end).writerows(rows)
    return path


def test_tracks_that_were_saved_again(fma_made: Path, tmp_path: Path) -> None:
    path = fma_made / "fma_metadata" / "tracks.csv"
    tracks, rows = read_tracks(path), cells(path)
    target = tmp_path / "tracks.csv"
    assert read_tracks(save(target, rows, "utf-8-sig", "\r\n")) == tracks
    assert read_tracks(save(target, [*rows[:2], *rows[3:]])) == tracks
    rng = np.random.default_rng(0)
    order = [0, *(1 + rng.permutation(len(rows[0]) - 1)).tolist()]
    assert read_tracks(save(target, [[row[i] for i in order] for row in rows])) == tracks
    needed = {("track", "genre_top"), ("track", "genres"), ("set", "split"), ("set", "subset")}
    needed |= {("artist", "id"), ("album", "id")}
    few = [i for i in range(len(rows[0])) if not i or (rows[0][i], rows[1][i]) in needed]
    assert read_tracks(save(target, [[row[i] for i in few] for row in rows])) == tracks


def test_features_that_were_saved_again(fma_made: Path, tmp_path: Path) -> None:
    path = fma_made / "fma_metadata" / "features.csv"
    names, values = read_features(path, [2, 348])
    rows = cells(path)
    order = [0, *range(len(rows[0]) - 1, 0, -1)]
    target = save(tmp_path / "features.csv", [[row[i] for i in order] for row in rows])
    turned, reversed_values = read_features(target, [2, 348])
    assert turned == names[::-1]
    np.testing.assert_array_equal(reversed_values, values[:, ::-1])


def test_chunks_do_not_matter(fma_made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fma_made / "fma_metadata" / "features.csv"
    ids = [t.id for t in read_tracks(path.with_name("tracks.csv"))]
    _, values = read_features(path, ids)
    assert np.isnan(values).all(axis=1).sum() == 3
    for size in (7, 24):
        monkeypatch.setattr(fma_tables, "_CHUNK", size)
        np.testing.assert_array_equal(read_features(path, ids)[1], values)


def test_a_table_of_nobody(fma_made: Path) -> None:
    names, values = read_features(fma_made / "fma_metadata" / "features.csv", [])
    assert values.shape == (0, len(names)) == (0, 518)


@pytest.mark.parametrize("content", ["", "a,b\n", "feature,x\nstatistics,y\n", "\0\0\0\0"])
def test_other_files_of_these_names(tmp_path: Path, content: str) -> None:
    for name in ("tracks.csv", "features.csv"):
        (tmp_path / name).write_text(content)
    assert not is_tracks(tmp_path / "tracks.csv")
    assert not is_features(tmp_path / "features.csv")
    with pytest.raises(DatasetError):
        read_tracks(tmp_path / "tracks.csv")
    with pytest.raises(DatasetError):
        read_features(tmp_path / "features.csv", [2])


def test_names_and_kinds(fma_made: Path, tmp_path: Path) -> None:
    tables = fma_made / "fma_metadata"
    assert is_tracks(tables / "tracks.csv")
    assert is_features(tables / "features.csv")
    assert not is_tracks(tables / "features.csv")
    assert not is_features(tables / "tracks.csv")
    assert not is_tracks(tmp_path / "tracks.csv")
    assert not is_tracks(tmp_path)
    with pytest.raises(DatasetError, match="No such file"):
        read_tracks(tmp_path / "tracks.csv")


def test_a_torn_table(fma_made: Path, tmp_path: Path) -> None:
    """A download that stopped, in the middle of a row of numbers or of a quoted cell."""
    tables = fma_made / "fma_metadata"
    whole = (tables / "features.csv").read_bytes()
    (tmp_path / "features.csv").write_bytes(whole[: len(whole) // 2])
    ids = [t.id for t in read_tracks(tables / "tracks.csv")]
    _, values = read_features(tmp_path / "features.csv", ids)
    assert 0 < np.isfinite(values).all(axis=1).sum() < 24
    whole = (tables / "tracks.csv").read_bytes()
    at = whole.index(b"they play") + 3
    (tmp_path / "tracks.csv").write_bytes(whole[:at])
    with pytest.raises(DatasetError, match=r"tracks\.csv: .*EOF inside string"):
        read_tracks(tmp_path / "tracks.csv")


def test_a_row_that_ends_early(fma_made: Path, tmp_path: Path) -> None:
    rows = cells(fma_made / "fma_metadata" / "tracks.csv")
    at = rows[0].index("set")
    rows[-1] = rows[-1][:at]
    *_, last = read_tracks(save(tmp_path / "tracks.csv", rows))
    assert (last.genre, last.split, last.subset, last.genres) == ("", "", "", ())
    assert last.artist == "7000"
    rows[-1] = ["77", *rows[-1][1:], "trai"]
    with pytest.raises(DatasetError, match=r"track 77: split 'trai'.*Did you mean train"):
        read_tracks(save(tmp_path / "tracks.csv", rows))


def test_a_row_with_too_many_cells(fma_made: Path, tmp_path: Path) -> None:
    rows = cells(fma_made / "fma_metadata" / "features.csv")
    rows[6] = [*rows[6], "1", "2"]
    target = save(tmp_path / "features.csv", rows)
    with pytest.raises(DatasetError, match="Expected 519 fields in line 7, saw 521"):
        read_features(target, [2])


def test_lists_of_ids_and_genres(tmp_path: Path) -> None:
    path = tmp_path / "track_top_genre.csv"
    path.write_text("track_id;genre_top;split\n000002;Rock;training\n5;;test\n")
    first, second = read_tracks(path)
    assert (first.id, first.genre, first.split, first.artist) == (2, "Rock", "train", "")
    assert (second.id, second.genre, second.split) == (5, "", "test")
    path.write_text("track_id,genree\n2,Rock\n")
    with pytest.raises(DatasetError, match="no column 'label'"):
        read_tracks(path)
    path.write_text("track_id,genre\n2.0,Rock\n")
    with pytest.raises(DatasetError, match=r"track id '2\.0'; expected a whole number"):
        read_tracks(path)
    path.write_text("track_id,genre\n2,Rock\n02,Pop\n")
    with pytest.raises(DatasetError, match="track 2 stands twice"):
        read_tracks(path)


# -- the real files


def test_the_real_genres(shared_data: Path) -> None:
    genres = read_genres(shared_data / "fma" / "genres.csv")
    assert len(genres) == 163
    assert (genres[25].title, genres[25].parent, genres[12].title) == ("Punk", 12, "Rock")
    tops = {g.title for g in genres.values() if not g.parent}
    assert set(label_set("fma-16").labels) == tops
    for genre in genres.values():
        assert genres[genre.top].parent == 0
        assert not genre.parent or genres[genre.parent].top == genre.top
