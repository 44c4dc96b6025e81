"""What a file's header or last page says of its length, where libsndfile does not tell.

libsndfile guesses the length of an mp3 from its first frame, shortens that of a cut wav
to what is there, and takes that of an Ogg file from its last whole page.
"""

from __future__ import annotations

import os
import re
import struct

from genrewise.audio_open import Handle

__all__ = ["bytes_left", "cut_ogg_page", "mp3_counts_frames", "stated_ratio"]

#: Bytes read for the first frame, which may follow some padding.
_FIRST = 8192
#: Bytes that a whole file may hold behind its sound: an ID3v1 tag and its extension.
SLACK = 512
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
#: The longest page that Ogg allows, in bytes (RFC 3533).
_PAGE = 65_307
_CHUNK = re.compile(r"^\s*(?:data|SSND|BODY|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.M)
_RF64 = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")


def mp3_counts_frames(handle: Handle) -> bool:
    """Whether an MPEG file begins with a frame (Xing, Info, VBRI) that counts the others.

    Without it the length is a guess from the first frame and the size, wrong for a
    variable bit rate.  Leaves the position undefined.
    """
    at = 0
    while True:
        handle.seek(at)
        head = handle.read(10) or b""
        if len(head) < 10 or head[:3] != b"ID3":
            break
        # The size of an ID3v2 tag: four bytes of seven bits (ID3v2.4, 3.1).
        size = sum((b & 0x7F) << shift for b, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    handle.seek(at)
    start = handle.read(_FIRST) or b""
    sync = re.search(rb"\xff[\xe2-\xff]", start)
    first = start[sync.start() :][:200] if sync else b""
    xing = re.search(rb"(?:Xing|Info)...(.)", first, re.DOTALL)
    return bool(xing and xing[1][0] & 1) or b"VBRI" in first


def cut_ogg_page(handle: Handle) -> int | None:
    """Position at the end of an Ogg file's last page where that page is incomplete.

    Returns
    -------
    int or None
        Samples (granule position; -1 where the page states none), None where the last
        page is whole.  Leaves the position undefined.
    """
    handle.seek(max(0, handle.size - _PAGE))
    tail = handle.read(_PAGE) or b""
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    if not page:
        return None
    if len(page) < 27 or len(page) < 27 + page[26]:
        return -1
    whole = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return None if len(page) >= whole else int(struct.unpack_from("<q", page, 6)[0])


def stated_ratio(log: str) -> float:
    """How much longer the header of a wav, aiff, au, … says that it is than it can be.

    Parameters
    ----------
    log : str
        libsndfile's log of the header (``SoundFile.extra_info``).

    Returns
    -------
    float
        1 for a whole file, 2 for one cut in half; 1 where a recorder wrote into a pipe
        and could not know the length.
    """
    if match := _CHUNK.search(log):
        stated, there = int(match[1]), int(match[2])
        unknown = stated >= 0x7FFFF000
    elif match := _RF64.search(log):
        there, stated = int(match[1]), int(match[2])
        unknown = False
    else:
        return 1.0
    return 1.0 if unknown or stated <= there or not there else stated / there


def bytes_left(handle: Handle) -> bool:
    """Whether sound may follow where a decoder stopped: more than padding or a tag.

    An mp3 whose count is too small and files that were joined end so.
    """
    at = handle.tell()
    if not 0 < at < handle.size - SLACK:
        return False
    handle.seek(at)
    head = handle.read(16) or b""
    handle.seek(at, os.SEEK_SET)
    return not head.startswith(_TAGS)
