"""The manifest of free music: its rows, their groups, what they come to."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from genrewise.errors import DatasetError
from genrewise.files import replace_file
from genrewise.training.datasets.base import components
from genrewise.training.datasets.grouping import person
from genrewise.training.datasets.rows import read_rows

__all__ = ["MANIFEST", "Built", "Row", "State", "composers", "group", "read_manifest", "summary",
           "write_manifest"]  # fmt: skip

MANIFEST = "manifest.csv"

#: Ways in which people of these packages write one name, and the name.
_ALIASES = {
    "elysis": "gerd raudenbusch",
    "www.elysis.de": "gerd raudenbusch",
    "matrin linda": "martin linda",
    "www.indiedb.com/members/crystan": "christian hoffmann",
    "k-pone": "martin strohmeier",
    "<unknown>": "",
}


@dataclass(frozen=True)
class Row:
    """A line of the manifest.

    Parameters
    ----------
    path : str
        From the folder of the data set.
    label : str
        One of GTZAN's ten genres, or the word for what lies outside them; empty where nobody
        says a genre.
    group : str
        What must not be split, as of :func:`group`.
    track, title, artist, genre_tag : str
        The tags as they are; `artist` is the composer where no artist is given.
    package, version, licence : str
    seconds : str
    """

    path: str
    label: str
    group: str
    track: str
    title: str
    artist: str
    genre_tag: str
    package: str
    version: str
    licence: str
    seconds: str


@dataclass(frozen=True)
class State:
    """What became of a package.

    Parameters
    ----------
    package, version : str
    state : {"fetched", "kept", "failed"}
    tracks : int
    passed : int
        Sounds and jingles that are too short, and files that are no audio.
    notes : tuple of str
        What a user should know: one line each.
    """

    package: str
    version: str
    state: str
    tracks: int = 0
    passed: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """What :func:`.free_music.get` left.

    Parameters
    ----------
    folder : str
    rows : tuple of Row
    states : tuple of State
    """

    folder: str
    rows: tuple[Row, ...]
    states: tuple[State, ...]


def composers(artist: str) -> tuple[str, ...]:
    """The people that an artist tag names, as they are compared.

    No brackets, accents, ``aka`` or guests; several people one by one; nobody for "unknown".

    >>> composers("Gerd (elysis) Raudenbusch"), composers("Ann Lee & Bob (bb)")
    (('gerd raudenbusch',), ('ann lee', 'bob'))
    """
    found = []
    letters = unicodedata.normalize("NFKD", artist)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    for name in re.split(r"[;&]| and ", bare):
        plain = re.sub(r"\([^)]*\)|\baka\b.*|\"[^\"]*\"", " ", name)
        one = person(plain) or person(name.strip(" ()"))
        found.append(_ALIASES.get(one, one))
    return tuple(dict.fromkeys(name for name in found if name))


def group(rows: Sequence[Row]) -> list[Row]:
    """Rows with their groups: composers whole, and packages where not every track names one.

    A track without a composer may be by any of those whom the package's other tracks name, so
    such a package is one group, together with what its composers wrote for other packages.
    """
    named = [composers(row.artist) for row in rows]
    open_ = {row.package for row, own in zip(rows, named, strict=True) if not own}
    keys = [
        [*(("composer", name) for name in own), ("package", row.package * (row.package in open_))]
        for row, own in zip(rows, named, strict=True)
    ]
    numbers = components(keys).tolist()
    names: dict[int, str] = {}
    for number in dict.fromkeys(numbers):
        mine = [row for row, n in zip(rows, numbers, strict=True) if n == number]
        packages = sorted({row.package for row in mine} & open_)
        names[number] = " + ".join(packages) or mine[0].artist
    return [replace(row, group=names[n]) for row, n in zip(rows, numbers, strict=True)]


def read_manifest(folder: Path) -> list[Row]:
    """Rows of the manifest in a folder; none where there is none.

    Raises
    ------
    DatasetError
        It is the manifest of something else.
    """
    path = folder / MANIFEST
    if not path.exists():
        return []
    table = read_rows(path)
    names = [field.name for field in fields(Row)]
    # With columns besides these it is not ours either: to write it again would drop them.
    if set(names) != set(table.header):
        raise DatasetError(f"{path}: the manifest of another data set", "a folder of its own")
    return [Row(**{name: row[name] for name in names}) for row in table.rows]


def _text(rows: Iterable[Row]) -> bytes:
    out = io.StringIO(newline="")
    names = [field.name for field in fields(Row)]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue().encode("utf-8")


def write_manifest(folder: Path, rows: Iterable[Row]) -> list[Row]:
    """Write the manifest; gives the rows in order, with their groups.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    ready = group(sorted(rows, key=lambda row: row.path))
    replace_file(folder / MANIFEST, _text(ready))
    return ready


def _count(rows: Sequence[Row]) -> dict[str, Any]:
    hours = sum(float(row.seconds) for row in rows) / 3600
    groups = len({row.group for row in rows})
    return {"tracks": len(rows), "hours": round(hours, 2), "groups": groups}


def summary(built: Built) -> dict[str, Any]:
    """What was built, as values for JSON.

    Parameters
    ----------
    built : Built

    Returns
    -------
    dict
        ``labels``: tracks, hours and groups by label; ``unlabelled`` with the same;
        ``packages`` with what became of each; ``folder``.
    """
    by_label: dict[str, list[Row]] = {}
    for row in built.rows:
        by_label.setdefault(row.label, []).append(row)
    return {
        "folder": built.folder,
        "labels": {label: _count(by_label[label]) for label in sorted(by_label) if label},
        "unlabelled": _count(by_label.get("", [])),
        "packages": [asdict(state) for state in built.states],
    }
