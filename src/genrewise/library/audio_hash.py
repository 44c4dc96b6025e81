"""A hash of what sounds in a file, whatever its tags say."""

from __future__ import annotations

from pathlib import Path

__all__ = ["audio_hash"]


def audio_hash(path: Path) -> str:
    """SHA-256 of the audio stream without its tags.

    Two files that differ in their tags only have the same; a file whose parts cannot be told
    apart is hashed whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    raise NotImplementedError
