"""From probabilities to labels, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genrewise.answering import One, Several, answering, raised
from genrewise.bundle import BundleInfo, Calibration, Member, Tag
from genrewise.errors import BundleError
from genrewise.votes import temper, vote

LABELS = ("rock", "metal", "punk", "jazz")
#: Metal is calibrated and a kind of rock; punk is a kind of rock and not calibrated.
TAGS = {
    "rock": Tag(0.6, True),
    "metal": Tag(0.4, True, "rock"),
    "punk": Tag(0.1, False, "rock"),
    "jazz": Tag(0.5, True),
}
ROCK, METAL, PUNK, JAZZ = range(4)


def info(**more: Any) -> BundleInfo:
    member = Member("a.onnx", ("x",), (1.0,) * len(LABELS))
    values = {"multi_label": True, "tags": TAGS, **more}
    return BundleInfo("some", LABELS, "", "", {}, {}, {}, (member,), **values)


def chosen(*p: float) -> list[str]:
    return [LABELS[i] for i in Several(info()).chosen(np.array(p))]


# ------------------------------------------------------------------------ one label


def test_one_label_is_the_most_probable() -> None:
    rule = One(info(multi_label=False, tags={}, calibration=Calibration(2.0), vote="mean"))
    windows = rule.mixed(np.array([[2.0, 1.0, 1.0, 0.0], [0.0, 3.0, 1.0, 0.0]]), np.full(4, 2.0))
    np.testing.assert_allclose(windows, [[0.5, 0.25, 0.25, 0.0], [0.0, 0.75, 0.25, 0.0]])
    weights = np.array([1.0, 3.0])
    p = rule.track(windows, weights)
    np.testing.assert_allclose(p, temper(vote(windows, "mean", weights), 2.0))
    assert rule.order(p) == [METAL, PUNK, ROCK, JAZZ]
    assert rule.chosen(p) == [METAL]
    np.testing.assert_allclose(rule.shown(windows), temper(windows, 2.0))
    assert rule.silence().tolist() == [0.25] * 4


def test_one_label_must_be_likely() -> None:
    rule = One(info(multi_label=False, tags={}))
    with pytest.raises(BundleError, match="some gives all labels no probability"):
        rule.mixed(np.zeros((2, 4)), np.ones(4))


# ------------------------------------------------------------------ several labels


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ((0.0, 0.0, 0.0, 0.0), []),
        ((0.59, 0.39, 0.09, 0.49), []),
        ((0.6, 0.0, 0.0, 0.0), ["rock"]),  # as much as the threshold is enough
        ((0.7, 0.0, 0.0, 0.8), ["jazz", "rock"]),
        ((0.9, 0.4, 0.0, 0.0), ["rock", "metal"]),
        ((0.9, 0.5, 0.0, 0.0), ["metal", "rock"]),  # likely: it says more than its parent
        ((0.45, 0.45, 0.0, 0.0), ["rock", "metal"]),  # rock comes with metal
        ((0.1, 0.45, 0.0, 0.0), ["metal", "rock"]),
        ((0.1, 0.0, 0.2, 0.0), ["punk"]),  # not calibrated: it brings nobody
        ((0.9, 0.0, 0.2, 0.0), ["rock", "punk"]),
        ((0.9, 0.0, 0.8, 0.0), ["rock", "punk"]),  # and stands by its number alone
        ((0.9, 0.6, 0.2, 0.95), ["jazz", "metal", "rock", "punk"]),
    ],
)
def test_labels_by_their_thresholds(p: tuple[float, ...], expected: list[str]) -> None:
    assert chosen(*p) == expected


def test_the_rest_follows_by_probability() -> None:
    rule = Several(info())
    assert rule.order(np.array([0.5, 0.1, 0.3, 0.45])) == [PUNK, ROCK, JAZZ, METAL]
    assert rule.order(np.array([0.2, 0.1, 0.0, 0.3])) == [JAZZ, ROCK, METAL, PUNK]


def test_a_parent_is_no_less_probable_than_a_calibrated_kind() -> None:
    rule = Several(info())
    windows = np.array([[0.2, 0.6, 0.9, 0.1], [0.4, 0.2, 0.1, 0.1]])
    np.testing.assert_allclose(rule.shown(windows)[:, ROCK], [0.6, 0.4])
    # The track's is that of the track's means, and no mean of raised windows.
    p = rule.track(windows, np.ones(2))
    np.testing.assert_allclose(p, [0.4, 0.4, 0.5, 0.1])
    np.testing.assert_allclose(windows[0], [0.2, 0.6, 0.9, 0.1])


def test_grandparents_rise_with_their_grandchildren() -> None:
    assert raised(np.array([0.1, 0.2, 0.7]), {2: 1, 1: 0}).tolist() == [0.7, 0.7, 0.7]
    tags = {
        "rock": Tag(0.9, True),
        "metal": Tag(0.9, True, "rock"),
        "punk": Tag(0.5, True, "metal"),
        "jazz": Tag(0.5, False),
    }
    rule = Several(info(tags=tags))
    assert rule.track(np.array([[0.1, 0.2, 0.7, 0.0]]), np.ones(1)).tolist() == [0.7, 0.7, 0.7, 0.0]
    assert rule.chosen(np.array([0.1, 0.2, 0.7, 0.0])) == [PUNK, METAL, ROCK]


def test_members_are_weighed_label_by_label() -> None:
    rule = Several(info())
    mixed = rule.mixed(np.array([[1.0, 0.9, 0.0, 2.0 + 1e-7]]), np.array([4.0, 1.0, 2.0, 2.0]))
    assert mixed.tolist() == [[0.25, 0.9, 0.0, 1.0]]
    assert rule.silence().tolist() == [0.0] * 4


P = arrays(np.float64, 4, elements=st.floats(0, 1))


@given(P)
def test_what_is_borne_comes_first_and_whole(p: Any) -> None:
    rule = Several(info())
    p = rule.shown(p)
    order, borne = rule.order(p), rule.chosen(p)
    assert sorted(order) == [0, 1, 2, 3]
    assert order[: len(borne)] == borne
    reached = {i for i, label in enumerate(LABELS) if p[i] >= TAGS[label].threshold}
    assert set(borne) == reached | ({ROCK} if METAL in reached else set())
    rest = [p[i] for i in order[len(borne) :]]
    assert rest == sorted(rest, reverse=True)


def test_the_rule_is_that_of_the_model() -> None:
    assert isinstance(answering(info(), "m"), Several)
    assert isinstance(answering(info(multi_label=False, tags={}, vote="majority"), "m"), One)
    with pytest.raises(BundleError, match="m: vote 'majority'; expected one of mean, log-mean"):
        answering(info(vote="majority"), "m")
    with pytest.raises(BundleError, match="m: vote 'loudest'"):
        answering(info(multi_label=False, tags={}, vote="loudest"), "m")
