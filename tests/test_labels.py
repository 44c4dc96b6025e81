"""Label sets: order, spellings, names elsewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import UnknownName
from genrewise.labels import (
    _GENRES,
    LABEL_SETS,
    ancestors,
    display,
    fold,
    genre,
    label_set,
    recognise,
)

GTZAN = [
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
]
TECHNO = [
    "bouncy",
    "industrial",
    "non-techno-drop",
    "oldschool-hardstyle",
    "psytech",
    "tekno",
    "warzone",
]


def test_orders() -> None:
    assert list(label_set("gtzan-10").labels) == GTZAN
    assert list(label_set("techno-7").labels) == TECHNO
    assert label_set("techno-5").labels == (
        "bouncy",
        "tekno",
        "warzone",
        "industrial",
        "non-techno-drop",
    )
    assert len(label_set("fma-8").labels) == 8
    assert len(label_set("fma-16").labels) == 16
    assert set(label_set("fma-8").labels) <= set(label_set("fma-16").labels)


@pytest.mark.parametrize("name", list(LABEL_SETS))
def test_every_set_is_sound(name: str) -> None:
    known = label_set(name)
    assert known.name == name
    assert len(set(known.labels)) == len(known.labels)
    # Spellings are unambiguous, and repairs lead to labels of the set and shadow none.
    folded = [fold(label) for label in known.labels]
    assert len(set(folded)) == len(folded)
    for spelling, label in known.repairs.items():
        assert spelling == fold(spelling)
        assert spelling not in folded
        assert label in known.labels
    for label in known.labels:
        assert genre(label) is not None, label
        assert known.repair(label) == label


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Hip-Hop", "hiphop"),
        ("hip hop", "hiphop"),
        ("HIP_HOP", "hiphop"),
        ("Rap/Hip-Hop", "hiphop"),
        ("Classic", "classical"),
        ("Reggea", "reggae"),
        ("Heavy Metal", "metal"),
        ("ROCK", "rock"),
        ("polka", None),
        ("", None),
    ],
)
def test_repairs_of_gtzan(given: str, meant: str | None) -> None:
    assert label_set("gtzan-10").repair(given) == meant


def test_repair_keeps_the_spelling_of_the_set() -> None:
    assert label_set("fma-8").repair("hiphop") == "Hip-Hop"
    assert label_set("fma-16").repair("old-time / historic") == "Old-Time / Historic"
    assert label_set("techno-7").repair("Non Techno Drop") == "non-techno-drop"
    assert label_set("techno-5").repair("psytech") is None


def test_unknown_set_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no label set named 'gtzan'.*did you mean|gtzan-10"):
        label_set("gtzan")


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (GTZAN, "gtzan-10"),
        (["rock", "jazz"], "gtzan-10"),
        (["tekno", "bouncy"], "techno-5"),
        (["tekno", "psytech"], "techno-7"),
        (["Rock", "Folk"], "fma-8"),
        (["Rock", "Blues"], "fma-16"),
        (["rock"], None),
        ([], None),
        (["rock", "polka"], None),
        (["Rock", "jazz"], None),
    ],
)
def test_recognise(labels: list[str], found: str | None) -> None:
    known = recognise(labels)
    assert (known.name if known else None) == found


def test_names_elsewhere() -> None:
    hiphop = genre("hiphop")
    assert hiphop is not None
    assert (hiphop.display, hiphop.id3v1, hiphop.code) == ("Hip-Hop", "Hip-Hop", 7)
    assert hiphop.discogs == "Hip Hop"
    assert genre("Hip-Hop") == hiphop
    assert genre("polka") is None
    assert display("non-techno-drop") == "Non-Techno Drop"
    assert display("My Own Genre") == "My Own Genre"


def test_id3_codes_are_those_of_mutagen() -> None:
    genres = pytest.importorskip("mutagen.id3").TCON.GENRES
    for known in _GENRES:
        assert genres[known.code] == known.id3v1, known.label


def test_every_label_stands_once_and_folded() -> None:
    labels = [known.label for known in _GENRES]
    assert labels == sorted(set(labels))
    assert [fold(label) for label in labels] == labels


def test_families_are_trees() -> None:
    labels = {known.label for known in _GENRES}
    for known in _GENRES:
        assert known.parent in {"", *labels}
        assert known.label not in ancestors(known.label)  # and it comes to an end
    assert ancestors("warzone") == ("techno", "electronic")
    assert ancestors("Psytech") == ("electronic",)
    assert ancestors("metal") == ("rock",)
    assert ancestors("rock") == ()
    assert ancestors("polka") == ()


def test_a_kind_is_filed_below_its_parent_or_nowhere() -> None:
    """Discogs' genre of a kind is that of its parent."""
    for known in _GENRES:
        parent = genre(known.parent)
        if parent is not None:
            assert known.discogs.partition("---")[0] == parent.discogs.partition("---")[0]


def test_names_of_musicbrainz_are_small_words() -> None:
    spelt = {known.label: known.musicbrainz for known in _GENRES}
    assert all(name == name.lower().strip() for name in spelt.values())
    assert spelt["hiphop"] == "hip hop"
    assert spelt["rnb"] == spelt["soulrnb"] == "r&b"
    assert spelt["hardrock"] == "hard rock"
    assert spelt["international"] == ""  # it has no such genre


DISCOGS = {
    "Blues",
    "Brass & Military",
    "Classical",
    "Electronic",
    "Folk, World, & Country",
    "Funk / Soul",
    "Hip Hop",
    "Jazz",
    "Latin",
    "Non-Music",
    "Pop",
    "Reggae",
    "Rock",
}


def test_discogs_names_begin_with_one_of_its_genres() -> None:
    for known in _GENRES:
        assert known.discogs.partition("---")[0] in DISCOGS


@given(st.text(max_size=30))
def test_fold_is_stable(text: str) -> None:
    once = fold(text)
    assert fold(once) == once or not once.isascii()
    assert all(c.isalnum() for c in once)


@given(st.sampled_from(sorted(LABEL_SETS)), st.data())
def test_repair_forgives_case_and_punctuation(name: str, data: st.DataObject) -> None:
    known = LABEL_SETS[name]
    label = data.draw(st.sampled_from(known.labels))
    between = data.draw(st.sampled_from(["", " ", "-", "_", "."]))
    spelled = between.join(data.draw(st.sampled_from([c.upper(), c])) for c in label)
    assert known.repair(spelled) == label


def test_no_third_party_import() -> None:
    code = (
        "import sys, genrewise.labels;"
        "print([m for m in ('numpy','scipy','click','soundfile') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
