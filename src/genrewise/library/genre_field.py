"""The genre field of a music file: what stands in it, and what has to change for another."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mutagen import MutagenError

from genrewise.errors import LibraryError
from genrewise.library.containers.base import Edit, Unsafe, Wish
from genrewise.library.containers.kinds import Kind, kind_of
from genrewise.library.tag_sources import NAMES, Source, sources

__all__ = ["FIELDS", "Tags", "check", "held", "plan", "read_tags", "values", "wish"]

#: Where a genre may be written: its own field, or one of two others on request.
FIELDS = ("genre", "comment", "grouping")

SIDECAR = "a sidecar can hold it: --sidecar"


@dataclass(frozen=True)
class Tags:
    """What a file's tags say, as far as a library needs it.

    Parameters
    ----------
    container : str
        Kind of file by its content: "MP3", "FLAC", "Ogg", "MP4", …; empty where its tags
        cannot be written (a sidecar can).
    format : str
        Of the tags that are written first: "ID3v2.3", "ID3v2.4", "ID3v2.2", "ID3v1", "FLAC",
        "Vorbis", "Opus", "Speex", "MP4", "APEv2", "ASF", "RIFF INFO"; empty where there are
        none yet.
    genres : tuple of str
        As they stand, one entry a value; numbers of the ID3 list are names here.
    artist, album, albumartist, title, comment, grouping : str
        Several values are joined by ``"; "``; empty where there is none.
    """

    container: str = ""
    format: str = ""
    genres: tuple[str, ...] = ()
    artist: str = ""
    album: str = ""
    albumartist: str = ""
    title: str = ""
    comment: str = ""
    grouping: str = ""


def read_tags(path: Path) -> Tags:
    """What the tags of a file say.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Tags
        Empty ones for a kind of file whose tags are not read.

    Raises
    ------
    LibraryError
        The file, or the tags in it, cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise LibraryError(f"{path}: no file", "a music file")
        with path.open("rb") as file:
            kind = kind_of(file)
            return Tags() if kind is None else _summary(kind, held(path, file, kind))
    except OSError as error:
        raise LibraryError(
            f"{path}: {error.strerror or error}", "a file that can be read"
        ) from error


def held(path: Path, file: BinaryIO, kind: Kind) -> list[Source]:
    """All tags of a file.

    Raises
    ------
    LibraryError
        They cannot be read.
    OSError
        The file cannot be read.
    """
    try:
        return sources(path, file, kind)
    except OSError:
        raise
    except Unsafe as error:
        reason = str(error)
    except MutagenError as error:
        reason = f"its tags cannot be read ({error})" if str(error) else "its tags cannot be read"
    except Exception as error:  # whatever a damaged file makes of a reader
        reason = f"its tags cannot be read ({type(error).__name__})"
    raise LibraryError(f"{path}: {reason}", "a whole file", SIDECAR)


def _summary(kind: Kind, found: Sequence[Source]) -> Tags:
    texts = {name: "; ".join(values(found, name)) for name in NAMES if name != "genre"}
    return Tags(kind.name, found[0].format if found else "", values(found, "genre"), **texts)


def values(found: Sequence[Source], name: str) -> tuple[str, ...]:
    """Values of a field in the first tag that has any.

    Parameters
    ----------
    found : sequence of Source
        All tags of a file.
    name : str
        "genre", "comment", …
    """
    return next((s.named[name] for s in found if s.named.get(name)), ())


def wish(genres: Sequence[str], field: str = "genre") -> Wish:
    """What is to be written, once it is sure that it can be.

    Raises
    ------
    LibraryError
        An unknown field, or a genre that no tag can hold.
    """
    if field not in FIELDS:
        raise LibraryError(f"field {field!r}", f"one of {', '.join(FIELDS)}")
    for genre in genres:
        if not genre.strip() or not genre.isprintable() or genre != genre.strip():
            given = f"genre {genre!r}"
            raise LibraryError(given, "text in one line, without blanks about it")
    return Wish(field, tuple(dict.fromkeys(genres)))


def plan(path: Path, file: BinaryIO, wished: Wish) -> Edit:
    """What has to change in a file, which is only read.

    Raises
    ------
    LibraryError
        This kind of file, or this very one, cannot be written safely.
    OSError
        The file cannot be read.
    """
    kind = kind_of(file)
    if kind is None:
        given = f"{path}: no kind of file whose tags are written"
        raise LibraryError(given, "MP3, FLAC, Ogg, M4A, …", SIDECAR)
    try:
        return kind.change(file, wished)
    except Unsafe as error:
        raise LibraryError(f"{path}: {error}", "a file that can be written", SIDECAR) from error


def check(path: Path, before: Sequence[Source], after: Sequence[Source], wished: Wish) -> None:
    """Make sure that an edit did what was wished, and nothing else.

    Parameters
    ----------
    path : Path
        For the message.
    before, after : sequence of Source
        What stood in the file, and what stands in its copy.
    wished : Wish

    Raises
    ------
    LibraryError
        It did not.
    """
    found, format_ = values(after, wished.field), after[0].format if after else ""
    wanted = wished.wanted
    # In ID3v2.3 one genre with a slash cannot be told from two.
    if found != wanted and (format_ != "ID3v2.3" or "/".join(found) != "/".join(wanted)):
        given = f"{path}: {', '.join(wished.values)!r} would read {', '.join(found)!r}"
        raise LibraryError(given, "a genre that its tags can hold", SIDECAR)
    if changed := _changed(before, after, wished.field):
        given = f"{path}: {changed} would change as well"
        raise LibraryError(given, "the genre alone to change", SIDECAR)


def _changed(before: Sequence[Source], after: Sequence[Source], field: str) -> str:
    """Name of something else that changed; empty where nothing did."""
    new = {_place(s): s for s in after}
    for source in before:
        other = new.pop(_place(source), None)
        if other is None:
            return f"its {source.format} tag"
        old_rest, new_rest = (
            {key: value for (name, key), value in s.rest.items() if name != field}
            for s in (source, other)
        )
        for key in {**old_rest, **new_rest}:
            if key not in old_rest or key not in new_rest or old_rest[key] != new_rest[key]:
                return repr(key)
    return ""


def _place(source: Source) -> str:
    """Which tag it is; ID3v2.2 may have become 2.3."""
    return source.format.partition(".")[0]
