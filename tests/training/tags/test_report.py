"""Figures of a vocabulary, by hand, and the tables of card and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genrewise.training.metrics import ece
from genrewise.training.tags.card import TABLES, card_text
from genrewise.training.tags.data import Pool
from genrewise.training.tags.learn import Learnt, learn
from genrewise.training.tags.report import elsewhere, report_of
from genrewise.training.tags.table import KINDS, TABLE
from genrewise.training.tags.trials import TRIALS, trials

BY_LABEL = {rule.label: rule for rule in TABLE}


@pytest.fixture(scope="module")
def learnt(pool: Pool) -> tuple[Learnt, ...]:
    return learn(pool, TABLE)


@pytest.fixture(scope="module")
def report(learnt: tuple[Learnt, ...], pool: Pool) -> dict[str, Any]:
    return report_of(learnt, pool)


def row(report: dict[str, Any], label: str) -> dict[str, Any]:
    return next(tag for tag in report["tags"] if tag["label"] == label)


def test_what_was_learnt_from(report: dict[str, Any]) -> None:
    assert report["kind"] == "tags"
    assert report["data"] == {
        "sets": {"gtzan": dict.fromkeys(KINDS, 7)},
        "tracks": 98,
        "audio": 98,
        "groups": 42,
        "windows": 294,
    }
    assert report["rule"] == {"quantile": 0.95, "least": 0.1}


def test_a_row_of_a_tag_with_labels(report: dict[str, Any], learnt: tuple[Learnt, ...]) -> None:
    found = row(report, "rock")
    tag = next(tag for tag in learnt if tag.rule.label == "rock")
    assert (found["positive"], found["negative"], found["unsure"]) == (14, 49, 35)
    assert found["groups"] == 6
    assert (found["id3v1"], found["discogs"], found["musicbrainz"]) == ("Rock", "Rock", "rock")
    assert row(report, "metal")["parent"] == "rock"
    sure = tag.side.sure
    assert found["ece"] == ece(tag.p[sure], tag.side.truth[sure] == 1)
    assert found["recall"] == tag.answer[tag.side.truth == 1].mean()
    assert found["unsure_given"] == tag.answer[~sure].mean()
    assert found["average_precision_unsure_as_negative"] <= found["average_precision"]
    low, high = found["auc_interval"]
    assert low <= found["auc"] <= high
    assert row(report, "metal")["unsure_given"] is None


def test_a_row_of_a_tag_without(report: dict[str, Any]) -> None:
    found = row(report, "folk")
    assert not found["calibrated"]
    assert (found["artists"], found["tracks"]) == (3, 7)  # the tracks of that word
    assert found["given"] > 0.5
    assert found["others_given"] == 0.0
    assert row(report, "house")["tracks"] == 0
    assert row(report, "house")["given"] is None
    assert "auc" not in found


def test_artists_that_are_known_for_a_tag(pool: Pool) -> None:
    groups = tuple(
        "gtzan/New Bomb Turks" if group == "gtzan/metal 0" else group for group in pool.groups
    )
    named = replace(pool, groups=groups)
    found = row(report_of(learn(named, TABLE), named), "punk")
    assert (found["artists"], found["tracks"]) == (1, 3)


def test_means_are_over_the_tags_with_labels(report: dict[str, Any]) -> None:
    rows = [tag for tag in report["tags"] if tag["calibrated"]]
    assert report["mean"]["tags"] == len(rows) == 12
    assert report["mean"]["auc"] == pytest.approx(np.mean([tag["auc"] for tag in rows]))


def test_where_tags_are_heard(report: dict[str, Any], learnt: tuple[Learnt, ...]) -> None:
    shares = report["heard_in"]
    assert set(shares) == set(KINDS)
    assert shares["metal"]["rock"] > 0.9
    assert shares["jazz"]["metal"] == 0.0
    metal = next(tag for tag in learnt if tag.rule.label == "metal")
    assert shares["metal"]["metal"] == metal.answer[metal.side.truth == 1].mean()


def test_another_collection(learnt: tuple[Learnt, ...], make_pool: Callable[..., Pool]) -> None:
    other = make_pool({"metal": 9, "jazz": 8, "folk": 6}, name="loops", seed=4)
    found = elsewhere(learnt, other)
    assert set(found) == {"jazz", "metal", "rock"}  # rock by its metal; the rest has no examples
    jazz = found["jazz"]
    assert (jazz["positive"], jazz["negative"], jazz["groups"]) == (7, 14, 3)
    assert jazz["auc"] > 0.95
    few = make_pool({"metal": 9, "jazz": 8}, name="loops", artists=(1, 1))
    assert elsewhere(learnt, few) == {}


def test_other_ways_to_learn(make_pool: Callable[..., Pool]) -> None:
    pool, other = make_pool(seed=3), make_pool({"blues": 1, "jazz": 8}, "loops", seed=4)
    found = trials(pool, other)
    assert [one["what"] for one in found] == list(TRIALS)
    assert found[0]["what"] == "as they are"
    for one in found:
        assert one["tags"] == 12
        for key in ("average_precision", "worst", "f1", "reggae", "loops"):
            assert 0 < one[key] <= 1, (one["what"], key)
    by_name = {one["what"]: one for one in found}
    plain = by_name["unsure tracks as plain counter-examples"]
    assert plain["unsure_given"] <= by_name["unsure tracks left out"]["unsure_given"]


def test_the_card_holds_every_tag(report: dict[str, Any]) -> None:
    text = card_text({"name": "tags-v1", **report, "elsewhere": {}})
    for rule in TABLE:
        assert f"\n| {rule.label} | " in text
    assert "## On other collections" not in text
    assert "not calibrated" in text
    for limit in ("Counter-examples are assumed", "Folk and ambient have next to no", "one artist"):
        assert limit in text


def test_tables_are_tables(
    report: dict[str, Any], learnt: tuple[Learnt, ...], make_pool: Callable[..., Pool]
) -> None:
    other = make_pool({"metal": 9, "jazz": 8}, name="loops", seed=4)
    one = dict.fromkeys(("average_precision", "worst", "f1", "unsure_given", "reggae"), 0.5)
    whole = {
        **report,
        "elsewhere": {name: elsewhere(learnt, other) for name in ("loops", "free-music")},
        "trials": [{"what": "x", "loops": 0.25, **one}],
    }
    for name, table in TABLES.items():
        lines = table(whole)
        assert len({line.count("|") for line in lines}) == 1, name
        assert lines[1].startswith("| --- |")
        assert len(lines) > 2, name
    assert TABLES["trials"](whole)[2] == "| x | 0.500 | 0.500 | 0.500 | 50% | 0.50 | 0.250 |"
    assert len(TABLES["names"](whole)) == 2 + 22
    assert len(TABLES["labelled"](whole)) == 2 + 12
    assert len(TABLES["own"](whole)) == 2 + 10
