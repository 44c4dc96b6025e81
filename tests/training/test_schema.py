"""The JSON schemas say of a file what the program says of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import RecipeError
from genrewise.training import recipe, sweep_spec
from genrewise.training.schema import recipe_schema, sweep_schema

RECIPES = sorted(recipe.FOLDER.rglob("*.toml"))
SWEEPS = sorted(sweep_spec.FOLDER.rglob("*.toml"))

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
#: Comparisons by keyword: what a value has to pass.
LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "minProperties": lambda value, limit: len(value) >= limit,
    "minItems": lambda value, limit: len(value) >= limit,
    "maxItems": lambda value, limit: len(value) <= limit,
    "pattern": lambda value, limit: re.search(limit, value) is not None,
    "enum": lambda value, limit: value in limit,
    "const": lambda value, limit: value == limit,
    "required": lambda value, limit: set(limit) <= set(value),
}
#: Keywords that say nothing of a value.
SILENT = {"$schema", "$defs", "title", "description", "default", "examples"}
#: Those that have rules in them.
INNER = {"anyOf", "properties", "additionalProperties", "propertyNames", "items", "prefixItems"}


def is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean") >= isinstance(value, bool)


def wrong(schema: Any, value: Any, root: Any = None, place: str = "") -> list[str]:
    """Places where a value does not fit; the part of JSON Schema that pydantic writes."""
    root = root or schema
    if "$ref" in schema:
        return wrong(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root, place)
    if "type" in schema and not is_a(value, schema["type"]):
        return [f"{place}: no {schema['type']}"]
    unknown = schema.keys() - {*LIMITS, *SILENT, *INNER, "type"}
    assert not unknown, f"the test knows no {unknown}"
    found = [
        f"{place}: {word} {schema[word]}"
        for word in LIMITS.keys() & schema.keys()
        if not LIMITS[word](value, schema[word])
    ]
    for rule, inner, where in inside(schema, value):
        found += wrong(rule, inner, root, place + where)
    if "anyOf" in schema and all(wrong(one, value, root, place) for one in schema["anyOf"]):
        found.append(f"{place}: none of {len(schema['anyOf'])}")
    if schema.get("additionalProperties") is False:
        more = sorted(value.keys() - schema.get("properties", {}).keys())
        found += [f"{place}.{key}: unknown" for key in more]
    return found


def inside(schema: Any, value: Any) -> Iterator[tuple[Any, Any, str]]:
    """Rules of what a value holds, what it holds, and where."""
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in properties:
            yield properties[key], inner, f".{key}"
        elif isinstance(others, dict):
            yield others, inner, f".{key}"
        yield schema.get("propertyNames", {}), key, f".{key}"
    firsts = schema.get("prefixItems", [])
    for i, inner in enumerate(value if isinstance(value, list) else ()):
        yield firsts[i] if i < len(firsts) else schema.get("items", {}), inner, f"[{i}]"


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_recipe_fits_its_schema(path: Path) -> None:
    assert wrong(recipe_schema(), read(path)) == []


@pytest.mark.parametrize("path", SWEEPS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_sweep_fits_its_schema(path: Path) -> None:
    assert wrong(sweep_schema(), read(path)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"wndows": {}}, ".wndows: unknown"),
        ({"windows": {"length": 0}}, ".windows.length: exclusiveMinimum 0"),
        ({"windows": {"tail": "cut"}}, ".windows.tail: enum"),
        ({"fit": {"folds": "five"}}, ".fit.folds: no integer"),
        ({"fit": {"folds": True}}, ".fit.folds: no integer"),
        ({"model": {"members": {}}}, ".model.members: minProperties 1"),
        ({"model": {"members": {"m": {"model": 3}}}}, ".model.members.m.model: no string"),
        ({"expect": {"test/clip/accuracy": [0.5]}}, ".expect.test/clip/accuracy: minItems 2"),
        ({"name": "a b"}, ".name: pattern"),
    ],
)
def test_what_the_program_refuses_the_schema_refuses(change: dict[str, Any], place: str) -> None:
    values = {**read(recipe.FOLDER / "models" / "small-gtzan-v1.toml"), **change}
    assert any(message.startswith(place) for message in wrong(recipe_schema(), values))
    with pytest.raises(RecipeError):
        recipe.parse(values, "changed")


def test_a_recipe_over_another_may_leave_out_anything() -> None:
    assert wrong(recipe_schema(), {"base": "000/cnn"}) == []
    assert wrong(recipe_schema(), {"name": "alone"}) == [": none of 2"]


def test_a_sweep_with_an_unknown_key_is_refused() -> None:
    values = read(sweep_spec.FOLDER / "003" / "filter.toml")
    assert wrong(sweep_schema(), {**values, "gird": {}}) == [".gird: unknown"]
    assert wrong(sweep_schema(), {**values, "search": {"sampler": "best"}}) == [
        ".search.sampler: enum ['grid', 'random', 'tpe']"
    ]
