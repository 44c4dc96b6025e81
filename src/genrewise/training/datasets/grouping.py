"""What must not be split, where no manifest says so.

Rules by name:

=========  ====================================================================
``tags``   the artist tag, else the album tag, else each file its own
``artist`` the artist tag alone
``album``  the album tag alone
``folder`` the first sub-folder below the genre's (``jazz/Ella/…``)
``file``   each file its own
LIST.csv   columns path or track, and group, of a list kept elsewhere; a relative one
           is looked for from here, then from the folder of the data set
=========  ====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from genrewise.errors import UnknownName
from genrewise.training.datasets.base import Item, some
from genrewise.training.datasets.rows import column, read_rows, require, side

__all__ = ["RULES", "by_rule", "is_rule", "join", "rule_error"]

RULES = ("tags", "artist", "album", "folder", "file")

_LISTS = (".csv", ".tsv", ".jsonl")
#: Artist tags that name nobody.
_NOBODY = frozenset(
    {"", "various", "various artists", "va", "v.a.", "unknown", "unknown artist", "artist", "none"}
)
_GUESTS = re.compile(r"\s*[\(\[]?\s*\b(?:feat\.?|ft\.|featuring)\s.*$", re.IGNORECASE)


#: In the warning that nothing says which files belong together.
UNGROUPED = "each is its own group"


def is_rule(name: str) -> bool:
    """Whether `name` is a rule of the table above."""
    return name in RULES or name.lower().endswith(_LISTS)


def rule_error(name: str, columns: Iterable[str]) -> UnknownName:
    """The error for a `group_by` that is neither a column nor a rule."""
    return UnknownName("column or rule to group by", name, [*columns, *RULES, "LIST.csv"])


def by_rule(items: Sequence[Item], root: Path, rule: str) -> tuple[list[Item], list[str]]:
    """Items with their groups by a rule, and what to warn of.

    Parameters
    ----------
    items : sequence of Item
    root : Path
        Where their paths start.
    rule : str
        See the table above.

    Returns
    -------
    items : list of Item
        An empty group stands for the track.
    warnings : list of str
    """
    if rule == "file":
        return [replace(item, group="") for item in items], []
    if rule == "folder":
        return _by_folder(items)
    if rule in RULES:
        return _by_tags(items, root, rule)
    return join(items, _list(root, rule))


def _list(root: Path, rule: str) -> Path:
    """A list as given, or else from the folder of the data set, so that recipes can name it."""
    given = Path(rule).expanduser()
    from_root = root / given
    return from_root if not given.is_file() and from_root.is_file() else given


def _by_folder(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    grouped, alone = [], 0
    for item in items:
        parts = PurePosixPath(item.path).parts
        group = "/".join(parts[:2]) if len(parts) > 2 else ""
        alone += not group
        grouped.append(replace(item, group=group))
    lines = [f"{alone} files lie in no sub-folder: each is its own group"] if alone else []
    return grouped, lines


def person(name: str) -> str:
    """An artist as compared: no guests, no case, no doubled blanks; empty for nobody."""
    plain = " ".join(_GUESTS.sub("", name).split()).casefold()
    return "" if plain in _NOBODY else plain


def _by_tags(items: Sequence[Item], root: Path, rule: str) -> tuple[list[Item], list[str]]:
    """Groups by artist, else album; the files without either are counted."""
    grouped, alone = [], 0
    for item in items:
        artist, album = ("", "") if "://" in item.path else read_tags(root / item.path)
        group = ""
        if rule in {"tags", "artist"} and person(artist):
            group = f"artist {person(artist)}"
        elif rule in {"tags", "album"} and album.strip():
            group = f"album {' '.join(album.split()).casefold()}"
        alone += not group
        grouped.append(replace(item, group=group))
    if not alone:
        return grouped, []
    which = {"tags": "artist or album"}.get(rule, rule)
    return grouped, [
        f"{alone} of {len(items)} files name no {which}: {UNGROUPED}, so music of "
        "one artist may stand on both sides of a split and scores may be too high; "
        "a manifest with a group column, or --group-by folder, mends that"
    ]


def read_tags(path: Path) -> tuple[str, str]:
    """Artist and album of a file; empty where it has none or cannot be read.

    mutagen reads them where it is installed, else FFmpeg.
    """
    for reader in (_mutagen, _av):
        found = reader(path)
        if any(found):
            return found
    return "", ""


def _mutagen(path: Path) -> tuple[str, str]:
    try:
        import mutagen
    except ModuleNotFoundError:
        return "", ""
    try:
        tags = mutagen.File(path, easy=True)
        artist, album = (tags.get(key) if tags else None for key in ("artist", "album"))
    # Damaged files raise what the parser happened to trip over.
    except Exception:
        return "", ""
    return tuple(str(v[0]) if isinstance(v, list) and v else "" for v in (artist, album))  # type: ignore[return-value]


def _av(path: Path) -> tuple[str, str]:
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            found = dict(container.metadata)
            for stream in container.streams.audio:
                found |= stream.metadata
    except (av.FFmpegError, OSError, ValueError):
        return "", ""
    tags = {key.casefold(): value for key, value in found.items()}
    return tags.get("artist", ""), tags.get("album", "")


def _keys(text: str) -> list[str]:
    """Names under which a path, a file name or a track may be listed, closest first."""
    path = PurePosixPath(text.replace("\\", "/"))
    name = path.name
    stem = name.rpartition(".")[0] if "." in name[1:] else name
    # A piece of a track is named TRACK.PIECE or TRACK_PIECE.
    return [str(path), name, stem, re.sub(r"[._]\d+$", "", stem)]


def join(items: Sequence[Item], source: Path) -> tuple[list[Item], list[str]]:
    """Groups, tracks and parts from a list kept elsewhere.

    Rows are found by path, by file name, by track, or by the track that a piece
    (``TRACK.3.wav``) is named after.

    Parameters
    ----------
    items : sequence of Item
    source : Path
        CSV or JSONL with a column path or track, and a column group.

    Raises
    ------
    DatasetError
        Columns missing.
    """
    table = read_rows(source)
    group = require(table, "group")
    names = [c for c in (column(table.header, n) for n in ("path", "track")) if c]
    if not names:
        require(table, "track")
    track, split, replica = (column(table.header, n) for n in ("track", "split", "replica_set"))
    known: dict[str, int] = {}
    for i, row in enumerate(table.rows):
        for name in names:
            if row[name].strip():
                known.setdefault(row[name].strip(), i)
    joined, strange = [], []
    for item in items:
        keys = (key for text in (item.path, item.track) for key in _keys(text))
        number = next((known[key] for key in keys if key in known), None)
        if number is None:
            strange.append(item.path)
            joined.append(replace(item, group=""))
            continue
        row, where = table.rows[number], f"{source}, line {table.lines[number]}"
        own = row[group].strip() or (replica and row[replica].strip())
        joined.append(
            replace(
                item,
                group=own or "",
                track=(row[track].strip() if track else "") or item.track,
                split=side(row[split], where) if split else item.split,
            )
        )
    lines = [f"{len(strange)} items are not in {source.name}: {some(strange)}"] if strange else []
    return joined, [*table.warnings, *lines]
