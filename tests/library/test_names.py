"""A label's names: three vocabularies, and the user's own file in every spelling of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from genrewise.errors import LibraryError, UnknownName
from genrewise.labels import LABEL_SETS
from genrewise.library.names import VOCABULARIES, names_of, read_map

LABELS = ("blues", "hiphop", "metal", "my own")


@pytest.mark.parametrize(
    ("vocabulary", "names"),
    [
        ("display", [("Blues",), ("Hip-Hop",), ("Metal",), ("my own",)]),
        ("label", [("blues",), ("hiphop",), ("metal",), ("my own",)]),
        ("id3v1", [("Blues",), ("Hip-Hop",), ("Metal",), ("my own",)]),
        ("discogs", [("Blues",), ("Hip Hop",), ("Rock", "Heavy Metal"), ("my own",)]),
    ],
)
def test_vocabularies(vocabulary: str, names: list[tuple[str, ...]]) -> None:
    assert list(names_of(LABELS, vocabulary).values()) == names


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("label_set", LABEL_SETS.values(), ids=lambda s: s.name)
def test_every_label_of_ours_has_a_name_in_each(vocabulary: str, label_set: object) -> None:
    labels = label_set.labels  # type: ignore[attr-defined]
    names = names_of(labels, vocabulary)
    assert list(names) == list(labels)
    assert all(name and all(name) for name in names.values())


def test_a_vocabulary_that_there_is_not() -> None:
    with pytest.raises(UnknownName, match=r"no vocabulary named 'disogs'.*mean discogs"):
        names_of(LABELS, "disogs")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "hiphop,Rap\nmetal,Rock,Metal\n"),
        ("map.csv", "label,name\nhiphop,Rap\nmetal,Rock,Metal\n"),
        ("map.csv", "\ufefflabel;names\r\nhiphop;Rap\r\n\r\nmetal;Rock; Metal\r\n"),
        ("map.tsv", "hiphop\tRap\nmetal\tRock\tMetal"),
        ("map.txt", 'hiphop,"Rap"\n"metal","Rock","Metal","Rock"\n'),
        ("map.toml", 'hiphop = "Rap"\nmetal = ["Rock", "Metal"]\n'),
    ],
)
def test_a_file_of_names(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read_map(path) == {"hiphop": ("Rap",), "metal": ("Rock", "Metal")}
    assert names_of(LABELS, "display", path) == {
        "blues": ("Blues",),
        "hiphop": ("Rap",),
        "metal": ("Rock", "Metal"),
        "my own": ("my own",),
    }


def test_a_label_may_be_spelled_as_people_do(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("Hip-Hop,Rap & Trap\nMY OWN,Mine\nblues,ブルース\n", encoding="utf-8")
    names = names_of(LABELS, "id3v1", path)
    assert names["hiphop"] == ("Rap & Trap",)
    assert names["my own"] == ("Mine",)
    assert names["blues"] == ("ブルース",)


def test_a_label_that_the_model_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("hippop,Rap\n")
    with pytest.raises(UnknownName, match=r"no label of the model \(in .*map.csv\) named 'hippop'"):
        names_of(LABELS, "display", path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("map.csv", b"hiphop\n", "'hiphop' without a name"),
        ("map.csv", b"hiphop, ,\n", "'hiphop' without a name"),
        ("map.csv", b"hiphop,Rap\nhiphop,Trap\n", "'hiphop' stands there twice"),
        ("map.csv", b"hiphop,\xff\xfe\n", "can't decode byte 0xff"),
        ("map.toml", b"hiphop = Rap\n", "Invalid value"),
        ("map.toml", b"hiphop = 3\n", "hiphop = 3 is no text"),
        ("map.toml", b"hiphop = []\n", "'hiphop' without a name"),
    ],
)
def test_a_file_of_names_that_is_wrong(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LibraryError) as caught:
        read_map(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_no_file_of_names(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="No such file"):
        read_map(tmp_path / "none.csv")
    with pytest.raises(LibraryError, match="Is a directory"):
        read_map(tmp_path)
