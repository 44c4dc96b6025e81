"""From a recipe and a data set to a model and its report, in the one order that is honest.

data report → groups joined by near-duplicates → split → windows → out-of-fold answers
on the pool (training and validation) → choice, calibration, unknown rule → refit on the pool →
the test part, opened once → what ships → parity → bundle, card and report.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import bundle as bundles
from genrewise.errors import DatasetError
from genrewise.inputs import joined, make_input
from genrewise.training import splits
from genrewise.training.fitting import (
    Embedding,
    Mix,
    clip_votes,
    fit_embedding,
    fit_member,
    judge,
    member_probabilities,
    mix,
)
from genrewise.training.levels import levels
from genrewise.training.metrics import UnknownRule, choose_unknown
from genrewise.training.problem import Problem, cross_folds
from genrewise.training.recipe import Recipe
from genrewise.training.store import select_windows
from genrewise.votes import temper

__all__ = ["Fitted", "Run", "choose", "fit_pool", "run"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Say = Callable[[str], None]
Step = Callable[[int, int], None]

#: Packages whose versions a model file and a report name.
_PACKAGES = (
    "genrewise",
    "numpy",
    "scipy",
    "scikit-learn",
    "onnxruntime",
    "soundfile",
    "soxr",
    "av",
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A mix that was chosen, and its members fitted on some items."""

    names: tuple[str, ...]
    estimators: Mapping[str, Any]
    embedding: Embedding
    embedding_inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """What a run leaves.

    Attributes
    ----------
    recipe : Recipe
    problem : Problem
    chosen : Mix
    table_of_candidates : list of dict
        Every candidate with its out-of-fold figures.
    unknown : UnknownRule
    validation, test : dict
        Figures at the levels window, clip and track; `test` is empty without a test part.
    predictions : list of dict
        Rows for predictions.csv.
    ships : Fitted
    """

    recipe: Recipe
    problem: Problem
    chosen: Mix
    table_of_candidates: list[dict[str, Any]]
    unknown: UnknownRule
    validation: dict[str, Any]
    test: dict[str, Any]
    predictions: list[dict[str, Any]]
    ships: Fitted
    log: list[str] = field(default_factory=list)


def _embedding_inputs(recipe: Recipe, names: Sequence[str]) -> tuple[str, ...]:
    """The inputs of the first member: what the mix trusts most comes first."""
    return recipe.model.members[names[0]].inputs


def fit_pool(
    problem: Problem, recipe: Recipe, names: Sequence[str], items: Sequence[int]
) -> Fitted:
    """Fit the members of a mix, and the embedding, on some items."""
    estimators = {
        name: fit_member(
            recipe.model.members[name],
            problem.table,
            problem.y,
            problem.groups,
            items,
            recipe,
            problem.extra,
        )
        for name in names
    }
    inputs = _embedding_inputs(recipe, names)
    rows = select_windows(problem.table, items, recipe.fit.windows_per_item)
    x = joined(problem.table.arrays, inputs)[rows]
    truth = problem.y[problem.table.item[rows]]
    embedding = fit_embedding(x.reshape(len(x), -1), truth, len(problem.dataset.labels))
    return Fitted(tuple(names), estimators, embedding, inputs)


def _out_of_fold(
    problem: Problem, recipe: Recipe, say: Say, step: Step
) -> tuple[dict[str, F64], NDArray[np.bool_]]:
    """Probabilities of every window of the pool by members that have not heard its group.

    Returns
    -------
    out : dict of str to ndarray, shape (n_windows, C)
        By member.
    judged : ndarray of bool, shape (n_windows,)
        Windows of the pool whose label the fold had learnt from other groups: of the rest
        no answer could be right, which says nothing about the members.
    """
    table, n = problem.table, len(problem.dataset.labels)
    parts = cross_folds(problem, recipe)
    used = {name for candidate in recipe.candidates() for name in candidate}
    names = [name for name in recipe.model.members if name in used]
    out = {name: np.zeros((len(table), n)) for name in names}
    judged = np.zeros(len(table), dtype=bool)
    done, steps = 0, len(names) * len(parts)
    for train, held in parts:
        learnt = select_windows(table, train, recipe.fit.windows_per_item)
        known = np.unique(problem.y[table.item[learnt]])
        rows = np.flatnonzero(np.isin(table.item, np.asarray(held)))
        if len(known) < 2 or not len(rows):
            continue
        judged[rows] = np.isin(problem.y[table.item[rows]], known)
        for name in names:
            member = recipe.model.members[name]
            estimator = fit_member(
                member, table, problem.y, problem.groups, train, recipe, problem.extra
            )
            out[name][rows] = member_probabilities(estimator, member, table, rows, n)
            done += 1
            step(done, steps)
    if not judged.any():
        raise DatasetError(
            f"{problem.dataset.name}: nothing could be held out", "sound in two groups of a genre"
        )
    for name in names:
        say(f"{name}: {len(parts)} folds")
    return out, judged


