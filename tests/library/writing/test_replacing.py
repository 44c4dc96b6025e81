"""One file takes another one's place: whole, with its rights, or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import LibraryError
from genrewise.library import replacing
from genrewise.library.patch import digest
from genrewise.library.replacing import opened, removed, replacement, temporary

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="rights are POSIX")
ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs the rights of root"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "music" / "song.mp3"
    path.parent.mkdir()
    path.write_bytes(b"old")
    os.utime(path, ns=(10**18, 10**18 + 5))
    return path


def replaced(path: Path, data: bytes = b"new", mtime_ns: int | None = None) -> None:
    with opened(path) as (real, _, about):
        pass
    with replacement(real, "x", about) as new:
        assert new.write([data], mtime_ns) == digest([data])
        new.place()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_new_file_takes_the_place_of_the_old(path: Path) -> None:
    before = time.time_ns()
    replaced(path)
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["song.mp3"]
    assert before - 10**9 <= path.stat().st_mtime_ns <= time.time_ns() + 10**9


def test_the_time_can_be_kept(path: Path) -> None:
    replaced(path, mtime_ns=path.stat().st_mtime_ns)
    assert path.stat().st_mtime_ns == 10**18 + 5


def test_without_being_placed_it_is_gone(path: Path) -> None:
    with opened(path) as (real, _, about):
        pass
    with replacement(real, "x", about) as new:
        new.write([b"new"])
        assert names(path.parent) == [".genrewise-x.part", "song.mp3"]
    assert names(path.parent) == ["song.mp3"]
    assert path.read_bytes() == b"old"


def test_an_interrupt_leaves_nothing_behind(path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"ne"
        raise KeyboardInterrupt

    with opened(path) as (real, _, about):
        pass
    with pytest.raises(KeyboardInterrupt), replacement(real, "x", about) as new:
        new.write(interrupted())
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["song.mp3"]


def test_what_a_killed_process_left_is_taken_away(path: Path) -> None:
    left = temporary(path, "x")
    left.write_bytes(b"half")
    replaced(path)
    assert names(path.parent) == ["song.mp3"]


def test_names_of_temporary_files(tmp_path: Path) -> None:
    """Hidden, and short however long the other one is."""
    name = temporary(tmp_path / ("n" * 255), "0123456789abcdef").name
    assert name == ".genrewise-0123456789abcdef.part"


@pytest.mark.parametrize("name", ["日本 é.mp3", "n" * 255, "a\nb.mp3"])
def test_names_of_any_kind(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")
    replaced(path)
    assert (names(tmp_path), path.read_bytes()) == ([name], b"new")


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are Linux's")
def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp3"))
    path.write_bytes(b"old")
    replaced(path)
    assert path.read_bytes() == b"new"


# ------------------------------------------------------------------ rights


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o777, 0o4755])
def test_rights_stay(path: Path, mode: int) -> None:
    path.chmod(mode)
    replaced(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@POSIX
@ROOT
def test_the_owner_stays(path: Path) -> None:
    os.chown(path, 65_534, 12_345)
    path.chmod(0o4750)
    replaced(path)
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (65_534, 12_345, 0o4750)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="extended attributes are Linux's here")
def test_extended_attributes_stay(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("music") / "song.mp3"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.rating", b"five")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    # An access list, as setfacl writes it: owner rw-, user 1234 r--, group r--, mask r--, none.
    entries = ((1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1))
    acl = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little")
        + right.to_bytes(2, "little")
        + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, right, who in entries
    )
    try:
        os.setxattr(path, "system.posix_acl_access", acl)
    except OSError:
        acl = b""
    replaced(path)
    assert path.read_bytes() == b"new"
    assert os.getxattr(path, "user.rating") == b"five"
    if acl:
        assert os.getxattr(path, "system.posix_acl_access") == acl


@POSIX
def test_nobody_else_can_read_it_on_the_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o644)
    seen = []

    def look(file: Any, blocks: Any) -> Any:
        seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        yield from blocks

    monkeypatch.setattr(replacing, "_written", look)
    with opened(path) as (real, _, about):
        pass
    with replacement(real, "x", about) as new:
        new.write([b"new"])
    assert seen == [0o600]


# ------------------------------------------------------------------ links


@POSIX
def test_a_symbolic_link_leads_to_the_file_itself(path: Path, tmp_path: Path) -> None:
    link, other = tmp_path / "link.mp3", tmp_path / "second link.mp3"
    link.symlink_to(path)
    other.symlink_to("link.mp3")
    replaced(other)
    assert link.is_symlink()
    assert other.is_symlink()
    assert (path.read_bytes(), path.is_symlink()) == (b"new", False)
    path.unlink()
    with pytest.raises(FileNotFoundError), opened(other):
        pass


@POSIX
def test_a_file_with_two_names_is_refused(path: Path) -> None:
    os.link(path, path.with_name("other.mp3"))
    with (
        pytest.raises(
            LibraryError, match=r"song\.mp3: 2 names \(hard links\) for one file; .*--sidecar"
        ),
        opened(path),
    ):
        pass


@POSIX
def test_what_is_no_file(path: Path) -> None:
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)  # which nobody writes to: to open it would take for ever
    for other in (path.parent, pipe, Path("/dev/null")):
        with pytest.raises(LibraryError, match=r": no file; expected a music file"), opened(other):
            pass


def test_a_file_that_is_read_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may do everything
    with pytest.raises(LibraryError, match=r"song\.mp3: read-only; expected a file"), opened(path):
        pass


# ------------------------------------------------------------------ changes in between


def spoil_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"OLD")


def spoil_by_another(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"old")
    about = path.stat()
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(path)


def spoil_and_set_the_time(path: Path) -> None:
    about = path.stat()
    path.write_bytes(b"OLD")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize(
    "spoil", [spoil_in_place, spoil_by_another, spoil_and_set_the_time, Path.unlink]
)
def test_a_file_that_changed_is_not_overwritten(path: Path, spoil: Any) -> None:
    with opened(path) as (real, _, about):
        pass
    with replacement(real, "x", about) as new:
        new.write([b"new"])
        time.sleep(0.02)  # where clocks are coarse
        spoil(path)
        with pytest.raises(LibraryError, match=r"song\.mp3: changed while it was read; expected"):
            new.place()
    assert not path.exists() or path.read_bytes() in (b"old", b"OLD")
    assert names(path.parent) in (["song.mp3"], [])


def test_a_file_that_appeared_is_not_overwritten(path: Path) -> None:
    target = path.with_name("new.json")
    with replacement(target, "x", None) as new:
        new.write([b"new"])
        target.write_bytes(b"somebody's")
        with pytest.raises(LibraryError, match="changed while it was read"):
            new.place()
    assert target.read_bytes() == b"somebody's"


def test_a_file_that_is_made(path: Path) -> None:
    target = path.with_name("new.json")
    with replacement(target, "x", None) as new:
        new.write([b"one", b"two"])
        new.place()
    assert target.read_bytes() == b"onetwo"
    if sys.platform != "win32":
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~mask


def test_a_file_is_taken_away_only_as_it_was(path: Path) -> None:
    about = path.stat()
    spoil_and_set_the_time(path)
    with pytest.raises(LibraryError, match="changed while it was read"):
        removed(path, about)
    removed(path, path.stat())
    assert names(path.parent) == []


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "copystat"])
def test_a_full_disk_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = {"write": (replacing, "digest"), "fsync": (os, "fsync"), "replace": (Path, "replace")}
    monkeypatch.setattr(*place.get(step, (replacing.shutil, "copystat")), fail)
    with pytest.raises(OSError, match="No space left"):
        replaced(path)
    monkeypatch.undo()
    assert (names(path.parent), path.read_bytes()) == (["song.mp3"], b"old")


@POSIX
def test_file_and_folder_are_on_the_disk_before_it_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        steps.append("folder" if is_folder else "file")
        sync(handle)

    def moved(self: Path, target: Path) -> Path:
        steps.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    replaced(path)
    assert steps == ["file", "replace", "folder"]


@POSIX
def test_a_file_system_that_cannot_sync_folders(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync
    number = errno.EINVAL

    def synced(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    replaced(path)
    assert path.read_bytes() == b"new"
    number = errno.EIO
    with pytest.raises(OSError, match="rror"):
        replaced(path, b"newer")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_nothing_is_held_open(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        replaced(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@POSIX
def test_a_disk_that_goes_away(tmp_path: Path) -> None:
    """The folder is gone between reading and writing."""
    path = tmp_path / "usb" / "song.mp3"
    path.parent.mkdir()
    path.write_bytes(b"old")
    with opened(path) as (real, _, about):
        pass
    path.parent.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError), replacement(real, "x", about) as new:
        new.write([b"new"])
    assert names(tmp_path / "gone") == ["song.mp3"]
