"""APEv2 tags: a list of items between a header and a footer that both say its size.

Monkey's Audio's "APE Tags Version 2" (hydrogenaudio).  The first version lacks the header, and
lists.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from genrewise.library.containers.base import Span, Unsafe, Wish, growth, replace_all
from genrewise.library.patch import Splice, ordered

__all__ = ["EDGE", "Item", "change", "has", "is_tag", "items", "new_tag", "tag_span"]

#: Bytes of a header or a footer.
EDGE = 32

MAGIC = b"APETAGEX"
FIELDS = {"genre": b"genre", "comment": b"comment", "grouping": b"grouping"}

#: Items that make a tag more than a note of the loudness.
NAMING = (b"title", b"artist", b"album", b"genre")

HAS_HEADER, IS_HEADER = 1 << 31, 1 << 29


@dataclass(frozen=True)
class Item:
    """Where an item stands in its tag, and its key in lower case."""

    key: bytes
    start: int
    stop: int


def tag_span(footer: bytes, stop: int) -> Span:
    """Where the tag lies whose footer, 32 bytes, ends at `stop`.

    Raises
    ------
    Unsafe
        It would begin before the file does.
    """
    size, flags = struct.unpack_from("<I", footer, 12)[0], struct.unpack_from("<I", footer, 20)[0]
    start = stop - size - (EDGE if flags & HAS_HEADER else 0)
    if size < EDGE or start < 0:
        raise Unsafe("its APE tag is damaged")
    return start, stop


def is_tag(footer: bytes) -> bool:
    """Whether these are the last 32 bytes of a tag."""
    return len(footer) == EDGE and footer.startswith(MAGIC)


def items(tag: bytes) -> list[Item]:
    """Items of a whole tag.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    place = EDGE if tag.startswith(MAGIC) and len(tag) > EDGE else 0
    found: list[Item] = []
    while place < len(tag) - EDGE:
        end = tag.find(b"\0", place + 8, len(tag) - EDGE)
        stop = end + 1 + struct.unpack_from("<I", tag, place)[0]
        if end < 0 or stop > len(tag) - EDGE:
            raise Unsafe("its APE tag is damaged")
        found.append(Item(tag[place + 8 : end].lower(), place, stop))
        place = stop
    return found


def has(tag: bytes, field: str) -> bool:
    """Whether a tag holds a field.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    return any(item.key == FIELDS[field] for item in items(tag))


def change(tag: bytes, wish: Wish) -> list[Splice]:
    """What grants a wish in a tag; counted from its start.

    Raises
    ------
    Unsafe
        It is damaged, or cannot hold it.
    """
    version = struct.unpack_from("<I", tag, len(tag) - EDGE + 8)[0]
    if version < 2000 and len(wish.values) > 1 and wish.field == "genre":
        raise Unsafe("its tag, APEv1, holds one genre only")
    held = items(tag)
    old = [(i.start, i.stop) for i in held if i.key == FIELDS[wish.field]]
    splices = replace_all(old, _item(wish), len(tag) - EDGE)
    if [tag[s.start : s.stop] for s in splices] == [s.data for s in splices]:
        return []
    count = len(held) - len(old) + bool(wish.values)
    size = struct.unpack_from("<I", tag, len(tag) - EDGE + 12)[0] + growth(splices)
    for at in {0, len(tag) - EDGE}:
        if tag.startswith(MAGIC, at):
            splices.append(Splice(at + 12, at + 20, struct.pack("<II", size, count)))
    return list(ordered(splices))


def new_tag(wish: Wish, more: dict[str, str]) -> bytes:
    """A tag with what is wished, and other texts by their keys."""
    packed = [_text(key.encode("ascii"), text) for key, text in more.items()]
    packed.append(_item(wish))
    body = b"".join(packed)
    edge = MAGIC + struct.pack("<III", 2000, len(body) + EDGE, len(packed))
    header = edge + struct.pack("<IQ", HAS_HEADER | IS_HEADER, 0)
    return header + body + edge + struct.pack("<IQ", HAS_HEADER, 0)


def _item(wish: Wish) -> bytes:
    if not wish.values:
        return b""
    text = "\0".join(wish.values) if wish.field == "genre" else wish.text
    return _text(wish.field.title().encode("ascii"), text)


def _text(key: bytes, text: str) -> bytes:
    value = text.encode("utf-8")
    return struct.pack("<II", len(value), 0) + key + b"\0" + value
