"""Recipes: everything that makes a result, in one TOML file, or laid over another by ``base``.

`base`, and `start` of a member, name a recipe of the package or a TOML file, which is looked for
from the folder of the recipe that names it.

Unknown keys are refused with the nearest ones; ``--set fit.folds=10`` overrides a value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

from genrewise.errors import RecipeError, UnknownName, nearest
from genrewise.training.recipe_sections import (
    Augment,
    Data,
    Fit,
    Member,
    Model,
    Published,
    Section,
    Split,
    UnknownRule,
    Vote,
    Windows,
)

__all__ = [
    "FOLDER",
    "Member",
    "Recipe",
    "complaint",
    "load",
    "merged",
    "names",
    "override",
    "parse",
]

#: Recipes that come with the package.
FOLDER = Path(__file__).resolve().parent.parent / "recipes"


#: What `expect` may hold against an interval.
FIGURES = ("accuracy", "macro_f1", "weighted_f1", "ece", "answered", "right_when_answered", "n")


class Recipe(Section):
    """A recipe; see the classes of its sections.

    `choices` are what the authors did not print and we chose, `reductions` what is smaller
    here than it was there.  What a protocol changes stands in `protocols`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    title: str = ""
    system: str = ""
    licence: str = ""
    notes: str = ""
    expectation: str = ""
    minutes: float = 0.0
    choices: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    published: Published = Published()
    data: Data = Data()
    split: Split = Split()
    features: Mapping[str, Mapping[str, Any]]
    windows: Windows = Windows()
    augment: Augment = Augment()
    model: Model
    fit: Fit = Fit()
    vote: Vote = Vote()
    unknown: UnknownRule = UnknownRule()
    expect: Mapping[str, tuple[float, float]] = Field(default_factory=dict)
    protocol: Literal["honest", "published"] = "honest"
    protocols: Mapping[Literal["published"], Mapping[str, Any]] = Field(default_factory=dict)

    def candidates(self) -> tuple[tuple[str, ...], ...]:
        """Mixes of members to choose from; without a list, each member by itself."""
        return self.model.candidates or tuple((name,) for name in self.model.members)


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds, if any."""
    for inner in (annotation, *get_args(annotation)):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None


def _known(path: Sequence[Any], model: type[BaseModel]) -> list[str]:
    """Keys allowed at a place of a recipe, or of another file of such sections."""
    rest = list(path)
    while rest:
        field = model.model_fields.get(str(rest.pop(0)))
        inner = _section(field.annotation) if field else None
        if field is None or inner is None:
            return []
        if inner is not field.annotation and rest:  # the name of an entry, such as a member
            rest.pop(0)
        model = inner
    return list(model.model_fields)


def complaint(error: ValidationError, where: str, model: type[BaseModel] = Recipe) -> RecipeError:
    """What was wrong first, in words; unknown keys with the nearest ones."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known(first["loc"][:-1], model)
        close = nearest(str(first["loc"][-1]), known)
        todo = f"did you mean {' or '.join(close)}?" if close else ""
        return RecipeError(f"{where}: unknown key {place}", "one of " + ", ".join(known), todo)
    return RecipeError(f"{where}: {place}: {first['msg']}")


def _check_member(recipe: Recipe, key: str, member: Member, where: str) -> None:
    for name in member.inputs:
        if name not in recipe.features:
            raise RecipeError(
                f"{where}: member {key} takes {name!r}", f"one of {', '.join(recipe.features)}"
            )
    for name in member.stack:
        if name not in recipe.model.members:
            raise UnknownName("member", name, recipe.model.members)
        if recipe.model.members[name].stack:
            raise RecipeError(f"{where}: {key} is stacked on {name}, itself a stack", "two levels")
    if not member.inputs and not member.stack:
        raise RecipeError(f"{where}: model.members.{key}: sees nothing", "inputs, or a stack")


def _check_protocol(recipe: Recipe, where: str) -> None:
    """Refuse what leaks, unless it is asked for by the name of the protocol that does."""
    if recipe.protocol == "published":
        return
    split = recipe.split
    for key, value, wrong in (
        ("split.rule", split.rule, split.rule != "groups"),
        ("split.valid_is_test", "true", split.valid_is_test),
        ("model.in_sample", "true", recipe.model.in_sample),
    ):
        if wrong:
            raise RecipeError(
                f"{where}: {key} = {value} under the honest protocol",
                "nothing that leaks",
                "set it under [protocols.published], and run with --protocol published",
            )


def _check(recipe: Recipe, where: str) -> None:
    """Hold against each other what names something in another section."""
    _check_protocol(recipe, where)
    if recipe.split.valid_is_test and recipe.fit.choose == "folds":
        raise RecipeError(f"{where}: split.valid_is_test with fit.choose = folds", "holdout")
    for key, member in recipe.model.members.items():
        _check_member(recipe, key, member, where)
    for mix in recipe.model.candidates:
        if not mix:
            raise RecipeError(f"{where}: model.candidates: a mix of nothing", "names of members")
        for name in mix:
            if name not in recipe.model.members:
                raise UnknownName("member", name, recipe.model.members)
    for key, (low, high) in recipe.expect.items():
        if not re.fullmatch(
            "(validation|test)/(window|clip|track)/(" + "|".join(FIGURES) + ")", key
        ):
            raise RecipeError(
                f"{where}: expect.{key}", f"PART/LEVEL/FIGURE with one of {', '.join(FIGURES)}"
            )
        if low > high:
            raise RecipeError(f"{where}: expect.{key}: {low:g} to {high:g}", "the lower one first")


