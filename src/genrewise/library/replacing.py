"""A file is the old one or the new one, at every instant and after any failure.

The new bytes go to a temporary file in the same folder, which is on the disk, with the rights of
the old one, before it takes the old one's place in one step.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from genrewise.errors import LibraryError
from genrewise.library.patch import Digest, digest

__all__ = ["Replacement", "opened", "removed", "replacement", "temporary"]


def temporary(target: Path, token: str) -> Path:
    """Name of a temporary file beside another one: hidden, so that nobody takes it for a song."""
    return target.with_name(f".genrewise-{token}.part")


@contextmanager
def opened(path: Path) -> Iterator[tuple[Path, BinaryIO, os.stat_result]]:
    """Open a file that is to be replaced.

    Parameters
    ----------
    path : Path
        A symbolic link is followed.

    Yields
    ------
    Path
        Where the file itself is.
    binary file
        To read from.
    os.stat_result
        What it was like when it was opened.

    Raises
    ------
    LibraryError
        It is no file, may not be written, or has a second name, which would keep the old bytes.
    OSError
        It cannot be read.
    """
    real = Path(os.path.realpath(path))
    if not stat.S_ISREG(real.stat().st_mode):  # to open a pipe would be to wait for its other end
        raise LibraryError(f"{path}: no file", "a music file")
    with real.open("rb") as file:
        about = os.fstat(file.fileno())
        if about.st_nlink > 1:
            given = f"{path}: {about.st_nlink} names (hard links) for one file"
            todo = "a sidecar leaves both alone: --sidecar"
            raise LibraryError(given, "one, as they would be parted", todo)
        if not os.access(real, os.W_OK):
            raise LibraryError(f"{path}: read-only", "a file that may be written")
        yield real, file, about


@dataclass
class Replacement:
    """A file on its way to take another one's place.

    Parameters
    ----------
    target : Path
    path : Path
        The temporary file.
    before : os.stat_result, optional
        What the target was like when it was read; None where there was none.
    placed : bool
        Whether it has taken its place.
    """

    target: Path
    path: Path
    before: os.stat_result | None
    placed: bool = field(default=False, init=False)

    def write(self, blocks: Iterable[bytes], mtime_ns: int | None = None) -> Digest:
        """Write the new bytes, and see to it that they are on the disk.

        Parameters
        ----------
        blocks : iterable of bytes
        mtime_ns : int, optional
            Time of the last change; by default now.

        Raises
        ------
        OSError
            The disk is full, or the folder cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        # Nobody else may read it before it has the rights of the old one.
        handle = os.open(self.path, flags, 0o666 if self.before is None else 0o600)
        with os.fdopen(handle, "wb") as file:
            found = digest(_written(file, blocks))
            file.flush()
            if self.before is not None:
                _dress(self.path, self.target, self.before)
            if mtime_ns is not None:
                os.utime(self.path, ns=(mtime_ns, mtime_ns))
            elif self.before is not None:
                os.utime(self.path)
            os.fsync(file.fileno())
        return found

    def place(self) -> None:
        """Take the target's place.

        Raises
        ------
        LibraryError
            The target changed since it was read; it stays.
        OSError
            The folder cannot be written.
        """
        if _now(self.target) != _mark(self.before):
            given = f"{self.target}: changed while it was read"
            raise LibraryError(given, "nobody else to write to it", "try again")
        self.path.replace(self.target)
        self.placed = True
        _sync_folder(self.target.parent)


@contextmanager
def replacement(target: Path, token: str, before: os.stat_result | None) -> Iterator[Replacement]:
    """A file that can take another one's place; gone at the end where it did not.

    Parameters
    ----------
    target : Path
    token : str
        Makes the name of the temporary file its own; one that a killed process left is removed.
    before : os.stat_result, optional
        What the target was like when it was read; None where there must be none.
    """
    path = temporary(target, token)
    with suppress(FileNotFoundError):
        path.unlink()
    new = Replacement(target, path, before)
    try:
        yield new
    finally:
        if not new.placed:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def removed(target: Path, before: os.stat_result) -> None:
    """Take a file away for good.

    Raises
    ------
    LibraryError
        It changed since it was read; it stays.
    OSError
        The folder cannot be written.
    """
    if _now(target) != _mark(before):
        raise LibraryError(f"{target}: changed while it was read", "nobody else to write to it")
    target.unlink()
    _sync_folder(target.parent)


def _written(file: BinaryIO, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        file.write(block)
        yield block


def _mark(about: os.stat_result | None) -> tuple[int, ...] | None:
    """What changes when somebody writes to a file or puts another one in its place."""
    if about is None:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _now(target: Path) -> tuple[int, ...] | None:
    try:
        return _mark(target.lstat())
    except FileNotFoundError:
        return None


def _dress(path: Path, target: Path, before: os.stat_result) -> None:
    """Give a file the owner, rights, extended attributes and access list of another one."""
    if sys.platform != "win32":
        about = path.stat()
        if (about.st_uid, about.st_gid) != (before.st_uid, before.st_gid):
            with suppress(PermissionError):  # only its owner's group can be kept
                os.chown(path, -1, before.st_gid)
            with suppress(PermissionError):
                os.chown(path, before.st_uid, -1)
    shutil.copystat(target, path)
    if sys.platform == "darwin":
        _copy_mac_metadata(target, path)


def _copy_mac_metadata(target: Path, path: Path) -> None:
    """Access list and extended attributes, Finder's tags among them, which copystat leaves out.

    copyfile(3) of macOS; 1 is the access list, 4 are the attributes.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.copyfile(os.fsencode(target), os.fsencode(path), None, 1 | 4) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def _sync_folder(folder: Path) -> None:
    """See to it that a name in a folder is on the disk; Windows does that by itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some network file systems cannot
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)
