"""ASF (WMA): objects of a header, in which attributes are listed.

Microsoft's Advanced Systems Format, revision 01.20.  Genres are attributes of the extended
content description; programs that write several languages repeat them in the metadata library.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from genrewise.library.containers.base import (
    Edit,
    Span,
    Unsafe,
    Wish,
    growth,
    read_at,
    replace_all,
    size_of,
)
from genrewise.library.patch import Splice, ordered

__all__ = ["MAGIC", "audio", "change"]


def _guid(text: str) -> bytes:
    return UUID(text).bytes_le


MAGIC = _guid("75b22630-668e-11cf-a6d9-00aa0062ce6c")
DATA = _guid("75b22636-668e-11cf-a6d9-00aa0062ce6c")
FILE = _guid("8cabdca1-a947-11cf-8ee4-00c00c205365")
CONTENT = _guid("75b22633-668e-11cf-a6d9-00aa0062ce6c")
ATTRIBUTES = _guid("d2d0a440-e307-11d2-97f0-00a0c95ea850")
EXTENSION = _guid("5fbf03b5-a92e-11cf-8ee3-00c00c205365")
METADATA = _guid("c5f8cbea-5baf-4877-8467-aa8c44fa4cca")
LIBRARY = _guid("44231c94-9498-49d1-a141-1d134e457054")
PADDING = _guid("1806d474-cadf-4509-a4ba-9aabcb96aae8")

#: Bytes of an object's head, of the header's and the extension's own, and of the data's.
HEAD, HEADER_HEAD, EXTENSION_HEAD, DATA_HEAD = 24, 30, 46, 50

#: Attributes of a field, the one that is written first.
NAMES = {
    "genre": ("WM/Genre", "WM/GenreID"),
    "comment": ("Description",),
    "grouping": ("WM/ContentGroupDescription",),
}

#: Place of a comment among the texts of the content description, and how many there are.
DESCRIPTION, TEXTS = 3, 5


@dataclass(frozen=True)
class _Object:
    """Where an object stands in the header."""

    guid: bytes
    start: int
    stop: int


@dataclass(frozen=True)
class _Attribute:
    name: str
    start: int
    stop: int


def change(file: BinaryIO, wish: Wish) -> Edit:
    """What grants a wish in an ASF file.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    header = _header(file)
    objects = _objects(header, HEADER_HEAD, len(header))
    if wish.field == "comment":
        splices = _described(header, objects, wish)
    else:
        splices = _listed(header, objects, wish) + _without(header, objects, wish)
    if not splices:
        return Edit(())
    splices += _padded(objects, growth(splices))
    return Edit(ordered(splices + _stated(header, objects, growth(splices), size_of(file))))


def _header(file: BinaryIO) -> bytes:
    """The header object, whole."""
    size = struct.unpack("<Q", read_at(file, 16, 8))[0]
    if not HEADER_HEAD <= size <= size_of(file):
        raise Unsafe("its header is damaged")
    return read_at(file, 0, size)


def _objects(data: bytes, place: int, stop: int) -> list[_Object]:
    found = []
    while place < stop:
        size = struct.unpack_from("<Q", data, place + 16)[0] if place + HEAD <= stop else 0
        if size < HEAD or place + size > stop:
            raise Unsafe("its header is damaged")
        found.append(_Object(data[place : place + 16], place, place + size))
        place += size
    return found


def _only(objects: list[_Object], guid: bytes) -> _Object | None:
    found = [o for o in objects if o.guid == guid]
    if len(found) > 1:
        raise Unsafe("its header has an object twice")
    return found[0] if found else None


def _attributes(data: bytes, held: _Object) -> list[_Attribute]:
    """Attributes of a list; of the metadata's two kinds those that are of the whole file."""
    long = held.guid != ATTRIBUTES
    found, place = [], held.start + HEAD + 2
    try:
        for _ in range(struct.unpack_from("<H", data, held.start + HEAD)[0]):
            if long:
                _, stream, named, _, length = struct.unpack_from("<HHHHI", data, place)
                name = place + 12
                stop = name + named + length
            else:
                stream, named = 0, struct.unpack_from("<H", data, place)[0]
                name = place + 2
                stop = name + named + 4 + struct.unpack_from("<H", data, name + named + 2)[0]
            if stop > held.stop:
                raise Unsafe("its attributes are damaged")
            text = data[name : name + named].decode("utf-16-le", "replace").rstrip("\0")
            if not stream:
                found.append(_Attribute(text, place, stop))
            place = stop
    except struct.error:
        raise Unsafe("its attributes are damaged") from None
    return found


def _listed(data: bytes, objects: list[_Object], wish: Wish) -> list[Splice]:
    """What grants a wish in the extended content description."""
    new = [_attribute(NAMES[wish.field][0], v) for v in wish.wanted]
    held = _only(objects, ATTRIBUTES)
    if held is None:
        if not new:
            return []
        body = struct.pack("<H", len(new)) + b"".join(new)
        whole = ATTRIBUTES + struct.pack("<Q", HEAD + len(body)) + body
        count = struct.unpack_from("<I", data, HEAD)[0] + 1
        return [Splice(len(data), len(data), whole), _number(HEAD, count)]
    listed = _attributes(data, held)
    old = [(a.start, a.stop) for a in listed if a.name in NAMES[wish.field]]
    end = listed[-1].stop if listed else held.start + HEAD + 2
    splices = replace_all(old, b"".join(new), end)
    if [data[s.start : s.stop] for s in splices] == [s.data for s in splices]:
        return []
    return splices + _resized(data, held, splices, len(new) - len(old))


