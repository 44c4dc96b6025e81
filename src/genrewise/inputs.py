"""From samples to what a model takes: one pass over a track, window by window.

An *input* turns samples into rows (a row a frame, or a row a three-second patch of a
backbone) and the rows of a window into one array.  Several inputs share the windows of a
track, so a model may look at it in several ways at once.  Training and prediction both
call :func:`extract`; nothing else cuts windows.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.audio import Resampler, Source, Stream
from genrewise.cache import cache_dir
from genrewise.errors import AudioError, BundleError, UnknownName
from genrewise.features.frontend import Framer, FrontEnd, mel_frames
from genrewise.windows import SHORTEST, Span, WindowRule, frame_slice, levels_db, spans

__all__ = ["Extracted", "Input", "backbone_path", "extract", "extract_samples", "make_input"]

F32 = NDArray[np.float32]

#: Cells a second in which the level of the samples is kept.
_LEVEL_RATE = 10.0


class Feed(ABC):
    """Rows of one track, pushed block by block."""

    @abstractmethod
    def push(self, y: F32, last: bool) -> F32:
        """Rows that are complete with these samples at the input's rate."""


class Input(ABC):
    """One way to look at a track; see :func:`make_input` for the kinds."""

    #: Name of the kind, as in a model file.
    kind: str
    frontend: FrontEnd
    #: Rows a second, and the second of the centre of row 0.
    rate: float
    offset: float

    @abstractmethod
    def feed(self) -> Feed:
        """Start a track."""

    def stem(self) -> str:
        """Name of what the rows depend on: inputs with the same one share their rows."""
        return self.kind + self.frontend.fingerprint()

    @abstractmethod
    def window(self, rows: F32) -> F32:
        """Array of one window from its rows (at least one)."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values from which :func:`make_input` makes the same input."""

    def fingerprint(self) -> str:
        """Hex digits that change with anything that changes the arrays."""
        import hashlib

        text = json.dumps([self.to_json(), self.frontend.to_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class _StatisticsFeed(Feed):
    def __init__(self, frontend: FrontEnd) -> None:
        self._framer = Framer(frontend)

    def push(self, y: F32, last: bool) -> F32:
        from genrewise.features.statistics import statistics_frames

        return statistics_frames(self._framer.push(y, last))


class StatisticsInput(Input):
    """Our statistics of a window (:mod:`genrewise.features.statistics`)."""

    kind = "statistics"

    def __init__(self) -> None:
        from genrewise.features.statistics import FRONTEND

        self.frontend = FRONTEND
        self.rate, self.offset = FRONTEND.frame_rate, 0.0

    def feed(self) -> Feed:
        return _StatisticsFeed(self.frontend)

    def window(self, rows: F32) -> F32:
        from genrewise.features.statistics import window_statistics

        return window_statistics(rows)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "version": 1}


class _MelFeed(Feed):
    def __init__(self, frontend: FrontEnd) -> None:
        self.frontend = frontend
        self._framer = Framer(frontend)

    def push(self, y: F32, last: bool) -> F32:
        return mel_frames(self._framer.push(y, last), self.frontend)


class LogMelInput(Input):
    """A log-mel picture of a window, shape (1, n_mels, n_frames).

    Parameters
    ----------
    frontend : FrontEnd
    n_frames : int
        Columns of the picture; a window with fewer is repeated, with more is cut.
    """

    kind = "log-mel"

    def __init__(self, frontend: FrontEnd, n_frames: int) -> None:
        self.frontend, self.n_frames = frontend, n_frames
        self.rate, self.offset = frontend.frame_rate, 0.0

    def feed(self) -> Feed:
        return _MelFeed(self.frontend)

    def window(self, rows: F32) -> F32:
        return np.ascontiguousarray(_fill(rows, self.n_frames).T)[None]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "frontend": self.frontend.to_json(),
            "n_frames": self.n_frames,
        }


