"""Every recipe that comes with the package runs to its end, on synthetic music."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrewise.bundle import read as load_bundle
from genrewise.training.default import fast_settings
from genrewise.training.job import Job, run_recipe
from genrewise.training.recipe import FOLDER, Recipe, load, names

PUBLISHED = [name for name in names() if "published" in load(name).protocols]

#: Recipes whose pages are drawn: of a network, of pictures, of trees, of a stack.
DRAWN = {"000/cnn", "003/cnn", "002/soft-vote", "004/stack"}


@pytest.fixture(scope="module", autouse=True)
def one_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The music is rendered, and each input made, once for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def fast(name: str, protocol: str) -> Recipe:
    return load(name, fast_settings(load(name, (), protocol)), protocol)


@pytest.mark.parametrize("name", names())
def test_it_runs_honestly(name: str, tmp_path: Path) -> None:
    recipe = fast(name, "honest")
    target = tmp_path / "m.genrewise"
    job = Job(recipe, recipe.name, target, tmp_path, page=name in DRAWN, fast=True)
    report = run_recipe(job)
    assert report["protocol"] == "honest"
    assert report["leaks"] is None
    assert report["system"] == recipe.system
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert stored["validation"] == json.loads(json.dumps(report["validation"]))
    part = report["test"] or report["validation"]
    assert 0 <= part["track"]["accuracy"] <= 1
    assert part["track"]["n"] > 0
    stack = any(recipe.model.members[key].stack for key in report["chosen"])
    assert (tmp_path / "m.genrewise").exists() is not stack
    if not stack:
        assert load_bundle(tmp_path / "m.genrewise").info.labels == tuple(report["data"]["labels"])
    for rows in report["history"].values():
        assert all(math.isfinite(row["train_loss"]) for row in rows)


@pytest.mark.parametrize("name", PUBLISHED)
def test_its_published_protocol_says_what_leaks(name: str, tmp_path: Path) -> None:
    recipe = fast(name, "published")
    job = Job(recipe, recipe.name, None, tmp_path, page=name in DRAWN, fast=True)
    report = run_recipe(job)
    assert report["protocol"] == "published"
    split = recipe.split
    if split.rule == "windows" and report["test"]:
        leaks = report["leaks"]
        assert leaks["windows"] > leaks["of"] / 2
    elif split.valid_is_test:
        assert report["leaks"]["chosen_on_test"] is True
    assert (tmp_path / "report.html").exists() is (name in DRAWN)


def test_every_file_is_a_recipe_of_its_own_name() -> None:
    recipes = {name: load(name) for name in names()}
    assert len({recipe.name for recipe in recipes.values()}) == len(recipes)
    for name, recipe in recipes.items():
        if recipe.system:
            assert recipe.name == name.replace("/", "-")
            assert recipe.title
            assert recipe.minutes > 0
            assert recipe.published.protocol
    assert sorted({recipe.system for recipe in recipes.values()} - {""}) == [
        "000",
        "001",
        "002",
        "003",
        "004",
    ]
    assert FOLDER.is_dir()
