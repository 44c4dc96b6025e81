"""ID3v1 tags: 128 bytes at the end of a file, with one byte for the genre."""

from __future__ import annotations

import struct

from mutagen.id3 import TCON

from genrewise.labels import LABEL_SETS
from genrewise.labels import genre as genre_of
from genrewise.library.containers.base import Wish
from genrewise.library.patch import Splice

__all__ = ["LENGTH", "NAMES", "NONE", "fields", "frames", "genre", "nearest", "set_code"]

LENGTH = 128

#: Genres by their number, with Winamp's extensions.
NAMES: tuple[str, ...] = tuple(TCON.GENRES)

#: The number that says there is none.
NONE = 255

_CODES = {name.casefold(): number for number, name in reversed(list(enumerate(NAMES)))}

#: Numbers that come closest to the names under which our own labels are shown.
_CLOSEST = {
    known.display.casefold(): known.code
    for labels in LABEL_SETS.values()
    for known in map(genre_of, labels.labels)
    if known is not None
}

#: Text fields and their bytes, in order from the fourth.
_FIELDS = (("TIT2", 30), ("TPE1", 30), ("TALB", 30), ("TYER", 4), ("COMM", 30))


def nearest(wish: Wish) -> int:
    """Number that comes closest to the first genre of a wish; `NONE` where none does."""
    name = wish.values[0].casefold() if wish.values else ""
    return _CODES.get(name, _CLOSEST.get(name, NONE))


def genre(tag: bytes) -> str:
    """Name of the genre in a tag; empty where it has none."""
    return NAMES[tag[-1]] if tag[-1] < len(NAMES) else ""


def set_code(tag: bytes, start: int, number: int) -> list[Splice]:
    """What makes a tag that stands at `start` hold this number."""
    at = start + LENGTH - 1
    return [] if tag[-1] == number else [Splice(at, at + 1, bytes((number,)))]


def fields(tag: bytes) -> dict[str, str]:
    """Texts of a tag by their ID3v2 frames, and the genre; those that are empty are left out."""
    found, place = {}, 3
    for name, length in _FIELDS:
        raw = tag[place : place + length]
        if name == "COMM" and raw[28] == 0 and raw[29]:  # ID3v1.1
            found["TRCK"] = str(raw[29])
            raw = raw[:28]
        found[name] = raw.split(b"\0")[0].decode("latin-1").rstrip()
        place += length
    found["TCON"] = genre(tag)
    return {name: text for name, text in found.items() if text}


def frames(texts: dict[str, str]) -> bytes:
    """What `fields` found as frames of ID3v2.3, in the bytes that stood there."""
    out = b""
    for name, text in texts.items():
        body = b"\0" + (b"eng\0" if name == "COMM" else b"") + text.encode("latin-1")
        out += name.encode() + struct.pack(">IH", len(body), 0) + body
    return out