def _fill(rows: F32, n: int) -> F32:
    """The first `n` rows; fewer are repeated until there are enough."""
    if len(rows) < n:
        rows = np.tile(rows, (-(-n // len(rows)), 1))
    return rows[:n]


class _BackboneFeed(Feed):
    """Cuts the log-mel rows into patches and runs them through the network."""

    def __init__(self, spec: BackboneInput) -> None:
        self._spec = spec
        self._mel = _MelFeed(spec.frontend)
        self._rest = np.zeros((0, spec.frontend.n_mels), dtype=np.float32)
        self._any = False

    def push(self, y: F32, last: bool) -> F32:
        spec = self._spec
        self._rest = np.concatenate([self._rest, self._mel.push(y, last)])
        if last and not self._any and 0 < len(self._rest) < spec.patch:
            self._rest = _fill(self._rest, spec.patch)
        if len(self._rest) < spec.patch:
            return np.zeros((0, sum(spec.SIZES.values())), dtype=np.float32)
        starts = range(0, len(self._rest) - spec.patch + 1, spec.hop)
        patches = np.stack([self._rest[i : i + spec.patch] for i in starts])
        self._rest = self._rest[starts[-1] + spec.hop :]
        self._any = True
        return spec.run(patches)


class BackboneInput(Input):
    """Embeddings of a pretrained network, pooled over the patches of a window.

    Parameters
    ----------
    backbone : str
        Name of the network in the cache: ``"musicnn-msd"``.
    layers : tuple of str
        Outputs of the network that are joined, e.g. ``("penultimate", "tags")``.
    summary : tuple of {"mean", "std"}
        How the patches of a window are pooled.
    hop : int
        Log-mel frames between patches; 187 frames make one.
    """

    kind = "backbone"

    #: log-mel frames of a patch, and patches that go through the network at once (memory).
    patch = 187
    _BATCH = 16

    #: Values of each layer of a musicnn network.
    SIZES: Mapping[str, int] = {"tags": 50, "penultimate": 200, "pooled": 1506}

    def __init__(
        self,
        backbone: str = "musicnn-msd",
        layers: tuple[str, ...] = ("penultimate",),
        summary: tuple[str, ...] = ("mean", "std"),
        hop: int = 187,
        threads: int = 1,
    ) -> None:
        self.backbone, self.layers, self.summary, self.hop = backbone, layers, summary, hop
        self.frontend = FrontEnd(
            sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect", log="log1e4"
        )
        self.rate = self.frontend.frame_rate / hop
        self.offset = (self.patch / 2) / self.frontend.frame_rate
        for layer in layers:
            if layer not in self.SIZES:
                raise UnknownName("layer", layer, self.SIZES)
        ends = np.cumsum(list(self.SIZES.values()))
        spans = dict(
            zip(self.SIZES, zip(ends - list(self.SIZES.values()), ends, strict=True), strict=True)
        )
        self._columns = np.concatenate([np.arange(*spans[layer]) for layer in layers])
        self._threads = threads
        self._session: Any = None

    def feed(self) -> Feed:
        return _BackboneFeed(self)

    def stem(self) -> str:
        """All layers come out of one run of the network, so they share it."""
        return f"{self.kind} {self.backbone} {self.hop}"

    def run(self, patches: F32) -> F32:
        """All layers of patches side by side, shape (n, 187, 96) → (n, 1756)."""
        if self._session is None:
            self._session = open_session(backbone_path(self.backbone), self._threads)
        blocks = [
            np.concatenate(
                self._session.run(list(self.SIZES), {"patches": patches[i : i + self._BATCH]}),
                axis=1,
            )
            for i in range(0, len(patches), self._BATCH)
        ]
        return np.concatenate(blocks)

    def window(self, rows: F32) -> F32:
        rows = rows[:, self._columns]
        parts = {"mean": rows.mean(axis=0), "std": rows.std(axis=0)}
        return np.concatenate([parts[name] for name in self.summary]).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "backbone": self.backbone,
            "layers": list(self.layers),
            "summary": list(self.summary),
            "hop": self.hop,
        }


def backbone_path(name: str) -> Path:
    """File of a converted backbone.

    Raises
    ------
    BundleError
        It is not in the cache yet.
    """
    path = cache_dir() / "backbones" / f"{name}.onnx"
    if not path.is_file():
        raise BundleError(
            f"the backbone {name} is not on this machine",
            f"its file in {path.parent}",
            f"run: genrewise models get {name}",
        )
    return path


def open_session(model: Path | bytes, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU with a fixed number of threads, quiet."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def make_input(spec: Mapping[str, Any], threads: int = 1) -> Input:
    """An input from its plain values, as they stand in a recipe or a model file.

    Raises
    ------
    UnknownName
        No such kind of input.
    """
    kind = str(spec.get("kind", ""))
    if kind == "statistics":
        return StatisticsInput()
    if kind == "log-mel":
        return LogMelInput(FrontEnd(**spec["frontend"]), int(spec["n_frames"]))
    if kind == "backbone":
        return BackboneInput(
            str(spec["backbone"]),
            tuple(spec["layers"]),
            tuple(spec["summary"]),
            int(spec["hop"]),
            threads,
        )
    raise UnknownName("input", kind, ["statistics", "log-mel", "backbone"])


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


def _windows_of(
    blocks: Iterable[F32], sr: int, inputs: Mapping[str, Input], rule: WindowRule
) -> tuple[tuple[Span, ...], dict[str, F32], NDArray[np.float64], float]:
    """Run one pass; the heart of :func:`extract`."""
    lanes: dict[str, _Lane] = {}
    for name, item in inputs.items():
        lane = lanes.setdefault(item.stem(), _Lane({}, item.feed()))
        lane.inputs[name] = item
    rates = {item.frontend.sr for item in inputs.values()}
    resamplers = {rate: Resampler(sr, rate) for rate in rates}
    level = _Levels(sr)
    done: list[Span] = []
    n_samples = 0

    def push(y: F32, last: bool) -> None:
        samples = {rate: resampler.push(y, last) for rate, resampler in resamplers.items()}
        for lane in lanes.values():
            lane.add(samples[lane.input.frontend.sr], last)

    def emit(windows: Iterable[Span]) -> None:
        for span in windows:
            for lane in lanes.values():
                lane.take(span)
            done.append(span)

    for y in blocks:
        n_samples += len(y)
        level.add(y)
        push(y, last=False)
        # A window is taken once its rows are certain to be there: a patch of margin.
        ready = n_samples / sr - _MARGIN
        while (start := len(done) * rule.hop) + rule.length <= ready:
            emit([Span(start, start + rule.length)])
        for lane in lanes.values():
            lane.forget(min(len(done) * rule.hop, ready - rule.length))
    push(np.zeros(0, dtype=np.float32), last=True)
    seconds = n_samples / sr
    if seconds >= SHORTEST:
        emit(spans(seconds, rule)[len(done) :])
    arrays = {
        name: np.stack(found) for lane in lanes.values() for name, found in lane.arrays.items()
    }
    return tuple(done), arrays, levels_db(level.all(), level.rate, tuple(done)), seconds


#: Seconds that rows lag behind the samples: half a patch of the slowest input, and more.
_MARGIN = 4.0


def extract(
    source: Source,
    inputs: Mapping[str, Input],
    rule: WindowRule,
    *,
    start: float = 0.0,
    duration: float | None = None,
) -> Extracted:
    """Windows of a file, decoded once, in memory that does not grow with its length.

    Parameters
    ----------
    source : path, address, bytes or binary file object
    inputs : mapping of str to Input
    rule : WindowRule
    start, duration : float
        Part of the file in seconds.

    Returns
    -------
    Extracted

    Raises
    ------
    AudioError
        Nothing could be decoded, or less than a tenth of a second.
    """
    with Stream(source, start=start, duration=duration) as stream:
        windows, arrays, levels, seconds = _windows_of(stream, stream.sr, inputs, rule)
        if not windows:
            raise AudioError(
                f"{seconds:.3f} s of audio", f"at least {SHORTEST} s", "give a longer file"
            )
        return Extracted(
            windows,
            arrays,
            levels,
            seconds,
            stream.info.stated,
            stream.lost,
            stream.partial,
        )


def extract_samples(y: F32, sr: int, inputs: Mapping[str, Input], rule: WindowRule) -> Extracted:
    """Windows of samples that are already decoded; see :func:`extract`.

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr : int
        Hz.
    """
    samples = np.ascontiguousarray(y, dtype=np.float32)
    if samples.ndim != 1:
        raise AudioError(f"samples of shape {samples.shape}", "one dimension (mono)")
    block = int(10 * sr)
    blocks = (samples[i : i + block] for i in range(0, len(samples), block))
    windows, arrays, levels, seconds = _windows_of(blocks, sr, inputs, rule)
    if not windows:
        raise AudioError(f"{seconds:.3f} s of audio", f"at least {SHORTEST} s")
    return Extracted(windows, arrays, levels, seconds)
