"""What leaves a run's folder, and what two runs of one recipe have in common."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.training.job import Job, run_recipe
from genrewise.training.recipe import parse
from genrewise.training.report.keep import (
    comparable,
    differences,
    figures_only,
    fingerprint,
    text_of,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def report(make_report):
    return {
        **make_report("a"),
        "data": {"name": "d", "labels": ["dub"], "failed": [["dub/one.wav", "0 bytes"]]},
        "history": {"net": [{"epoch": 1.0, "train_loss": 2.0, "seconds": 3.5}]},
        "recipe": "/home/someone/mine.toml",
        "bundle": {"bytes": 100, "parity": 1e-7},
        "environment": {"python": "3.11"},
        "log": ["test part opened: 60 clips, once"],
    }


def test_no_file_place_or_time_of_an_epoch_leaves(report):
    kept = figures_only(report)
    text = json.dumps(kept)
    for gone in ("one.wav", "/home", "seconds"):
        assert gone not in text
    assert kept["data"]["failed"] == 1
    assert kept["recipe"] == "mine.toml"
    assert kept["history"]["net"] == [{"epoch": 1.0, "train_loss": 2.0}]
    assert kept["test"] == report["test"]
    assert kept["log"] == report["log"]
    assert report["data"]["failed"] == [["dub/one.wav", "0 bytes"]]  # the report itself is whole


def test_what_was_kept_once_is_kept_again(report):
    kept = figures_only(report)
    assert figures_only(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/srv/data/gtzan", "gtzan"),
        (r"C:\music\mine", "mine"),
        ("gtzan", "gtzan"),
        ("000/cnn", "000/cnn"),
        ("at 3 / 4 of the way", "at 3 / 4 of the way"),
        ("/", "/"),
        (
            "same audio, such as a/b c.wav and jazz.00052.OPUS;",
            "same audio, such as a/b (file) and (file);",
        ),
        ("/music/a.wav", "(file)"),
    ],
)
def test_paths_from_the_root_lose_their_folders(text, kept):
    assert figures_only({"source": text}) == {"source": kept}


def test_seeds_lose_the_files_that_failed(make_seeds):
    found = {**make_seeds("a", [0.5]), "failed": [["x.wav", "silent"], ["y.wav", "silent"]]}
    assert figures_only(found)["failed"] == 2


def test_times_versions_and_commits_do_not_make_two_runs_differ(report):
    later = {**report, "minutes": 9.0, "commit": "abc", "environment": {"python": "3.13"}}
    later["bundle"] = {"bytes": 101, "parity": 2e-7}
    later["history"] = {"net": [{"epoch": 1.0, "train_loss": 2.0, "seconds": 99.0}]}
    assert comparable(later) == comparable(report)
    assert differences(comparable(report), comparable(later)) == []


def test_any_figure_does(report, make_report):
    other = {**report, "test": make_report("a", 0.6)["test"]}
    lines = differences(comparable(report), comparable(other))
    assert "test/track/accuracy: 0.5, 0.6" in lines
    assert all(line.startswith("test/") for line in lines)
    assert differences({"a": [1, 2]}, {"a": [1, 3]}) == ["a/1: 2, 3"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["a: [1], [1, 2]"]
    assert differences({"a": 1}, {}) == ["a: 1, None"]


def test_words_do_not_change_the_fingerprint_and_settings_do():
    recipe = {"name": "a", "title": "x", "fit": {"folds": 5}, "published": {"value": 0.7}}
    before = fingerprint(recipe)
    assert re.fullmatch("[0-9a-f]{64}", before)
    assert fingerprint({**recipe, "title": "y", "published": {}, "minutes": 3}) == before
    assert fingerprint(dict(reversed(recipe.items()))) == before
    assert fingerprint({**recipe, "fit": {"folds": 4}}) != before


@given(PLAIN)
def test_text_is_json_with_the_same_values(values):
    assert json.loads(text_of(values)) == values


def test_rows_stand_on_a_line_each():
    matrix = [[10 * i + j for j in range(12)] for i in range(8)]
    lines = text_of({"name": "a", "matrix": matrix}).splitlines()
    assert lines[:3] == ["{", ' "name": "a",', ' "matrix": [']
    assert [json.loads(line.strip().rstrip(",")) for line in lines[3:11]] == matrix
    assert all(len(line) <= 99 for line in lines)


def small_run(music, folder, seed=0):
    """A network of two epochs on a little music; what its report.json holds."""
    member = {"model": "cnn-000", "inputs": ["mel"], "params": {"max_epochs": 2}}
    mel = {"kind": "log-mel", "n_frames": 173}
    frontend = {"sr": 22050, "n_fft": 512, "hop_length": 256, "n_mels": 64, "power": 2.0}
    recipe = parse(
        {
            "name": "small",
            "data": {"source": str(music)},
            "features": {"mel": {**mel, "frontend": {**frontend, "log": "log"}}},
            "windows": {"length": 2.0, "hop": 2.0, "tail": "drop", "count": 2},
            "model": {"members": {"cnn": member}},
            "fit": {"choose": "holdout", "seed": seed},
            "split": {"test": 0.3, "valid": 0.3},
        },
        "small",
    )
    run_recipe(Job(recipe, "small", folder / "small.genrewise", folder, workers=1))
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_same_recipe_and_seed_give_the_same_report(music, cache, tmp_path):
    assert cache.is_dir()
    first = small_run(music, tmp_path / "first")
    time.sleep(1.1)  # another second, should a time have slipped in
    second = small_run(music, tmp_path / "second")
    assert first["history"]["cnn"][0]["seconds"] > 0
    assert differences(comparable(first), comparable(second)) == []
    for name in ("predictions.csv", "split.csv", "recipe.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    other = small_run(music, tmp_path / "other", seed=1)
    assert differences(comparable(first), comparable(other)) != []
