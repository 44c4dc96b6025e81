"""Recipes: what is read, what is refused and how it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.models import make, parameters
from genrewise.training.recipe import Recipe, load, names, override, parse
from genrewise.windows import WindowRule

LEAST: dict[str, Any] = {
    "name": "mine",
    "features": {"x": {"kind": "statistics"}},
    "model": {"members": {"a": {"model": "lda", "inputs": ["x"]}}},
}


def changed(*settings: str) -> Recipe:
    values: Any = LEAST
    for setting in settings:
        values = override(values, setting)
    return parse(values, "here")


def refused(*settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        changed(*settings)
    return str(caught.value)


def test_the_recipes_of_the_shipped_models_are_there() -> None:
    wanted = {"models/small-gtzan-v1", "models/musicnn-gtzan-v1", "models/hard-techno-v1"}
    assert wanted <= set(names())
    assert names() == sorted(names())


@pytest.mark.parametrize("name", names())
def test_every_recipe_reads_and_names_things_that_exist(name: str) -> None:
    recipe = load(name)
    assert name.endswith(recipe.name)
    assert recipe.licence
    assert recipe.title
    for member in recipe.model.members.values():
        assert set(member.params) <= set(parameters(member.model))
        make(member.model, 3, 0, **member.params)
    used = {key for mix in recipe.candidates() for key in mix}
    assert used == set(recipe.model.members)
    seen = {i for member in recipe.model.members.values() for i in member.inputs}
    assert seen == set(recipe.features)


def test_defaults() -> None:
    recipe = changed()
    assert recipe.windows.rule() == WindowRule(10.0, 5.0, "shift", -60.0)
    assert recipe.candidates() == (("a",),)
    assert (recipe.fit.folds, recipe.fit.refit) == (5, "train")
    assert (recipe.split.test, recipe.vote.rule) == (0.2, "log-mean")
    assert recipe.unknown.target_risk == 0.15
    assert recipe.expect == {}
    assert recipe.data.rows.file == ""


def test_a_recipe_cannot_be_changed_after_it_was_read() -> None:
    with pytest.raises(ValidationError):
        changed().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("setting", "place", "close"),
    [
        ("fitt.folds=3", "unknown key fitt", "Did you mean fit"),
        ("fit.fold=3", "unknown key fit.fold", "Did you mean folds?"),
        ("windows.lenght=3", "unknown key windows.lenght", "Did you mean length?"),
        ("data.group-by='artist'", "unknown key data.group-by", "Did you mean group_by?"),
        ("data.rows.fil='x'", "unknown key data.rows.fil", "Did you mean file?"),
        ("model.members.a.modle='svc'", "unknown key model.members.a.modle", "mean model?"),
        ("model.candidate=[]", "unknown key model.candidate", "Did you mean candidates?"),
        ("zzzz=1", "unknown key zzzz; expected one of name, title", "report"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(setting: str, place: str, close: str) -> None:
    if close == "report":
        close = ""
    text = refused(setting)
    assert text.startswith("here: ")
    assert place in text
    assert close in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("fit.folds=1", "fit.folds"),
        ("fit.folds=many", "fit.folds"),
        ("split.test=1.0", "split.test"),
        ("split.seed=-1", "split.seed"),
        ("windows.length=0", "windows.length"),
        ("windows.tail=cut", "windows.tail"),
        ("vote.rule=loudest", "vote.rule"),
        ("fit.refit=some", "fit.refit"),
        ("name=../up", "name"),
        ("name=two words", "name"),
        ("model.members={}", "model.members"),
        ("model.members.a.inputs=[]", "model.members.a"),
        ("features=3", "features"),
        ("unknown.target_risk=1.5", "unknown.target_risk"),
    ],
)
def test_values_out_of_range_are_refused_with_their_place(setting: str, place: str) -> None:
    text = refused(setting)
    assert text.startswith(f"here: {place}: ")
    assert "\n" not in text


def test_members_and_mixes_name_what_exists() -> None:
    assert "member a takes 'y'; expected one of x" in refused('model.members.a.inputs=["y"]')
    with pytest.raises(UnknownName, match="no member named 'b'"):
        changed('model.candidates=[["a", "b"]]')
    assert "a mix of nothing" in refused("model.candidates=[[]]")


@pytest.mark.parametrize(
    "key", ["test/clip/accurracy", "training/clip/accuracy", "test/song/ece", "accuracy", "a/b"]
)
def test_expectations_name_a_figure(key: str) -> None:
    assert f"expect.{key}" in refused(f'expect={{"{key}"=[0, 1]}}')


def test_expectations_are_intervals() -> None:
    good = changed('expect={"test/clip/accuracy"=[0.5, 0.75]}')
    assert good.expect == {"test/clip/accuracy": (0.5, 0.75)}
    assert "the lower one first" in refused('expect={"test/clip/accuracy"=[0.75, 0.5]}')


@pytest.mark.parametrize("setting", ["fit.folds", "=3", "fit..folds=3", ".=1", ""])
def test_settings_are_key_equals_value(setting: str) -> None:
    with pytest.raises(RecipeError, match=r"expected key=value"):
        override(LEAST, setting)


def test_a_value_has_no_keys_below() -> None:
    with pytest.raises(RecipeError, match="name is no section, it has no first"):
        override(LEAST, "name.first=x")


def test_an_override_leaves_the_original_alone() -> None:
    override(LEAST, "model.members.a.model=svc")
    assert LEAST["model"]["members"]["a"]["model"] == "lda"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ('"3"', "3"), ("[1, 2]", [1, 2]), ("a=b c", "a=b c")],
)
def test_values_are_toml_or_else_text(text: str, value: Any) -> None:
    assert override({}, f"k={text}") == {"k": value}


keys = st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=4)


@given(keys, st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_the_last_override_holds(path: list[str], first: int, second: int) -> None:
    dotted = ".".join(path)
    values: Any = override(override({}, f"{dotted}={first}"), f"{dotted} = {second}")
    for part in path:
        values = values[part]
    assert values == second


def test_load_takes_names_files_and_settings(tmp_path: Path) -> None:
    file = tmp_path / "mein rezept é.toml"
    file.write_text(
        'name = "mine"\n[features]\nx = {kind = "statistics"}\n'
        '[model.members.a]\nmodel = "svc"\ninputs = ["x"]\n[fit]\nfolds = 3\n',
        encoding="utf-8",
    )
    assert load(file).fit.folds == 3
    assert load(str(file), ["fit.folds=4"]).fit.folds == 4
    assert load("models/small-gtzan-v1", ["fit.folds=2", "split.seed=7"]).split.seed == 7


def test_load_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"models/small-gtzan-v1"):
        load("models/smal-gtzan-v1")
    with pytest.raises(RecipeError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = \n")
    with pytest.raises(RecipeError, match=r"bad\.toml: .*expected TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="expected TOML"):
        load(tmp_path / "bytes.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(RecipeError, match=r"empty\.toml: name: Field required"):
        load(tmp_path / "empty.toml")
