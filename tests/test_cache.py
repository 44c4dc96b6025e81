"""Where the cache lies on each platform."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from genrewise.cache import cache_dir


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own and none of the variables set."""
    for name in ("GENREWISE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".cache/genrewise"),
        ("freebsd14", ".cache/genrewise"),
        ("darwin", "Library/Caches/genrewise"),
        ("win32", "AppData/Local/genrewise/Cache"),
    ],
)
def test_the_platform_says_where(
    bare: Path, monkeypatch: pytest.MonkeyPatch, platform: str, place: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir() == bare / place
    assert not cache_dir().exists()


def test_xdg_is_followed_where_it_is_absolute(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare / "elsewhere"))
    assert cache_dir() == bare / "elsewhere" / "genrewise"
    for ignored in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_dir() == bare / ".cache" / "genrewise"


def test_localappdata_is_followed_on_windows(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(bare / "Local"))
    assert cache_dir() == bare / "Local" / "genrewise" / "Cache"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_own_variable_comes_first(
    bare: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare / "x"))
    monkeypatch.setenv("LOCALAPPDATA", str(bare / "l"))
    monkeypatch.setenv("GENREWISE_CACHE", str(bare / "mine"))
    assert cache_dir() == bare / "mine"
    monkeypatch.setenv("GENREWISE_CACHE", "~/kept")
    assert cache_dir() == bare / "kept"
    monkeypatch.chdir(bare)
    monkeypatch.setenv("GENREWISE_CACHE", "here")
    assert cache_dir() == bare / "here"
