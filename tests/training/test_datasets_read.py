"""Reading data sets: the layouts people have, in miniature."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrewise.errors import DatasetError, MissingExtra, RecipeError, UnknownName
from genrewise.registry import Registry
from genrewise.training import datasets as package
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.base import finish, select, some, stem
from genrewise.training.datasets.rows import column, read_rows, seconds, side


def wav(path: Path, value: float = 0.1) -> Path:
    """A short file that can be decoded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(800, value, dtype=np.float32), 8000)
    return path


def folder(root: Path, *paths: str) -> Path:
    for path in paths:
        wav(root / path)
    return root


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def labels(dataset: Dataset) -> dict[str, str]:
    return {item.path: item.label for item in dataset.items}


def groups(dataset: Dataset) -> list[str]:
    return [item.group for item in dataset.items]


# -- folder per genre


def test_folders_are_genres(tmp_path: Path) -> None:
    root = folder(tmp_path / "my music", "rock/b.wav", "rock/a.wav", "Hip-Hop/c.wav", "polka/d.wav")
    dataset = read(root)
    assert dataset.name == "my music"
    assert dataset.kind == "audio"
    assert labels(dataset) == {
        "Hip-Hop/c.wav": "Hip-Hop",
        "polka/d.wav": "polka",
        "rock/a.wav": "rock",
        "rock/b.wav": "rock",
    }
    # The user's own spelling stays, and order is the alphabet's.
    assert dataset.labels == ("Hip-Hop", "polka", "rock")
    assert dataset.targets().tolist() == [0, 1, 2, 2]
    assert [i.track for i in dataset.items] == ["Hip-Hop/c", "polka/d", "rock/a", "rock/b"]
    assert soundfile.info(dataset.file(0)).frames == 800
    assert "4 of 4 files name no artist or album" in dataset.warnings[0]


def test_known_labels_come_in_their_order(tmp_path: Path) -> None:
    names = ["tekno", "bouncy", "non-techno-drop", "industrial", "warzone"]
    root = folder(tmp_path, *(f"{n}/x.wav" for n in names))
    assert read(root).labels == ("bouncy", "tekno", "warzone", "industrial", "non-techno-drop")


def test_sub_folders_belong_to_their_genre(tmp_path: Path) -> None:
    root = folder(
        tmp_path, "jazz/Ella/Live/01.wav", "jazz/Ella/02.wav", "jazz/03.wav", "folk/Joan/01.wav"
    )
    dataset = read(root)
    assert Counter(i.label for i in dataset.items) == {"jazz": 3, "folk": 1}
    grouped = read(root, group_by="folder")
    assert groups(grouped) == ["folk/Joan", "jazz/03", "jazz/Ella", "jazz/Ella"]
    assert grouped.warnings == ("1 files lie in no sub-folder: each is its own group",)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        "rock/a.wav",
        "rock/._a.wav",
        "rock/.hidden/b.wav",
        ".cache/c.wav",
        "__MACOSX/rock/d.wav",
        "jazz/e.wav",
    )
    for other in ("rock/cover.jpg", "rock/album.cue", "jazz/cover.JPG", "jazz/README"):
        (root / other).write_bytes(b"x")
    dataset = read(root)
    assert sorted(labels(dataset)) == ["jazz/e.wav", "rock/a.wav"]
    assert dataset.passed == (
        "1 files .cue passed over",
        "2 files .jpg passed over",
        "1 files README passed over",
    )


def test_loose_files_are_told_of(tmp_path: Path) -> None:
    root = folder(tmp_path, "rock/a.wav", "jazz/b.wav", "loose.wav")
    dataset = read(root)
    assert len(dataset) == 2
    assert dataset.warnings[0] == "1 files lie in no genre folder: loose.wav"


def test_spellings_of_one_genre_are_told_of_and_kept(tmp_path: Path) -> None:
    root = folder(tmp_path, "hip-hop/a.wav", "Hip Hop/b.wav", "rock/c.wav")
    dataset = read(root)
    assert dataset.labels == ("Hip Hop", "hip-hop", "rock")
    assert "folders Hip Hop and hip-hop are kept as different genres" in dataset.warnings


