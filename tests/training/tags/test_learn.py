"""Learning a whole table: folds, answers out of fold, thresholds, parents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.errors import DatasetError
from genrewise.training.metrics import ece
from genrewise.training.tags.data import Pool
from genrewise.training.tags.heads import Settings, looks
from genrewise.training.tags.learn import (
    FOLDS,
    LEAST,
    QUANTILE,
    Learnt,
    apply,
    folds_of,
    learn,
    parents_of,
    sigmoid,
)
from genrewise.training.tags.scores import f1, roc_area
from genrewise.training.tags.table import TABLE

#: Windows of a track of the pool.
WINDOWS = 3
BY_LABEL = {rule.label: rule for rule in TABLE}


@pytest.fixture(scope="module")
def learnt(pool: Pool) -> dict[str, Learnt]:
    return {tag.rule.label: tag for tag in learn(pool, TABLE)}


def test_folds_keep_artists_whole_and_spread_genres(pool: Pool) -> None:
    fold = folds_of(pool)
    assert set(fold) == set(range(FOLDS))
    for group in set(pool.groups):
        assert len(set(fold[np.array(pool.groups) == group])) == 1
    for number in range(FOLDS):
        kinds = np.array(pool.kinds)[fold == number]
        assert len(set(kinds)) > 5
    assert folds_of(pool).tolist() == fold.tolist()


def test_genres_of_few_tracks_are_dealt_as_well(make_pool: Callable[..., Pool]) -> None:
    few = make_pool({"rock": 0, "jazz": 1, "folk": 2})
    kinds = np.array(few.kinds)
    few = few.only((kinds != "folk") | (np.cumsum(kinds == "folk") == 1))
    assert list(few.kinds).count("folk") == 1
    assert len(folds_of(few)) == len(few)


def test_every_tag_is_learnt_in_the_order_of_the_table(pool: Pool) -> None:
    found = learn(pool, TABLE)
    assert [tag.rule.label for tag in found] == [rule.label for rule in TABLE]
    assert [tag.calibrated for tag in found] == [bool(rule.positive) for rule in TABLE]


@pytest.mark.parametrize("label", [rule.label for rule in TABLE if rule.positive])
def test_answers_out_of_fold_tell_the_kinds(learnt: dict[str, Learnt], label: str) -> None:
    tag = learnt[label]
    truth, p = tag.side.truth[tag.side.sure], tag.p[tag.side.sure]
    assert roc_area(truth, p, np.ones(len(p))) > 0.97
    assert f1(truth, tag.answer[tag.side.sure]) > 0.8
    assert 0 < tag.threshold < 1


def test_an_answer_out_of_fold_does_not_know_its_own_label(
    make_pool: Callable[..., Pool],
) -> None:
    """Labels by the toss of a coin, one an artist: out of fold nothing can be told."""
    pool = make_pool({"rock": 0}, artists=(2,) * 60)
    coins = np.repeat(np.random.default_rng(0).integers(0, 2, 60), 2)
    pool = replace(pool, kinds=tuple(("rock", "jazz")[coin] for coin in coins))
    (tag,) = learn(pool, [BY_LABEL["jazz"]])
    area = roc_area(tag.side.truth, tag.p, np.ones(len(pool)))
    assert area == pytest.approx(0.5, abs=0.2)
    assert tag.p.std() < 0.15
    inside = apply(tag.head, looks(pool.x), pool)
    assert roc_area(tag.side.truth, inside, np.ones(len(pool))) > area


def test_probabilities_are_calibrated(make_pool: Callable[..., Pool]) -> None:
    """With much noise, of the tracks that are given .7, about seven in ten bear the tag."""
    pool = make_pool({"rock": 0, "jazz": 1, "classical": 2}, noise=6.0, artists=(1,) * 150)
    one = replace(pool, x=pool.x[::WINDOWS], track=pool.track[::WINDOWS])
    (tag,) = learn(one, [replace(BY_LABEL["jazz"], own=())])
    assert ((tag.p > 0.2) & (tag.p < 0.8)).mean() > 0.05  # not all is plain
    assert ece(tag.p, tag.side.truth == 1) < 0.08
    assert tag.p.mean() == pytest.approx(1 / 3, abs=0.03)


def test_a_tag_without_labels_is_the_networks_own(learnt: dict[str, Learnt], pool: Pool) -> None:
    tag = learnt["soul"]
    column = pool.x[:, MSD_TAGS.index("soul")]
    expected = [column[pool.track == i].mean() for i in range(len(pool))]
    np.testing.assert_allclose(tag.p, expected, atol=1e-5)
    assert tag.threshold == pytest.approx(max(LEAST, float(np.quantile(tag.p, QUANTILE))))
    assert tag.answer.tolist() == (tag.p >= tag.threshold).tolist()
    assert tag.answer.mean() <= 0.06


def test_a_tag_that_is_never_likely_is_given_to_nobody(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool({"rock": 0, "jazz": 1})
    x = pool.x.copy()
    x[:, :50] = 0.01
    (tag,) = learn(replace(pool, x=x), [BY_LABEL["house"]])
    assert tag.threshold == LEAST
    assert not tag.answer.any()


def test_parents_are_no_less_probable(learnt: dict[str, Learnt]) -> None:
    assert (learnt["rock"].p >= learnt["metal"].p).all()
    assert (learnt["electronic"].p >= learnt["techno"].p).all()


def test_who_is_above_whom() -> None:
    labels = ["rock", "metal", "punk", "techno", "electronic", "jazz"]
    assert parents_of(labels, BY_LABEL) == {1: 0, 3: 4}
    assert parents_of(["metal", "jazz"], BY_LABEL) == {}


def test_tracks_without_audio_are_answered_by_heads_of_tags_alone(pool: Pool) -> None:
    audio = np.ones(len(pool), dtype=bool)
    audio[np.flatnonzero(pool.of(["disco"]))[::2]] = False
    found = {tag.rule.label: tag for tag in learn(replace(pool, audio=audio), TABLE)}
    assert np.isfinite(found["disco"].p).all()
    assert np.isfinite(found["soul"].p).all()
    assert np.isnan(found["pop"].p[~audio]).all()
    assert np.isfinite(found["pop"].p[audio]).all()
    assert not found["pop"].answer[~audio].any()


def test_one_artist_is_not_enough(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool({"rock": 0, "jazz": 1, "metal": 2})
    groups = tuple("gtzan/one" if k == "jazz" else g
                   for k, g in zip(pool.kinds, pool.groups, strict=True))  # fmt: skip
    with pytest.raises(DatasetError, match=r"jazz: not one example to learn from .* two artists"):
        learn(replace(pool, groups=groups), [BY_LABEL["jazz"]])
    with pytest.raises(DatasetError, match="tracks in 3 groups; expected 5 or more"):
        learn(make_pool({"rock": 0}), [BY_LABEL["jazz"]])


def test_settings_change_what_is_learnt(pool: Pool) -> None:
    rules = [BY_LABEL["blues"]]
    (plain,), (strict,) = learn(pool, rules), learn(pool, rules, Settings(unsure=1.0))
    unsure = pool.of(BY_LABEL["blues"].unsure)
    assert strict.p[unsure].mean() < plain.p[unsure].mean()


def test_the_same_pool_gives_the_same_tags(pool: Pool) -> None:
    rules = [BY_LABEL["metal"], BY_LABEL["rock"]]
    for one, other in zip(learn(pool, rules), learn(pool, rules), strict=True):
        assert one.head.weights.tolist() == other.head.weights.tolist()
        assert one.threshold == other.threshold


def test_the_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
