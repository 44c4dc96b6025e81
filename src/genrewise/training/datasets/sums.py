"""Checksums of a copy: lists as ``sha256sum`` and ``sha1sum`` write and read them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from genrewise import engine
from genrewise.errors import DatasetError
from genrewise.files import replace_file
from genrewise.training.datasets.known import ARCHIVES

__all__ = ["SUMS", "Compared", "compare", "find_lists", "hash_files", "over_all", "read_list",
           "write_list"]  # fmt: skip

#: Name of the list that is written into a copy.
SUMS = "SHA256SUMS"
#: Lists that publishers put into their copies: FMA's archives have one a folder.
_THEIRS = "checksums"
_LINE = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}) [ *](.+)")
#: Algorithm by the number of hex digits.
_KINDS = {32: "md5", 40: "sha1", 64: "sha256"}


@dataclass(frozen=True)
class Compared:
    """Files held against one list.

    Parameters
    ----------
    name : str
        Of the list.
    agree : int
    differ, gone, new : tuple of str
        Files that are not as listed, that are not there, and that are not listed.
    """

    name: str
    agree: int
    differ: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether everything listed is there and as listed."""
        return not self.differ and not self.gone


def read_list(path: Path) -> dict[str, str]:
    """Checksum by file, paths as listed.

    Raises
    ------
    DatasetError
        A line that is none of ``sha256sum``, ``sha1sum`` or ``md5sum``.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}", "a list of checksums") from error
    found = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match:
            found[str(PurePosixPath(match[2]))] = match[1].lower()
        elif line.strip() and not line.startswith("#"):
            raise DatasetError(
                f"{path}, line {number}: {line.strip()[:40]}",
                "a checksum, two blanks and a file, as sha256sum writes them",
            )
    return found


def write_list(path: Path, sums: Mapping[str, str]) -> None:
    """Write a list that ``sha256sum -c`` takes as well.

    Raises
    ------
    DatasetError
        A name with a line break; a folder that cannot be written.
    """
    broken = [name for name in sums if "\n" in name or "\r" in name]
    if broken:
        raise DatasetError(f"{broken[0]!r}: a line break in a file name", "another name")
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    try:
        replace_file(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be written ({error.strerror})", "a writable folder",
            "name another place with --sums FILE",
        ) from error  # fmt: skip


def over_all(sums: Mapping[str, str]) -> str:
    """One checksum, 64 hex digits, over names and checksums: equal copies have the same."""
    whole = hashlib.sha256()
    for name, digest in sorted(sums.items()):
        whole.update(f"{digest}  {name}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def hash_files(
    root: Path,
    files: Sequence[str],
    kind: str = "sha256",
    *,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Checksum of each file.

    Parameters
    ----------
    root : Path
    files : sequence of str
        From the root.
    kind : {"sha256", "sha1", "md5"}
    workers : int
        Threads; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of files done.

    Returns
    -------
    dict of str to str
        Empty for a file that cannot be read.
    """

    def digest(file: str) -> str:
        try:
            with (root / file).open("rb") as stream:
                return hashlib.file_digest(stream, kind).hexdigest()
        except OSError:
            return ""

    found = {}
    with ThreadPoolExecutor(workers or engine.usable_cpus()) as pool:
        for done, (file, text) in enumerate(zip(files, pool.map(digest, files), strict=True), 1):
            found[file] = text
            if progress:
                progress(done)
    return found


def find_lists(root: Path, files: Collection[str]) -> list[tuple[str, dict[str, str]]]:
    """Lists that came with a copy, and published sums of archives.

    Parameters
    ----------
    root : Path
    files : collection of str
        Of the copy, from the root.

    Returns
    -------
    list of (name, sums)
        Paths from the root.
    """
    found = []
    for file in sorted(f for f in files if PurePosixPath(f).name == _THEIRS):
        below = PurePosixPath(file).parent
        listed = read_list(root / file)
        found.append((file, {str(below / name): digest for name, digest in listed.items()}))
    names = {file: PurePosixPath(file).name for file in files}
    archives = {file: ARCHIVES[name] for file, name in names.items() if name in ARCHIVES}
    return [*found, ("archives as published", archives)] if archives else found


def compare(
    root: Path, name: str, listed: Mapping[str, str], sums: Mapping[str, str], workers: int = 0
) -> Compared:
    """Hold a copy against a list.

    Parameters
    ----------
    root : Path
    name : str
        Of the list.
    listed : mapping of str to str
        What it says; the length of a checksum tells its kind.
    sums : mapping of str to str
        SHA-256 of all files of the copy.
    workers : int
    """
    here = {file: digest for file, digest in listed.items() if file in sums}
    actual = dict(sums)
    for kind in {_KINDS[len(digest)] for digest in here.values()} - {"sha256"}:
        wanted = [file for file, digest in here.items() if _KINDS[len(digest)] == kind]
        actual |= hash_files(root, wanted, kind, workers=workers)
    differ = tuple(sorted(f for f, digest in here.items() if actual[f] != digest))
    gone = tuple(sorted(set(listed) - set(here)))
    return Compared(
        name, len(here) - len(differ), differ, gone, tuple(sorted(set(sums) - set(listed)))
    )