def test_train_and_test_folders_are_the_split(tmp_path: Path) -> None:
    root = folder(
        tmp_path, "train/rock/a.wav", "train/jazz/b.wav", "Test/rock/c.wav", "val/jazz/sub/d.wav"
    )
    dataset = read(root, group_by="file")
    assert {i.path: (i.label, i.split) for i in dataset.items} == {
        "Test/rock/c.wav": ("rock", "test"),
        "train/jazz/b.wav": ("jazz", "train"),
        "train/rock/a.wav": ("rock", "train"),
        "val/jazz/sub/d.wav": ("jazz", "valid"),
    }
    # A genre may bear such a name beside others.
    other = folder(tmp_path / "two", "test/a.wav", "rock/b.wav")
    assert read(other).labels == ("rock", "test")


def test_picture_folders(tmp_path: Path) -> None:
    for path in ("rock/a.png", "jazz/b.PNG"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    dataset = read(tmp_path)
    assert dataset.kind == "pictures"
    assert len(dataset) == 2
    assert "pictures name no artist" in dataset.warnings[0]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    far = folder(tmp_path / "far", "x.wav")
    root = folder(tmp_path / "near", "rock/a.wav", "jazz/b.wav")
    (root / "polka").symlink_to(far, target_is_directory=True)
    (root / "rock" / "round").symlink_to(root, target_is_directory=True)
    dataset = read(root)
    assert labels(dataset)["polka/x.wav"] == "polka"
    assert len(dataset) == 3


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "no music"),
        (("a.wav", "b.wav"), "2 files but no genre folders"),
    ],
)
def test_folders_without_genres_are_refused(
    tmp_path: Path, paths: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(folder(tmp_path, *paths))
    assert "one sub-folder of music a genre" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/folder", "no such folder, file or data set"),
        ("syntetic", "Did you mean synthetic"),
        ("", "no genre folders|no music|no such|genre"),
    ],
)
def test_sources_that_are_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=message):
        read(source)


def test_a_song_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"song\.wav: a file; expected a folder"):
        read(wav(tmp_path / "song.wav"))


# -- labels asked for


def test_subset_of_labels_in_the_order_given(tmp_path: Path) -> None:
    root = folder(tmp_path, "a/1.wav", "b/2.wav", "c/3.wav", "c/4.wav")
    dataset = read(root, labels=["c", "a"])
    assert dataset.labels == ("c", "a")
    assert dataset.targets().tolist() == [1, 0, 0]
    with pytest.raises(UnknownName, match=r"no label named 'bb'.*[Dd]id you mean b"):
        read(root, labels=["a", "bb"])
    with pytest.raises(DatasetError, match="a twice"):
        read(root, labels=["a", "c", "a"])


# -- small parts


def test_seconds_and_sides() -> None:
    assert seconds("61.5", "x") == 61.5
    assert seconds("1:01.5", "x") == 61.5
    assert seconds("1:02:03", "x") == 3723
    for wrong in ("", "1:2:3:4", "-1", "nan", "inf", "1:-2", "a"):
        with pytest.raises(DatasetError, match="here"):
            seconds(wrong, "here")
    spellings = ("Train", "training ", "VAL", "validation", "dev", "test", "eval", "")
    found = [side(s, "x") for s in spellings]
    assert found == ["train", "train", "valid", "valid", "valid", "test", "test", ""]


def test_column_prefers_our_own_name(tmp_path: Path) -> None:
    assert column(["genre", "label"], "label") == "label"
    assert column(["Genre", "x"], "label") == "Genre"
    assert column(["x"], "label") == ""
    rows = read_rows(table(tmp_path / "t.csv", "a,b", "1,2", "", "3,4"))
    assert rows.lines == (2, 4)
    assert rows.rows == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})


def test_names_and_stems() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert stem("a.b/song.mp3") == "a.b/song"
    assert stem("a.b/song") == "a.b/song"
    assert stem(".hidden") == ".hidden"


def test_finish_refuses_impossible_times() -> None:
    from genrewise.training.datasets import Item

    for start, duration in ((-1.0, None), (float("nan"), None), (0.0, -2.0), (0.0, float("inf"))):
        bad = Dataset("x", ".", (Item("a", "l", "g", "t", "", start, duration),), ())
        with pytest.raises(DatasetError, match="expected a start of 0 s or more"):
            finish(bad)


