"""Sweeps as files: what is tried, what is refused."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.recipe import override
from genrewise.training.sweep_spec import (
    Sweep,
    as_settings,
    grid,
    parse_sweep,
    read_sweep,
    short_names,
    split_settings,
    sweep_names,
    toml_text,
)

GRID = {"model.members.m.params.lr": [0.1, 0.01], "fit.seed": [1, 2, 3]}


def sweep(**more: Any) -> Sweep:
    return parse_sweep({"name": "s", "base": "b", "grid": GRID, **more}, "s.toml")


def drawn(**more: Any) -> Sweep:
    space = {"fit.seed": {"low": 1, "high": 9, "int": True}}
    search = {"sampler": "random", "trials": 3}
    return sweep(**{"grid": {}, "space": space, "search": search, **more})


def refused(**values: Any) -> str:
    with pytest.raises(RecipeError) as error:
        sweep(**values)
    return str(error.value)


# ------------------------------------------------------------------ what is tried


def test_a_grid_is_every_combination_the_last_key_fastest() -> None:
    rows = grid(sweep())
    assert [tuple(row.values()) for row in rows] == list(itertools.product(*GRID.values()))
    assert [tuple(row) for row in rows] == [tuple(GRID)] * 6
    assert sweep().total() == 6
    assert sweep().tried() == tuple(GRID)


def test_fewer_trials_are_the_first_of_the_grid() -> None:
    few = sweep(search={"trials": 4})
    assert few.total() == 4
    assert grid(few) == grid(sweep())[:4]
    assert sweep(search={"trials": 99}).total() == 6


def test_values_may_be_pairs_and_tables() -> None:
    values = [[0.1, 5], {"factor": 0.3, "patience": 10}]
    one = sweep(grid={"model.members.m.params.plateau": values})
    assert [next(iter(row.values())) for row in grid(one)] == values


def test_a_drawn_sweep_counts_its_trials() -> None:
    assert drawn().total() == 3
    assert drawn().tried() == ("fit.seed",)


def test_what_is_not_said_has_defaults() -> None:
    plain = sweep()
    assert plain.judge.figure == "validation/clip/accuracy"
    assert plain.judge.direction == "maximize"
    assert plain.search.sampler == "grid"
    assert not plain.search.prune


# ------------------------------------------------------------------ what is refused


def test_unknown_keys_are_refused_with_the_nearest() -> None:
    assert "unknown key serch" in refused(serch={})
    assert refused(serch={}).endswith("Did you mean search?")
    nested = refused(search={"sampeler": "grid"})
    assert "unknown key search.sampeler" in nested
    assert nested.endswith("Did you mean sampler?")
    inner = refused(grid={}, search={"sampler": "tpe", "trials": 2}, space={"a": {"lowe": 1}})
    assert "unknown key space.a.lowe" in inner
    assert "did you mean low" in inner.lower()


@pytest.mark.parametrize("figure", ["test/clip/accuracy", "validation/clip/n", "accuracy", ""])
def test_only_figures_of_validation_judge(figure: str) -> None:
    message = refused(judge={"figure": figure})
    assert "a figure of validation" in message
    assert "the test part is not for choosing" in message.lower()


def test_grid_and_space_are_not_mixed() -> None:
    space = {"fit.seed": {"choices": [1]}}
    assert "no [space]" in refused(space=space)
    assert "a [grid] of values" in refused(grid={})
    assert "no [grid]" in refused(space=space, search={"sampler": "random", "trials": 1})
    assert "how many settings" in refused(grid={}, space=space, search={"sampler": "tpe"})


def test_what_is_fixed_is_not_tried() -> None:
    assert "fit.seed is fixed" in refused(set={"fit.seed": 4})


def test_a_key_without_values_is_refused() -> None:
    assert "no values" in refused(grid={"fit.seed": []})


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "low and high, or choices"),
        ({"low": 1, "choices": [1]}, "low and high, or choices"),
        ({"low": 1}, "low below high"),
        ({"low": 2, "high": 2}, "low below high"),
        ({"low": 0, "high": 1, "log": True}, "low above 0"),
        ({"low": 0.5, "high": 4, "int": True}, "whole ends"),
    ],
)
def test_a_space_needs_two_ends_or_choices(space: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        drawn(space={"a": space})


@pytest.mark.parametrize("name", ["", "a/b", ".x", "ä"])
def test_a_name_is_fit_for_a_file(name: str) -> None:
    assert "name" in refused(name=name)


# ------------------------------------------------------------------ files


def test_a_file_reads_as_it_stands(tmp_path: Path) -> None:
    text = """
