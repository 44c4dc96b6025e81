"""Change of sample rate, whole or as a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Resampler", "resample"]

F32 = NDArray[np.float32]


class Resampler:
    """Resample a stream of blocks (soxr, quality "HQ"); the whole equals :func:`resample`.

    Parameters
    ----------
    sr_in, sr_out : int
        Hz; equal rates pass the samples on as they are.
    """

    def __init__(self, sr_in: int, sr_out: int) -> None:
        self._stream: Any = None
        if sr_in != sr_out:
            import soxr

            self._stream = soxr.ResampleStream(sr_in, sr_out, 1, dtype="float32", quality="HQ")

    def push(self, y: F32, last: bool = False) -> F32:
        """The samples that `y`, and what came before it, give.

        Parameters
        ----------
        y : ndarray, shape (n,), float32
            May be empty.
        last : bool
            Whether the stream ends here; nothing may follow.

        Returns
        -------
        ndarray, shape (m,), float32
        """
        if self._stream is None:
            return y
        out: F32 = self._stream.resample_chunk(y, last=last)
        return out


def resample(y: F32, sr_in: int, sr_out: int) -> F32:
    """Resample whole samples (soxr, quality "HQ").

    Parameters
    ----------
    y : ndarray, shape (n,), float32
    sr_in, sr_out : int
        Hz.

    Returns
    -------
    ndarray, shape (m,), float32
        m is n * sr_out / sr_in, rounded.
    """
    return Resampler(sr_in, sr_out).push(np.ascontiguousarray(y, dtype=np.float32), last=True)
