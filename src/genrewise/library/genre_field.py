"""The genre field of a music file: what stands in it, and what has to change for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FIELDS", "Tags", "read_tags", "set_genres"]

#: Where a genre may be written: its own field, or one of two others on request.
FIELDS = ("genre", "comment", "grouping")


@dataclass(frozen=True)
class Tags:
    """What a file's tags say, as far as a library needs it.

    Parameters
    ----------
    container : str
        Kind of file by its content: "MP3", "FLAC", "Ogg", "MP4", …; empty where its tags
        cannot be written (a sidecar can).
    format : str
        Of the tags that hold the genre: "ID3v2.3", "ID3v2.4", "ID3v2.2", "ID3v1", "FLAC",
        "Vorbis", "Opus", "Speex", "MP4", "APEv2", "ASF"; empty where there are none yet.
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
    raise NotImplementedError


def set_genres(path: Path, genres: Sequence[str], field: str = "genre") -> str:
    """Set the genre field of a file in place; for a copy, see :mod:`journal` for the original.

    Parameters
    ----------
    path : Path
    genres : sequence of str
        None empties the field.
    field : str
        One of `FIELDS`.

    Returns
    -------
    str
        What the user should know ("ID3v2.2 became ID3v2.3"), or nothing.

    Raises
    ------
    LibraryError
        This kind of file, or this very one, cannot be written safely; it is as it was.
    """
    raise NotImplementedError
