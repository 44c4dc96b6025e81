"""Ogg Vorbis, Opus, Speex and FLAC: a packet of comments near the beginning of a stream.

The packet is exchanged within the pages that hold it.  Pages have room to grow, so their number
stays as it was nearly always, and no page after them is touched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from genrewise.library.containers import vorbis
from genrewise.library.containers.base import Edit, Unsafe, Wish, growth, read_at, size_of
from genrewise.library.containers.ogg_pages import (
    CONTINUED,
    FIRST,
    NOWHERE,
    Page,
    checksum,
    content,
    page_at,
    pages,
)
from genrewise.library.patch import BLOCK, Splice, rebuilt

__all__ = ["audio", "change", "codec", "stream_codec"]

#: What the first packet of a stream begins with, and what its second begins with before the
#: comments: nothing but a block's head in FLAC.
CODECS = {
    "Vorbis": (b"\x01vorbis", b"\x03vorbis"),
    "Opus": (b"OpusHead", b"OpusTags"),
    "Speex": (b"Speex   ", b""),
    "FLAC": (b"\x7fFLAC", b""),
}

#: Bytes before the comments of FLAC: kind and length of a block; and the kind.
FLAC_HEAD, COMMENTS = 4, 4


def codec(first: bytes) -> str:
    """Which codec a stream is of, by its first packet; empty for those that are no audio."""
    return next((name for name, (magic, _) in CODECS.items() if first.startswith(magic)), "")


def stream_codec(file: BinaryIO) -> str:
    """Codec of the first audio stream.

    Raises
    ------
    Unsafe
        There is none.
    """
    return _headers(file)[0]


def change(file: BinaryIO, wish: Wish) -> Edit:
    """What grants a wish in the first audio stream of an Ogg file.

    Raises
    ------
    Unsafe
        It is damaged, or has no comments where they belong.
    """
    name, held = _headers(file)
    data = b"".join(content(file, page) for page in held)
    lacing = b"".join(page.lacing for page in held)
    own = _segments(lacing)
    length = sum(lacing[:own])
    splices = _packet_change(data[:length], name, wish)
    if not splices:
        return Edit(())
    laid = _laid(held, _lacing(length + growth(splices)) + lacing[own:])
    changes = rebuilt(held[0].start, held[-1].stop, _parts(file, held, laid, data, splices))
    if len(laid) > len(held):
        changes += _renumbered(file, held[-1], len(laid) - len(held))
    return Edit(tuple(changes))


def _headers(file: BinaryIO) -> tuple[str, list[Page]]:
    """The first audio stream's codec, and its pages from the second to the comments' end."""
    name, serial, held = "", 0, b""
    found: list[Page] = []
    for page in pages(file):
        if not name:
            if not page.flags & FIRST:
                break
            name, serial = codec(_beginning(file, page)), page.serial
        elif page.serial == serial:
            found.append(page)
            held += page.lacing
            if _segments(held):
                return name, found
    raise Unsafe(_NONE)


_NONE = "it has no comments where an Ogg file has them"


def _beginning(file: BinaryIO, page: Page) -> bytes:
    return read_at(file, page.body, min(page.stop - page.body, 16))


def _segments(lacing: bytes) -> int:
    """How many segments the first packet has; 0 where it does not end."""
    return next((i + 1 for i, length in enumerate(lacing) if length < 255), 0)


def _lacing(length: int) -> bytes:
    return b"\xff" * (length // 255) + bytes((length % 255,))


def _packet_change(packet: bytes, name: str, wish: Wish) -> list[Splice]:
    """What grants a wish in the packet of comments."""
    magic = CODECS[name][1]
    if not packet.startswith(magic) or (name == "FLAC" and packet[0] & 0x7F != COMMENTS):
        raise Unsafe(_NONE)
    begin = FLAC_HEAD if name == "FLAC" else len(magic)
    splices, end = vorbis.change(packet, begin, wish)
    if name in ("Vorbis", "Opus"):  # which allow for something behind their comments
        return vorbis.padded(packet, splices, end + (name == "Vorbis"))
    if name == "FLAC" and growth(splices):
        length = len(packet) - FLAC_HEAD + growth(splices)
        if length >= 1 << 24:
            raise Unsafe("its block of comments is full")
        splices.insert(0, Splice(1, FLAC_HEAD, length.to_bytes(3, "big")))
    return splices


def _laid(held: list[Page], lacing: bytes) -> list[Page]:
    """Pages that hold these segments: as many as there were, where they can.

    What is more or less than before is on the last ones.
    """
    counts = [len(page.lacing) for page in held]
    more = len(lacing) - sum(counts)
    for i in reversed(range(len(counts))):
        new = max(1, min(255, counts[i] + more))
        more -= new - counts[i]
        counts[i] = new
    while more > 0:
        counts.append(min(more, 255))
        more -= counts[-1]
    laid, place = [], 0
    for i, count in enumerate(counts):
        # Whether the packet before is not at its end yet.
        goes_on = place > 0 and lacing[place - 1] == 255
        page = _page(held[min(i, len(held) - 1)], lacing[place : place + count], goes_on)
        laid.append(replace(page, number=held[0].number + i))
        place += count
    return laid


def _page(model: Page, lacing: bytes, goes_on: bool) -> Page:
    """A page like another one with other segments."""
    granule, ends = model.granule, _segments(lacing) > 0
    if ends != (_segments(model.lacing) > 0):
        granule = 0 if ends else NOWHERE
    flags = model.flags & ~CONTINUED | (CONTINUED if goes_on else 0)
    return replace(model, flags=flags, granule=granule, lacing=lacing)


def _parts(
    file: BinaryIO, held: list[Page], laid: list[Page], data: bytes, splices: list[Splice]
) -> Iterator[tuple[int | None, bytes]]:
    """New pages piece by piece, with the places where the pieces stand in the file already."""
    places = _places(held)
    pieces = deque[tuple[int | None, bytes]]()
    last = 0
    for splice in splices:
        pieces += _standing(places, data, last, splice.start)
        pieces.append((None, splice.data))
        last = splice.stop
    pieces += _standing(places, data, last, len(data))
    for i, page in enumerate(laid):
        if 0 < i < len(held):  # pages of other streams in between
            between = held[i].start - held[i - 1].stop
            yield held[i - 1].stop, read_at(file, held[i - 1].stop, between)
        own = list(_taken(pieces, sum(page.lacing)))
        whole = page.header() + b"".join(piece for _, piece in own)
        header = page.header(checksum(whole))
        # A header that did not change is left where it is.
        same = i < len(held) and header == held[i].header(held[i].crc)
        yield held[i].start if same else None, header
        yield from own


def _places(held: list[Page]) -> list[tuple[int, int, int]]:
    """Stretches of the pages' content: first byte, last byte and where in the file."""
    found, place = [], 0
    for page in held:
        length = page.stop - page.body
        found.append((place, place + length, page.body))
        place += length
    return found