def _distances(problem: Problem, recipe: Recipe, names: Sequence[str], items: I64) -> F64:
    """Distances of clips to the centres of folds that have not heard them."""
    inputs = _embedding_inputs(recipe, names)
    x = joined(problem.table.arrays, inputs)
    x = x.reshape(len(x), -1)
    place = {int(item): k for k, item in enumerate(items)}
    out = np.zeros(len(items))
    for train, held in cross_folds(problem, recipe):
        wanted = [i for i in held if i in place]
        if not wanted:
            continue
        rows = select_windows(problem.table, train, recipe.fit.windows_per_item)
        truth = problem.y[problem.table.item[rows]]
        embedding = fit_embedding(x[rows], truth, len(problem.dataset.labels))
        for i in wanted:
            mean = embedding.map(x[problem.table.item == i]).mean(axis=0, keepdims=True)
            out[place[i]] = embedding.distance(mean)[0]
    return out


def choose(
    problem: Problem, recipe: Recipe, say: Say, step: Step = lambda _done, _all: None
) -> tuple[Mix, list[dict[str, Any]], F64, I64]:
    """Pick the candidate whose calibrated answers are likeliest out of fold.

    Accuracy would be a coarser judge: its error on a few hundred clips is larger than what
    lies between good candidates.

    Returns
    -------
    chosen : Mix
    table : list of dict
        All candidates, best first.
    p : ndarray, shape (n_rows, C)
        Its out-of-fold probabilities of the pool's windows, not calibrated;
        without clips whose label the fold had not learnt.
    rows : ndarray of int
        Which windows these are.
    """
    parts, judged_rows = _out_of_fold(problem, recipe, say, step)
    rows = np.flatnonzero(judged_rows)
    judged: list[tuple[Mix, F64]] = []
    for names in recipe.candidates():
        p = mix([parts[name][rows] for name in names])
        found = judge(names, p, problem.table, rows, problem.y, recipe.vote.rule)
        judged.append((found, p))
    judged.sort(key=lambda pair: pair[0].nll)
    shown = [
        {
            "members": list(m.names),
            "accuracy": m.accuracy,
            "nll": m.nll,
            "temperature": m.temperature,
            "n": len(m.items),
        }
        for m, _ in judged
    ]
    best, p = judged[0]
    say(f"chosen: {' + '.join(best.names)}, out of fold {best.accuracy:.3f} by clip")
    return best, shown, p, rows


def answers(
    problem: Problem, recipe: Recipe, fitted: Fitted, items: Sequence[int]
) -> tuple[I64, F64]:
    """Windows of some items and their probabilities by a fitted mix, not calibrated."""
    rows = np.flatnonzero(np.isin(problem.table.item, np.asarray(items)))
    members = [recipe.model.members[name] for name in fitted.names]
    n = len(problem.dataset.labels)
    parts = [
        member_probabilities(fitted.estimators[name], member, problem.table, rows, n)
        for name, member in zip(fitted.names, members, strict=True)
    ]
    return rows, mix(parts)


def clip_distances(problem: Problem, fitted: Fitted, items: I64) -> F64:
    """Distance of each clip's mean embedding to the nearest centre."""
    x = joined(problem.table.arrays, fitted.embedding_inputs)
    z = fitted.embedding.map(x.reshape(len(x), -1))
    means = np.stack([z[problem.table.item == i].mean(axis=0) for i in items])
    return fitted.embedding.distance(means)


