"""Lists of checksums: as the system's tools write and read them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


#: Names as they may stand in a folder, those that are no UTF-8 among them.
NAMES = st.text(
    st.characters(blacklist_characters="\0\n\r/", blacklist_categories=("Cs",)),
    min_size=1,
    max_size=20,
).filter(lambda name: name.strip() and name not in {".", ".."})
DIGESTS = st.sampled_from([32, 40, 64]).flatmap(
    lambda n: st.text("0123456789abcdef", min_size=n, max_size=n)
)


@settings(max_examples=40)
@given(st.dictionaries(NAMES, DIGESTS, max_size=6))
def test_what_is_written_is_read_again(sums: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SUMS
        write_list(path, sums)
        assert read_list(path) == sums


@given(st.dictionaries(NAMES, DIGESTS, min_size=1, max_size=6), st.data())
def test_every_change_changes_the_whole(sums: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sums)))
    whole = over_all(sums)
    assert over_all(dict(reversed(list(sums.items())))) == whole
    assert over_all(sums | {name: "0" * 63 + "x"}) != whole
    assert over_all({k: v for k, v in sums.items() if k != name}) != whole


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1" * 64, "2" * 64])),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1" * 64, "2" * 64])),
)
def test_every_file_is_in_one_place(listed: dict[str, str], sums: dict[str, str]) -> None:
    found = compare(Path("nowhere"), "list", listed, sums)
    assert found.agree + len(found.differ) + len(found.gone) == len(listed)
    assert found.agree + len(found.differ) + len(found.new) == len(sums)
    assert set(found.differ) == {k for k in listed if k in sums and listed[k] != sums[k]}
    assert found.whole == (listed.items() <= sums.items())


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        (tmp_path / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    sums = hash_files(tmp_path, [name])
    write_list(tmp_path / SUMS, sums)
    assert b"caf\xe9.wav\n" in (tmp_path / SUMS).read_bytes()
    assert read_list(tmp_path / SUMS) == sums


def test_a_list_replaces_the_older_one_whole(tmp_path: Path) -> None:
    path = tmp_path / SUMS
    write_list(path, {"a": "1" * 64, "b": "2" * 64})
    write_list(path, {"c": "3" * 64})
    assert path.read_text() == "3" * 64 + "  c\n"
    assert [p.name for p in tmp_path.iterdir()] == [SUMS]


def test_a_file_that_goes_while_others_are_read(tmp_path: Path) -> None:
    root = files(tmp_path, a_wav="one", b_wav="two")
    sums = hash_files(root, ["a.wav", "b.wav"])
    (root / "b.wav").unlink()
    later = hash_files(root, ["a.wav", "b.wav"])
    assert later == {"a.wav": sums["a.wav"], "b.wav": ""}
    assert compare(root, SUMS, sums, later).differ == ("b.wav",)
