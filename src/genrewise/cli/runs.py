"""What ``train`` and ``run`` share: progress, and the figures at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrewise.cli.output import Progress, json_text, ready_stdout, say, table

if TYPE_CHECKING:
    from genrewise.training.job import Job
    from genrewise.training.recipe import Recipe

__all__ = ["level_rows", "show_report", "start"]

TITLES = (
    "part",
    "level",
    "n",
    "accuracy",
    "95 % interval",
    "macro F1",
    "weighted F1",
    "answered",
    "right",
    "ECE",
)


def start(recipe: Recipe, name: str, out: Path | None, folder: Path, workers: int) -> Job:
    """A job that speaks on standard error."""
    from genrewise.training.job import Job

    return Job(recipe, name, out, folder, say, Progress, workers)


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def level_rows(part: str, scores: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of a table of figures, a row a level."""
    rows: list[tuple[str, ...]] = []
    for level in ("window", "clip", "track"):
        if level not in scores:  # all is silent: no window was heard
            continue
        s = scores[level]
        lo, hi = s["interval"]
        rows.append(
            (
                part,
                level,
                str(s["n"]),
                _figure(s["accuracy"]),
                f"{lo:.3f}–{hi:.3f}",
                _figure(s["macro_f1"]),
                _figure(s["weighted_f1"]),
                _figure(s["answered"], ".0%"),
                _figure(s["right_when_answered"]),
                _figure(s["ece"]),
            )
        )
    return rows


def _show_failed(failed: Sequence[Sequence[str]]) -> int:
    """List what could not be read; the exit code."""
    for path, reason in failed:
        say(f"left out: {path}: {reason}")
    return 1 if failed else 0


def show_report(job: Job, seeds: int | None, as_json: bool) -> int:
    """Run and print the figures.

    Returns
    -------
    int
        The exit code: 1 where files could not be read and were left out.
    """
    from genrewise.training.job import run_recipe
    from genrewise.training.job import seeds as run_seeds

    if seeds:
        found = run_seeds(job, seeds)
        if as_json:
            ready_stdout().write(json_text(found, 1) + "\n")
            return _show_failed(found["failed"])
        rows = [
            row
            for one in found["seeds"]
            for row in level_rows(f"seed {one['seed']}", one)
            if row[1] != "window"
        ]
        table(TITLES, rows, right=tuple(range(2, len(TITLES))))
        mean = found["mean"]
        say(
            f"mean of {seeds}: weighted F1 {mean['clip']['weighted_f1']:.3f} by clip,"
            f" {mean['track']['weighted_f1']:.3f} by track"
        )
        return _show_failed(found["failed"])
    report = run_recipe(job)
    failed: Sequence[Sequence[str]] = report["data"]["failed"]
    if as_json:
        ready_stdout().write(json_text(report, 1) + "\n")
        return _show_failed(failed)
    rows = level_rows("validation", report["validation"])
    if report["test"]:
        rows += level_rows("test", report["test"])
    table(TITLES, rows, right=tuple(range(2, len(TITLES))))
    say(f"report: {job.folder / 'report.html'}")
    return _show_failed(failed)
