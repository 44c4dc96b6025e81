"""One process at a time writes to the music of a library.

The lock is the operating system's: it is gone with the process that held it, however that ended.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genrewise.errors import LibraryError

__all__ = ["writer_lock"]

#: Seconds to wait for another process, and between two looks at it.
PATIENCE, PAUSE = 10.0, 0.05

#: Files locked by this process: the system would give it a lock twice.
_HELD: set[Path] = set()


@contextmanager
def writer_lock(library: Path | None, patience: float | None = None) -> Iterator[None]:
    """Hold the lock of a library.

    Parameters
    ----------
    library : Path, optional
        Its database; None for one in memory, which nobody else can open.
    patience : float, optional
        Seconds to wait for another process.

    Raises
    ------
    LibraryError
        Another process holds it, or the file for it cannot be made.
    """
    if library is None:
        yield
        return
    path = library.with_name(library.name + "-writer").absolute()
    if path in _HELD:
        raise _busy(library)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        given = f"{path}: {error.strerror}"
        raise LibraryError(given, "a folder that can be written") from error
    try:
        _wait(handle, library, PATIENCE if patience is None else patience)
        _HELD.add(path)
        yield
    finally:
        _HELD.discard(path)
        os.close(handle)  # which gives the lock back


def _wait(handle: int, library: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while not _taken(handle):
        if time.monotonic() > until:
            raise _busy(library)
        time.sleep(PAUSE)


def _busy(library: Path) -> LibraryError:
    given = f"{library}: another genrewise is writing to the music of this library"
    return LibraryError(given, "one at a time", "try again when it is done")


if sys.platform == "win32":
    import msvcrt

    def _taken(handle: int) -> bool:
        """Take the lock, if nobody else has it."""
        with suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            return True
        return False

else:
    import fcntl

    def _taken(handle: int) -> bool:
        """Take the lock, if nobody else has it; children of this process do not inherit it."""
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks, as some networks have them
            return True
        return True
