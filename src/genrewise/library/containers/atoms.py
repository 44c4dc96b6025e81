"""Atoms of an MP4 or QuickTime file (ISO/IEC 14496-12): a length, a name, and what they hold."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from genrewise.library.containers.base import Unsafe, read_at, size_of
from genrewise.library.patch import Splice

__all__ = ["Atom", "atom", "child", "children", "inside", "resized", "top"]


@dataclass(frozen=True)
class Atom:
    """Where an atom stands.

    Parameters
    ----------
    name : bytes
    start : int
    body : int
        Where what it holds begins.
    stop : int
    open_end : bool
        Its length says "to the end of the file".
    """

    name: bytes
    start: int
    body: int
    stop: int
    open_end: bool = False


def atom(name: bytes, body: bytes) -> bytes:
    """The bytes of an atom."""
    return struct.pack(">I", len(body) + 8) + name + body


def _walk(file: BinaryIO, place: int, stop: int, cut: bool) -> list[Atom]:
    """Atoms of a stretch; `cut` says that sound may end before its atom does."""
    found: list[Atom] = []
    while stop - place >= 8:
        length, name = struct.unpack(">I4s", read_at(file, place, 8))
        head, open_end = 8, False
        if length == 0 and not cut:  # some programs end lists so
            break
        if length == 1:
            length, head = struct.unpack(">Q", read_at(file, place + 8, 8))[0], 16
        elif length == 0:
            length, open_end = stop - place, True
        end = place + length
        if cut and name == b"mdat":
            end = min(end, stop)
        if length < head or end > stop:
            raise Unsafe("its atoms are damaged")
        found.append(Atom(name, place, place + head, end, open_end))
        place = end
    return found


def top(file: BinaryIO) -> list[Atom]:
    """Atoms of the file itself.

    Raises
    ------
    Unsafe
        They do not fit into it.
    """
    return _walk(file, 0, size_of(file), True)


def children(file: BinaryIO, parent: Atom, skip: int = 0) -> list[Atom]:
    """Atoms that another one holds, `skip` bytes after it begins.

    Raises
    ------
    Unsafe
        They do not fit into it.
    """
    return _walk(file, parent.body + skip, parent.stop, False)


def child(atoms: list[Atom], name: bytes) -> Atom | None:
    """The first one of a name."""
    return next((a for a in atoms if a.name == name), None)


def inside(file: BinaryIO, parent: Atom, *names: bytes) -> list[Atom]:
    """All atoms on a path of names below another one."""
    found = [parent]
    for name in names:
        found = [a for held in found for a in children(file, held) if a.name == name]
    return found


def resized(file: BinaryIO, changed: Atom, grown: int) -> list[Splice]:
    """What makes an atom say that it grew.

    Raises
    ------
    Unsafe
        It gets longer than it can say.
    """
    if changed.open_end or not grown:
        return []
    length = changed.stop - changed.start + grown
    if read_at(file, changed.start, 4) == b"\0\0\0\1":
        return [Splice(changed.start + 8, changed.start + 16, struct.pack(">Q", length))]
    if length >= 1 << 32:
        raise Unsafe("its tags are longer than an atom can be")
    return [Splice(changed.start, changed.start + 4, struct.pack(">I", length))]
