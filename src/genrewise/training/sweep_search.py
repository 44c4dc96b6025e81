"""The settings of a sweep and what came of them, in a journal that survives being killed.

Optuna's study (Akiba et al. 2019) is written by one process.  A trial is entered when its
setting is chosen and told when it is done, so one that the journal has as running is one to
run (again).  All of a batch are entered before any is run, and what is drawn depends on the
seed, the number of the trial and what was told before its batch alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from genrewise.errors import RecipeError
from genrewise.training.sweep_spec import Space, Sweep, grid, toml_text

__all__ = ["Search", "mend"]

#: Epochs that every trial is given, and trials that are never ended early.
_WARM_EPOCHS, _WARM_TRIALS = 5, 2

_STATES = {
    "done": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def mend(path: Path) -> None:
    """Take away what a killed process leaves: half a line at the end, and its lock."""
    with suppress(FileNotFoundError):
        path.with_name(f"{path.name}.lock").unlink()
    with suppress(FileNotFoundError), path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


class Search:
    """The trials of a sweep.

    Parameters
    ----------
    sweep : Sweep
    path : Path
        The journal; made where it is not there.  Nobody else may write it meanwhile.
    total : int
        Settings to try.

    Raises
    ------
    RecipeError
        The journal cannot be read.
    """

    def __init__(self, sweep: Sweep, path: Path, total: int) -> None:
        self.sweep, self.total = sweep, total
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        mend(path)
        lock = JournalFileOpenLock(str(path))
        try:
            self._study = optuna.create_study(
                study_name=sweep.name,
                storage=JournalStorage(JournalFileBackend(str(path), lock_obj=lock)),
                direction=sweep.judge.direction,
                pruner=optuna.pruners.MedianPruner(_WARM_TRIALS, _WARM_EPOCHS),
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise RecipeError(
                f"{path}: {type(error).__name__}: {error}",
                "the journal of a sweep",
                "delete its folder to start again",
            ) from error

    def batch(self) -> dict[int, dict[str, Any]]:
        """Settings to run next by the numbers of their trials, from 1; empty at the end."""
        size = self.sweep.search.batch if self.sweep.search.sampler == "tpe" else self.total
        while not (open_ := self._open()) or self._count() % size:
            if self._count() >= self.total:
                break
            self._enter(self._count())
        return {trial.number + 1: self._setting(trial) for trial in open_ or self._open()}

    def _count(self) -> int:
        return len(self._study.get_trials(deepcopy=False))

    def _open(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _enter(self, number: int) -> None:
        """Choose a setting and enter its trial, all of it in one line of the journal."""
        if self.sweep.search.sampler == "grid":
            setting = grid(self.sweep)[number]
            params: dict[str, Any] = {key: toml_text(value) for key, value in setting.items()}
            spaces = {key: _texts(values) for key, values in self.sweep.grid.items()}
        else:
            params, spaces = self._drawn(number)
        trial = create_trial(state=TrialState.RUNNING, params=params, distributions=spaces)
        self._study.add_trial(trial)

    def _drawn(self, number: int) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Parameters of a trial and what they were drawn from, by this trial's own numbers."""
        seed = int(np.random.SeedSequence((self.sweep.search.seed, number)).generate_state(1)[0])
        random: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed)
        tpe = optuna.samplers.TPESampler(n_startup_trials=max(4, self.total // 4), seed=seed)
        sampler = random if self.sweep.search.sampler == "random" else tpe
        # On a copy in memory, for the journal would be told of one value after another.
        study = optuna.create_study(sampler=sampler, direction=self.sweep.judge.direction)
        study.add_trials(self._study.get_trials(deepcopy=False))
        trial = study.ask({key: _distribution(space) for key, space in self.sweep.space.items()})
        return trial.params, trial.distributions

    def _setting(self, trial: FrozenTrial) -> dict[str, Any]:
        if self.sweep.search.sampler == "grid":
            return grid(self.sweep)[trial.number]
        return {key: _value(space, trial.params[key]) for key, space in self.sweep.space.items()}

    def epoch(self, number: int, step: int, value: float) -> bool:
        """Note a figure of an epoch; True where the trial is not worth going on with."""
        frozen = self._study.get_trials(deepcopy=False)[number - 1]
        trial = Trial(self._study, frozen._trial_id)
        if step not in frozen.intermediate_values:  # told already by one that was killed
            trial.report(value, step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a median of nothing but NaN
            return trial.should_prune()

    def tell(self, number: int, outcome: Mapping[str, Any], figure: float | None) -> None:
        """Note how a trial ended; `outcome` has its ``state``."""
        frozen = self._study.get_trials(deepcopy=False)[number - 1]
        Trial(self._study, frozen._trial_id).set_user_attr("outcome", dict(outcome))
        state = _STATES[outcome["state"]]
        value = figure if state == TrialState.COMPLETE else None
        self._study.tell(frozen.number, value, state)

    def outcomes(self) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
        """Settings and outcomes of the trials that ended, by number, in order."""
        ended = self._study.get_trials(deepcopy=False, states=tuple(_STATES.values()))
        return {t.number + 1: (self._setting(t), t.user_attrs["outcome"]) for t in ended}


def _texts(values: tuple[Any, ...]) -> BaseDistribution:
    """Choices as text: lists and tables are none that Optuna would keep."""
    return CategoricalDistribution([toml_text(value) for value in values])


def _distribution(space: Space) -> BaseDistribution:
    if space.choices:
        return _texts(space.choices)
    low, high = float(space.low or 0.0), float(space.high or 0.0)
    if space.int:
        return IntDistribution(int(low), int(high), log=space.log)
    return FloatDistribution(low, high, log=space.log)


def _value(space: Space, drawn: Any) -> Any:
    """A drawn value as the recipe takes it."""
    if not space.choices:
        return drawn
    return next(value for value in space.choices if toml_text(value) == drawn)
