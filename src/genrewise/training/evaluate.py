"""Any model on any labelled music: one set or several, alone or against another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genrewise.errors import BundleError, DatasetError, UnknownName
from genrewise.inference import Classifier
from genrewise.training import datasets
from genrewise.training.answers import Answers, Bars, answer, no_bar, wanted_items
from genrewise.training.compare import against, fall
from genrewise.training.damages import chosen
from genrewise.training.datasets import Dataset
from genrewise.training.heard import Heard
from genrewise.training.levels import answer_row
from genrewise.training.mapping import Match, check_map, match, read_map, refuse_strangers
from genrewise.training.metrics import coverage_at_risk, level_scores
from genrewise.training.report.listen import sources
from genrewise.training.robustness import robustness
from genrewise.training.strangers import strangers

__all__ = ["Evaluation", "Question", "evaluate"]


#: Share of wrong answers for which it is told how many tracks can be answered.
RISK = 0.05


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
    outside : bool
        Also hear the clips whose label the model does not know: "unknown" is right for them.
    group_by : str
    limit : int
        So many items of each data set at the most, evenly over labels and groups, and so many
        of those outside the model's labels; 0 takes all.
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
    outside: bool = False
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
        :func:`.metrics.level_scores`, the first with ``answered_at_5_percent_wrong``: the
        largest share of tracks, the surest first, of which 5 % are wrong at the most; ``part``,
        ``repaired``, ``left_out``, ``taken`` and ``outside`` as of :class:`.mapping.Match`;
        ``failed``, ``warnings``; where asked for ``against``, ``robustness`` and ``strangers``
        as of :func:`.strangers.strangers`.  A set of strangers alone has no levels, and nothing
        that follows from them.  Of several: ``model``, ``sets``, ``falls`` and, where two sets
        or more have strangers, ``strangers`` of all of them.
    predictions : list of dict
        A row for each window, clip and track, and for each clip that is a stranger.
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
        model = models[0].labels
        refuse_strangers(dataset.name, dataset.labels, model, own[0], question.outside)
        if own[0].known and len(own) > 1 and not set(own[0].known) & set(own[1].known):
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


def _asked(
    question: Question, dataset: Dataset, own: Match, part: str
) -> tuple[list[int], list[int]]:
    """The items of labels that the first model knows, and of those that it does not."""
    known = wanted_items(dataset, own.known, part, question.limit) if own.known else []
    outside = own.outside if question.outside else ()
    return known, wanted_items(dataset, outside, part, question.limit, must=not known)


def _hear(
    question: Question,
    place: int,
    models: Sequence[Classifier],
    dataset: Dataset,
    own: Match,
    items: Sequence[int],
    strange: Sequence[int],
) -> Heard:
    """Ask the first or the second model about some items, and about some outside its labels."""
    model, name = models[place], _names(question, models)[place]
    keep = sorted(set(own.known.values())) if question.restrict else range(len(model.labels))
    if len(keep) < 2:
        there = "".join(f"one label to choose among, {model.labels[k]}" for k in keep)
        raise DatasetError(
            f"{dataset.name}: {there or 'no label to choose among'}",
            "two or more",
            "leave out --restrict",
        )
    known = [i for i in items if dataset.items[i].label in own.known]
    if items and not known:
        raise DatasetError(
            f"{dataset.name}: no clip in question bears a label of {name}",
            f"some of {', '.join(own.known)}",
        )
    strange = [i for i in strange if dataset.items[i].label in own.outside]
    source = (question.model, question.against)[place]
    both = sorted([*known, *strange])
    answers = (
        answer(source, dataset, both, question.workers, question.bars)
        if both
        else Answers.none(len(model.labels))
    )
    return Heard(name, model, dataset, own, answers.only(known), tuple(keep), answers.only(strange))


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
    if not heard.levels:
        lines.append(f"{dataset.name}: no clip with a label of {heard.name}, so no accuracy")
    return lines


def _scores(heard: Heard) -> dict[str, Any]:
    """The figures of one model on one data set, level by level, and for its strangers."""
    found: dict[str, Any] = {
        name: level_scores(
            level.truth, level.p, heard.labels, level.groups, answered=level.answered
        )
        for name, level in heard.levels.items()
    }
    if track := heard.levels.get("track"):
        share = coverage_at_risk(track.p.max(axis=1), track.right, RISK)
        found["track"]["answered_at_5_percent_wrong"] = share
    if heard.strangers:
        found["strangers"] = strangers(heard.strangers)
    return found


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
    labels, rows, strange = heard.labels, [], heard.strange

    def add(level: str, i: int, truth: str, p: Any, answered: Any, span: Any = ("", "")) -> None:
        item = heard.dataset.items[i]
        place = {
            "set": heard.dataset.name,
            "model": heard.name,
            "path": item.path,
            "track": item.track,
            "group": item.group,
            "start": span[0],
            "stop": span[1],
            "answered": "" if answered is None else bool(answered),
        }
        rows.append({**place, **answer_row(level, item.split, truth, p, labels)})

    for name, level in heard.levels.items():
        for k, i in enumerate(level.items):
            given = None if level.answered is None else level.answered[k]
            span = level.spans[k] if level.spans else ("", "")
            add(name, i, labels[level.truth[k]], level.p[k], given, span)
    for i, p, given in zip(strange.items, strange.among(heard.keep), strange.answered, strict=True):
        add("clip", i, heard.dataset.items[i].label, p, given)
    return rows


def _against(a: Heard, b: Heard) -> dict[str, Any]:
    """Both models on the clips, and the tracks, that both have heard; of strangers the second."""
    if not a.answers.items:
        return {"model": b.name, "labels": [], "scores": _scores(b)}
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
    items, strange = _asked(question, dataset, matches[0], part)
    heard = [
        _hear(question, place, models, dataset, own, items, strange)
        for place, own in enumerate(matches)
    ]
    first = heard[0]
    report = _report(first, part, question.part)
    report["failed"] = [
        list(pair) for pair in dict.fromkeys(f for h in heard for f in h.answers.failed)
    ]
    if len(heard) > 1:
        report["against"] = _against(*heard)
    if first.answers.items and (question.robustness or question.damages):
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
    heard = [one for one in heard if one.levels]
    for one in heard:
        level = one.levels["track"]
        truth = np.array(one.keep)[level.truth]
        sides.append({"truth": truth, "right": level.right, "groups": level.groups})
    return [
        {
            "model": heard[0].name,
            "first": heard[0].dataset.name,
            "other": one.dataset.name,
            **(fall(sides[0], side, heard[0].classifier.labels) or {"genres": {}, "mean": None}),
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
        No such model, label or kind of damage; a damaged model, or one that gives several
        genres at once: being right is another thing there, and its card has the figures.
    """
    chosen(question.damages)  # before anything is heard
    models = [Classifier(name) for name in (question.model, question.against) if name]
    for model in models:
        if model.info.multi_label:
            raise BundleError(
                f"{model.name} gives several genres at once",
                "a model that gives one",
                f"for its figures run: genrewise models show {model.name}",
            )
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
    every = [heard for _, _, heard in done]
    whole = {"model": reports[0]["model"], "sets": reports, "falls": _falls(every)}
    if sum("strangers" in report for report in reports) > 1:
        whole["strangers"] = strangers([one for heard in every for one in heard.strangers])
    return Evaluation(whole, predictions, listen)
