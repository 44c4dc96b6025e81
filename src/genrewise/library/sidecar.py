"""Genres beside a file instead of in it: ``song.mp3.genre.json``.

For files whose tags cannot be written, and for those who want no byte of their music to change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genrewise.errors import LibraryError

__all__ = ["SUFFIX", "content", "genres_of", "path_of", "read_sidecar"]

SUFFIX = ".genre.json"

#: Key that marks a sidecar as ours, and its version.
MARK, VERSION = "genrewise", 1

#: More than any sidecar has.
LONGEST = 1 << 16


def path_of(song: Path) -> Path:
    """Where the sidecar of a file is."""
    return song.with_name(song.name + SUFFIX)


def content(genres: Sequence[str]) -> bytes:
    """The bytes of a sidecar."""
    held = {MARK: VERSION, "genres": list(genres)}
    return (json.dumps(held, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def genres_of(path: Path, data: bytes) -> tuple[str, ...]:
    """What a sidecar holds.

    Raises
    ------
    LibraryError
        It is none of ours.
    """
    try:
        held: Any = json.loads(data.decode("utf-8"))
        ours = isinstance(held, dict) and held.get(MARK) == VERSION
        found = held.get("genres") if ours else None
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(g, str) for g in found):
        raise LibraryError(f"{path}: a file of another program", "a sidecar of genrewise")
    return tuple(found)


def read_sidecar(song: Path) -> tuple[str, ...]:
    """Genres that the sidecar of a file holds; none where there is none.

    Raises
    ------
    LibraryError
        There is one, but it is none of ours or cannot be read.
    """
    path = path_of(song)
    try:
        with path.open("rb") as file:
            return genres_of(path, file.read(LONGEST))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise LibraryError(f"{path}: {error.strerror}", "a sidecar that can be read") from error
