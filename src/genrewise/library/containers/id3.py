"""ID3v2 tags: one frame set, every other one left byte for byte where it stands.

ID3v2.3.0 and ID3v2.4.0 (id3.org); 2.2 is turned into 2.3 by :mod:`id3_upgrade`.  Padding takes
up what the tag grows by; where there is none, what follows the tag moves.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from genrewise.library.containers import id3_upgrade
from genrewise.library.containers.base import Unsafe, Wish, growth, replace_all
from genrewise.library.patch import Splice, ordered, replaced

__all__ = ["HEADER", "Tag", "change", "frame", "has", "new_tag", "parse", "tag_length"]

#: Bytes of a tag's header, and of its footer; what its size cannot say any more.
HEADER, TOO_LONG = 10, 1 << 28

UNSYNCHRONISED, EXTENDED, FOOTER = 0x80, 0x40, 0x10

#: Frame of a field, in 2.2 and since 2.3.
FRAMES = {
    "genre": (b"TCO", b"TCON"),
    "comment": (b"COM", b"COMM"),
    "grouping": (b"TT1", b"TIT1"),
}

UPGRADED = "ID3v2.2 became ID3v2.3"


@dataclass(frozen=True)
class Frame:
    """Where a frame stands in its tag, header included."""

    name: bytes
    start: int
    body: int
    stop: int


@dataclass(frozen=True)
class Tag:
    """A tag taken apart.

    Parameters
    ----------
    data : bytes
        From "ID3" to the end of the padding or the footer; not unsynchronised as a whole.
    version : int
        2, 3 or 4.
    frames : tuple of Frame
    begin, end : int
        Where the frames begin and end.
    padding : int
        Zeros after them.
    crc : int
        Where their checksum stands; 0 where there is none.
    syncsafe : bool
        How sizes of frames are written: some programs wrote those of 2.4 as those of 2.3.
    """

    data: bytes
    version: int
    frames: tuple[Frame, ...]
    begin: int
    end: int
    padding: int
    crc: int
    syncsafe: bool

    @property
    def footer(self) -> int:
        """Length of its footer."""
        return HEADER if self.version == 4 and self.data[5] & FOOTER else 0


def tag_length(head: bytes) -> int:
    """Length of the tag that begins with these ten bytes, all included; 0 where none does."""
    if len(head) < HEADER or head[:3] != b"ID3" or max(head[6:10]) > 0x7F or 0xFF in head[3:5]:
        return 0
    return HEADER + _unsafe_int(head[6:10]) + (HEADER if head[3] == 4 and head[5] & FOOTER else 0)


def parse(data: bytes) -> Tag:
    """Take a whole tag apart.

    Raises
    ------
    Unsafe
        It is damaged, or of a kind that is not written.
    """
    version, flags = data[3], data[5]
    if version not in (2, 3, 4):
        raise Unsafe(f"its tag is ID3v2.{version}")
    if version == 2 and flags & EXTENDED:
        raise Unsafe("its ID3v2.2 tag is compressed")
    stop = len(data) - (HEADER if flags & FOOTER and version == 4 else 0)
    begin, crc = _extended(data, version, flags, stop)
    syncsafe = version == 4
    frames, end, clean = _walk(data, begin, stop, version, syncsafe)
    if version == 4 and not clean:
        plain = _walk(data, begin, stop, version, False)
        if plain[2]:
            (frames, end, _), syncsafe = plain, False
    rest = data[end:stop]
    padding = 0 if rest.strip(b"\0") else len(rest)
    tag = Tag(data, version, frames, begin, end, padding, crc, syncsafe)
    if crc and _checksum(tag, data, padding) != data[crc : crc + len(_checksum(tag, data, 0))]:
        raise Unsafe("its ID3v2 tag has a wrong checksum")
    return tag


def has(data: bytes, field: str) -> bool:
    """Whether a tag holds a field.

    Raises
    ------
    Unsafe
        As `parse`.
    """
    return bool(_of_field(parse(_resynchronised(data)), field))


def change(data: bytes, wish: Wish) -> tuple[list[Splice], str]:
    """What grants a wish in a tag.

    Parameters
    ----------
    data : bytes
        The whole tag.
    wish : Wish

    Returns
    -------
    list of Splice
        Counted from the start of the tag.
    str
        What the user should know, or nothing.

    Raises
    ------
    Unsafe
        As `parse`.
    """
    plain = _resynchronised(data)
    splices, note = _change(parse(plain), wish)
    if plain is data or not splices:
        return splices, note
    new = replaced(plain, splices)
    # What was 2.2 has lost the flag, and need not be unsynchronised again.
    new = _sized(new[:HEADER], new[HEADER:]) if data[3] == 2 else _unsynchronised(new)
    return [_difference(data, new)], note


def new_tag(version: int, frames: bytes) -> bytes:
    """A tag of these frames."""
    return b"ID3" + bytes((version, 0, 0)) + _syncsafe(len(frames)) + frames


def frame(wish: Wish, version: int, old: bytes = b"", syncsafe: bool = True) -> bytes:
    """The frame that holds what is wished; nothing where that is nothing.

    Parameters
    ----------
    wish : Wish
    version : int
        3 or 4.
    old : bytes
        Body of the frame that it replaces: a comment keeps its language.
    syncsafe : bool
        Write the size as 2.4 has it.
    """
    if not wish.values:
        return b""
    if wish.field == "comment":
        encoding, text = _encoded(wish.text, version)
        language = old[1:4] if len(old) > 4 else b"eng"
        # The description before the text is empty, and ends as texts of its encoding do.
        empty = b"\xff\xfe\0\0" if encoding == 1 else b"\0"
        body = bytes((encoding,)) + language + empty + text
    else:
        joined = _genres(wish.values, version) if wish.field == "genre" else wish.text
        encoding, text = _encoded(joined, version)
        body = bytes((encoding,)) + text
    size = _syncsafe(len(body)) if syncsafe and version == 4 else struct.pack(">I", len(body))
    return FRAMES[wish.field][1] + size + b"\0\0" + body


def _genres(values: tuple[str, ...], version: int) -> str:
    """Several values as each version has them.

    2.4 sets NUL between them.  2.3 knows no lists but those of the standard's own numbers; a
    text ends at a NUL for many players, so a slash, which all of them show, stands between.
    """
    if version == 4:
        return "\0".join(values)
    # A parenthesis at the beginning would be taken for a number of the list.
    return "/".join("(" + v if v.startswith("(") else v for v in values)


def _encoded(text: str, version: int) -> tuple[int, bytes]:
    """Number of an encoding, and text in it.

    ASCII reads the same everywhere; ISO 8859-1, the default, is often read as something else.
    """
    if text.isascii():
        return 0, text.encode("ascii")
    if version == 4:
        return 3, text.encode("utf-8")
    return 1, b"\xff\xfe" + text.encode("utf-16-le")


def _change(tag: Tag, wish: Wish) -> tuple[list[Splice], str]:
    version = max(tag.version, 3)
    old = _of_field(tag, wish.field)
    keep = tag.data[old[0].body : old[0].stop] if old else b""
    new = frame(wish, version, keep, tag.syncsafe)
    splices = replace_all([(f.start, f.stop) for f in old], new, tag.end)
    if not splices or [tag.data[s.start : s.stop] for s in splices] == [s.data for s in splices]:
        return [], ""  # 2.2 becomes 2.3 only where there is something to write
    note = ""
    if tag.version == 2:
        gone = {f.start for f in old}
        splices += id3_upgrade.upgrade(
            tag.data, [(f.name, f.start, f.body, f.stop) for f in tag.frames if f.start not in gone]
        )
        note = UPGRADED
    return _fitted(tag, splices), note


def _fitted(tag: Tag, splices: list[Splice]) -> list[Splice]:
    """Make padding take up what a tag grows by, and write the tag's size."""
    grown = growth(splices)
    left = max(tag.padding - grown, 0) if tag.padding else 0
    stop = tag.end + tag.padding
    if left < tag.padding:
        splices.append(Splice(tag.end + left, stop, b""))
    elif left > tag.padding:
        splices.append(Splice(stop, stop, bytes(left - tag.padding)))
    if tag.version == 3 and tag.begin > HEADER:
        splices += _padding_stated(tag, left)
    size = len(tag.data) + growth(splices) - HEADER - tag.footer
    if size >= TOO_LONG:
        raise Unsafe("its ID3v2 tag is full")
    if growth(splices):
        splices.append(Splice(6, 10, _syncsafe(size)))
        if tag.footer:
            at = len(tag.data) - 4
            splices.append(Splice(at, at + 4, _syncsafe(size)))
    if tag.crc:
        crc = _checksum(tag, replaced(tag.data, ordered(splices)), left)
        splices.append(Splice(tag.crc, tag.crc + len(crc), crc))
    return list(ordered(splices))


