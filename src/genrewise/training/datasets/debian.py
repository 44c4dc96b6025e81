"""Packages of Debian: fetched by name with Debian's own programs, read without installing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from genrewise.errors import DatasetError

__all__ = ["at_hand", "extract", "fetch", "need", "version"]

#: Seconds that one package may take to come; the largest has 628 MB.
TIME_LIMIT = 3600
_ON_DEBIAN = "Debian, or a system made of it such as Ubuntu"


def need(program: str) -> str:
    """Where a program of Debian's is.

    Raises
    ------
    DatasetError
        It is not there.
    """
    found = shutil.which(program)
    if found is None:
        todo = "there, fetch the packages with apt-get download; here, give them by --from FOLDER"
        raise DatasetError(
            f"{program}: no such program here",
            _ON_DEBIAN,
            todo if program == "apt-get" else "install the package dpkg",
        )
    return found


def _reason(output: str) -> str:
    """The first error in what apt-get printed."""
    lines = [line[2:].strip() for line in output.splitlines() if line.startswith("E:")]
    return lines[0] if lines else "apt-get gave no reason"


def fetch(name: str, folder: Path) -> Path:
    """Fetch a package by the system's own sources.

    Parameters
    ----------
    name : str
    folder : Path
        Where it goes; an empty one.

    Returns
    -------
    Path
        The ``.deb`` file.

    Raises
    ------
    DatasetError
        No apt-get, or it could not be had.
    """
    command = [need("apt-get"), "download", "-q", "--", name]
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=TIME_LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DatasetError(f"{name}: not here after {TIME_LIMIT} s", todo="try again") from None
    found = sorted(folder.glob("*.deb"))
    if done.returncode or not found:
        reason = _reason(done.stdout + done.stderr)
        unknown = "Unable to locate" in reason or "no installation candidate" in reason
        raise DatasetError(
            f"{name} cannot be fetched: {reason}",
            "a release of Debian that has it" if unknown else "a package that apt-get can fetch",
            "bring the lists up to date: apt-get update" if unknown else "try again",
        )
    return found[0]


def at_hand(name: str, folder: Path, wanted: str = "") -> Path:
    """A package among the ``.deb`` files of a folder.

    Parameters
    ----------
    name : str
    folder : Path
    wanted : str
        The version to prefer; else the newest file.

    Raises
    ------
    DatasetError
        None there.
    """
    # A colon in a version is %3a in the name of a file.
    files = sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise DatasetError(f"{name}: no file {name}_….deb in {folder}", "the package there")
    exact = [path for path in files if path.name.split("_")[1].replace("%3a", ":") == wanted]
    return (exact or files)[-1]


def version(package: Path) -> str:
    """The version of a ``.deb`` file, as its control file says.

    Raises
    ------
    DatasetError
        Damaged, or no package.
    """
    done = subprocess.run(
        [need("dpkg-deb"), "--field", str(package), "Version"], capture_output=True, text=True,
        errors="replace", env={**os.environ, "LC_ALL": "C"}, check=False,
    )  # fmt: skip
    if done.returncode or not done.stdout.strip():
        raise _damaged(package, done.stderr)
    return done.stdout.strip()


def _damaged(package: Path, output: str) -> DatasetError:
    lines = [line for line in output.splitlines() if line.strip()] or ["cut short"]
    reason = re.sub(r"^dpkg-deb: error: ", "", lines[0])
    return DatasetError(f"{package.name}: damaged ({reason})", "a whole package", "fetch it again")


@contextmanager
def _unpacking(package: Path, errors: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    """``dpkg-deb`` writing the package's files as a tar stream; ended with the block."""
    command = [need("dpkg-deb"), "--fsys-tarfile", str(package)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, "LC_ALL": "C"}
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # nothing where it ended by itself


def extract(package: Path, place: Callable[[str, int], Path | None]) -> None:
    """Write some of the plain files of a package.

    Parameters
    ----------
    package : Path
        A ``.deb`` file.
    place : callable
        Is given the path of each file, from the root of a file system and without a leading
        ``/`` or ``./``, and its size in bytes; gives where it goes, None for nowhere.

    Raises
    ------
    DatasetError
        Damaged; what was written before may be there.
    OSError
        A file cannot be written.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        with _unpacking(package, errors) as process:
            stream = cast(IO[bytes], process.stdout)
            try:
                with tarfile.open(fileobj=stream, mode="r|") as tar:
                    _write(tar, place)
                while stream.read(1 << 16):  # the padding after the last file
                    pass
                told = process.wait() and "cut short"
            except tarfile.TarError as error:
                process.wait()
                told = str(error) or "cut short"
        if told:
            errors.seek(0)
            raise _damaged(package, errors.read() or told)


def _write(tar: tarfile.TarFile, place: Callable[[str, int], Path | None]) -> None:
    for member in tar:
        path = PurePosixPath(member.name)
        if not member.isreg() or ".." in path.parts:
            continue
        target = place(str(path).lstrip("/"), member.size)
        file = tar.extractfile(member) if target else None
        if target is None or file is None:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
