"""FMA (Defferrard et al. 2017), small to full, whole or in part.

As it unpacks: ``fma_metadata/tracks.csv``, ``genres.csv`` and ``features.csv`` beside
``fma_small/000/000002.mp3``.  The label is the top genre, the group the artist, the split
the official one.  ``fma:FOLDER?WORDS`` says more, words separated by commas:

====================  ==============================================================
``small`` … ``full``  that subset only, from its own folder where this is here
``features``          rows of features.csv instead of audio
``audio,features``    audio, and the row of each track with it
====================  ==============================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genrewise.errors import DatasetError, UnknownName
from genrewise.filetypes import AUDIO_SUFFIXES
from genrewise.training.datasets.base import Dataset, FeatureTable, Item, finish, some
from genrewise.training.datasets.fma_tables import (
    Track,
    is_tracks,
    read_features,
    read_genres,
    read_tracks,
)
from genrewise.training.datasets.grouping import UNGROUPED, by_rule, is_rule, rule_error

__all__ = ["SIZES", "find_tracks", "prepare", "read_fma", "sub_genres"]

#: Subsets, each within the next; "full" has the tracks of "large" uncut.
SIZES = ("small", "medium", "large", "full")
_WORDS = (*SIZES, "audio", "features")
#: Clips of the small subset that were cut beyond the end of the track, so that little or
#: nothing is in them (issues 8 and 44 of the repository mdeff/fma).
_SILENT = frozenset({99134, 108925, 133297})
_SHORT = frozenset({98565, 98567, 98569})


@dataclass(frozen=True)
class _File:
    """A file named after a track.

    Parameters
    ----------
    path : str
        From the root.
    size : str
        The subset that its folder is named after, empty where there is none.
    """

    path: str
    size: str


@dataclass(frozen=True)
class _Wanted:
    """What of a copy is read.

    Parameters
    ----------
    size : str
        A subset, empty for whatever is here.
    audio, features : bool
    """

    size: str
    audio: bool
    features: bool


def prepare(settings: str, _cache: Path) -> Path:
    """The folder of ``fma:FOLDER``.

    Raises
    ------
    DatasetError
        No copy of FMA.
    """
    folder = Path(settings).expanduser()
    if not settings or not find_tracks(folder):
        raise DatasetError(
            f"fma:{settings}: no copy of FMA",
            "fma:FOLDER with fma_metadata/tracks.csv and fma_small/000/000002.mp3",
            "unpack fma_metadata.zip and fma_small.zip side by side",
        )
    return folder


def _root(folder: Path) -> Path:
    return folder.parent if folder.resolve().name == "fma_metadata" else folder


def find_tracks(folder: Path) -> Path | None:
    """The table that belongs to a copy of FMA: in it, or beside its folder of audio.

    Returns
    -------
    Path or None
        ``tracks.csv``, else a list ``track_top_genre.csv``.
    """
    root = _root(folder)
    places = [root / "fma_metadata", root]
    if any(_numbered(root)):
        places += [root.parent / "fma_metadata", root.parent]
    whole = (place / "tracks.csv" for place in places)
    listed = (place / "track_top_genre.csv" for place in places)
    return next((p for p in whole if is_tracks(p)), None) or next(
        (p for p in listed if p.is_file()), None
    )


def _numbered(folder: Path) -> Iterator[Path]:
    """Sub-folders ``000`` … ``155``."""
    with suppress(OSError):  # no folder, or one that may not be read
        yield from sorted(p for p in folder.iterdir() if re.fullmatch(r"[0-9]{3}", p.name))


def _files(root: Path, size: str) -> dict[int, _File]:
    """Files by track; of the folder of `size` alone where it is here."""
    folders = {s: root / f"fma_{s}" for s in SIZES if any(_numbered(root / f"fma_{s}"))}
    own = root.resolve().name.removeprefix("fma_")
    places = [(own if own in SIZES else "", root), *folders.items()]
    if size in folders:
        places = [(size, folders[size])]
    found: dict[int, _File] = {}
    for name, place in places:
        for file in (f for sub in _numbered(place) for f in sorted(sub.iterdir())):
            if re.fullmatch(r"[0-9]{6,}", file.stem) and file.suffix.lower() in AUDIO_SUFFIXES:
                found.setdefault(int(file.stem), _File(file.relative_to(root).as_posix(), name))
    return found


def _within(tracks: Sequence[Track], size: str) -> list[Track]:
    """The tracks of a subset; all where none is named or they do not say."""
    if size not in SIZES[:2] or not any(t.subset for t in tracks):
        return list(tracks)
    return [t for t in tracks if t.subset in SIZES[: SIZES.index(size) + 1]]


def _fault(track: Track, file: _File, root: Path) -> str:
    """Why the audio of a track cannot be used, as far as can be told without decoding."""
    if not (root / file.path).stat().st_size:
        return "are empty"
    if file.size != "full" and track.id in _SILENT:
        return "hold no audio, as is known of them"
    if file.size != "full" and track.id in _SHORT:
        return "are cut to a second or two, as is known of them"
    return ""


def _heard(
    tracks: Sequence[Track], files: Mapping[int, _File], root: Path
) -> tuple[list[Track], list[str]]:
    """Tracks with audio that is not known to be broken, and lines on the others."""
    kept, faulty = [], dict[str, list[str]]()
    for track in (t for t in tracks if t.id in files):
        fault = _fault(track, files[track.id], root)
        if fault:
            faulty.setdefault(fault, []).append(files[track.id].path)
        else:
            kept.append(track)
    return kept, [f"{len(paths)} files {fault}: {some(paths)}" for fault, paths in faulty.items()]


def _absent(tracks: Sequence[Track], files: Mapping[int, _File], size: str) -> list[str]:
    """Lines on tracks without a file and files without a track.

    Tracks are wanted up to the subset that is read or that a folder is named after.
    """
    lines = []
    sizes = {file.size for file in files.values()} - {""}
    largest = size or max(sizes, key=SIZES.index, default="")
    wanted = _within(tracks, largest)
    absent = [f"{t.id:06d}" for t in wanted if t.id not in files]
    if largest and absent:
        lines.append(
            f"{len(absent)} of the {len(wanted)} tracks of FMA {largest} are not here:"
            f" {some(absent)}"
        )
    strange = [files[i].path for i in sorted(set(files) - {t.id for t in tracks})]
    if strange:
        lines.append(f"{len(strange)} files are of no track of the table: {some(strange)}")
    return lines


def _words(text: str) -> _Wanted:
    """What the words ask for."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in _WORDS:
            raise UnknownName("word after fma:FOLDER?", word, _WORDS)
    sizes = [word for word in words if word in SIZES]
    if len(sizes) > 1:
        raise DatasetError(f"fma:FOLDER?{text}", "one subset")
    features = "features" in words
    return _Wanted((sizes or [""])[0], "audio" in words or not features, features)


