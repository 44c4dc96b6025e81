"""The whole of ``genrewise train`` and ``genrewise run``: data set in, model and report out."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genrewise import bundle as bundles
from genrewise.errors import DatasetError, ParityError, RecipeError
from genrewise.inference import Classifier
from genrewise.training import datasets, splits
from genrewise.training.card import card_text, headline
from genrewise.training.datasets import Dataset
from genrewise.training.datasets.duplicates import duplicates, merge
from genrewise.training.datasets.scan import scan
from genrewise.training.datasets.tags import tag_rows
from genrewise.training.fitting import Extra, joined
from genrewise.training.recipe import Recipe
from genrewise.training.report.data import DataReport, data_report
from genrewise.training.report.data import html as data_html
from genrewise.training.report.html import Extras, write_report
from genrewise.training.run import (
    Run,
    make_problem,
    run,
    to_bundle,
    versions,
    with_seed,
    write_json,
)
from genrewise.training.store import extract_dataset

__all__ = ["Job", "find_source", "run_recipe", "seeds"]


class Bar(Protocol):
    """What shows progress."""

    def update(self, done: int) -> None:
        """Show how many are done."""


@dataclass(frozen=True)
class Job:
    """How a recipe is run.

    Attributes
    ----------
    recipe : Recipe
    name : str
        Of the model.
    out : Path or None
        Where the bundle goes; None writes none.
    folder : Path
        Of the report.
    say : callable
        Told a line at a time.
    bar : callable
        Title and number of items to a context manager that gives a :class:`Bar`.
    workers : int
    """

    recipe: Recipe
    name: str
    out: Path | None
    folder: Path
    say: Callable[[str], None] = lambda _: None
    bar: Callable[[str, int], AbstractContextManager[Bar | None]] = lambda _t, _n: nullcontext()
    workers: int = 0


def data_folder() -> Path | None:
    """Folder of the data sets that recipes name: ``$GENREWISE_DATA`` or beside the checkout."""
    given = os.environ.get("GENREWISE_DATA")
    places = [Path(given)] if given else [Path("data"), Path("../shared/data")]
    return next((place for place in places if place.is_dir()), None)


def find_source(source: str) -> str:
    """A data set as given, or below the data folder."""
    folder = data_folder()
    if not Path(source).exists() and folder is not None and (folder / source).exists():
        return str(folder / source)
    return source


def read_dataset(recipe: Recipe) -> Dataset:
    """The data set that a recipe names.

    Raises
    ------
    RecipeError
        It names none.
    """
    if not recipe.data.source:
        raise RecipeError("a recipe without data", "a folder", "--set data.source=FOLDER")
    source = find_source(recipe.data.source)
    return datasets.read(source, labels=recipe.data.labels or None, group_by=recipe.data.group_by)


def _looked_at(job: Job, dataset: Dataset) -> tuple[Dataset, DataReport]:
    """The data report; near-duplicates across groups are joined into one."""
    with job.bar("looking at the data", len(dataset)) as bar:
        facts = scan(dataset, workers=job.workers, progress=bar.update if bar else None)
    pairs = duplicates(dataset, facts)
    report = data_report(dataset, facts, pairs)
    job.say(f"{report.clips} clips of {report.tracks} tracks in {report.groups} groups")
    for warning in report.warnings:
        job.say(f"warning: {warning}")
    return merge(dataset, pairs), report


def run_recipe(job: Job) -> dict[str, Any]:
    """Run a recipe to its end.

    Returns
    -------
    dict
        The report: what ``report.json`` holds.

    Raises
    ------
    DatasetError, LeakageError, RecipeError, ParityError
    """
    began = time.monotonic()
    recipe = job.recipe
    job.folder.mkdir(parents=True, exist_ok=True)
    dataset, looked = _looked_at(job, read_dataset(recipe))
    with job.bar("features", len(dataset)) as bar:
        table = extract_dataset(
            dataset,
            recipe.features,
            recipe.windows.rule(),
            workers=job.workers,
            progress=bar.update if bar else None,
        )
    problem = make_problem(dataset, table, recipe, _extra(recipe, dataset))
    for warning in problem.split.warnings:
        job.say(f"warning: {warning}")
    splits.write_split(job.folder / "split.csv", dataset, problem.split)
    result = run(problem, recipe, job.say)
    report = _report(job, result, looked)
    if job.out is not None:
        _ship(job, result, report)
    report["minutes"] = round((time.monotonic() - began) / 60, 2)
    _leave(job, result, report, looked)
    _check_expected(recipe, report)
    return report


def _extra(recipe: Recipe, dataset: Dataset) -> Extra | None:
    """Rows for tracks without audio, where the recipe names a file of them."""
    rows = recipe.data.rows
    if not rows:
        return None
    x, y = tag_rows(find_source(rows["file"]), dataset)
    return Extra(rows["input"], x, y)


def _report(job: Job, result: Run, looked: DataReport) -> dict[str, Any]:
    recipe, problem = job.recipe, result.problem
    return {
        "name": job.name,
        "title": recipe.title or f"A model of {len(problem.dataset.labels)} genres",
        "protocol": "honest",
        "data": {
            "name": problem.dataset.name,
            "labels": list(problem.dataset.labels),
            "clips": looked.clips,
            "tracks": looked.tracks,
            "groups": looked.groups,
            "failed": [[problem.dataset.items[i].path, why] for i, why in problem.table.failed],
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
        "unknown": {
            "min_confidence": result.unknown.confidence,
            "max_distance": result.unknown.distance,
            "answered": result.unknown.answered,
            "right_when_answered": result.unknown.right_when_answered,
            "target_risk": recipe.unknown.target_risk,
            "reached": result.unknown.reached,
            "table": list(result.unknown.table),
        },
        "validation": result.validation,
        "test": result.test,
        "published": dict(recipe.published),
        "log": [line.partition(" ")[2] for line in result.log],
        "environment": versions(),
    }


def _ship(job: Job, result: Run, report: dict[str, Any]) -> None:
    """Write the bundle and hold it, as a stranger would load it, against the fitted model."""
    if job.out is None:
        return
    card = card_text(job.recipe, report)
    made = to_bundle(result, job.name, card, headline(report))
    path = bundles.write(made, job.out)
    difference = _check_whole(path, result)
    report["bundle"] = {"bytes": path.stat().st_size, "parity": difference}
    job.say(f"wrote {path}, {path.stat().st_size / 1e6:.2f} MB, parity {difference:.1e}")


def _check_whole(path: Path, result: Run, clips: int = 20) -> float:
    """Largest difference of window probabilities between the bundle and the fitted members."""
    from genrewise.training.run import answers

    problem = result.problem
    items = problem.pool[:: max(1, len(problem.pool) // clips)]
    rows, fitted = answers(problem, result.recipe, result.ships, items)
    classifier = Classifier(path)
    arrays = {name: problem.table.arrays[name][rows] for name in classifier.inputs}
    loaded = classifier.window_probabilities(arrays)
    difference = float(np.abs(loaded - fitted).max())
    if difference > 1e-4:
        raise ParityError(f"{path}: probabilities differ by {difference:.1e}", "at most 1e-4")
    return difference


def _extras(job: Job, result: Run, looked: DataReport) -> Extras:
    """What the page shows beside the figures: histories, a point for each clip, the data."""
    table, ships = result.problem.table, result.ships
    points = ships.embedding.map(
        joined(table.arrays, ships.embedding_inputs).reshape(len(table.item), -1)
    )
    items = np.unique(table.item)
    nets = {name: net for name, net in ships.estimators.items() if hasattr(net, "history_")}
    return Extras(
        history={name: net.history_ for name, net in nets.items()},
        best_epoch={name: net.best_epoch_ for name, net in nets.items()},
        embedding=np.stack([points[table.item == i].mean(axis=0) for i in items]),
        embedding_truth=[result.problem.dataset.items[i].label for i in items],
        data_html=data_html(looked),
        recipe=job.recipe.model_dump(mode="json"),
    )


def _leave(job: Job, result: Run, report: Mapping[str, Any], looked: DataReport) -> None:
    """Fill the run folder."""
    recipe = job.recipe
    write_json(job.folder / "recipe.json", recipe.model_dump(mode="json"))
    write_json(job.folder / "report.json", report)
    with (job.folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        columns = ["part", "level", "path", "track", "group", "start", "stop", "truth", "answer"]
        columns += ["confidence", "runner_up"]
        columns += [f"p_{label}" for label in result.problem.dataset.labels]
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(result.predictions)
    write_report(job.folder, report, result.predictions, _extras(job, result, looked))


def _check_expected(recipe: Recipe, report: Mapping[str, Any]) -> None:
    """Refuse a result outside the interval that the recipe expects."""
    for key, (low, high) in recipe.expect.items():
        part, level, figure = key.split("/")
        value = report[part][level][figure]
        if not low <= value <= high:
            raise DatasetError(
                f"{recipe.name}: {key} is {value:.4f}",
                f"{low} to {high}",
                "find out what changed before you use the model",
            )


def seeds(job: Job, count: int) -> dict[str, Any]:
    """Run a recipe over several seeds of the split, without writing models.

    Returns
    -------
    dict
        Per seed and level the test figures, and their means.
    """
    recipe = job.recipe
    job.folder.mkdir(parents=True, exist_ok=True)
    dataset, _ = _looked_at(job, read_dataset(recipe))
    with job.bar("features", len(dataset)) as bar:
        progress = bar.update if bar else None
        table = extract_dataset(
            dataset, recipe.features, recipe.windows.rule(), workers=job.workers, progress=progress
        )
    rows: list[dict[str, Any]] = []
    for seed in range(count):
        seeded = with_seed(recipe, seed)
        problem = make_problem(dataset, table, seeded, _extra(seeded, dataset))
        result = run(problem, seeded, job.say)
        if not result.test:
            raise DatasetError(f"{dataset.name}: no test part", "a share above 0 in split.test")
        rows.append({"seed": seed, "chosen": list(result.chosen.names), **result.test})
        one = result.test
        job.say(
            f"seed {seed}: weighted F1 {one['clip']['weighted_f1']:.3f} by clip"
            f" (n {one['clip']['n']}), {one['track']['weighted_f1']:.3f} by track"
            f" (n {one['track']['n']})"
        )
    means = {
        level: {
            figure: float(np.mean([row[level][figure] for row in rows]))
            for figure in ("accuracy", "macro_f1", "weighted_f1", "ece")
        }
        for level in ("clip", "track")
    }
    found = {"name": job.name, "protocol": "honest", "seeds": rows, "mean": means}
    write_json(job.folder / "seeds.json", found)
    return found
