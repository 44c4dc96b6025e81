"""The kinds of input by name; here those that look at frames or at a backbone's patches.

See :mod:`genrewise.inputs`, which runs them over a track.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.cache import backbone_file, own_network
from genrewise.errors import BundleError, RecipeError, UnknownName
from genrewise.features.frontend import Framer, FrontEnd, mel_frames
from genrewise.input_base import F32, Feed, Input, fill
from genrewise.sample_inputs import CentroidInput, PictureInput, SummaryInput

__all__ = [
    "BackboneInput",
    "Feed",
    "Input",
    "LogMelInput",
    "StatisticsInput",
    "backbone_path",
    "make_input",
    "open_session",
    "run_session",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class _StatisticsFeed(Feed):
    def __init__(self, frontend: FrontEnd) -> None:
        self._framer = Framer(frontend)

    def push(self, y: F32, last: bool) -> F32:
        from genrewise.features.statistics import statistics_frames

        return statistics_frames(self._framer.push(y, last))


class StatisticsInput(Input):
    """Our statistics of a window (:mod:`genrewise.features.statistics`)."""

    kind = "statistics"
    #: Of the layout; another one would be another input.
    version = 1

    def __init__(self) -> None:
        from genrewise.features.statistics import FRONTEND

        self.frontend = FRONTEND
        self.rate, self.offset = FRONTEND.frame_rate, 0.0

    def feed(self) -> Feed:
        """Start a track."""
        return _StatisticsFeed(self.frontend)

    def window(self, rows: F32) -> F32:
        """Array of shape (n_statistics,)."""
        from genrewise.features.statistics import window_statistics

        return window_statistics(rows)

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`make_input`."""
        return {"kind": self.kind, "version": self.version}


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

    Raises
    ------
    RecipeError
        No frames.
    """

    kind = "log-mel"

    def __init__(self, frontend: FrontEnd, n_frames: int) -> None:
        if n_frames < 1:
            raise RecipeError(f"log-mel pictures of {n_frames} frames", "1 or more")
        self.frontend, self.n_frames = frontend, n_frames
        self.rate, self.offset = frontend.frame_rate, 0.0

    def feed(self) -> Feed:
        """Start a track."""
        return _MelFeed(self.frontend)

    def window(self, rows: F32) -> F32:
        """Array of shape (1, n_mels, n_frames)."""
        return np.ascontiguousarray(fill(rows, self.n_frames).T)[None]

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`make_input`."""
        return {
            "kind": self.kind,
            "frontend": self.frontend.to_json(),
            "n_frames": self.n_frames,
        }


#: Power over all mel bands of a sound whose samples have a mean square of 1; of nine in ten
#: tracks of GTZAN between 1,320 and 1,520.
_MEL_POWER = 1444.0
#: A patch below this (dB of full scale) is brought up no more: it would be noise.
_HUSHED = -60.0


