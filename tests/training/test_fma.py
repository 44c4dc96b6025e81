"""FMA: its tables and layouts, in miniature; what is missing, broken or unlabelled."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genrewise.errors import DatasetError, RecipeError, UnknownName
from genrewise.features.summary import fma518
from genrewise.labels import label_set
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.fma import find_tracks, read_fma, sub_genres
from genrewise.training.datasets.fma_miniature import generate
from genrewise.training.datasets.fma_tables import (
    is_features,
    is_tracks,
    read_features,
    read_genres,
    read_tracks,
)
from genrewise.training.datasets.scan import scan
from genrewise.training.splits import make_split
from genrewise.training.table_rows import table_rows

GENRES = label_set("fma-8").labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three artists of one track each in every genre, 1 s."""
    return generate(tmp_path_factory.mktemp("fma"), 3, 1.0, tracks_per_artist=1)


@pytest.fixture
def fma(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "data")


def sizes(dataset: Dataset) -> dict[str, int]:
    return dict(Counter(item.split for item in dataset.items))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# -- the miniature is what it says


def test_the_tables_are_read_as_fma_reads_them(made: Path) -> None:
    """FMA's own loader is pandas with two and three header rows."""
    tracks = pd.read_csv(made / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1])
    assert tracks.shape == (27, 52)
    assert tracks.index.name == "track_id"
    assert tracks["set", "subset"].value_counts().to_dict() == {"small": 24, "large": 3}
    assert tracks["artist", "bio"].str.contains("\n").all()
    assert set(tracks["set", "split"]) == {"training", "validation", "test"}
    small = tracks[tracks["set", "subset"] == "small"]
    sides = small.groupby(("artist", "id"))[[("set", "split")]].nunique()
    assert (sides == 1).all(axis=None)
    features = pd.read_csv(made / "fma_metadata" / "features.csv", index_col=0, header=[0, 1, 2])
    assert features.shape == (24, 518)
    assert features.columns.names == ["feature", "statistics", "number"]
    assert features["mfcc", "mean"].columns.tolist() == [f"{n:02d}" for n in range(1, 21)]


def test_the_audio_lies_as_in_fma(made: Path) -> None:
    files = sorted(p.relative_to(made).as_posix() for p in made.rglob("*.mp3"))
    assert len(files) == 24
    assert files[:2] == ["fma_small/000/000002.mp3", "fma_small/000/000175.mp3"]
    assert files[-1] == "fma_small/003/003981.mp3"
    sums = (made / "fma_small" / "checksums").read_text().splitlines()
    for line in sums:
        digest, _, path = line.partition("  ")
        assert hashlib.sha1((made / "fma_small" / path).read_bytes()).hexdigest() == digest
    assert len(sums) == 24
    assert soundfile.info(made / files[1]).duration == pytest.approx(1.0, abs=0.01)


def test_the_miniature_is_the_same_twice(made: Path, tmp_path: Path) -> None:
    again = generate(tmp_path, 3, 1.0, tracks_per_artist=1)
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(made)).read_bytes()
    other = generate(tmp_path / "other", 3, 1.0, seed=1, tracks_per_artist=1)
    name = "fma_metadata/features.csv"
    assert (made / name).read_bytes() != (other / name).read_bytes()


