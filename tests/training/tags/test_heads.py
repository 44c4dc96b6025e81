"""Heads: what they look at, what they learn, how they are calibrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from genrewise.backbone.musicnn import MSD_TAGS
from genrewise.training.tags.data import N_TAGS, Pool, joined
from genrewise.training.tags.heads import (
    Head,
    Platt,
    Settings,
    Sides,
    evened,
    fit_head,
    fit_platt,
    looks,
    means,
    own_head,
    sides,
)
from genrewise.training.tags.table import KINDS, TABLE, TagRule

BY_LABEL = {rule.label: rule for rule in TABLE}
DEFAULT = Settings()


def test_heads_look_at_log_odds_and_at_a_direction() -> None:
    x = np.zeros((2, 250), dtype=np.float32)
    x[0, :3] = [0.5, 0.0, 1.0]
    x[0, 50:52] = [3.0, 4.0]
    seen = looks(x)
    assert seen.shape == (2, 250)
    assert seen[0, :3] == pytest.approx([0.0, logit(1e-4), logit(1 - 1e-4)])
    assert seen[0, 50:53] == pytest.approx([0.6, 0.8, 0.0])
    assert np.isfinite(seen).all()
    assert not seen[1, 50:].any()  # nothing has no direction
    louder = x.copy()
    louder[:, 50:] *= 7
    np.testing.assert_allclose(looks(louder), seen, atol=1e-6)


def test_the_own_tag_is_given_as_it_is() -> None:
    x = np.full((1, 250), 0.3, dtype=np.float32)
    x[0, MSD_TAGS.index("soul")] = 0.8
    head = own_head(BY_LABEL["soul"])
    assert expit(head(looks(x))) == pytest.approx([0.8], abs=1e-6)


def test_sides_are_those_of_the_table(pool: Pool) -> None:
    side = sides(pool, BY_LABEL["rock"], DEFAULT)
    kinds = np.array(pool.kinds)
    assert set(kinds[side.truth == 1]) == {"rock", "metal"}
    assert set(kinds[~side.sure]) == {"blues", "country", "folk", "hiphop", "pop"}
    sure, unsure = side.weight[side.sure], side.weight[~side.sure]
    assert unsure.max() == pytest.approx(sure.max() / 2)
    out = kinds == "jazz"
    less = side.but(out)
    assert not less.weight[out].any()
    assert not less.sure[out].any()
    assert (less.weight[~out] == side.weight[~out]).all()


def test_a_tag_without_examples_has_no_sides(pool: Pool) -> None:
    side = sides(pool, BY_LABEL["soul"], DEFAULT)
    assert not side.weight.any()
    assert not side.sure.any()


def test_tracks_without_audio_count_for_tags_that_learn_from_them(pool: Pool) -> None:
    silent = replace(pool, audio=np.arange(len(pool)) % 2 == 0)
    metal = sides(silent, BY_LABEL["metal"], DEFAULT)
    disco = sides(silent, BY_LABEL["disco"], DEFAULT)
    assert (metal.weight > 0).tolist() == silent.audio.tolist()
    assert (disco.weight > 0).all()


def test_an_artist_counts_as_the_square_root(pool: Pool) -> None:
    weight = evened(pool, 0.5)
    first = weight[:7]  # artists of three, three and one track
    assert first.sum() == pytest.approx(7.0)
    assert first[0] * 3 == pytest.approx(first[6] * 3**0.5)
    assert evened(pool, 0.0) == pytest.approx(np.ones(len(pool)))
    each = evened(pool, 1.0)[:7]
    assert [each[:3].sum(), each[3:6].sum(), each[6]] == pytest.approx([7 / 3] * 3)


def test_an_artist_of_two_genres_counts_in_each(make_pool: Callable[..., Pool]) -> None:
    both = make_pool({"rock": 0, "metal": 1})
    one = replace(both, groups=("gtzan/Queen",) * len(both))
    assert evened(one, 0.5) == pytest.approx(np.ones(len(both)))


@pytest.mark.parametrize("label", ["metal", "classical", "disco", "techno", "rock"])
def test_heads_learn_what_can_be_told(
    make_pool: Callable[..., Pool], pool: Pool, label: str
) -> None:
    rule = BY_LABEL[label]
    side = sides(pool, rule, DEFAULT)
    head = fit_head(looks(pool.x), pool.track, side, rule, DEFAULT)
    other = make_pool(seed=1)
    z = means(head(looks(other.x)), other.track, len(other))
    truth = sides(other, rule, DEFAULT)
    assert roc_auc_score(truth.truth[truth.sure], z[truth.sure]) > 0.99


def test_heads_see_what_their_rule_says(pool: Pool) -> None:
    seen = looks(pool.x)

    def used(rule: TagRule) -> set[int]:
        side = sides(pool, rule, DEFAULT)
        return set(np.flatnonzero(fit_head(seen, pool.track, side, rule, DEFAULT).weights))

    layer = set(range(N_TAGS, 250))
    assert used(BY_LABEL["disco"]) == set(range(N_TAGS))
    assert used(BY_LABEL["classical"]) == layer
    own = {MSD_TAGS.index("metal"), MSD_TAGS.index("heavy metal")}
    assert used(BY_LABEL["metal"]) == layer | own


def test_a_head_without_reason_to_leave_it_follows_its_own_tag(pool: Pool) -> None:
    """With the layer held back for good, what is left is the tag itself."""
    rule = BY_LABEL["jazz"]
    place = MSD_TAGS.index("jazz")
    x = pool.x.copy()
    x[:, place] = np.where(np.isin(pool.track, np.flatnonzero(pool.of(["jazz"]))), 0.9, 0.1)
    settings = Settings(beside=1e-9, own=1e6)
    told = replace(pool, x=x)
    head = fit_head(looks(x), pool.track, sides(told, rule, settings), rule, settings)
    assert head.weights[place] > 0.5
    assert np.abs(np.delete(head.weights, place)).max() < 1e-3


def test_more_windows_of_a_track_are_no_more_of_a_say(pool: Pool) -> None:
    rule = BY_LABEL["classical"]
    side = sides(pool, rule, DEFAULT)
    seen = looks(pool.x)
    once = fit_head(seen, pool.track, side, rule, DEFAULT)
    rows = np.concatenate([np.arange(len(seen)), np.flatnonzero(pool.track == 0)])
    twice = fit_head(seen[rows], pool.track[rows], side, rule, DEFAULT)
    # The spread by which columns are scaled moves a little, the answer hardly.
    np.testing.assert_allclose(once(seen), twice(seen), atol=0.05)


def test_calibration_finds_slope_and_shift_again() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=20_000) * 2
    truth = (rng.uniform(size=len(z)) < expit(0.5 * z - 1.0)).astype(int)
    side = sides_of(truth)
    platt = fit_platt(z, np.arange(len(z)), side)
    assert (platt.slope, platt.shift) == pytest.approx((0.5, -1.0), abs=0.05)


def sides_of(truth: Any, weight: Any = None) -> Sides:
    truth = np.asarray(truth)
    weight = np.ones(len(truth)) if weight is None else np.asarray(weight, dtype=float)
    return Sides(truth, weight, weight > 0)


def test_calibration_of_a_tag_without_mistakes_is_not_certain() -> None:
    z = np.array([-5.0, -4.0, 4.0, 5.0])
    platt = fit_platt(z, np.arange(4), sides_of([0, 0, 1, 1]))
    p = expit(platt.slope * z + platt.shift)
    # Platt's targets for two and two are 1/4 and 3/4.
    assert p == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.05)


def test_calibration_is_of_the_mean_over_windows() -> None:
    """Windows that contradict each other make a track unsure."""
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1], 200)
    track = np.repeat(np.arange(400), 2)
    z = rng.normal(size=800) + 2.0 * (truth[track] - 0.5)
    platt = fit_platt(z, track, sides_of(truth))
    p = means(expit(platt.slope * z + platt.shift), track, 400)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        mine = (p >= low) & (p < high)
        assert truth[mine].mean() == pytest.approx(p[mine].mean(), abs=0.08)


def test_tracks_without_weight_do_not_calibrate() -> None:
    z = np.array([-1.0, 0.0, 1.0, 50.0])
    track = np.arange(4)
    with_it = fit_platt(z, track, sides_of([0, 1, 1, 0], [1, 1, 1, 0]))
    without = fit_platt(z[:3], track[:3], sides_of([0, 1, 1]))
    assert (with_it.slope, with_it.shift) == pytest.approx((without.slope, without.shift), rel=1e-3)


def test_a_calibrated_head_is_stretched_and_moved() -> None:
    head = Head(np.array([2.0, -1.0]), 0.5)
    seen = np.array([[1.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(head.calibrated(Platt(3.0, -1.0))(seen), 3.0 * head(seen) - 1.0)


def test_means_of_tracks() -> None:
    found = means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == [2.0, 5.0]
    assert np.isnan(found[1])


def test_pools_are_joined_and_taken_apart(make_pool: Callable[..., Pool]) -> None:
    a, b = make_pool({"rock": 0}), make_pool({"jazz": 1}, "loops")
    both = joined([a, b])
    assert len(both) == 14
    assert both.sets == ("gtzan",) * 7 + ("loops",) * 7
    again = both.only(np.array(both.sets) == "loops")
    assert again.tracks == b.tracks
    assert again.groups == b.groups
    np.testing.assert_array_equal(again.x, b.x)
    np.testing.assert_array_equal(again.track, b.track)
    assert set(KINDS) >= set(both.kinds)
