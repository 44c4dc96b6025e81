"""The model file ``NAME.genrewise``: write, read, verify, list, find by name.

A bundle is a zip without compression and without pickles::

    bundle.json      everything the program must know (:mod:`genrewise.bundle_info`)
    *.onnx           one network a member, and the embedding
    card.md          what a person should know

Reading checks the format version, the checksum of every file and, when a session
is opened, the shapes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from genrewise.bundle_info import (
    CARD,
    FORMAT,
    BundleInfo,
    Calibration,
    Member,
    Tag,
    Unknown,
    is_name,
    parse,
)
from genrewise.cache import backbone_file, cache_dir
from genrewise.errors import BundleError, UnknownName
from genrewise.files import replace_file

__all__ = [
    "FORMAT",
    "SUFFIX",
    "Bundle",
    "BundleInfo",
    "Calibration",
    "Member",
    "ModelEntry",
    "Tag",
    "Unknown",
    "card",
    "entry",
    "find",
    "head",
    "list_models",
    "needs",
    "read",
    "write",
]

SUFFIX = ".genrewise"

#: No honest bundle is larger.
_LARGEST = 512 * 2**20

#: Models that the program names by itself, in the order of preference.
DEFAULT_MODELS = ("musicnn-gtzan-v1", "small-gtzan-v1")

_HEAD = "bundle.json"
_AGAIN = "get or train the model again"

#: What the zip and JSON readers raise for bytes that are neither.
_UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    LookupError,
    ValueError,
    ArithmeticError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class Bundle:
    """A model file in memory.

    Attributes
    ----------
    info : BundleInfo
    files : mapping of str to bytes
        The networks by name.
    card : str
        Markdown.
    digest : str
        SHA-256 of the whole file; empty where it was not read from one.
    """

    info: BundleInfo
    files: Mapping[str, bytes]
    card: str = ""
    digest: str = ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _head(bundle: Bundle, path: Path) -> bytes:
    """``bundle.json`` with the checksums, which :func:`read` would accept."""
    if wrong := [name for name in bundle.files if not is_name(name) or name in (CARD, _HEAD)]:
        raise BundleError(f"{path}: a file named {wrong[0]!r}", "a network's name without a path")
    contents = {**dict(sorted(bundle.files.items())), CARD: bundle.card.encode()}
    sums = {name: _sha256(data) for name, data in contents.items()}
    try:
        values = asdict(bundle.info) | {"files": sums}
        if not values["tags"]:
            del values["tags"]  # a file of one genre stays readable to what knows of no tags
        text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
        parse(json.loads(text), str(path))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {error}", "plain values in bundle.json") from error


def write(bundle: Bundle, path: str | os.PathLike[str]) -> Path:
    """Write a bundle atomically, the same bytes for the same contents.

    Raises
    ------
    BundleError
        It is not one that :func:`read` would take, or the folder cannot be written.
    """
    target = Path(path)
    head = _head(bundle, target)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [
            (_HEAD, head),
            (CARD, bundle.card.encode()),
            *sorted(bundle.files.items()),
        ]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # the same bytes on Windows
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, buffer.getvalue())
    except OSError as error:
        raise BundleError(f"{target}: {error.strerror}", "a folder that can be written") from error
    return target


def _check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what :func:`write` does not make: no member may be larger than it looks."""
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) != len(entries):
        raise zipfile.BadZipFile("a name twice")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise zipfile.BadZipFile("a compressed member")
    if sum(entry.file_size for entry in entries) > size:
        raise zipfile.BadZipFile("members larger than the file")


def _json(text: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} in bundle.json")

    return json.loads(text, parse_constant=refuse)


