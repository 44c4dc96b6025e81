"""The figures of a sweep: settings beside each other, and the curves of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genrewise.training.report.figures import BLUE, ORANGE, canvas, curves, styled
from genrewise.training.sweep_summary import figure_words, setting_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curve_name", "curves_of", "draw", "range_name", "scatter", "settings"]

#: Letters of a setting that fit beside a plot.
LONGEST = 36


def curve_name(number: int, member: str, kind: str) -> str:
    """Name of the file of one network's curves in one trial."""
    plain = "".join(c if c.isalnum() else "-" for c in member)
    return f"{number:03d}-{plain}-{kind}" if plain else f"{number:03d}-{kind}"


def draw(report: Mapping[str, Any]) -> dict[str, Any]:
    """All figures of a sweep by the name of their file."""
    found = {}
    if any(trial["state"] == "done" for trial in report["trials"]):
        found["settings"] = settings(report)
        for key in _ranges(report):
            found[range_name(report["keys"][key])] = scatter(report, key)
    for trial in report["trials"]:
        for member in curves_of(trial):
            best = trial["best_epoch"].get(member, 0)
            for kind in ("accuracy", "loss"):
                name = curve_name(trial["number"], member, kind)
                found[name] = curves(trial["history"][member], kind, best)
    return found


def range_name(short: str) -> str:
    """Name of the file of the plot of one parameter."""
    return "by-" + "".join(c if c.isalnum() else "-" for c in short)


def _ranges(report: Mapping[str, Any]) -> list[str]:
    """Keys that were drawn from a range."""
    return [key for key, space in report["spec"]["space"].items() if not space["choices"]]


def curves_of(trial: Mapping[str, Any]) -> list[str]:
    """Networks of a trial that have something to draw."""
    return [member for member, rows in trial["history"].items() if rows]


def _interval(report: Mapping[str, Any], trial: Mapping[str, Any]) -> Sequence[float] | None:
    _, level, name = report["judge"]["figure"].split("/")
    if name != "accuracy":
        return None
    found: Sequence[float] = trial["validation"][level]["interval"]
    return found


def _names(report: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stands beside each setting: itself, or its number where it is long."""
    texts = [setting_text(report["keys"], trial["settings"]) for trial in trials]
    if max(map(len, texts)) <= LONGEST:
        return texts
    return [f"no {trial['number']}" for trial in trials]


@styled
def settings(report: Mapping[str, Any]) -> Figure:
    """The figure of each setting with its 95 % interval, the best marked.

    Parameters
    ----------
    report : mapping
        As of :func:`.sweep_summary.summary`, with a trial that is done.
    """
    done = [trial for trial in report["trials"] if trial["state"] == "done"][::-1]
    figure, axes = canvas(4.6, 0.9 + 0.27 * len(done))
    for place, trial in enumerate(done):
        best = trial["number"] == report["best"]["number"]
        colour = ORANGE if best else BLUE
        if interval := _interval(report, trial):
            axes.plot(interval, [place, place], color=colour, lw=1.4, alpha=0.5)
        axes.plot(trial["figure"], place, "o", color=colour, ms=5.5)
    axes.set_yticks(range(len(done)), _names(report, done))
    axes.set_ylim(-0.6, len(done) - 0.4)
    axes.grid(axis="y", visible=False)
    _, level, name = report["judge"]["figure"].split("/")
    axes.set(xlabel=f"validation {figure_words(name, level)}")
    return figure


@styled
def scatter(report: Mapping[str, Any], key: str) -> Figure:
    """The figure of each setting over one parameter that was drawn from a range.

    Parameters
    ----------
    report : mapping
        As of :func:`.sweep_summary.summary`, with a trial that is done.
    key : str
        Of the parameter.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = canvas(4.0, 2.6)
    for trial in report["trials"]:
        if trial["state"] == "done":
            best = trial["number"] == report["best"]["number"]
            colour, size = (ORANGE, 6.5) if best else (BLUE, 4.5)
            axes.plot(
                trial["settings"][key], trial["figure"], "o", color=colour, ms=size, alpha=0.8
            )
    if report["spec"]["space"][key]["log"]:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=report["keys"][key])
    return figure
