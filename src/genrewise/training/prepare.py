"""A recipe's data set made ready: read, looked at, its windows there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from genrewise.cache import cache_dir
from genrewise.errors import DatasetError, MissingExtra, RecipeError
from genrewise.inputs import make_input
from genrewise.training import augment, datasets, models
from genrewise.training.datasets import Dataset
from genrewise.training.datasets.base import some
from genrewise.training.datasets.duplicates import Duplicate, duplicates, keep_apart, merge
from genrewise.training.datasets.scan import scan
from genrewise.training.frames import random_windows, whole
from genrewise.training.picture_files import picture_rows
from genrewise.training.problem import make_split, readable, without
from genrewise.training.recipe import Recipe
from genrewise.training.report.data import DataReport, data_report
from genrewise.training.store import Table, extract_dataset
from genrewise.training.table_rows import table_rows

__all__ = ["FROM_FILES", "Bar", "Job", "Prepared", "find_source", "prepare", "read_dataset"]

#: Kinds of input that are no sound: the kind of data set that they come from.
FROM_FILES: Mapping[str, str] = {"picture-file": "pictures", "table": "features"}


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
    open_test : bool
        Without, the test part stays closed, as a sweep wants it.
    page : bool
        Draw the page and its figures, which take most of the time of a short run.
    fast : bool
        On synthetic music, and so is every recipe whose weights this one starts from.
    source : str
        Name or file of the recipe, as it was asked for.
    """

    recipe: Recipe
    name: str
    out: Path | None
    folder: Path
    say: Callable[[str], None] = lambda _: None
    bar: Callable[[str, int], AbstractContextManager[Bar | None]] = lambda _t, _n: nullcontext()
    workers: int = 0
    open_test: bool = True
    page: bool = True
    fast: bool = False
    source: str = ""


def data_folder() -> Path | None:
    """Folder of the data sets that recipes name: ``$GENREWISE_DATA`` or beside the checkout."""
    given = os.environ.get("GENREWISE_DATA")
    places = [Path(given)] if given else [Path("data"), Path("../shared/data")]
    return next((place for place in places if place.is_dir()), None)


def find_source(source: str) -> str:
    """A data set as given, or below the data folder; ``fma:FOLDER?features`` by its folder."""
    folder = data_folder()
    place, mark, words = source.partition("?")
    kind, colon, path = place.rpartition(":")
    if folder is None or Path(source).exists() or not path or not (folder / path).exists():
        return source
    return f"{kind}{colon}{folder / path}{mark}{words}"


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
class Prepared:
    """A data set that can be learnt from: looked at, and its windows there."""

    dataset: Dataset
    table: Table
    looked: DataReport
    failed: tuple[tuple[str, str], ...]


def _warn(job: Job, report: DataReport) -> None:
    for warning in report.warnings:
        job.say(f"warning: {warning}")


def _together(job: Job, dataset: Dataset, pairs: Sequence[Duplicate]) -> Dataset:
    """Copies of a recording in one group, or but one of them where a published split parts them.

    A split of the user's own that parts them is refused when it is made: it can be corrected.
    """
    split = job.recipe.split
    if split.rule == "groups" and split.column and dataset.official:
        dataset, pairs, left_out = keep_apart(dataset, pairs)
        if left_out:
            job.say(
                f"warning: {len(left_out)} left out of what is learnt from, copies of what the"
                f" data set's own split holds back: {some(left_out)}"
            )
    return merge(dataset, pairs)


