"""WAV, AIFF and DSDIFF: chunks in a form, one of which may hold an ID3v2 tag.

WAV files may also state a genre in ``LIST INFO``; it is kept in step where it is there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers import id3
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

__all__ = ["AIFF", "DSDIFF", "WAV", "Layout", "audio", "change", "info"]


@dataclass(frozen=True)
class Layout:
    """How a form is written.

    Parameters
    ----------
    number : str
        Of a chunk's length, as for struct.
    tag : bytes
        Name of the chunk of a new ID3v2 tag; others may be written in another case.
    sound : tuple of bytes
        Chunks that say how it sounds.
    """

    number: str
    tag: bytes
    sound: tuple[bytes, ...]

    @property
    def head(self) -> int:
        """Bytes of a chunk's head."""
        return 4 + struct.calcsize(self.number)


WAV = Layout("<I", b"id3 ", (b"fmt ", b"data"))
AIFF = Layout(">I", b"ID3 ", (b"COMM", b"SSND"))
DSDIFF = Layout(">Q", b"ID3 ", (b"PROP", b"DSD ", b"DST "))

#: Texts of ``LIST INFO`` by their ID3v2 frames.
INFO = {
    b"IGNR": "TCON",
    b"IART": "TPE1",
    b"IPRD": "TALB",
    b"INAM": "TIT2",
    b"ICMT": "COMM",
}


@dataclass(frozen=True)
class _Chunk:
    """Where a chunk stands; `stop` is without the byte that makes it even."""

    name: bytes
    start: int
    body: int
    stop: int

    @property
    def after(self) -> int:
        """Where the next one begins."""
        return self.stop + (self.stop - self.body) % 2


def _chunks(file: BinaryIO, layout: Layout, start: int, stop: int) -> list[_Chunk]:
    found, place = [], start
    while place + layout.head <= stop:
        head = read_at(file, place, layout.head)
        body = place + layout.head
        chunk = _Chunk(head[:4], place, body, body + struct.unpack_from(layout.number, head, 4)[0])
        if chunk.stop > stop:
            raise Unsafe(f"its chunk {_shown(chunk.name)} is longer than the file")
        found.append(chunk)
        place = chunk.after
    return found


def _shown(name: bytes) -> str:
    return repr(name.decode("ascii", "backslashreplace").strip())


def _form(file: BinaryIO, layout: Layout) -> tuple[int, list[_Chunk]]:
    """Where the form ends, and its chunks."""
    size = size_of(file)
    length = struct.unpack(layout.number, read_at(file, 4, layout.head - 4))[0]
    # Some programs count the form's own head as well, or leave the last even byte out: what
    # counts is that the chunks themselves are whole.
    stop = min(layout.head + length, size)
    held = _chunks(file, layout, layout.head + 4, stop)
    if not held or held[-1].after < stop:
        raise Unsafe("it has something else than chunks")
    return stop, held


