"""Audio fingerprints, and files that hold the same recording.

A frame becomes 32 bits: whether the slope between neighbouring bands rose or fell over a
quarter of a second (after Haitsma & Kalker 2002, at 16 frames a second instead of 86).
The bits outlive recompression, loudness, filtering and a new start.  Halves of the
frames are looked up in an inverted index; pairs of files that agree at one offset more
often than by chance are compared bit by bit there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrewise.features.frontend import FrontEnd

__all__ = ["FRONTEND", "RATE", "Match", "fingerprint", "matches"]

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
I64 = NDArray[np.int64]

#: 33 bands up to 3 kHz, where speech codecs and old copies still agree.
FRONTEND = FrontEnd(
    sr=8000, n_fft=2048, hop_length=500, n_mels=33, fmin=250.0, fmax=3000.0, log="log"
)
#: Frames a second.
RATE = FRONTEND.sr / FRONTEND.hop_length
#: Frames over which a rise is taken.
_LAG = 4
#: Frames this far (natural log of power) below the loudest carry no evidence.
_FLOOR = 11.5

#: Share of bits that may differ; chance gives .44 to .50, copies .00 to .30 (measured).
MAX_ERROR = 0.33
#: Seconds that two files must have in common.
MIN_OVERLAP = 4.0
#: Agreements at one offset before a pair is compared.
MIN_VOTES = 4
#: Frames of all files that may share one half before it says nothing.
_COMMON = 400


@dataclass(frozen=True)
class Match:
    """Two files that hold the same audio.

    Parameters
    ----------
    first, second : int
        Numbers of the files, ``first < second``.
    offset : float
        Second of the first file at which the second one begins; may be negative.
    overlap : float
        Seconds that were compared.
    error : float
        Share of the bits that differ, 0 to 0.33.
    """

    first: int
    second: int
    offset: float
    overlap: float
    error: float


def fingerprint(bands: F32) -> U32:
    """The fingerprint of a track.

    Parameters
    ----------
    bands : ndarray, shape (t, 33), float32
        Log-mel frames of :data:`FRONTEND`.

    Returns
    -------
    ndarray, shape (max(0, t - 4),), uint32
        16 frames a second; 0 where the frame carries no evidence.
    """
    if len(bands) <= _LAG:
        return np.zeros(0, dtype=np.uint32)
    slope = bands[:, :-1] - bands[:, 1:]
    rose = (slope[_LAG:] - slope[:-_LAG]) > 0
    weights = np.uint32(1) << np.arange(32, dtype=np.uint32)
    bits: U32 = (rose * weights).sum(axis=1, dtype=np.uint32)
    level = bands.max(axis=1)
    quiet = np.minimum(level[_LAG:], level[:-_LAG]) < max(level.max() - _FLOOR, -13.0)
    bits[quiet] = 0
    return bits


def _halves(prints: U32) -> tuple[I64, I64]:
    """Keys of 17 bits and the frames they come from; frames without evidence have none."""
    frames = np.flatnonzero(prints)
    bits = prints[frames]
    low, high = bits & np.uint32(0xFFFF), (bits >> np.uint32(16)) + np.uint32(0x10000)
    return np.concatenate([low, high]).astype(np.int64), np.concatenate([frames, frames])


@dataclass(frozen=True)
class _Index:
    """Every second frame of all files, sorted by key and file.

    Parameters
    ----------
    keys : ndarray, int64
        ``key * n_files + file``, ascending.
    frames : ndarray, int64
    n_files : int
    """

    keys: I64
    frames: I64
    n_files: int

    @classmethod
    def of(cls, prints: Sequence[U32]) -> _Index:
        n = len(prints)
        keys, frames = [], []
        for number, own in enumerate(prints):
            key, frame = _halves(own[::2])
            keys.append(key * n + number)
            frames.append(frame * 2)
        empty = np.zeros(0, dtype=np.int64)
        joined = np.concatenate([empty, *keys])
        order = np.argsort(joined, kind="stable")
        return cls(joined[order], np.concatenate([empty, *frames])[order], n)

    def candidates(self, number: int, own: U32) -> Iterator[tuple[int, int]]:
        """Files after `number` that may match it, with the offset in frames."""
        keys, frames = _halves(own)
        bases = keys * self.n_files
        # Files up to this one are left to their own turn.
        first = np.searchsorted(self.keys, bases + number + 1)
        last = np.searchsorted(self.keys, bases + self.n_files)
        count = last - first
        kept = (count > 0) & (count <= _COMMON)
        first, count, frames = first[kept], count[kept], frames[kept]
        if not len(count):
            return
        ends = np.cumsum(count)
        places = np.arange(ends[-1]) - np.repeat(ends - count - first, count)
        files = self.keys[places] % self.n_files
        offsets = np.repeat(frames, count) - self.frames[places]
        # A copy may lie half a frame off: neighbouring offsets vote together.
        span = np.int64(1) << 32
        pairs, votes = np.unique(files * span + offsets + (span >> 1), return_counts=True)
        together = votes.copy()
        near = np.flatnonzero(np.diff(pairs) == 1)
        together[near] += votes[near + 1]
        together[near + 1] += votes[near]
        order = np.argsort(-together, kind="stable")
        tried: dict[int, int] = {}
        for i in order[together[order] >= MIN_VOTES]:
            file, offset = int(pairs[i] // span), int(pairs[i] % span - (span >> 1))
            # Music that repeats itself agrees at many offsets: the best few are enough.
            tried[file] = tried.get(file, 0) + 1
            if tried[file] <= 3:
                yield file, offset


def _compare(first: U32, second: U32, offset: int) -> tuple[float, float]:
    """Share of differing bits and seconds compared with `second` starting at `offset`."""
    a = first[max(0, offset) :]
    b = second[max(0, -offset) :]
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    both = (a != 0) & (b != 0)
    compared = int(both.sum())
    if compared == 0:
        return 1.0, 0.0
    wrong = int(np.bitwise_count(a[both] ^ b[both]).sum())
    return wrong / (32 * compared), compared / RATE


def matches(
    prints: Sequence[U32],
    *,
    min_overlap: float = MIN_OVERLAP,
    max_error: float = MAX_ERROR,
) -> list[Match]:
    """All pairs of files that hold the same audio.

    Parameters
    ----------
    prints : sequence of ndarray, shape (t,), uint32
        Fingerprints; empty ones match nothing.
    min_overlap : float
        Seconds in common that count.  Of files shorter than this, nine tenths of the
        shorter one count, but never less than 1.5 s.
    max_error : float
        Share of differing bits that still counts as equal.

    Returns
    -------
    list of Match
        Sorted by file numbers, each pair once with its best offset.
    """
    index = _Index.of(prints)
    found = []
    for number, own in enumerate(prints):
        best: dict[int, Match] = {}
        for file, rough in index.candidates(number, own):
            shorter = min(len(own), len(prints[file])) / RATE
            needed = max(1.5, min(min_overlap, 0.9 * shorter))
            for offset in (rough - 1, rough, rough + 1):
                error, overlap = _compare(own, prints[file], offset)
                if overlap < needed or error > max_error:
                    continue
                if file not in best or error < best[file].error:
                    best[file] = Match(number, file, offset / RATE, overlap, error)
        found += [best[file] for file in sorted(best)]
    return found
