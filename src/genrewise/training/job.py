"""The whole of ``genrewise train`` and ``genrewise run``: data set in, model and report out."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genrewise import bundle as bundles
from genrewise.errors import (
    DatasetError,
    GenrewiseError,
    LeakageError,
    ParityError,
    RecipeError,
    UnknownName,
)
from genrewise.inference import Classifier
from genrewise.training import models
from genrewise.training.card import card_text, headline
from genrewise.training.datasets import Dataset
from genrewise.training.datasets.tags import tag_rows
from genrewise.training.default import fast_settings
from genrewise.training.fitting import Extra
from genrewise.training.outcome import leave, protocol_of, report_of
from genrewise.training.prepare import FROM_FILES, Bar, Job, Prepared, find_source, prepare
from genrewise.training.problem import Problem, make_problem
from genrewise.training.recipe import Recipe, load
from genrewise.training.run import Run, answers, run, to_bundle, with_seed, write_json

__all__ = ["Job", "find_source", "learn", "prepare", "run_recipe", "seeds"]

#: What scikit-learn says of a genre with a single window; the data report says it better.
_HARMLESS = re.compile("Only one sample available")


def _base(job: Job, recipe: Recipe, key: str) -> Recipe:
    """The recipe whose weights a member starts from, with nothing but its member of that name."""
    start = recipe.model.members[key].start
    base = load(start, protocol=recipe.protocol)
    if job.fast:
        base = load(start, fast_settings(base), recipe.protocol)
    if key not in base.model.members:
        raise UnknownName(f"member of {start}", key, base.model.members)
    if base.model.members[key].start:
        raise RecipeError(f"{key} starts from {start}, which starts from another", "one step")
    model = base.model.model_copy(update={"candidates": ((key,),)})
    return base.model_copy(update={"model": model})


def _places(dataset: Dataset, items: Iterable[int]) -> set[tuple[str, str]]:
    """Files of some items, and their groups within the data set."""
    files = {("", os.path.realpath(dataset.file(i))) for i in items}
    return files | {(dataset.root, dataset.items[i].group) for i in items}


def _check_start(problem: Problem, recipe: Recipe, base: Problem, how: Recipe) -> None:
    """Refuse weights that were learnt from what the honest protocol holds out.

    Raises
    ------
    LeakageError
    """
    learnt = base.pool if how.fit.choose == "folds" else base.split.train
    learnt_here = problem.split.train if recipe.fit.choose == "holdout" else ()
    out = {*problem.pool, *problem.test} - {*learnt_here}
    both = _places(base.dataset, learnt) & _places(problem.dataset, out)
    if both and recipe.protocol == "honest":
        raise LeakageError(
            f"{recipe.name} starts from {how.name}, which learns from what is held out here, such"
            f" as {max(both)[1]}",
            "other music, or the same split and fit.choose = holdout",
        )


def _starts(job: Job, problem: Problem, recipe: Recipe) -> dict[str, str]:
    """Files of the weights that members start from, by running the recipes they come from."""
    found = {}
    for key in (key for key, member in recipe.model.members.items() if member.start):
        base = _base(job, recipe, key)
        first = replace(job, recipe=base, out=None, open_test=False)
        ready = prepare(first)
        _check_start(problem, recipe, make_problem(ready.dataset, ready.table, base), base)
        digest = hashlib.sha256(base.model_dump_json().encode()).hexdigest()[:12]
        path = job.folder / f"start-{key}-{digest}.npz"
        if not path.exists():
            job.say(f"{key} starts from {base.name}, which is learnt first")
            network = learn(first, ready, base).ships.estimators[key]
            if not hasattr(network, "save_weights"):
                raise RecipeError(f"{key} of {base.name} has no weights", "a network")
            network.save_weights(path)
        found[key] = str(path)
    return found


def _augmented(job: Job, problem: Problem, recipe: Recipe) -> Problem:
    """The problem with changed copies of the sound of what is learnt from."""
    augment = recipe.augment
    if not augment.waveform:
        return problem
    from genrewise.training.augment.extract import extract_augmented

    learnt = problem.split.train if recipe.fit.choose == "holdout" else problem.pool
    with job.bar("changed copies", len(learnt) * augment.copies) as bar:
        copies = extract_augmented(
            problem.dataset,
            recipe.features,
            recipe.windows.rule(),
            augment.waveform,
            augment.copies,
            augment.seed,
            learnt,
            workers=job.workers,
            progress=bar.update if bar else None,
        )
    return replace(problem, augmented=copies)


@contextmanager
def _epochs(job: Job, recipe: Recipe) -> Iterator[Bar | None]:
    """Progress by fits; where networks learn, by the epochs of each."""
    if not _random(recipe):
        with job.bar("fits", 0) as bar:
            yield bar
        return
    from genrewise.training.models.training_loop import watcher

    with job.bar("epochs", 0) as bar:
        token = None
        if watcher.get() is None and bar:
            token = watcher.set(lambda row: bar.update(int(row["epoch"])))
        try:
            yield None
        finally:
            if token:
                watcher.reset(token)


def learn(job: Job, ready: Prepared, recipe: Recipe) -> Run:
    """Split and run; warnings of the libraries become lines."""
    extra = _extra(recipe, ready.dataset)
    problem = make_problem(ready.dataset, ready.table, recipe, extra, ready.failed)
    for warning in problem.split.warnings:
        job.say(f"warning: {warning}")
    problem = _augmented(job, problem, recipe)
    problem = replace(problem, starts=_starts(job, problem, recipe))
    with warnings.catch_warnings(record=True) as caught, _epochs(job, recipe) as bar:
        warnings.simplefilter("always")

        def step(done: int, steps: int) -> None:
            if bar:
                bar.total = steps
                bar.update(done)

        result = run(problem, recipe, job.say, step, job.open_test)
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
    ready = prepare(job)
    result = learn(job, ready, job.recipe)
    report = report_of(job, result, ready.looked)
    missed = _missed(job.recipe, report)
    if job.out is not None and not missed:
        why = _no_model(result)
        if why:
            job.say(f"no model file: {why}")
            if job.recipe.data.unlabelled:
                job.say(f"{job.recipe.data.unlabelled}: not classified, without a model file")
        else:
            _ship(job, result, report)
            _predict_unlabelled(job)
    report["minutes"] = round((time.monotonic() - began) / 60, 2)
    leave(job, result, report, ready)
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


def _no_model(result: Run) -> str:
    """Why a run leaves no model file; empty where it does."""
    if result.problem.dataset.kind != "audio":
        return f"it would not hear music but see {result.problem.dataset.kind}"
    recipe = result.recipe
    seen = {i for name in result.ships.names for i in recipe.model.members[name].inputs}
    if any(recipe.features[i].get("kind") in FROM_FILES for i in seen):
        return "it would need the table of features beside the music"
    stacks = [n for n in result.ships.names if result.recipe.model.members[n].stack]
    return f"{', '.join(stacks)} is a stack, which is not exported" if stacks else ""


def _predict_unlabelled(job: Job) -> None:
    """Classify the files of a folder without labels, as ``classify --csv`` would."""
    folder = job.recipe.data.unlabelled
    if not folder or job.out is None:
        return
    files = [str(path) for path in sorted(Path(find_source(folder)).rglob("*")) if path.is_file()]
    classifier = Classifier(job.out)
    with (job.folder / "unlabelled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "genre", "confidence", *(f"p_{n}" for n in classifier.labels)])
        for path in files:
            try:
                answer = classifier.predict_file(path)
            except GenrewiseError as error:
                job.say(f"left out: {error}")
                continue
            p = [round(v, 5) for v in answer.probabilities.values()]
            writer.writerow([path, answer.genre or "unknown", round(answer.confidence, 5), *p])
    job.say(f"{len(files)} files without a label: {job.folder / 'unlabelled.csv'}")


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


def _random(recipe: Recipe) -> bool:
    """Another seed makes another model even where the split stays."""
    return any("max_epochs" in models.parameters(m.model) for m in recipe.model.members.values())


def seeds(job: Job, count: int) -> dict[str, Any]:
    """Run a recipe over several seeds of the split, without writing models.

    Returns
    -------
    dict
        Per seed and level the test figures, and their means.
    """
    ready = prepare(job)
    fixed = job.recipe.split.rule == "groups" and any(i.split for i in ready.dataset.items)
    if fixed and not _random(job.recipe):
        raise DatasetError(
            f"{ready.dataset.name}: {count} seeds of a split that the data set fixes",
            "a data set without a split column",
        )
    rows: list[dict[str, Any]] = []
    for seed in range(count):
        seeded = with_seed(job.recipe, seed)
        result = learn(job, ready, seeded)
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
    protocol = protocol_of(job.recipe, ready.looked)
    found = {"name": job.name, "protocol": protocol, "seeds": rows, "mean": means}
    found["failed"] = [list(pair) for pair in ready.failed]
    write_json(job.folder / "seeds.json", found)
    return found
