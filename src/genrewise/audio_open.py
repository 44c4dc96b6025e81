"""Opening what the user named: one seekable, readable handle for every decoder.

Both decoders read through the same :class:`Handle`, so the content decides what a file
is (a handle has no extension), FFmpeg gets no address that it could follow, and a
network error is kept instead of printed by a callback.
"""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from genrewise.errors import AudioError, MissingExtra

__all__ = ["EXPECTED", "Handle", "Source", "display_name", "open_source"]

Source = str | os.PathLike[str] | bytes | BinaryIO

#: Bytes that are kept of a source which cannot be sought (a pipe, some addresses).
MAX_SPOOLED = 2 << 30
SPOOL_IN_MEMORY = 32 << 20
HEAD = 4096
POSIX = os.name == "posix"

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[a-z0-9+.-]+)*://")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
EXPECTED = "an audio file"


class Handle(io.RawIOBase):
    """A seekable binary source with a name for messages and without an extension.

    Parameters
    ----------
    inner : binary file object
        Seekable.
    name : str
        What messages call it.
    owned : bool
        Whether closing the handle closes `inner`.

    Attributes
    ----------
    size : int
        Bytes.
    head : bytes
        The first 4096 bytes.
    error : str
        Why reading failed; empty while it did not.
    held : object
        What must stay as long as the handle is open.
    """

    def __init__(self, inner: Any, name: str, owned: bool = True) -> None:
        super().__init__()
        self._inner, self.name_shown, self._owned, self.error = inner, name, owned, ""
        self.held: Any = None
        self.size = self.seek(0, os.SEEK_END)
        self.seek(0)
        self.head = self.read(HEAD) or b""
        self.seek(0)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; 0 at the end and after an error, which is kept."""
        try:
            if hasattr(self._inner, "readinto"):
                return int(self._inner.readinto(buffer) or 0)
            data = self._inner.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        except Exception as error:  # raised in a callback it would be printed
            self.error = self.error or _reason(error)
            return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; -1 where a decoder asks for an impossible position, as C has it."""
        try:
            return int(self._inner.seek(offset, whence))
        except (OSError, ValueError):
            return -1

    def tell(self) -> int:
        """Position in bytes; -1 once the source is closed."""
        try:
            return int(self._inner.tell())
        except (OSError, ValueError):
            return -1

    def close(self) -> None:
        """Close what this handle opened; a file object given by the caller stays open."""
        if not self.closed and self._owned:
            self._inner.close()
        super().close()

    def descriptor(self) -> int | Handle:
        """What libsndfile reads fastest: the system's number of an open file, else this.

        Windows numbers files anew in each C library, so there it is always this.
        """
        return self._inner.fileno() if isinstance(self._inner, io.FileIO) and POSIX else self

    @property
    def is_text(self) -> bool:
        """Whether the first bytes are text: no control byte and readable as UTF-8."""
        if _CONTROL.search(self.head):
            return False
        try:
            self.head.decode("utf-8")
        except UnicodeDecodeError as error:
            # A character may be cut at the end of what was read.
            return error.start >= len(self.head) - 3 and len(self.head) == HEAD
        return True


def display_name(source: Source) -> str:
    """What messages call a source: the path as given, printable and without passwords.

    Parameters
    ----------
    source : path, address, bytes or binary file object

    Returns
    -------
    str
        Control characters and undecodable bytes are escaped.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes"
    if not isinstance(source, str | os.PathLike):
        inner = getattr(source, "name", None)
        return display_name(inner) if isinstance(inner, str) else "file object"
    text = os.fspath(source)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if _ADDRESS.match(text):
        text = re.sub(r"(?<=://)[^/@]*@", "", text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def open_source(source: Source) -> Handle:
    """Open a path, an address, bytes or a file object for reading.

    Parameters
    ----------
    source : path, address with a scheme, bytes or binary file object

    Returns
    -------
    Handle

    Raises
    ------
    AudioError
        Not there, not readable, not a regular file, or empty.
    MissingExtra
        For an address without the extra ``[url]``.
    """
    name = display_name(source)
    if source == "":
        raise AudioError("an empty name", EXPECTED)
    if isinstance(source, bytes | bytearray | memoryview):
        handle = Handle(io.BytesIO(source), name)
    elif isinstance(source, str) and _ADDRESS.match(source) and not _local(source):
        file, system = _open_address(source, name)
        handle = _seekable(file, name, owned=True)
        handle.held = system
    elif isinstance(source, str | os.PathLike):
        handle = Handle(_open_path(_local(source) or source, name), name)
    elif hasattr(source, "read") and not isinstance(source, io.TextIOBase):
        handle = _seekable(source, name, owned=False)
    else:
        raise AudioError(
            f"{type(source).__name__} given", "a path, an address, bytes or a binary file"
        )
    if handle.size <= 0 or handle.error:
        handle.close()
        raise AudioError(f"{name}: {handle.error or 'empty, 0 bytes'}", EXPECTED)
    return handle


def _local(source: str | os.PathLike[str]) -> str:
    """The path inside an address of this machine; empty for any other."""
    match = re.match(r"(?:file|local)://(?=/)(.*)", os.fspath(source), re.DOTALL)
    return match[1] if match else ""


def _open_path(path: str | os.PathLike[str], name: str) -> BinaryIO:
    """A regular file, unbuffered: the decoders read in large pieces themselves."""
    try:
        # Before opening: a FIFO would block and some devices never end.
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name}: a folder", EXPECTED)
        if not stat.S_ISREG(mode):
            raise AudioError(f"{name}: a device, pipe or socket", "a regular file")
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file", EXPECTED) from None
    except PermissionError:
        raise AudioError(f"{name}: not readable", "a file that you may read") from None
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: {_reason(error)}", EXPECTED) from None


def _open_address(address: str, name: str) -> tuple[Any, Any]:
    """A file, and what it reads through: an archive is closed with its file system."""
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise MissingExtra("reading from an address", "url", error.name or "") from None
    try:
        opened = fsspec.open(address, "rb")
        return opened.open(), opened.fs
    except ImportError as error:
        raise MissingExtra(f"reading {name}: {_reason(error)}", "url") from None
    except Exception as error:  # each file system of fsspec raises its own
        raise AudioError(f"{name}: {_reason(error)}", "an address that answers") from None


def _seekable(inner: Any, name: str, owned: bool) -> Handle:
    """The object itself where it can be sought, else a temporary copy of it."""
    try:
        if inner.seekable():
            return Handle(inner, name, owned)
    except (AttributeError, OSError):
        pass
    copy = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115
    try:
        _spool(inner, copy, name)
    except BaseException:
        copy.close()
        raise
    finally:
        if owned:
            inner.close()
    return Handle(copy, name)


def _spool(inner: Any, copy: Any, name: str) -> None:
    """Copy a source to its end, or to where no music file reaches."""
    total = 0
    try:
        while data := inner.read(1 << 20):
            total += copy.write(data)
            if total > MAX_SPOOLED:
                raise AudioError(
                    f"{name}: does not end within {MAX_SPOOLED >> 20} MiB",
                    "a source that ends",
                    "save it to a file first",
                )
    except (OSError, TypeError) as error:
        raise AudioError(f"{name}: {_reason(error)}", "a binary file object") from None


def _reason(error: BaseException) -> str:
    """What an exception says, without its class and number."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
