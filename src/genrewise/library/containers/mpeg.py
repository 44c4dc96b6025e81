"""Raw MPEG audio (MP1, MP2, MP3) and ADTS (AAC): streams known by their frames alone."""

from __future__ import annotations

from typing import BinaryIO

from genrewise.library.containers.base import size_of

__all__ = ["frame_length", "stream"]

#: How far into a file its first frame is looked for.
SEARCHED = 1 << 16

#: kbit/s by layer, for MPEG 1 and for MPEG 2 and 2.5.
_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44_100, 48_000, 32_000)


def frame_length(head: bytes) -> int:
    """Length of the frame that begins with these six bytes; 0 where none does.

    Frames of MPEG audio and of ADTS; those of free format do not say how long they are.
    """
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    if head[1] & 0xF6 == 0xF0:  # ADTS
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if length >= 7 and head[2] >> 2 & 15 < 13 else 0
    generation, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, speed = head[2] >> 4, head[2] >> 2 & 3
    if generation == 1 or layer == 4 or rate in (0, 15) or speed == 3:
        return 0
    halved = 2 if generation == 2 else 4 if generation == 0 else 1
    bits = _RATES[1 if generation == 3 else 2, layer][rate - 1] * 1000
    sr, padding = _SAMPLE_RATES[speed] // halved, head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // sr + padding) * 4
    return (72 if layer == 3 and generation != 3 else 144) * bits // sr + padding


def stream(file: BinaryIO, start: int) -> str:
    """Which stream begins at `start` or a little later: "MP3", "AAC", or nothing.

    One frame proves nothing: another one has to follow, or the end.
    """
    file.seek(start)
    data = file.read(SEARCHED)
    ends = start + len(data) >= size_of(file)
    place = data.find(0xFF)
    while place >= 0:
        length = frame_length(data[place : place + 6])
        after = data[place + length : place + length + 6]
        follows = frame_length(after) > 0 and after[1] & 0xFE == data[place + 1] & 0xFE
        if length and (follows or (ends and place == 0 and len(data) <= length)):
            return "AAC" if data[place + 1] & 0xF6 == 0xF0 else "MP3"
        place = data.find(0xFF, place + 1)
    return ""