def test_select_and_subset_keep_numbers() -> None:
    from genrewise.training.datasets import Item

    items = tuple(Item(str(i), "abc"[i % 3], "", str(i)) for i in range(6))
    dataset = finish(Dataset("x", ".", items, ()))
    part = dataset.subset([5, 1])
    assert part.labels == ("a", "b", "c")
    assert part.targets().tolist() == [2, 1]
    assert select(dataset, ["b"]).targets().tolist() == [0, 0]


# -- names and plug-ins


def test_synthetic_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    source = "synthetic:tracks_per_genre=2,seconds=0.5,genres=3,tracks_per_artist=1"
    dataset = read(source)
    assert dataset.name == "synthetic"
    assert len(dataset) == 6
    assert len(set(groups(dataset))) == 6
    before = (Path(dataset.root) / "manifest.csv").stat().st_mtime_ns
    assert read(source).root == dataset.root
    assert (Path(dataset.root) / "manifest.csv").stat().st_mtime_ns == before
    assert read(source.replace("seconds=0.5", "seconds=0.6")).root != dataset.root
    for wrong, message in (
        ("track_per_genre=2", "no setting 'track_per_genre'.*[Dd]id you mean tracks_per_genre"),
        ("seconds=long", "seconds='long'; expected a number"),
        ("genres=0", "genres=0; expected 1 to 12"),
    ):
        with pytest.raises(RecipeError, match=message):
            read(f"synthetic:{wrong}")


def test_names_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, "1.wav", "2.wav")
    table(root / "manifest.csv", "path,label,group", "1.wav,a,x", "2.wav,b,y")
    known = Registry("data set", {"mine": "absent_module:prepare"}, "train")
    monkeypatch.setattr(package, "DATASETS", known)
    with pytest.raises(MissingExtra, match=r"data set mine needs the extra \[train\]"):
        read("mine")


# -- the real folders


def test_real_gtzan(shared_data: Path) -> None:
    dataset = read(shared_data / "gtzan")
    assert len(dataset) == 611
    assert len(dataset.labels) == 10
    assert Counter(i.split for i in dataset.items) == {"train": 388, "valid": 166, "": 57}
    assert len(set(groups(dataset))) == 164
    assert dataset.warnings == ()


def test_real_sub_genres(shared_data: Path) -> None:
    dataset = read(shared_data / "hard-techno")
    assert len(dataset) == 1403
    assert len({i.track for i in dataset.items}) == 218
    assert len({i.section for i in dataset.items}) == 319
    # Its column start is a minute of the song; the files are clips of 8 s.
    assert {i.start for i in dataset.items} == {0.0}
    five = read(
        shared_data / "hard-techno",
        labels=["bouncy", "tekno", "warzone", "industrial", "non-techno-drop"],
    )
    assert len(five) == 1041


def test_real_tables_and_pictures(shared_data: Path) -> None:
    index = str(shared_data / "gtzan" / "index.csv")
    dataset = read(shared_data / "tables" / "gtzan_features_30_sec.csv", group_by=index)
    assert dataset.table is not None
    assert dataset.table.values.shape == (710, 57)
    assert dataset.table.names[0] == "chroma_stft_mean"
    assert dataset.table.names[-1] == "mfcc20_var"
    assert Counter(i.split for i in dataset.items) == {"train": 443, "valid": 197, "": 70}
    pictures = read(shared_data / "gtzan-pictures", group_by=index)
    assert pictures.kind == "pictures"
    assert len(pictures) == 709
    assert len(set(groups(pictures))) == 209
    codes = read(shared_data / "fma" / "features_3000.csv")
    assert codes.table is not None
    assert codes.table.values.shape == (3000, 29)
    assert "10 rows have one that is equal, or nearly so: such rows share a group" in codes.warnings


def test_real_loops(shared_data: Path) -> None:
    dataset = read(shared_data / "loops")
    assert dataset.labels == ("blues", "hiphop", "jazz", "reggae", "rock")
    assert dataset.warnings == ("109 rows without a label are left out",)
