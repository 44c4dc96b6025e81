"""Any model on any labelled music: one set or several, alone or against another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genrewise.errors import DatasetError, UnknownName
from genrewise.inference import Classifier
from genrewise.training import datasets
from genrewise.training.answers import Bars, answer, no_bar, wanted_items
from genrewise.training.compare import against, fall
from genrewise.training.damages import chosen
from genrewise.training.datasets import Dataset
from genrewise.training.heard import Heard
from genrewise.training.levels import answer_row
from genrewise.training.mapping import Match, check_map, match, read_map, refuse_strangers
from genrewise.training.metrics import level_scores
from genrewise.training.report.listen import sources
from genrewise.training.robustness import robustness

__all__ = ["Evaluation", "Question", "evaluate"]


@dataclass(frozen=True)
class Question:
    """What is asked of which model.

    Parameters
    ----------
    model : str
        Name or file.
    sources : tuple of str
        One or several, each as for :func:`genrewise.training.datasets.read`.
    against : str
        A second model, to be held against the first on the same clips; empty for none.
    mapping : mapping of str to str
        Label of a data set to label of the model.
    map_file : str
        A file with more of them, as of :func:`.mapping.read_map`.
    part : str
        Items of this split only: ``train``, ``valid``, ``test``; empty takes all.  Among
        several data sets one that has no split at all is taken whole.
    labels : tuple of str
        These labels of the data sets only.
    restrict : bool
        Spread the probabilities over those of the data set's labels that the model knows.
    group_by : str
    limit : int
        So many items of each data set at the most, evenly over labels and groups; 0 takes all.
    robustness : bool
        Also with damaged audio.
    damages : tuple of str
        With these kinds of damage only, as for :func:`.damages.chosen`; any asks for them even
        without `robustness`.
    workers : int
    bars : callable
        Shows progress.
    """

    model: str
    sources: tuple[str, ...]
    against: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    map_file: str = ""
    part: str = ""
    labels: tuple[str, ...] = ()
    restrict: bool = False
    group_by: str = ""
    limit: int = 0
    robustness: bool = False
    damages: tuple[str, ...] = ()
    workers: int = 0
    bars: Bars = no_bar


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    report : dict
        Of one set: ``model``, ``dataset``, ``labels``; ``track``, ``clip``, ``window`` as of
        :func:`.metrics.level_scores`; ``part``, ``repaired``, ``left_out``, ``taken`` and
        ``outside`` as of :class:`.mapping.Match`; ``failed``, ``warnings``; where asked for
        ``against`` and ``robustness``.  Of several: ``model``, ``sets`` and ``falls``.
    predictions : list of dict
        A row for each window, clip and track.
    listen : mapping of str to mapping
        Name of a data set to where its clips are heard, as of :func:`.report.listen.sources`.
    """

    report: dict[str, Any]
    predictions: list[dict[str, Any]]
    listen: Mapping[str, Mapping[str, tuple[str, float]]]

    @property
    def sets(self) -> list[dict[str, Any]]:
        """The reports of the data sets, be they one or several."""
        found: list[dict[str, Any]] = self.report.get("sets", [self.report])
        return found


def _read(question: Question) -> list[Dataset]:
    """The data sets, each with a name of its own.

    Raises
    ------
    DatasetError
        One holds no music.
    UnknownName
        A label that none of them has.
    """
    found = [datasets.read(source, group_by=question.group_by) for source in question.sources]
    for dataset in found:
        if dataset.kind != "audio":
            raise DatasetError(f"{dataset.name}: a data set of {dataset.kind}", "one of music")
    names = [dataset.name for dataset in found]
    if len(set(names)) < len(names):
        found = [
            replace(dataset, name=source)
            for dataset, source in zip(found, question.sources, strict=True)
        ]
    if not question.labels:
        return found
    there = {label for dataset in found for label in dataset.labels}
    for label in question.labels:
        if label not in there:
            raise UnknownName("label", label, there)
    return [
        datasets.select(dataset, [label for label in question.labels if label in dataset.labels])
        for dataset in found
    ]


