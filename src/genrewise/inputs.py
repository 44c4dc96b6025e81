"""From samples to what a model takes: one pass over a track, window by window.

An *input* turns samples into rows (a row a frame, or a row a three-second patch of a
backbone) and the rows of a window into one array.  Several inputs share the windows of a
track, so a model may look at it in several ways at once.  Training and prediction both
call :func:`extract`; nothing else cuts windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrewise.audio import MAX_SR, MIN_SR, Resampler, Source, Stream
from genrewise.errors import AudioError, RecipeError
from genrewise.input_kinds import Feed, Input, backbone_path, make_input
from genrewise.windows import SHORTEST, Span, WindowRule, frame_slice, levels_db, spans, spread

__all__ = [
    "Extracted",
    "Heard",
    "Input",
    "backbone_path",
    "extract",
    "extract_samples",
    "joined",
    "make_input",
]

F32 = NDArray[np.float32]
#: Told of each block of a stream as it is decoded.
Heard = Callable[[Stream, F32], None]

#: Cells a second in which the level of the samples is kept.
_LEVEL_RATE = 10.0

#: Samples above this are no sound (full scale is 1; 16-bit numbers as floats pass): their
#: squares could not be added up.
_LOUDEST = 1e6


@dataclass(frozen=True)
class Extracted:
    """Windows of one track and what the inputs made of them.

    Attributes
    ----------
    windows : tuple of Span
    arrays : dict of str to ndarray
        Input name to an array with a row a window, float32.
    levels : ndarray, shape (n_windows,), float64
        dB relative to full scale.
    seconds : float
        Length of the decoded audio.
    stated : float or None
        Length that the file states.
    lost : float
        Seconds that could not be decoded.
    partial : bool
        Whether something is missing.
    """

    windows: tuple[Span, ...]
    arrays: dict[str, F32]
    levels: NDArray[np.float64]
    seconds: float
    stated: float | None = None
    lost: float = 0.0
    partial: bool = False


@dataclass
class _Lane:
    """Rows of a track so far, for all inputs that share them.

    Rows that no window needs any more are let go.
    """

    inputs: dict[str, Input]
    feed: Feed
    rows: list[F32] = field(default_factory=list)
    base: int = 0  # number of the first kept row
    arrays: dict[str, list[F32]] = field(default_factory=dict)

    @property
    def input(self) -> Input:
        """Any of them: rate and front end are the same."""
        return next(iter(self.inputs.values()))

    def add(self, y: F32, last: bool) -> None:
        new = self.feed.push(y, last)
        if len(new):
            self.rows.append(new)

    def joined(self) -> F32:
        if len(self.rows) > 1:
            self.rows = [np.concatenate(self.rows)]
        if not self.rows:
            return np.zeros((0, 1), dtype=np.float32)
        return self.rows[0]

    def take(self, span: Span) -> None:
        rows = self.joined()
        part = frame_slice(span, self.input.rate, self.input.offset, self.base + len(rows))
        kept = rows[max(0, part.start - self.base) : part.stop - self.base]
        for name, item in self.inputs.items():
            self.arrays.setdefault(name, []).append(item.window(kept))

    def forget(self, before: float) -> None:
        """Drop rows that end before a second, but never the last one."""
        rows = self.joined()
        until = int((before - self.input.offset) * self.input.rate) - 1 - self.base
        drop = min(max(0, until), max(0, len(rows) - 1))
        if drop:
            self.rows = [rows[drop:].copy()]
            self.base += drop


class _Levels:
    """Mean square of the samples in tenths of a second."""

    def __init__(self, sr: int) -> None:
        self._cell = max(1, round(sr / _LEVEL_RATE))
        self.rate = sr / self._cell
        self._rest = np.zeros(0, dtype=np.float32)
        self._cells: list[NDArray[np.float64]] = []

    def add(self, y: F32) -> None:
        y = np.concatenate([self._rest, y])
        count = len(y) // self._cell
        blocks = y[: count * self._cell].reshape(count, self._cell)
        self._cells.append(np.einsum("ij,ij->i", blocks, blocks).astype(np.float64) / self._cell)
        self._rest = y[count * self._cell :]

    def all(self) -> NDArray[np.float64]:
        if len(self._rest):
            self._cells.append(np.array([np.mean(self._rest.astype(np.float64) ** 2)]))
            self._rest = self._rest[:0]
        return np.concatenate(self._cells) if self._cells else np.zeros(1)


def _sounding(blocks: Iterable[F32], bad: list[int]) -> Iterator[F32]:
    """The blocks with what is no sound set to 0; how many samples that were goes to `bad`."""
    for y in blocks:
        # The sum of squares says in one pass, without a new array, that all are in range.
        with np.errstate(over="ignore", invalid="ignore"):
            in_range = bool(np.dot(y, y) <= _LOUDEST)
        if in_range:
            yield y
            continue
        wrong = ~(np.abs(y) <= _LOUDEST)
        bad.append(int(np.count_nonzero(wrong)))
        yield np.where(wrong, np.float32(0.0), y)


def _check_length(seconds: float, inputs: Mapping[str, Input], name: str) -> None:
    """Refuse what is too short for an answer, or for a frame where nothing is padded."""
    unpadded = [item.frontend for item in inputs.values() if not item.frontend.center]
    least = max([SHORTEST, *((fe.n_fft + 2) / fe.sr for fe in unpadded)])
    if seconds < least:
        given = f"{name}: {seconds:.3f} s of audio" if name else f"{seconds:.3f} s of audio"
        raise AudioError(given, f"at least {least:.3g} s", "give a longer piece")


class _Pass:
    """One pass over samples, block by block; the heart of :func:`extract`."""

    def __init__(self, sr: int, inputs: Mapping[str, Input], rule: WindowRule) -> None:
        self._sr, self._inputs, self._rule = sr, inputs, rule
        self._lanes: dict[str, _Lane] = {}
        for key, item in inputs.items():
            lane = self._lanes.setdefault(item.stem(), _Lane({}, item.feed()))
            lane.inputs[key] = item
        rates = {item.frontend.sr for item in inputs.values()}
        self._resamplers = {rate: Resampler(sr, rate) for rate in rates}
        self._level = _Levels(sr)
        self._done: list[Span] = []
        self._n_samples = 0
        self._margin = max(_MARGIN, rule.shortest_rest + 1e-6)

    def add(self, y: F32) -> None:
        """Hear a block, and take the windows that are complete with it."""
        rule, lanes = self._rule, self._lanes.values()
        self._n_samples += len(y)
        self._level.add(y)
        self._push(y, last=False)
        # A window is taken once its rows and its end are certain: a patch of margin.
        ready = self._n_samples / self._sr - self._margin
        while (start := len(self._done) * rule.hop) + rule.length <= ready:
            self._emit([Span(start, start + rule.length)])
        for lane in lanes:
            lane.forget(min(len(self._done) * rule.hop, ready - rule.length))

    def finish(self, name: str = "") -> Extracted:
        """The last windows, and all that was made of them."""
        seconds = self._n_samples / self._sr
        _check_length(seconds, self._inputs, name)
        self._push(np.zeros(0, dtype=np.float32), last=True)
        self._emit(spans(seconds, self._rule)[len(self._done) :])
        arrays = {
            key: np.stack(found)
            for lane in self._lanes.values()
            for key, found in lane.arrays.items()
        }
        windows = tuple(self._done)
        levels = levels_db(self._level.all(), self._level.rate, windows)
        return Extracted(windows, arrays, levels, seconds)

    def _push(self, y: F32, last: bool) -> None:
        samples = {rate: resampler.push(y, last) for rate, resampler in self._resamplers.items()}
        for lane in self._lanes.values():
            lane.add(samples[lane.input.frontend.sr], last)

    def _emit(self, windows: Iterable[Span]) -> None:
        for span in windows:
            for lane in self._lanes.values():
                lane.take(span)
            self._done.append(span)


def _windows_of(
    blocks: Iterable[F32], sr: int, inputs: Mapping[str, Input], rule: WindowRule, name: str = ""
) -> Extracted:
    """All windows of a track."""
    bad: list[int] = []
    whole = _Pass(sr, inputs, rule)
    for y in _sounding(blocks, bad):
        whole.add(y)
    return replace(whole.finish(name), lost=sum(bad) / sr, partial=sum(bad) > 0)


def _some_windows_of(
    blocks: Iterable[F32], sr: int, inputs: Mapping[str, Input], rule: WindowRule, n: int, of: float
) -> Extracted | None:
    """Windows from `n` places of a track of which `of` seconds are promised; see :func:`extract`.

    Each is a track of its own to the inputs.  None where too little came, or silence only.
    """
    bad: list[int] = []
    found: list[tuple[Span, Extracted]] = []
    chosen = spread(of, rule.length, n)
    piece = _Pass(sr, inputs, rule)
    n_samples = 0
    for y in _sounding(blocks, bad):
        for span in chosen[len(found) :]:
            first, stop = round(span.start * sr), round(span.stop * sr)
            if first >= n_samples + len(y):
                break
            piece.add(y[max(0, first - n_samples) : max(0, stop - n_samples)])
            if stop > n_samples + len(y):
                break
            found.append((span, piece.finish()))
            piece = _Pass(sr, inputs, rule)
        n_samples += len(y)
    levels = [one.levels for _, one in found]
    if len(found) < n / 2 or max(map(np.max, levels)) < rule.silence_db:
        return None
    return Extracted(
        tuple(span for span, _ in found),
        {key: np.concatenate([one.arrays[key] for _, one in found]) for key in inputs},
        np.concatenate(levels),
        n_samples / sr,
        None,
        sum(bad) / sr,
        sum(bad) > 0,
    )


#: Seconds that rows lag behind the samples: half a patch of the slowest input, and more.
_MARGIN = 4.0


def extract(
    source: Source,
    inputs: Mapping[str, Input],
    rule: WindowRule,
    *,
    start: float = 0.0,
    duration: float | None = None,
    listen: int | None = None,
    max_seconds: float | None = None,
    heard: Heard | None = None,
) -> Extracted:
    """Windows of a file, decoded once, in memory that does not grow with its length.

    Parameters
    ----------
    source : path, address, bytes or binary file object
    inputs : mapping of str to Input
    rule : WindowRule
    start, duration : float
        Part of the file in seconds.
    listen : int, optional
        Look at no more than so many windows, spread evenly, of what is longer than they are
        together.  All is decoded, so that damage is found; where more than half of the
        windows are missing or all are silent, everything is looked at.  None: everything.
    max_seconds : float, optional
        Refuse a source of which more than this would have to be decoded.
    heard : callable, optional
        Called with the stream and each block of samples as it is decoded, for progress and
        pictures.  A second stream means that decoding began again.

    Returns
    -------
    Extracted

    Raises
    ------
    AudioError
        Nothing could be decoded, or less than a tenth of a second.
    RecipeError
        No window to listen to.
    """
    if listen is not None and listen < 1:
        raise RecipeError(f"{listen} windows to listen to", "1 or more")
    with Stream(source, start=start, duration=duration, max_seconds=max_seconds) as stream:
        blocks = stream if heard is None else _told(stream, heard)
        stated = stream.info.stated
        promised = min((stated or 0.0) - start, math.inf if duration is None else duration)
        if listen is None or promised <= listen * rule.length:
            found: Extracted | None = _windows_of(blocks, stream.sr, inputs, rule, stream.name)
        else:
            found = _some_windows_of(blocks, stream.sr, inputs, rule, listen, promised)
        if found is not None:
            return replace(
                found,
                stated=stated,
                lost=stream.lost + found.lost,
                partial=stream.partial or found.partial,
            )
    whole: dict[str, Any] = {"max_seconds": max_seconds, "heard": heard}
    return extract(source, inputs, rule, start=start, duration=duration, **whole)


def _told(stream: Stream, heard: Heard) -> Iterator[F32]:
    """The blocks of a stream, each told of before it is used."""
    for y in stream:
        heard(stream, y)
        yield y


def _rate(sr: SupportsFloat) -> int:
    """A sample rate that is one."""
    try:
        rate = float(sr)
    except (TypeError, ValueError):
        rate = 0.0
    if not (MIN_SR <= rate <= MAX_SR and rate.is_integer()):
        raise AudioError(f"a sample rate of {sr!r}", f"a whole number, {MIN_SR} to {MAX_SR} Hz")
    return int(rate)


def _samples(y: ArrayLike) -> F32:
    """Mono samples that are ones."""
    try:
        given = np.asarray(y)
    except (TypeError, ValueError):
        given = np.empty(0, dtype=object)
    if given.dtype.kind != "f":
        raise AudioError(
            f"samples of type {given.dtype}",
            "floating-point numbers, full scale at 1",
            "divide integers by their full scale, e.g. 16-bit ones by 32768",
        )
    if given.ndim != 1:
        raise AudioError(
            f"samples of shape {given.shape}",
            "one dimension (mono)",
            "take the mean of the channels",
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is set to 0 as any infinity
        return np.ascontiguousarray(given, dtype=np.float32)


def extract_samples(
    y: ArrayLike, sr: int, inputs: Mapping[str, Input], rule: WindowRule
) -> Extracted:
    """Windows of samples that are already decoded; see :func:`extract`.

    Parameters
    ----------
    y : array-like, shape (n,), floating point
        Mono, full scale at 1.  What is no finite number is taken as 0 and counted in
        ``lost``.
    sr : int
        Hz.

    Raises
    ------
    AudioError
        Samples of another shape or type, less than a tenth of a second, no such rate.
    """
    rate, samples = _rate(sr), _samples(y)
    block = 10 * rate
    blocks = (samples[i : i + block] for i in range(0, len(samples), block))
    return _windows_of(blocks, rate, inputs, rule)


def joined(arrays: Mapping[str, F32], names: Sequence[str]) -> F32:
    """Arrays of several inputs side by side; a single one may have any shape."""
    parts = [arrays[name] for name in names]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
