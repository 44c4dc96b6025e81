"""Which kind a file is of, by its first bytes, and who knows that kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from genrewise.library.containers import asf, chunks, dsf, ends, flac, mp4, mpeg, ogg
from genrewise.library.containers.base import Edit, Span, Wish, blocks

__all__ = ["KINDS", "Kind", "kind_of"]


@dataclass(frozen=True)
class Kind:
    """A kind of file whose tags can be written.

    Parameters
    ----------
    name : str
    change : callable
        What grants a wish in such a file.
    audio : callable
        What sounds in it, in blocks.
    """

    name: str
    change: Callable[[BinaryIO, Wish], Edit]
    audio: Callable[[BinaryIO], Iterable[bytes]]


def _spans(name: str, change: Callable[[BinaryIO, Wish], Edit], audio: _Spans) -> Kind:
    return Kind(name, change, lambda file: blocks(file, audio(file)))


_Spans = Callable[[BinaryIO], list[Span]]


def _stream(name: str, change: Callable[[BinaryIO, ends.Ends, Wish], Edit]) -> Kind:
    """A plain stream with tags about it."""
    return _spans(
        name,
        lambda file, wish: change(file, ends.find(file), wish),
        lambda file: [ends.find(file).audio],
    )


def _chunked(name: str, layout: chunks.Layout) -> Kind:
    return _spans(name, partial(chunks.change, layout=layout), partial(chunks.audio, layout=layout))


#: All of them by name.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _stream("MP3", ends.change_id3),
        _stream("AAC", ends.change_id3),
        _stream("True Audio", ends.change_id3),
        _stream("Monkey's Audio", ends.change_ape),
        _stream("WavPack", ends.change_ape),
        _stream("Musepack", ends.change_ape),
        _stream("OptimFROG", ends.change_ape),
        _stream("TAK", ends.change_ape),
        _spans("FLAC", flac.change, flac.audio),
        Kind("Ogg", ogg.change, ogg.audio),
        _spans("MP4", mp4.change, mp4.audio),
        _spans("ASF", asf.change, asf.audio),
        _chunked("WAV", chunks.WAV),
        _chunked("AIFF", chunks.AIFF),
        _chunked("DSDIFF", chunks.DSDIFF),
        _spans("DSF", dsf.change, dsf.audio),
    )
}

#: First bytes of a file, bytes from its eighth on, and the kind.
_BEGINNINGS = (
    (b"OggS", b"", "Ogg"),
    (b"RIFF", b"WAVE", "WAV"),
    (b"FORM", b"AIFF", "AIFF"),
    (b"FORM", b"AIFC", "AIFF"),
    (b"FRM8", b"", "DSDIFF"),
    (b"DSD ", b"", "DSF"),
    (asf.MAGIC, b"", "ASF"),
)

#: As above, where ID3v2 tags may stand before.
_STREAMS = (
    (b"fLaC", "FLAC"),
    (b"MAC ", "Monkey's Audio"),
    (b"wvpk", "WavPack"),
    (b"MP+", "Musepack"),
    (b"MPCK", "Musepack"),
    (b"OFR ", "OptimFROG"),
    (b"tBaK", "TAK"),
    (b"TTA1", "True Audio"),
)


def kind_of(file: BinaryIO) -> Kind | None:
    """The kind of an open file; None for those whose tags are not written.

    Raw AAC is one of them unless it has an ID3v2 tag already, which not every player expects.
    """
    file.seek(0)
    head = file.read(16)
    if head[4:8] == b"ftyp":
        return KINDS["MP4"]
    for magic, eighth, name in _BEGINNINGS:
        if head.startswith(magic) and head[8:].startswith(eighth):
            return KINDS[name]
    first, start = ends.skip_id3v2(file)
    file.seek(start)
    head = file.read(4)
    for magic, name in _STREAMS:
        if head.startswith(magic):
            return KINDS[name]
    name = mpeg.stream(file, start)
    return KINDS.get(name) if name != "AAC" or first else None
