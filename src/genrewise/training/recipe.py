"""Recipes: everything that makes a result, in one TOML file.

Unknown keys are refused with the nearest ones; ``--set fit.folds=10`` overrides a value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genrewise.errors import RecipeError, UnknownName, nearest
from genrewise.windows import WindowRule

__all__ = ["FOLDER", "Member", "Recipe", "load", "names", "override", "parse"]

#: Recipes that come with the package.
FOLDER = Path(__file__).resolve().parent.parent / "recipes"


#: What `expect` may hold against an interval.
FIGURES = ("accuracy", "macro_f1", "weighted_f1", "ece", "answered", "right_when_answered", "n")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Rows(_Frozen):
    """Further training rows of one input, for tracks without audio (``.npz``)."""

    input: str = ""
    file: str = ""


class Data(_Frozen):
    """Where the music is.

    `source` is what :func:`genrewise.training.datasets.read` takes; a relative one is also
    looked for below the data folder.
    """

    source: str = ""
    labels: tuple[str, ...] = ()
    group_by: str = ""
    rows: Rows = Rows()


class Split(_Frozen):
    """Shares and seed; a split column of the data set comes first."""

    seed: int = Field(default=0, ge=0)
    test: float = Field(default=0.2, ge=0, lt=1)


class Windows(_Frozen):
    """See :class:`genrewise.windows.WindowRule`."""

    length: float = Field(default=10.0, gt=0)
    hop: float = Field(default=5.0, gt=0)
    tail: Literal["shift", "pad", "drop"] = "shift"
    silence_db: float = -60.0

    def rule(self) -> WindowRule:
        """The window rule."""
        return WindowRule(self.length, self.hop, self.tail, self.silence_db)


class Member(_Frozen):
    """One classifier: a model of the registry, what it looks at, its parameters."""

    model: str
    inputs: tuple[str, ...] = Field(min_length=1)
    params: Mapping[str, Any] = Field(default_factory=dict)


class Model(_Frozen):
    """Members and which of them may be mixed; validation picks one of the candidates."""

    label_set: str = ""
    members: Mapping[str, Member] = Field(min_length=1)
    candidates: tuple[tuple[str, ...], ...] = ()


class Fit(_Frozen):
    """Cross-validation and what is fitted in the end.

    `refit` "all" fits what ships on the test part too, once that was scored.
    """

    folds: int = Field(default=5, ge=2)
    seed: int = Field(default=0, ge=0)
    windows_per_item: int = Field(default=12, ge=1)
    refit: Literal["train", "all"] = "train"


class Vote(_Frozen):
    """Rule of :mod:`genrewise.votes`.

    The geometric mean is no more often right than the arithmetic one, but better calibrated
    after a temperature: ECE .036 against .099 on ten genres, four members, out of fold.
    """

    rule: Literal["mean", "log-mean", "majority", "trimmed"] = "log-mean"


class UnknownRule(_Frozen):
    """When to say "unknown": the share of wrong answers aimed at, on validation."""

    target_risk: float = Field(default=0.15, gt=0, lt=1)
    least_answered: float = Field(default=0.6, gt=0, le=1)
    far: float = Field(default=0.01, ge=0, lt=1)


class Recipe(_Frozen):
    """A recipe; see the classes of its sections."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    title: str = ""
    system: str = ""
    licence: str = ""
    notes: str = ""
    expectation: str = ""
    minutes: float = 0.0
    published: Mapping[str, Any] = Field(default_factory=dict)
    data: Data = Data()
    split: Split = Split()
    features: Mapping[str, Mapping[str, Any]]
    windows: Windows = Windows()
    model: Model
    fit: Fit = Fit()
    vote: Vote = Vote()
    unknown: UnknownRule = UnknownRule()
    expect: Mapping[str, tuple[float, float]] = Field(default_factory=dict)

    def candidates(self) -> tuple[tuple[str, ...], ...]:
        """Mixes of members to choose from; without a list, each member by itself."""
        return self.model.candidates or tuple((name,) for name in self.model.members)


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds, if any."""
    for inner in (annotation, *get_args(annotation)):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None


def _known(path: Sequence[Any]) -> list[str]:
    """Keys allowed at a place of the recipe."""
    model: type[BaseModel] = Recipe
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


def _complain(error: ValidationError, where: str) -> RecipeError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _known(first["loc"][:-1])
        close = nearest(str(first["loc"][-1]), known)
        todo = f"did you mean {' or '.join(close)}?" if close else ""
        return RecipeError(f"{where}: unknown key {place}", "one of " + ", ".join(known), todo)
    return RecipeError(f"{where}: {place}: {first['msg']}")


def _check(recipe: Recipe, where: str) -> None:
    """Hold against each other what names something in another section."""
    for key, member in recipe.model.members.items():
        for name in member.inputs:
            if name not in recipe.features:
                raise RecipeError(
                    f"{where}: member {key} takes {name!r}", f"one of {', '.join(recipe.features)}"
                )
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
        raise _complain(error, where) from error
    _check(recipe, where)
    return recipe


def names() -> list[str]:
    """Recipes that come with the package, such as ``models/small-gtzan-v1``."""
    return sorted(str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.toml"))


def load(name: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name or file, with overrides.

    Parameters
    ----------
    name : str or Path
        A name of :func:`names` or a TOML file.
    settings : sequence of str
        ``key.key=value`` each, the value as in TOML.

    Raises
    ------
    UnknownName, RecipeError
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = FOLDER / f"{name}.toml"
        if str(name) not in names():
            raise UnknownName("recipe", str(name), names())
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}", "a recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: {error}", "TOML") from error
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
