"""Near-duplicates of a data set: found by fingerprint, merged before a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from genrewise.errors import LeakageError
from genrewise.training.datasets.base import Dataset, Item, components
from genrewise.training.datasets.fingerprint import matches
from genrewise.training.datasets.scan import Facts
from genrewise.training.splits import PARTS, Split

__all__ = ["Duplicate", "check_audio", "duplicates", "keep_apart", "merge"]


@dataclass(frozen=True)
class Duplicate:
    """Two items of different tracks that hold the same audio.

    Parameters
    ----------
    first, second : int
        Items, ``first < second``.
    offset : float
        Second of the first at which the second begins.
    overlap : float
        Seconds compared.
    error : float
        Share of differing fingerprint bits, 0 (the same file) to 0.33.
    """

    first: int
    second: int
    offset: float
    overlap: float
    error: float

    def across(self, items: Sequence[Item]) -> bool:
        """Whether the two lie in different groups, so that a split could part them."""
        return items[self.first].group != items[self.second].group

    def contradicts(self, items: Sequence[Item]) -> bool:
        """Whether the two bear different labels."""
        return items[self.first].label != items[self.second].label


def duplicates(dataset: Dataset, facts: Sequence[Facts]) -> tuple[Duplicate, ...]:
    """Pairs of items that hold the same audio, those of one track left out.

    Parameters
    ----------
    dataset : Dataset
    facts : sequence of Facts
        Of its items, in their order; empty finds nothing.
    """
    if not facts:
        return ()
    items = dataset.items
    return tuple(
        Duplicate(m.first, m.second, m.offset, m.overlap, m.error)
        for m in matches([f.prints for f in facts])
        if items[m.first].track != items[m.second].track
    )


def merge(dataset: Dataset, pairs: Iterable[Duplicate]) -> Dataset:
    """The data set with the groups of equal audio joined, so that no split parts them.

    A joined group bears the name of the one that came first.
    """
    keys: list[list[tuple[str, str]]] = [[("group", item.group)] for item in dataset.items]
    for number, pair in enumerate(pairs):
        keys[pair.first].append(("pair", str(number)))
        keys[pair.second].append(("pair", str(number)))
    numbers = components(keys).tolist()
    name: dict[int, str] = {}
    for item, number in zip(dataset.items, numbers, strict=True):
        name.setdefault(number, item.group)
    items = (
        item if item.group == name[n] else replace(item, group=name[n])
        for item, n in zip(dataset.items, numbers, strict=True)
    )
    return replace(dataset, items=tuple(items))


def keep_apart(
    dataset: Dataset, pairs: Sequence[Duplicate]
) -> tuple[Dataset, list[Duplicate], tuple[str, ...]]:
    """The data set's own split without the copies that stand on two of its sides.

    Of such a pair the one that is learnt from is left out, so that the test part stays what
    its authors published.  Joining their groups instead would put whole artists on two sides.

    Returns
    -------
    dataset : Dataset
        Copies left out bear no part.
    pairs : list of Duplicate
        Those on one side, whose groups can be joined.
    left_out : tuple of str
        Paths.
    """
    place = {part: number for number, part in enumerate(PARTS)}
    items = list(dataset.items)
    gone = set()
    for pair in pairs:
        sides = {i: place[items[i].split] for i in (pair.first, pair.second) if items[i].split}
        if len(set(sides.values())) == 2:
            gone.add(min(sides, key=sides.__getitem__))
    for i in gone:
        items[i] = replace(items[i], split="")
    together = [p for p in pairs if items[p.first].split == items[p.second].split]
    left_out = tuple(items[i].path for i in sorted(gone))
    return replace(dataset, items=tuple(items)), together, left_out


def check_audio(dataset: Dataset, split: Split, pairs: Iterable[Duplicate]) -> None:
    """Refuse a split that has the same audio on two sides.

    Raises
    ------
    LeakageError
        Naming both files and both sides.
    """
    part = {i: name for name, indices in split.parts().items() for i in indices}
    for pair in pairs:
        sides = part.get(pair.first), part.get(pair.second)
        if None in sides or sides[0] == sides[1]:
            continue
        first, second = dataset.items[pair.first], dataset.items[pair.second]
        raise LeakageError(
            f"the same audio on two sides: {first.path} in {sides[0]} and {second.path} in "
            f"{sides[1]} ({pair.overlap:.0f} s, {pair.error:.0%} of the fingerprint differs)",
            "copies of a recording on one side",
            "give both one group, or leave one out",
        )