@pytest.mark.parametrize(
    "wrong", [{"tracks_per_genre": 4}, {"seconds": 0.5}, {"tracks_per_artist": 0}]
)
def test_a_miniature_needs_three_artists(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="three artists a genre and 1 s, or more"):
        generate(tmp_path, **wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# -- reading


def test_a_copy(made: Path) -> None:
    dataset = read(made)
    assert (dataset.name, dataset.kind, dataset.labels) == ("fma", "audio", GENRES)
    assert dataset.table is None
    assert dataset.warnings == ()
    first = dataset.items[0]
    assert (first.path, first.track) == ("fma_small/000/000002.mp3", "000002")
    assert (first.label, first.group, first.split) == ("Electronic", "artist 1000", "train")
    assert sizes(dataset) == {"train": 8, "valid": 8, "test": 8}
    split = make_split(dataset)
    assert [len(part) for part in split.parts().values()] == [8, 8, 8]


@pytest.mark.parametrize("part", ["fma_metadata", "fma_small"])
def test_each_of_its_folders_stands_for_it(made: Path, part: str) -> None:
    dataset, whole = read(made / part), read(made)
    assert [i.track for i in dataset.items] == [i.track for i in whole.items]
    assert [i.group for i in dataset.items] == [i.group for i in whole.items]
    assert Path(dataset.file(3)).read_bytes() == Path(whole.file(3)).read_bytes()


def test_tables_beside_the_numbered_folders(fma: Path) -> None:
    """Unpacked into one folder."""
    for path in [*(fma / "fma_small").iterdir(), *(fma / "fma_metadata").iterdir()]:
        path.rename(fma / path.name)
    (fma / "fma_small").rmdir()
    (fma / "fma_metadata").rmdir()
    dataset = read(fma)
    assert len(dataset) == 24
    assert dataset.items[0].path == "000/000002.mp3"
    assert len(read(fma / "tracks.csv")) == 24


def test_the_broken_clip_is_found_when_it_is_decoded(made: Path) -> None:
    dataset = read(made)
    facts = scan(dataset.subset(range(4)), workers=1)
    assert [bool(f.error) for f in facts] == [True, False, False, False]


def test_what_is_missing_empty_or_strange_is_counted(fma: Path) -> None:
    small = fma / "fma_small"
    (small / "000" / "000175.mp3").unlink()
    (small / "000" / "000348.mp3").write_bytes(b"")
    shutil.copy(small / "000" / "000521.mp3", small / "000" / "000999.mp3")
    (small / "000" / "cover.jpg").write_bytes(b"x")
    dataset = read(fma)
    assert len(dataset) == 22
    assert dataset.warnings == (
        "1 files are empty: fma_small/000/000348.mp3",
        "1 of the 24 tracks of FMA small are not here: 000175",
        "1 files are of no track of the table: fma_small/000/000999.mp3",
    )


def test_clips_known_to_be_broken_are_left_out(fma: Path) -> None:
    tracks = fma / "fma_metadata" / "tracks.csv"
    for old, new in ((175, 99134), (348, 98567)):
        change(tracks, f"\n{old},", f"\n{new},")
        folder = fma / "fma_small" / f"{new:06d}"[:3]
        folder.mkdir(exist_ok=True)
        (fma / "fma_small" / "000" / f"{old:06d}.mp3").rename(folder / f"{new:06d}.mp3")
    dataset = read(fma)
    assert len(dataset) == 22
    assert dataset.warnings == (
        "1 files hold no audio, as is known of them: fma_small/099/099134.mp3",
        "1 files are cut to a second or two, as is known of them: fma_small/098/098567.mp3",
    )
    # Uncut they are whole.
    (fma / "fma_small").rename(fma / "fma_full")
    assert len(read(fma)) == 24


def test_subsets(fma: Path) -> None:
    large = fma / "fma_large"
    shutil.copytree(fma / "fma_small", large)
    for number in (4154, 4327, 4500):  # one of Pop, two without a top genre
        (large / "004").mkdir(exist_ok=True)
        shutil.copy(large / "000" / "000175.mp3", large / "004" / f"{number:06d}.mp3")
    every = read(fma)
    assert len(every) == 25
    assert every.items[0].path.startswith("fma_small")
    assert every.warnings == ("2 tracks without a top genre are left out",)
    assert len(read(f"fma:{fma}?small")) == 24
    only = read(f"fma:{fma}?large")
    assert {i.path.split("/")[0] for i in only.items} == {"fma_large"}
    assert len(only) == 25
    # A subset that has no folder of its own is taken from what is here.
    shutil.rmtree(fma / "fma_small")
    medium = read(f"fma:{fma}?medium")
    assert len(medium) == 24
    assert medium.items[0].path == "fma_large/000/000002.mp3"


def test_features(made: Path) -> None:
    for source in (made / "fma_metadata" / "features.csv", f"fma:{made}?features,small"):
        dataset = read(source)
        assert dataset.kind == "features"
        assert dataset.table is not None
        assert dataset.table.values.shape == (24, 518)
        assert dataset.items[1].path == "000175"
        assert sizes(dataset) == {"train": 8, "valid": 8, "test": 8}
    y, sr = soundfile.read(made / "fma_small" / "000" / "000175.mp3", dtype="float32")
    expected = fma518(y, sr)
    assert dataset.table.names == expected.names
    # The table was computed before the mp3 was written.
    column = expected.names.index("spectral_centroid_mean_01")
    assert dataset.table.values[1, column] == pytest.approx(expected.values[column], rel=0.2)
    assert table_rows(dataset).arrays["table"].shape == (24, 518)


def test_audio_with_its_features(made: Path) -> None:
    both, rows = read(f"fma:{made}?audio,features"), read(f"fma:{made}?features")
    assert both.kind == "audio"
    assert both.table is not None
    assert rows.table is not None
    np.testing.assert_array_equal(both.table.values, rows.table.values)
    assert [i.track for i in both.items] == [i.track for i in rows.items]
    some = both.subset([5, 2])
    assert some.table is not None
    np.testing.assert_array_equal(some.table.values, both.table.values[[5, 2]])


def test_metadata_alone_are_the_features(fma: Path) -> None:
    shutil.rmtree(fma / "fma_small")
    dataset = read(fma)
    assert dataset.kind == "features"
    assert dataset.warnings == (
        "2 tracks without a top genre are left out",
        "1 tracks have no whole row in features.csv: 004154",
    )
    with pytest.raises(DatasetError, match=r"tracks\.csv and no audio of its tracks"):
        read(f"fma:{fma}?audio")
    (fma / "fma_metadata" / "features.csv").unlink()
    with pytest.raises(DatasetError, match=r"fma_small/000/000002\.mp3, or features\.csv"):
        read(fma)


def test_rows_that_are_not_whole_and_rows_that_are_equal(fma: Path) -> None:
    path = fma / "fma_metadata" / "features.csv"
    rows = list(csv.reader(path.read_text().splitlines()))
    rows[5][7] = ""
    rows[6][1:] = rows[-1][1:]  # one of training, one of test
    rows.append(["77777", *rows[-1][1:]])
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    dataset = read(path)
    assert len(dataset) == 23
    assert dataset.warnings[1:] == (
        "2 tracks have no whole row in features.csv: 000175, 004154",
        "2 tracks have an equal row on another side of the split",
    )


def test_groups(made: Path) -> None:
    assert read(made, group_by="album").items[0].group == "album 1000"
    assert read(made, group_by="file").items[0].group == "000002"
    assert read(f"fma:{made}?features", group_by="album").items[0].group == "album 1000"
    with pytest.raises(UnknownName, match="'listens'"):
        read(made, group_by="listens")


def test_a_track_of_no_artist_is_its_own(fma: Path) -> None:
    tracks = pd.read_csv(fma / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1], dtype=str)
    tracks.loc[tracks.index[0], ("artist", "id")] = np.nan
    tracks.to_csv(fma / "fma_metadata" / "tracks.csv")
    dataset = read(fma)
    assert dataset.items[0].group == "000002"
    assert dataset.items[1].group == "artist 2000"
    assert dataset.warnings == ("1 tracks name no artist: each is its own",)


