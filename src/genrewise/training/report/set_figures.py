"""The figures of a set of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genrewise.training.report.figures import BLUE, INK, ORANGE, SOFT, canvas, styled
from genrewise.training.report.set_grids import measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["dumbbells", "heat"]

Row = Mapping[str, Any]


@styled
def dumbbells(rows: Sequence[Row]) -> Figure:
    """The authors' figure and ours under both protocols, a line a system.

    Parameters
    ----------
    rows : sequence of mapping
        As of :func:`.systems.row`; the first on top.
    """
    figure, axes = canvas(5.2, 1.15 + 0.42 * len(rows))
    for y, row in enumerate(reversed(rows)):
        ends = [row[side]["value"] for side in ("published", "honest") if row[side]]
        ends = [end for end in ends if end is not None]
        if len(ends) == 2:
            axes.plot(ends, [y, y], color=SOFT, lw=2.2, alpha=0.45, solid_capstyle="round")
        _side(axes, row["honest"], y, BLUE, "o", "ours, honest")
        _side(axes, row["published"], y, ORANGE, "s", "ours, published protocol")
        if row["authors"]:
            axes.plot(row["authors"]["value"], y, "D", color=INK, ms=4.5, label="the authors")
    names = [f"{row['label']}\n{measured(row)}" for row in reversed(rows)]
    axes.set_yticks(np.arange(len(rows)), names)
    axes.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4))
    axes.grid(axis="y", visible=False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3)
    return figure


def _side(axes: Any, side: Row | None, y: float, colour: str, marker: str, name: str) -> None:
    """A figure, and the line of its interval a little above or below it."""
    if side is None or side["value"] is None:
        return
    if side["interval"]:
        beside = y + (0.2 if marker == "s" else -0.2)
        axes.plot(side["interval"], [beside, beside], color=colour, lw=0.9, alpha=0.8)
    axes.plot(side["value"], y, marker, color=colour, ms=6, label=name)


@styled
def heat(labels: Sequence[str], scores: Mapping[str, Mapping[str, Any]]) -> Figure:
    """F1 by genre and system.

    Parameters
    ----------
    labels : sequence of str
    scores : mapping of str to mapping
        System to ``per_label``.
    """
    values = np.array(
        [[found[x]["f1"] if x in found else np.nan for x in labels] for found in scores.values()]
    )
    figure, axes = canvas(2.0 + 0.36 * len(labels), 1.7 + 0.3 * len(scores))
    rgba = np.zeros((*values.shape, 4))
    rgba[..., :3] = [0.23, 0.49, 0.85]
    rgba[..., 3] = 0.92 * np.nan_to_num(values)
    axes.imshow(rgba, aspect="auto")
    for i, j in np.argwhere(np.isfinite(values)):
        colour = "#fffffe" if values[i, j] > 0.7 else INK
        axes.text(
            j, i, f"{100 * values[i, j]:.0f}", ha="center", va="center", fontsize=7.5, color=colour
        )
    axes.set_xticks(np.arange(len(labels)), labels, rotation=90)
    axes.set_yticks(np.arange(len(scores)), list(scores))
    axes.tick_params(length=0, labelsize=8)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title("F1 in hundredths")
    return figure