def _part_of(question: Question, dataset: Dataset) -> str:
    """The part that is asked for; nothing for a set without a split among several sets."""
    splits = any(item.split for item in dataset.items)
    return question.part if splits or len(question.sources) == 1 else ""


def _matched(
    question: Question, found: Sequence[Dataset], models: Sequence[Classifier]
) -> tuple[list[list[Match]], list[str]]:
    """What each model (inner) knows of the labels of each data set, and lines to tell."""
    labels = list(dict.fromkeys(label for dataset in found for label in dataset.labels))
    known = list(dict.fromkeys(label for model in models for label in model.labels))
    listed = read_map(question.map_file) if question.map_file else {}
    lines = check_map(question.mapping, labels, known)
    lines += check_map(listed, labels, known, question.map_file)
    mapping = {**listed, **question.mapping}
    found_by = [[match(d.labels, model.labels, mapping) for model in models] for d in found]
    for dataset, own in zip(found, found_by, strict=True):
        refuse_strangers(dataset.name, dataset.labels, models[0].labels, own[0])
        if len(own) > 1 and not set(own[0].known) & set(own[1].known):
            raise DatasetError(
                f"{models[0].name} and {models[1].name} share no label of {dataset.name}"
                f" ({', '.join(dataset.labels[:8])})",
                "a label that both know",
                "map them: --map",
            )
    return found_by, list(lines)


