"""How many streams of events may be open at once."""

from __future__ import annotations

import threading

from genrewise.web.problems import Problem

__all__ = ["Streams"]


class Streams:
    """How many streams are open: each holds a thread of the server.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self.open = 0

    def enter(self) -> None:
        """Take a place.

        Raises
        ------
        Problem
            503 where there is none: ask for the state now and then instead.
        """
        if not self._free.acquire(blocking=False):
            detail = "Too many streams of events are open. Ask for the state instead."
            raise Problem(503, detail, {"Retry-After": "5"})
        with self._lock:
            self.open += 1

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self.open -= 1
        self._free.release()
