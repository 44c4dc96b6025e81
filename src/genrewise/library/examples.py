"""Songs whose genre a person has said, as examples to train from."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genrewise.errors import LibraryError
from genrewise.files import replace_file
from genrewise.labels import fold

__all__ = ["LEAST", "Lessons", "gather", "write_manifest"]

#: Songs that a genre must have: two to learn from and one to hold out.
LEAST = 3


@dataclass(frozen=True)
class Lessons:
    """What can be learnt from, and what cannot.

    Parameters
    ----------
    songs : tuple of (str, str)
        Path and genre.
    rare : dict of str to int
        Genres of fewer than `LEAST` songs, which are left out, and how many they have.
    unnamed : int
        Files left out as no list can hold their names.
    """

    songs: tuple[tuple[str, str], ...]
    rare: Mapping[str, int]
    unnamed: int = 0

    def remarks(self) -> list[str]:
        """What was left out, a line each."""
        lines = []
        if self.rare:
            told = ", ".join(f"{genre} ({n})" for genre, n in sorted(self.rare.items()))
            lines.append(f"left out: {told}; a genre needs {LEAST} songs")
        if self.unnamed:
            files = "1 file" if self.unnamed == 1 else f"{self.unnamed} files"
            lines.append(f"left out: {files} of a name that is no UTF-8")
        return lines


def gather(labelled: Iterable[tuple[str, str]]) -> Lessons:
    """Lessons from what a person has said.

    Spellings of a genre that differ in case, blanks and punctuation are one, under the most
    usual.

    Parameters
    ----------
    labelled : iterable of (str, str)
        Path and genre, as ``catalogue.labelled`` gives them.

    Returns
    -------
    Lessons

    Raises
    ------
    LibraryError
        Fewer than two genres can be learnt.
    """
    said = list(labelled)
    named = [(path, genre) for path, genre in said if _is_text(path)]
    names = _usual(genre for _, genre in named)
    counts = Counter(fold(genre) for _, genre in named)
    songs = tuple((p, names[fold(g)]) for p, g in named if counts[fold(g)] >= LEAST)
    rare = {names[key]: n for key, n in counts.items() if n < LEAST}
    if len({genre for _, genre in songs}) < 2:
        have = ", ".join(f"{names[key]} ({n})" for key, n in sorted(counts.items()))
        raise LibraryError(
            "a library in which you have said the genre of "
            + (f"too few songs: {have}" if have else "no song"),
            f"two genres or more, of {LEAST} songs each",
            "say more: genrewise review",
        )
    return Lessons(songs, rare, len(said) - len(named))


def _usual(genres: Iterable[str]) -> dict[str, str]:
    """The most usual spelling of each genre, by what they have in common."""
    spelled: dict[str, Counter[str]] = {}
    for genre in genres:
        spelled.setdefault(fold(genre), Counter())[genre.strip()] += 1
    return {key: max(sorted(found), key=found.__getitem__) for key, found in spelled.items()}


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_manifest(path: Path, songs: Sequence[tuple[str, str]]) -> None:
    """Write examples as the list of files that ``genrewise train`` reads.

    There are no groups in it: what must not be split is found by the tags of the files, as for
    any music.

    Raises
    ------
    OSError
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "label", "track"])
    rows.writerows([song, genre, song] for song, genre in songs)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.getvalue().encode("utf-8"))
