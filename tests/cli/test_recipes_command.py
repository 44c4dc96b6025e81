"""``genrewise recipes``: the list that other programs read, and one in full."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from genrewise.cli import main
from genrewise.training import recipe, sweep_spec
from genrewise.training.catalogue import entries, entry, source
from genrewise.training.schema import recipe_schema, sweep_schema

ENTRIES = entries()


def call(*args: str, code: int = 0) -> None:
    assert main(["recipes", *args]) == code


def test_the_list_as_json_has_what_others_rely_on(capsys: Any) -> None:
    call("--json")
    found = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in found} == {*recipe.names(), *sweep_spec.sweep_names()}
    for one in found:
        assert one["kind"] in ("recipe", "sweep")
        assert one["system"] in ("000", "001", "002", "003", "004", None)
        assert one["published"] is None or isinstance(one["published"], dict)
        assert isinstance(one["minutes"], float | int)
        assert {"title", "protocols"} <= set(one)


def test_names_stand_once() -> None:
    names = [one["name"] for one in ENTRIES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", ENTRIES, ids=lambda one: one["name"])
def test_every_entry_of_a_system_says_what_was_published_and_how_long(one: Any) -> None:
    if one["system"]:
        assert one["minutes"] > 0
        assert one["title"]
    if one["name"].partition("/")[0].isdigit():
        assert one["system"] == one["name"].partition("/")[0]
        assert one["published"]
    if one["name"].startswith("models/"):
        assert one["system"] is None


def test_every_system_has_recipes_and_003_its_four_sweeps() -> None:
    by_kind = {
        kind: {one["system"] for one in ENTRIES if one["kind"] == kind and one["system"]}
        for kind in ("recipe", "sweep")
    }
    assert by_kind["recipe"] == {"000", "001", "002", "003", "004"}
    assert by_kind["sweep"] == {"001", "002", "003"}
    third = [one["name"] for one in ENTRIES if (one["system"], one["kind"]) == ("003", "sweep")]
    assert third == ["003/filter", "003/learning-rate", "003/plateau", "003/stopping"]


def test_the_table_fits_a_terminal(capsys: Any) -> None:
    call()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["system", "name", "kind", "minutes", "published"]
    assert len(lines) == 1 + len(ENTRIES)
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if " 000/cnn " in line)
    assert row.split() == ["000", "000/cnn", "recipe", *row.split()[3:]]
    assert "accuracy 0.768 by window" in row


@pytest.mark.parametrize("name", ["001/cnn-adam", "003/learning-rate"])
def test_one_in_full_ends_with_its_file(name: str, capsys: Any) -> None:
    call(name)
    text = capsys.readouterr().out
    assert text.startswith(f"{name}: {entry(name)['title']}\n")
    assert "ours, not printed by the authors:\n  - " in text
    assert "smaller here than published:\n  - " in text or not entry(name)["reductions"]
    assert text.endswith(source(name).rstrip() + "\n")
    assert tomllib.loads(source(name))["name"] == name.replace("/", "-")


def test_one_as_json_is_its_entry(capsys: Any) -> None:
    call("003/filter", "--json")
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(entry("003/filter")))
    assert entry("003/filter")["base"] == "003/cnn"
    assert entry("003/filter")["settings"] == 3


def test_an_unknown_name_is_refused_with_the_nearest(capsys: Any) -> None:
    call("003/fillter", code=2)
    assert "Did you mean 003/filter" in capsys.readouterr().err


# ------------------------------------------------------------------ sweeps that come along


@pytest.mark.parametrize("name", sweep_spec.sweep_names())
def test_every_setting_of_a_sweep_is_a_recipe(name: str) -> None:
    from genrewise.training.sweep_plan import make_plan

    for protocol in entry(name)["protocols"]:
        plan = make_plan(name, (), protocol)
        assert plan.recipe.system == plan.sweep.system == entry(name)["system"]
        for key in plan.sweep.published.best:
            assert key in plan.sweep.tried()
        if plan.sweep.grid:
            every = sweep_spec.grid(plan.sweep)
            best = plan.sweep.published.best
            assert not best or any(
                all(setting[key] == value for key, value in best.items()) for setting in every
            )


def test_the_settings_of_003_are_those_that_are_printed() -> None:
    tried = {
        name: [list(setting.values()) for setting in sweep_spec.grid(sweep_spec.read_sweep(name))]
        for name in ("003/filter", "003/learning-rate", "003/plateau", "003/stopping")
    }
    assert tried["003/filter"] == [[3], [5], [7]]
    assert tried["003/learning-rate"] == [[0.1], [0.01], [0.001], [0.0001]]
    assert tried["003/plateau"] == [[[0.1, 5]], [[0.3, 10]], [[0.5, 15]]]
    assert sorted(tried["003/stopping"]) == [
        [monitor, patience]
        for monitor in ("valid_accuracy", "valid_loss")
        for patience in (10, 15, 20)
    ]


# ------------------------------------------------------------------ schemas


def test_the_schema_is_that_of_a_recipe(capsys: Any) -> None:
    call("--schema")
    found = json.loads(capsys.readouterr().out)
    assert found == recipe_schema()
    assert found["additionalProperties"] is False
    assert set(found["properties"]) == {*recipe.Recipe.model_fields, "base"}
    models = found["$defs"]["Member"]["properties"]["model"]["examples"]
    assert {"svc", "cnn-003"} <= set(models)


def test_a_recipe_names_what_it_needs_or_its_base() -> None:
    needed = [tuple(choice["required"]) for choice in recipe_schema()["anyOf"]]
    assert needed == [("base",), ("name", "features", "model")]


def test_a_sweep_has_a_schema_too() -> None:
    found = sweep_schema()
    assert found["required"] == ["name", "base"]
    assert found["$defs"]["Search"]["properties"]["sampler"]["enum"] == ["grid", "random", "tpe"]
