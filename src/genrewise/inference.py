"""From a file to its genre, with what a model file says and nothing else.

Needs numpy, onnxruntime, soundfile and soxr; PyAV where libsndfile cannot read a file.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrewise import bundle as bundles
from genrewise.answering import NO_TAG, answering
from genrewise.audio import Source
from genrewise.defaults import LISTEN
from genrewise.errors import BundleError, RecipeError, UnknownName
from genrewise.evidence import KnownTracks, Neighbour
from genrewise.input_kinds import open_session, run_session
from genrewise.inputs import (
    Extracted,
    Heard,
    Input,
    extract,
    extract_samples,
    joined,
    make_input,
)
from genrewise.windows import Span, WindowRule, covered

__all__ = ["Classifier", "Prediction", "Segment", "classify"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

#: How many of the windows that decided are named: one in three, and no more than so many.
_DECIDING = 3


@dataclass(frozen=True)
class Segment:
    """A stretch of a track and what the model says of it.

    Attributes
    ----------
    start, stop : float
        Seconds.
    genre : str
        The best label: the most probable, or of several at once the first.
    confidence : float
        Its probability, 0–1.
    probabilities : tuple of float
        In the order of the model's labels.
    """

    start: float
    stop: float
    genre: str
    confidence: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """What a model says of a track.

    Attributes
    ----------
    genre : str or None
        None is "unknown".
    confidence : float
        Probability of the best label, 0–1: of the genre, or of the guess where it is unknown.
    probabilities : dict of str to float
        By label; they sum to 1 unless the model gives several labels at once.
    runner_up : str
        The second best label.
    reason : str
        Why the genre is unknown: ``"silent"``, ``"low confidence"``, ``"far from the training
        music"``, ``"no tag above its threshold"``; else empty.
    seconds : float
        Length of the audio.
    heard : float
        Seconds of it that were listened to.
    stated : float or None
        Length that the file states.
    lost : float
        Seconds that could not be decoded.
    partial : bool
    distance : float
        Of the embedding to the nearest label's centre.
    timeline : tuple of Segment
        Genre over time, without overlap.
    deciding : tuple of Segment
        Windows that speak most for the most probable label, best first.
    embedding : ndarray, shape (size,), float32
        Unit length; empty where the model has none.
    model : str
    nearest : tuple of Neighbour
        Tracks that the model learned from and that sound most alike, the nearest first; none
        where its file does not hold them.
    genres : tuple of str
        All labels that the track bears, best first: `genre` alone, none, or several.
    """

    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    runner_up: str
    reason: str
    seconds: float
    heard: float
    stated: float | None
    lost: float
    partial: bool
    distance: float
    timeline: tuple[Segment, ...]
    deciding: tuple[Segment, ...]
    embedding: F32
    model: str
    nearest: tuple[Neighbour, ...] = ()
    genres: tuple[str, ...] = ()


class _Network:
    """An ONNX file of a bundle; opened when it is first used."""

    def __init__(self, data: bytes, name: str, threads: int) -> None:
        self._data, self._threads = data, threads
        self._blame = (name, "get or train the model again")
        self._session: Any = None

    def run(self, x: F32, output: str, width: int) -> F32:
        """Answers of shape (n, width).

        Raises
        ------
        BundleError
            The network is damaged, or other shapes or no numbers come out of it.
        """
        if self._session is None:
            self._session = open_session(self._data, self._threads, self._blame)
        y = run_session(self._session, [output], {"x": x}, self._blame)[0]
        if y.shape != (len(x), width):
            raise BundleError(
                f"{self._blame[0]} gives {output} of shape {y.shape}", f"{(len(x), width)}"
            )
        if not np.isfinite(y).all():
            raise BundleError(f"{self._blame[0]} gives {output} that are no numbers")
        return y


class Classifier:
    """A model that is ready to answer.

    Parameters
    ----------
    model : str or path, optional
        A model's name or file; without it the best of ours that can answer now.
    threads : int
        Threads of the networks.

    Attributes
    ----------
    name : str
    labels : tuple of str
    info : BundleInfo
    card : str

    Raises
    ------
    UnknownName, BundleError
        No such model, or its file is damaged.
    """

    def __init__(self, model: str | os.PathLike[str] = "", *, threads: int = 1) -> None:
        if threads < 1:
            raise RecipeError(f"{threads} threads", "1 or more")
        path = bundles.find(model)
        self._bundle = bundles.read(path)
        self.info = self._bundle.info
        self.name, self.labels, self.card = self.info.name, self.info.labels, self._bundle.card
        try:
            self.inputs = self._inputs(threads)
            self.rule = WindowRule(**self.info.windows)
        except (RecipeError, UnknownName, TypeError) as error:
            raise BundleError(f"{path}: {error}", "a model of this version") from error
        self._answering = answering(self.info, str(path))
        self._networks = {
            name: _Network(data, f"{path}: {name}", threads)
            for name, data in self._bundle.files.items()
        }
        self._weights = np.array([member.weights for member in self.info.members])
        self._tracks = self._known_tracks(str(path))

    def _known_tracks(self, path: str) -> KnownTracks | None:
        """What the model learned from, where its file says so."""
        spec = self.info.embedding.get("tracks")
        if not spec:
            return None
        data, size = self._bundle.files[spec["file"]], 2 * self.info.embedding["size"]
        if len(data) != size * len(spec["names"]):
            raise BundleError(
                f"{path}: {spec['file']} of {len(data)} bytes", f"{size} for each track"
            )
        return KnownTracks(spec, self.labels, data)

    def _inputs(self, threads: int) -> dict[str, Input]:
        """The inputs, made as they were when the model learned."""
        found = {name: make_input(spec, threads) for name, spec in self.info.inputs.items()}
        for name, item in found.items():
            if item.fingerprint() != self.info.fingerprints[name]:
                raise BundleError(
                    f"{self.name}: input {name!r} differs from the one that the model learned with",
                    "the same front end",
                    "train the model again with this version of genrewise",
                )
        return found

    def predict_file(
        self,
        source: Source,
        *,
        start: float = 0.0,
        duration: float | None = None,
        listen: int | None = LISTEN,
        max_seconds: float | None = None,
        heard: Heard | None = None,
    ) -> Prediction:
        """Decode a file and say its genre.

        Parameters
        ----------
        source : path, address, bytes or binary file object
        start, duration : float
            Part of the file in seconds.
        listen : int, optional
            Windows to listen to, spread evenly over what is longer; None listens to all, as
            a timeline without gaps needs.
        max_seconds : float, optional
            Refuse a file of which more than this would have to be decoded.
        heard : callable, optional
            Told of the samples as they are decoded: see :func:`genrewise.inputs.extract`.

        Raises
        ------
        AudioError
            Nothing could be decoded, or a limit was passed.
        """
        found = extract(
            source,
            self.inputs,
            self.rule,
            start=start,
            duration=duration,
            listen=listen,
            max_seconds=max_seconds,
            heard=heard,
        )
        return self.decide(found)

    def predict(self, y: ArrayLike, sr: int) -> Prediction:
        """Say the genre of samples.

        Parameters
        ----------
        y : array-like, shape (n,), floating point
            Mono samples, full scale at 1.  Those that are no finite number count as lost.
        sr : int
            Hz.

        Raises
        ------
        AudioError
            Samples of another shape or type, less than a tenth of a second, no such rate.
        """
        return self.decide(extract_samples(y, sr, self.inputs, self.rule))

    def predict_batch(self, items: Iterable[tuple[ArrayLike, int]]) -> list[Prediction]:
        """Say the genre of several tracks, each ``(y, sr)``; see :meth:`predict`."""
        return [self.predict(y, sr) for y, sr in items]

    def window_probabilities(self, arrays: Mapping[str, F32]) -> F64:
        """Probabilities of windows, before the vote.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Of :class:`genrewise.inputs.Extracted`.

        Returns
        -------
        ndarray, shape (n_windows, C), float64
        """
        total: F64 | float = 0.0
        for member, weights in zip(self.info.members, self._weights, strict=True):
            x = joined(arrays, member.inputs)
            p = self._networks[member.file].run(x, "probabilities", len(self.labels))
            total = total + weights * p
        # A converted network may give -1e-8.
        summed = np.maximum(np.asarray(total, dtype=np.float64), 0.0)
        return self._answering.mixed(summed, self._weights.sum(axis=0))

    def embed(self, arrays: Mapping[str, F32], weights: F64) -> tuple[F32, float]:
        """Embedding of a track and its distance to the nearest label's centre.

        Returns
        -------
        embedding : ndarray, shape (size,), float32
            Unit length.
        distance : float
            Euclidean, in units of the deviation within a label.
        """
        spec = self.info.embedding
        if not spec:
            return np.zeros(0, dtype=np.float32), 0.0
        x = joined(arrays, spec["inputs"])
        z = self._networks[spec["file"]].run(x, "embedding", spec["size"])
        mean = np.average(z, axis=0, weights=weights)
        centres = np.asarray(spec["centres"], dtype=np.float64)
        distance = float(np.sqrt(((centres - mean) ** 2).sum(axis=1).min() / len(mean)))
        return (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32), distance

    def decide(self, found: Extracted) -> Prediction:
        """Say the genre of windows that were extracted with this model's inputs."""
        heard = (found.levels >= self.rule.silence_db).astype(np.float64)
        silent = not heard.any()
        p_windows = self.window_probabilities(found.arrays)
        weights = np.ones_like(heard) if silent else heard
        rule = self._answering
        p = rule.silence() if silent else rule.track(p_windows, weights)
        embedding, distance = self.embed(found.arrays, weights)
        order = rule.order(p)
        best, second = order[0], order[1]
        chosen = () if silent else tuple(self.labels[i] for i in rule.chosen(p))
        reason = "silent" if silent else self._doubt(chosen, float(p[best]), distance)
        calibrated = rule.shown(p_windows)
        return Prediction(
            genre=None if reason else chosen[0],
            confidence=float(p[best]),
            probabilities={label: float(v) for label, v in zip(self.labels, p, strict=True)},
            runner_up=self.labels[second],
            reason=reason,
            seconds=found.seconds,
            heard=covered(found.windows),
            stated=found.stated,
            lost=found.lost,
            partial=found.partial,
            distance=distance,
            timeline=() if silent else self._timeline(found, calibrated, heard),
            deciding=() if silent else self._deciding(found.windows, calibrated, heard, best),
            embedding=embedding,
            model=self.name,
            nearest=self._tracks.nearest(embedding) if self._tracks and not silent else (),
            genres=() if reason else chosen,
        )

    def _doubt(self, chosen: tuple[str, ...], confidence: float, distance: float) -> str:
        rule = self.info.unknown
        if not chosen:
            return NO_TAG
        if confidence < rule.min_confidence:
            return "low confidence"
        if 0 < rule.max_distance < distance:
            return "far from the training music"
        return ""

    def _segment(self, start: float, stop: float, p: F64) -> Segment:
        best = self._answering.order(p)[0]
        shown = tuple(float(v) for v in p)
        return Segment(start, stop, self.labels[best], float(p[best]), shown)

    def _timeline(self, found: Extracted, p: F64, heard: F64) -> tuple[Segment, ...]:
        """Cells of a hop, each the mean of the windows over it; silent cells are left out."""
        # A rest that was too short for a window goes with the last one.
        rest = found.seconds - found.windows[-1].stop
        end = found.seconds if rest <= self.rule.shortest_rest else found.windows[-1].stop
        edges = sorted({w.start for w in found.windows} | {end})
        starts = np.array([w.start for w in found.windows])
        stops = np.array([*(w.stop for w in found.windows[:-1]), end])
        cells = []
        for start, after in itertools.pairwise(edges):
            stop = min(after, float(stops[starts <= start].max()))  # a gap may follow
            over = (starts < stop - 1e-9) & (stops > start + 1e-9) & (heard > 0)
            if over.any():
                cells.append(self._segment(start, stop, p[over].mean(axis=0)))
        return tuple(cells)

    def _deciding(
        self, windows: tuple[Span, ...], p: F64, heard: F64, best: int
    ) -> tuple[Segment, ...]:
        """A third of the windows, those that speak most for a label, best first; none overlap."""
        loud = (span for span, sounds in zip(windows, heard, strict=True) if sounds)
        side_by_side = round(covered(loud) / self.rule.length)
        most = max(1, min(_DECIDING, side_by_side // 3))
        chosen: list[int] = []
        for i in np.argsort(-p[:, best], kind="stable"):
            free = all(
                windows[i].stop <= windows[j].start or windows[j].stop <= windows[i].start
                for j in chosen
            )
            if heard[i] and free:
                chosen.append(int(i))
            if len(chosen) >= most:
                break
        return tuple(self._segment(windows[i].start, windows[i].stop, p[i]) for i in chosen)


@lru_cache(maxsize=4)
def _classifier(path: str, _changed: int, _size: int) -> Classifier:
    return Classifier(path)


def classify(source: Source, model: str | os.PathLike[str] = "") -> Prediction:
    """Say the genre of one file; the model stays loaded for the next call.

    A model file that was written anew meanwhile is loaded anew.

    Parameters
    ----------
    source : path, address, bytes or binary file object
    model : str or path, optional
        As for :class:`Classifier`.

    Raises
    ------
    AudioError, UnknownName, BundleError

    Examples
    --------
    >>> genrewise.classify("song.mp3").genre  # doctest: +SKIP
    'jazz'
    """
    path = bundles.find(model)
    try:
        path = path.resolve()
        state = path.stat()
    except (OSError, ValueError, RuntimeError):
        return Classifier(path).predict_file(source)  # says what is wrong with it
    return _classifier(str(path), state.st_mtime_ns, state.st_size).predict_file(source)
