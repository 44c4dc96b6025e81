"""Files that arrive: where they lie, what they are called, and that none of them stays.

A server has a folder of its own that nobody else may read.  It is removed at the end; what
a server leaves that was killed, the next one removes.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from genrewise.errors import GenrewiseError

__all__ = ["Workplace", "clean_name"]

#: Characters of a name that are kept.
_LONGEST = 200
_SEPARATORS = re.compile(r"[/\\]")


def clean_name(given: str | None) -> str:
    r"""What an upload is called: the last part of its name, without what is no text.

    Parameters
    ----------
    given : str or None
        As the client sent it: ``"../../etc/passwd"``, ``"C:\\music\\a.mp3"``.

    Returns
    -------
    str
        At most 200 characters, the ending kept; ``"upload"`` where nothing is left.
    """
    last = _SEPARATORS.split(given or "")[-1]
    text = unicodedata.normalize("NFC", last)
    # Control and direction characters, halves of pairs, and what no alphabet has.
    text = "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()
    if len(text) > _LONGEST:
        stem, dot, ending = text.rpartition(".")
        tail = dot + ending if dot and len(ending) < 12 else ""
        text = (stem if tail else text)[: _LONGEST - len(tail)] + tail
    return text if text.strip(". ") else "upload"


def _lock(path: Path) -> IO[bytes] | None:
    """Hold a file as long as this process lives; None where another holds it."""
    try:
        import fcntl
    except ImportError:  # Windows: what is open cannot be deleted
        with suppress(OSError):
            path.unlink(missing_ok=True)
            return path.open("ab")
        return None
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file  # else another took it for one that was left, and removed it
    file.close()
    return None


def _remove(lock: Path, held: IO[bytes]) -> None:
    """Remove a lock while it is held: whoever gets it next sees that it is gone."""
    with suppress(OSError):
        lock.unlink()
    held.close()
    if os.name == "nt":  # what is open stays there
        with suppress(OSError):
            lock.unlink()


def _tidy(shared: Path) -> None:
    """Remove what servers left that were killed."""
    for lock in shared.glob("*.lock"):
        held = _lock(lock)
        if held is not None:
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            _remove(lock, held)


class Workplace:
    """The folder in which uploads lie while they are worked on.

    Parameters
    ----------
    parent : Path, optional
        Where it is made; by default the system's folder for temporary files.

    Attributes
    ----------
    folder : Path

    Raises
    ------
    GenrewiseError
        It cannot be made, or somebody else owns it.
    """

    def __init__(self, parent: Path | None = None) -> None:
        user = os.getuid() if hasattr(os, "getuid") else 0
        self._shared = (parent or Path(tempfile.gettempdir())) / f"genrewise-{user}"
        try:
            # A try is lost where another server ends or tidies up at the same time.
            made = any(self._made(user) for _ in range(100))
        except OSError as error:
            given = f"{self._shared}: {error.strerror}"
            raise GenrewiseError(given, "a folder for uploads", "set TMPDIR") from None
        if not made:
            raise GenrewiseError(f"{self._shared}: does not stay", "a folder for uploads")

    def _made(self, user: int) -> bool:
        """Make the folder and hold it; False where it was lost to another server."""
        self.folder = self._shared / f"serve-{secrets.token_hex(6)}"
        try:
            self._check(user)
            _tidy(self._shared)
            held = _lock(self.folder.with_suffix(".lock"))
            if held is not None:
                self._held = held
                self.folder.mkdir(mode=0o700)
        except FileNotFoundError:
            return False
        except FileExistsError:
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(self._shared.lstat().st_mode):
                    raise
            return False
        return held is not None

    def _check(self, user: int) -> None:
        """Make the folder that all servers of a user share, and see that it is the user's."""
        shared = self._shared
        shared.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = not hasattr(os, "getuid") or shared.lstat().st_uid == user
        if shared.is_symlink() or not mine:
            raise GenrewiseError(f"{shared}: of somebody else", "a folder of your own")
        shared.chmod(0o700)

    def new(self) -> tuple[Path, IO[Any]]:
        """A new, empty file without an ending, as the content says what it is."""
        path = self.folder / secrets.token_hex(12)
        return path, path.open("xb+")

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _remove(self.folder.with_suffix(".lock"), self._held)
        with suppress(OSError):  # the folder is left to another server that is at work
            self._shared.rmdir()