def _grouped(
    items: Sequence[Item], tracks: Sequence[Track], root: Path, group_by: str, audio: bool
) -> tuple[list[Item], list[str]]:
    """Items with their groups: ids of artist or album, or a rule."""
    known = {"artist": any(t.artist for t in tracks), "album": any(t.album for t in tracks)}
    if group_by and group_by not in known and not is_rule(group_by):
        raise rule_error(group_by, known)
    by = group_by or ("artist" if known["artist"] else "tags")
    if not known.get(by):
        if audio or by not in {*known, "tags"}:
            return by_rule(items, root, by)
        return list(items), [f"the table names no artists: of its tracks {UNGROUPED}"]
    names = [track.artist if by == "artist" else track.album for track in tracks]
    grouped = [
        replace(item, group=f"{by} {name}" if name else "")
        for item, name in zip(items, names, strict=True)
    ]
    alone = names.count("")
    return grouped, [f"{alone} tracks name no {by}: each is its own"] if alone else []


def _with_features(
    tracks: Sequence[Track], path: Path
) -> tuple[list[Track], FeatureTable, list[str]]:
    """Tracks that have a row of finite numbers, and these."""
    names, values = read_features(path, [t.id for t in tracks])
    whole = [bool(np.isfinite(row).all()) for row in values]
    bad = [f"{t.id:06d}" for t, good in zip(tracks, whole, strict=True) if not good]
    kept = [t for t, good in zip(tracks, whole, strict=True) if good]
    lines = [f"{len(bad)} tracks have no whole row in {path.name}: {some(bad)}"] if bad else []
    return kept, FeatureTable(names, values[whole]), lines