def _looked_at(job: Job, dataset: Dataset) -> tuple[Dataset, DataReport, dict[int, str]]:
    """The data set with near-duplicates in one group, its report, and what is unreadable."""
    place = cache_dir() / "scans"
    if dataset.kind != "audio":
        report = data_report(dataset)
        job.say(f"{report.clips} {dataset.kind} of {report.groups} groups")
        _warn(job, report)
        return dataset, report, {}
    with job.bar("files looked at", len(dataset)) as bar:
        progress = bar.update if bar else None
        facts = scan(dataset, workers=job.workers, progress=progress, folder=place)
    pairs = duplicates(dataset, facts)
    report = data_report(dataset, facts, pairs)
    job.say(f"{report.clips} clips of {report.tracks} tracks in {report.groups} groups")
    _warn(job, report)
    return (
        _together(job, dataset, pairs),
        report,
        {i: f.error for i, f in enumerate(facts) if f.error},
    )


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
        if spec.get("kind") not in FROM_FILES:
            (whole if recipe.windows.count else make_input)(spec)
    for member in recipe.model.members.values():
        models.make(member.model, 2, recipe.fit.seed, **member.params)
    augment.check(recipe.augment.kinds)
    augment.check(recipe.augment.waveform, augment.WAVEFORM_KINDS)
    if recipe.augment.waveform and recipe.windows.count:
        raise RecipeError(
            "changed copies of the sound with random windows",
            "one of them",
            "leave out windows.count or augment.waveform",
        )
    folder = recipe.data.unlabelled
    if folder and not Path(find_source(folder)).is_dir():
        raise DatasetError(f"{folder}: no such folder", "music to classify in data.unlabelled")


def _kind(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse inputs that this kind of data set does not have; music may have a table beside it."""
    for name, spec in recipe.features.items():
        if spec.get("kind") == "table" and dataset.table is not None:
            continue
        wanted = FROM_FILES.get(str(spec.get("kind")), "audio")
        if dataset.kind != wanted:
            raise DatasetError(
                f"{dataset.name}: a data set of {dataset.kind} for the input {name}, "
                f"{spec.get('kind')}",
                f"a data set of {'music' if wanted == 'audio' else wanted}",
            )


def _table(job: Job, dataset: Dataset) -> Table:
    """Windows of a data set, whatever it is made of."""
    recipe = job.recipe
    name, spec = next(iter(recipe.features.items()))
    with job.bar("files", len(dataset)) as bar:
        progress = bar.update if bar else None
        if dataset.kind == "features":
            found = table_rows(dataset)
            return replace(found, arrays={name: found.arrays["table"]})
        if dataset.kind == "pictures":
            settings = {k: v for k, v in spec.items() if k != "kind"}
            found = picture_rows(dataset, workers=job.workers, progress=progress, **settings)
            return replace(found, arrays={name: found.arrays["picture"]})
        if recipe.windows.count:
            return random_windows(
                dataset,
                recipe.features,
                recipe.windows.count,
                recipe.windows.seed,
                workers=job.workers,
                progress=progress,
            )
        heard = {k: spec for k, spec in recipe.features.items() if spec.get("kind") != "table"}
        rule = recipe.windows.rule()
        found = extract_dataset(dataset, heard, rule, workers=job.workers, progress=progress)
        if dataset.table is None:
            return found
        rows = {k: dataset.table.values[found.item] for k in recipe.features if k not in heard}
        return replace(found, arrays=found.arrays | rows)


def prepare(job: Job) -> Prepared:
    """Read, look, extract; what cannot be learnt from is refused before the long work."""
    recipe = job.recipe
    _check_recipe(recipe)
    dataset = read_dataset(recipe)
    _kind(recipe, dataset)
    job.folder.mkdir(parents=True, exist_ok=True)
    dataset, looked, unreadable = _looked_at(job, dataset)
    if len(unreadable) == len(dataset):
        why = next(iter(unreadable.values()))
        raise DatasetError(f"{dataset.name}: no file could be read: {why}", "audio files")
    failed = tuple((dataset.items[i].path, why) for i, why in unreadable.items())
    dataset = without(dataset, list(unreadable))
    if recipe.split.rule != "windows":  # which are not there yet
        make_split(dataset, recipe)
    dataset, table, more = readable(dataset, _table(job, dataset))
    return Prepared(dataset, table, looked, failed + more)