def change(file: BinaryIO, wish: Wish, layout: Layout) -> Edit:
    """What grants a wish in a WAV, AIFF or DSDIFF file.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    stop, held = _form(file, layout)
    if size_of(file) - stop > 1:
        raise Unsafe("something follows behind its end")
    tags = [c for c in held if c.name.upper() in (b"ID3 ", b"ID3\0")]
    if len(tags) > 1:
        raise Unsafe("it has several ID3 tags")
    splices, note = _tagged(file, tags[0], wish, layout, stop) if tags else ([], "")
    if layout is WAV and wish.field == "genre":
        splices += _informed(file, held, wish, stop)
    if not tags and wish.values:
        splices.append(_appended(held, wish, layout, stop))
    if grown := growth(splices):
        length = _packed(layout, stop - layout.head + grown)
        splices.append(Splice(4, layout.head, length))
    return Edit(ordered(splices), note)


def _tagged(
    file: BinaryIO, chunk: _Chunk, wish: Wish, layout: Layout, stop: int
) -> tuple[list[Splice], str]:
    """What grants a wish in the tag that a chunk holds."""
    data = read_at(file, chunk.body, chunk.stop - chunk.body)
    length = id3.tag_length(data[: id3.HEADER])
    if not 0 < length <= len(data):
        raise Unsafe("its ID3 tag is damaged")
    splices, note = id3.change(data[:length], wish)
    return _fitted([s.moved(chunk.body) for s in splices], chunk, layout, stop), note


def _fitted(splices: list[Splice], chunk: _Chunk, layout: Layout, stop: int) -> list[Splice]:
    """The length of a chunk that changes, and the byte that makes it even."""
    grown = growth(splices)
    if not grown:
        return splices
    length = chunk.stop - chunk.body
    splices = [*splices, Splice(chunk.start + 4, chunk.body, _packed(layout, length + grown))]
    if grown % 2 and length % 2:
        splices.append(Splice(chunk.stop, min(chunk.after, stop), b""))
    elif grown % 2:
        splices.append(Splice(chunk.stop, chunk.stop, b"\0"))
    return splices


def _appended(held: list[_Chunk], wish: Wish, layout: Layout, stop: int) -> Splice:
    """A chunk with a new tag behind all others."""
    tag = id3.new_tag(3, id3.frame(wish, 3))
    tag += bytes(len(tag) % 2)
    missing = bytes(held[-1].after - stop)  # a last even byte that was left out
    return Splice(stop, stop, missing + layout.tag + _packed(layout, len(tag)) + tag)


def _packed(layout: Layout, length: int) -> bytes:
    if length >= 1 << 8 * (layout.head - 4):
        raise Unsafe("it is too long for more tags")
    return struct.pack(layout.number, length)


def _lists(file: BinaryIO, held: list[_Chunk]) -> list[tuple[_Chunk, list[_Chunk]]]:
    """``LIST INFO`` chunks, and the texts in them."""
    return [
        (chunk, _chunks(file, WAV, chunk.body + 4, chunk.stop))
        for chunk in held
        if chunk.name == b"LIST"
        and chunk.stop - chunk.body >= 4
        and read_at(file, chunk.body, 4) == b"INFO"
    ]


def _informed(file: BinaryIO, held: list[_Chunk], wish: Wish, stop: int) -> list[Splice]:
    """Keep a genre in ``LIST INFO`` in step."""
    splices: list[Splice] = []
    for chunk, texts in _lists(file, held):
        old = [(t.start, min(t.after, chunk.stop)) for t in texts if t.name == b"IGNR"]
        text = wish.text.encode("utf-8") + b"\0"
        new = b"IGNR" + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
        found = replace_all(old, new if wish.values else b"", chunk.stop) if old else []
        if [read_at(file, s.start, s.stop - s.start) for s in found] != [s.data for s in found]:
            splices += _fitted(found, chunk, WAV, stop)
    return splices


def info(file: BinaryIO) -> dict[str, str]:
    """Texts of a WAV file's ``LIST INFO`` by their ID3v2 frames.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    _, held = _form(file, WAV)
    found = {}
    for _, texts in _lists(file, held):
        for text in texts:
            if text.name in INFO:
                raw = read_at(file, text.body, text.stop - text.body).rstrip(b"\0 ")
                found[INFO[text.name]] = _decoded(raw)
    return found


def _decoded(raw: bytes) -> str:
    """Text of an encoding that is not stated."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def audio(file: BinaryIO, layout: Layout) -> list[Span]:
    """Chunks that say how it sounds; one that is cut off ends with the file.

    Raises
    ------
    Unsafe
        There are none.
    """
    size, place, spans = size_of(file), layout.head + 4, []
    while place + layout.head <= size:
        head = read_at(file, place, layout.head)
        length = struct.unpack_from(layout.number, head, 4)[0]
        body = place + layout.head
        if head[:4] in layout.sound:
            spans.append((body, min(body + length, size)))
        place = body + length + length % 2
    return spans
