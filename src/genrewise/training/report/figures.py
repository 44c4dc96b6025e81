"""The figures of a report, drawn small so that a telephone shows them at their own size.

Every function gives a matplotlib figure; :func:`svg` and :func:`darkened` make of it
pictures for a light and a dark page.  Nothing goes through pyplot, so no display and no
global state is needed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "calibration",
    "canvas",
    "confusion",
    "curves",
    "darkened",
    "genres",
    "plane",
    "png",
    "risk_coverage",
    "samples",
    "styled",
    "svg",
]

#: Colours of a light page and what a dark one has in their place.
INK, SOFT, GRID, PAPER = "#1d2330", "#5b6475", "#d9dde5", "#ffffff"
_DARK = {INK: "#e6e9f0", SOFT: "#a3adbf", GRID: "#39404f", PAPER: "#161a22"}
#: First and second line of every plot; both stand out on either page.
BLUE, ORANGE = "#3b7dd8", "#e07b39"
#: Ten colours that the colour-blind can tell apart, with markers for the next ten.
_COLOURS = (
    "#3b7dd8", "#e07b39", "#2a9d74", "#c04fa0", "#b89a1d",
    "#5bb5d5", "#d0484f", "#7a68d0", "#7d8a2e", "#8c8c8c",
)  # fmt: skip
_MARKERS = "os^Dv"

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "genrewise",
}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of a size in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def styled(draw: Any) -> Any:
    """Draw under the style of all figures, whatever the user's own matplotlib settings say."""
    import functools

    @functools.wraps(draw)
    def drawn(*args: Any, **options: Any) -> Any:
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **options)

    return drawn


@styled
def png(figure: Figure, dpi: int = 200) -> bytes:
    """A figure as PNG on white."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


@styled
def svg(figure: Figure) -> str:
    """A figure as SVG for a light page; the same input gives the same text."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def darkened(text: str) -> str:
    """The SVG of :func:`svg` in the colours of a dark page."""
    return re.sub("|".join(_DARK), lambda found: _DARK[found[0]], text)


@styled
def confusion(matrix: ArrayLike, labels: Sequence[str], *, normalised: bool) -> Figure:
    """Truth down, answers across.

    Parameters
    ----------
    matrix : array_like, shape (C, C)
        Counts; rows are the truth.
    labels : sequence of str, length C
    normalised : bool
        Show the share of each row in per cent; rows without items stay empty.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    n = len(labels)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = max(3.4, 1.5 + 0.31 * n)
    figure, axes = canvas(side, side)
    shown = shares if normalised else counts / max(counts.max(), 1.0)
    rgba = np.zeros((n, n, 4))
    rgba[..., :3] = [0.23, 0.49, 0.85]
    rgba[..., 3] = 0.92 * np.sqrt(shown)  # the root lets the rare mistakes be seen
    axes.imshow(rgba)
    for i, j in np.argwhere(counts > 0):
        text = f"{100 * shares[i, j]:.0f}" if normalised else f"{counts[i, j]:.0f}"
        colour = "#fffffe" if shown[i, j] > 0.35 else INK
        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=colour)
    ticks = np.arange(n)
    axes.set_xticks(ticks, labels, rotation=90)
    axes.set_yticks(ticks, labels)
    axes.tick_params(length=0, labelsize=8)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="answer", ylabel="truth")
    axes.set_title("share of each truth, %" if normalised else "counts")
    return figure


@styled
def curves(history: Sequence[Mapping[str, float]], kind: str, best_epoch: int = 0) -> Figure:
    """Loss or accuracy of training and validation over the epochs.

    Parameters
    ----------
    history : sequence of mapping
        As of :class:`genrewise.training.models.skorch_net.Network`.
    kind : {"loss", "accuracy"}
    best_epoch : int
        Marked where it is above 0.
    """
    figure, axes = canvas(4.0, 2.8)
    epochs = [row["epoch"] for row in history]
    for side, name, colour in (("train", "training", BLUE), ("valid", "validation", ORANGE)):
        if f"{side}_{kind}" in history[0]:
            values = [row[f"{side}_{kind}"] for row in history]
            axes.plot(epochs, values, color=colour, label=name, lw=1.6)
    if best_epoch:
        axes.axvline(best_epoch, color=SOFT, lw=0.8, ls=":")
    if kind == "accuracy":
        axes.set_ylim(0, 1)
    axes.set(xlabel="epoch", title=kind)
    axes.legend()
    return figure


def _square(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1))
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


def _wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share of n items (Wilson 1927)."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@styled
def calibration(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Confidence against accuracy, with 95 % intervals of each bin.

    Parameters
    ----------
    rows : sequence of mapping
        As of :func:`genrewise.training.metrics.reliability`.
    """
    figure, axes = canvas(3.6, 3.4)
    x = np.array([row["confidence"] for row in rows])
    y = np.array([row["accuracy"] for row in rows])
    edges = np.array([_wilson(row["accuracy"], int(row["n"])) for row in rows]).T
    axes.plot([0, 1], [0, 1], color=SOFT, lw=0.8, ls="--")
    axes.errorbar(
        x,
        y,
        yerr=np.maximum(np.abs(edges - y), 0.0),
        fmt="o",
        color=BLUE,
        ms=4.5,
        lw=1.1,
        clip_on=False,
    )
    _square(axes)
    axes.set(xlabel="confidence", ylabel="share right", title="is its confidence true?")
    return figure


