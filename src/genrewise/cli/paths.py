"""What the user names, as a stream of files: folders, globs, lists and URLs expanded.

Nothing is collected: a list on standard input may be endless.  A path is given on
exactly as it came; below a folder it is the folder as given and the relative path.
"""

# Paths stay strings here: pathlib would turn ./a//b into a/b.
# ruff: noqa: PTH112, PTH116, PTH118, PTH123, PTH207

from __future__ import annotations

import codecs
import glob
import os
import select
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.engine import Refused, Waiting
from genrewise.errors import GenrewiseError
from genrewise.filetypes import AUDIO_SUFFIXES

__all__ = ["Tally", "expand", "is_url", "looks_like_audio", "read_list"]

#: A line longer than this is no path on any system.
LONGEST_LINE = 1 << 16

#: First bytes of audio files, and what stands at byte 8 where those are shared.
_MAGIC: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"RIFF", (b"WAVE",)),
    (b"RF64", (b"WAVE",)),
    (b"FORM", (b"AIFF", b"AIFC")),
    (b"fLaC", ()),
    (b"OggS", ()),
    (b"ID3", ()),
    (b".snd", ()),
    (b"wvPk", ()),
    (b"MAC ", ()),
    (b"TTA1", ()),
    (b"caff", ()),
    (b"MPCK", ()),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ()),  # ASF: WMA
)
_MP4_AUDIO = (b"ftypM4A", b"ftypM4B")


@dataclass
class Tally:
    """Files below folders that were passed over, as they are no audio."""

    passed_over: int = 0


def is_url(path: str) -> bool:
    """Whether a path is ``scheme://…``, or such chained as ``simplecache::s3://…``."""
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.replace("+", "").replace("::", "").isalnum()


def _is_mpeg(head: bytes) -> bool:
    """Whether bytes begin with an MPEG layer II or III header, or an ADTS (AAC) one."""
    if len(head) < 3 or head[0] != 0xFF:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS
        return True
    layer, rate = (head[1] >> 1) & 3, (head[2] >> 2) & 3
    return head[1] & 0xE0 == 0xE0 and layer in (1, 2) and rate != 3 and head[2] >> 4 not in (0, 15)


def looks_like_audio(path: str) -> bool:
    """Whether a file is audio by its suffix, else by its first bytes.

    Parameters
    ----------
    path : str

    Returns
    -------
    bool
        False for what is no regular file or cannot be read.  A file with an audio
        suffix is taken at its word: where it lies, the decoder will say so.
    """
    if path.lower().endswith(AUDIO_SUFFIXES):
        return True
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    if any(head.startswith(m) and (not at8 or head[8:12] in at8) for m, at8 in _MAGIC):
        return True
    return head[4:11] in _MP4_AUDIO or _is_mpeg(head)


def _entries(folder: str) -> list[tuple[str, bool]]:
    """Names in a folder and whether each is a folder, as the full paths would sort."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                below = entry.is_dir()
            except OSError:
                below = False
            found.append((entry.name, below))
    return sorted(found, key=lambda e: e[0] + os.sep if e[1] else e[0])


def _wanted(path: str, name: str) -> bool:
    """Whether a file found in a folder is to be classified."""
    if name.startswith("."):  # also the ._song.mp3 that macOS leaves on other disks
        return False
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # gone, a broken link: reported where its name says audio
        regular = name.lower().endswith(AUDIO_SUFFIXES)
    return regular and looks_like_audio(path)


def _walk(folder: str, tally: Tally) -> Iterator[str | Refused]:
    """Audio files below a folder, sorted; links are followed, but not in circles."""

    def opened(path: str) -> tuple[str, tuple[int, int], Iterator[tuple[str, bool]]]:
        about = os.stat(path)
        return path, (about.st_dev, about.st_ino), iter(_entries(path))

    try:
        levels = [opened(folder)]
    except OSError as error:
        yield Refused(folder, _reason(error))
        return
    while levels:
        parent, _, entries = levels[-1]
        name, below = next(entries, ("", False))
        path = os.path.join(parent, name)
        if not name:
            levels.pop()
        elif not below:
            if _wanted(path, name):
                yield path
            else:
                tally.passed_over += 1
        elif not name.startswith("."):
            try:
                level = opened(path)
            except OSError as error:
                yield Refused(path, _reason(error))
                continue
            if level[1] not in (above[1] for above in levels):
                levels.append(level)


def _folder(folder: str, tally: Tally) -> Iterator[str | Refused]:
    """As `_walk`; a folder without audio is a failure of its own."""
    before, found = tally.passed_over, False
    for path in _walk(folder, tally):
        found = True
        yield path
    if not found:
        others = tally.passed_over - before
        text = f"no audio in this folder; {others} other files in it" if others else "empty folder"
        yield Refused(folder, f"{text}. Give a folder with music")


def _reason(error: OSError) -> str:
    """What an operating system's error says, without its number and path."""
    return (error.strerror or str(error)).lower()