def test_a_list_of_top_genres_in_place_of_the_tables(fma: Path) -> None:
    tracks = read_tracks(fma / "fma_metadata" / "tracks.csv")
    (fma / "fma_metadata" / "tracks.csv").unlink()
    lines = ["track_id,genre", *(f"{t.id},{t.genre}" for t in tracks)]
    (fma / "track_top_genre.csv").write_text("\n".join(lines) + "\n")
    dataset = read(fma)
    assert len(dataset) == 24
    assert dataset.labels == GENRES
    assert sizes(dataset) == {"": 24}
    assert any("name no artist or album" in line for line in dataset.warnings)


def test_named(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    source = "fma-miniature:tracks_per_genre=3,seconds=1,tracks_per_artist=1"
    dataset = read(source, labels=["Rock", "Pop"])
    assert dataset.name == "fma-miniature"
    assert dataset.labels == ("Rock", "Pop")
    assert len(dataset) == 6
    place = tmp_path / "fma-miniature" / "v1-3-1-0-1"
    assert (place / "fma_metadata" / "tracks.csv").read_bytes() == (
        made / "fma_metadata" / "tracks.csv"
    ).read_bytes()
    # Not made twice.
    (place / "fma_small" / "000" / "000175.mp3").unlink()
    assert len(read(source)) == 23
    assert read(f"{source}?features").kind == "features"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fma-miniature:seconsd=3", "Did you mean seconds"),
        ("fma-miniature:seconds=soon", "seconds='soon'"),
        ("fma:", "no copy of FMA"),
        ("fma:no-such-folder", "no copy of FMA"),
        ("fma:{made}?tiny", "'tiny'"),
        ("fma:{made}?small,medium", "one subset"),
        ("synthetic:tracks_per_genre=1,seconds=0.2,genres=2?small", "no copy of FMA"),
    ],
)
def test_wrong_names(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    with pytest.raises((DatasetError, RecipeError, UnknownName)) as caught:
        read(source.format(made=made))
    assert message in str(caught.value)


# -- tables


def test_tracks(made: Path) -> None:
    tracks = read_tracks(made / "fma_metadata" / "tracks.csv")
    rock = next(t for t in tracks if t.genre == "Rock" and len(t.genres) > 1)
    assert rock.genres == (12, 25)
    assert (rock.split, rock.subset, rock.artist, rock.album) == ("valid", "small", "8001", "8001")
    assert [t.genre for t in tracks if t.subset == "large"] == ["Pop", "", ""]


def test_genres(made: Path) -> None:
    genres = read_genres(made / "fma_metadata" / "genres.csv")
    assert {g.title for g in genres.values() if not g.parent} == set(GENRES)
    assert (genres[25].title, genres[25].parent, genres[25].top) == ("Punk", 12, 12)


def test_genres_below_a_genre(fma: Path) -> None:
    tracks = fma / "fma_metadata" / "tracks.csv"
    change(tracks, "[12, 25]", "[12, 25, 27, 999]")
    change(tracks, "Rock,[12],", 'Rock,"[12, 27]",')
    found = sub_genres(read(fma))
    assert list(found) == list(GENRES)
    assert list(found["Rock"].items()) == [("Lo-Fi", 2), ("Punk", 1)]
    assert found["Pop"] == {}
    (fma / "fma_metadata" / "genres.csv").unlink()
    assert sub_genres(read(fma)) == {}


def test_only_wanted_rows_in_the_order_asked_for(made: Path) -> None:
    path = made / "fma_metadata" / "features.csv"
    _, few = read_features(path, [521, 5, 2])
    _, every = read_features(path, [2, 175, 348, 521])
    np.testing.assert_array_equal(few[[0, 2]], every[[3, 0]])
    assert np.isnan(few[1]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("genre_top", "genre_topp", "no music"),
        ("split,subset", "split,subsett", "no column set/subset"),
        (",training,", ",soon,", "track 2: split 'soon'"),
        ("\n175,", "\nabc,", "track id 'abc'"),
        ("\n175,", "\n2,", "track 2 stands twice"),
    ],
)
def test_damaged_tracks(fma: Path, old: str, new: str, message: str) -> None:
    change(fma / "fma_metadata" / "tracks.csv", old, new)
    for path in (fma / "fma_small").rglob("*.mp3"):
        path.unlink()
    shutil.rmtree(fma / "fma_small")
    with pytest.raises(DatasetError, match=message):
        read(fma)


