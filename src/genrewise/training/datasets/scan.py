"""One pass over the audio of a data set: what each file is, and its fingerprint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.audio import Resampler, Stream
from genrewise.features.frontend import stream_log_mel
from genrewise.training import kept
from genrewise.training.datasets.base import Dataset
from genrewise.training.datasets.fingerprint import FRONTEND, fingerprint

__all__ = ["CLIPPED", "SILENCE_DB", "Facts", "measure", "scan"]

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]

#: Level below which a tenth of a second is silent, dB relative to full scale.
SILENCE_DB = -60.0
#: Samples from here on count as clipped where three stand in a row.
CLIPPED = 0.999
#: Seconds that one file may take.
TIME_LIMIT = 600.0
#: Raised when :func:`measure` finds other facts in the same file.
_WHAT = f"facts 1 {FRONTEND.fingerprint()}"

#: What to open, its name in the data set, start and duration.
Task = tuple[str, str, float, float | None]


@dataclass(frozen=True, eq=False)
class Facts:
    """What was found in the audio of one item.

    Parameters
    ----------
    path : str
        As in the data set.
    error : str
        One line where it could not be decoded; the rest is empty then.
    seconds : float
        Decoded length.
    stated : float or None
        Length that the header states.
    lost : float
        Seconds missing or damaged.
    partial : bool
    sr, channels : int
        Hz; of the file.
    codec : str
    peak : float
        Largest absolute sample of the mono mix, 1 is full scale.
    level : float
        Root mean square in dB relative to full scale; -inf for digital silence.
    silent : float
        Share of the time below -60 dB, 0 to 1.
    clipped : float
        Share of the samples in flat tops at full scale, 0 to 1.
    prints : ndarray, shape (t,), uint32
        Fingerprint, 16 frames a second.
    """

    path: str
    error: str = ""
    seconds: float = 0.0
    stated: float | None = None
    lost: float = 0.0
    partial: bool = False
    sr: int = 0
    channels: int = 0
    codec: str = ""
    peak: float = 0.0
    level: float = -math.inf
    silent: float = 0.0
    clipped: float = 0.0
    prints: U32 = field(default_factory=lambda: np.zeros(0, dtype=np.uint32), repr=False)


class _Meter:
    """Level, silence and clipping of a stream of blocks."""

    def __init__(self, sr: int) -> None:
        self.size = max(1, sr // 10)
        self.rest = np.zeros(0, dtype=np.float32)
        self.peak, self.power, self.n = 0.0, 0.0, 0
        self.flat, self.silent, self.tenths = 0, 0, 0

    def push(self, y: F32) -> None:
        """Take a block, shape (n,)."""
        self.n += len(y)
        self.power += float(np.dot(y, y))
        self.peak = max(self.peak, float(np.abs(y).max(initial=0.0)))
        if self.peak >= CLIPPED:
            high = np.abs(y) >= CLIPPED
            middle = high[2:] & high[1:-1] & high[:-2]
            # Every sample of a run of three or more.
            run = np.zeros(len(y), dtype=bool)
            for shift in range(3):
                run[shift : shift + len(middle)] |= middle
            self.flat += int(run.sum())
        y = np.concatenate([self.rest, y])
        whole = len(y) // self.size
        tenths = y[: whole * self.size].reshape(whole, self.size)
        quiet = np.square(tenths).mean(axis=1) < 10.0 ** (SILENCE_DB / 10)
        self.silent, self.tenths = self.silent + int(quiet.sum()), self.tenths + whole
        self.rest = y[whole * self.size :]

    @property
    def level(self) -> float:
        """Root mean square in dB."""
        return 10 * math.log10(self.power / self.n) if self.power > 0 else -math.inf


def measure(item: Task) -> Facts:
    """Decode one item in bounded memory.

    Parameters
    ----------
    item : (file, path, start, duration)
        What to open, its name in the data set, and the part that is meant.

    Raises
    ------
    AudioError
        Nothing could be decoded.
    """
    file, path, start, duration = item
    with Stream(file, start=start, duration=duration) as stream:
        meter = _Meter(stream.sr)
        resampler = Resampler(stream.sr, FRONTEND.sr)

        def blocks() -> Iterator[F32]:
            for y in stream:
                meter.push(y)
                yield resampler.push(y)
            yield resampler.push(np.zeros(0, dtype=np.float32), last=True)

        bands = np.concatenate(list(stream_log_mel(blocks(), FRONTEND)))
        info = stream.info
        return Facts(
            path,
            "",
            stream.seconds,
            info.stated,
            stream.lost,
            stream.partial,
            info.sr,
            info.channels,
            info.codec,
            meter.peak,
            meter.level,
            meter.silent / meter.tenths if meter.tenths else float(meter.power == 0),
            meter.flat / max(1, meter.n),
            fingerprint(bands),
        )


def _work(pair: tuple[Task, Path | None]) -> Facts:
    """Measure an item and keep what was found, if anywhere."""
    task, target = pair
    facts = measure(task)
    if target is not None:
        _keep(target, facts)
    return facts


def _setup() -> Callable[[tuple[Task, Path | None]], Facts]:
    return _work


def _keep(path: Path, facts: Facts) -> None:
    plain = {f.name: getattr(facts, f.name) for f in fields(facts) if f.name != "prints"}
    kept.keep(path, {"facts": np.array(json.dumps(plain)), "prints": facts.prints})


def _load(path: Path | None, name: str) -> Facts | None:
    found = path and kept.load(path, ("facts", "prints"))
    if not found:
        return None
    plain = json.loads(str(found["facts"])) | {"path": name}
    return Facts(**plain, prints=found["prints"])


def scan(
    dataset: Dataset,
    *,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
) -> tuple[Facts, ...]:
    """Facts of every item, in the order of the data set.

    Parameters
    ----------
    dataset : Dataset
        Of kind ``"audio"``; others give no facts.
    workers : int
        Processes; 0 takes one a CPU.
    progress : callable, optional
        Called with the number of items that are done.
    folder : Path, optional
        Where facts are kept until their files change; by default they are not.

    Returns
    -------
    tuple of Facts
        A file that cannot be decoded, or whose decoder hangs or dies, has its `error`.
    """
    if dataset.kind != "audio":
        return ()
    tasks: list[tuple[Task, Path | None]] = []
    for i, item in enumerate(dataset.items):
        task = (dataset.file(i), item.path, item.start, item.duration)
        place = folder and kept.key_of(folder, task[0], item.start, item.duration, _WHAT)
        tasks.append((task, place))
    facts = [_load(place, task[1]) for task, place in tasks]
    kept.touch(place for (_, place), one in zip(tasks, facts, strict=True) if place and one)
    missing = [i for i, one in enumerate(facts) if one is None]
    jobs = [tasks[i] for i in missing]
    outcomes = engine.run(_setup, jobs, workers=workers, time_limit=TIME_LIMIT)
    for done, (i, outcome) in enumerate(zip(missing, outcomes, strict=True), start=1):
        file, path, *_ = tasks[i][0]
        failed = Facts(path, error=outcome.error.removeprefix(f"{file}: "))
        facts[i] = outcome.value if outcome.kind == "ok" else failed
        if progress:
            progress(len(facts) - len(missing) + done)
    if folder is not None:
        kept.prune(folder)
    return tuple(one for one in facts if one is not None)