@styled
def risk_coverage(
    coverage: ArrayLike, risk: ArrayLike, chosen: tuple[float, float] | None = None
) -> Figure:
    """Share right among the answers given, against the share answered.

    Parameters
    ----------
    coverage, risk : array_like
        As of :func:`genrewise.training.metrics.risk_coverage`.
    chosen : (float, float), optional
        Share answered and share right at the model's own threshold.
    """
    figure, axes = canvas(3.6, 3.4)
    axes.plot(
        np.asarray(coverage),
        1.0 - np.asarray(risk),
        color=BLUE,
        lw=1.6,
        marker="o" if np.size(coverage) < 3 else None,  # a line of one point is not seen
        clip_on=False,
    )
    if chosen is not None:
        axes.plot(*chosen, "o", color=ORANGE, ms=6, label='as it says "unknown"')
        axes.legend(loc="lower left")
    _square(axes)
    axes.set(xlabel="share answered", ylabel="right when answered", title="what unknown buys")
    return figure


@styled
def genres(scores: Mapping[str, Mapping[str, float]]) -> Figure:
    """F1, precision and recall of each label, best first.

    Parameters
    ----------
    scores : mapping
        ``per_label`` of :func:`genrewise.training.metrics.level_scores`.
    """
    names = sorted(scores, key=lambda label: scores[label]["f1"])
    figure, axes = canvas(4.4, 0.9 + 0.27 * len(names))
    y = np.arange(len(names))
    axes.barh(y, [scores[n]["f1"] for n in names], color=BLUE, alpha=0.55, height=0.62, label="F1")
    for key, marker in (("precision", "|"), ("recall", "o")):
        values = [scores[n][key] for n in names]
        colour = ORANGE if key == "recall" else INK
        axes.plot(values, y, marker, color=colour, label=key, ms=5, clip_on=False)
    axes.set_yticks(y, [f"{n} ({scores[n]['n']:.0f})" for n in names])
    axes.set_xlim(0, 1)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return figure


def principal(points: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two principal components.

    Parameters
    ----------
    points : ndarray, shape (n, d)

    Returns
    -------
    places : ndarray, shape (n, 2)
    share : ndarray, shape (2,)
        Of the variance, 0..1.
    """
    centred = np.asarray(points, dtype=np.float64) - np.mean(points, axis=0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    # The solver's signs are a whim; fix them so that the same data give the same picture.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    places = (left * values * signs)[:, :2]
    if places.shape[1] < 2:
        places = np.column_stack([places, np.zeros(len(places))])
    share = values**2 / max(float((values**2).sum()), 1e-12)
    return places, np.append(share, 0.0)[:2]


@styled
def plane(points: NDArray[Any], truth: Sequence[str], labels: Sequence[str]) -> Figure:
    """Embeddings in the plane of their two principal components, coloured by truth.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    truth : sequence of str, length n
    labels : sequence of str
    """
    places, share = principal(points)
    figure, axes = canvas(4.8, 4.6)
    names = np.asarray(truth)
    for i, label in enumerate(labels):
        mine = places[names == label]
        if len(mine) == 0:
            continue
        axes.plot(
            mine[:, 0],
            mine[:, 1],
            _MARKERS[i // len(_COLOURS) % len(_MARKERS)],
            color=_COLOURS[i % len(_COLOURS)],
            ms=3.5,
            alpha=0.75,
            mew=0,
            label=label,
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set(
        xlabel=f"first component, {share[0]:.0%} of the variance",
        ylabel=f"second, {share[1]:.0%}",
    )
    axes.set_title("where the tracks lie")
    figure.legend(loc="outside lower center", ncols=5, handletextpad=0.1, columnspacing=0.9)
    return figure


#: Largest height and width of a sample in pixels: more only makes the page heavy.
SAMPLE = 192


def _small(image: NDArray[Any]) -> NDArray[np.float64]:
    """A picture with whole blocks of pixels averaged until it is no larger than `SAMPLE`."""
    small = np.asarray(image, dtype=np.float64)
    for axis in (0, 1):
        n = -(-small.shape[axis] // SAMPLE)
        kept = small.shape[axis] // n * n
        whole = small.take(np.arange(kept), axis)
        shape = (*whole.shape[:axis], kept // n, n, *whole.shape[axis + 1 :])
        small = whole.reshape(shape).mean(axis + 1)
    return small


@styled
def samples(pictures: Sequence[tuple[str, str, NDArray[Any]]], across: int = 4) -> Figure:
    """Pictures of sound, one a genre.

    Parameters
    ----------
    pictures : sequence of (label, path, ndarray)
        The label stands above; shape (H, W), darkest at the least value, or (H, W, 3) with
        colours from 0 to 1; the first row on top.
    across : int
        Pictures side by side.
    """
    from matplotlib.figure import Figure

    down = -(-len(pictures) // across)
    figure = Figure(figsize=(4.8, 0.2 + 1.35 * down), layout="constrained")
    for k, (label, _, image) in enumerate(pictures):
        axes = figure.add_subplot(down, across, k + 1)
        axes.imshow(_small(image), cmap="magma", aspect="auto", interpolation="nearest")
        axes.set_title(label, fontsize=8, fontweight="normal")
        axes.set_axis_off()
    return figure
