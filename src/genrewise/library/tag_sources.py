"""What tags say, read by mutagen: each place of a file where a song may be named.

Reading is left to a library of its own on purpose.  What our writers made of a file is believed
when a reader that knows nothing of them finds the wished genre, and all else as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from genrewise.library.containers import ape, chunks, ends, id3v1, ogg
from genrewise.library.containers.base import Span, read_at
from genrewise.library.containers.kinds import Kind

__all__ = ["NAMES", "Source", "sources"]

#: What is read of a song, by its ID3v2 frame.
NAMES = {
    "genre": "TCON",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "title": "TIT2",
    "comment": "COMM",
    "grouping": "TIT1",
}

_VORBIS = {
    "genre": ("genre",),
    "artist": ("artist",),
    "album": ("album",),
    "albumartist": ("albumartist", "album artist"),
    "title": ("title",),
    "comment": ("comment", "description"),
    "grouping": ("grouping",),
}
_APE = {**_VORBIS, "albumartist": ("album artist", "albumartist"), "comment": ("comment",)}
_MP4 = {
    "genre": ("\xa9gen",),
    "artist": ("\xa9ART",),
    "album": ("\xa9alb",),
    "albumartist": ("aART",),
    "title": ("\xa9nam",),
    "comment": ("\xa9cmt",),
    "grouping": ("\xa9grp",),
}
_ASF = {
    "genre": ("wm/genre", "wm/genreid"),
    "artist": ("author",),
    "album": ("wm/albumtitle",),
    "albumartist": ("wm/albumartist",),
    "title": ("title",),
    "comment": ("description",),
    "grouping": ("wm/contentgroupdescription",),
}

#: Genres that have a slash in their names (those of Apple's shop, most of them) where ID3v2.3 sets
#: one between two.
_SLASHED = {name for name in id3v1.NAMES if "/" in name} | {
    *("Alternative/Indie", "Christian/Gospel", "Hip Hop/Rap", "Hip-Hop/Rap", "R&B/Soul"),
    "Singer/Songwriter",
}


@dataclass(frozen=True)
class Source:
    """What one tag of a file says.

    Parameters
    ----------
    format : str
        "ID3v2.3", "Vorbis", …
    named : mapping of str to tuple of str
        Values of the fields in `NAMES`; those that are empty may be missing.
    rest : mapping
        Everything else, field by field, to be compared; what holds a field of `NAMES` stands
        here by the field's name, so that it can be left out.
    """

    format: str
    named: Mapping[str, tuple[str, ...]]
    rest: Mapping[tuple[str, str], Any] = field(default_factory=dict)


def sources(path: Path, file: BinaryIO, kind: Kind) -> list[Source]:
    """Tags of a file, the one that players read first at the front.

    Parameters
    ----------
    path : Path
    file : binary file
        The same one, open.
    kind : Kind

    Raises
    ------
    Unsafe or MutagenError or OSError
        They cannot be read.
    """
    if kind.name in _WHOLE:
        return _WHOLE[kind.name](_READERS[kind.name](path))
    if kind.name == "WAV":
        return _id3(_READERS["WAV"](path)) + _informed(file)
    if kind.name == "Ogg":
        name = ogg.stream_codec(file)
        return [_listed(name, _READERS["Ogg " + name](path).tags or [], _VORBIS)]
    about = ends.find(file)
    id3 = _id3v2(_READERS["ID3v2"](path, load_v1=False)) if about.id3v2 else []
    ape2 = _ape(_READERS["APEv2"](path)) if about.ape and _is_filled(file, about.ape) else []
    v1 = _id3v1(read_at(file, about.id3v1, id3v1.LENGTH)) if about.id3v1 is not None else []
    if kind.name == "FLAC":
        return _flac(_READERS["FLAC"](path)) + id3 + ape2 + v1
    return id3 + ape2 + v1 if kind.name in ("MP3", "AAC", "True Audio") else ape2 + id3 + v1


def _id3(found: Any) -> list[Source]:
    """The ID3v2 tag of a file that may have one."""
    return [] if found.tags is None else _id3v2(found.tags)


def _id3v2(tags: Any) -> list[Source]:
    named: dict[str, tuple[str, ...]] = {}
    rest: dict[tuple[str, str], Any] = {}
    for key, frame in tags.items():
        name = next((n for n, f in NAMES.items() if frame.FrameID == f), "")
        if name == "comment" and frame.desc:
            name = ""
        about = dict(vars(frame))
        if "mime" in about:  # ID3v2.2 abbreviates it
            kind = about["mime"].lower().removeprefix("image/")
            about["mime"] = kind.replace("jpeg", "jpg")
        rest[name, key] = about
        if name and name not in named:
            named[name] = tuple(str(text) for text in frame.text if str(text))
    version = tags.version[1]
    if "TCON" in tags:
        genres = tags["TCON"].genres
        named["genre"] = tuple(genres if version == 4 else _parted(genres))
    rest["", "unknown frames"] = list(tags.unknown_frames)
    return [Source(f"ID3v2.{version}", named, rest)]


def _parted(genres: Iterable[str]) -> list[str]:
    """Genres of ID3v2.3, where a slash may stand between several or belong to one."""
    parted: list[str] = []
    for genre in genres:
        whole = genre in _SLASHED
        parted += [genre] if whole else [p for p in re.split(r"(?<=\S)/(?=\S)", genre) if p]
    return parted


def _texts(format_: str, texts: Mapping[str, str]) -> list[Source]:
    """A tag of single texts by their ID3v2 frames."""
    names = {frame: name for name, frame in NAMES.items()}
    named = {names[frame]: (text,) for frame, text in texts.items() if frame in names and text}
    rest = {(names.get(frame, ""), frame): text for frame, text in texts.items()}
    return [Source(format_, named, rest)] if texts else []


def _id3v1(tag: bytes) -> list[Source]:
    return _texts("ID3v1", id3v1.fields(tag)) or [Source("ID3v1", {})]


def _informed(file: BinaryIO) -> list[Source]:
    """``LIST INFO`` of a WAV file."""
    return _texts("RIFF INFO", chunks.info(file))


def _listed(
    format_: str, pairs: Iterable[tuple[str, Any]], keys: Mapping[str, tuple[str, ...]]
) -> Source:
    """A tag of keys and values, in which a key may stand several times."""
    named: dict[str, tuple[str, ...]] = {}
    rest: dict[tuple[str, str], Any] = {}
    first: dict[str, str] = {}
    for key, value in pairs:
        low = key.lower() if keys is not _MP4 else key
        name = next((n for n, known in keys.items() if low in known), "")
        rest.setdefault((name, key), []).append(value)
        if name and first.setdefault(name, low) == low:
            named[name] = (*named.get(name, ()), *([str(value)] if str(value) else []))
    return Source(format_, named, rest)


def _flac(found: Any) -> list[Source]:
    if found.tags is None:
        return []
    source = _listed("FLAC", found.tags, _VORBIS)
    blocks = {("", "pictures"): [vars(p) for p in found.pictures]}
    return [Source(source.format, source.named, {**source.rest, **blocks})]


def _is_filled(file: BinaryIO, span: Span) -> bool:
    """Whether an APE tag has items; one that has none is no tag to the reader."""
    return bool(ape.items(read_at(file, span[0], span[1] - span[0])))


def _ape(tags: Any) -> list[Source]:
    """An APEv2 tag; what is no text is compared by its bytes."""
    pairs: list[tuple[str, str]] = []
    for key, value in tags.items():
        pairs += [(key, text) for text in (value if value.kind == 0 else [repr(value)])]
    return [_listed("APEv2", pairs, _APE)]


def _mp4(found: Any) -> list[Source]:
    if found.tags is None:
        return []
    pairs = [
        (key, value)
        for key, values in found.tags.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    source = _listed("MP4", pairs, _MP4)
    chapters = [(c.start, c.title) for c in found.chapters or []]
    return [Source("MP4", source.named, {**source.rest, ("", "chapters"): chapters})]


def _asf(found: Any) -> list[Source]:
    source = _listed("ASF", found.tags or [], _ASF)
    rest = {key: [repr(v) for v in values] for key, values in source.rest.items()}
    return [Source("ASF", source.named, rest)] if rest else []


_READERS: dict[str, Any] = {
    "ID3v2": ID3,
    "APEv2": APEv2,
    "FLAC": FLAC,
    "Ogg Vorbis": OggVorbis,
    "Ogg Opus": OggOpus,
    "Ogg Speex": OggSpeex,
    "Ogg FLAC": OggFLAC,
    "MP4": MP4,
    "ASF": ASF,
    "WAV": WAVE,
    "AIFF": AIFF,
    "DSDIFF": DSDIFF,
    "DSF": DSF,
}

_WHOLE: dict[str, Callable[[Any], list[Source]]] = {
    "MP4": _mp4,
    "ASF": _asf,
    "AIFF": _id3,
    "DSDIFF": _id3,
    "DSF": _id3,
}
