"""A change of a file as the few places where its bytes differ, and the way back.

A tag edit is a list of splices: the bytes of a span go, others come.  Everything between them is
copied as it is, so what an edit does not name cannot change, and the way back is as small as the
edit: the bytes that went.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

__all__ = [
    "Digest",
    "Splice",
    "apply_patch",
    "digest",
    "make_patch",
    "ordered",
    "rebuilt",
    "replaced",
    "spliced",
]

#: Bytes held at once.
BLOCK = 1 << 20

#: First bytes of a patch.
MAGIC = b"gwp1"


@dataclass(frozen=True)
class Splice:
    """Bytes that take the place of a span.

    Parameters
    ----------
    start, stop : int
        Offsets in the old file; equal where something is put in between.
    data : bytes
        What stands there in the new one.
    """

    start: int
    stop: int
    data: bytes

    @property
    def growth(self) -> int:
        """Bytes that the file grows by; negative where it shrinks."""
        return len(self.data) - (self.stop - self.start)

    def moved(self, offset: int) -> Splice:
        """The same splice where the place it was counted from stands at `offset`."""
        return Splice(self.start + offset, self.stop + offset, self.data)


@dataclass(frozen=True)
class Digest:
    """A file's SHA-256 and length in bytes."""

    sha256: str
    size: int


def ordered(splices: Iterable[Splice]) -> tuple[Splice, ...]:
    """Splices in the order of the file.

    Of two at one place, the one given first comes first.

    Raises
    ------
    ValueError
        Two of them touch the same bytes.
    """
    held = tuple(sorted(splices, key=lambda s: (s.start, s.stop)))
    for one, other in itertools.pairwise(held):
        if other.start < one.stop:
            raise ValueError(f"two changes of byte {other.start}")
    return held


def rebuilt(start: int, stop: int, parts: Iterable[tuple[int | None, bytes]]) -> list[Splice]:
    """Splices that put a stretch of a file together anew, and leave be what is where it was.

    Parameters
    ----------
    start, stop : int
        The stretch.
    parts : iterable of (int or None, bytes)
        Its new bytes, one after the other, and where in the old ones they stand, if they do.
    """
    splices, place, new = [], start, b""
    for origin, data in parts:
        if origin is None or origin < place:
            new += data
        elif data:
            splices.append(Splice(place, origin, new))
            place, new = origin + len(data), b""
    splices.append(Splice(place, stop, new))
    return [s for s in splices if s.data or s.stop > s.start]


def spliced(source: BinaryIO, splices: Sequence[Splice]) -> Iterator[bytes]:
    """The new bytes of a file, in blocks.

    Parameters
    ----------
    source : binary file
        The old bytes; can seek.
    splices : sequence of Splice
        In order.

    Raises
    ------
    ValueError
        The file ends before a splice does.
    """
    source.seek(0)
    for splice in splices:
        yield from _exactly(source, splice.start - source.tell())
        if splice.stop > splice.start:
            source.seek(splice.stop - 1)
            if not source.read(1):
                raise ValueError(f"the file ends before byte {splice.stop}")
        if splice.data:
            yield splice.data
    while block := source.read(BLOCK):
        yield block


def _exactly(source: BinaryIO, count: int) -> Iterator[bytes]:
    while count:
        block = source.read(min(count, BLOCK))
        if not block:
            raise ValueError(f"the file ends {count} bytes early")
        count -= len(block)
        yield block


def replaced(data: bytes, splices: Iterable[Splice]) -> bytes:
    """The new bytes of what is in memory; splices in order."""
    out, place = bytearray(), 0
    for splice in splices:
        out += data[place : splice.start]
        out += splice.data
        place = splice.stop
    return bytes(out + data[place:])


def digest(blocks: Iterable[bytes]) -> Digest:
    """Hash and length of bytes that come in blocks."""
    sha, size = hashlib.sha256(), 0
    for block in blocks:
        sha.update(block)
        size += len(block)
    return Digest(sha.hexdigest(), size)


def make_patch(source: BinaryIO, splices: Sequence[Splice]) -> bytes:
    """What makes the old bytes of a file from its new ones.

    Parameters
    ----------
    source : binary file
        The old bytes.
    splices : sequence of Splice
        In order; what makes the new ones.
    """
    packed, grown, last = bytearray(), 0, 0
    for splice in splices:
        source.seek(splice.start)
        old = source.read(splice.stop - splice.start)
        start = splice.start + grown
        for number in (start - last, len(splice.data), len(old)):
            packed += _packed(number)
        packed += old
        grown += splice.growth
        last = start + len(splice.data)
    return MAGIC + zlib.compress(bytes(packed), 9)


def apply_patch(new: BinaryIO, patch: bytes) -> Iterator[bytes]:
    """The old bytes of a file, in blocks.

    Parameters
    ----------
    new : binary file
        The new bytes.
    patch : bytes
        From `make_patch`.

    Raises
    ------
    ValueError
        It is no patch, or none of this file.
    """
    if not patch.startswith(MAGIC):
        raise ValueError("no patch")
    try:
        splices = _unpacked(zlib.decompress(patch[len(MAGIC) :]))
    except (zlib.error, IndexError) as error:
        raise ValueError(f"no patch: {error}") from None
    yield from spliced(new, splices)


def _packed(number: int) -> bytes:
    """A number in as many bytes as it needs, seven bits each."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _unpacked(packed: bytes) -> list[Splice]:
    found: list[Splice] = []
    place = last = 0
    while place < len(packed):
        numbers = []
        for _ in range(3):
            number = shift = 0
            while packed[place] & 0x80:
                number |= (packed[place] & 0x7F) << shift
                shift += 7
                place += 1
            numbers.append(number | packed[place] << shift)
            place += 1
        gap, gone, come = numbers
        start = last + gap
        found.append(Splice(start, start + gone, packed[place : place + come]))
        place += come
        last = start + gone
    return found