def test_damaged_features(fma: Path) -> None:
    path = fma / "fma_metadata" / "features.csv"
    change(path, "\n175,", "\n175,x")
    with pytest.raises(DatasetError, match=r"features\.csv: .*x"):
        read(path)
    change(path, "statistics", "statistic")
    assert not is_features(path)
    with pytest.raises(DatasetError, match=r"no features\.csv of FMA"):
        read(f"fma:{fma}?features")
    path.unlink()
    with pytest.raises(DatasetError, match=r"no features\.csv of FMA"):
        read(f"fma:{fma}?features")


def test_damaged_genres(tmp_path: Path) -> None:
    path = tmp_path / "genres.csv"
    path.write_text("genre_id,title\n1,Rock\n")
    with pytest.raises(DatasetError, match="no column parent, top_level"):
        read_genres(path)
    path.write_text("genre_id,title,parent,top_level\nx,Rock,0,1\n")
    with pytest.raises(DatasetError, match="'x'"):
        read_genres(path)


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert read_fma(tmp_path) is None
    assert find_tracks(tmp_path / "gone") is None
    (tmp_path / "tracks.csv").write_text("path,label\na.wav,rock\n")
    assert not is_tracks(tmp_path / "tracks.csv")
    assert read_fma(tmp_path) is None
    # A list beside another folder is not of it.
    (tmp_path / "track_top_genre.csv").write_text("track_id,genre\n2,Rock\n")
    (tmp_path / "music").mkdir()
    assert read_fma(tmp_path / "music") is None


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


def test_the_real_list_of_top_genres(shared_data: Path) -> None:
    tracks = read_tracks(shared_data / "fma" / "track_top_genre.csv")
    assert len(tracks) == 27823
    assert {t.genre for t in tracks} == set(GENRES)
    assert (tracks[0].id, tracks[0].genre) == (2, "Hip-Hop")
    with pytest.raises(DatasetError, match=r"track_top_genre\.csv and no audio of its tracks"):
        read(shared_data / "fma")
