"""A hash of what sounds in a file, whatever its tags say."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from genrewise.library.containers.base import Unsafe
from genrewise.library.containers.kinds import kind_of
from genrewise.library.patch import BLOCK

__all__ = ["audio_hash", "stream_hash"]


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
    with path.open("rb") as file:
        return stream_hash(file) or _of_all(file)


def stream_hash(file: BinaryIO) -> str:
    """SHA-256 of what sounds in an open file; empty where that is nothing, or not to be found.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    kind = kind_of(file)
    if kind is None:
        return ""
    sha, heard = hashlib.sha256(kind.name.encode()), 0
    try:
        for block in kind.audio(file):
            sha.update(block)
            heard += len(block)
    except Unsafe:
        return ""
    return sha.hexdigest() if heard else ""


def _of_all(file: BinaryIO) -> str:
    sha = hashlib.sha256()
    file.seek(0)
    while block := file.read(BLOCK):
        sha.update(block)
    return sha.hexdigest()