def _padding_stated(tag: Tag, left: int) -> list[Splice]:
    """An extended header of 2.3 says how much padding there is."""
    at = HEADER + 6
    if left == tag.padding or tag.data[at : at + 4] != struct.pack(">I", tag.padding):
        return []
    return [Splice(at, at + 4, struct.pack(">I", left))]


def _checksum(tag: Tag, data: bytes, padding: int) -> bytes:
    """The checksum that belongs to a tag's bytes: of its frames, in 2.4 of padding as well."""
    if tag.version == 3:
        return struct.pack(">I", zlib.crc32(data[tag.begin : len(data) - padding]))
    crc = zlib.crc32(data[tag.begin : len(data) - tag.footer])
    return bytes((crc >> 28,)) + _syncsafe(crc)


def _of_field(tag: Tag, field: str) -> list[Frame]:
    name = FRAMES[field][tag.version > 2]
    found = [f for f in tag.frames if f.name == name]
    if field != "comment":
        return found
    return [f for f in found if _undescribed(tag.data[f.body : f.stop])]


def _undescribed(body: bytes) -> bool:
    """Whether a comment is just that, and not some program's note with a name of its own."""
    encoding, rest = body[:1], body[4:]
    if encoding in (b"\1", b"\2"):
        return rest[:4] in (b"\xff\xfe\0\0", b"\xfe\xff\0\0") or rest[:2] == b"\0\0"
    return rest[:1] == b"\0"


