"""Where genrewise keeps what it fetched or converted: a folder that may be deleted at any time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["backbone_file", "cache_dir", "own_network"]


def cache_dir() -> Path:
    r"""Folder of the user's cache; not created here.

    Returns
    -------
    Path
        ``$GENREWISE_CACHE`` where it is set; else ``~/Library/Caches/genrewise`` on macOS,
        ``%LOCALAPPDATA%\genrewise\Cache`` on Windows and ``$XDG_CACHE_HOME/genrewise``
        or ``~/.cache/genrewise`` elsewhere (XDG Base Directory Specification 0.8).
    """
    if given := os.environ.get("GENREWISE_CACHE"):
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "genrewise"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "genrewise" / "Cache"
    # The specification says that a relative path there is to be ignored.
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "genrewise"


def own_network(name: str) -> Path | None:
    """File of a network that comes with the program; None where it is one to be fetched."""
    path = Path(__file__).parent / "models" / f"{name}.onnx"
    return path if path.is_file() else None


def backbone_file(name: str) -> Path:
    """Where a backbone lies, once it was fetched and converted where it is not our own."""
    return own_network(name) or cache_dir() / "backbones" / f"{name}.onnx"
