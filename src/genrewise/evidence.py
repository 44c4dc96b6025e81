"""Why a model says what it says: the tracks that it learned from and that sound most alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KnownTracks", "Neighbour", "packed"]

F32 = NDArray[np.float32]

#: Little-endian halves: three decimals are enough to tell which of two tracks is nearer.
_HALF = np.dtype("<f2")


@dataclass(frozen=True)
class Neighbour:
    """A track of the training music.

    Attributes
    ----------
    track : str
        As the data set calls it.
    genre : str
        Its label there.
    similarity : float
        Cosine of the two embeddings, -1 to 1.
    """

    track: str
    genre: str
    similarity: float


class KnownTracks:
    """The tracks that a model learned from, by their embeddings.

    Parameters
    ----------
    spec : mapping
        ``names`` and ``labels`` (places in the model's labels) of the tracks.
    labels : sequence of str
        The model's.
    data : bytes
        As of :func:`packed`.
    """

    def __init__(self, spec: Mapping[str, Any], labels: Sequence[str], data: bytes) -> None:
        self.names: tuple[str, ...] = tuple(spec["names"])
        self.genres = tuple(labels[place] for place in spec["labels"])
        self._vectors = np.frombuffer(data, _HALF).reshape(len(self.names), -1).astype(np.float32)

    def __len__(self) -> int:
        return len(self.names)

    def nearest(self, embedding: F32, n: int = 3) -> tuple[Neighbour, ...]:
        """The tracks that sound most alike, each once, the nearest first.

        Parameters
        ----------
        embedding : ndarray, shape (size,), float32
            Unit length.
        n : int
        """
        alike = self._vectors @ embedding
        found: dict[str, Neighbour] = {}
        for i in np.argsort(-alike, kind="stable").tolist():
            if len(found) == n:
                break
            name = self.names[i]  # of a track several clips may stand here
            found.setdefault(name, Neighbour(name, self.genres[i], float(alike[i])))
        return tuple(found.values())


def packed(vectors: NDArray[np.floating[Any]]) -> bytes:
    """Embeddings as they stand in a model file: rows of unit length, two bytes a value.

    Parameters
    ----------
    vectors : ndarray, shape (n, size)
    """
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(vectors / lengths, dtype=_HALF).tobytes()
