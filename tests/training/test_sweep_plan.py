"""What a sweep tries: what is fixed, what lies over what, what is refused beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.sweep_plan import FAST_TRIALS, Plan, make_plan

BASE = """
name = "toy"
choices = ["of the recipe"]
[data]
source = "somewhere"
[features.timbre]
kind = "statistics"
[fit]
folds = 7
seed = 3
[model.members.m]
model = "knn"
inputs = ["timbre"]
params = {n_neighbors = 9, weights = "distance"}
[expect]
"test/clip/accuracy" = [0.9, 1.0]
[protocols.published]
split = {rule = "clips"}
"""
SWEEP = """
name = "tried"
base = "toy.toml"
set = {"fit.folds" = 4}
[grid]
"model.members.m.params.n_neighbors" = [1, 2, 3]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(BASE, encoding="utf-8")
    (tmp_path / "tried.toml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


def plan(folder: Path, *settings: str, **more: Any) -> Plan:
    return make_plan(folder / "tried.toml", settings, **more)


def test_the_recipe_is_laid_under_what_is_fixed(folder: Path) -> None:
    found = plan(folder)
    assert (found.recipe.fit.folds, found.recipe.fit.seed) == (4, 3)
    assert found.recipe.data.source == "somewhere"
    assert found.total == 3
    assert found.protocol == "honest"


def test_what_the_recipe_expects_of_itself_is_not_expected_of_trials(folder: Path) -> None:
    assert plan(folder).recipe.expect == {}


def test_a_trial_changes_what_is_tried_and_nothing_else(folder: Path) -> None:
    found = plan(folder)
    trial = found.trial({"model.members.m.params.n_neighbors": 2})
    assert dict(trial.model.members["m"].params) == {"n_neighbors": 2, "weights": "distance"}
    base = found.recipe.model_dump()
    changed = trial.model_dump()
    base["model"].pop("members")
    changed["model"].pop("members")
    assert changed == base


def test_the_command_line_goes_over_the_file(folder: Path) -> None:
    assert plan(folder, "fit.folds=2").recipe.fit.folds == 2
    assert plan(folder, "fit.folds=2").sweep.set == {"fit.folds": 4}


def test_settings_of_the_sweep_do_not_reach_the_recipe(folder: Path) -> None:
    found = plan(folder, "search.trials=2", "search.prune=true")
    assert found.total == 2
    assert found.sweep.search.prune
    assert not any("search" in setting for setting in found.fixed)


def test_what_is_tried_goes_over_the_command_line(folder: Path) -> None:
    key = "model.members.m.params.n_neighbors"
    found = plan(folder, f"{key}=5")
    assert found.recipe.model.members["m"].params["n_neighbors"] == 5
    assert found.trial({key: 2}).model.members["m"].params["n_neighbors"] == 2


def test_fast_is_two_settings_on_synthetic_music(folder: Path) -> None:
    found = plan(folder, fast=True)
    assert found.total == FAST_TRIALS == 2
    assert found.recipe.data.source.startswith("synthetic:")
    assert plan(folder, "search.trials=1", fast=True).total == 1
    assert plan(folder, "data.source=mine", fast=True).recipe.data.source == "mine"


def test_a_protocol_is_that_of_the_recipe(folder: Path) -> None:
    found = plan(folder, protocol="published")
    assert found.recipe.split.rule == "clips"
    assert found.trial({}).protocol == "published"
    with pytest.raises(RecipeError, match=r"split\.rule"):
        plan(folder, "split.rule=clips")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("params.n_neighbors", "parms.n_neighbors"), "unknown key model.members.m.parms"),
        (("[1, 2, 3]", "[1]\n'fit.folds.x' = [1]"), "folds is no section, it has no x"),
        (("[1, 2, 3]", "[1]\n'fit.seed' = [1, -1]"), "fit.seed"),
        (("toy.toml", "tyo.toml"), "No such file"),
    ],
)
def test_a_setting_that_is_no_recipe_is_refused_beforehand(
    folder: Path, change: tuple[str, str], words: str
) -> None:
    (folder / "tried.toml").write_text(SWEEP.replace(*change), encoding="utf-8")
    with pytest.raises(RecipeError, match=words):
        plan(folder)


def test_a_base_by_name_is_looked_for_among_those_that_come_along(folder: Path) -> None:
    text = SWEEP.replace('"toy.toml"', '"000/cn"')
    (folder / "tried.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UnknownName, match="Did you mean 000/cnn"):
        plan(folder)
