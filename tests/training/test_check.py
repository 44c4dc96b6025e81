"""Whether a copy is whole: counts, equal files, lists of checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.check import Check, check, ranges, text
from genrewise.training.datasets.known import KNOWN
from genrewise.training.datasets.sums import (
    SUMS,
    hash_files,
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
