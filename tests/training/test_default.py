"""The recipe of ``genrewise train`` and the settings of ``--fast``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.bundle_info import is_name
from genrewise.errors import RecipeError, UnknownName
from genrewise.inputs import make_input
from genrewise.training.default import fast_settings, model_name, recipe_for
from genrewise.training.models import MODELS, make
from genrewise.training.recipe import load, names, override, parse


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without a backbone."""
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def full(bare: Path) -> Path:
    """A cache with one; nothing opens it here."""
    (bare / "backbones").mkdir()
    (bare / "backbones" / "musicnn-msd.onnx").write_bytes(b"a network")
    return bare


def kinds(recipe: Any) -> set[str]:
    return {spec["kind"] for spec in recipe.features.values()}


@pytest.mark.usefixtures("bare")
def test_without_a_backbone_it_is_our_own_statistics() -> None:
    recipe = recipe_for("folder", "mine")
    assert kinds(recipe) == {"statistics"}
    assert recipe.data.source == "folder"
    assert set(recipe.candidates()) == {("linear",), ("kernel",), ("linear", "kernel")}
    assert recipe.fit.refit == "all"


@pytest.mark.usefixtures("full")
def test_with_a_backbone_it_is_used_unless_it_must_be_fast() -> None:
    assert kinds(recipe_for("folder", "mine")) == {"statistics", "backbone"}
    assert kinds(recipe_for("folder", "mine", fast=True)) == {"statistics"}


@pytest.mark.usefixtures("full")
def test_members_and_parameters_exist() -> None:
    for fast in (False, True):
        recipe = recipe_for("folder", "mine", fast=fast)
        for member in recipe.model.members.values():
            make(member.model, 2, 0, **member.params)
        used = {name for mix in recipe.candidates() for name in mix}
        assert used == set(recipe.model.members)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("model", [name for name in MODELS if name != "cnn-000"])
def test_one_kind_of_classifier_instead_of_a_choice(model: str) -> None:
    recipe = recipe_for("folder", "mine", model=model, settings=["fit.folds=3"])
    assert recipe.candidates() == ((model,),)
    assert recipe.model.members[model].inputs == ("timbre",)
    assert (recipe.fit.folds, recipe.fit.refit) == (3, "all")


@pytest.mark.usefixtures("bare")
def test_labels_groups_and_settings_are_taken_over() -> None:
    recipe = recipe_for(
        "folder", "mine", labels=["b", "a"], group_by="artist", settings=["split.test=0.3"]
    )
    assert recipe.data.labels == ("b", "a")
    assert recipe.data.group_by == "artist"
    assert recipe.split.test == 0.3


@pytest.mark.usefixtures("bare")
def test_wrong_names_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"no model named 'svm'.*Did you mean svc"):
        recipe_for("folder", "mine", model="svm")
    with pytest.raises(RecipeError, match=r"train folder: unknown key fit.fold"):
        recipe_for("folder", "mine", settings=["fit.fold=3"])


#: Inputs that music without a backbone has.
OF_SOUND = {"statistics", "log-mel", "picture", "centroid", "summary"}
NETWORKS = re.compile("mlp|ann-|cnn-|crnn-")
TREES = re.compile("xgboost|lightgbm|gradient-boosting|forest")


def shortened(spec: Any) -> Any:
    """An input of sound; a spectrogram of more than twice 96 frames has 96."""
    long = spec["kind"] == "log-mel" and spec["n_frames"] > 192
    return {**spec, "n_frames": 96} if long else spec


@pytest.mark.parametrize("name", names())
def test_fast_settings_fit_every_recipe(name: str, bare: Path) -> None:
    for protocol in ("honest", *load(name).protocols):
        slow = load(name, protocol=protocol)
        recipe = load(name, fast_settings(slow), protocol)
        assert recipe.data.source.startswith("synthetic:")
        assert recipe.data.labels == ()
        assert (recipe.data.group_by, recipe.data.rows.file) == ("", "")
        assert recipe.expect == {}
        assert recipe.fit.folds == 2
        assert recipe.windows.count == min(slow.windows.count, 2)
        assert recipe.split == slow.split
        assert kinds(recipe) <= OF_SOUND
        for key, spec in recipe.features.items():
            given = slow.features[key]
            assert spec == shortened(given) or given["kind"] not in OF_SOUND
            make_input(spec)
        assert list(recipe.model.members) == list(slow.model.members)
        for key, member in recipe.model.members.items():
            params = dict(slow.model.members[key].params)
            params |= {"max_epochs": 2} if NETWORKS.match(member.model) else {}
            params |= {"n_estimators": 10} if TREES.match(member.model) else {}
            assert member == slow.model.members[key].model_copy(update={"params": params})
    assert list(bare.iterdir()) == []


@pytest.mark.usefixtures("bare")
def test_what_stands_in_has_the_shape_of_what_it_stands_for() -> None:
    values = {
        "deep": {"kind": "backbone", "backbone": "musicnn-msd"},
        "rows": {"kind": "table"},
        "wide": {"kind": "picture-file", "size": [30, 20]},
        "plain": {"kind": "picture-file"},
        "mel": {"kind": "log-mel", "n_frames": 192},
        "long": {"kind": "log-mel", "n_frames": 193},
        "odd": {"kind": "log-mel"},
        "centroid": {"kind": "centroid", "n_frames": 500},
    }
    member = {"model": "lda", "inputs": list(values)}
    made = parse({"name": "x", "features": values, "model": {"members": {"m": member}}}, "")
    stands: Any = {}
    for setting in fast_settings(made):
        stands = override(stands, setting)
    assert stands["features"] == {
        "deep": {"kind": "statistics"},
        "rows": {"kind": "summary", "set": "gtzan57"},
        "wide": {"kind": "picture", "picture": "mel", "size": [30, 20]},
        "plain": {"kind": "picture", "picture": "mel", "size": [128, 128]},
        "long": {"n_frames": 96},
    }


def test_recipes_without_networks_are_made_fast_without_their_library() -> None:
    code = (
        "import sys; from genrewise.training.default import fast_settings\n"
        "from genrewise.training.recipe import load\n"
        "fast_settings(load('models/small-gtzan-v1')); fast_settings(load('004/soft-vote'))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.usefixtures("full")
def test_fast_settings_keep_a_backbone_that_is_there() -> None:
    name = "models/musicnn-gtzan-v1"
    recipe = load(name, fast_settings(load(name)))
    assert recipe.features == load(name).features


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mine", "mine"),
        ("Meine Musik é ☃", "Meine-Musik-e"),
        ("my.genres_2", "my.genres_2"),
        ("-.x.-", "x"),
        ("☃", "model"),
        ("", "model"),
        ("../../up", "up"),
    ],
)
def test_names_for_models(text: str, name: str) -> None:
    assert model_name(text) == name


@given(st.text())
def test_any_text_makes_a_name(text: str) -> None:
    assert is_name(model_name(text))
    assert model_name(model_name(text)) == model_name(text)
