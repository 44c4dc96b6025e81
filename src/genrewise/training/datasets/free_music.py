"""Free music from Debian's packages, as a data set: fetched, unpacked, with a manifest.

Nothing of the music is part of this program.  The packages come by name through the system's
own package sources, or from files at hand; the labels are those of :mod:`.free_music_labels`.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np

from genrewise.errors import DatasetError
from genrewise.filetypes import AUDIO_SUFFIXES
from genrewise.training.datasets import debian
from genrewise.training.datasets.base import some
from genrewise.training.datasets.free_music_labels import label_of
from genrewise.training.datasets.free_music_packages import PACKAGES, Package
from genrewise.training.datasets.free_music_rows import (
    Built,
    Row,
    State,
    read_manifest,
    write_manifest,
)

__all__ = ["SHORTEST", "get"]

Progress = Callable[[str], None]

#: Music shorter than this many seconds is a sound of the game or a jingle.
SHORTEST = 45.0
#: Bytes below which no file holds that much music; spares writing thousands of sounds.
_SMALL = 100_000


def _silent(_: str) -> None:
    """Progress that nobody looks at."""


def _look(path: Path) -> tuple[float, dict[str, str]]:
    """Seconds and tags of a file; no seconds where it is no audio."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            tags = dict(container.metadata)
            for stream in container.streams.audio:
                tags |= stream.metadata
            known = container.streams.audio and container.duration
    except (av.FFmpegError, OSError, ValueError):
        return 0.0, {}
    lower = {key.casefold(): " ".join(value.split()) for key, value in tags.items()}
    return (known / 1e6 if known else 0.0), lower


def _mix(parts: Sequence[Path], target: Path) -> None:
    """Write the sum of files that sound together, as FLAC, no louder than full scale."""
    import soundfile

    read = [soundfile.read(part, dtype="float32", always_2d=True) for part in parts]
    rates = {rate for _, rate in read}
    channels = {y.shape[1] for y, _ in read}
    if len(rates) > 1 or len(channels) > 1:
        raise DatasetError(f"{parts[0]}: parts of different rates or channels", "one of each")
    whole = np.zeros((max(len(y) for y, _ in read), channels.pop()), dtype=np.float32)
    for y, _ in read:
        whole[: len(y)] += y
    whole /= max(1.0, float(np.abs(whole).max(initial=0.0)))
    soundfile.write(target, whole, rates.pop(), format="FLAC", subtype="PCM_16")


def _digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()


def _is_music(package: Package, path: str, size: int) -> bool:
    """Whether a file below a package's music folder, or in its archive, may be music."""
    pure = PurePosixPath(path)
    fits = pure.suffix.lower() in AUDIO_SUFFIXES and fnmatchcase(path, package.only)
    return fits and size >= _SMALL and ".." not in pure.parts and not pure.is_absolute()


def _unpack(package: Package, file: Path, part: Path) -> Path:
    """Write a package's music and its copyright file below `part`; gives the folder."""
    music = part / "music"
    music.mkdir()

    def place(path: str, size: int) -> Path | None:
        below = path.removeprefix(f"{package.root}/")
        if path == f"usr/share/doc/{package.name}/copyright":
            return music / "copyright"
        if below == path:
            return None
        if package.archive:
            return part / "archive" if below == package.archive else None
        return music / below if _is_music(package, below, size) else None

    debian.extract(file, place)
    if package.archive and (part / "archive").exists():
        _unzip(package, part / "archive", music)
    return music


