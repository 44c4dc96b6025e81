"""A sweep as plain values: every setting with what came of it, and the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrewise.training.sweep_plan import Plan
from genrewise.training.sweep_spec import short_names

__all__ = ["epochs_of", "figure_words", "line_of", "setting_text", "summary", "value_text"]

Outcomes = Mapping[int, tuple[dict[str, Any], dict[str, Any]]]


def summary(
    plan: Plan, outcomes: Outcomes, minutes: float, state: str, test: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What ``sweep.json`` holds.

    Parameters
    ----------
    plan : Plan
    outcomes : mapping of int to (settings, outcome)
        Of the trials that ended, by number.
    minutes : float
        That it took so far.
    state : {"running", "done"}
    test : mapping, optional
        Figures of the best setting on the test part, by level.

    Returns
    -------
    dict
        ``trials``: those that ended, each with number, settings, state ("done", "failed",
        "pruned"), figure, reason, minutes, best_epoch by member, history by member, validation
        by level, and its folder; ``best``: number, settings
        and figure of the best, the first of equals; ``close``: numbers of those whose
        figure lies within its 95 % interval; ``agrees``: whether the authors call the same
        setting the best, None where they name none or theirs did not end.
    """
    sweep = plan.sweep
    outcome = next((o for _, o in outcomes.values() if o["state"] == "done"), {})
    trials = [_trial(n, *outcomes[n]) for n in sorted(outcomes)]
    best = _best(trials, sweep.judge.direction)
    return {
        "kind": "sweep",
        "name": sweep.name,
        "title": sweep.title,
        "system": sweep.system,
        "notes": sweep.notes.strip(),
        "base": sweep.base if not sweep.base.endswith(".toml") else plan.recipe.name,
        "state": state,
        "protocol": outcome.get("protocol", plan.protocol),
        "fast": plan.fast,
        "choices": [*plan.recipe.choices, *sweep.choices],
        "reductions": [*plan.recipe.reductions, *sweep.reductions],
        "published": sweep.published.model_dump(mode="json"),
        "judge": sweep.judge.model_dump(mode="json"),
        "keys": short_names(sweep.tried()),
        "total": plan.total,
        "trials": trials,
        "best": best,
        "close": _close(trials, best, sweep.judge.figure),
        "agrees": _agrees(trials, best, sweep.published.best),
        "leaks": outcome.get("leaks"),
        "test": test,
        "minutes": minutes,
        "spec": sweep.model_dump(mode="json"),
        "recipe": plan.recipe.model_dump(mode="json"),
    }


def _trial(number: int, setting: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": number,
        "settings": dict(setting),
        "state": outcome["state"],
        "figure": outcome.get("figure"),
        "reason": outcome.get("reason", ""),
        "minutes": outcome["minutes"],
        "chosen": outcome.get("chosen", []),
        "best_epoch": outcome.get("best_epoch", {}),
        "validation": outcome.get("validation", {}),
        "history": outcome.get("history", {}),
        "folder": f"trials/{number:03d}",
    }


def _best(trials: Sequence[Mapping[str, Any]], direction: str) -> dict[str, Any] | None:
    """The best of those that ended as they should, the first of equals."""
    sign = -1.0 if direction == "maximize" else 1.0
    done = [trial for trial in trials if trial["state"] == "done"]
    best = min(done, key=lambda trial: sign * trial["figure"], default=None)
    return {key: best[key] for key in ("number", "settings", "figure")} if best else None


def _close(
    trials: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, figure: str
) -> list[int]:
    """Trials that the validation part is too small to tell from the best."""
    _, level, name = figure.split("/")
    if best is None or name != "accuracy":
        return []
    scores = {t["number"]: t["validation"][level] for t in trials if t["state"] == "done"}
    low, high = scores[best["number"]]["interval"]
    return [
        number
        for number, found in scores.items()
        if number != best["number"] and low <= found["accuracy"] <= high
    ]


def _agrees(
    trials: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, theirs: Mapping[str, Any]
) -> bool | None:
    """Whether the best is the authors'; None where theirs was not tried to its end."""

    def same(trial: Mapping[str, Any]) -> bool:
        return all(trial["settings"].get(key) == value for key, value in theirs.items())

    tried = any(trial["state"] == "done" and same(trial) for trial in trials)
    return same(best) if best and theirs and tried else None


def value_text(value: Any) -> str:
    """A value for people: four digits, pairs without brackets."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value_text(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(value_text, value))
    return str(value)


def setting_text(keys: Mapping[str, str], setting: Mapping[str, Any]) -> str:
    """A setting on one line: ``lr 0.1 · patience 5``."""
    return " · ".join(f"{keys[key]} {value_text(value)}" for key, value in setting.items())


def epochs_of(trial: Mapping[str, Any]) -> tuple[str, str]:
    """The best epoch and how many there were, of each network; empty where there is none."""
    best = [str(epoch) for epoch in trial["best_epoch"].values()]
    return ", ".join(best), ", ".join(str(len(rows)) for rows in trial["history"].values())


def figure_words(name: str, level: str) -> str:
    """A figure for people: ``accuracy by clip``, ``weighted F1 by track``."""
    words = {"ece": "calibration error", "nll": "negative log-likelihood"}
    return f"{words.get(name, name.replace('_f1', ' F1').replace('_', ' '))} by {level}"


def line_of(report: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    """What is said when a trial ends."""
    setting = setting_text(report["keys"], trial["settings"])
    text = f"{trial['number']}/{report['total']}  {setting}: "
    best, epochs = epochs_of(trial)
    if trial["state"] == "failed":
        return f"{text}failed, {trial['reason']}"
    if trial["state"] == "pruned":
        return f"{text}ended early, after epoch {epochs}"
    text += f"{trial['figure']:.3f}"
    if best:
        text += f", best epoch {best} of {epochs}"
    return f"{text}, {trial['minutes']:.1f} min"
