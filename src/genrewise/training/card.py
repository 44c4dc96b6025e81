"""The card of a model: what a person should know before trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genrewise.training.recipe import Recipe

__all__ = ["card_text", "chosen_by", "headline"]

_LEVELS = ("window", "clip", "track")


def headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that a model file carries: protocol, part, and each level's."""
    part = "test" if report["test"] else "validation"
    shown = "accuracy interval macro_f1 weighted_f1 n answered right_when_answered ece"
    keys = shown.split()
    found: dict[str, Any] = {"protocol": report["protocol"], "part": part}
    for level in _LEVELS:
        found[level] = {key: report[part][level][key] for key in keys}
    few = ("accuracy", "interval", "n", "ece")
    found["validation"] = {key: report["validation"]["track"][key] for key in few}
    if report.get("whole"):
        track = report["whole"]["track"]
        found["whole"] = {key: track[key] for key in (*few, "ece_interval")}
    return found


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _level_table(scores: Mapping[str, Any]) -> list[str]:
    lines = [
        "| level | n | accuracy (95 % interval) | macro F1 | weighted F1 | ECE | answered"
        " | right when answered |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for level in _LEVELS:
        s = scores[level]
        lo, hi = s["interval"]
        lines.append(
            f"| {level} | {s['n']} | {s['accuracy']:.3f} ({lo:.3f}–{hi:.3f}) | {s['macro_f1']:.3f}"
            f" | {s['weighted_f1']:.3f} | {s['ece']:.3f} | {_percent(s['answered'])}"
            f" | {_percent(s['right_when_answered'])} |"
        )
    return lines


def _genre_table(scores: Mapping[str, Any]) -> list[str]:
    lines = ["| genre | n | precision | recall | F1 |", "|---|---|---|---|---|"]
    for label, row in scores["per_label"].items():
        lines.append(
            f"| {label} | {row['n']} | {row['precision']:.2f} | {row['recall']:.2f}"
            f" | {row['f1']:.2f} |"
        )
    if scores["absent"]:
        lines += ["", f"Absent here, and in no average: {', '.join(scores['absent'])}."]
    return lines


def _confused(scores: Mapping[str, Any], labels: list[str], most: int = 6) -> list[str]:
    matrix = scores["confusion"]
    pairs = [
        (matrix[t][a], labels[t], labels[a])
        for t in range(len(labels))
        for a in range(len(labels))
        if t != a and matrix[t][a]
    ]
    pairs.sort(reverse=True)
    return [f"* {truth} taken for {answer}: {n}" for n, truth, answer in pairs[:most]]


def chosen_by(recipe: Recipe) -> str:
    """What it was chosen and calibrated by, in two words."""
    return "out of fold" if recipe.fit.choose == "folds" else "on validation"


def _choice(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """How it was chosen, what was tested, and what of that leaks."""
    split, rule, leaks = report["split"], recipe.split.rule, report.get("leaks")
    what = "windows" if rule == "windows" else "clips"
    how = f"by cross-validation over {rule} inside {split['pool']} {what}"
    if recipe.fit.choose == "holdout":
        how = f"on a part of {split['pool']} {what}, and fitted on the rest of them"
    lines = [f"There was no test part: the figures are {chosen_by(recipe)}, and somewhat kind."]
    if split["test"]:
        other = f"other {split['test']}"
        if recipe.split.valid_is_test:
            other = f"{split['test']} that it was chosen by"
        lines = [
            f"Chosen, calibrated and given its unknown rule {how}; the {other} were opened once,"
            " for the table below."
        ]
    if leaks:
        lines.append(
            f"These figures are not those of new music: {leaks['tracks']} tracks and"
            f" {leaks['groups']} groups stand on both sides, {leaks['windows']} of"
            f" {leaks['of']} tested windows are of tracks that were learnt from."
        )
    return lines


def _provenance(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Genres, licence, data and protocol."""
    data, split = report["data"], report["split"]
    lines = [
        f"Genres: {', '.join(data['labels'])}.",
        f"Licence: {recipe.licence or 'yours'}.",
        "",
        "## Data and protocol",
        "",
        f"{data['clips']} clips of {data['tracks']} tracks in {data['groups']} groups"
        f" ({data['name']}); split: {split['rule']}; checksum {split['checksum'][:16]}.",
        *_choice(recipe, report),
    ]
    if failed := len(data["failed"]):
        are = "files could not be read and are" if failed > 1 else "file could not be read and is"
        lines.append(f"{failed} {are} not among them.")
    if recipe.fit.refit == "all" and split["test"]:
        lines.append(
            "What ships was then fitted again, with the same settings, on all of them: the"
            " figures on test are those of the model before that; those out of fold over all are"
            " of models fitted on four fifths of them."
        )
    return lines


def _figures(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Every level, every genre, what is confused."""
    data = report["data"]
    part = "test" if report["test"] else "validation"
    lines = ["", f"## Figures on {part}", "", *_level_table(report[part])]
    if part == "test":
        lines += ["", f"{chosen_by(recipe).capitalize()}, on which it was chosen:", ""]
        lines += _level_table(report["validation"])
    if whole := report.get("whole"):
        low, high = whole["track"]["ece_interval"]
        lines += ["", "Out of fold over all that it was fitted on in the end:", ""]
        lines += [
            *_level_table(whole),
            "",
            f"ECE by track between {low:.3f} and {high:.3f} (95 %).",
        ]
    lines += ["", f"## By genre, {part}, by track", "", *_genre_table(report[part]["track"])]
    confused = _confused(report[part]["track"], data["labels"])
    lines += ["", "## What it confuses", "", *(confused or ["* nothing in this part"])]
    return lines


def _doubts(recipe: Recipe, report: Mapping[str, Any]) -> list[str]:
    """Calibration, and what "unknown" buys."""
    last, by = report.get("whole") or report, chosen_by(recipe)
    unknown = last["unknown"]
    lines = [
        "",
        "## Calibration and unknown",
        "",
        f"Temperature {last['calibration']['temperature']:.3f}, fitted {by}. Unknown"
        f" below a confidence of {unknown['min_confidence']:.3f} or farther than"
        f" {unknown['max_distance']:.2f} deviations from every genre's centre: {by}"
        f" {unknown['answered']:.0%} are answered and {unknown['right_when_answered']:.0%} of"
        f" these are right.",
    ]
    if not unknown["reached"]:
        lines.append(
            f"The aim of {1 - unknown['target_risk']:.0%} right was not reached without refusing"
            " too many."
        )
    lines += [
        "",
        "| from a confidence of | answered | right of these |",
        "|---|---|---|",
        *(
            f"| {at['confidence']:.2f} | {at['answered']:.0%} | {at['right_when_answered']:.0%} |"
            for at in unknown["table"]
        ),
    ]
    return lines


def card_text(recipe: Recipe, report: Mapping[str, Any]) -> str:
    """Markdown of a card.

    Parameters
    ----------
    recipe : Recipe
    report : mapping
        As of :func:`genrewise.training.job.run_recipe`.
    """
    lines = [f"# {report['name']}", "", report["title"], ""]
    if recipe.notes:
        lines += [recipe.notes.strip(), ""]
    lines += [*_provenance(recipe, report), *_figures(recipe, report), *_doubts(recipe, report)]
    if recipe.expectation:
        lines += ["", "## What to expect on other music", "", recipe.expectation.strip()]
    lines += ["", "## Made of", "", f"Members: {', '.join(report['chosen'])}.", ""]
    return "\n".join(lines)
