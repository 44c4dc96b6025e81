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
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import bundle as bundles
from genrewise.evidence import packed
from genrewise.inputs import joined, make_input
from genrewise.training import splits
from genrewise.training.card import chosen_by
from genrewise.training.choosing import Choice, Fitted, choose, clip_embeddings, fit_pool
from genrewise.training.fitting import Mix, clip_votes, member_probabilities, mix
from genrewise.training.levels import levels
from genrewise.training.metrics import coverage_at_risk, ece_interval
from genrewise.training.problem import Problem
from genrewise.training.recipe import Recipe
from genrewise.training.stacking import fit_members
from genrewise.training.store import select_windows
from genrewise.training.unknown import UnknownRule, choose_unknown
from genrewise.votes import temper

__all__ = ["Run", "Whole", "answers", "run", "to_bundle"]

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
class Whole:
    """What ships, out of fold over all that it was fitted on: the test part, too.

    Attributes
    ----------
    temperature : float
    unknown : UnknownRule
    scores : dict
        Figures at the levels window, clip and track; of tracks also ``ece_interval`` and
        ``answered_at_5_percent_wrong``.
    tested : float
        The latter of the test part, before it was learnt from.
    clips : int
    """

    temperature: float
    unknown: UnknownRule
    scores: dict[str, Any]
    tested: float
    clips: int


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
    whole : Whole or None
        Where what ships was fitted on the test part, too; its calibration is then this one's.
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
    whole: Whole | None = None

    @property
    def temperature(self) -> float:
        """That of what ships."""
        return self.whole.temperature if self.whole else self.chosen.temperature

    @property
    def doubt(self) -> UnknownRule:
        """When what ships says "unknown"."""
        return self.whole.unknown if self.whole else self.unknown


def answers(
    problem: Problem,
    recipe: Recipe,
    fitted: Fitted,
    items: Sequence[int],
    names: Sequence[str] = (),
) -> tuple[I64, F64]:
    """Windows of some items and their probabilities by a fitted mix, not calibrated.

    Parameters
    ----------
    names : sequence of str, optional
        Another mix of the members that were fitted.
    """
    rows = np.flatnonzero(np.isin(problem.table.item, np.asarray(items)))
    parts = [
        member_probabilities(problem, recipe, fitted.estimators, name, rows)
        for name in names or fitted.names
    ]
    return rows, mix(parts)


def clip_distances(problem: Problem, recipe: Recipe, fitted: Fitted, rows: I64) -> F64:
    """Distance of the mean embedding of each clip of some windows to the nearest centre."""
    return fitted.embedding.distance(clip_embeddings(problem, recipe, fitted, rows)[1])


def _tested(
    problem: Problem, recipe: Recipe, fitted: Fitted, temperature: float, unknown: UnknownRule,
    names: Sequence[str] = (),
) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    """Figures and predictions of the test part by a mix of what was fitted."""
    table = problem.table
    rows, raw = answers(problem, recipe, fitted, problem.test, names)
    _, votes = clip_votes(raw, table.item[rows], table.heard[rows], recipe.vote.rule)
    far = clip_distances(problem, recipe, fitted, rows)
    clips = temper(votes, temperature)
    return levels(problem, rows, temper(raw, temperature), clips, far, unknown, "test")


def _open_test(
    problem: Problem, recipe: Recipe, choice: Choice, unknown: UnknownRule, say: Say
) -> tuple[Fitted, dict[str, Any], list[dict[str, Any]]]:
    """Fit what is tested, and score it, once; candidates beside it in the same opening."""
    shown = [tuple(row["members"]) for row in choice.table] if recipe.fit.pick == "first" else []
    names = list(dict.fromkeys([*choice.best.names, *(n for mixed in shown for n in mixed)]))
    fitted = choice.fitted or fit_pool(
        problem, recipe, choice.best.names, problem.pool,
        fit_members(problem, recipe, names, problem.pool),
    )  # fmt: skip
    if not problem.test:
        return fitted, {}, []
    clips = "windows" if recipe.split.rule == "windows" else "clips"
    say(f"test part opened: {len(problem.test)} {clips}, once")
    test, predictions = _tested(problem, recipe, fitted, choice.best.temperature, unknown)
    for row, mixed in zip(choice.table, shown, strict=False):
        found, _ = _tested(problem, recipe, fitted, row["temperature"], unknown, mixed)
        row["test"] = found
    return fitted, test, predictions