def _extended(data: bytes, version: int, flags: int, stop: int) -> tuple[int, int]:
    """Where the frames begin, and where a checksum of them stands, if one does."""
    if version == 2 or not flags & EXTENDED or _is_name(data[HEADER : HEADER + 4]):
        return HEADER, 0  # some programs set the flag and write no extended header
    about = data[HEADER : HEADER + 16].ljust(16, b"\0")
    if version == 3:
        length, crc = 4 + struct.unpack_from(">I", about)[0], 10 if about[4] & 0x80 else 0
    else:  # an update has no data, but a length of it; so has the checksum
        length, crc = _unsafe_int(about[:4]), 0
        if about[5] & 0x20:
            crc = 8 if about[5] & 0x40 else 7
    if not HEADER + 6 <= HEADER + length <= stop or crc + 4 > length:
        raise Unsafe("its ID3v2 tag has a damaged header")
    return HEADER + length, HEADER + crc if crc else 0


def _is_name(name: bytes) -> bool:
    return re.fullmatch(rb"[A-Z][A-Z0-9]{3}", name) is not None


def _walk(
    data: bytes, place: int, stop: int, version: int, syncsafe: bool
) -> tuple[tuple[Frame, ...], int, bool]:
    """Frames, where they end, and whether nothing but padding is left there."""
    frames = []
    for found in _frames(data, place, stop, version, syncsafe):
        frames.append(found)
        place = found.stop
    return tuple(frames), place, not data[place:stop].strip(b"\0")


def _frames(data: bytes, place: int, stop: int, version: int, syncsafe: bool) -> Iterator[Frame]:
    letters, head = (3, 6) if version == 2 else (4, 10)
    while place + head <= stop:
        name, number = data[place : place + letters], data[place + letters : place + 2 * letters]
        if not name[:1].isalnum() or not name.rstrip(b"\0 ").isalnum():
            return
        if syncsafe and max(number) > 0x7F:
            return
        size = _unsafe_int(number) if syncsafe else int.from_bytes(number, "big")
        if place + head + size > stop:
            return
        yield Frame(name, place, place + head, place + head + size)
        place += head + size


def _syncsafe(number: int) -> bytes:
    """A number in four bytes of seven bits each."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _unsafe_int(data: bytes) -> int:
    """What `_syncsafe` wrote."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def _resynchronised(data: bytes) -> bytes:
    """A tag of 2.2 or 2.3 without the zeros that keep players from hearing it; flag kept."""
    if data[3] > 3 or not data[5] & UNSYNCHRONISED:
        return data
    return data[:HEADER] + data[HEADER:].replace(b"\xff\0", b"\xff")


def _unsynchronised(data: bytes) -> bytes:
    """The way back, with the size that the tag then has."""
    return _sized(data[:HEADER], re.sub(rb"\xff(?=[\0\xe0-\xff]|\Z)", b"\xff\0", data[HEADER:]))


def _sized(head: bytes, body: bytes) -> bytes:
    """A tag whose header says how long it is."""
    return head[:6] + _syncsafe(len(body)) + body


def _difference(old: bytes, new: bytes) -> Splice:
    """The shortest single splice that makes one of the other."""
    most = min(len(old), len(new))
    start = next((i for i in range(most) if old[i] != new[i]), most)
    same = next((i for i in range(most - start) if old[-1 - i] != new[-1 - i]), most - start)
    return Splice(start, len(old) - same, new[start : len(new) - same])
