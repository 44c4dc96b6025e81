"""FMA: its tables and layouts, in miniature; what is missing, broken or unlabelled."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genrewise.errors import DatasetError, LeakageError, RecipeError, UnknownName
from genrewise.features.summary import fma518
from genrewise.labels import label_set
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.fma import find_tracks, read_fma, sub_genres
from genrewise.training.datasets.fma_tables import (
    is_features,
    is_tracks,
    read_tracks,
)
from genrewise.training.datasets.scan import scan
from genrewise.training.splits import make_split
from genrewise.training.table_rows import table_rows

GENRES = label_set("fma-8").labels


def sizes(dataset: Dataset) -> dict[str, int]:
    return dict(Counter(item.split for item in dataset.items))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_copy(fma_made: Path) -> None:
    dataset = read(fma_made)
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
def test_each_of_its_folders_stands_for_it(fma_made: Path, part: str) -> None:
    dataset, whole = read(fma_made / part), read(fma_made)
    assert [i.track for i in dataset.items] == [i.track for i in whole.items]
    assert [i.group for i in dataset.items] == [i.group for i in whole.items]
    assert Path(dataset.file(3)).read_bytes() == Path(whole.file(3)).read_bytes()


def test_tables_beside_the_numbered_folders(fma_copy: Path) -> None:
    """Unpacked into one folder."""
    for path in [*(fma_copy / "fma_small").iterdir(), *(fma_copy / "fma_metadata").iterdir()]:
        path.rename(fma_copy / path.name)
    (fma_copy / "fma_small").rmdir()
    (fma_copy / "fma_metadata").rmdir()
    dataset = read(fma_copy)
    assert len(dataset) == 24
    assert dataset.items[0].path == "000/000002.mp3"
    assert len(read(fma_copy / "tracks.csv")) == 24


def test_the_broken_clip_is_found_when_it_is_decoded(fma_made: Path) -> None:
    dataset = read(fma_made)
    facts = scan(dataset.subset(range(4)), workers=1)
    assert [bool(f.error) for f in facts] == [True, False, False, False]


def test_what_is_missing_empty_or_strange_is_counted(fma_copy: Path) -> None:
    small = fma_copy / "fma_small"
    (small / "000" / "000175.mp3").unlink()
    (small / "000" / "000348.mp3").write_bytes(b"")
    shutil.copy(small / "000" / "000521.mp3", small / "000" / "000999.mp3")
    (small / "000" / "cover.jpg").write_bytes(b"x")
    dataset = read(fma_copy)
    assert len(dataset) == 22
    assert dataset.warnings == (
        "1 files are empty: fma_small/000/000348.mp3",
        "1 of the 24 tracks of FMA small are not here: 000175",
        "1 files are of no track of the table: fma_small/000/000999.mp3",
    )


def test_clips_known_to_be_broken_are_left_out(fma_copy: Path) -> None:
    tracks = fma_copy / "fma_metadata" / "tracks.csv"
    for old, new in ((175, 99134), (348, 98567)):
        change(tracks, f"\n{old},", f"\n{new},")
        folder = fma_copy / "fma_small" / f"{new:06d}"[:3]
        folder.mkdir(exist_ok=True)
        (fma_copy / "fma_small" / "000" / f"{old:06d}.mp3").rename(folder / f"{new:06d}.mp3")
    dataset = read(fma_copy)
    assert len(dataset) == 22
    assert dataset.warnings == (
        "1 files hold no audio, as is known of them: fma_small/099/099134.mp3",
        "1 files are cut to a second or two, as is known of them: fma_small/098/098567.mp3",
    )
    # Uncut they are whole.
    (fma_copy / "fma_small").rename(fma_copy / "fma_full")
    assert len(read(fma_copy)) == 24


def test_subsets(fma_copy: Path) -> None:
    large = fma_copy / "fma_large"
    shutil.copytree(fma_copy / "fma_small", large)
    for number in (4154, 4327, 4500):  # one of Pop, two without a top genre
        (large / "004").mkdir(exist_ok=True)
        shutil.copy(large / "000" / "000175.mp3", large / "004" / f"{number:06d}.mp3")
    every = read(fma_copy)
    assert len(every) == 25
    assert every.items[0].path.startswith("fma_small")
    assert every.warnings == ("2 tracks without a top genre are left out",)
    assert len(read(f"fma:{fma_copy}?small")) == 24
    only = read(f"fma:{fma_copy}?large")
    assert {i.path.split("/")[0] for i in only.items} == {"fma_large"}
    assert len(only) == 25
    # A subset that has no folder of its own is taken from what is here.
    shutil.rmtree(fma_copy / "fma_small")
    medium = read(f"fma:{fma_copy}?medium")
    assert len(medium) == 24
    assert medium.items[0].path == "fma_large/000/000002.mp3"


def test_features(fma_made: Path) -> None:
    for source in (fma_made / "fma_metadata" / "features.csv", f"fma:{fma_made}?features,small"):
        dataset = read(source)
        assert dataset.kind == "features"
        assert dataset.table is not None
        assert dataset.table.values.shape == (24, 518)
        assert dataset.items[1].path == "000175"
        assert sizes(dataset) == {"train": 8, "valid": 8, "test": 8}
    y, sr = soundfile.read(fma_made / "fma_small" / "000" / "000175.mp3", dtype="float32")
    expected = fma518(y, sr)
    assert dataset.table.names == expected.names
    # The table was computed before the mp3 was written.
    column = expected.names.index("spectral_centroid_mean_01")
    assert dataset.table.values[1, column] == pytest.approx(expected.values[column], rel=0.2)
    assert table_rows(dataset).arrays["table"].shape == (24, 518)


def test_audio_with_its_features(fma_made: Path) -> None:
    both, rows = read(f"fma:{fma_made}?audio,features"), read(f"fma:{fma_made}?features")
    assert both.kind == "audio"
    assert both.table is not None
    assert rows.table is not None
    np.testing.assert_array_equal(both.table.values, rows.table.values)
    assert [i.track for i in both.items] == [i.track for i in rows.items]
    some = both.subset([5, 2])
    assert some.table is not None
    np.testing.assert_array_equal(some.table.values, both.table.values[[5, 2]])


def test_metadata_alone_are_the_features(fma_copy: Path) -> None:
    shutil.rmtree(fma_copy / "fma_small")
    dataset = read(fma_copy)
    assert dataset.kind == "features"
    assert dataset.warnings == (
        "2 tracks without a top genre are left out",
        "1 tracks have no whole row in features.csv: 004154",
    )
    with pytest.raises(DatasetError, match=r"tracks\.csv and no audio of its tracks"):
        read(f"fma:{fma_copy}?audio")
    (fma_copy / "fma_metadata" / "features.csv").unlink()
    with pytest.raises(DatasetError, match=r"fma_small/000/000002\.mp3, or features\.csv"):
        read(fma_copy)


def test_rows_that_are_not_whole_and_rows_that_are_equal(fma_copy: Path) -> None:
    path = fma_copy / "fma_metadata" / "features.csv"
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


def test_audio_in_another_format(fma_copy: Path) -> None:
    """People convert; endings are in either case; a link is a file as well."""
    folder = fma_copy / "fma_small" / "000"
    y, sr = soundfile.read(folder / "000175.mp3")
    soundfile.write(folder / "000175.ogg", y, sr)
    (folder / "000175.mp3").unlink()
    (folder / "000348.mp3").rename(folder / "000348.MP3")
    (folder / "000521.mp3").rename(fma_copy / "elsewhere.mp3")
    (folder / "000521.mp3").symlink_to(fma_copy / "elsewhere.mp3")
    dataset = read(fma_copy)
    assert len(dataset) == 24
    assert [i.path[-10:] for i in dataset.items[1:4]] == ["000175.ogg", "000348.MP3", "000521.mp3"]
    assert [f.error for f in scan(dataset.subset([1, 2, 3]), workers=1)] == [""] * 3


def test_the_official_split_is_kept_and_parts_no_artist(fma_copy: Path) -> None:
    dataset = read(fma_copy)
    split = make_split(dataset, seed=5)
    parts = {name: {dataset.items[i].split for i in own} for name, own in split.parts().items()}
    assert parts == {"train": {"train"}, "valid": {"valid"}, "test": {"test"}}
    # An artist that the table has on two sides is refused, not repaired.
    tracks = fma_copy / "fma_metadata" / "tracks.csv"
    frame = pd.read_csv(tracks, index_col=0, header=[0, 1], dtype=str)
    frame["artist", "id"] = frame["artist", "id"].replace("1001", "1000")
    frame.to_csv(tracks)
    with pytest.raises(LeakageError, match="artist 1000"):
        make_split(read(fma_copy))


def test_a_manifest_in_the_folder_comes_first(fma_copy: Path) -> None:
    (fma_copy / "manifest.csv").write_text(
        "path,label,group\nfma_small/000/000175.mp3,rock,x\nfma_small/000/000348.mp3,pop,y\n"
    )
    assert len(read(fma_copy)) == 2
    # Words ask for FMA itself.
    assert len(read(f"fma:{fma_copy}?small")) == 24


def test_labels_are_chosen_with_their_rows(fma_made: Path) -> None:
    dataset = read(f"fma:{fma_made}?audio,features", labels=["Rock", "Folk"])
    assert dataset.labels == ("Rock", "Folk")
    assert dataset.targets().tolist() == [1, 0] * 3
    every = read(f"fma:{fma_made}?features")
    assert dataset.table is not None
    assert every.table is not None
    rows = [i for i, item in enumerate(every.items) if item.label in {"Rock", "Folk"}]
    np.testing.assert_array_equal(dataset.table.values, every.table.values[rows])


def test_groups(fma_made: Path) -> None:
    assert read(fma_made, group_by="album").items[0].group == "album 1000"
    assert read(fma_made, group_by="file").items[0].group == "000002"
    assert read(f"fma:{fma_made}?features", group_by="album").items[0].group == "album 1000"
    with pytest.raises(UnknownName, match="'listens'"):
        read(fma_made, group_by="listens")


def test_a_track_of_no_artist_is_its_own(fma_copy: Path) -> None:
    tracks = pd.read_csv(
        fma_copy / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1], dtype=str
    )
    tracks.loc[tracks.index[0], ("artist", "id")] = np.nan
    tracks.to_csv(fma_copy / "fma_metadata" / "tracks.csv")
    dataset = read(fma_copy)
    assert dataset.items[0].group == "000002"
    assert dataset.items[1].group == "artist 2000"
    assert dataset.warnings == ("1 tracks name no artist: each is its own",)


def test_a_list_of_top_genres_in_place_of_the_tables(fma_copy: Path) -> None:
    tracks = read_tracks(fma_copy / "fma_metadata" / "tracks.csv")
    (fma_copy / "fma_metadata" / "tracks.csv").unlink()
    lines = ["track_id,genre", *(f"{t.id},{t.genre}" for t in tracks)]
    (fma_copy / "track_top_genre.csv").write_text("\n".join(lines) + "\n")
    dataset = read(fma_copy)
    assert len(dataset) == 24
    assert dataset.labels == GENRES
    assert sizes(dataset) == {"": 24}
    assert any("name no artist or album" in line for line in dataset.warnings)


def test_named(fma_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    shutil.copytree(fma_made, tmp_path / "fma-miniature" / "v1-3-1-0-1")
    source = "fma-miniature:tracks_per_genre=3,seconds=1,tracks_per_artist=1"
    dataset = read(source, labels=["Rock", "Pop"])
    assert dataset.name == "fma-miniature"
    assert dataset.labels == ("Rock", "Pop")
    assert len(dataset) == 6
    assert read(f"{source}?features").kind == "features"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fma-miniature:seconsd=3", "Did you mean seconds"),
        ("fma-miniature:seconds=soon", "seconds='soon'"),
        ("fma:", "no copy of FMA"),
        ("fma:no-such-folder", "no copy of FMA"),
        ("fma:{fma_made}?tiny", "'tiny'"),
        ("fma:{fma_made}?small,medium", "one subset"),
        ("synthetic:tracks_per_genre=1,seconds=0.2,genres=2?small", "no copy of FMA"),
    ],
)
def test_wrong_names(
    fma_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    with pytest.raises((DatasetError, RecipeError, UnknownName)) as caught:
        read(source.format(fma_made=fma_made))
    assert message in str(caught.value)


def test_genres_below_a_genre(fma_copy: Path) -> None:
    tracks = fma_copy / "fma_metadata" / "tracks.csv"
    change(tracks, "[12, 25]", "[12, 25, 27, 999]")
    change(tracks, "Rock,[12],", 'Rock,"[12, 27]",')
    found = sub_genres(read(fma_copy))
    assert list(found) == list(GENRES)
    assert list(found["Rock"].items()) == [("Lo-Fi", 2), ("Punk", 1)]
    assert found["Pop"] == {}
    (fma_copy / "fma_metadata" / "genres.csv").unlink()
    assert sub_genres(read(fma_copy)) == {}


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
def test_damaged_tracks(fma_copy: Path, old: str, new: str, message: str) -> None:
    change(fma_copy / "fma_metadata" / "tracks.csv", old, new)
    for path in (fma_copy / "fma_small").rglob("*.mp3"):
        path.unlink()
    shutil.rmtree(fma_copy / "fma_small")
    with pytest.raises(DatasetError, match=message):
        read(fma_copy)


def test_damaged_features(fma_copy: Path) -> None:
    path = fma_copy / "fma_metadata" / "features.csv"
    change(path, "\n175,", "\n175,x")
    with pytest.raises(DatasetError, match=r"features\.csv: .*x"):
        read(path)
    change(path, "statistics", "statistic")
    assert not is_features(path)
    with pytest.raises(DatasetError, match=r"no features\.csv of FMA"):
        read(f"fma:{fma_copy}?features")
    path.unlink()
    with pytest.raises(DatasetError, match=r"no features\.csv of FMA"):
        read(f"fma:{fma_copy}?features")


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


def test_the_real_list_of_top_genres(shared_data: Path) -> None:
    tracks = read_tracks(shared_data / "fma" / "track_top_genre.csv")
    assert len(tracks) == 27823
    assert {t.genre for t in tracks} == set(GENRES)
    assert (tracks[0].id, tracks[0].genre) == (2, "Hip-Hop")
    with pytest.raises(DatasetError, match=r"track_top_genre\.csv and no audio of its tracks"):
        read(shared_data / "fma")
