"""The model file ``NAME.genrewise``: write, read, verify, list, find by name.

A bundle is a zip without compression and without pickles::

    bundle.json      everything the program must know, see :class:`BundleInfo`
    *.onnx           one network a member, and the embedding
    card.md          what a person should know

Reading checks the format version, the checksum of every file and, when a session
is opened, the shapes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any

from genrewise.cache import cache_dir
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
    "Unknown",
    "card",
    "find",
    "list_models",
    "needs",
    "read",
    "write",
]

#: Version of the format; a file with a higher one is refused.
FORMAT = 1
SUFFIX = ".genrewise"

#: No member of an honest bundle is larger (zip bombs).
_LARGEST = 512 * 2**20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

#: Models that the program names by itself, in the order of preference.
DEFAULT_MODELS = ("musicnn-gtzan-v1", "small-gtzan-v1")


@dataclass(frozen=True)
class Member:
    """One classifier of a model.

    Parameters
    ----------
    file : str
        Its ONNX file inside the bundle: input ``x``, output ``probabilities`` (n, C).
    inputs : tuple of str
        Names of the inputs whose arrays are joined into ``x``.
    weights : tuple of float
        Weight of its probability, label by label; the weighted sum over the
        members is normalised.
    """

    file: str
    inputs: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """How the voted probabilities become calibrated ones.

    Parameters
    ----------
    temperature : float
        See :func:`genrewise.votes.temper`.
    fitted_on : str
        Where it was fitted.
    """

    temperature: float = 1.0
    fitted_on: str = ""


@dataclass(frozen=True)
class Unknown:
    """When a model says "unknown".

    Parameters
    ----------
    min_confidence : float
        Calibrated probability below which it does.
    max_distance : float
        Distance of the embedding to the nearest label's centre above which it does;
        0 means no such limit.
    """

    min_confidence: float = 0.0
    max_distance: float = 0.0


@dataclass(frozen=True)
class BundleInfo:
    """Contents of ``bundle.json``.

    Attributes
    ----------
    name, labels, label_set, licence : str, tuple of str, str, str
    inputs : mapping of str to mapping
        Name to the plain values of :func:`genrewise.inputs.make_input`.
    fingerprints : mapping of str to str
        Name to the fingerprint of the input when the model was trained.
    windows : mapping
        Plain values of :class:`genrewise.windows.WindowRule`.
    members : tuple of Member
    vote : str
        A rule of :mod:`genrewise.votes`.
    calibration : Calibration
    unknown : Unknown
    embedding : mapping
        ``file``, ``inputs``, ``size`` and ``centres`` (a row a label).
    multi_label : bool
    training : mapping
        Data, split checksum, recipe, seed.
    metrics : mapping
        Protocol and figures.
    versions : mapping
        Of the packages that made it.
    files : mapping of str to str
        File name to SHA-256; filled on writing.
    format : int
    """

    name: str
    labels: tuple[str, ...]
    label_set: str
    licence: str
    inputs: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, str]
    windows: Mapping[str, Any]
    members: tuple[Member, ...]
    vote: str = "mean"
    calibration: Calibration = field(default_factory=Calibration)
    unknown: Unknown = field(default_factory=Unknown)
    embedding: Mapping[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def backbones(self) -> tuple[str, ...]:
        """Names of the pretrained networks that the model needs."""
        found = [spec["backbone"] for spec in self.inputs.values() if spec["kind"] == "backbone"]
        return tuple(dict.fromkeys(found))


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


def write(bundle: Bundle, path: str | os.PathLike[str]) -> Path:
    """Write a bundle atomically, the same bytes for the same contents.

    Raises
    ------
    BundleError
        The name is not fit for a file, or the folder cannot be written.
    """
    if not _NAME.fullmatch(bundle.info.name):
        raise BundleError(f"model name {bundle.info.name!r}", "letters, digits, '.', '_' and '-'")
    card = bundle.card.encode()
    sums = {name: _sha256(data) for name, data in sorted(bundle.files.items())}
    info = asdict(bundle.info) | {"files": {**sums, "card.md": _sha256(card)}}
    text = json.dumps(info, indent=1, ensure_ascii=False, allow_nan=False)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [
            ("bundle.json", text.encode()),
            ("card.md", card),
            *sorted(bundle.files.items()),
        ]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, buffer.getvalue())
    except OSError as error:
        raise BundleError(f"{target}: {error.strerror}", "a folder that can be written") from error
    return target


def _entry(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    if archive.getinfo(name).file_size > _LARGEST:
        raise BundleError(f"{path}: {name} is larger than {_LARGEST} bytes", "a genrewise model")
    return archive.read(name)


def read(path: str | os.PathLike[str]) -> Bundle:
    """Read and verify a bundle.

    Raises
    ------
    BundleError
        It is no bundle, of a newer format, or a checksum is wrong.
    """
    target = Path(path)
    again = "get or train the model again"
    try:
        data = target.read_bytes()
        with zipfile.ZipFile(BytesIO(data)) as archive:
            info = _info(json.loads(_entry(archive, "bundle.json", target)), target)
            files = {name: _entry(archive, name, target) for name in info.files}
    except FileNotFoundError as error:
        raise BundleError(f"{target}: no such file", "a model file or a model's name") from error
    except OSError as error:
        raise BundleError(f"{target}: {error.strerror}", "a model file") from error
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{target}: not a readable model file", SUFFIX, again) from error
    for name, digest in info.files.items():
        if _sha256(files[name]) != digest:
            raise BundleError(f"{target}: {name} does not match its checksum", "", again)
    card = files.pop("card.md", b"").decode("utf-8", "replace")
    return Bundle(info, files, card, _sha256(data))


def _info(values: Any, path: Path) -> BundleInfo:
    """`bundle.json` as checked values; ValueError and KeyError mean that it is none."""
    version = values["format"]
    if not isinstance(version, int) or version > FORMAT:
        raise BundleError(
            f"{path}: format {version}", f"at most {FORMAT}", "install a newer genrewise"
        )
    known = {item.name for item in fields(BundleInfo)}
    if unknown := sorted(set(values) - known):
        raise BundleError(f"{path}: unknown key {unknown[0]!r} in bundle.json", f"format {FORMAT}")
    try:
        members = tuple(
            Member(m["file"], tuple(m["inputs"]), tuple(map(float, m["weights"])))
            for m in values["members"]
        )
        info = BundleInfo(
            **values
            | {
                "labels": tuple(values["labels"]),
                "members": members,
                "calibration": Calibration(**values["calibration"]),
                "unknown": Unknown(**values["unknown"]),
            }
        )
    except TypeError as error:
        raise ValueError(str(error)) from error
    _check_shape(info, path)
    return info


def _check_shape(info: BundleInfo, path: Path) -> None:
    n = len(info.labels)
    if n < 2 or len(set(info.labels)) != n or not info.members:
        raise BundleError(f"{path}: {n} labels, {len(info.members)} members", "two labels or more")
    for member in info.members:
        if len(member.weights) != n or min(member.weights) < 0:
            raise BundleError(f"{path}: {member.file} has {len(member.weights)} weights", f"{n}")
        if missing := set(member.inputs) - set(info.inputs):
            raise BundleError(f"{path}: {member.file} takes {missing}, which is no input")
        if member.file not in info.files:
            raise BundleError(f"{path}: {member.file} is not in the file")


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
    """

    name: str
    labels: tuple[str, ...]
    bytes: int
    licence: str
    metrics: Mapping[str, Any]
    available: bool
    needs: tuple[str, ...]
    path: str


