"""Songs of another program's library: heard through ours, judged by what that program says.

The other program keeps the genres and writes the files; here is only remembered what was heard,
so that nothing is listened to twice and songs can be compared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genrewise.library.catalogue import Entry, Model, entries, find
from genrewise.library.listening import listen
from genrewise.library.policies import Policy, Proposal
from genrewise.library.scan import scan
from genrewise.library.tagging import consider, tell

__all__ = ["Song", "judge"]


@dataclass(frozen=True)
class Song:
    """A song as another program has it.

    Parameters
    ----------
    path : str
        Of its file; bytes that are no UTF-8 as ``os.fsdecode`` gives them.
    genres : tuple of str
        What that program holds, whatever the file's tags say.
    album : hashable, optional
        The same for all songs of an album; None for a song by itself.
    """

    path: str
    genres: tuple[str, ...] = ()
    album: Hashable = None


def judge(
    db: sqlite3.Connection,
    songs: Sequence[Song],
    model: Model,
    file: Path,
    policy: Policy,
    **limits: Any,
) -> list[Proposal]:
    """What follows for songs; those that the library has not heard are listened to.

    Parameters
    ----------
    db : Connection
    songs : sequence of Song
    model : Model
    file : Path
        Of the model.
    policy : Policy
    **limits
        ``workers``, ``time_limit`` and ``memory_limit`` of :func:`genrewise.engine.run`.

    Returns
    -------
    list of Proposal
        One a song; "failed" with the reason where it cannot be read.
    """
    found = scan(db, [song.path for song in songs], model.id)
    for _ in listen(db, found.work, model, file, **limits):
        pass
    refused = {item.item: item.error for item in found.refused}
    proposals = [_failed(refused.get(song.path, "it went away")) for song in songs]
    there = {i: song for i, song in enumerate(songs) if song.path not in refused}
    known = _entries(db, there, model)
    for group in _albums(songs, known):
        suggestions = consider([known[i] for i in group], policy)
        tell(db, suggestions)  # so that our own `review` shows what is unsure
        for i, suggestion in zip(group, suggestions, strict=True):
            proposals[i] = suggestion.proposal
    return proposals


def _failed(reason: str) -> Proposal:
    return Proposal("failed", reason=reason)


def _entries(db: sqlite3.Connection, songs: Mapping[int, Song], model: Model) -> dict[int, Entry]:
    """What the library knows of songs, by their places, with the genres that they have there."""
    rows = {i: row for i, song in songs.items() if (row := find(db, song.path)) is not None}
    known = {entry.file.id: entry for entry in entries(db, rows.values(), model.id)}
    return {i: _as_there(known[row], songs[i]) for i, row in rows.items() if row in known}


def _as_there(entry: Entry, song: Song) -> Entry:
    """An entry as the other program sees it, which writes kinds of files of its own."""
    container = entry.file.container or "of another program"
    return replace(entry, file=replace(entry.file, genres=song.genres, container=container))


def _albums(songs: Sequence[Song], known: dict[int, Entry]) -> list[list[int]]:
    """Places of songs, those of an album together."""
    groups: dict[Hashable, list[int]] = {}
    for i in known:
        album = songs[i].album
        groups.setdefault(("alone", i) if album is None else ("album", album), []).append(i)
    return list(groups.values())
