"""Lists of checksums: as the system's tools write and read them."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from genrewise.errors import DatasetError
from genrewise.training.datasets.known import ARCHIVES
from genrewise.training.datasets.sums import (
    SUMS,
    compare,
    find_lists,
    hash_files,
    over_all,
    read_list,
    write_list,
)


def files(root: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_checksums_are_those_of_the_system(tmp_path: Path) -> None:
    root = files(tmp_path, rock__a_wav="one", jazz__b_wav="two")
    sums = hash_files(root, ["rock/a.wav", "jazz/b.wav", "gone.wav"], workers=1)
    assert sums == {"rock/a.wav": sha256("one"), "jazz/b.wav": sha256("two"), "gone.wav": ""}
    sums.pop("gone.wav")
    write_list(root / SUMS, sums)
    tool = shutil.which("sha256sum")
    if tool:
        done = subprocess.run(
            [tool, "-c", SUMS], cwd=root, capture_output=True, text=True, check=True
        )
        assert done.stdout == "jazz/b.wav: OK\nrock/a.wav: OK\n"
    assert read_list(root / SUMS) == sums


def test_progress_counts_files(tmp_path: Path) -> None:
    root = files(tmp_path, a="1", b="2", c="3")
    seen: list[int] = []
    hash_files(root, ["a", "b", "c"], progress=seen.append)
    assert seen == [1, 2, 3]


def test_lists_of_other_tools_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(
        f"# a comment\r\n{'A' * 64} *./x/a b.wav\r\n{'b' * 40}  ./c.mp3\n\n{'c' * 32}  d.mp3\n"
    )
    assert read_list(path) == {"x/a b.wav": "a" * 64, "c.mp3": "b" * 40, "d.mp3": "c" * 32}
    path.write_text(f"{'a' * 63}  x.wav\n")
    with pytest.raises(DatasetError, match="list, line 1: aaaa"):
        read_list(path)
    with pytest.raises(DatasetError, match="No such file"):
        read_list(tmp_path / "none")


def test_a_list_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be written.*Name another place with --sums"):
        write_list(tmp_path / "none" / SUMS, {"a": "b"})
    with pytest.raises(DatasetError, match="a line break in a file name"):
        write_list(tmp_path / SUMS, {"a\nb": "b"})


def test_over_all_depends_on_names_and_bytes_but_not_on_order() -> None:
    one = over_all({"a": "1", "b": "2"})
    assert one == over_all({"b": "2", "a": "1"})
    assert one == sha256("1  a\n2  b\n")
    assert len({one, over_all({"a": "2", "b": "1"}), over_all({"a": "1"})}) == 3


def test_a_copy_against_a_list(tmp_path: Path) -> None:
    root = files(tmp_path, a_wav="one", b_wav="changed", d_wav="new")
    listed = {
        "a.wav": hashlib.sha1(b"one").hexdigest(),
        "b.wav": hashlib.md5(b"two").hexdigest(),
        "c.wav": sha256("three"),
    }
    found = compare(root, "list", listed, hash_files(root, ["a.wav", "b.wav", "d.wav"]))
    assert (found.agree, found.differ, found.gone, found.new) == (
        1,
        ("b.wav",),
        ("c.wav",),
        ("d.wav",),
    )
    assert not found.whole
    assert compare(root, "list", {"a.wav": sha256("one")}, {"a.wav": sha256("one")}).whole


def test_lists_that_came_with_a_copy(tmp_path: Path) -> None:
    digest = hashlib.sha1(b"one").hexdigest()
    root = files(tmp_path, fma__000__000002_mp3="one", fma__checksums=f"{digest}  000/000002.mp3\n")
    (name, listed), *rest = find_lists(root, ["fma/checksums", "fma/000/000002.mp3"])
    assert (name, rest) == ("fma/checksums", [])
    assert compare(root, name, listed, hash_files(root, ["fma/000/000002.mp3"])).agree == 1


def test_archives_are_held_against_what_their_publishers_print(tmp_path: Path) -> None:
    (tmp_path / "fma_small.zip").write_bytes(b"half of it")
    ((name, listed),) = find_lists(tmp_path, ["fma_small.zip", "other.zip"])
    assert (name, list(listed)) == ("archives as published", ["fma_small.zip"])
    found = compare(tmp_path, name, listed, hash_files(tmp_path, ["fma_small.zip"]))
    assert found.differ == ("fma_small.zip",)
    assert all(re.fullmatch("[0-9a-f]{40}", digest) for digest in ARCHIVES.values())
