"""Whether a copy of a data set is whole: counted, decoded, and held against checksums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from genrewise.training.datasets.base import Dataset
from genrewise.training.datasets.fma import sub_genres
from genrewise.training.datasets.gtzan import track_name
from genrewise.training.datasets.sums import Compared, compare, find_lists, over_all, read_list

__all__ = ["Check", "Count", "check", "text"]

#: Tracks a genre of GTZAN, numbered from 0.
_GTZAN = 100


@dataclass(frozen=True)
class Count:
    """Files of a genre.

    Parameters
    ----------
    label : str
    files : int
    missing : tuple of int
        Numbers that no file bears, where they are known to go on.
    below : dict of str to int
        Its files by sub-genre, where these are known.
    """

    label: str
    files: int
    missing: tuple[int, ...] = ()
    below: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """What was found in a copy.

    Parameters
    ----------
    name, kind, root : str
    counts : tuple of Count
    unreadable : tuple of (str, str)
        Path and reason.
    equal : tuple of tuple of str
        Items whose files hold the same bytes.
    lists : tuple of Compared
    files : int
        All below the root.
    sha256 : str
        Over all of them.
    warnings : tuple of str
        Of the reader.
    """

    name: str
    kind: str
    root: str
    counts: tuple[Count, ...]
    unreadable: tuple[tuple[str, str], ...]
    equal: tuple[tuple[str, ...], ...]
    lists: tuple[Compared, ...]
    files: int
    sha256: str
    warnings: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing is unreadable, and everything listed is there and as listed."""
        return not self.unreadable and all(one.whole for one in self.lists)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"good": self.good}


def _counts(dataset: Dataset) -> tuple[Count, ...]:
    """Files by genre; of GTZAN with the numbers that are missing, of FMA with sub-genres."""
    names = [track_name(item.path) for item in dataset.items]
    files = Counter(item.label for item in dataset.items)
    numbers: dict[str, set[int]] = {label: set() for label in dataset.labels}
    for item, found in zip(dataset.items, names, strict=True):
        if found:
            numbers[item.label].add(int(found[0].rpartition(".")[2]))
    known, below = range(_GTZAN if all(names) else 0), sub_genres(dataset)
    return tuple(
        Count(label, files[label], tuple(n for n in known if n not in there), below.get(label, {}))
        for label, there in numbers.items()
    )


def _equal(dataset: Dataset, sums: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Files of the data set with the same bytes."""
    same: dict[str, list[str]] = {}
    for path in dict.fromkeys(item.path for item in dataset.items):
        if sums.get(path):
            same.setdefault(sums[path], []).append(path)
    return tuple(tuple(paths) for paths in same.values() if len(paths) > 1)


def check(
    dataset: Dataset,
    sums: Mapping[str, str],
    unreadable: Sequence[tuple[str, str]] = (),
    own: Path | None = None,
    *,
    workers: int = 0,
) -> Check:
    """Look at a copy.

    Parameters
    ----------
    dataset : Dataset
    sums : mapping of str to str
        SHA-256 of every file below its root; empty for one that cannot be read.
    unreadable : sequence of (str, str)
        Items that could not be decoded, and why.
    own : Path, optional
        A list of all files of the copy.
    workers : int

    Raises
    ------
    DatasetError
        A list of checksums that is none.
    """
    root = Path(dataset.root)
    lists = [compare(root, own.name, read_list(own), sums, workers)] if own else []
    for name, listed in find_lists(root, sums):
        # These never name everything that lies beside what they are of.
        lists.append(replace(compare(root, name, listed, sums, workers), new=()))
    closed = [(path, "cannot be opened") for path, digest in sums.items() if not digest]
    return Check(
        dataset.name,
        dataset.kind,
        dataset.root,
        _counts(dataset),
        tuple({**dict(closed), **dict(unreadable)}.items()),
        _equal(dataset, sums),
        tuple(lists),
        len(sums),
        over_all(sums),
        dataset.warnings,
    )


def ranges(numbers: Sequence[int]) -> str:
    """``"3, 5-7"`` of ascending numbers."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _section(title: str, lines: Sequence[str], most: int) -> list[str]:
    if not lines:
        return []
    rest = [f"  and {len(lines) - most} more"] if len(lines) > most else []
    return ["", f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:most]), *rest]


def text(found: Check, most: int = 10) -> str:
    """The result as text, with at most `most` lines for each kind of trouble."""
    width = max((len(c.label) for c in found.counts), default=5)
    total = sum(c.files for c in found.counts)
    of_a_genre = "rows" if found.kind == "features" else f"of {found.files} files"
    lines = [f"{found.name} ({found.kind}): {total} {of_a_genre} are of a genre", ""]
    for count in found.counts:
        missing = f"  missing {ranges(count.missing)}" if count.missing else ""
        below = ", ".join(f"{title} {n}" for title, n in count.below.items())
        of_these = f"  of these {below}" if below else ""
        lines.append(f"  {count.label.ljust(width)}  {count.files:>6}{missing}{of_these}")
    lines += _section("unreadable", [f"{p}: {why}" for p, why in found.unreadable], most)
    lines += _section("equal files", [" = ".join(paths) for paths in found.equal], most)
    for one in found.lists:
        parts = [f"{len(one.differ)} differ", f"{len(one.gone)} are not here"]
        parts += [f"{len(one.new)} are not listed"] if one.new else []
        lines += ["", f"{one.name}: {one.agree} agree, {', '.join(parts)}"]
        lines += _section("differ", one.differ, most)[1:]
        lines += _section("not here", one.gone, most)[1:]
        lines += _section("not listed", one.new, most)[1:]
    lines += ["", f"sha256 over all files: {found.sha256}"]
    if found.warnings:
        lines += ["", "warnings", *(f"  {line}" for line in found.warnings)]
    return "\n".join(lines) + "\n"