def _standing(
    places: list[tuple[int, int, int]], data: bytes, start: int, stop: int
) -> Iterator[tuple[int | None, bytes]]:
    """A stretch of the pages' content as pieces of the file."""
    for first, last, at in places:
        a, b = max(start, first), min(stop, last)
        if a < b:
            yield at + a - first, data[a:b]


def _taken(
    pieces: deque[tuple[int | None, bytes]], count: int
) -> Iterator[tuple[int | None, bytes]]:
    """The next bytes of some pieces."""
    while count:
        origin, data = pieces.popleft()
        if len(data) > count:
            rest = None if origin is None else origin + count
            pieces.appendleft((rest, data[count:]))
            data = data[:count]
        count -= len(data)
        yield origin, data


def _renumbered(file: BinaryIO, last: Page, more: int) -> Iterator[Splice]:
    """Numbers and checksums of all pages of a stream after the last one of its headers."""
    place, size = last.stop, size_of(file)
    while place < size:
        page = page_at(file, place)
        if page is None:
            raise Unsafe("it is damaged behind its headers, which have no room left")
        if page.serial == last.serial:
            if page.flags & FIRST:  # another song behind this one
                return
            new = replace(page, number=page.number + more & 0xFFFFFFFF)
            body = read_at(file, page.body, page.stop - page.body)
            crc = checksum(new.header() + body)
            yield Splice(page.start + 18, page.start + 26, new.header(crc)[18:26])
        place = page.stop


@dataclass
class _Stream:
    """How far a stream has been heard."""

    codec: str
    packet: int = 0
    sounds: bool = True
    begun: bool = False
    length: int = 0


def audio(file: BinaryIO) -> Iterator[bytes]:
    """What sounds in an Ogg file, however it is laid on pages: packets and their lengths.

    Packets that describe it are left out, but for those that a decoder needs; from a damaged
    place on there is all that follows.

    Raises
    ------
    Unsafe
        There is no audio stream.
    """
    streams: dict[int, _Stream] = {}
    place = 0
    for page in pages(file):
        if page.flags & FIRST:
            streams[page.serial] = _Stream(codec(_beginning(file, page)))
        stream = streams.get(page.serial)
        if stream is not None and stream.codec:
            yield from _heard(stream, page.lacing, read_at(file, page.body, sum(page.lacing)))
        place = page.stop
    if not any(stream.codec for stream in streams.values()):
        raise Unsafe("it has no audio")
    file.seek(place)
    while block := file.read(BLOCK):
        yield block


def _heard(stream: _Stream, lacing: bytes, data: bytes) -> Iterator[bytes]:
    """Segments of a page that sound, and the length of each packet that ends on it."""
    place = 0
    for length in lacing:
        if not stream.begun:
            stream.begun = True
            stream.sounds = _sounds(stream, data[place : place + 1])
        if stream.sounds:
            yield data[place : place + length]
            stream.length += length
        place += length
        if length < 255:
            if stream.sounds:
                yield stream.length.to_bytes(8, "little")
            stream.packet += 1
            stream.begun, stream.length = False, 0


def _sounds(stream: _Stream, first: bytes) -> bool:
    """Whether a packet that begins with this byte is of the audio."""
    if stream.codec == "FLAC":  # blocks of metadata, then frames
        return stream.packet == 0 or first == b"\xff"
    return stream.packet != 1
