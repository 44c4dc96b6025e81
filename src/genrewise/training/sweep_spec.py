"""Sweeps: which settings of a recipe to try, in one TOML file."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.recipe import FIGURES, complaint, override
from genrewise.training.recipe_sections import Section

__all__ = [
    "FOLDER",
    "Finding",
    "Judge",
    "Search",
    "Space",
    "Sweep",
    "as_settings",
    "grid",
    "parse_sweep",
    "read_sweep",
    "short_names",
    "split_settings",
    "sweep_names",
    "toml_text",
]

#: Sweeps that come with the package.
FOLDER = Path(__file__).resolve().parent.parent / "sweeps"

#: Sections of a sweep that ``--set`` may change; every other key is the recipe's.
OWN = ("search", "judge")

_FIGURE = re.compile(
    "validation/(window|clip|track)/(" + "|".join((*(f for f in FIGURES if f != "n"), "nll")) + ")"
)


class Finding(Section):
    """What the authors found, in words, and the setting they call the best."""

    note: str = ""
    source: str = ""
    best: Mapping[str, Any] = Field(default_factory=dict)


class Search(Section):
    """How settings are chosen.

    A ``grid`` tries every combination, the last key changing fastest; `trials` above 0 only
    the first of them.  ``random`` draws `trials` settings from the space.  ``tpe`` (Bergstra et
    al. 2011) proposes `batch` settings at a time by the results of all before, so that the
    table is the same however many run side by side.  With `prune` a network ends early when
    it is worse than half of those before it were at the same epoch.
    """

    sampler: Literal["grid", "random", "tpe"] = "grid"
    trials: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=4, ge=1)
    prune: bool = False


class Space(Section):
    """Where one value is drawn from: a range with both ends, or a list of choices."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    int: bool = False
    choices: tuple[Any, ...] = ()


class Judge(Section):
    """The figure of the validation part that the best setting is chosen by."""

    figure: str = "validation/clip/accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"


class Sweep(Section):
    """A sweep: a recipe, what of it is fixed, and what is tried.

    Keys of `set`, `grid` and `space` are those of the recipe with dots between them, such as
    ``"fit.seed"``, in quotes.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    title: str = ""
    system: str = ""
    notes: str = ""
    minutes: float = 0.0
    choices: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    base: str
    set: Mapping[str, Any] = Field(default_factory=dict)
    published: Finding = Finding()
    search: Search = Search()
    grid: Mapping[str, tuple[Any, ...]] = Field(default_factory=dict)
    space: Mapping[str, Space] = Field(default_factory=dict)
    judge: Judge = Judge()

    def tried(self) -> tuple[str, ...]:
        """Keys of the recipe that are tried."""
        return tuple(self.grid or self.space)

    def total(self) -> int:
        """How many settings are tried."""
        if self.search.sampler != "grid":
            return self.search.trials
        every = 1
        for values in self.grid.values():
            every *= len(values)
        return min(every, self.search.trials or every)


def sweep_names() -> list[str]:
    """Sweeps that come with the package, such as ``003/learning-rate``."""
    return sorted(str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.toml"))


def split_settings(settings: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Overrides for the sweep itself (``search.trials=8``), and those for its recipe."""
    every = tuple(settings)
    own = tuple(s for s in every if s.partition("=")[0].strip().partition(".")[0] in OWN)
    return own, tuple(s for s in every if s not in own)


def read_sweep(name: str | Path, settings: Sequence[str] = ()) -> Sweep:
    """Read a sweep by name or file.

    Parameters
    ----------
    name : str or Path
        A name of :func:`sweep_names` or a TOML file.
    settings : sequence of str
        ``search.key=value`` or ``judge.key=value``.

    Raises
    ------
    UnknownName, RecipeError
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = FOLDER / f"{name}.toml"
        if str(name) not in sweep_names():
            raise UnknownName("sweep", str(name), sweep_names())
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}", "a sweep") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: {error}", "TOML") from error
    for setting in settings:
        values = override(values, setting)
    base = values.get("base", "")
    if str(base).endswith(".toml") and (path.parent / base).is_file():
        values = {**values, "base": str(path.parent / base)}
    return parse_sweep(values, path.name)


def parse_sweep(values: Mapping[str, Any], where: str) -> Sweep:
    """Check plain values and make a sweep of them.

    Raises
    ------
    RecipeError
    """
    try:
        sweep = Sweep.model_validate(values)
    except ValidationError as error:
        raise complaint(error, where, Sweep) from error
    _check_keys(sweep, where)
    _check_judge(sweep.judge, where)
    for key, space in sweep.space.items():
        _check_space(space, f"{where}: space.{key}")
    return sweep


def _check_keys(sweep: Sweep, where: str) -> None:
    grid = sweep.search.sampler == "grid"
    if bool(sweep.grid) != grid or bool(sweep.space) == grid:
        raise RecipeError(
            f"{where}: sampler {sweep.search.sampler}",
            "a [grid] of values and no [space]" if grid else "a [space] and no [grid]",
        )
    if not grid and not sweep.search.trials:
        raise RecipeError(f"{where}: search.trials 0", "how many settings to draw")
    for key, values in sweep.grid.items():
        if not values:
            raise RecipeError(f"{where}: grid.{key}: no values", "a list of them")
    for key in sweep.tried():
        if key in sweep.set:
            raise RecipeError(f"{where}: {key} is fixed by `set` and tried, too", "one of both")


def _check_judge(judge: Judge, where: str) -> None:
    if not _FIGURE.fullmatch(judge.figure):
        raise RecipeError(
            f"{where}: judge.figure {judge.figure}",
            "a figure of validation, such as validation/clip/accuracy",
            "the test part is not for choosing",
        )


def _check_space(space: Space, where: str) -> None:
    low, high = space.low, space.high
    if bool(space.choices) == (low is not None or high is not None):
        raise RecipeError(f"{where}: {space.model_dump()}", "low and high, or choices")
    if space.choices:
        return
    if low is None or high is None or not low < high:
        raise RecipeError(f"{where}: from {low} to {high}", "low below high")
    if space.log and low <= 0:
        raise RecipeError(f"{where}: from {low:g} on a log scale", "low above 0")
    if space.int and (low % 1 or high % 1):
        raise RecipeError(f"{where}: whole numbers from {low:g} to {high:g}", "whole ends")


def grid(sweep: Sweep) -> list[dict[str, Any]]:
    """Every setting of a grid that is tried, the last key changing fastest."""
    rows = itertools.product(*sweep.grid.values())
    return [
        dict(zip(sweep.grid, row, strict=True)) for row in itertools.islice(rows, sweep.total())
    ]


def toml_text(value: Any) -> str:
    """A value as it is written in TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = (f"{toml_text(str(key))} = {toml_text(v)}" for key, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    return str(value)


def as_settings(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Overrides ``key=value`` of a recipe."""
    return tuple(f"{key}={toml_text(value)}" for key, value in values.items())


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The shortest ends of dotted keys that tell them apart: ``"lr"``, ``"plateau"``."""
    names = {}
    for key in keys:
        taken = {end for other in keys if other != key for end in _ends(other)}
        names[key] = next((end for end in _ends(key) if end not in taken), key)
    return names


def _ends(key: str) -> list[str]:
    """Ends of a dotted key, the shortest first."""
    parts = key.split(".")
    return [".".join(parts[i:]) for i in range(len(parts) - 1, -1, -1)]
