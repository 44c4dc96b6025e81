"""Songs as a list for players and DJ programs: extended M3U in UTF-8, and CSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

from genrewise.errors import LibraryError
from genrewise.files import replace_file

__all__ = ["Item", "csv_text", "m3u8_text", "write_csv", "write_playlist"]

_COLUMNS = ("path", "artist", "title", "album", "genre", "seconds", "similarity")


@dataclass(frozen=True)
class Item:
    """A song of a list.

    Parameters
    ----------
    path : str
        Absolute.
    seconds : float
        0 where it is not known.
    artist, title, album, genre : str
    similarity : float
    """

    path: str
    seconds: float = 0.0
    artist: str = ""
    title: str = ""
    album: str = ""
    genre: str = ""
    similarity: float = 0.0


def m3u8_text(items: Iterable[Item], folder: Path) -> str:
    """An extended M3U list.

    A path is relative to the folder of the list where both lie in one tree, so that list and
    music can be moved together; across trees it is absolute.  A name that no line of UTF-8 can
    hold is written as a ``file:`` address.

    Parameters
    ----------
    items : iterable of Item
    folder : Path
        Where the list will lie.
    """
    lines = ["#EXTM3U"]
    base = os.path.realpath(folder)
    for item in items:
        title = item.title or Path(item.path).stem
        told = " - ".join(part for part in (item.artist, title) if part)
        seconds = round(item.seconds) if item.seconds else -1
        lines += [f"#EXTINF:{seconds},{_one_line(told)}", _line(item.path, base)]
    return "\n".join(lines) + "\n"


def _line(path: str, base: str) -> str:
    """A path as a player reads it from a list."""
    data = os.fsencode(path)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _address(data)
    if not path.isprintable() and any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in path):
        return _address(data)
    line = _relative(path, base)
    return os.path.join(".", line) if line.startswith(("#", " ")) else line  # noqa: PTH118


def _relative(path: str, base: str) -> str:
    try:
        shared = os.path.commonpath((path, base))
    except ValueError:  # two drives
        return path
    if os.path.dirname(shared) == shared:  # noqa: PTH120 - nothing in common but the root
        return path
    return os.path.relpath(path, base)


def _address(path: bytes) -> str:
    return "file://" + quote_from_bytes(path)


def _one_line(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())


def csv_text(items: Iterable[Item]) -> str:
    """The same as a table with a heading."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")  # as RFC 4180 and spreadsheets have it
    rows.writerow(_COLUMNS)
    for item in items:
        values = (item.path, item.artist, item.title, item.album, item.genre)
        rows.writerow((*values, f"{item.seconds:.1f}", f"{item.similarity:.6f}"))
    return out.getvalue()


def write_playlist(path: Path, items: Iterable[Item]) -> None:
    """Write an extended M3U list, whole or not at all.

    Raises
    ------
    LibraryError
        The name does not end as such a list's does, or it cannot be written.
    """
    if path.suffix.lower() not in (".m3u8", ".m3u"):
        raise LibraryError(f"{path}: no playlist", "a name that ends in .m3u8")
    _write(path, m3u8_text(items, path.absolute().parent).encode("utf-8"))


def write_csv(path: Path, items: Iterable[Item]) -> None:
    """Write a table, whole or not at all; a name that is no UTF-8 keeps its bytes.

    Raises
    ------
    LibraryError
        It cannot be written.
    """
    _write(path, csv_text(items).encode("utf-8", "surrogateescape"))


def _write(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        given = f"{path}: {(error.strerror or str(error)).lower()}"
        raise LibraryError(given, "a place that can be written") from error