def levelled(patches: F32, level: float) -> F32:
    """Patches as they would be had each been played at one loudness.

    Parameters
    ----------
    patches : ndarray, shape (n, frames, bands), float32
        log10(1 + 10,000 x) of mel powers x.
    level : float
        Root mean square in dB relative to full scale.

    Returns
    -------
    ndarray, shape (n, frames, bands), float32
        Silence stays silence; below -60 dB a patch is raised as one of -60 dB.
    """
    power = np.power(10.0, patches, dtype=np.float64) - 1.0
    mean = power.sum(axis=2).mean(axis=1)[:, None, None] / 1e4 / _MEL_POWER
    factor = 10.0 ** (level / 10.0) / np.maximum(mean, 10.0 ** (_HUSHED / 10.0))
    return np.asarray(np.log10(power * factor + 1.0), dtype=np.float32)


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
            self._rest = fill(self._rest, spec.patch)
        if len(self._rest) < spec.patch:
            return np.zeros((0, sum(spec.sizes.values())), dtype=np.float32)
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
        Log-mel frames between patches; 187 frames make one, so no more than that.
    level : float, optional
        dB relative to full scale to which every patch is brought, so that an answer does not
        depend on how loud a file was made; None leaves them as they are.

    Raises
    ------
    RecipeError, UnknownName
        A hop out of range; no such layer or summary.
    """

    kind = "backbone"

    #: log-mel frames of a patch, and patches that go through the network at once (memory).
    patch = 187
    _BATCH = 16

    #: Values of each layer, by the first part of a network's name.
    SIZES: Mapping[str, Mapping[str, int]] = {
        "musicnn": {"tags": 50, "penultimate": 200, "pooled": 1506},
        "mini": {"tags": 50, "penultimate": 200, "pooled": 768},
    }

    def __init__(
        self,
        backbone: str = "musicnn-msd",
        layers: tuple[str, ...] = ("penultimate",),
        summary: tuple[str, ...] = ("mean", "std"),
        hop: int = 187,
        threads: int = 1,
        level: float | None = None,
    ) -> None:
        if level is not None and not _HUSHED <= level <= 0:
            raise RecipeError(f"a level of {level:g} dB", f"{_HUSHED:g} to 0")
        self.level = level
        if not 1 <= hop <= self.patch:
            raise RecipeError(f"a hop of {hop} frames between patches", f"1 to {self.patch}")
        self.backbone, self.layers, self.summary, self.hop = backbone, layers, summary, hop
        self.sizes = self.SIZES.get(backbone.partition("-")[0], self.SIZES["musicnn"])
        self.frontend = FrontEnd(
            sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect", log="log1e4"
        )
        self.rate = self.frontend.frame_rate / hop
        self.offset = (self.patch / 2) / self.frontend.frame_rate
        self._columns = self._columns_of(layers)
        _known("summary", summary, ("mean", "std"))
        self._threads = threads
        self._session: Any = None

    def _columns_of(self, layers: Sequence[str]) -> NDArray[np.int64]:
        """Columns of some layers where all stand side by side."""
        _known("layer", layers, self.sizes)
        stops = dict(zip(self.sizes, np.cumsum(list(self.sizes.values())), strict=True))
        return np.concatenate([np.arange(stops[n] - self.sizes[n], stops[n]) for n in layers])

    def feed(self) -> Feed:
        """Start a track."""
        return _BackboneFeed(self)

    def stem(self) -> str:
        """All layers come out of one run of the network, so they share it."""
        return f"{self.kind} {self.backbone} {self.hop} {self.level}"

    def run(self, patches: F32) -> F32:
        """All layers of patches side by side, (n, 187, 96) → (n, 1756) for a musicnn network."""
        if self._session is None:
            path = backbone_path(self.backbone)
            self._session = open_session(path, self._threads, self._again())
        if self.level is not None:
            patches = levelled(patches, self.level)
        blocks = [
            self._layers(patches[i : i + self._BATCH]) for i in range(0, len(patches), self._BATCH)
        ]
        return np.concatenate(blocks)

    def _layers(self, patches: F32) -> F32:
        found = run_session(self._session, list(self.sizes), {"patches": patches}, self._again())
        given, wanted = [x.shape for x in found], [(len(patches), n) for n in self.sizes.values()]
        if given != wanted:
            raise BundleError(
                f"the backbone {self.backbone} gives {given}", str(wanted), self._again()[1]
            )
        return np.concatenate(found, axis=1)

    def _again(self) -> tuple[str, str]:
        """What a message calls the network, and what to do where its file is damaged."""
        path = backbone_file(self.backbone)
        todo = f"delete {path} and run: genrewise models get {self.backbone}"
        if own_network(self.backbone) is not None:
            todo = "install genrewise again"
        return f"the backbone {self.backbone}", todo

    def window(self, rows: F32) -> F32:
        """Array with the values of the layers, summary after summary."""
        rows = rows[:, self._columns]
        parts = {"mean": rows.mean(axis=0), "std": rows.std(axis=0)}
        return np.concatenate([parts[name] for name in self.summary]).astype(np.float32)

    def fingerprint(self) -> str:
        """Changes with a network of our own, too, which is made anew under its name."""
        import hashlib

        own = own_network(self.backbone)
        if own is None:
            return super().fingerprint()
        text = super().fingerprint() + hashlib.sha256(own.read_bytes()).hexdigest()
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Plain values for :func:`make_input`."""
        values = {
            "kind": self.kind,
            "backbone": self.backbone,
            "layers": list(self.layers),
            "summary": list(self.summary),
            "hop": self.hop,
        }
        # Left out where there is none, so that model files made before it stay what they are.
        return values if self.level is None else values | {"level": self.level}


