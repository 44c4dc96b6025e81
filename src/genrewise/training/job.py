"""The whole of ``genrewise train`` and ``genrewise run``: data set in, model and report out."""

from __future__ import annotations

import csv
import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genrewise import bundle as bundles
from genrewise.cache import cache_dir
from genrewise.errors import DatasetError, MissingExtra, ParityError, RecipeError
from genrewise.inference import Classifier
from genrewise.inputs import joined, make_input
from genrewise.training import datasets, models, splits
from genrewise.training.card import card_text, headline
from genrewise.training.datasets import Dataset
from genrewise.training.datasets.duplicates import duplicates, merge
from genrewise.training.datasets.grouping import UNGROUPED
from genrewise.training.datasets.scan import scan
from genrewise.training.datasets.tags import tag_rows
from genrewise.training.fitting import Extra
from genrewise.training.problem import make_problem, make_split, readable, without
from genrewise.training.recipe import Recipe
from genrewise.training.report.data import DataReport, data_report
from genrewise.training.report.data import html as data_html
from genrewise.training.report.html import Extras, write_report
from genrewise.training.run import (
    Run,
    answers,
    run,
    to_bundle,
    versions,
    with_seed,
    write_json,
)
from genrewise.training.store import Table, extract_dataset

__all__ = ["Job", "find_source", "run_recipe", "seeds"]

#: What scikit-learn says of a genre with a single window; the data report says it better.
_HARMLESS = re.compile("Only one sample available")


