"""Whether a copy is whole: counts, equal files, lists of checksums."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from genrewise.errors import DatasetError
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.check import Check, check, ranges, text
from genrewise.training.datasets.known import ARCHIVES, KNOWN
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


def looked_at(dataset: Dataset, own: Path | None = None) -> Check:
    root = Path(dataset.root)
    below = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    return check(dataset, hash_files(root, [f for f in below if f != SUMS]), (), own)


# -- checksums


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


# -- copies


@pytest.fixture
def gtzan(tmp_path: Path) -> Path:
    """Two genres: 100 tracks but two, and three."""
    for n in range(100):
        if n not in {5, 6, 99}:
            files(tmp_path, **{f"blues__blues_{n:05d}_au": f"blues {n}"})
    return files(
        tmp_path, rock__rock_00000_au="blues 3", rock__rock_00001_au="b", rock__rock_00003_au="c"
    )


def test_numbers_that_gtzan_has_and_the_copy_has_not(gtzan: Path) -> None:
    found = looked_at(read(gtzan))
    assert [(c.label, c.files) for c in found.counts] == [("blues", 97), ("rock", 3)]
    assert found.counts[0].missing == (5, 6, 99)
    assert found.counts[1].missing == (2, *range(4, 100))
    assert found.equal == (("blues/blues.00003.au", "rock/rock.00000.au"),)
    assert found.good
    shown = text(found)
    assert "gtzan (audio): 100 of 100 files are of a genre" in shown
    assert "  blues      97  missing 5-6, 99\n  rock        3  missing 2, 4-99\n" in shown
    assert "equal files: 1\n  blues/blues.00003.au = rock/rock.00000.au\n" in shown
    assert found.sha256 in shown


def test_a_list_of_its_own(gtzan: Path) -> None:
    first = looked_at(read(gtzan))
    own = gtzan / SUMS
    write_list(own, hash_files(gtzan, [f"rock/rock.0000{n}.au" for n in (0, 1, 3)]))
    (gtzan / "rock" / "rock.00001.au").write_text("other")
    (gtzan / "rock" / "rock.00003.au").unlink()
    found = looked_at(read(gtzan), own)
    (one,) = found.lists
    assert (one.agree, one.differ, one.gone) == (
        1,
        ("rock/rock.00001.au",),
        ("rock/rock.00003.au",),
    )
    assert len(one.new) == 97
    assert not found.good
    assert found.sha256 != first.sha256
    shown = text(found, most=2)
    assert "SHA256SUMS: 1 agree, 1 differ, 1 are not here, 97 are not listed" in shown
    assert "differ: 1\n  rock/rock.00001.au\nnot here: 1\n  rock/rock.00003.au\n" in shown
    assert "not listed: 97\n  blues/blues.00000.au\n  blues/blues.00001.au\n  and 95 more" in shown


def test_what_cannot_be_read_is_named_once() -> None:
    items = tuple(Item(f"{n}.wav", "rock", "", str(n)) for n in "abc")
    dataset = Dataset("mine", ".", items, ("rock",), ("look out",))
    found = check(
        dataset, {"a.wav": "", "b.wav": "1", "c.wav": "2"}, [("a.wav", "torn"), ("c.wav", "odd")]
    )
    assert found.unreadable == (("a.wav", "torn"), ("c.wav", "odd"))
    assert not found.good
    assert found.to_json()["good"] is False
    assert found.counts[0].missing == ()
    shown = text(found)
    assert "unreadable: 2\n  a.wav: torn\n  c.wav: odd\n" in shown
    assert "warnings\n  look out\n" in shown


def test_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([0, 2, 3, 4, 9]) == "0, 2-4, 9"


def test_what_is_known_tells_how_to_get_it() -> None:
    assert {"gtzan", "fma", "synthetic", "fma-miniature"} <= set(KNOWN)
    for one in KNOWN.values():
        assert one.what
        assert one.form
        assert one.get


def test_the_real_pictures(shared_data: Path) -> None:
    """The copies that Sturm (2013) lists hold the same bytes as pictures."""
    found = looked_at(read(shared_data / "gtzan-pictures"))
    assert sum(c.files for c in found.counts) == found.files == 709
    assert ("metal/metal.00058.png", "rock/rock.00016.png") in found.equal
    assert len(found.equal) == 10
    jazz = next(c for c in found.counts if c.label == "jazz")
    assert 54 in jazz.missing