def _known(kind: str, names: Sequence[str], known: Sequence[str] | Mapping[str, int]) -> None:
    """Refuse an empty list and names that there are not."""
    for name in names:
        if name not in known:
            raise UnknownName(kind, name, known)
    if not names:
        raise RecipeError(f"a backbone without a {kind}", f"one or more of {', '.join(known)}")


def backbone_path(name: str) -> Path:
    """File of a converted backbone.

    Raises
    ------
    BundleError
        It is not in the cache yet, or the name is none.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(f"a backbone named {name!r}", "letters, digits, '.', '_' and '-'")
    path = backbone_file(name)
    if not path.is_file():
        raise BundleError(
            f"the backbone {name} is not on this machine",
            f"its file in {path.parent}",
            f"run: genrewise models get {name}",
        )
    return path


def open_session(
    model: Path | bytes, threads: int = 1, blame: tuple[str, str] = ("the network", "")
) -> Any:
    """An onnxruntime session on the CPU with a fixed number of threads, quiet.

    Parameters
    ----------
    model : Path or bytes
    threads : int
    blame : tuple of two str
        What a message calls the network, and what to do where it is damaged.

    Raises
    ------
    BundleError
        It is no network that onnxruntime takes.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised, too
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        raise BundleError(f"{blame[0]} cannot be opened", "an ONNX network", blame[1]) from error


def run_session(
    session: Any, outputs: list[str], feeds: Mapping[str, F32], blame: tuple[str, str]
) -> list[F32]:
    """Run a network; see :func:`open_session`.

    Raises
    ------
    BundleError
        It has other inputs or outputs, or takes other shapes.
    """
    try:
        found = session.run(outputs, dict(feeds))
    except MemoryError:
        raise
    except Exception as error:  # as above
        shapes = ", ".join(f"{name} {x.shape}" for name, x in feeds.items())
        raise BundleError(
            f"{blame[0]} does not run on {shapes}", f"outputs {', '.join(outputs)}", blame[1]
        ) from error
    return [np.asarray(x) for x in found]


def _statistics(spec: Mapping[str, Any], threads: int) -> Input:  # noqa: ARG001
    version = spec.get("version", StatisticsInput.version)
    if version != StatisticsInput.version:
        raise RecipeError(f"statistics of version {version}", str(StatisticsInput.version))
    return StatisticsInput()


def _log_mel(spec: Mapping[str, Any], threads: int) -> Input:  # noqa: ARG001
    return LogMelInput(FrontEnd(**spec["frontend"]), int(spec["n_frames"]))


def _backbone(spec: Mapping[str, Any], threads: int) -> Input:
    layers, summary = tuple(spec["layers"]), tuple(spec["summary"])
    level = None if spec.get("level") is None else float(spec["level"])
    return BackboneInput(str(spec["backbone"]), layers, summary, int(spec["hop"]), threads, level)


def _picture(spec: Mapping[str, Any], threads: int) -> Input:  # noqa: ARG001
    width, height = spec["size"]
    return PictureInput(spec["picture"], (int(width), int(height)), int(spec.get("sr", 22050)))


def _centroid(spec: Mapping[str, Any], threads: int) -> Input:  # noqa: ARG001
    return CentroidInput(int(spec["n_frames"]))


def _summary(spec: Mapping[str, Any], threads: int) -> Input:  # noqa: ARG001
    return SummaryInput(str(spec["set"]))


_KINDS: dict[str, Callable[[Mapping[str, Any], int], Input]] = {
    "statistics": _statistics,
    "log-mel": _log_mel,
    "backbone": _backbone,
    "picture": _picture,
    "centroid": _centroid,
    "summary": _summary,
}


def make_input(spec: Mapping[str, Any], threads: int = 1) -> Input:
    """An input from its plain values, as they stand in a recipe or a model file.

    Raises
    ------
    UnknownName
        No such kind of input, or no such key of it.
    RecipeError
        A key is missing, or its value is of a wrong type or out of range.
    """
    kind = str(spec.get("kind", ""))
    if kind not in _KINDS:
        raise UnknownName("input", kind, _KINDS)
    try:
        made = _KINDS[kind](spec, threads)
    except KeyError as error:
        raise RecipeError(f"an input {kind} without {error.args[0]}", "a value for it") from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"an input {kind}: {error}", "values of the right types") from error
    known = made.to_json()
    for key in spec:
        if key not in known:
            raise UnknownName(f"key of the input {kind}", str(key), known)
    return made
