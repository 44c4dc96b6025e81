"""What a page draws of a track: its outline and its spectrogram, while it is decoded.

A track may be three hours long and may not say so beforehand.  So both are kept in cells
that become twice as long whenever there are too many of them, and of the spectrogram only
one frame a cell is computed.
"""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.features.frontend import FrontEnd, mel_frames
from genrewise.features.pictures import png
from genrewise.plain import json_text

__all__ = ["Cells", "Sketch"]

F32 = NDArray[np.float32]

#: Most pairs of least and largest sample, and most columns of the spectrogram.
PEAKS, COLUMNS = 2000, 1500
#: Seconds of the shortest cell of each.
_PEAK, _COLUMN = 0.001, 0.01
#: Rows of the spectrogram, and how far below the loudest it goes, in dB.
_ROWS, _RANGE = 96, 80.0
#: Seconds of a frame, about.
_FRAME = 0.05


class Cells:
    """Rows that come one after another, in cells of so many rows that few are needed.

    Parameters
    ----------
    most : int
        Cells at the most; an even number.
    merge : callable
        Rows of shape (n, m, width) to their shape (n, width).

    Attributes
    ----------
    size : int
        Rows in a cell.
    """

    def __init__(self, most: int, merge: Callable[[F32], F32]) -> None:
        self._most, self._merge = most, merge
        self.size = 1
        self._cells: list[F32] = []
        self._count = 0
        self._rest: F32 | None = None

    @property
    def room(self) -> int:
        """Cells until they become twice as long."""
        return self._most - self._count

    def add(self, rows: F32) -> None:
        """Take rows of shape (n, width)."""
        rows = rows if self._rest is None else np.concatenate([self._rest, rows])
        while len(rows) >= self.size:
            n = min(self.room, len(rows) // self.size)
            part = rows[: n * self.size].reshape(n, self.size, -1)
            self._cells.append(self._merge(part))
            self._count += n
            rows = rows[n * self.size :]
            if self._count == self._most:
                self._halve()
        self._rest = rows

    def _halve(self) -> None:
        whole = np.concatenate(self._cells)
        pairs = whole.reshape(len(whole) // 2, 2, -1)
        self._cells = [self._merge(pairs)]
        self._count //= 2
        self.size *= 2

    def all(self) -> F32:
        """The cells, the last one perhaps of fewer rows; shape (≤ most, width)."""
        rest = [] if self._rest is None or not len(self._rest) else [self._merge(self._rest[None])]
        found = [*self._cells, *rest]
        return np.concatenate(found) if found else np.zeros((0, 1), dtype=np.float32)


def _outer(rows: F32) -> F32:
    """Least and largest of (least, largest)."""
    return np.stack([rows[..., 0].min(axis=1), rows[..., 1].max(axis=1)], axis=1)


def _mean(rows: F32) -> F32:
    return np.asarray(rows.mean(axis=1), dtype=np.float32)


class Sketch:
    """Outline and spectrogram of samples that come block by block.

    Parameters
    ----------
    sr : int
        Hz.
    """

    def __init__(self, sr: int) -> None:
        self._sr = sr
        self._n = 0
        self._peaks = Cells(PEAKS, _outer)
        self._peak = max(1, round(sr * _PEAK))
        self._loose = np.zeros(0, dtype=np.float32)
        n_fft = 2 ** min(14, max(8, round(math.log2(sr * _FRAME))))
        fmax = min(sr / 2, 16000.0)
        self.frontend = FrontEnd(
            sr=sr, n_fft=n_fft, hop_length=n_fft, n_mels=_ROWS, fmin=30.0, fmax=fmax
        )
        self._columns = Cells(COLUMNS, _mean)
        self._hop = max(1, round(sr * _COLUMN))
        self._tail = np.zeros(0, dtype=np.float32)  # samples from `_at` on
        self._at = 0
        self._next = 0  # where the next frame begins

    def add(self, y: F32) -> None:
        """Hear a block of samples."""
        self._n += len(y)
        samples = np.concatenate([self._loose, y])
        # As coarse as the cells are by now: short rows take numpy long.
        while count := min(self._peaks.room, len(samples) // (self._peak * self._peaks.size)):
            size = self._peaks.size
            length = self._peak * size
            blocks = samples[: count * length].reshape(count, length)
            pairs = np.stack([blocks.min(axis=1), blocks.max(axis=1)], axis=1)
            self._peaks.add(np.repeat(pairs, size, axis=0))
            samples = samples[count * length :]
        self._loose = samples
        self._look(y)

    def _look(self, y: F32) -> None:
        """Compute the frames that are complete, as sparse as the cells are by now."""
        n_fft = self.frontend.n_fft
        self._tail = np.concatenate([self._tail, y])
        end = self._at + len(self._tail)
        while self._next + n_fft <= end:
            size = self._columns.size
            step = self._hop * size
            n = min(1 + (end - n_fft - self._next) // step, self._columns.room)
            starts = self._next - self._at + step * np.arange(n)
            frames = self._tail[starts[:, None] + np.arange(n_fft)]
            self._columns.add(np.repeat(mel_frames(frames, self.frontend), size, axis=0))
            self._next += step * n
        drop = min(max(0, self._next - self._at), len(self._tail))
        self._tail, self._at = self._tail[drop:], self._at + drop

    def _image(self) -> tuple[bytes, float]:
        """The spectrogram as a PNG, loud is white, and the seconds of its width."""
        if self._next < self._n:  # frames that begin within the track
            self._look(np.zeros(self.frontend.n_fft - 1, dtype=np.float32))
        S = self._columns.all()
        loud = (S - S.max()) / _RANGE + 1.0
        pixels = np.rint(255 * np.clip(loud, 0.0, 1.0)).astype(np.uint8)
        seconds = len(S) * self._columns.size * self._hop / self._sr
        return png(np.ascontiguousarray(pixels.T[::-1])), min(seconds, self._n / self._sr)

    def values(self) -> dict[str, Any]:
        """What a page needs to draw; to be asked once, at the end."""
        if len(self._loose):
            self._peaks.add(np.array([[self._loose.min(), self._loose.max()]], dtype=np.float32))
        image, seconds = self._image()
        pairs = np.clip(self._peaks.all(), -1.0, 1.0)
        return {
            "seconds": self._n / self._sr,
            "peaks": [[round(float(a), 3), round(float(b), 3)] for a, b in pairs],
            "mel": {
                "png": "data:image/png;base64," + base64.b64encode(image).decode("ascii"),
                "seconds": seconds,
                "fmin": self.frontend.fmin,
                "fmax": self.frontend.fmax,
            },
        }

    def packed(self) -> bytes:
        """The values as JSON, compressed by gzip."""
        return gzip.compress(json_text(self.values()).encode(), 5, mtime=0)