def parse(values: Mapping[str, Any], where: str) -> Recipe:
    """Check plain values and make a recipe of them.

    Raises
    ------
    RecipeError
        A key or a value is wrong.
    UnknownName
        A mix names a member that there is not.
    """
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise complaint(error, where) from error
    _check(recipe, where)
    return recipe


def names() -> list[str]:
    """Recipes that come with the package, such as ``models/small-gtzan-v1``."""
    return sorted(str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.toml"))


def _read(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Plain values of a file, laid over those of the recipe that its `base` names."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}", "a recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: {error}", "TOML") from error
    base, below = values.pop("base", ""), (*below, path.resolve())
    for member in _inner(values, "model", "members").values():
        if str(_inner(member).get("start", "")).endswith(".toml"):
            member["start"] = str(path.parent / member["start"])
    if not base:
        return values
    under = _path(str(base), path.parent)
    if under.resolve() in below:
        raise RecipeError(f"{path}: base = {base}, which is laid over this one", "another recipe")
    return _laid_over(_read(under, below), values)


def _inner(values: Any, *keys: str) -> Mapping[str, Any]:
    """What stands below some keys; nothing where there is no such section."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    return found if isinstance(found, list) else []


def _laid_over(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe laid over another.

    An input of another kind takes the place of the other's.  Members of the other that no
    candidate names are gone, and so are its inputs that no member looks at.
    """
    out = merged(base, values)
    if _inner(values, "published").get("figure") == "":
        out["published"] = values["published"]  # nothing was printed of this one
    own, members = _inner(values, "features"), _inner(out, "model", "members")
    mixes = [mixed for mixed in _list(_inner(values, "model"), "candidates") if mixed]
    if mixes:
        named = [str(name) for mixed in mixes if isinstance(mixed, list) for name in mixed]
        named += [str(below) for name in named for below in _list(_inner(members, name), "stack")]
        members = {name: members[name] for name in members if name in named}
        out["model"] = {**out["model"], "members": members}
    seen = {*own, *(str(i) for key in members for i in _list(_inner(members, key), "inputs"))}
    features = {name: spec for name, spec in _inner(out, "features").items() if name in seen}
    for name, spec in own.items():
        if _inner(features, name).get("kind") != _inner(base, "features", name).get("kind"):
            features[name] = spec
    out["features"] = features
    return out


def _path(name: str | Path, beside: Path = Path()) -> Path:
    """The file of a recipe, by name or path; a relative one is seen from the folder `beside`."""
    path = Path(name)
    if path.suffix == ".toml":
        return beside / path
    if str(name) not in names():
        raise UnknownName("recipe", str(name), names())
    return FOLDER / f"{name}.toml"


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values of `under` with those of `over` laid over them."""
    out = dict(under)
    for key, value in over.items():
        inner = out.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            out[key] = merged(inner, value)
        else:
            out[key] = value
    return out


def load(name: str | Path, settings: Sequence[str] = (), protocol: str = "honest") -> Recipe:
    """Read a recipe by name or file, with overrides.

    Parameters
    ----------
    name : str or Path
        A name of :func:`names` or a TOML file.
    settings : sequence of str
        ``key.key=value`` each, the value as in TOML.
    protocol : {"honest", "published"}
        The latter lays the section ``[protocols.published]`` over the rest.

    Raises
    ------
    UnknownName, RecipeError
    """
    path = _path(name)
    values = _read(path)
    if protocol != "honest":
        known = _inner(values, "protocols", protocol)
        if not known:
            raise RecipeError(f"{name} has no {protocol} protocol", "--protocol honest")
        values = {**merged(values, known), "protocol": protocol}
    for setting in settings:
        values = override(values, setting)
    return parse(values, path.name)


def override(values: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """A copy of `values` with one ``key.key=value`` applied.

    Raises
    ------
    RecipeError
        It is not of that form.
    """
    keys, sign, text = setting.partition("=")
    parts = keys.strip().split(".")
    if not sign or not all(parts):
        raise RecipeError(f"--set {setting}", "key=value, such as fit.folds=10")
    try:
        value = tomllib.loads(f"v = {text.strip()}")["v"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return _with(values, parts, value)


def _with(values: Mapping[str, Any], parts: Sequence[str], value: Any) -> dict[str, Any]:
    head, *rest = parts
    if not rest:
        return {**values, head: value}
    inner = values.get(head, {})
    if not isinstance(inner, Mapping):
        raise RecipeError(f"{head} is no section, it has no {'.'.join(rest)}")
    return {**values, head: _with(inner, rest, value)}
