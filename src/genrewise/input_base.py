"""What an input is: samples of a track to rows, and the rows of a window to one array.

The kinds are in :mod:`genrewise.input_kinds` and :mod:`genrewise.sample_inputs`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.features.frontend import FrontEnd

__all__ = ["F32", "Feed", "Input", "fill"]

F32 = NDArray[np.float32]


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


def fill(rows: F32, n: int) -> F32:
    """The first `n` rows; fewer are repeated until there are enough."""
    if len(rows) < n:
        rows = np.tile(rows, (-(-n // len(rows)), *[1] * (rows.ndim - 1)))
    return rows[:n]
