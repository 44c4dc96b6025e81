"""The figures of a sweep: settings beside each other, and the curves of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genrewise.training.report.figures import BLUE, ORANGE, canvas, curves, styled
from genrewise.training.sweep_summary import setting_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curve_name", "curves_of", "draw", "settings"]


def curve_name(number: int, member: str, kind: str) -> str:
    """Name of the file of one network's curves in one trial."""
    plain = "".join(c if c.isalnum() else "-" for c in member)
    return f"{number:03d}-{plain}-{kind}" if plain else f"{number:03d}-{kind}"


def draw(report: Mapping[str, Any]) -> dict[str, Any]:
    """All figures of a sweep by the name of their file."""
    found = {}
    if any(trial["state"] == "done" for trial in report["trials"]):
        found["settings"] = settings(report)
    for trial in report["trials"]:
        for member in curves_of(trial):
            best = trial["best_epoch"].get(member, 0)
            for kind in ("accuracy", "loss"):
                name = curve_name(trial["number"], member, kind)
                found[name] = curves(trial["history"][member], kind, best)
    return found


def curves_of(trial: Mapping[str, Any]) -> list[str]:
    """Networks of a trial that have something to draw."""
    return [member for member, rows in trial["history"].items() if rows]


def _interval(report: Mapping[str, Any], trial: Mapping[str, Any]) -> Sequence[float] | None:
    _, level, name = report["judge"]["figure"].split("/")
    if name != "accuracy":
        return None
    found: Sequence[float] = trial["validation"][level]["interval"]
    return found


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
    texts = [setting_text(report["keys"], trial["settings"]) for trial in done]
    axes.set_yticks(range(len(done)), texts)
    axes.set_ylim(-0.6, len(done) - 0.4)
    axes.grid(axis="y", visible=False)
    _, level, name = report["judge"]["figure"].split("/")
    axes.set(xlabel=f"validation {name.replace('_', ' ')} by {level}")
    return figure