def _judged(
    problem: Problem, recipe: Recipe, choice: Choice
) -> tuple[UnknownRule, dict[str, Any], list[dict[str, Any]]]:
    """When to say "unknown", figures and predictions, by the answers it was chosen by."""
    best, rule = choice.best, recipe.unknown
    unknown = choose_unknown(
        best.p.max(axis=1),
        choice.distance,
        best.p.argmax(axis=1) == problem.y[best.items],
        rule.target_risk,
        far=rule.far,
        least_answered=rule.least_answered,
    )
    windows = temper(choice.p, best.temperature)
    scores, rows = levels(
        problem, choice.rows, windows, best.p, choice.distance, unknown, "validation"
    )
    return unknown, scores, rows


def _whole(
    problem: Problem,
    recipe: Recipe,
    names: tuple[str, ...],
    tested: Sequence[Mapping[str, Any]],
    step: Step,
) -> Whole:
    """The mix that was chosen, out of fold over all items."""
    everything = replace(problem, pool=tuple(sorted({*problem.pool, *problem.test})), test=())
    model = recipe.model.model_copy(update={"candidates": (names,)})
    alone = recipe.model_copy(update={"model": model})
    choice = choose(everything, alone, lambda _: None, step)
    unknown, scores, rows = _judged(everything, alone, choice)
    sure, right, groups = _tracks_of(rows)
    scores["track"] |= {
        "ece_interval": ece_interval(sure, right, groups),
        "answered_at_5_percent_wrong": coverage_at_risk(sure, right, 0.05),
    }
    share = coverage_at_risk(*_tracks_of(tested)[:2], 0.05)
    return Whole(choice.best.temperature, unknown, scores, share, len(choice.best.items))


def _part(step: Step, number: int, parts: int) -> Step:
    """Progress of one of several passes of equal length, told as progress of all."""
    return lambda done, of: step(number * of + done, parts * of)


def _tracks_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[bool], list[str]]:
    """Confidence of each track among some predictions, whether it is right, and its group."""
    tracks = [row for row in rows if row["level"] == "track"]
    right = [row["answer"] == row["truth"] for row in tracks]
    return [row["confidence"] for row in tracks], right, [row["group"] for row in tracks]


def run(
    problem: Problem,
    recipe: Recipe,
    say: Say = lambda _: None,
    step: Step = lambda _done, _all: None,
    open_test: bool = True,
) -> Run:
    """Choose, calibrate, refit, open the test part once.

    Parameters
    ----------
    problem : Problem
    recipe : Recipe
    say : callable
        Told what happens, a line at a time.
    step : callable
        Told how many fits are done, of how many.
    open_test : bool
        Without, the test part stays closed: for a sweep, which chooses on validation.

    Returns
    -------
    Run
    """
    log: list[str] = []

    def tell(line: str) -> None:
        log.append(f"{time.strftime('%H:%M:%S')} {line}")
        say(line)

    if not open_test:
        problem = replace(problem, test=())
    again = recipe.fit.refit == "all" and bool(problem.test)
    twice = again and recipe.fit.choose == "folds"
    choice = choose(problem, recipe, tell, _part(step, 0, 1 + twice))
    best = choice.best
    unknown, validation, predictions = _judged(problem, recipe, choice)
    fitted, test, more = _open_test(problem, recipe, choice, unknown, tell)
    whole = None
    if again:
        tell("refitted on training, validation and test with the same settings")
        fitted = fit_pool(problem, recipe, best.names, (*problem.pool, *problem.test))
        if twice:
            whole = _whole(problem, recipe, best.names, more, _part(step, 1, 2))
            tell(f"out of fold over all of them {whole.scores['clip']['accuracy']:.3f} by clip")
    return Run(
        recipe, problem, best, choice.table, unknown, validation, test, predictions + more,
        fitted, log, whole,
    )  # fmt: skip


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python, of the packages that every model needs, and of some more."""
    found = {"python": platform.python_version()}
    for name in (*_PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _embedding_file(problem: Problem, ships: Fitted) -> bytes:
    """The embedding as ONNX: of a network's last layer but one, or of the inputs."""
    from genrewise.training.affine import affine_onnx
    from genrewise.training.export import embedding_onnx

    embedding, first = ships.embedding, ships.estimators[ships.names[0]]
    if not hasattr(first, "embed"):
        return affine_onnx(embedding.matrix, embedding.offset)
    shape = problem.table.arrays[ships.embedding_inputs[0]].shape[1:]
    return embedding_onnx(first, shape, embedding.matrix, embedding.offset)


