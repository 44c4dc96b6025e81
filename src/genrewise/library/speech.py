"""Speech is not tagged: one place that says what is speech."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genrewise.labels import fold
from genrewise.library.genre_field import Tags

__all__ = ["SPEECH", "is_speech"]

#: Why a file was passed over, as the catalogue has it.
SPEECH = "speech"

#: Kinds of files that hold books.
_SUFFIXES = (".aa", ".aax", ".aaxc", ".m4b")

#: Genres that stand for speech, folded: what ID3's list, shops and podcast programs write.
_GENRES = frozenset(
    fold(name)
    for name in (
        *("Audiobook", "Audiobooks", "Audio Book", "Audio Drama", "Audio Theatre", "Book"),
        *("Books & Spoken", "Comedy", "Hörbuch", "Hörspiel", "Interview", "Lecture", "Podcast"),
        *("Podcasts", "Radio Play", "Sermon", "Speech", "Spoken", "Spoken & Audio"),
        *("Spoken Word", "Stand-Up Comedy", "Talk", "Talk Radio", "Vocal/Speech"),
    )
)


def is_speech(record: Mapping[str, Any] | None, tags: Tags, path: str = "") -> bool:
    """Whether a file holds speech and no music.

    For now by what its own tags and its kind say; a model that tells speech from music would
    be asked here.

    Parameters
    ----------
    record : mapping, optional
        Of ``classify``; None before the file was listened to.
    tags : Tags
    path : str
    """
    del record  # no model says so yet
    return path.lower().endswith(_SUFFIXES) or any(fold(g) in _GENRES for g in tags.genres)
