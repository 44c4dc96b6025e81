"""Files that are a plain stream of audio with tags before and after it.

ID3v2 stands in front; APE, Lyrics3 and ID3v1 stand at the end, in this order where programs keep
to it.  A tag that holds a genre is never left with another one than its neighbours: what a
player shows would depend on which of them it reads first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers import ape, id3, id3v1
from genrewise.library.containers.base import Edit, Span, Unsafe, Wish, read_at, size_of
from genrewise.library.patch import Splice, ordered

__all__ = ["Ends", "change", "change_ape", "change_id3", "find", "skip_id3v2"]

#: A Lyrics3 block of the first version is no longer than this.
_LYRICS = 5100 + 11 + 9

#: ID3v1's texts by their keys in APE tags.
_APE_KEYS = {
    "TIT2": "Title",
    "TPE1": "Artist",
    "TALB": "Album",
    "TYER": "Year",
    "COMM": "Comment",
    "TRCK": "Track",
    "TCON": "Genre",
}


@dataclass(frozen=True)
class Ends:
    """What stands about the audio of a file.

    Parameters
    ----------
    audio : Span
        What is left between them.
    id3v2 : Span, optional
        The first one in front: others behind it are nobody's.
    ape : Span, optional
    id3v1 : int, optional
        Where it begins.
    """

    audio: Span
    id3v2: Span | None = None
    ape: Span | None = None
    id3v1: int | None = None


def skip_id3v2(file: BinaryIO) -> tuple[Span | None, int]:
    """The first ID3v2 tag in front of a file, and where what follows all of them begins."""
    first, place = None, 0
    while True:
        file.seek(place)
        length = id3.tag_length(file.read(id3.HEADER))
        if not length:
            return first, place
        first = first or (place, place + length)
        place += length


def find(file: BinaryIO) -> Ends:
    """Tell the tags of a file from its audio.

    Raises
    ------
    Unsafe
        A tag reaches beyond the file or into another one.
    """
    size = size_of(file)
    first, start = skip_id3v2(file)
    if start > size:
        raise Unsafe("its ID3v2 tag is longer than the file")
    stop, tag, v1 = size, None, None
    while stop > start:
        tail = read_at(file, max(stop - id3v1.LENGTH, start), min(id3v1.LENGTH, stop - start))
        if len(tail) == id3v1.LENGTH and tail.startswith(b"TAG"):
            v1 = stop - id3v1.LENGTH if v1 is None and tag is None else v1
            stop -= id3v1.LENGTH
        elif ape.is_tag(tail[-ape.EDGE :]):
            span = ape.tag_span(tail[-ape.EDGE :], stop)
            tag = tag or span
            stop = span[0]
        elif not (lyrics := _lyrics(file, start, stop, tail)):
            break
        else:
            stop -= lyrics
    if stop < start:
        raise Unsafe("its tags reach into each other")
    return Ends((start, stop), first, tag, v1)


def _lyrics(file: BinaryIO, start: int, stop: int, tail: bytes) -> int:
    """Length of a Lyrics3 block or an ID3v2 tag that ends at `stop`; 0 where none does."""
    length = 0
    if tail.endswith(b"LYRICS200") and (digits := re.fullmatch(rb"\d{6}", tail[-15:-9])):
        length = int(digits[0]) + 15
    elif tail.endswith(b"LYRICSEND"):
        most = min(_LYRICS, stop - start)
        at = read_at(file, stop - most, most).rfind(b"LYRICSBEGIN")
        return most - at if at >= 0 else 0
    elif tail[-10:-7] == b"3DI":
        length = id3.tag_length(b"ID3" + tail[-7:])
    if not 0 < length <= stop - start:
        return 0
    file.seek(stop - length)
    return length if file.read(11).startswith((b"LYRICSBEGIN", b"ID3")) else 0


def _read(file: BinaryIO, span: Span) -> bytes:
    return read_at(file, span[0], span[1] - span[0])


def change(file: BinaryIO, ends: Ends, wish: Wish, *, skip: str = "") -> tuple[list[Splice], str]:
    """What grants a wish in the tags that hold the field already.

    Parameters
    ----------
    file : binary file
    ends : Ends
    wish : Wish
    skip : str
        "id3v2" or "ape": the one that is dealt with elsewhere.

    Raises
    ------
    Unsafe
        A tag is damaged.
    """
    splices: list[Splice] = []
    note = ""
    if ends.id3v2 and skip != "id3v2" and id3.has(data := _read(file, ends.id3v2), wish.field):
        found, note = id3.change(data, wish)
        splices += [s.moved(ends.id3v2[0]) for s in found]
    if ends.ape and skip != "ape" and ape.has(data := _read(file, ends.ape), wish.field):
        splices += [s.moved(ends.ape[0]) for s in ape.change(data, wish)]
    if ends.id3v1 is not None and wish.field == "genre":
        old = read_at(file, ends.id3v1, id3v1.LENGTH)
        splices += id3v1.set_code(old, ends.id3v1, id3v1.nearest(wish))
    return splices, note


def change_id3(file: BinaryIO, ends: Ends, wish: Wish) -> Edit:
    """What grants a wish in a file whose own tags are ID3, as of MP3.

    An ID3v2 tag is written where there is one; else an APE tag, where it names the song and
    does not only hold its loudness; else an ID3v1 tag, where its list has the genre.  A new
    ID3v2 tag says all that the ID3v1 tag says, which many players then do not read any more.

    Raises
    ------
    Unsafe
        A tag is damaged.
    """
    if ends.id3v2:
        found, note = id3.change(_read(file, ends.id3v2), wish)
        splices = [s.moved(ends.id3v2[0]) for s in found]
        return Edit(ordered(splices + change(file, ends, wish, skip="id3v2")[0]), note)
    if ends.ape:
        tag = _read(file, ends.ape)
        if any(item.key in ape.NAMING for item in ape.items(tag)):
            splices = [s.moved(ends.ape[0]) for s in ape.change(tag, wish)]
            return Edit(ordered(splices + change(file, ends, wish, skip="ape")[0]))
    splices = change(file, ends, wish)[0]
    if ends.id3v1 is not None and wish.field == "genre" and _fits_id3v1(wish):
        return Edit(ordered(splices))
    frames = id3v1.frames(_id3v1(file, ends, wish)) + id3.frame(wish, 3)
    new = [Splice(0, 0, id3.new_tag(3, frames))] if wish.values else []
    return Edit(ordered(new + splices))


def change_ape(file: BinaryIO, ends: Ends, wish: Wish) -> Edit:
    """What grants a wish in a file whose own tags are APEv2, as of Monkey's Audio.

    Raises
    ------
    Unsafe
        A tag is damaged.
    """
    others, note = change(file, ends, wish, skip="ape")
    if ends.ape:
        found = ape.change(_read(file, ends.ape), wish)
        return Edit(ordered([s.moved(ends.ape[0]) for s in found] + others), note)
    if not wish.values:
        return Edit(ordered(others), note)
    more = {_APE_KEYS[name]: text for name, text in _id3v1(file, ends, wish).items()}
    stop = ends.audio[1]
    return Edit(ordered([Splice(stop, stop, ape.new_tag(wish, more)), *others]), note)


def _id3v1(file: BinaryIO, ends: Ends, wish: Wish) -> dict[str, str]:
    """What an ID3v1 tag says of other fields than the one that is wished."""
    if ends.id3v1 is None:
        return {}
    texts = id3v1.fields(read_at(file, ends.id3v1, id3v1.LENGTH))
    texts.pop(id3.FRAMES[wish.field][1].decode(), None)
    return texts


def _fits_id3v1(wish: Wish) -> bool:
    """Whether ID3v1 can say just what is wished."""
    return not wish.values or (len(wish.values) == 1 and wish.values[0] in id3v1.NAMES)
