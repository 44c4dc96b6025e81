"""The model that comes along: what it knows, what its card says, what the pages show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genrewise import bundle
from genrewise.bundle import Bundle, find
from genrewise.cache import backbone_file
from genrewise.inference import Classifier
from genrewise.labels import genre
from genrewise.training.tags.table import KINDS, TABLE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def made() -> Bundle:
    return bundle.read(find("tags-v1"))


def test_it_knows_the_vocabulary(made: Bundle) -> None:
    info = made.info
    assert info.labels == tuple(rule.label for rule in TABLE)
    assert info.multi_label
    assert info.backbones() == ("musicnn-msd",)
    assert info.unknown.max_distance == 0.0
    for rule in TABLE:
        tag, known = info.tags[rule.label], genre(rule.label)
        assert known is not None
        assert tag.calibrated == bool(rule.positive)
        assert tag.parent == (known.parent if known.parent in info.labels else "")
        assert 0.1 <= tag.threshold < 0.7


def test_it_is_small_and_holds_no_music(made: Bundle) -> None:
    assert find("tags-v1").stat().st_size < 1_000_000
    assert set(made.files) == {"tags.onnx", "embedding.onnx", "tracks.f16"}
    tracks = made.info.embedding["tracks"]
    assert len(made.files["tracks.f16"]) == 2 * 64 * len(tracks["names"])
    assert {made.info.labels[i] for i in tracks["labels"]} <= set(KINDS)


def test_its_card_says_what_is_assumed(made: Bundle) -> None:
    for words in (
        "not calibrated",
        "Counter-examples are assumed",
        "Folk and ambient have next to no labelled tracks",
        "learnt from Last.fm's tags of commercial",
        "reggae from one artist",
        "* free-music: ",
        "* hard-techno: ",
    ):
        assert words in made.card
    for rule in TABLE:
        assert f"\n| {rule.label} | " in made.card
    assert not any(mark in made.card for mark in ("/tmp", "/work", "/home", ".opus", ".ogg"))


def test_the_report_is_that_of_the_model(made: Bundle) -> None:
    path = ROOT / "results" / "tags" / "tags-v1.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["mean"] == dict(made.info.metrics["tags"])
    assert report["bundle"]["bytes"] == find("tags-v1").stat().st_size
    thresholds = {row["label"]: round(row["threshold"], 4) for row in report["tags"]}
    assert thresholds == {label: tag.threshold for label, tag in made.info.tags.items()}


def test_it_is_as_good_as_it_was(made: Bundle) -> None:
    mean = made.info.metrics["tags"]
    assert mean["auc"] > 0.97
    assert mean["average_precision"] > 0.9
    assert mean["pooled_ece"] < 0.03


@pytest.mark.parametrize(
    ("piece", "genres"),
    [("second-chorus", ("jazz",)), ("low-string", ("metal", "rock"))],
)
def test_it_hears_the_samples(piece: str, genres: tuple[str, ...]) -> None:
    if not backbone_file("musicnn-msd").is_file():
        pytest.skip("the backbone musicnn-msd is not on this machine")
    folder = Path(bundle.__file__).parent / "samples"
    found = Classifier("tags-v1").predict_file(folder / f"{piece}.ogg")
    assert found.genres[: len(genres)] == genres