def _names(question: Question, models: Sequence[Classifier]) -> list[str]:
    """What each model is called: by its file where two bear one name."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        names = [question.model, question.against]
    return names if len(set(names)) == len(names) else [names[0], f"{names[0]}, again"]


def _hear(
    question: Question,
    place: int,
    models: Sequence[Classifier],
    dataset: Dataset,
    own: Match,
    items: Sequence[int],
) -> Heard:
    """Ask the first or the second model about some items of a data set."""
    model, name = models[place], _names(question, models)[place]
    keep = sorted(set(own.known.values())) if question.restrict else range(len(model.labels))
    if len(keep) < 2:
        raise DatasetError(
            f"{dataset.name}: one label to choose among, {model.labels[keep[0]]}",
            "two or more",
            "leave out --restrict",
        )
    items = [i for i in items if dataset.items[i].label in own.known]
    if not items:
        raise DatasetError(
            f"{dataset.name}: no clip in question bears a label of {name}",
            f"some of {', '.join(own.known)}",
        )
    source = (question.model, question.against)[place]
    answers = answer(source, dataset, items, question.workers, question.bars)
    return Heard(name, model, dataset, own, answers, tuple(keep))


def _warnings(heard: Heard, part: str, wanted: str) -> list[str]:
    """What a reader of the figures should know."""
    dataset, learnt = heard.dataset, heard.classifier.info.training.get("data")
    lines = list(dataset.warnings)
    if part != wanted:
        lines.append(f"{dataset.name} has no split: taken whole, not its part {wanted}")
    if learnt and learnt in {dataset.name, Path(dataset.root).resolve().name}:
        lines.append(
            f"{heard.name} learnt from a set named {learnt}: on music that it learnt from, figures"
            " say little"
        )
    return lines


def _scores(heard: Heard) -> dict[str, Any]:
    """The figures of one model on one data set, level by level."""
    return {
        name: level_scores(
            level.truth, level.p, heard.labels, level.groups, answered=level.answered
        )
        for name, level in heard.levels.items()
    }


def _report(heard: Heard, part: str, wanted: str) -> dict[str, Any]:
    """What is told of one model on one data set."""
    own = heard.match
    return {
        "model": heard.name,
        "dataset": heard.dataset.name,
        "part": part,
        "labels": heard.labels,
        **_scores(heard),
        "failed": [],
        "repaired": dict(own.repaired),
        "left_out": list(own.left_out),
        "taken": dict(own.taken),
        "outside": list(own.outside),
        "warnings": _warnings(heard, part, wanted),
    }


def _predictions(heard: Heard) -> list[dict[str, Any]]:
    """Rows for predictions.csv."""
    labels, rows = heard.labels, []
    for name, level in heard.levels.items():
        for k, i in enumerate(level.items):
            item = heard.dataset.items[i]
            start, stop = level.spans[k] if level.spans else ("", "")
            place = {
                "set": heard.dataset.name,
                "model": heard.name,
                "path": item.path,
                "track": item.track,
                "group": item.group,
                "start": start,
                "stop": stop,
                "answered": "" if level.answered is None else bool(level.answered[k]),
            }
            row = answer_row(name, item.split, labels[level.truth[k]], level.p[k], labels)
            rows.append({**place, **row})
    return rows


def _against(a: Heard, b: Heard) -> dict[str, Any]:
    """Both models on the clips, and the tracks, that both have heard."""
    items = set(a.answers.items) & set(b.answers.items)
    if not items:
        raise DatasetError(
            f"{a.dataset.name}: no clip that both models could answer for", "one or more"
        )
    both = [replace(heard, answers=heard.answers.only(items)).levels for heard in (a, b)]
    return {
        "model": b.name,
        "labels": [label for label in a.match.known if label in b.match.known],
        **{
            name: against(both[0][name].right, both[1][name].right, both[0][name].groups)
            for name in ("clip", "track")
        },
        "scores": _scores(b),
    }


def _one(
    question: Question, dataset: Dataset, models: Sequence[Classifier], matches: Sequence[Match]
) -> tuple[dict[str, Any], list[dict[str, Any]], Heard]:
    """Report and predictions of one data set."""
    part = _part_of(question, dataset)
    items = wanted_items(dataset, matches[0].known, part, question.limit)
    heard = [
        _hear(question, place, models, dataset, own, items) for place, own in enumerate(matches)
    ]
    first = heard[0]
    report = _report(first, part, question.part)
    report["failed"] = [
        list(pair) for pair in dict.fromkeys(f for h in heard for f in h.answers.failed)
    ]
    if len(heard) > 1:
        report["against"] = _against(*heard)
    if question.robustness or question.damages:
        truth = {i: first.place(i) for i in first.answers.items}
        report["robustness"] = robustness(
            question.model,
            dataset,
            truth,
            first.keep,
            question.workers,
            question.bars,
            question.damages,
        )
    return report, [row for one in heard for row in _predictions(one)], first


def _falls(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    """From the first data set to each of the others, by track."""
    sides = []
    for one in heard:
        level = one.levels["track"]
        truth = np.array(one.keep)[level.truth]
        sides.append({"truth": truth, "right": level.right, "groups": level.groups})
    labels = heard[0].classifier.labels
    return [
        {
            "model": heard[0].name,
            "first": heard[0].dataset.name,
            "other": one.dataset.name,
            **(fall(sides[0], side, labels) or {"genres": {}, "mean": None}),
        }
        for one, side in zip(heard[1:], sides[1:], strict=True)
    ]


def evaluate(question: Question) -> Evaluation:
    """Score a model on labelled music.

    Parameters
    ----------
    question : Question

    Returns
    -------
    Evaluation

    Raises
    ------
    DatasetError
        No label in common, no such part, or no file could be read.
    UnknownName, BundleError
        No such model, label or kind of damage, or a damaged model.
    """
    chosen(question.damages)  # before anything is heard
    models = [Classifier(name) for name in (question.model, question.against) if name]
    found = _read(question)
    matches, lines = _matched(question, found, models)
    done = [
        _one(question, dataset, models, own) for dataset, own in zip(found, matches, strict=True)
    ]
    reports = [report for report, _, _ in done]
    reports[0]["warnings"] += lines
    predictions = [row for _, rows, _ in done for row in rows]
    listen = {dataset.name: sources(dataset) for dataset in found}
    if len(reports) == 1:
        return Evaluation(reports[0], predictions, listen)
    falls = _falls([heard for _, _, heard in done])
    whole = {"model": reports[0]["model"], "sets": reports, "falls": falls}
    return Evaluation(whole, predictions, listen)