def _size(path: Path) -> int:
    """Size of a regular file (nothing else is opened: a pipe would wait for ever)."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BundleError(f"{path}: not a file", "a model file")
    if found.st_size > _LARGEST:
        raise BundleError(f"{path}: larger than {_LARGEST} bytes", "a model file")
    return found.st_size


def _refusal(path: Path, error: Exception) -> BundleError:
    """The one line for a file that cannot be read as a model."""
    if isinstance(error, FileNotFoundError):
        return BundleError(f"{path}: no such file", "a model file or a model's name")
    if isinstance(error, OSError):
        return BundleError(f"{path}: {error.strerror}", "a model file")
    return BundleError(f"{path}: not a readable model file", SUFFIX, _AGAIN)


def read(path: str | os.PathLike[str]) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BundleError
        It is no bundle, of a newer format, not what its checksums say, or a value in
        ``bundle.json`` is of a wrong type or out of range.
    """
    target = Path(path)
    try:
        _size(target)
        data = target.read_bytes()
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check_archive(archive, len(data))
            files = {name: archive.read(name) for name in archive.namelist()}
        head = _json(files.pop(_HEAD))
    except (OSError, *_UNREADABLE) as error:
        raise _refusal(target, error) from error
    info = parse(head, str(target))
    if odd := sorted(set(files) ^ set(info.files)):
        raise BundleError(
            f"{target}: {odd[0]!r:.60} is not in both the file and its list", "", _AGAIN
        )
    for name, digest in info.files.items():
        if _sha256(files[name]) != digest:
            raise BundleError(f"{target}: {name} does not match its checksum", "", _AGAIN)
    text = files.pop(CARD, b"").decode("utf-8", "replace")
    return Bundle(info, files, text, _sha256(data))


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be named.

    Attributes
    ----------
    name, labels, licence, metrics
        As in :class:`BundleInfo`.
    bytes : int
        Size of the file; with the backbones where they are here.
    available : bool
        Whether it can answer now.
    needs : tuple of str
        Backbones that it needs.
    path : str
    error : str
        Why the file cannot be read; empty where it can.
    """

    name: str
    labels: tuple[str, ...]
    bytes: int
    licence: str
    metrics: Mapping[str, Any]
    available: bool
    needs: tuple[str, ...]
    path: str
    error: str = ""


def model_folders() -> tuple[Path, ...]:
    """Folders in which models are found by name: ours first, then the user's."""
    return (Path(__file__).parent / "models", cache_dir() / "models")


def _files() -> dict[str, Path]:
    """Name to file; the name is that of the file."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def entry(name: str, path: Path) -> ModelEntry:
    """What is listed of a model's file, damaged or not."""
    try:
        size, info = _size(path), read(path).info
    except OSError as error:  # it went away meanwhile
        return ModelEntry(name, (), 0, "", {}, False, (), str(path), str(_refusal(path, error)))
    except BundleError as error:
        return ModelEntry(name, (), 0, "", {}, False, (), str(path), str(error))
    backbones = [backbone_file(backbone) for backbone in info.backbones()]
    here = [file for file in backbones if file.is_file()]
    return ModelEntry(
        name,
        info.labels,
        size + sum(file.stat().st_size for file in here),
        info.licence,
        info.metrics,
        len(here) == len(backbones),
        info.backbones(),
        str(path),
    )


def list_models() -> list[ModelEntry]:
    """All models that can be named, whether they can answer now or not.

    A damaged file is listed with its ``error``, so that one does not hide the others.
    """
    return [entry(name, path) for name, path in _files().items()]


def _answers(path: Path) -> bool:
    """Whether a model can answer now."""
    try:
        return not needs(path)
    except BundleError:
        return False


def find(name: str | os.PathLike[str] = "") -> Path:
    """File of a model.

    Parameters
    ----------
    name : str or path
        A model's name, a file, or nothing: then the best of ours that can answer now.
        What is both is the model; write ``./NAME`` for the file.

    Raises
    ------
    UnknownName
        No such model; with the nearest names.
    BundleError
        No such file.
    """
    text = os.fspath(name)
    files = _files()
    if not text:
        for candidate in DEFAULT_MODELS:
            if candidate in files and _answers(files[candidate]):
                return files[candidate]
        raise BundleError("no model is installed", "", "install genrewise again")
    if text in files:
        return files[text]
    separators = (os.sep, os.altsep or os.sep)
    is_path = text.endswith(SUFFIX) or any(mark in text for mark in separators)
    if is_path or os.path.isfile(text):  # noqa: PTH113 - Path.is_file raises for long names
        return Path(text)
    raise UnknownName("model", text, files)


def head(path: str | os.PathLike[str]) -> BundleInfo:
    """What stands in a model file's ``bundle.json``; the rest of the file is not read.

    Raises
    ------
    BundleError
        The file is no model.
    """
    target = Path(path)
    try:
        size = _size(target)
        with zipfile.ZipFile(target) as archive:
            _check_archive(archive, size)
            values = _json(archive.read(_HEAD))
    except (OSError, *_UNREADABLE) as error:
        raise _refusal(target, error) from error
    return parse(values, str(target))


def needs(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Backbones of a model that are not on this machine; reads the head of the file alone.

    Raises
    ------
    BundleError
        The file is no model.
    """
    wanted = head(path).backbones()
    return tuple(name for name in wanted if not backbone_file(name).is_file())


def card(path: str | os.PathLike[str]) -> str:
    """A model's card, Markdown."""
    return read(path).card
