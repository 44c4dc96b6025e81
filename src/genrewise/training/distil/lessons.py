"""What the teacher says of patches of music: computed once, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.audio import Stream, resample
from genrewise.cache import cache_dir
from genrewise.errors import DatasetError
from genrewise.features.frontend import Framer, mel_frames
from genrewise.input_kinds import BackboneInput, levelled
from genrewise.training import kept

__all__ = ["TEACHER", "Excerpt", "Lessons", "collect"]

F16 = NDArray[np.float16]
F32 = NDArray[np.float32]

#: Changes with what is kept.
_VERSION = 1
#: Seconds that one file may take.
_TIME_LIMIT = 900.0
#: Mel frames between two patches of one excerpt: half a patch.
_HOP = 93

TEACHER: dict[str, Any] = {
    "kind": "backbone",
    "backbone": "musicnn-msd",
    "layers": ["tags", "penultimate", "pooled"],
    "summary": ["mean"],
    "hop": 187,
    "level": -14.0,
}


@dataclass(frozen=True)
class Excerpt:
    """Audio to learn from.

    Attributes
    ----------
    file : str
    start : float
        Seconds.
    duration : float or None
        Seconds; None means to the end.
    """

    file: str
    start: float = 0.0
    duration: float | None = None


@dataclass(frozen=True, eq=False)
class Lessons:
    """Patches and what the teacher says of them.

    Attributes
    ----------
    patches : ndarray, shape (n, 187, 96), float16
        Log-mel, each brought to the teacher's level.
    answers : ndarray, shape (n, 1756), float16
        The teacher's layers side by side, as :class:`genrewise.input_kinds.BackboneInput`
        gives them.
    excerpt : ndarray of int, shape (n,)
        Which excerpt a patch is of.
    failed : tuple of (str, str)
        Files that could not be heard, and why.
    """

    patches: F16
    answers: F16
    excerpt: NDArray[np.int64]
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Job:
    """Makes the function of a worker: an excerpt and a place to the place."""

    most: int

    def __call__(self) -> Callable[[tuple[Excerpt, str]], str]:
        teacher = _teacher()

        def work(task: tuple[Excerpt, str]) -> str:
            excerpt, target = task
            patches = _patches(excerpt, teacher, self.most)
            found = {
                "patches": levelled(patches, float(TEACHER["level"])).astype(np.float16),
                "answers": teacher.run(patches).astype(np.float16),
            }
            kept.keep(Path(target), found)
            return target

        return work


def _teacher() -> BackboneInput:
    """The network to learn from."""
    spec = TEACHER
    return BackboneInput(
        spec["backbone"],
        tuple(spec["layers"]),
        tuple(spec["summary"]),
        spec["hop"],
        level=spec["level"],
    )


def _patches(excerpt: Excerpt, teacher: BackboneInput, most: int) -> F32:
    """Patches of an excerpt, evenly spread, at most so many."""
    framer = Framer(teacher.frontend)
    with Stream(excerpt.file, start=excerpt.start, duration=excerpt.duration) as stream:
        y = np.concatenate(list(stream))
        sr = stream.sr
    rows = mel_frames(framer.push(resample(y, sr, teacher.frontend.sr), True), teacher.frontend)
    if len(rows) < teacher.patch:
        rows = np.tile(rows, (-(-teacher.patch // len(rows)), 1))[: teacher.patch]
    starts = np.arange(0, len(rows) - teacher.patch + 1, _HOP)
    if len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return np.stack([rows[i : i + teacher.patch] for i in starts])


def collect(
    excerpts: Sequence[Excerpt],
    *,
    most: int = 40,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
) -> Lessons:
    """Ask the teacher about every excerpt; what was asked before is on disk.

    Parameters
    ----------
    excerpts : sequence of Excerpt
    most : int
        Patches of one excerpt, spread evenly over it.
    workers : int
        Processes; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of excerpts done.
    folder : Path, optional
        Of the cache.

    Returns
    -------
    Lessons

    Raises
    ------
    DatasetError
        Nothing could be heard.
    """
    place = folder or cache_dir() / "lessons"
    what = json.dumps([_VERSION, TEACHER, _teacher().fingerprint(), _HOP, most], sort_keys=True)
    targets = [kept.key_of(place, e.file, e.start, e.duration, what) for e in excerpts]
    missing = [i for i, target in enumerate(targets) if not target.exists()]
    tasks = [(excerpts[i], str(targets[i])) for i in missing]
    failed = []
    outcomes = engine.run(_Job(most), tasks, workers=workers, time_limit=_TIME_LIMIT)
    for done, (i, outcome) in enumerate(zip(missing, outcomes, strict=True), start=1):
        if outcome.kind != "ok":
            failed.append((excerpts[i].file, outcome.error))
        if progress:
            progress(len(excerpts) - len(missing) + done)
    found = [kept.load(target, ("patches", "answers")) for target in targets]
    heard = [(i, arrays) for i, arrays in enumerate(found) if arrays is not None]
    if not heard:
        reason = failed[0][1] if failed else "no excerpt was named"
        raise DatasetError(f"nothing to learn from: {reason}", "audio files")
    return Lessons(
        np.concatenate([arrays["patches"] for _, arrays in heard]),
        np.concatenate([arrays["answers"] for _, arrays in heard]),
        np.repeat([i for i, _ in heard], [len(arrays["patches"]) for _, arrays in heard]),
        tuple(failed),
    )
