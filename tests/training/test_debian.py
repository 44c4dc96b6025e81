"""Packages of Debian: found, fetched by name and read without being installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from genrewise.cli import main
from genrewise.errors import DatasetError
from genrewise.training.datasets import debian

DPKG = shutil.which("dpkg-deb")
pytestmark = pytest.mark.skipif(DPKG is None, reason="no dpkg-deb here")
Files = Mapping[str, bytes]


def fake_apt(folder: Path, pool: Path) -> Path:
    """An ``apt-get`` that knows the packages of a folder, and writes down what it is asked."""
    script = folder / "apt-get"
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> "{folder}/asked"\n'
        f'cp "{pool}/$4"_*.deb . 2>/dev/null && exit 0\n'
        'if [ "$4" = gone ]; then echo "W: unsandboxed" >&2;'
        ' echo "E: Failed to fetch $4  Temporary failure resolving" >&2; exit 100; fi\n'
        'echo "E: Unable to locate package $4" >&2; exit 100\n'
    )
    script.chmod(0o755)
    return script


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the packages lie that apt-get can fetch."""
    folder = tmp_path / "pool"
    folder.mkdir()
    fake_apt(tmp_path / "bin", folder)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def test_a_package_is_fetched_by_name(
    deb: Callable[..., Path], tmp_path: Path, pool: Path, into: Path
) -> None:
    made = deb(pool, "toy", {"usr/share/a": b"one"}, "1:2.0~rc1-3")
    found = debian.fetch("toy", into)
    assert found == into / "toy_1%3a2.0~rc1-3_all.deb"
    assert found.read_bytes() == made.read_bytes()
    assert debian.version(found) == "1:2.0~rc1-3"
    assert (tmp_path / "bin" / "asked").read_text() == "download -q -- toy\n"


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nowhere",
            "nowhere cannot be fetched: Unable to locate package nowhere; expected a release of"
            " Debian that has it. Bring the lists up to date: apt-get update",
        ),
        (
            "gone",
            "gone cannot be fetched: Failed to fetch gone  Temporary failure resolving; expected a"
            " package that apt-get can fetch. Try again",
        ),
    ],
)
def test_a_package_that_is_not_to_be_had(into: Path, name: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        debian.fetch(name, into)
    assert str(caught.value) == message


def test_apt_get_that_says_nothing(tmp_path: Path, pool: Path, into: Path) -> None:
    assert pool.is_dir()
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(DatasetError, match="toy cannot be fetched: apt-get gave no reason"):
        debian.fetch("toy", into)


def test_a_fetch_that_takes_too_long(
    tmp_path: Path, pool: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool.is_dir()
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(debian, "TIME_LIMIT", 0.2)
    with pytest.raises(DatasetError, match=r"toy: not here after 0\.2 s\. Try again"):
        debian.fetch("toy", into)


def test_programs_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatasetError, match="apt-get: no such program here; expected Debian") as apt:
        debian.need("apt-get")
    assert apt.value.todo.endswith("give them by --from FOLDER")
    with pytest.raises(DatasetError, match=r"dpkg-deb: .* Install the package dpkg"):
        debian.version(tmp_path / "toy.deb")


def test_of_several_files_the_wanted_version_is_taken(tmp_path: Path) -> None:
    for number, version in enumerate(("1%3a1.0-1", "1%3a1.0-2"), 1):
        file = tmp_path / f"toy_{version}_all.deb"
        file.write_bytes(b"")
        os.utime(file, (number, number))
    (tmp_path / "toy-data_9_all.deb").write_bytes(b"")
    assert debian.at_hand("toy", tmp_path, "1:1.0-1").name == "toy_1%3a1.0-1_all.deb"
    assert debian.at_hand("toy", tmp_path, "0.9").name == "toy_1%3a1.0-2_all.deb"
    assert debian.at_hand("toy", tmp_path).name == "toy_1%3a1.0-2_all.deb"
    with pytest.raises(DatasetError, match=r"toys: no file toys_….deb in .*; expected the package"):
        debian.at_hand("toys", tmp_path)


def test_files_are_written_where_they_are_wanted(deb: Callable[..., Path], tmp_path: Path) -> None:
    big = bytes(range(256)) * 9000
    file = deb(tmp_path, "toy", {"usr/a": b"one", "usr/b/c": big, ".hidden": b"two", "d": b""})
    seen: dict[str, int] = {}

    def place(path: str, size: int) -> Path | None:
        seen[path] = size
        return tmp_path / "out" / path if path != "usr/a" else None

    debian.extract(file, place)
    assert seen == {"usr/a": 3, "usr/b/c": len(big), ".hidden": 3, "d": 0}
    assert (tmp_path / "out/usr/b/c").read_bytes() == big
    assert (tmp_path / "out/.hidden").read_bytes() == b"two"
    assert (tmp_path / "out/d").read_bytes() == b""
    assert not (tmp_path / "out/usr/a").exists()


def test_links_are_passed_over(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: toy\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\n"
        "Description: x\n"
    )
    (tree / "real").write_text("music")
    (tree / "link").symlink_to("/etc/hostname")
    os.link(tree / "real", tree / "same")
    made = tmp_path / "toy.deb"
    subprocess.run(
        [str(DPKG), "-Znone", "--build", str(tree), str(made)], check=True, capture_output=True
    )
    seen: list[str] = []
    debian.extract(made, lambda path, _: seen.append(path))
    assert len(seen) == 1
    assert seen[0] in {"real", "same"}


@pytest.mark.parametrize("keep", [0, 50, 400, 5_000])
def test_a_damaged_package(deb: Callable[..., Path], tmp_path: Path, keep: int) -> None:
    file = deb(tmp_path, "toy", {"usr/a": bytes(50_000)})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"toy_1.*: damaged \(.+\); expected a whole package"):
        debian.extract(file, lambda path, _: tmp_path / "out" / path)
    with pytest.raises(DatasetError, match=r"other\.deb: damaged \(.+\)"):
        debian.version(tmp_path / "other.deb")


def test_the_error_of_a_full_disk_gets_out(deb: Callable[..., Path], tmp_path: Path) -> None:
    file = deb(tmp_path, "toy", {"usr/a": bytes(50_000)})
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(NotADirectoryError):
        debian.extract(file, lambda path, _: tmp_path / "out" / path)


@pytest.mark.parametrize("lacks", ["dpkg-deb", "apt-get"])
def test_not_on_debian(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    for program in {"dpkg-deb", "apt-get"} - {lacks}:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert main(["datasets", "get", "free-music", "-o", str(tmp_path / "data")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(
        f"Error: {lacks}: no such program here; expected Debian, or .*--from FOLDER\n"
        if lacks == "apt-get"
        else "Error: dpkg-deb: no such program here; .* Install the package dpkg\n",
        shown.err,
    )
    assert not (tmp_path / "data").exists()
