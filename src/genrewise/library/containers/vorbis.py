"""Vorbis comments: the list of ``KEY=value`` in FLAC, Ogg Vorbis, Opus and Speex files."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from genrewise.library.containers.base import Unsafe, Wish, growth, replace_all
from genrewise.library.patch import Splice, ordered

__all__ = ["change", "new_block", "padded"]

#: Keys that hold a field, the one to write where there is none first.
KEYS = {
    "genre": (b"GENRE",),
    "comment": (b"COMMENT", b"DESCRIPTION"),
    "grouping": (b"GROUPING",),
}


@dataclass(frozen=True)
class _Entry:
    """Where a comment stands, the length before it included; its key in upper case."""

    key: bytes
    shown: bytes
    start: int
    stop: int


def _entries(data: bytes, begin: int) -> tuple[list[_Entry], int, int]:
    """Comments, where their number stands, and where they end."""
    try:
        count_at = begin + 4 + struct.unpack_from("<I", data, begin)[0]
        (count,) = struct.unpack_from("<I", data, count_at)
        place, found = count_at + 4, []
        for _ in range(count):
            stop = place + 4 + struct.unpack_from("<I", data, place)[0]
            if stop > len(data):
                raise Unsafe("its comments are damaged")
            key = data[place + 4 : stop].partition(b"=")[0]
            found.append(_Entry(key.upper(), key, place, stop))
            place = stop
    except struct.error:
        raise Unsafe("its comments are damaged") from None
    return found, count_at, place


def change(data: bytes, begin: int, wish: Wish) -> tuple[list[Splice], int]:
    """What grants a wish in comments.

    Parameters
    ----------
    data : bytes
        A packet or block.
    begin : int
        Where its comments begin: with the length of the vendor's name.
    wish : Wish

    Returns
    -------
    list of Splice
        In order; counted from the start of `data`.
    int
        Where the comments end in `data`.

    Raises
    ------
    Unsafe
        They are damaged.
    """
    entries, count_at, end = _entries(data, begin)
    keys = KEYS[wish.field]
    written = next((e.key for e in entries if e.key in keys), keys[0])
    old = [e for e in entries if e.key == written]
    new = _packed(old[0].shown if old else written, wish)
    splices = replace_all([(e.start, e.stop) for e in old], b"".join(new), end)
    if [data[s.start : s.stop] for s in splices] == [s.data for s in splices]:
        return [], end
    if len(new) != len(old):
        count = struct.pack("<I", len(entries) - len(old) + len(new))
        splices.append(Splice(count_at, count_at + 4, count))
    return list(ordered(splices)), end


def padded(data: bytes, splices: list[Splice], end: int) -> list[Splice]:
    """Take what comments grow by from the zeros at the end of their packet, as far as they go.

    Parameters
    ----------
    data : bytes
        The packet.
    splices : list of Splice
        Of `change`.
    end : int
        From where on zeros are padding.
    """
    rest = data[end:]
    zeros = 0 if rest.strip(b"\0") else len(rest)
    grown = growth(splices)
    if not zeros or not splices:
        return splices
    if grown < 0:
        return [*splices, Splice(len(data), len(data), bytes(-grown))]
    return [*splices, Splice(len(data) - min(grown, zeros), len(data), b"")]


def new_block(wish: Wish) -> bytes:
    """Comments where there were none."""
    new = _packed(KEYS[wish.field][0], wish)
    vendor = b"genrewise"
    head = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(new))
    return head + b"".join(new)


def _packed(key: bytes, wish: Wish) -> list[bytes]:
    """Comments with what is wished: one for each genre."""
    texts = [key + b"=" + value.encode("utf-8") for value in wish.wanted]
    return [struct.pack("<I", len(text)) + text for text in texts]
