"""MP4 and M4A: iTunes's list of items in ``moov.udta.meta.ilst``.

What the list grows by comes from the free space beside it, as iTunes leaves some; else from that
behind ``moov``; else all that follows moves, and the tables that say where sound lies with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers.atoms import Atom, atom, child, children, inside, resized, top
from genrewise.library.containers.base import Edit, Span, Unsafe, Wish, growth, read_at, replace_all
from genrewise.library.patch import Splice, ordered

__all__ = ["audio", "change"]

#: Items of a field: the one that is written, and others that say the same.
ITEMS = {
    "genre": (b"\xa9gen", b"gnre"),
    "comment": (b"\xa9cmt",),
    "grouping": (b"\xa9grp",),
}

#: Type of an item's data: text in UTF-8.
TEXT = 1

#: What marks a list of iTunes's items.
HANDLER = atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))

#: Tables of places in the file, and the struct code of a place.
TABLES = ((b"stco", "I"), (b"co64", "Q"))


@dataclass(frozen=True)
class _Found:
    """How far the way to the items goes.

    Parameters
    ----------
    outer : tuple of Atom
        Those that have to grow with the list, the outermost first.
    siblings : list of Atom
        What the innermost of them holds.
    """

    outer: tuple[Atom, ...]
    siblings: list[Atom]


def change(file: BinaryIO, wish: Wish) -> Edit:
    """What grants a wish in an MP4 file.

    Raises
    ------
    Unsafe
        It is damaged, or its sound could not be found again.
    """
    atoms = top(file)
    moov = child(atoms, b"moov")
    if moov is None:
        raise Unsafe("it has no description of its sound")
    found = _way(file, moov)
    splices = _items(file, found, wish)
    if not splices:
        return Edit(())
    return Edit(ordered(splices + _room(file, atoms, found, growth(splices))))


def _way(file: BinaryIO, moov: Atom) -> _Found:
    """From ``moov`` to the list, as far as there is one."""
    outer, siblings = [moov], children(file, moov)
    for name in (b"udta", b"meta", b"ilst"):
        following = child(siblings, name)
        if following is None:
            break
        outer.append(following)
        siblings = children(file, following, _skip(file, following))
        if name == b"meta":
            _check_handler(file, siblings)
    return _Found(tuple(outer), siblings)


def _skip(file: BinaryIO, held: Atom) -> int:
    """Bytes before what ``meta`` holds: a version, which QuickTime leaves out."""
    if held.name != b"meta" or held.stop - held.body < 8:
        return 0
    return 0 if read_at(file, held.body + 4, 4) == b"hdlr" else 4


def _check_handler(file: BinaryIO, siblings: list[Atom]) -> None:
    handler = child(siblings, b"hdlr")
    if handler is None or read_at(file, handler.body + 8, 4) != b"mdir":
        raise Unsafe("its tags are none of iTunes's")


def _items(file: BinaryIO, found: _Found, wish: Wish) -> list[Splice]:
    """The list with what is wished; with all that it lies in where there is none."""
    name = ITEMS[wish.field][0]
    new = atom(name, b"".join(_data(v) for v in wish.wanted)) if wish.values else b""
    inner = found.outer[-1]
    if inner.name == b"ilst":
        old = [(a.start, a.stop) for a in found.siblings if a.name in ITEMS[wish.field]]
        splices = replace_all(old, new, _end(inner, found.siblings))
        there = [read_at(file, s.start, s.stop - s.start) for s in splices]
        return [] if there == [s.data for s in splices] else splices
    if not new:
        return []
    new = atom(b"ilst", new)
    if inner.name != b"meta":
        new = atom(b"meta", bytes(4) + HANDLER + new)
    if inner.name == b"moov":
        new = atom(b"udta", new)
    at = _end(inner, found.siblings)
    return [Splice(at, at, new)]


def _data(value: str) -> bytes:
    return atom(b"data", struct.pack(">II", TEXT, 0) + value.encode("utf-8"))


def _end(parent: Atom, held: list[Atom]) -> int:
    """Where what an atom holds ends; zeros may follow."""
    return held[-1].stop if held else parent.stop


def _room(file: BinaryIO, atoms: list[Atom], found: _Found, grown: int) -> list[Splice]:
    """Make all that lies about the list say that it grew, and find the room for it."""
    if not grown:
        return []
    outer, moov = list(found.outer), found.outer[0]
    if outer[-1].name == b"ilst":
        within = resized(file, outer.pop(), grown)
        siblings = children(file, outer[-1], _skip(file, outer[-1]))
        if taken := _taken(file, siblings, grown):
            return within + taken
    else:
        within = []
    sizes = [splice for held in outer for splice in resized(file, held, grown)]
    behind = atoms[atoms.index(moov) + 1 :]
    if taken := _taken(file, behind[:1], grown):
        return within + sizes + taken
    return within + sizes + _moved(file, atoms, moov, grown)


def _taken(file: BinaryIO, atoms: list[Atom], grown: int) -> list[Splice]:
    """Take `grown` bytes from free space that stands among atoms, if there is enough."""
    for held in atoms:
        left = held.stop - held.start - grown
        if held.name == b"free" and not held.open_end and left >= held.body - held.start:
            size = resized(file, held, -grown)
            if grown < 0:
                return [*size, Splice(held.stop, held.stop, bytes(-grown))]
            return [*size, Splice(held.stop - grown, held.stop, b"")]
    return []


def _moved(file: BinaryIO, atoms: list[Atom], moov: Atom, grown: int) -> list[Splice]:
    """Make the tables of ``moov`` point to where sound lies, if that moves."""
    behind = [a for a in atoms[atoms.index(moov) + 1 :] if a.name not in (b"free", b"skip")]
    if not behind:
        return []
    if any(a.name in (b"moof", b"mfra") for a in atoms):
        raise Unsafe("it is in fragments and has no room for more tags")
    return list(_tables(file, moov, grown))


def _tables(file: BinaryIO, moov: Atom, grown: int) -> Iterator[Splice]:
    for name, code in TABLES:
        for table in inside(file, moov, b"trak", b"mdia", b"minf", b"stbl", name):
            (count,) = struct.unpack(">I", read_at(file, table.body + 4, 4))
            layout = struct.Struct(f">{count}{code}")
            places = layout.unpack(read_at(file, table.body + 8, layout.size))
            if table.body + 8 + layout.size > table.stop:
                raise Unsafe("its atoms are damaged")
            new = [p + grown if p >= moov.stop else p for p in places]
            if max(new, default=0) >= 1 << 8 * struct.calcsize(code):
                raise Unsafe("it is too long for more tags")
            if new != list(places):
                yield Splice(table.body + 8, table.body + 8 + layout.size, layout.pack(*new))


def audio(file: BinaryIO) -> list[Span]:
    """Where sound lies.

    Raises
    ------
    Unsafe
        It is damaged.
    """
    return [(a.body, a.stop) for a in top(file) if a.name == b"mdat"]
