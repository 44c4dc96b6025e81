"""DSF: three chunks of which the first says where an ID3v2 tag at the end begins."""

from __future__ import annotations

import struct
from typing import BinaryIO

from genrewise.library.containers import id3
from genrewise.library.containers.base import Edit, Span, Unsafe, Wish, growth, read_at, size_of
from genrewise.library.patch import Splice, ordered

__all__ = ["audio", "change"]

#: Bytes of the first chunk, of a chunk's head, and where file size and tag stand.
FIRST, HEAD, SIZE, POINTER = 28, 12, 12, 20


def _tag_at(file: BinaryIO) -> int:
    """Where the tag begins; 0 where there is none."""
    size, stated, pointer = size_of(file), *struct.unpack("<QQ", read_at(file, SIZE, 16))
    if stated != size or pointer > size:
        raise Unsafe("it is not as long as it says")
    return int(pointer)


def change(file: BinaryIO, wish: Wish) -> Edit:
    """What grants a wish in a DSF file.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    size, pointer = size_of(file), _tag_at(file)
    if pointer:
        data = read_at(file, pointer, size - pointer)
        length = id3.tag_length(data[: id3.HEADER])
        if not 0 < length <= len(data):
            raise Unsafe("its ID3 tag is damaged")
        splices, note = id3.change(data[:length], wish)
        splices = [s.moved(pointer) for s in splices]
    else:
        tag = id3.new_tag(3, id3.frame(wish, 3))
        splices, note = ([Splice(size, size, tag)] if wish.values else []), ""
    if grown := growth(splices):
        numbers = struct.pack("<QQ", size + grown, pointer or size)
        splices.append(Splice(SIZE, POINTER + 8, numbers))
    return Edit(ordered(splices), note)


def audio(file: BinaryIO) -> list[Span]:
    """Format and samples.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    stop = _tag_at(file) or size_of(file)
    return [(FIRST, stop)]
