"""What a run leaves in its folder: the report, every prediction, the page."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.training import splits
from genrewise.training.choosing import clip_embeddings
from genrewise.training.datasets.grouping import UNGROUPED
from genrewise.training.prepare import Job, Prepared
from genrewise.training.problem import Problem
from genrewise.training.protocols import leaks
from genrewise.training.recipe import Recipe
from genrewise.training.report.data import DataReport
from genrewise.training.report.data import html as data_html
from genrewise.training.report.html import Extras, write_report
from genrewise.training.report.listen import sources
from genrewise.training.run import Run, versions, write_json
from genrewise.training.unknown import UnknownRule

__all__ = ["leave", "protocol_of", "report_of"]

#: Packages that only some models learn by.
_LEARNERS = ("torch", "skorch", "xgboost-cpu", "lightgbm")

#: Points of the plane and of the page; more would only cover each other.
MOST_POINTS = 1000


def protocol_of(recipe: Recipe, looked: DataReport) -> str:
    """The recipe's, but that nothing is called honest where nobody knows the artists."""
    if recipe.protocol != "honest":
        return recipe.protocol
    return "by file" if any(UNGROUPED in w for w in looked.warnings) else "honest"


def report_of(job: Job, result: Run, looked: DataReport) -> dict[str, Any]:
    """What ``report.json`` holds, but for the model file and the minutes."""
    recipe, problem = job.recipe, result.problem
    estimators = result.ships.estimators
    nets = {key: net for key, net in estimators.items() if hasattr(net, "history_")}
    return {
        "name": job.name,
        "recipe": job.source,
        "title": recipe.title or f"A model of {len(problem.dataset.labels)} genres",
        "system": recipe.system,
        "protocol": protocol_of(recipe, looked),
        "seed": recipe.fit.seed,
        "leaks": leaks(problem),
        "data": {
            "name": problem.dataset.name,
            "labels": list(problem.dataset.labels),
            "clips": looked.clips,
            "tracks": looked.tracks,
            "groups": looked.groups,
            "failed": [list(pair) for pair in problem.failed],
            "warnings": list(looked.warnings),
        },
        "split": {
            "rule": problem.split.rule,
            "seed": problem.split.seed,
            "checksum": splits.checksum(problem.dataset, problem.split),
            "warnings": list(problem.split.warnings),
            "pool": len(problem.pool),
            "test": len(problem.test),
        },
        "candidates": result.table_of_candidates,
        "chosen": list(result.chosen.names),
        "calibration": {"temperature": result.chosen.temperature},
        "unknown": _unknown(result.unknown, recipe),
        "validation": result.validation,
        "test": result.test,
        "whole": _whole(result),
        "published": recipe.published.model_dump(mode="json") if recipe.published.figure else {},
        "choices": list(recipe.choices),
        "reductions": list(recipe.reductions),
        "history": {name: net.history_ for name, net in nets.items()},
        "best_epoch": {name: net.best_epoch_ for name, net in nets.items()},
        "log": [line.partition(" ")[2] for line in result.log],
        "version": versions()["genrewise"],
        "environment": versions(_LEARNERS) | _threads(bool(nets)),
    }


def _unknown(rule: UnknownRule, recipe: Recipe) -> dict[str, Any]:
    """When it says "unknown", and what that buys."""
    return {
        "min_confidence": rule.confidence,
        "max_distance": rule.distance,
        "answered": rule.answered,
        "right_when_answered": rule.right_when_answered,
        "target_risk": recipe.unknown.target_risk,
        "reached": rule.reached,
        "table": list(rule.table),
    }


def _whole(result: Run) -> dict[str, Any]:
    """What ships, out of fold over all that it was fitted on; nothing where that is the pool."""
    whole = result.whole
    if whole is None:
        return {}
    return {
        **whole.scores,
        "calibration": {"temperature": whole.temperature},
        "unknown": _unknown(whole.unknown, result.recipe),
        "test_answered_at_5_percent_wrong": whole.tested,
    }


def _threads(networks: bool) -> dict[str, str]:
    """How many threads networks were learnt by: sums in another order round differently."""
    if not networks:
        return {}
    import torch

    return {"threads": str(torch.get_num_threads())}


def _points(result: Run) -> tuple[list[int], NDArray[np.float64]]:
    """Some clips, spread evenly, and where the embedding puts each."""
    problem = result.problem
    everyone = np.unique(problem.table.item)
    chosen = everyone[:: -(-len(everyone) // MOST_POINTS)]
    rows = np.flatnonzero(np.isin(problem.table.item, chosen))
    items, points = clip_embeddings(problem, result.recipe, result.ships, rows)
    return items.tolist(), points


def _samples(
    problem: Problem, recipe: Recipe, key: str
) -> list[tuple[str, str, NDArray[np.float32]]]:
    """One window of each genre as a model of pictures sees it, high frequencies on top."""
    inputs = recipe.model.members[key].inputs
    x = problem.table.arrays[inputs[0]] if len(inputs) == 1 else np.zeros((0, 0))
    if x.ndim != 4:
        return []
    found = []
    for label, name in enumerate(problem.dataset.labels):
        rows = np.flatnonzero((problem.y[problem.table.item] == label) & problem.table.heard)
        if not len(rows):
            continue
        row = rows[[len(rows) // 2]]
        picture = x[row][0].transpose(1, 2, 0)
        if recipe.features[inputs[0]].get("kind") == "log-mel":
            picture = picture[::-1]
        path = problem.dataset.items[int(problem.table.item[row[0]])].path
        found.append((name, path, picture[:, :, 0] if picture.shape[2] == 1 else picture))
    return found


def _extras(job: Job, result: Run, ready: Prepared) -> Extras:
    """What the page shows beside the figures: histories, a point for each clip, the data."""
    problem, ships = result.problem, result.ships
    items, points = _points(result)
    dataset = problem.dataset
    return Extras(
        embedding=points,
        embedding_truth=[dataset.items[i].label for i in items],
        data_html=data_html(ready.looked),
        recipe=job.recipe.model_dump(mode="json"),
        samples=_samples(problem, job.recipe, ships.names[0]),
        listen=sources(ready.dataset),  # not the windows that a rule may have made of it
    )


def leave(job: Job, result: Run, report: Mapping[str, Any], ready: Prepared) -> None:
    """Fill the run folder."""
    recipe = job.recipe
    problem = result.problem
    splits.write_split(job.folder / "split.csv", problem.dataset, problem.split)
    write_json(job.folder / "recipe.json", recipe.model_dump(mode="json"))
    write_json(job.folder / "report.json", report)
    with (job.folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        columns = ["part", "level", "path", "track", "group", "start", "stop", "truth", "answer"]
        columns += ["confidence", "runner_up"]
        columns += [f"p_{label}" for label in problem.dataset.labels]
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(result.predictions)
    if job.page:
        write_report(job.folder, report, result.predictions, _extras(job, result, ready))
