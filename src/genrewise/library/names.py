"""What a model's labels are called in the user's tags: a vocabulary, or names of her own."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from genrewise.errors import LibraryError, UnknownName
from genrewise.labels import display, fold, genre

__all__ = ["VOCABULARIES", "names_of", "read_map"]

#: Whose words are written.
VOCABULARIES: Mapping[str, str] = {
    "display": "as people write them: Hip-Hop",
    "id3v1": "the nearest of ID3's numbered list, for old players",
    "discogs": "genre and style as Discogs files them: Electronic, Techno",
    "label": "the model's own labels: hiphop",
}


def names_of(
    labels: Sequence[str], vocabulary: str = "display", mapping: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """The names that are written for the labels of a model.

    Parameters
    ----------
    labels : sequence of str
    vocabulary : str
        One of `VOCABULARIES`.
    mapping : Path, optional
        A file of the user's own names; labels that it leaves out keep the vocabulary's.

    Returns
    -------
    dict
        A label to one or more names.

    Raises
    ------
    UnknownName
        No such vocabulary, or a label in the file that the model does not have.
    LibraryError
        The file cannot be read.
    """
    if vocabulary not in VOCABULARIES:
        raise UnknownName("vocabulary", vocabulary, VOCABULARIES)
    names = {label: _named(label, vocabulary) for label in labels}
    if mapping is not None:
        spelled = {fold(label): label for label in labels}
        for label, wanted in read_map(mapping).items():
            if fold(label) not in spelled:
                raise UnknownName(f"label of the model (in {mapping})", label, labels)
            names[spelled[fold(label)]] = wanted
    return names


def _named(label: str, vocabulary: str) -> tuple[str, ...]:
    known = genre(label)
    if vocabulary == "label" or known is None:
        return (label,)
    if vocabulary == "id3v1":
        return (known.id3v1,)
    if vocabulary == "discogs":
        return tuple(known.discogs.split("---"))
    return (display(label),)


def read_map(path: Path) -> dict[str, tuple[str, ...]]:
    """A file of names: CSV with a label and its names in a row, or TOML.

    Parameters
    ----------
    path : Path
        ``label,name[,name …]`` in each line (commas, semicolons or tabs; the first line may be
        a heading), or a ``.toml`` of ``label = "name"`` and ``label = ["name", "name"]``.

    Returns
    -------
    dict
        A label to its names, in their order.

    Raises
    ------
    LibraryError
        It cannot be read, a label stands there twice or without a name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(_toml(text) if path.suffix.lower() == ".toml" else _csv(text))
    except (OSError, UnicodeDecodeError, csv.Error, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise LibraryError(f"{path}: {why}", "lines of label,name, or a .toml file") from error
    found: dict[str, tuple[str, ...]] = {}
    for label, names in rows:
        wanted = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        if not wanted:
            raise LibraryError(f"{path}: {label!r} without a name", "one or more")
        if label in found:
            raise LibraryError(f"{path}: {label!r} stands there twice", "a line a label")
        found[label] = wanted
    return found


def _csv(text: str) -> Iterable[tuple[str, list[str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    for i, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter)):
        heading = i == 0 and fold(row[0] if row else "") in {"label", "labels"}
        if any(cell.strip() for cell in row) and not heading:
            yield row[0].strip(), row[1:]


def _toml(text: str) -> Iterable[tuple[str, list[str]]]:
    for label, value in tomllib.loads(text).items():
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) for name in names):
            raise csv.Error(f"{label} = {value!r} is no text")
        yield label, names
