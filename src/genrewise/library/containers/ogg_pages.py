"""Pages of an Ogg file (RFC 3533): their headers, their checksum, the packets across them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers.base import Unsafe, read_at, size_of

__all__ = ["CONTINUED", "FIRST", "NOWHERE", "Page", "checksum", "content", "page_at", "pages"]

CONTINUED, FIRST = 1, 2

#: Granule position of a page on which no packet ends.
NOWHERE = (1 << 64) - 1

_HEAD = struct.Struct("<4sBBQIIIB")


@dataclass(frozen=True)
class Page:
    """A page without its content.

    Parameters
    ----------
    start : int
        Where it stands in the file.
    flags : int
    granule : int
    serial : int
        Of the logical stream.
    number : int
    crc : int
    lacing : bytes
        Lengths of its segments; a packet ends with one of less than 255.
    """

    start: int
    flags: int
    granule: int
    serial: int
    number: int
    crc: int
    lacing: bytes

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.start + _HEAD.size + len(self.lacing)

    @property
    def stop(self) -> int:
        """Where the next page begins."""
        return self.body + sum(self.lacing)

    def header(self, crc: int = 0) -> bytes:
        """The bytes before its content, with this checksum."""
        return (
            _HEAD.pack(
                *(b"OggS", 0, self.flags, self.granule, self.serial, self.number, crc),
                len(self.lacing),
            )
            + self.lacing
        )


def page_at(file: BinaryIO, start: int) -> Page | None:
    """The page that begins at `start`; None where no whole page does."""
    file.seek(start)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(b"OggS\0"):
        return None
    _, _, flags, granule, serial, number, crc, segments = _HEAD.unpack(head)
    lacing = file.read(segments)
    page = Page(start, flags, granule, serial, number, crc, lacing)
    return page if len(lacing) == segments and page.stop <= size_of(file) else None


def pages(file: BinaryIO, start: int = 0) -> Iterator[Page]:
    """Pages from `start` on, until the file ends or something else stands there."""
    while page := page_at(file, start):
        yield page
        start = page.stop


def content(file: BinaryIO, page: Page) -> bytes:
    """The segments of a page.

    Raises
    ------
    Unsafe
        Its checksum says that they are not what was written.
    """
    data = read_at(file, page.body, page.stop - page.body)
    if checksum(page.header() + data) != page.crc:
        raise Unsafe("it has a damaged page among its headers")
    return data


def checksum(data: bytes) -> int:
    """The checksum of a page, whose own field is zero in `data`.

    The polynomial is the one of zlib's CRC-32, but the bits of every byte go the other way and
    nothing is inverted; so bytes are turned about, and zlib, which is fast, does the rest.
    """
    # zlib inverts what it begins with and what it ends with: begun so, it begins with zero.
    crc = zlib.crc32(data.translate(_TURNED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(_TURNED), "big")


_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
