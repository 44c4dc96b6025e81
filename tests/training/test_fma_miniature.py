"""The miniature of FMA: its layout, its tables, and that it can be learnt from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genrewise.errors import DatasetError, RecipeError
from genrewise.training.datasets import read
from genrewise.training.datasets.duplicates import duplicates, merge
from genrewise.training.datasets.fma_miniature import _music, _tracks, generate, prepare
from genrewise.training.datasets.scan import scan
from genrewise.training.problem import readable
from genrewise.training.splits import check, make_split
from genrewise.training.store import extract_dataset
from genrewise.windows import WindowRule


def test_the_tables_are_read_as_fma_reads_them(fma_made: Path) -> None:
    """FMA's own loader is pandas with two and three header rows."""
    tracks = pd.read_csv(fma_made / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1])
    assert tracks.shape == (27, 52)
    assert tracks.index.name == "track_id"
    assert tracks["set", "subset"].value_counts().to_dict() == {"small": 24, "large": 3}
    assert tracks["artist", "bio"].str.contains("\n").all()
    assert set(tracks["set", "split"]) == {"training", "validation", "test"}
    small = tracks[tracks["set", "subset"] == "small"]
    sides = small.groupby(("artist", "id"))[[("set", "split")]].nunique()
    assert (sides == 1).all(axis=None)
    features = pd.read_csv(
        fma_made / "fma_metadata" / "features.csv", index_col=0, header=[0, 1, 2]
    )
    assert features.shape == (24, 518)
    assert features.columns.names == ["feature", "statistics", "number"]
    assert features["mfcc", "mean"].columns.tolist() == [f"{n:02d}" for n in range(1, 21)]


def test_the_audio_lies_as_in_fma(fma_made: Path) -> None:
    files = sorted(p.relative_to(fma_made).as_posix() for p in fma_made.rglob("*.mp3"))
    assert len(files) == 24
    assert files[:2] == ["fma_small/000/000002.mp3", "fma_small/000/000175.mp3"]
    assert files[-1] == "fma_small/003/003981.mp3"
    sums = (fma_made / "fma_small" / "checksums").read_text().splitlines()
    for line in sums:
        digest, _, path = line.partition("  ")
        assert hashlib.sha1((fma_made / "fma_small" / path).read_bytes()).hexdigest() == digest
    assert len(sums) == 24
    assert soundfile.info(fma_made / files[1]).duration == pytest.approx(1.0, abs=0.01)


def test_another_seed_is_other_music() -> None:
    track = next(t for t in _tracks(3, 1) if t.genre == "Rock")
    one, again, other = (_music(track, 1.0, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize(
    "wrong", [{"tracks_per_genre": 4}, {"seconds": 0.5}, {"tracks_per_artist": 0}]
)
def test_a_miniature_needs_three_artists(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="three artists a genre and 1 s, or more"):
        generate(tmp_path, **wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_tables_count_what_they_tell_of(fma_made: Path) -> None:
    genres = pd.read_csv(fma_made / "fma_metadata" / "genres.csv", index_col=0)
    assert genres.columns.tolist() == ["#tracks", "parent", "title", "top_level"]
    assert genres.loc[genres["parent"] != 0, "title"].tolist() == ["Punk", "Post-Rock", "Lo-Fi"]
    assert (genres.loc[genres["parent"] != 0, "top_level"] == 12).all()
    tracks = pd.read_csv(fma_made / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1])
    named = Counter(n for cell in tracks["track", "genres"] for n in json.loads(cell))
    assert genres["#tracks"].to_dict() == {n: named[n] for n in genres.index}
    assert tracks["track", "genre_top"].isna().sum() == 2


def test_artists_of_a_larger_one() -> None:
    """A tenth of the artists each are held out, and whole."""
    for tracks, artists, expected in ((21, 1, (17, 2, 2)), (12, 2, (8, 2, 2)), (5, 2, (2, 2, 1))):
        made = _tracks(tracks, artists)
        rock = [t for t in made if t.genre == "Rock" and t.subset == "small"]
        sides = Counter(t.split for t in rock)
        assert (sides["training"], sides["validation"], sides["test"]) == expected
        assert len({(t.who, t.split) for t in rock}) == len({t.who for t in rock})
        assert len({t.id for t in made}) == len(made)


def test_genres_can_be_told_apart(fma_made: Path) -> None:
    """Two tracks a genre to learn from; the third, by another artist, is recognised."""
    dataset = read(f"fma:{fma_made}?features")
    assert dataset.table is not None
    x, y = dataset.table.values, dataset.targets()
    held = np.array([item.split == "test" for item in dataset.items])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(x[~held], y[~held])
    assert model.score(x[held], y[held]) >= 0.5  # one in eight by chance


def test_from_mp3_to_windows(fma_made: Path, tmp_path: Path) -> None:
    dataset = read(fma_made, labels=["Electronic", "Folk"])
    table = extract_dataset(
        dataset, {"x": {"kind": "statistics"}}, WindowRule(1.0, 1.0), workers=1, folder=tmp_path
    )
    ((item, why),) = table.failed
    assert dataset.items[item].track == "000002"
    assert why.startswith("a tag without sound")
    rest, table, failed = readable(dataset, table)
    assert failed == (("fma_small/000/000002.mp3", why),)
    assert len(rest) == len(set(table.item)) == 5
    assert np.isfinite(table.arrays["x"]).all()
    check(rest, make_split(rest))


def test_no_two_tracks_sound_the_same(fma_made: Path) -> None:
    dataset = read(fma_made)
    facts = scan(dataset, workers=1)
    pairs = duplicates(dataset, facts)
    assert pairs == ()
    assert merge(dataset, pairs).items == dataset.items
    assert all(f.peak > 0.05 for f in facts if not f.error)


def test_it_is_made_once_in_the_cache(fma_made: Path, tmp_path: Path) -> None:
    settings = "seconds=1, tracks_per_genre=3,tracks_per_artist=1"
    folder = shutil.copytree(fma_made, tmp_path / "fma-miniature" / "v1-3-1-0-1")
    song = folder / "fma_small" / "000" / "000175.mp3"
    song.write_bytes(b"half of it")
    assert prepare(settings, tmp_path) == folder
    assert song.read_bytes() == b"half of it"
    # A copy that was not finished has no tracks.csv: it is made anew, to the same bytes.
    (folder / "fma_metadata" / "tracks.csv").unlink()
    assert prepare(settings, tmp_path) == folder
    files, others = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (folder, fma_made)
    )
    assert files == others
    assert len(files) == 28
    with pytest.raises(RecipeError, match="fma-miniature: no setting 'genres'"):
        prepare("genres=3", tmp_path)
