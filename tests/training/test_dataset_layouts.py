"""Layouts as they circulate, rebuilt in miniature, from reading to a written split."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from genrewise.labels import label_set
from genrewise.training.datasets import Dataset, read
from genrewise.training.datasets.duplicates import check_audio, duplicates, merge
from genrewise.training.datasets.scan import scan
from genrewise.training.datasets.synthesis import SR
from genrewise.training.datasets.synthetic import STYLES, artist, generate, render
from genrewise.training.report.data import data_report, text
from genrewise.training.splits import folds, make_split, read_split, write_split

GENRES = label_set("gtzan-10").labels


def wav(path: Path, seconds: float = 0.05) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(int(8000 * seconds), 0.1, dtype=np.float32), 8000)


def parts_of(dataset: Dataset) -> dict[str, Counter[str]]:
    split = make_split(dataset)
    return {
        name: Counter(dataset.items[i].label for i in own) for name, own in split.parts().items()
    }


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GTZAN as it is passed around: audio, pictures and two tables in one folder."""
    root = tmp_path_factory.mktemp("Data")
    for genre in GENRES:
        for n in range(6):
            wav(root / "genres_original" / genre / f"{genre}.{n:05d}.wav")
            picture = root / "images_original" / genre / f"{genre}{n:05d}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(b"x")
    (root / "genres_original" / "jazz" / "jazz.00005.wav").write_bytes(b"damaged, as it is")
    for name, pieces in (("features_30_sec.csv", [""]), ("features_3_sec.csv", [".0", ".1"])):
        with (root / name).open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["filename", "length", *(f"mfcc{k}_mean" for k in range(6)), "label"])
            for i, genre in enumerate(GENRES):
                for n in range(6):
                    for piece in pieces:
                        file = f"{genre}.{n:05d}{piece}.wav"
                        values = [i + n / 10 + len(piece) * (k + n) + k for k in range(6)]
                        writer.writerow([file, 661794, *values, genre])
    return root


def test_kaggle_folder_is_gtzan_audio(kaggle: Path) -> None:
    dataset = read(kaggle)
    assert dataset.name == "gtzan"
    assert dataset.kind == "audio"
    assert dataset.labels == GENRES
    assert Counter(i.label for i in dataset.items) == dict.fromkeys(GENRES, 6)
    assert "2 files .csv passed over" in dataset.passed
    assert "60 files .png passed over" in dataset.passed
    assert "GTZAN without a list of its artists" in dataset.warnings[0]
    report = data_report(dataset, scan(dataset, workers=1))
    assert [path for path, _ in report.unreadable] == ["genres_original/jazz/jazz.00005.wav"]


def test_kaggle_pictures(kaggle: Path) -> None:
    dataset = read(kaggle / "images_original")
    assert dataset.kind == "pictures"
    assert {i.track for i in dataset.items} == {i.track for i in read(kaggle).items}


def test_kaggle_tables(kaggle: Path) -> None:
    whole, pieces = (read(kaggle / f"features_{s}_sec.csv") for s in ("30", "3"))
    assert (len(whole), len(pieces)) == (60, 120)
    assert {i.track for i in whole.items} == {i.track for i in pieces.items}
    for dataset in (whole, pieces):
        assert dataset.table is not None
        assert dataset.table.values.shape == (len(dataset), 6)
        for counts in parts_of(dataset).values():
            assert set(counts) == set(GENRES)
    # Pieces of a track stay together in every fold.
    for train, held in folds(pieces, range(120), 3):
        tracks = {pieces.items[i].track for i in train}
        assert not tracks & {pieces.items[i].track for i in held}


def test_a_list_turns_the_copies_into_groups(kaggle: Path, tmp_path: Path) -> None:
    index = tmp_path / "index.csv"
    with index.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["track", "group", "split", "replica_set"])
        for genre in GENRES:
            for n in range(6):
                part = ("train", "train", "train", "valid", "valid", "")[n]
                replica = "r" if (genre, n) in {("metal", 2), ("rock", 0)} else ""
                writer.writerow([f"{genre}.{n:05d}", f"{genre} {n // 3}", part, replica])
    for source in (kaggle, kaggle / "features_3_sec.csv", kaggle / "images_original"):
        dataset = read(source, group_by=str(index))
        assert len({i.group for i in dataset.items}) == 20
        split = make_split(dataset, valid=0.0)
        held = {dataset.items[i].track for i in split.test}
        assert held == {f"{g}.{n:05d}" for g in GENRES for n in (3, 4)}
        assert "are left out" in split.rule


# -- sections: songs with clips of several genres