name = "mine"
base = "other.toml"
set = {"fit.seed" = 4}
[published]
note = "small is best"
best = {"windows.length" = 3.0}
[grid]
"windows.length" = [1, 3.0]
"""
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    (tmp_path / "other.toml").write_text("", encoding="utf-8")
    found = read_sweep(tmp_path / "mine.toml", ["search.trials=1", "judge.direction=minimize"])
    assert found.base == str(tmp_path / "other.toml")
    assert found.set == {"fit.seed": 4}
    assert found.published.best == {"windows.length": 3.0}
    assert (found.total(), found.judge.direction) == (1, "minimize")


def test_bad_files_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no sweep named"):
        read_sweep("nothing")
    with pytest.raises(RecipeError, match="No such file"):
        read_sweep(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("name =", encoding="utf-8")
    with pytest.raises(RecipeError, match="expected TOML"):
        read_sweep(tmp_path / "bad.toml")


def test_names_are_those_of_the_files() -> None:
    from genrewise.training.sweep_spec import FOLDER

    assert sweep_names() == sorted(
        path.relative_to(FOLDER).as_posix().removesuffix(".toml") for path in FOLDER.rglob("*.toml")
    )


# ------------------------------------------------------------------ settings as text


def test_settings_of_the_sweep_are_told_from_those_of_the_recipe() -> None:
    own, others = split_settings(
        ["search.trials=2", "fit.folds=3", " judge.figure=x", "searching.a=1"]
    )
    assert own == ("search.trials=2", " judge.figure=x")
    assert others == ("fit.folds=3", "searching.a=1")


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab é", min_size=1), inner),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_written_as_toml_reads_back(value: Any) -> None:
    text = toml_text(value)
    assert "\n" not in text
    found = tomllib.loads(f"v = {text}")["v"]
    assert found == value
    assert type(found) is type(value)


@given(VALUES)
def test_a_setting_comes_to_the_recipe_as_it_is(value: Any) -> None:
    (setting,) = as_settings({"model.params": value})
    assert override({"model": {"kind": 1}}, setting) == {"model": {"kind": 1, "params": value}}


@pytest.mark.parametrize(
    ("keys", "short"),
    [
        (["model.members.cnn.params.lr"], ["lr"]),
        (["a.lr", "b.lr"], ["a.lr", "b.lr"]),
        (["x.a.lr", "y.b.lr"], ["a.lr", "b.lr"]),
        (["lr", "a.lr"], ["lr", "a.lr"]),
        (["a.lr", "a.momentum"], ["lr", "momentum"]),
    ],
)
def test_short_names_tell_keys_apart(keys: list[str], short: list[str]) -> None:
    assert list(short_names(keys).values()) == short


# ------------------------------------------------------------------ the page


def test_the_examples_of_the_page_are_sweeps() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "sweeps.md"
    grid_text, space_text = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    whole = parse_sweep(tomllib.loads(grid_text), "page")
    assert (whole.total(), whole.set) == (6, {"fit.seed": 1})
    drawn_from = parse_sweep({"name": "s", "base": "b", **tomllib.loads(space_text)}, "page")
    assert (drawn_from.total(), len(drawn_from.tried())) == (24, 2)


def test_the_page_tells_of_every_sweep() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "sweeps.md"
    text = page.read_text("utf-8")
    assert [name for name in sweep_names() if f"`{name}`" not in text] == []