def model_folders() -> tuple[Path, ...]:
    """Folders in which models are found by name: ours first, then the user's."""
    return (Path(__file__).parent / "models", cache_dir() / "models")


def _files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in model_folders():
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def _backbone_file(name: str) -> Path:
    return cache_dir() / "backbones" / f"{name}.onnx"


def list_models() -> list[ModelEntry]:
    """All models that can be named, whether they can answer now or not."""
    entries = []
    for path in _files().values():
        info = read(path).info
        backbones = [_backbone_file(name) for name in info.backbones()]
        here = [file for file in backbones if file.is_file()]
        entries.append(
            ModelEntry(
                info.name,
                info.labels,
                path.stat().st_size + sum(file.stat().st_size for file in here),
                info.licence,
                info.metrics,
                len(here) == len(backbones),
                info.backbones(),
                str(path),
            )
        )
    return entries


def find(name: str | os.PathLike[str] = "") -> Path:
    """File of a model.

    Parameters
    ----------
    name : str or path
        A model's name, a file, or nothing: then the best of ours that can answer now.

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
            if candidate in files and not needs(files[candidate]):
                return files[candidate]
        raise BundleError("no model is installed", "", "install genrewise again")
    if text in files:
        return files[text]
    if text.endswith(SUFFIX) or os.sep in text or Path(text).is_file():
        return Path(text)
    raise UnknownName("model", text, files)


def needs(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Backbones of a model that are not on this machine; reads the head of the file alone.

    Raises
    ------
    BundleError
        The file is no model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inputs = json.loads(archive.read("bundle.json"))["inputs"]
        wanted = [spec["backbone"] for spec in inputs.values() if spec["kind"] == "backbone"]
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{os.fspath(path)}: not a readable model file", SUFFIX) from error
    return tuple(name for name in dict.fromkeys(wanted) if not _backbone_file(name).is_file())


def card(path: str | os.PathLike[str]) -> str:
    """A model's card, Markdown."""
    return read(path).card