def run(
    problem: Problem,
    recipe: Recipe,
    say: Say = lambda _: None,
    step: Step = lambda _done, _all: None,
) -> Run:
    """Choose, calibrate, refit, open the test part once.

    Parameters
    ----------
    problem : Problem
    recipe : Recipe
    say : callable
        Told what happens, a line at a time.
    step : callable
        Told how many fits of the cross-validation are done, of how many.

    Returns
    -------
    Run
    """
    log: list[str] = []

    def tell(line: str) -> None:
        log.append(f"{time.strftime('%H:%M:%S')} {line}")
        say(line)

    chosen, candidates, p, rows = choose(problem, recipe, tell, step)
    truth = problem.y[chosen.items]
    right = chosen.p.argmax(axis=1) == truth
    distance = _distances(problem, recipe, chosen.names, chosen.items)
    rule = recipe.unknown
    unknown = choose_unknown(
        chosen.p.max(axis=1),
        distance,
        right,
        rule.target_risk,
        far=rule.far,
        least_answered=rule.least_answered,
    )
    validation, predictions = levels(
        problem, rows, temper(p, chosen.temperature), chosen.p, distance, unknown, "validation"
    )
    test: dict[str, Any] = {}
    fitted = fit_pool(problem, recipe, chosen.names, problem.pool)
    if problem.test:
        tell(f"test part opened: {len(problem.test)} clips, once")
        test_rows, raw = answers(problem, recipe, fitted, problem.test)
        table = problem.table
        items, votes = clip_votes(
            raw, table.item[test_rows], table.heard[test_rows], recipe.vote.rule
        )
        clips = temper(votes, chosen.temperature)
        far = clip_distances(problem, fitted, items)
        test, more = levels(
            problem, test_rows, temper(raw, chosen.temperature), clips, far, unknown, "test"
        )
        predictions += more
    if recipe.fit.refit == "all" and problem.test:
        tell("refitted on training, validation and test with the same settings")
        everything = (*problem.pool, *problem.test)
        fitted = fit_pool(problem, recipe, chosen.names, everything)
    return Run(
        recipe, problem, chosen, candidates, unknown, validation, test, predictions, fitted, log
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def to_bundle(result: Run, name: str, card: str, metrics: Mapping[str, Any]) -> bundles.Bundle:
    """Export what ships and hold it against the fitted members.

    Raises
    ------
    ParityError
        The exported networks disagree with the fitted ones.
    """
    from genrewise.training.affine import affine_onnx
    from genrewise.training.export import check_parity, to_onnx

    recipe, problem, ships = result.recipe, result.problem, result.ships
    labels = problem.dataset.labels
    rows = select_windows(problem.table, problem.pool, 2)[:500]
    files: dict[str, bytes] = {}
    members = []
    weights = (1.0 / len(ships.names),) * len(labels)
    for key in ships.names:
        member = recipe.model.members[key]
        x = joined({i: problem.table.arrays[i][rows] for i in member.inputs}, member.inputs)
        files[f"{key}.onnx"] = to_onnx(ships.estimators[key], x[:1], len(labels))
        check_parity(ships.estimators[key], files[f"{key}.onnx"], x)
        members.append(bundles.Member(f"{key}.onnx", member.inputs, weights))
    embedding = ships.embedding
    files["embedding.onnx"] = affine_onnx(embedding.matrix, embedding.offset)
    used = {i for m in members for i in m.inputs} | set(ships.embedding_inputs)
    specs = {i: make_input(recipe.features[i]) for i in recipe.features if i in used}
    info = bundles.BundleInfo(
        name=name,
        labels=labels,
        label_set=recipe.model.label_set,
        licence=recipe.licence,
        inputs={i: spec.to_json() for i, spec in specs.items()},
        fingerprints={i: spec.fingerprint() for i, spec in specs.items()},
        windows=recipe.windows.rule().to_json(),
        members=tuple(members),
        vote=recipe.vote.rule,
        calibration=bundles.Calibration(
            result.chosen.temperature, f"{len(result.chosen.items)} clips out of fold"
        ),
        unknown=bundles.Unknown(result.unknown.confidence, result.unknown.distance),
        embedding={
            "file": "embedding.onnx",
            "inputs": list(ships.embedding_inputs),
            "size": int(embedding.matrix.shape[1]),
            "centres": embedding.centres.round(5).tolist(),
        },
        training={
            "data": problem.dataset.name,
            "recipe": recipe.name,
            "split": splits.checksum(problem.dataset, problem.split),
            "rule": problem.split.rule,
            "seed": recipe.split.seed,
            "refit": recipe.fit.refit,
            "clips": len(problem.pool) + len(problem.test) * (recipe.fit.refit == "all"),
        },
        metrics=dict(metrics),
        versions=versions(),
    )
    return bundles.Bundle(info, files, card)


def write_json(path: Path, values: Any) -> None:
    """Write plain values, readable by people too."""
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed of the split."""
    return recipe.model_copy(update={"split": recipe.split.model_copy(update={"seed": seed})})
