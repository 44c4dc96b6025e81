"""Short excerpts of the user's own files, to be heard on the page of a run.

They are for the page in the run's folder alone: figures that leave it carry none.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from genrewise.audio import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genrewise.training.datasets import Dataset

__all__ = ["SECONDS", "excerpt", "excerpt_uri", "sources"]

#: Longest excerpt in seconds, and its rate in Hz: enough to tell a genre by.
SECONDS, SR = 5.0, 24_000
#: Of libsndfile for MP3: 0 is best and largest; this is about 28 kbit/s, 17 kB in all.
COMPRESSION = 0.9
#: Seconds over which an excerpt swells and fades, so that it does not click.
FADE = 0.03


def sources(dataset: Dataset) -> dict[str, tuple[str, float]]:
    """Where each clip of a data set is heard.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    dict of str to (str, float)
        Path in the predictions to the file that is opened and the second at which the clip
        begins in it.  A path whose clips begin at several places is left out, since it does
        not tell them apart; empty where the data set is no audio.
    """
    if dataset.kind != "audio":
        return {}
    places: dict[str, set[tuple[str, float]]] = {}
    for i, item in enumerate(dataset.items):
        places.setdefault(item.path, set()).add((dataset.file(i), item.start))
    return {path: next(iter(found)) for path, found in places.items() if len(found) == 1}


def excerpt(file: str, start: float, stop: float) -> bytes:
    """The middle of some seconds of a file as MP3, mono; what is shorter is widened.

    Ogg would do, but libsndfile numbers its streams at random, and the page would differ
    from run to run.

    Parameters
    ----------
    file : str
    start, stop : float
        Seconds.

    Returns
    -------
    bytes
        At most :data:`SECONDS`.

    Raises
    ------
    AudioError
        The file cannot be read.
    """
    begin = max(0.0, (start + stop - SECONDS) / 2.0)
    y = load(file, SR, start=begin, duration=SECONDS).y
    return _mp3(_faded(np.clip(y, -1.0, 1.0)))


def _faded(y: NDArray[np.float32]) -> NDArray[np.float32]:
    n = min(round(FADE * SR), len(y) // 2)
    shape = np.ones(len(y), dtype=np.float32)
    shape[:n] = np.linspace(0.0, 1.0, n, dtype=np.float32)
    shape[len(y) - n :] = shape[:n][::-1]
    return y * shape


def _mp3(y: NDArray[np.float32]) -> bytes:
    import soundfile

    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", SR, 1, "MPEG_LAYER_III", format="MP3", compression_level=COMPRESSION
    ) as file:
        file.write(y)
    return out.getvalue()


def excerpt_uri(file: str, start: float, stop: float) -> str:
    """:func:`excerpt` as a data address that a page can play."""
    return "data:audio/mpeg;base64," + base64.b64encode(excerpt(file, start, stop)).decode()
