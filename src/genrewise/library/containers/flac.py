"""FLAC: blocks of metadata, one of them Vorbis comments, one perhaps padding, then frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers import ends, vorbis
from genrewise.library.containers.base import Edit, Span, Unsafe, Wish, growth, read_at
from genrewise.library.patch import Splice, ordered

__all__ = ["audio", "change"]

STREAMINFO, PADDING, COMMENTS = 0, 1, 4
LAST = 0x80

#: Bytes of a block's header, and what its length can say.
HEAD, LONGEST = 4, (1 << 24) - 1


@dataclass(frozen=True)
class _Block:
    kind: int
    start: int
    length: int
    last: bool

    @property
    def body(self) -> int:
        return self.start + HEAD

    @property
    def stop(self) -> int:
        return self.body + self.length


def _blocks(file: BinaryIO, start: int) -> list[_Block]:
    """Blocks of metadata; what follows the last one is a frame."""
    found: list[_Block] = []
    place = start + 4
    while not found or not found[-1].last:
        head = read_at(file, place, HEAD)
        length = int.from_bytes(head[1:], "big")
        found.append(_Block(head[0] & 0x7F, place, length, bool(head[0] & LAST)))
        place = found[-1].stop
    if found[0].kind != STREAMINFO or found[0].length != 34:
        raise Unsafe("it does not begin with a FLAC stream's description")
    first = read_at(file, place, 2)
    if first[0] != 0xFF or first[1] & 0xFC != 0xF8:
        raise Unsafe("its metadata do not end where its audio begins")
    return found


def change(file: BinaryIO, wish: Wish) -> Edit:
    """What grants a wish in a FLAC file.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    about = ends.find(file)
    blocks = _blocks(file, about.audio[0])
    held = [b for b in blocks if b.kind == COMMENTS]
    if len(held) > 1:
        raise Unsafe("it has several blocks of comments")
    splices = _comments(file, held[0], wish) if held else _new(blocks[0], wish)
    others, note = ends.change(file, about, wish)
    return Edit(ordered(splices + _room(blocks, splices) + others), note)


def _comments(file: BinaryIO, block: _Block, wish: Wish) -> list[Splice]:
    data = read_at(file, block.body, block.length)
    splices, _ = vorbis.change(data, 0, wish)
    length = block.length + growth(splices)
    if length > LONGEST:
        raise Unsafe("its block of comments is full")
    if length != block.length:
        splices.append(Splice(-3, 0, length.to_bytes(3, "big")))
    return [s.moved(block.body) for s in splices]


def _new(first: _Block, wish: Wish) -> list[Splice]:
    """A block of comments behind the stream's description."""
    if not wish.values:
        return []
    body = vorbis.new_block(wish)
    head = bytes((COMMENTS | (LAST if first.last else 0),)) + len(body).to_bytes(3, "big")
    splices = [Splice(first.stop, first.stop, head + body)]
    if first.last:
        splices.append(Splice(first.start, first.start + 1, bytes((STREAMINFO,))))
    return splices


def _room(blocks: list[_Block], splices: list[Splice]) -> list[Splice]:
    """Take what the file would grow by from the padding, where there is enough."""
    grown = growth(splices)
    padding = next((b for b in blocks if b.kind == PADDING), None)
    if padding is None or not grown or not 0 <= padding.length - grown <= LONGEST:
        return []
    head = Splice(padding.start + 1, padding.body, (padding.length - grown).to_bytes(3, "big"))
    if grown > 0:
        return [head, Splice(padding.body, padding.body + grown, b"")]
    return [head, Splice(padding.body, padding.body, bytes(-grown))]


def audio(file: BinaryIO) -> list[Span]:
    """The stream's description, and its frames.

    Raises
    ------
    Unsafe
        They cannot be told from the metadata.
    """
    start, stop = ends.find(file).audio
    blocks = _blocks(file, start)
    return [(blocks[0].body, blocks[0].stop), (blocks[-1].stop, stop)]
