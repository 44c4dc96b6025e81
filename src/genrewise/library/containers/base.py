"""What all kinds of files share: a wish, the edit that grants it, and careful reading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.patch import BLOCK, Splice

__all__ = [
    "Edit",
    "Span",
    "Unsafe",
    "Wish",
    "blocks",
    "growth",
    "read_at",
    "replace_all",
    "size_of",
]

#: First byte, and the one after the last.
Span = tuple[int, int]


class Unsafe(Exception):
    """A file is not what it should be, or is of a kind that is not written; says why."""


@dataclass(frozen=True)
class Wish:
    """What is to stand in a field.

    Parameters
    ----------
    field : str
        "genre", "comment" or "grouping".
    values : tuple of str
        None empties the field.
    """

    field: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """All values as one."""
        return "; ".join(self.values)

    @property
    def wanted(self) -> tuple[str, ...]:
        """What is then to be read: genres are several, all other fields hold one text."""
        return self.values if self.field == "genre" or not self.values else (self.text,)


@dataclass(frozen=True)
class Edit:
    """What has to change in a file, and what the user should know about it."""

    splices: tuple[Splice, ...]
    note: str = ""


def growth(splices: Iterable[Splice]) -> int:
    """Bytes that all of them together add."""
    return sum(s.growth for s in splices)


def size_of(file: BinaryIO) -> int:
    """Length of a file in bytes."""
    return file.seek(0, os.SEEK_END)


def read_at(file: BinaryIO, start: int, count: int) -> bytes:
    """Bytes from a place.

    Raises
    ------
    Unsafe
        The file ends before.
    """
    file.seek(start)
    data = file.read(count)
    if len(data) != count:
        raise Unsafe("it ends in the middle of its tags")
    return data


def blocks(file: BinaryIO, spans: Iterable[Span]) -> Iterator[bytes]:
    """Bytes of spans, one after the other, in blocks; ends with the file where that is sooner."""
    for start, stop in spans:
        file.seek(start)
        left = stop - start
        while left > 0 and (block := file.read(min(left, BLOCK))):
            left -= len(block)
            yield block


def replace_all(found: Iterable[Span], new: bytes, otherwise: int) -> list[Splice]:
    """Put `new` where the first of the found spans is, and take the others out.

    Parameters
    ----------
    found : iterable of Span
        In the order of the file.
    new : bytes
        Empty where they only go.
    otherwise : int
        Where `new` goes if nothing was found.
    """
    splices = []
    for start, stop in found:
        splices.append(Splice(start, stop, new))
        new = b""
    if new:
        splices.append(Splice(otherwise, otherwise, new))
    return splices
