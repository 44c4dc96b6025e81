"""The card says what the report says, and what a reader must know before trusting it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from genrewise.training.card import card_text, headline
from genrewise.training.metrics import level_scores
from genrewise.training.recipe import Recipe, parse

LABELS = ["blues", "jazz", "rock"]


def scores(seed: int) -> dict[str, Any]:
    import numpy as np

    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1], 10)
    p = rng.dirichlet([1, 1, 1], 20)
    p[np.arange(20), truth] += 0.5
    p /= p.sum(axis=1, keepdims=True)
    answered = p.max(axis=1) > 0.5
    found = {
        level: level_scores(truth, p, LABELS, np.arange(20) // 2, answered=answered)
        for level in ("window", "clip", "track")
    }
    found["window"] = level_scores(truth, p, LABELS, np.arange(20) // 2)
    return found


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "name": "mine",
        "title": "Three genres",
        "protocol": "honest",
        "data": {
            "name": "folder",
            "labels": LABELS,
            "clips": 60,
            "tracks": 50,
            "groups": 40,
            "failed": [["a.mp3", "0 bytes"]],
        },
        "split": {"rule": "by group", "checksum": "0123456789abcdef" * 4, "pool": 40, "test": 20},
        "chosen": ["linear", "kernel"],
        "calibration": {"temperature": 1.25},
        "unknown": {
            "min_confidence": 0.4,
            "max_distance": 2.5,
            "answered": 0.8,
            "right_when_answered": 0.9,
            "target_risk": 0.15,
            "reached": True,
            "table": [{"confidence": 0.4, "answered": 0.8, "right_when_answered": 0.9}],
        },
        "validation": scores(0),
        "test": scores(1),
    }


def recipe(**more: Any) -> Recipe:
    member = {"model": "lda", "inputs": ["x"]}
    return parse(
        {"name": "mine", "features": {"x": {}}, "model": {"members": {"m": member}}, **more}, ""
    )


def test_the_headline_is_of_the_test_part_with_its_protocol(report: dict[str, Any]) -> None:
    found = headline(report)
    assert found["protocol"] == "honest"
    assert found["part"] == "test"
    keys = "accuracy interval macro_f1 weighted_f1 n answered right_when_answered ece"
    for level in ("window", "clip", "track"):
        assert found[level] == {key: report["test"][level][key] for key in keys.split()}
    assert found["validation"]["accuracy"] == report["validation"]["track"]["accuracy"]
    assert "whole" not in found


def test_what_ships_is_shown_out_of_fold_over_all(report: dict[str, Any]) -> None:
    whole = scores(2)
    whole["track"]["ece_interval"] = [0.02, 0.071]
    unknown = {**report["unknown"], "min_confidence": 0.55, "answered": 0.7}
    report["whole"] = {**whole, "calibration": {"temperature": 0.9}, "unknown": unknown}
    found = headline(report)["whole"]
    assert found["accuracy"] == whole["track"]["accuracy"]
    assert found["ece_interval"] == [0.02, 0.071]
    text = card_text(recipe(fit={"refit": "all"}), report)
    assert "Out of fold over all that it was fitted on in the end" in text
    assert "ECE by track between 0.020 and 0.071 (95 %)." in text
    assert "Temperature 0.900, fitted out of fold. Unknown below a confidence of 0.550" in text
    assert "70% are answered" in text


def test_without_a_test_part_it_is_of_validation_and_says_so(report: dict[str, Any]) -> None:
    report["test"] = {}
    report["split"]["test"] = 0
    assert headline(report)["part"] == "validation"
    text = card_text(recipe(fit={"refit": "all"}), report)
    assert "There was no test part: the figures are out of fold, and somewhat kind." in text
    assert "## Figures on validation" in text
    assert "fitted again" not in text
    assert "Out of fold, on which it was chosen" not in text


def test_figures_stand_with_n_and_interval(report: dict[str, Any]) -> None:
    text = card_text(recipe(), report)
    clip = report["test"]["clip"]
    lo, hi = clip["interval"]
    assert f"| clip | 20 | {clip['accuracy']:.3f} ({lo:.3f}–{hi:.3f}) |" in text
    assert text.index("## Figures on test") < text.index("Out of fold, on which it was chosen:")
    blues = report["test"]["track"]["per_label"]["blues"]
    assert f"| blues | 10 | {blues['precision']:.2f} | {blues['recall']:.2f} |" in text
    assert "Absent here, and in no average: rock." in text
    assert "| rock |" not in text


def test_data_protocol_and_licence(report: dict[str, Any]) -> None:
    text = card_text(recipe(licence="Apache-2.0", notes="\nMind this.\n"), report)
    assert text.startswith("# mine\n\nThree genres\n\nMind this.\n")
    assert "Genres: blues, jazz, rock.\nLicence: Apache-2.0.\n" in text
    assert "60 clips of 50 tracks in 40 groups (folder); split: by group" in text
    assert "checksum 0123456789abcdef." in text
    assert "inside 40 clips; the other 20 were opened once" in text
    assert "Members: linear, kernel." in text
    assert "Licence: yours." in card_text(recipe(), report)


def test_a_part_that_was_held_out_is_not_called_folds(report: dict[str, Any]) -> None:
    text = card_text(recipe(fit={"choose": "holdout"}), report)
    assert (
        "Chosen, calibrated and given its unknown rule on a part of 40 clips, and fitted on the"
        " rest of them; the other 20 were opened once, for the table below."
    ) in text
    assert "On validation, on which it was chosen:" in text
    assert "fitted on validation. Unknown" in text
    assert "cross-validation" not in text
    assert "ut of fold" not in text
    assert "by cross-validation over groups inside 40 clips" in card_text(recipe(), report)


def test_what_leaks_is_on_the_card(report: dict[str, Any]) -> None:
    plain = card_text(recipe(), report)
    report["leaks"] = {"tracks": 7, "groups": 6, "windows": 18, "of": 20, "chosen_on_test": True}
    split = {"rule": "windows", "valid_is_test": True}
    leaking = recipe(protocol="published", split=split, fit={"choose": "holdout"})
    text = card_text(leaking, report)
    assert (
        "These figures are not those of new music: 7 tracks and 6 groups stand on both sides, 18"
        " of 20 tested windows are of tracks that were learnt from."
    ) in text
    assert "inside" not in text
    assert "on a part of 40 windows" in text
    assert "the 20 that it was chosen by were opened once" in text
    assert "new music" not in plain
    report["leaks"] = None
    assert card_text(recipe(), report) == plain


def test_what_was_left_out_is_on_the_card(report: dict[str, Any]) -> None:
    assert "1 file could not be read and is not among them." in card_text(recipe(), report)
    report["data"]["failed"] *= 3
    assert "3 files could not be read and are not among them." in card_text(recipe(), report)
    report["data"]["failed"] = []
    assert "could not be read" not in card_text(recipe(), report)


def test_a_refitted_model_says_whose_figures_these_are(report: dict[str, Any]) -> None:
    assert "fitted again, with the same settings" in card_text(recipe(fit={"refit": "all"}), report)
    assert "fitted again" not in card_text(recipe(), report)


def test_confusions_are_the_commonest_first(report: dict[str, Any]) -> None:
    report["test"]["track"]["confusion"] = [[5, 3, 2], [0, 9, 1], [0, 0, 0]]
    text = card_text(recipe(), report)
    listed = text[text.index("## What it confuses") :].splitlines()[2:5]
    assert listed == [
        "* blues taken for jazz: 3",
        "* blues taken for rock: 2",
        "* jazz taken for rock: 1",
    ]
    report["test"]["track"]["confusion"] = [[5, 0, 0], [0, 9, 0], [0, 0, 0]]
    assert "* nothing in this part" in card_text(recipe(), report)


def test_unknown_and_calibration(report: dict[str, Any]) -> None:
    text = card_text(recipe(), report)
    assert "Temperature 1.250" in text
    assert "below a confidence of 0.400 or farther than 2.50 deviations" in text
    assert "80% are answered and 90% of these are right" in text
    assert "not reached" not in text
    assert "| 0.40 | 80% | 90% |" in text
    assert "What to expect" not in text
    expected = card_text(recipe(expectation="\nLittle.\n"), report)
    assert "## What to expect on other music\n\nLittle.\n\n## Made of" in expected
    report["unknown"]["reached"] = False
    assert "The aim of 85% right was not reached" in card_text(recipe(), report)


def test_what_nothing_answered_has_no_share(report: dict[str, Any]) -> None:
    changed = copy.deepcopy(report)
    changed["test"]["clip"]["right_when_answered"] = None
    changed["test"]["clip"]["answered"] = 0.0
    assert "| 0.000 | – |" in card_text(recipe(), changed)
