"""Folder-per-genre: the first sub-folders are the genres, whatever lies below is theirs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from genrewise.errors import DatasetError
from genrewise.filetypes import AUDIO_SUFFIXES, PICTURE_SUFFIXES
from genrewise.labels import fold
from genrewise.training.datasets.base import (
    Dataset,
    Item,
    finish,
    some,
    stem,
)
from genrewise.training.datasets.grouping import by_rule, is_rule, rule_error
from genrewise.training.datasets.rows import side

__all__ = ["read_folder", "walk"]

#: Folders that a split is told by, where they are all that a data set has at its top.
_SIDES = frozenset({"train", "training", "valid", "val", "validation", "test", "testing"})


def walk(folder: Path) -> Iterator[str]:
    """Paths of all files below, relative with ``/``, sorted; hidden ones are passed over.

    Links are followed, each folder once.
    """
    seen: set[str] = set()
    for top, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(top)
        # A link back to a folder above would never end.
        folders[:] = sorted(
            f for f in folders if not f.startswith((".", "__MACOSX")) and real not in seen
        )
        if real in seen:
            continue
        seen.add(real)
        below = PurePosixPath(Path(top).relative_to(folder).as_posix())
        yield from (str(below / f) for f in sorted(files) if not f.startswith("."))


def sort_files(paths: list[str]) -> tuple[list[str], str, list[str]]:
    """The files that count, their kind, and the endings passed over with their counts."""
    sounds = [p for p in paths if p.lower().endswith(AUDIO_SUFFIXES)]
    pictures = [p for p in paths if p.lower().endswith(PICTURE_SUFFIXES)]
    chosen, kind = (sounds, "audio") if sounds or not pictures else (pictures, "pictures")
    kept = set(chosen)
    rest = (PurePosixPath(p) for p in paths if p not in kept)
    others = Counter(p.suffix.lower() or p.name for p in rest)
    return chosen, kind, [f"{n} files {name}" for name, n in sorted(others.items())]


def _split_and_label(path: str, by_side: bool) -> tuple[str, str]:
    parts = PurePosixPath(path).parts
    if by_side:
        return side(parts[0], path), parts[1] if len(parts) > 2 else ""
    return "", parts[0] if len(parts) > 1 else ""


def read_folder(folder: Path, group_by: str = "", name: str = "") -> Dataset:
    """The data set of a folder with one sub-folder a genre.

    Music lies directly in a genre's folder or at any depth below; hidden files and other
    things than music are passed over.  Where the top holds nothing but folders named
    train, valid and test, these are the split and the genres lie in them.

    Parameters
    ----------
    folder : Path
    group_by : str
        A rule of :mod:`.grouping`; empty is ``tags``.
    name : str
        Of the data set; the folder's where empty.

    Raises
    ------
    DatasetError
        No music in sub-folders.
    UnknownName
        `group_by` is no rule.
    """
    if group_by and not is_rule(group_by):
        raise rule_error(group_by, ())
    files, kind, others = sort_files(list(walk(folder)))
    tops = {PurePosixPath(p).parts[0].casefold() for p in files}
    by_side = bool(files) and tops <= _SIDES and len(tops) > 1
    items, loose = [], []
    for path in files:
        part, label = _split_and_label(path, by_side)
        if label:
            items.append(Item(path, label, "", stem(path), part))
        else:
            loose.append(path)
    if not items:
        raise DatasetError(
            f"{folder}: " + (f"{len(loose)} files but no genre folders" if loose else "no music"),
            "one sub-folder of music a genre, or a manifest.csv with path and label",
        )
    warnings = [f"{len(loose)} files lie in no genre folder: {some(loose)}"] if loose else []
    warnings += _alike({item.label for item in items})
    if kind == "audio" or group_by not in {"", "tags"}:
        items, more = by_rule(items, folder, group_by or "tags")
    else:
        more = ["pictures name no artist: each is its own group; --group-by LIST.csv mends that"]
    return finish(
        Dataset(
            name or folder.resolve().name,
            str(folder),
            tuple(items),
            (),
            (*warnings, *more),
            kind=kind,
            passed=tuple(f"{line} passed over" for line in others),
        )
    )


def _alike(labels: set[str]) -> list[str]:
    """A line for folders that are perhaps one genre in two spellings; nothing is renamed."""
    same: dict[str, list[str]] = {}
    for label in sorted(labels):
        same.setdefault(fold(label), []).append(label)
    return [
        f"folders {' and '.join(names)} are kept as different genres"
        for names in same.values()
        if len(names) > 1
    ]