def _unzip(package: Package, archive: Path, music: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if _is_music(package, info.filename, info.file_size):
                    target = music / info.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(info) as stream, target.open("wb") as out:
                        shutil.copyfileobj(stream, out, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        name = f"{package.name}: {package.archive}"
        raise DatasetError(f"{name}: {error}", "a zip file", "fetch the package again") from error


@dataclass(frozen=True)
class _Piece:
    """A file of music as it came out of a package."""

    path: Path
    name: str
    digest: str
    seconds: float
    tags: dict[str, str]


def _pieces(package: Package, music: Path) -> tuple[list[_Piece], int]:
    """Pieces that are long enough, and how many are not; those are removed."""
    found, passed = [], 0
    reviewed = label_of(package.name)
    for path in sorted(p for p in music.rglob("*") if p.is_file() and p.name != "copyright"):
        if not path.exists():  # a part, mixed already
            continue
        parts = [path.parent / name for name in package.parts] or [path]
        if not all(part.exists() for part in parts):
            parts = [path]
        seconds, tags = _look(parts[0])
        if seconds < SHORTEST:
            path.unlink()
            passed += 1
            continue
        target = path.parent.with_name(f"{path.parent.name}.flac") if len(parts) > 1 else path
        name = target.relative_to(music).as_posix()
        digest = _digest(parts) if name in reviewed else ""
        if len(parts) > 1:
            _mix(parts, target)
            for part in parts:
                part.unlink()
        found.append(_Piece(target, name, digest, seconds, tags))
    return found, passed


def _row(package: Package, version: str, piece: _Piece) -> Row:
    """The row of a piece; its label only where its bytes are those that were reviewed."""
    tags = piece.tags
    digest, verdict = label_of(package.name).get(piece.name, ("", None))
    same = verdict if verdict is not None and digest == piece.digest else None
    return Row(
        path=f"{package.name}/{piece.name}",
        label=same.label if same else "",
        group="",
        track=f"{package.name}/{PurePosixPath(piece.name).with_suffix('')}",
        title=tags.get("title", ""),
        artist=tags.get("artist") or tags.get("composer") or package.artist,
        genre_tag=tags.get("genre", ""),
        package=package.name,
        version=version,
        licence=package.licence,
        seconds=f"{piece.seconds:.1f}",
    )


def _notes(package: Package, version: str, pieces: Sequence[_Piece]) -> tuple[str, ...]:
    """What to say where the reviewed files are not those that came."""
    reviewed = label_of(package.name)
    here = {piece.name: piece.digest for piece in pieces}
    other = [name for name, (digest, _) in reviewed.items() if here.get(name) != digest]
    if not other:
        return ()
    return (
        f"{package.name} {version} is not the version whose labels were reviewed,"
        f" {package.version}: {len(other)} of {len(reviewed)} labelled files are not those, and"
        f" have no label: {some(other)}",
    )


def _one(package: Package, folder: Path, source: Path | None) -> tuple[State, list[Row]]:
    """Fetch and unpack a package; its files stand in their place only when all is well."""
    part = folder / f".{package.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # of a run that was ended
    part.mkdir()
    try:
        if source is None:
            file = debian.fetch(package.name, part)
        else:
            file = debian.at_hand(package.name, source, package.version)
        version = debian.version(file)
        music = _unpack(package, file, part)
        pieces, passed = _pieces(package, music)
        if not pieces:
            root = f"/{package.root}"
            raise DatasetError(
                f"{package.name} {version}: no music below {root}", f"as in {package.version}"
            )
        rows = [_row(package, version, piece) for piece in pieces]
        notes = _notes(package, version, pieces)
        for path in sorted(p for p in music.rglob("*") if p.is_file()):
            target = folder / package.name / path.relative_to(music)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return State(package.name, version, "fetched", len(rows), passed, notes), rows


def _here(folder: Path, rows: Sequence[Row]) -> bool:
    return bool(rows) and all((folder / row.path).is_file() for row in rows)


def get(
    folder: str | Path,
    source: str | Path | None = None,
    *,
    everything: bool = False,
    progress: Progress = _silent,
    packages: Sequence[Package] | None = None,
) -> Built:
    """Build the data set, or go on where an earlier call ended.

    Parameters
    ----------
    folder : path
        Where it goes: a folder a package, and ``manifest.csv``.
    source : path, optional
        A folder of ``.deb`` files; by default the packages are fetched.
    everything : bool
        Also the packages of whose music nobody says a genre.
    progress : callable
        Is called with what begins and what was done, a line each.
    packages : sequence of Package, optional
        To choose from; all of :data:`PACKAGES` by default.

    Returns
    -------
    Built
        A package that could not be had is among its states.

    Raises
    ------
    DatasetError
        No dpkg-deb or apt-get; the folder cannot be written, is full, or holds another set.
    """
    folder, source = Path(folder), None if source is None else Path(source)
    debian.need("dpkg-deb")
    if source is None:
        debian.need("apt-get")
    elif not source.is_dir():
        raise DatasetError(f"{source}: no such folder", "a folder of .deb files")
    known = PACKAGES if packages is None else packages
    wanted = [package for package in known if everything or package.labelled]
    try:
        return _build(folder, source, wanted, progress)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DatasetError(
            f"{folder}: {reason}",
            "a folder that can be written, on a disk with room",
            "the same command goes on where it ended",
        ) from error


def _build(
    folder: Path, source: Path | None, wanted: Sequence[Package], progress: Progress
) -> Built:
    folder.mkdir(parents=True, exist_ok=True)
    rows = {row.path: row for row in read_manifest(folder)}
    states = []
    for number, package in enumerate(wanted, 1):
        mine = [row for row in rows.values() if row.package == package.name]
        if _here(folder, mine):
            states.append(State(package.name, mine[0].version, "kept", len(mine)))
            continue
        where = f"{number} of {len(wanted)} · {package.name}"
        progress(f"{where}: {'unpacking' if source else 'fetching'}, {package.megabytes} MB")
        try:
            state, fresh = _one(package, folder, source)
        except DatasetError as error:
            states.append(State(package.name, "", "failed", notes=(str(error),)))
            progress(str(error))
            continue
        rows = {path: row for path, row in rows.items() if row.package != package.name}
        rows |= {row.path: row for row in fresh}
        write_manifest(folder, rows.values())
        states.append(state)
        for line in state.notes:
            progress(line)
    kept = [row for row in rows.values() if (folder / row.path).is_file()]
    return Built(str(folder), tuple(write_manifest(folder, kept)), tuple(states))
