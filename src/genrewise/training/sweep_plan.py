"""What a sweep tries, with everything that is known beforehand checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrewise.training.default import fast_settings
from genrewise.training.recipe import Recipe, load
from genrewise.training.sweep_spec import Sweep, as_settings, grid, read_sweep, split_settings

__all__ = ["Plan", "make_plan"]

#: Settings that are tried on synthetic music.
FAST_TRIALS = 2


@dataclass(frozen=True)
class Plan:
    """What a sweep tries.

    Attributes
    ----------
    sweep : Sweep
    recipe : Recipe
        With all that is fixed.
    fixed : tuple of str
        Overrides that every trial has.
    protocol : str
    fast : bool
    total : int
        Settings.
    """

    sweep: Sweep
    recipe: Recipe
    fixed: tuple[str, ...]
    protocol: str
    fast: bool
    total: int

    def settings(self, setting: Mapping[str, Any]) -> tuple[str, ...]:
        """Overrides of one trial."""
        return (*self.fixed, *as_settings(setting))

    def trial(self, setting: Mapping[str, Any]) -> Recipe:
        """The recipe of one trial.

        Raises
        ------
        RecipeError, UnknownName
            It has no such key, or the value is none that it takes.
        """
        return load(self.sweep.base, self.settings(setting), self.protocol)


def make_plan(
    name: str | Path, settings: Sequence[str] = (), protocol: str = "honest", fast: bool = False
) -> Plan:
    """Read a sweep and its recipe, and check every setting that is known beforehand.

    Parameters
    ----------
    name : str or Path
        Of :func:`.sweep_spec.sweep_names`, or a TOML file.
    settings : sequence of str
        ``key=value`` overrides: of the sweep's ``search`` and ``judge``, else of its recipe.
    protocol : {"honest", "published"}
    fast : bool
        Two settings on synthetic music.

    Raises
    ------
    RecipeError, UnknownName
    """
    own, others = split_settings(settings)
    sweep = read_sweep(name, own)
    fixed = (*as_settings(sweep.set), "expect={}")
    if fast:
        fixed += tuple(fast_settings(load(sweep.base, fixed, protocol)))
    fixed += others
    recipe = load(sweep.base, fixed, protocol)
    total = min(sweep.total(), FAST_TRIALS) if fast else sweep.total()
    plan = Plan(sweep, recipe, fixed, protocol, fast, total)
    for setting in grid(sweep) if sweep.grid else ():
        plan.trial(setting)
    return plan