def expand(paths: Iterable[str | Waiting], tally: Tally) -> Iterator[str | Refused | Waiting]:
    """Files that the given paths stand for, in order, duplicates included.

    Parameters
    ----------
    paths : iterable of str or Waiting
        Files, folders (all audio below them, sorted), patterns with ``*``, ``?``,
        ``[…]`` or ``**`` where no file has that very name, URLs.
    tally : Tally
        Counts what was passed over in folders.

    Yields
    ------
    str or Refused or Waiting
        A path that does not exist, or a folder without audio, is refused with its
        reason.
    """
    for path in paths:
        if isinstance(path, Waiting) or is_url(path):
            yield path
            continue
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            yield from _pattern(path, tally)
        except (OSError, ValueError) as error:
            yield Refused(path, _reason(error) if isinstance(error, OSError) else str(error))
        else:
            if stat.S_ISDIR(mode):
                yield from _folder(path, tally)
            else:
                yield path


def _pattern(path: str, tally: Tally) -> Iterator[str | Refused]:
    if not glob.has_magic(path):
        yield Refused(path, "no such file or folder")
        return
    matches = sorted(glob.glob(path, recursive=True))
    if not matches:
        yield Refused(path, "no file matches this pattern")
    for match in matches:
        if os.path.isdir(match):
            yield from _folder(match, tally)
        else:
            yield match


def _chunks(stream: BinaryIO) -> Iterator[bytes | Waiting]:
    """Bytes as they come; says Waiting where there are none yet, if the system can tell."""
    try:
        fd = stream.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
    except (AttributeError, OSError, ValueError):  # Windows; a stream that is no file
        while line := stream.readline(LONGEST_LINE + 1):
            yield line
        return
    while True:
        if not poll.poll(0):
            yield Waiting(fd)
            continue
        data = os.read(fd, LONGEST_LINE)
        if not data:
            return
        yield data


def read_list(stream: BinaryIO, name: str, separator: bytes = b"\n") -> Iterator[str | Waiting]:
    r"""Paths of a list, one a line, as they come.

    Parameters
    ----------
    stream : binary file
    name : str
        What messages call it.
    separator : bytes
        ``b"\n"``, or ``b"\0"`` as ``find -print0`` writes them.

    Yields
    ------
    str or Waiting
        Lines of a list from Windows lose their ``\r``, the first its byte order mark;
        empty ones are skipped.

    Raises
    ------
    GenrewiseError
        What is no list of paths: binary data, or a line that no path can be.
    """
    rest, mark = b"", codecs.BOM_UTF8
    for chunk in _chunks(stream):
        if isinstance(chunk, Waiting):
            yield chunk
            continue
        *lines, rest = (rest + chunk).split(separator)
        for line in lines:
            yield from _line(line.removeprefix(mark), name)
            mark = b""
        if len(rest) > LONGEST_LINE:
            _line(rest, name)
    yield from _line(rest.removeprefix(mark), name)


def _line(line: bytes, name: str) -> list[str]:
    """The path that a line holds, as a list of one or none."""
    if b"\0" in line:
        raise GenrewiseError(
            f"{name}: binary data", "paths, one a line", "add -0 where NUL stands between them"
        )
    if len(line) > LONGEST_LINE:
        raise GenrewiseError(f"{name}: a line of over {LONGEST_LINE} bytes", "paths, one a line")
    path = os.fsdecode(line)
    if path.endswith("\r") and not os.path.lexists(path):
        path = path[:-1]
    return [path] if path else []
