"""GTZAN (Tzanetakis & Cook 2002), whole or in part, in the layouts that circulate.

Files are known by their names (``blues.00042.wav``, ``.au``, ``.png``), so it does not
matter which folders they lie in.  Artists, replicas and the fault-filtered list (Sturm
2013; Kereliuk, Sturm & Larsen 2015) come from a list beside the audio: ``index.csv`` with
track, group, split.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

from genrewise.labels import label_set
from genrewise.training.datasets.base import Dataset, Item, finish, some
from genrewise.training.datasets.folder import sort_files, walk
from genrewise.training.datasets.grouping import by_rule, is_rule, join, rule_error

__all__ = ["is_gtzan", "read_gtzan", "track_name"]

_NAME = re.compile(r"([A-Za-z][A-Za-z &_-]*?)[._]?(\d{5})(?:[._](\d{1,3}))?")
#: Share of the files that must bear such a name.
_SHARE = 0.9


def track_name(file: str) -> tuple[str, str] | None:
    """Track and genre of a file by its name, None where it is none of GTZAN's.

    Examples
    --------
    >>> track_name("Hip-Hop.00007.wav")
    ('hiphop.00007', 'hiphop')
    """
    name = PurePosixPath(file).name
    match = _NAME.fullmatch(name.rpartition(".")[0] or name)
    genre = label_set("gtzan-10").repair(match[1]) if match else None
    return (f"{genre}.{match[2]}", genre) if match and genre else None


def is_gtzan(files: list[str]) -> bool:
    """Whether nearly all of these files bear GTZAN's names."""
    return bool(files) and sum(track_name(f) is not None for f in files) >= _SHARE * len(files)


def _spellings(files: list[str]) -> list[str]:
    """A line for each spelling that was repaired."""
    seen: dict[str, str] = {}
    for file in files:
        found = track_name(file)
        match = _NAME.fullmatch(PurePosixPath(file).stem)
        if found and match and match[1] != found[1]:
            seen[match[1]] = found[1]
    return [f"{given} is read as {meant}" for given, meant in sorted(seen.items())]


def _damaged(path: Path) -> bool:
    """Whether this is the one WAV file without a header, of the copy that goes round."""
    if path.name.lower() != "jazz.00054.wav":
        return False
    with suppress(OSError), path.open("rb") as stream:
        return stream.read(4) not in {b"RIFF", b"RIFX", b"RF64"}
    return True


def _items(folder: Path, files: list[str]) -> tuple[list[Item], list[str]]:
    """Items by the names of their files, and lines on what was passed over."""
    items, passed = [], dict[str, list[str]]()
    seen: dict[str, str] = {}
    for file in files:
        found, piece = track_name(file), PurePosixPath(file).stem.casefold()
        if found is None:
            passed.setdefault("bear no name of GTZAN", []).append(file)
        elif _damaged(folder / file):
            passed.setdefault("are damaged, as is known of them", []).append(file)
        elif seen.setdefault(piece, file) != file:
            passed.setdefault("are there under the same name already", []).append(file)
        else:
            items.append(Item(file, found[1], "", found[0]))
    lines = [f"{len(paths)} files {why}: {some(paths)}" for why, paths in passed.items()]
    return items, [*_spellings(files), *lines]


def read_gtzan(folder: Path, group_by: str = "", name: str = "") -> Dataset | None:
    """GTZAN in a folder, or None where the folder holds something else.

    Parameters
    ----------
    folder : Path
    group_by : str
        A rule of :mod:`.grouping`; empty takes ``index.csv`` in the folder or beside it.
    name : str

    Returns
    -------
    Dataset or None
        Without a list each track is its own group, and a warning says what that costs.
    """
    files, kind, others = sort_files(list(walk(folder)))
    if not is_gtzan(files):
        return None
    if group_by and not is_rule(group_by):
        raise rule_error(group_by, ())
    items, warnings = _items(folder, files)
    index = next((p / "index.csv" for p in (folder, folder.parent) if (p / "index.csv").is_file()),
                 None)  # fmt: skip
    if group_by:
        items, more = by_rule(items, folder, group_by)
    elif index:
        items, more = join(items, index)
    else:
        more = [
            "GTZAN without a list of its artists: each track is its own group. Artists and "
            "copies repeat within its genres, so scores will be several points too high; "
            "put index.csv (track, group, split) into the folder"
        ]
    return finish(
        Dataset(
            name or "gtzan",
            str(folder),
            tuple(items),
            (),
            (*warnings, *more),
            kind=kind,
            passed=tuple(f"{line} passed over" for line in others),
        )
    )
