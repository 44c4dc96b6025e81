"""Short pieces of music made by the synthesiser: what ``genrewise demo`` listens to.

A piece is written out, note by note and hit by hit; the seed is how its players breathe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrewise.training.pieces.acoustic import blues, jazz, strings
from genrewise.training.pieces.electric import hiphop, metal

__all__ = ["PIECES", "Piece", "render"]

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Piece:
    """A piece of music.

    Parameters
    ----------
    genre : str
        What it is written to be, as labels are spelled.
    title : str
    made : str
        Instruments and how they are made.
    compose : callable
        Generator of its chances to samples at 22050 Hz.
    seed : int
    """

    genre: str
    title: str
    made: str
    compose: Callable[[np.random.Generator], F32]
    seed: int = 1


#: By file name, in the order in which they are shown.
PIECES: dict[str, Piece] = {
    "slow-movement": Piece(
        "classical",
        "Slow movement in G",
        "violins, violas and cellos, four players each: saw teeth that wander, with late "
        "vibrato and the noise of the bow, in a hall",
        strings,
    ),
    "second-chorus": Piece(
        "jazz",
        "Second chorus",
        "tenor saxophone, piano, walking bass, drums in swing: a reed that is brighter the "
        "louder, stiff strings, a plucked delay line, noise",
        jazz,
    ),
    "heel-and-thumb": Piece(
        "blues",
        "Heel and thumb",
        "a guitar, a voice without words and a foot on the floor: plucked delay lines through "
        "the resonances of a body, a glottis and a throat, on a tape that drifts",
        blues,
    ),
    "low-string": Piece(
        "metal",
        "Low string",
        "four guitars, bass, double bass drum, a high voice: plucked delay lines in fifths "
        "through valves and loudspeakers, noise",
        metal,
    ),
    "worn-groove": Piece(
        "hiphop",
        "Worn groove",
        "a break, a synthesiser's bass, an electric piano on a record that crackles and drifts, "
        "a scratch, two voices that talk in rhythm without words",
        hiphop,
        seed=4,
    ),
}


def render(name: str) -> F32:
    """Play a piece of :data:`PIECES`.

    Parameters
    ----------
    name : str

    Returns
    -------
    ndarray, shape (n,), float32
        At 22050 Hz, peak 0.9; the same samples every time.
    """
    piece = PIECES[name]
    return piece.compose(np.random.default_rng(piece.seed))
