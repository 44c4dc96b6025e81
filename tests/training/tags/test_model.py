"""The model file: parity, thresholds, families, embedding, the same bytes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise import bundle
from genrewise.bundle import Tag
from genrewise.errors import ParityError
from genrewise.evidence import packed
from genrewise.inference import Classifier
from genrewise.training.export import run_onnx
from genrewise.training.tags.build import NAME, run
from genrewise.training.tags.data import RULE, Pool
from genrewise.training.tags.heads import Head, looks
from genrewise.training.tags.learn import Learnt, learn, sigmoid
from genrewise.training.tags.model import check, network, tags_of
from genrewise.training.tags.table import TABLE


@pytest.fixture(scope="module")
def learnt(pool: Pool) -> tuple[Learnt, ...]:
    return learn(pool, TABLE)


@pytest.fixture(scope="module")
def folder(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves."""
    target = tmp_path_factory.mktemp("tags") / "new" / "folder"
    run(pool, None, target)
    return target


@pytest.fixture
def model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """The model, which looks for no backbone before it hears something."""
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    return Classifier(folder / f"{NAME}.genrewise")


def test_the_network_says_what_the_heads_say(learnt: tuple[Learnt, ...], pool: Pool) -> None:
    made = network(learnt)
    found = run_onnx(made, pool.x)
    expected = np.stack([sigmoid(tag.head(looks(pool.x))) for tag in learnt], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert check(made, learnt, pool) < 1e-5
    hard = pool.x[:4].copy()
    hard[0] = 0.0
    hard[1, :50] = 1.0
    assert np.isfinite(run_onnx(made, hard)).all()


def test_another_network_is_refused(learnt: tuple[Learnt, ...], pool: Pool) -> None:
    first = replace(learnt[0], head=Head(learnt[0].head.weights, learnt[0].head.bias + 0.1))
    with pytest.raises(ParityError, match=r"tags differ by 0\.0\d+; expected at most 0\.0001"):
        check(network([first, *learnt[1:]]), learnt, pool)


def test_what_the_file_says_of_each_tag(learnt: tuple[Learnt, ...]) -> None:
    found = tags_of(learnt)
    assert list(found) == [rule.label for rule in TABLE]
    by_label = {tag.rule.label: tag for tag in learnt}
    assert found["metal"] == Tag(round(by_label["metal"].threshold, 4), True, "rock")
    assert found["punk"].parent == "rock"
    assert not found["punk"].calibrated
    assert found["jazz"].parent == ""
    assert tags_of(learnt[1:2])["ambient"].parent == ""  # electronic is not there


def test_the_model_answers_as_the_heads_do(
    model: Classifier, learnt: tuple[Learnt, ...], pool: Pool
) -> None:
    assert model.labels == tuple(rule.label for rule in TABLE)
    given = model.window_probabilities({"musicnn": pool.x})
    expected = np.stack([sigmoid(tag.head(looks(pool.x))) for tag in learnt], axis=1)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    info = model.info
    assert info.multi_label
    assert (info.vote, info.calibration.temperature) == ("mean", 1.0)
    assert info.backbones() == ("musicnn-msd",)
    assert model.rule == RULE
    assert "98 tracks out of fold, 12 of the tags" in info.calibration.fitted_on
    assert info.training == {"data": "gtzan", "tracks": 98, "groups": 42}
    assert 0.9 < info.metrics["tags"]["average_precision"] <= 1


def test_the_embedding_finds_the_kind(model: Classifier, pool: Pool) -> None:
    right = 0
    for i in range(len(pool)):
        x = pool.x[pool.track == i]
        z, distance = model.embed({"musicnn": x}, np.ones(len(x)))
        assert np.linalg.norm(z) == pytest.approx(1.0, abs=1e-5)
        assert 0 < distance < 10
        assert model._tracks is not None
        first, *others = model._tracks.nearest(z, 3)
        assert first.track == pool.tracks[i]  # the track itself
        right += sum(n.genre == pool.kinds[i] for n in others)
    assert right / (2 * len(pool)) > 0.9


def test_a_louder_layer_points_elsewhere_but_the_tags_stay(model: Classifier, pool: Pool) -> None:
    x = pool.x[:5].copy()
    x[:, 50:] *= 2.0
    np.testing.assert_allclose(
        model.window_probabilities({"musicnn": x}),
        model.window_probabilities({"musicnn": pool.x[:5]}),
        atol=1e-4,
    )


def test_tracks_without_audio_have_no_embedding(pool: Pool, tmp_path: Path) -> None:
    audio = np.ones(len(pool), dtype=bool)
    audio[np.flatnonzero(pool.of(["disco"]))[1:]] = False
    run(replace(pool, audio=audio), None, tmp_path)
    made = bundle.read(tmp_path / f"{NAME}.genrewise")
    tracks = made.info.embedding["tracks"]
    assert len(tracks["names"]) == int(audio.sum())
    assert len(made.files["tracks.f16"]) == int(audio.sum()) * 64 * 2
    labels = [made.info.labels[i] for i in tracks["labels"]]
    assert labels.count("disco") == 1
    assert len(packed(np.ones((3, 4)))) == 24


def test_the_same_pool_gives_the_same_files(pool: Pool, folder: Path, tmp_path: Path) -> None:
    run(pool, None, tmp_path)
    for name in (f"{NAME}.genrewise", "report.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_card_is_inside(folder: Path) -> None:
    made = bundle.read(folder / f"{NAME}.genrewise")
    assert made.card.startswith("# tags-v1\n\n22 genres")
    assert "* rock: alternative, hardrock, indie, metal, punk" in made.card
    assert "The free music of Debian's packages was not used." in made.card


def test_tracks_of_free_music_are_tested_by_heads_that_know_none(
    pool: Pool, make_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    from genrewise.training.tags.data import joined

    free = make_pool({"classical": 2, "metal": 9, "rock": 12}, name="free-music", seed=5)
    said: list[str] = []
    report: dict[str, Any] = run(joined([pool, free]), None, tmp_path, said.append)
    assert said[0] == "once more without free-music, to test on it"
    found = report["elsewhere"]["free-music"]
    assert {"classical", "metal", "rock"} <= set(found)
    assert found["metal"]["positive"] == 7
    assert found["metal"]["auc"] > 0.9
    card = bundle.read(tmp_path / f"{NAME}.genrewise").card
    assert "* free-music: classical 7, metal 7, rock 7" in card
    assert "by heads that learnt from none of it" in card