def _sides(tracks: Sequence[Track], table: FeatureTable) -> list[str]:
    """A line on equal rows that the official split parts."""
    seen: dict[bytes, set[str]] = {}
    keys = [row.tobytes() for row in table.values]
    for key, track in zip(keys, tracks, strict=True):
        seen.setdefault(key, set()).add(track.split)
    count = sum(len(seen[key]) > 1 for key in keys)
    return [f"{count} tracks have an equal row on another side of the split"] if count else []


def _available(folder: Path, source: Path, wanted: _Wanted, files: int, words: str) -> _Wanted:
    """What was asked for, or the features where nothing was and no audio is here."""
    if files or not wanted.audio:
        return wanted
    if not words and source.with_name("features.csv").is_file():
        return replace(wanted, audio=False, features=True)
    raise DatasetError(
        f"{folder}: {source.name} and no audio of its tracks",
        "fma_small/000/000002.mp3, or features.csv beside the table",
    )


def read_fma(folder: Path, group_by: str = "", words: str = "", name: str = "") -> Dataset | None:
    """A copy of FMA, or None where the folder holds something else.

    Parameters
    ----------
    folder : Path
        What the archives were unpacked into, or one of their folders.
    group_by : str
        ``artist`` (the default) and ``album`` are FMA's ids; else a rule of
        :mod:`.grouping`.
    words : str
        See above; with none it is audio, or features where there is no audio.
    name : str
        Of the data set.

    Returns
    -------
    Dataset or None
        Warnings count what is missing, broken or without a top genre.

    Raises
    ------
    DatasetError
        A damaged table; nothing here of what it lists.
    UnknownName
        A word or a rule that there is not.
    """
    wanted, source = _words(words), find_tracks(folder)
    if source is None:
        return None
    root, everything = _root(folder), read_tracks(source)
    files = _files(root, wanted.size) if wanted.audio else {}
    wanted = _available(folder, source, wanted, len(files), words)
    tracks, warnings = _within(everything, wanted.size), list[str]()
    if wanted.audio:
        tracks, warnings = _heard(tracks, files, root)
        warnings += _absent(everything, files, wanted.size)
    tracks, more = _labelled(tracks)
    warnings, table = warnings + more, None
    if wanted.features:
        tracks, table, more = _with_features(tracks, source.with_name("features.csv"))
        warnings += [*more, *_sides(tracks, table)]
    items, more = _grouped(_items(tracks, files), tracks, root, group_by, wanted.audio)
    kind = "audio" if wanted.audio else "features"
    lines = (*warnings, *more)
    found = Dataset(name or "fma", str(root), tuple(items), (), lines, table, kind, official=True)
    return finish(found)


def sub_genres(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Tracks of each top genre by the genres below it, which their artists named.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    dict of str to dict of str to int
        Most frequent first; a track may name several, or none but the top one.  Empty where
        the data set is none of FMA with its ``genres.csv``.
    """
    source = find_tracks(Path(dataset.root))
    table = source and source.with_name("genres.csv")
    if source is None or table is None or not table.is_file():
        return {}
    genres = read_genres(table)
    named = {f"{track.id:06d}": track.genres for track in read_tracks(source)}
    found: dict[str, Counter[str]] = {label: Counter() for label in dataset.labels}
    for item in dataset.items:
        own = [genres[number] for number in named.get(item.track, ()) if number in genres]
        found[item.label].update(g.title for g in own if g.parent)
    return {label: dict(counts.most_common()) for label, counts in found.items()}


def _labelled(tracks: Sequence[Track]) -> tuple[list[Track], list[str]]:
    """Tracks with a top genre, and a line on the others."""
    kept = [track for track in tracks if track.genre]
    none = len(tracks) - len(kept)
    return kept, [f"{none} tracks without a top genre are left out"] if none else []


def _items(tracks: Sequence[Track], files: Mapping[int, _File]) -> list[Item]:
    """Items by their files; without files by their numbers."""
    numbers = [f"{track.id:06d}" for track in tracks]
    return [
        Item(files[t.id].path if files else number, t.genre, "", number, t.split)
        for t, number in zip(tracks, numbers, strict=True)
    ]
