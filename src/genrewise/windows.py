"""Windows: which seconds of a track the model sees, and what to do at its ends.

A *window* is the stretch of audio that a model answers for.  Windows are laid over a
track by a :class:`WindowRule`; everything downstream (training, validation and
prediction) uses the spans that :func:`spans` gives and no others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genrewise.errors import RecipeError

__all__ = [
    "SHORTEST",
    "Span",
    "WindowRule",
    "covered",
    "frame_slice",
    "levels_db",
    "spans",
    "spread",
]

#: Audio shorter than this many seconds carries no answer.
SHORTEST = 0.1

#: A rest shorter than this share of the hop is not worth a window of its own.
_REST = 0.25

#: Seconds; shorter windows or hops are a slip (milliseconds?) that would fill the memory.
_FINEST = 0.01


@dataclass(frozen=True)
class Span:
    """A stretch of a track.

    Parameters
    ----------
    start, stop : float
        Seconds from the beginning of the track; `stop` is not included.
    """

    start: float
    stop: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.stop - self.start


@dataclass(frozen=True)
class WindowRule:
    """How windows are laid over a track.

    Parameters
    ----------
    length, hop : float
        Seconds; ``hop <= length`` overlaps or touches, a larger hop skips audio.
    tail : {"shift", "pad", "drop"}
        What happens to a rest shorter than `length` at the end: one more window that
        ends with the track, one that starts where it should and is short (the
        model pads it), or none.  A rest below a quarter of the hop is no window of its
        own: "pad" adds it to the last one, the others leave it out.  A track shorter than
        `length` is always one window.
    silence_db : float
        Windows whose level is below this, in dB relative to full scale, are silent: they
        have no vote.

    Raises
    ------
    RecipeError
        A number is none, or out of range; no such tail.
    """

    length: float = 10.0
    hop: float = 5.0
    tail: Literal["shift", "pad", "drop"] = "shift"
    silence_db: float = -60.0

    def __post_init__(self) -> None:
        numbers = (self.length, self.hop, self.silence_db)
        if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
            raise RecipeError(f"window length, hop, silence {numbers}", "three numbers")
        if not all(_FINEST <= n < math.inf for n in (self.length, self.hop)):
            raise RecipeError(
                f"window length {self.length} s with hop {self.hop} s", f"both from {_FINEST} s on"
            )
        if math.isnan(self.silence_db):
            raise RecipeError(f"a window's silence_db of {self.silence_db}", "a level in dB")
        if self.tail not in ("shift", "pad", "drop"):
            raise RecipeError(f"window tail {self.tail!r}", "one of shift, pad, drop")

    @property
    def shortest_rest(self) -> float:
        """Seconds up to which a rest at the end is no window of its own."""
        return _REST * min(self.hop, self.length)

    def to_json(self) -> dict[str, Any]:
        """The rule as plain values, for a model file."""
        return asdict(self)


def spans(seconds: float, rule: WindowRule) -> tuple[Span, ...]:
    """Lay windows over a track.

    Parameters
    ----------
    seconds : float
        Length of the track.
    rule : WindowRule

    Returns
    -------
    tuple of Span
        In order of time; never empty for a positive length, empty for none.

    Examples
    --------
    >>> [(s.start, s.stop) for s in spans(12.0, WindowRule(5.0, 5.0))]
    [(0.0, 5.0), (5.0, 10.0), (7.0, 12.0)]
    """
    if seconds <= rule.length:
        return (Span(0.0, seconds),) if seconds > 0 else ()
    # A hair of tolerance: 30 s of 22,050 Hz samples may be 29.9999… s.
    count = 1 + math.floor((seconds - rule.length) / rule.hop + 1e-6)
    full = [Span(k * rule.hop, min(k * rule.hop + rule.length, seconds)) for k in range(count)]
    last = full[-1]
    short = seconds - last.stop <= rule.shortest_rest
    if rule.tail == "pad" and short:
        return (*full[:-1], Span(last.start, seconds))
    if rule.tail == "drop" or short:
        return tuple(full)
    if rule.tail == "shift":
        return (*full, Span(seconds - rule.length, seconds))
    start = count * rule.hop
    return (*full, Span(start, seconds)) if start < seconds else tuple(full)


def covered(windows: Iterable[Span]) -> float:
    """Seconds that lie in one window at least.

    Parameters
    ----------
    windows : iterable of Span
        In order of time.
    """
    total = reached = 0.0
    for span in windows:
        total += max(0.0, span.stop - max(span.start, reached))
        reached = max(reached, span.stop)
    return total


def spread(seconds: float, length: float, n: int) -> tuple[Span, ...]:
    """Windows in the middles of `n` equal parts of a track.

    Parameters
    ----------
    seconds : float
        Length of the track, at least that of all windows together.
    length : float
        Of a window in seconds.
    n : int

    Returns
    -------
    tuple of Span
        In order of time; no two overlap.

    Examples
    --------
    >>> [(s.start, s.stop) for s in spread(180.0, 10.0, 2)]
    [(40.0, 50.0), (130.0, 140.0)]
    """
    starts = [(k + 0.5) * seconds / n - length / 2 for k in range(n)]
    return tuple(Span(start, start + length) for start in starts)


def frame_slice(span: Span, rate: float, offset: float, n_frames: int) -> slice:
    """Frames whose centres lie in a span.

    Parameters
    ----------
    span : Span
    rate : float
        Frames a second.
    offset : float
        Seconds of the centre of frame 0.
    n_frames : int
        How many frames there are.

    Returns
    -------
    slice
        Never empty where ``n_frames > 0``: a span between two centres gets the nearest.
    """
    first = max(0, math.ceil((span.start - offset) * rate - 1e-6))
    stop = min(n_frames, math.ceil((span.stop - offset) * rate - 1e-6))
    if first < stop:
        return slice(first, stop)
    middle = round(((span.start + span.stop) / 2 - offset) * rate)
    nearest = min(max(middle, 0), max(n_frames - 1, 0))
    return slice(nearest, min(nearest + 1, n_frames))


def levels_db(
    power: NDArray[np.float64], rate: float, windows: tuple[Span, ...]
) -> NDArray[np.float64]:
    """Level of each window.

    Parameters
    ----------
    power : ndarray, shape (n,)
        Mean square of the samples in consecutive cells.
    rate : float
        Cells a second.
    windows : tuple of Span

    Returns
    -------
    ndarray, shape (n_windows,)
        dB relative to full scale; -inf for digital silence.
    """
    total = np.concatenate([[0.0], np.cumsum(power)])
    out = np.full(len(windows), -np.inf)
    for i, span in enumerate(windows):
        part = frame_slice(span, rate, 0.5 / rate, len(power))
        mean = (total[part.stop] - total[part.start]) / max(1, part.stop - part.start)
        if mean > 0:
            out[i] = 10.0 * np.log10(mean)
    return out