class Bar(Protocol):
    """What shows progress."""

    total: int | None

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


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A data set that can be learnt from: looked at, and its windows there."""

    dataset: Dataset
    table: Table
    looked: DataReport
    failed: tuple[tuple[str, str], ...]


def _looked_at(job: Job, dataset: Dataset) -> tuple[Dataset, DataReport, dict[int, str]]:
    """The data set with near-duplicates in one group, its report, and what is unreadable."""
    place = cache_dir() / "scans"
    with job.bar("files looked at", len(dataset)) as bar:
        progress = bar.update if bar else None
        facts = scan(dataset, workers=job.workers, progress=progress, folder=place)
    pairs = duplicates(dataset, facts)
    report = data_report(dataset, facts, pairs)
    job.say(f"{report.clips} clips of {report.tracks} tracks in {report.groups} groups")
    for warning in report.warnings:
        job.say(f"warning: {warning}")
    return merge(dataset, pairs), report, {i: f.error for i, f in enumerate(facts) if f.error}


def _need_libraries() -> None:
    """Say at once, not after all the work, that a library of its end is missing.

    Raises
    ------
    MissingExtra
    """
    for name in ("matplotlib", "onnx", "skl2onnx", "onnxmltools"):
        with suppress(ValueError):  # a module that was switched off
            if find_spec(name):
                continue
        raise MissingExtra("training", "train", name)


def _check_recipe(recipe: Recipe) -> None:
    """Make every input and every member once: what is wrong with them is said at once."""
    _need_libraries()
    for spec in recipe.features.values():
        make_input(spec)
    for member in recipe.model.members.values():
        models.make(member.model, 2, recipe.fit.seed, **member.params)


def _prepare(job: Job) -> _Prepared:
    """Read, look, extract; what cannot be learnt from is refused before the long work."""
    recipe = job.recipe
    _check_recipe(recipe)
    dataset = read_dataset(recipe)
    if dataset.kind != "audio":
        raise DatasetError(f"{dataset.name}: a data set of {dataset.kind}", "one of music")
    job.folder.mkdir(parents=True, exist_ok=True)
    dataset, looked, unreadable = _looked_at(job, dataset)
    if len(unreadable) == len(dataset):
        why = next(iter(unreadable.values()))
        raise DatasetError(f"{dataset.name}: no file could be read: {why}", "audio files")
    failed = tuple((dataset.items[i].path, why) for i, why in unreadable.items())
    dataset = without(dataset, list(unreadable))
    make_split(dataset, recipe)
    with job.bar("files", len(dataset)) as bar:
        table = extract_dataset(
            dataset,
            recipe.features,
            recipe.windows.rule(),
            workers=job.workers,
            progress=bar.update if bar else None,
        )
    dataset, table, more = readable(dataset, table)
    return _Prepared(dataset, table, looked, failed + more)


def _learn(job: Job, ready: _Prepared, recipe: Recipe) -> Run:
    """Split and run; warnings of the libraries become lines."""
    extra = _extra(recipe, ready.dataset)
    problem = make_problem(ready.dataset, ready.table, recipe, extra, ready.failed)
    for warning in problem.split.warnings:
        job.say(f"warning: {warning}")
    with warnings.catch_warnings(record=True) as caught, job.bar("fits", 0) as bar:
        warnings.simplefilter("always")

        def step(done: int, steps: int) -> None:
            if bar:
                bar.total = steps
                bar.update(done)

        result = run(problem, recipe, job.say, step)
    lines = {
        " ".join(str(w.message).split()) for w in caught if not _HARMLESS.search(str(w.message))
    }
    for line in sorted(lines):
        job.say(f"warning: {line}")
    return result


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
    ready = _prepare(job)
    result = _learn(job, ready, job.recipe)
    report = _report(job, result, ready.looked)
    missed = _missed(job.recipe, report)
    if job.out is not None and not missed:
        _ship(job, result, report)
    report["minutes"] = round((time.monotonic() - began) / 60, 2)
    _leave(job, result, report, ready.looked)
    if missed:
        raise DatasetError(*missed)
    return report


def _extra(recipe: Recipe, dataset: Dataset) -> Extra | None:
    """Rows for tracks without audio, where the recipe names a file of them."""
    rows = recipe.data.rows
    if not rows.file:
        return None
    x, y = tag_rows(find_source(rows.file), dataset)
    return Extra(rows.input, x, y)


def _protocol(looked: DataReport) -> str:
    """Without artists nobody knows that none is on both sides: then it is not called honest."""
    return "by file" if any(UNGROUPED in w for w in looked.warnings) else "honest"


def _report(job: Job, result: Run, looked: DataReport) -> dict[str, Any]:
    recipe, problem = job.recipe, result.problem
    return {
        "name": job.name,
        "title": recipe.title or f"A model of {len(problem.dataset.labels)} genres",
        "protocol": _protocol(looked),
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
        "published": recipe.published.model_dump(mode="json") if recipe.published.figure else {},
        "log": [line.partition(" ")[2] for line in result.log],
        "version": versions()["genrewise"],
        "environment": versions(),
    }


def _ship(job: Job, result: Run, report: dict[str, Any]) -> None:
    """Write the bundle and hold it, as a stranger would load it, against the fitted model."""
    if job.out is None:
        return
    card = card_text(job.recipe, report)
    made = to_bundle(result, job.name, card, headline(report))
    # Nothing bears the model's name before it was verified, nor is an older one lost till then.
    path = bundles.write(made, job.folder / "unverified.genrewise")
    try:
        difference = _check_whole(path, result)
        path.replace(job.out)
    finally:
        path.unlink(missing_ok=True)
    size = job.out.stat().st_size
    report["bundle"] = {"bytes": size, "parity": difference}
    job.say(f"wrote {job.out}, {size / 1e6:.2f} MB, parity {difference:.1e}")


def _check_whole(path: Path, result: Run, clips: int = 20) -> float:
    """Largest difference of window probabilities between the bundle and the fitted members."""
    problem = result.problem
    items = problem.pool[:: max(1, len(problem.pool) // clips)]
    rows, fitted = answers(problem, result.recipe, result.ships, items)
    classifier = Classifier(path)
    arrays = {name: problem.table.arrays[name][rows] for name in classifier.inputs}
    loaded = classifier.window_probabilities(arrays)
    difference = float(np.abs(loaded - fitted).max())
    if difference > 1e-4:
        name = result.recipe.name
        raise ParityError(f"{name}: probabilities differ by {difference:.1e}", "at most 1e-4")
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
    write_report(job.folder, report, result.predictions, _extras(job, result, looked))


def _missed(recipe: Recipe, report: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What to say of the first figure outside the interval that the recipe expects."""
    for key, (low, high) in recipe.expect.items():
        part, level, figure = key.split("/")
        value = report[part][level][figure] if report[part] else None
        if value is None or not low <= value <= high:
            shown = "not measured" if value is None else f"{value:.4f}"
            todo = "find out what changed; no model was written"
            return f"{recipe.name}: {key} is {shown}", f"{low:g} to {high:g}", todo
    return None


def seeds(job: Job, count: int) -> dict[str, Any]:
    """Run a recipe over several seeds of the split, without writing models.

    Returns
    -------
    dict
        Per seed and level the test figures, and their means.
    """
    recipe = job.recipe
    ready = _prepare(job)
    if any(item.split for item in ready.dataset.items):
        raise DatasetError(
            f"{ready.dataset.name}: {count} seeds of a split that the data set fixes",
            "a data set without a split column",
        )
    rows: list[dict[str, Any]] = []
    for seed in range(count):
        seeded = with_seed(recipe, seed)
        result = _learn(job, ready, seeded)
        if not result.test:
            raise DatasetError(
                f"{ready.dataset.name}, seed {seed}: no test part",
                "split.test above 0, and three groups of a genre",
            )
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
    found = {"name": job.name, "protocol": _protocol(ready.looked), "seeds": rows, "mean": means}
    found["failed"] = [list(pair) for pair in ready.failed]
    write_json(job.folder / "seeds.json", found)
    return found