def _without(data: bytes, objects: list[_Object], wish: Wish) -> list[Splice]:
    """What takes a field out of the lists in the header's extension."""
    extension = _only(objects, EXTENSION)
    if extension is None:
        return []
    splices: list[Splice] = []
    for held in _objects(data, extension.start + EXTENSION_HEAD, extension.stop):
        if held.guid in (METADATA, LIBRARY):
            old = [a for a in _attributes(data, held) if a.name in NAMES[wish.field]]
            gone = [Splice(a.start, a.stop, b"") for a in old]
            splices += gone + (_resized(data, held, gone, -len(old)) if gone else [])
    if grown := growth(splices):
        at = extension.start
        size = extension.stop - at + grown
        splices.append(Splice(at + 16, at + 24, struct.pack("<Q", size)))
        splices.append(_number(at + EXTENSION_HEAD - 4, size - EXTENSION_HEAD))
    return splices


def _resized(data: bytes, held: _Object, splices: list[Splice], more: int) -> list[Splice]:
    """Length of a list, and how many attributes it has."""
    at, count = held.start, struct.unpack_from("<H", data, held.start + HEAD)[0] + more
    if count >= 1 << 16:
        raise Unsafe("it has too many attributes")
    size = struct.pack("<Q", held.stop - at + growth(splices))
    return [
        Splice(at + 16, at + HEAD, size),
        Splice(at + HEAD, at + HEAD + 2, struct.pack("<H", count)),
    ]


def _described(data: bytes, objects: list[_Object], wish: Wish) -> list[Splice]:
    """What sets the comment, which stands among five texts without names."""
    new = _text(wish.text) if wish.values else b""
    if len(new) >= 1 << 16:
        raise Unsafe("the comment is too long for it")
    held = _only(objects, CONTENT)
    if held is None:
        lengths = [0] * TEXTS
        lengths[DESCRIPTION] = len(new)
        body = struct.pack("<5H", *lengths) + new
        whole = CONTENT + struct.pack("<Q", HEAD + len(body)) + body
        count = struct.unpack_from("<I", data, HEAD)[0] + 1
        return [Splice(len(data), len(data), whole), _number(HEAD, count)] if new else []
    at = held.start + HEAD
    lengths = list(struct.unpack("<5H", data[at : at + 2 * TEXTS].ljust(2 * TEXTS, b"\0")))
    start = at + 2 * TEXTS + sum(lengths[:DESCRIPTION])
    stop = start + lengths[DESCRIPTION]
    if at + 2 * TEXTS + sum(lengths) > held.stop:
        raise Unsafe("its description is damaged")
    if data[start:stop] == new:
        return []
    size = struct.pack("<Q", held.stop - held.start + len(new) - (stop - start))
    return [
        Splice(held.start + 16, at, size),
        Splice(at + 2 * DESCRIPTION, at + 2 * DESCRIPTION + 2, struct.pack("<H", len(new))),
        Splice(start, stop, new),
    ]


def _padded(objects: list[_Object], grown: int) -> list[Splice]:
    """Take what the header would grow by from its padding, where there is enough."""
    held = next((o for o in objects if o.guid == PADDING), None)
    if held is None or not grown or held.stop - held.start - grown < HEAD:
        return []
    size = struct.pack("<Q", held.stop - held.start - grown)
    splices = [Splice(held.start + 16, held.start + HEAD, size)]
    if grown < 0:
        return [*splices, Splice(held.stop, held.stop, bytes(-grown))]
    return [*splices, Splice(held.stop - grown, held.stop, b"")]


def _stated(data: bytes, objects: list[_Object], grown: int, size: int) -> list[Splice]:
    """Length of the header and of the file, as they are stated."""
    if not grown:
        return []
    splices = [Splice(16, 24, struct.pack("<Q", len(data) + grown))]
    about = _only(objects, FILE)
    if about is not None and data[about.start + 40 : about.start + 48] == struct.pack("<Q", size):
        at = about.start + 40
        splices.append(Splice(at, at + 8, struct.pack("<Q", size + grown)))
    return splices


def _number(at: int, number: int) -> Splice:
    return Splice(at, at + 4, struct.pack("<I", number))


def _text(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def _attribute(name: str, value: str) -> bytes:
    """An attribute that is text."""
    named, held = _text(name), _text(value)
    if len(held) >= 1 << 16:
        raise Unsafe("the text is too long for it")
    return struct.pack("<H", len(named)) + named + struct.pack("<HH", 0, len(held)) + held


def audio(file: BinaryIO) -> list[Span]:
    """Packets of the data object.

    Raises
    ------
    Unsafe
        There is none.
    """
    place, size = len(_header(file)), size_of(file)
    while place + HEAD <= size:
        head = read_at(file, place, HEAD)
        length = struct.unpack_from("<Q", head, 16)[0]
        if head[:16] == DATA:  # a length of zero is one that was not known yet
            return [(place + DATA_HEAD, min(place + length, size) if length else size)]
        if length < HEAD:
            break
        place += length
    raise Unsafe("it has no audio")
