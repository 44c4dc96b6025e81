"""Memory that a network's steps use again and again."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

__all__ = ["keep_memory"]

#: Names in the C library's ``malloc.h``.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: Larger blocks, such as whole data sets, go back to the system as before.
_BLOCK = 256 * 2**20


@cache
def keep_memory() -> bool:
    """Keep what is freed for the next step, for the life of the process.

    The C library gives blocks of 32 MB and more back to the system at once.  What a layer
    puts out for a batch is often larger, and the system clears every page of it anew in
    every step: a quarter of the time of some networks.

    Returns
    -------
    bool
        Whether the C library could be told; elsewhere than on Linux nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is None:
        return False
    return bool(tell(_MMAP_THRESHOLD, _BLOCK) and tell(_TRIM_THRESHOLD, 4 * _BLOCK))
