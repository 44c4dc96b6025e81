"""Whether a copy is whole: counts, equal files, lists of checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.check import Check, check, ranges, text
from genrewise.training.datasets.folder import read_folder
from genrewise.training.datasets.known import KNOWN
from genrewise.training.datasets.sums import SUMS, hash_files, write_list


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


@given(st.sets(st.integers(0, 30)))
def test_ranges_hold_what_they_were_made_of(numbers: set[int]) -> None:
    back: set[int] = set()
    for part in filter(None, ranges(sorted(numbers)).split(", ")):
        first, _, last = part.partition("-")
        back |= set(range(int(first), int(last or first) + 1))
    assert back == numbers


def test_pieces_and_other_tracks_of_gtzan(tmp_path: Path) -> None:
    """Ten pieces are one number; a folder that holds other music has no numbers at all."""
    for n in range(100):
        for piece in range(2):
            files(tmp_path, **{f"jazz__jazz_{n:05d}_{piece}_wav": f"{n} {piece}"})
    (count,) = looked_at(read(tmp_path)).counts
    assert (count.files, count.missing) == (200, ())
    for n in range(10):
        files(tmp_path, **{f"jazz__more_{n}_wav": f"more {n}"})
    dataset = read_folder(tmp_path)
    (count,) = looked_at(dataset).counts
    assert (count.files, count.missing) == (210, ())


def test_a_manifest_that_names_parts_of_files(tmp_path: Path) -> None:
    """A file that two items are cut from is no copy of itself; one elsewhere has no bytes here."""
    items = (
        Item("long.wav", "rock", "", "a", "", 0.0, 5.0),
        Item("long.wav", "jazz", "", "b", "", 5.0, 5.0),
        Item("https://example.org/x.mp3", "jazz", "", "c"),
        Item("twin.wav", "jazz", "", "d"),
    )
    files(tmp_path, long_wav="one", twin_wav="one", notes_txt="one")
    found = looked_at(Dataset("mine", str(tmp_path), items, ("rock", "jazz")))
    assert found.equal == (("long.wav", "twin.wav"),)
    assert [(c.label, c.files) for c in found.counts] == [("rock", 1), ("jazz", 3)]
    assert found.files == 3


def test_lists_of_other_people_need_not_name_everything(fma_copy: Path) -> None:
    found = looked_at(read(fma_copy))
    assert [(one.name, one.agree, one.new) for one in found.lists] == [
        ("fma_small/checksums", 24, ())
    ]
    assert found.good
    assert found.to_json()["lists"][0]["agree"] == 24
    (fma_copy / "fma_small" / "000" / "000348.mp3").unlink()
    found = looked_at(read(fma_copy))
    assert found.lists[0].gone == ("fma_small/000/000348.mp3",)
    assert not found.good
    assert "fma_small/checksums: 23 agree, 0 differ, 1 are not here\n" in text(found)
    (fma_copy / "fma_small" / "checksums").write_text("no list\n")
    with pytest.raises(DatasetError, match="checksums, line 1: no list"):
        looked_at(read(fma_copy))


def test_long_lists_of_trouble_are_cut(tmp_path: Path) -> None:
    items = tuple(Item(f"{n}.wav", "rock", "", str(n)) for n in range(30))
    dataset = Dataset("mine", str(tmp_path), items, ("rock",))
    bad = [(item.path, "torn") for item in items]
    shown = text(check(dataset, {item.path: "1" for item in items}, bad), most=3)
    assert "unreadable: 30\n  0.wav: torn\n  1.wav: torn\n  2.wav: torn\n  and 27 more\n" in shown
    assert "equal files: 1\n  0.wav = 1.wav = " in shown