@pytest.fixture
def drops(tmp_path: Path) -> Path:
    """Clips of songs; a song has a main part and a drop, labelled apart."""
    rows = []
    for song in range(12):
        style = ("bouncy", "tekno", "warzone")[song % 3]
        for clip in range(4):
            label = "non-techno-drop" if clip == 3 else style
            path = f"{label}/song{song}_{clip:04d}.wav"
            wav(tmp_path / path)
            rows.append((path, label, f"song{song}", f"song{song}", f"{song}:{clip}1"))
    with (tmp_path / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label", "group", "track", "start"), *rows])
    return tmp_path


def test_songs_with_several_labels_are_never_split(drops: Path) -> None:
    dataset = read(drops)
    assert dataset.labels == ("bouncy", "tekno", "warzone", "non-techno-drop")
    assert len({i.section for i in dataset.items}) == 24
    assert {(i.start, i.duration) for i in dataset.items} == {(0.0, None)}
    for seed in range(5):
        split = make_split(dataset, seed=seed)
        sides: dict[str, set[str]] = {}
        for name, own in split.parts().items():
            for i in own:
                sides.setdefault(dataset.items[i].track, set()).add(name)
        assert all(len(s) == 1 for s in sides.values())


def test_a_subset_of_labels_keeps_its_songs_whole(drops: Path) -> None:
    dataset = read(drops, labels=["warzone", "non-techno-drop"])
    assert Counter(i.label for i in dataset.items) == {"warzone": 12, "non-techno-drop": 12}
    for train, held in folds(dataset, range(len(dataset)), 4):
        songs = {dataset.items[i].track for i in train}
        assert not songs & {dataset.items[i].track for i in held}


# -- a listener's own folders


def m4a(path: Path, artist_name: str, album: str) -> None:
    """A second of AAC with tags, as shops sell it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="ipod") as container:
        container.metadata["artist"] = artist_name
        container.metadata["album"] = album
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        for _ in range(43):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_bought_music(tmp_path: Path) -> None:
    m4a(tmp_path / "Soul/Aretha/Lady Soul/01.m4a", "Aretha Franklin", "Lady Soul")
    m4a(tmp_path / "Soul/Aretha/Lady Soul/02.m4a", "Aretha Franklin feat. Eric", "Lady Soul")
    m4a(tmp_path / "Funk/Compilation/07.m4a", "Various Artists", "Funk Hits")
    (tmp_path / "Soul/Aretha/Lady Soul/Folder.jpg").write_bytes(b"x")
    (tmp_path / "Soul/.DS_Store").write_bytes(b"x")
    dataset = read(tmp_path)
    assert [(i.label, i.group) for i in dataset.items] == [
        ("Funk", "album funk hits"),
        ("Soul", "artist aretha franklin"),
        ("Soul", "artist aretha franklin"),
    ]
    assert dataset.warnings == ()
    assert dataset.passed == ("1 files .jpg passed over",)


def test_the_whole_way_with_a_copy_under_another_name(tmp_path: Path) -> None:
    """Read, scan, join the copies, split, write, read back, report."""
    root = generate(tmp_path / "own", 6, 6.0, genres=["techno", "waltz"], tracks_per_artist=1)
    (root / "manifest.csv").unlink()
    who = artist(STYLES["waltz"], np.random.default_rng(77))
    y = render(who, 9.0, np.random.default_rng(1))
    soundfile.write(root / "waltz" / "first.flac", y, SR)
    soundfile.write(root / "waltz" / "again.ogg", y[2 * SR :], SR)
    dataset = read(root)
    assert len(dataset) == 14
    assert "14 of 14 files name no artist or album" in dataset.warnings[0]
    facts = scan(dataset, workers=2)
    pairs = duplicates(dataset, facts)
    paths = [i.path for i in dataset.items]
    assert [(paths[p.first], paths[p.second]) for p in pairs] == [
        ("waltz/again.ogg", "waltz/first.flac")
    ]
    joined = merge(dataset, pairs)
    split = make_split(joined, seed=1)
    check_audio(joined, split, pairs)
    write_split(tmp_path / "split.csv", joined, split)
    assert read_split(tmp_path / "split.csv", joined).parts() == split.parts()
    shown = text(data_report(dataset, facts, pairs))
    assert "near-duplicates across groups: 1\n  waltz/again.ogg = waltz/first.flac" in shown
    assert "codecs    pcm_s16 (12), vorbis (1), flac (1)" in shown


# -- size


def test_thousands_of_files_are_listed_in_a_second(tmp_path: Path) -> None:
    for genre in range(10):
        (tmp_path / f"g{genre}").mkdir()
        for n in range(300):
            (tmp_path / f"g{genre}" / f"{n}.mp3").touch()
    start = time.perf_counter()
    dataset = read(tmp_path, group_by="file")
    split = make_split(dataset)
    assert time.perf_counter() - start < 5
    assert (len(split.train), len(split.valid), len(split.test)) == (2100, 450, 450)


# -- what is loaded


HEAVY = ("torch", "sklearn", "pandas", "matplotlib", "librosa", "onnxruntime", "scipy", "av")


def test_reading_and_splitting_load_nothing_heavy(tmp_path: Path) -> None:
    generate(tmp_path, 6, 0.3, genres=["techno", "waltz"], tracks_per_artist=1)
    code = (
        "import sys\n"
        "from genrewise.training import datasets, splits\n"
        f"splits.make_split(datasets.read({str(tmp_path)!r}))\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    root = generate(tmp_path / "m", 4, 1.0, genres=["techno", "waltz"], tracks_per_artist=1)
    (root / "waltz" / "waltz.00001.wav").write_bytes(b"")
    command = [sys.executable, "-m", "genrewise", "datasets", "report", "--json", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ""
    values = json.loads(done.stdout)
    assert [path for path, _ in values["unreadable"]] == ["waltz/waltz.00001.wav"]
    assert values["clips"] == 8
    assert values["lengths"]["total"] == pytest.approx(7.0)
