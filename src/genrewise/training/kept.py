"""What was computed from a file, kept on disk until the file changes.

Each result is a file of its own, written whole or not at all, so a run that was stopped
goes on where it was.  The folder is bounded: what was not used for longest goes first, but
nothing that was used within a day.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.files import replace_file

__all__ = ["MOST_BYTES", "keep", "key_of", "load", "prune", "touch"]

#: Bytes that a folder may hold, and seconds within which nothing is deleted.
MOST_BYTES = 4_000_000_000
YOUNG = 86_400.0


def _state(file: str) -> tuple[Any, ...]:
    """What tells that a file is the same one: size and time of the last change.

    An address is its own state: what it leads to is taken to stay.
    """
    try:
        stat = os.stat(file)  # noqa: PTH116 - an address is no path
    except (OSError, ValueError):
        return (file,)
    return (str(Path(file).resolve()), stat.st_size, stat.st_mtime_ns)


def key_of(folder: Path, file: str, start: float, duration: float | None, what: str) -> Path:
    """Where a result lies.

    Parameters
    ----------
    folder : Path
    file : str
        Path or address of the music.
    start, duration : float
        Seconds; the part of it that is meant.
    what : str
        What was computed: another text is another result.
    """
    key = json.dumps([_state(file), start, duration, what])
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return folder / digest[:2] / f"{digest[2:26]}.npz"


def keep(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, whole or not at all.

    Raises
    ------
    OSError
        The folder cannot be written or the disk is full.
    """
    buffer = BytesIO()
    # numpy's stub takes only arrays that are named by keyword.
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())


def load(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]] | None:
    """Read arrays; None where there are none, and a damaged file is deleted."""
    try:
        # Opened here: numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with contextlib.suppress(OSError):
            path.unlink()
        return None


def touch(paths: Iterable[Path]) -> None:
    """Note that these were used now."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.utime(path)


def prune(folder: Path, most: int = MOST_BYTES) -> int:
    """Delete what was not used for longest until the folder holds at most `most` bytes.

    Returns
    -------
    int
        How many files were deleted.
    """
    found = []
    for path in folder.glob("??/*"):
        with contextlib.suppress(OSError):  # another run deletes, too
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    total = sum(size for _, size, _ in found)
    deleted = 0
    for used, size, path in sorted(found, key=lambda entry: entry[0]):
        if total <= most or used > time.time() - YOUNG:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total, deleted = total - size, deleted + 1
    return deleted