def _learnt(recipe: Recipe, problem: Problem) -> list[int]:
    """Items that what ships was fitted on."""
    if recipe.fit.refit == "all" and problem.test:
        return sorted({*problem.pool, *problem.test})
    return sorted(problem.split.train if recipe.fit.choose == "holdout" else problem.pool)


def _calibrated_on(result: Run) -> int:
    """How many clips the calibration of what ships rests on."""
    return result.whole.clips if result.whole else len(result.chosen.items)


#: File of the embeddings of the tracks that were learnt from, and how many at the most.
_TRACKS, _MOST_TRACKS = "tracks.f16", 2000


def _tracks(result: Run, learnt: Sequence[int]) -> tuple[bytes, dict[str, Any]]:
    """Embeddings of the tracks that were learnt from, and their names, for "sounds like"."""
    problem = result.problem
    chosen = learnt[:: -(-len(learnt) // _MOST_TRACKS)]
    rows = np.flatnonzero(np.isin(problem.table.item, chosen) & problem.table.heard)
    items, points = clip_embeddings(problem, result.recipe, result.ships, rows)
    own = [problem.dataset.items[i] for i in items.tolist()]
    where = {"names": [i.track for i in own], "labels": [int(problem.y[i]) for i in items]}
    return packed(points), {"file": _TRACKS, **where}


def to_bundle(result: Run, name: str, card: str, metrics: Mapping[str, Any]) -> bundles.Bundle:
    """Export what ships and hold it against the fitted members.

    Raises
    ------
    ParityError
        The exported networks disagree with the fitted ones.
    """
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
    files["embedding.onnx"] = _embedding_file(problem, ships)
    learnt = _learnt(recipe, problem)
    files[_TRACKS], tracks = _tracks(result, learnt)
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
            result.temperature, f"{_calibrated_on(result)} clips {chosen_by(recipe)}"
        ),
        unknown=bundles.Unknown(result.doubt.confidence, result.doubt.distance),
        embedding={
            "file": "embedding.onnx",
            "inputs": list(ships.embedding_inputs),
            "size": int(embedding.matrix.shape[1]),
            "centres": embedding.centres.round(5).tolist(),
            "tracks": tracks,
        },
        training={
            "data": problem.dataset.name,
            "recipe": recipe.name,
            "split": splits.checksum(problem.dataset, problem.split),
            "rule": problem.split.rule,
            "seed": recipe.split.seed,
            "refit": recipe.fit.refit,
            "clips": len(learnt),
        },
        metrics=dict(metrics),
        versions=versions(),
    )
    return bundles.Bundle(info, files, card)


def write_json(path: Path, values: Any) -> None:
    """Write plain values, readable by people too."""
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed of the split and of everything random in the models.

    Nothing ships of it, so nothing is fitted on the test part in the end.
    """
    split = recipe.split.model_copy(update={"seed": seed})
    fit = recipe.fit.model_copy(update={"seed": seed, "refit": "train"})
    return recipe.model_copy(update={"split": split, "fit": fit})
