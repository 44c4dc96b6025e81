"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds the old bytes or the new, never a part.

    Several threads and processes may write the same path at once: the last one wins.

    Raises
    ------
    OSError
        The folder cannot be written or the disk is full; `path` is untouched.
    """
    temporary = path.with_name(f".genrewise-{secrets.token_hex(8)}")
    # Made by os.open and not by mkstemp, whose files are private: the system gives it the
    # rights that the user's umask gives any new file.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
