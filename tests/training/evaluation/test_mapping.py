"""Labels of a data set and of a model: the same name, a map, another spelling, a stranger."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.errors import DatasetError
from genrewise.labels import LABEL_SETS
from genrewise.training.mapping import check_map, match, read_map, refuse_strangers

GTZAN = LABEL_SETS["gtzan-10"].labels


def test_equal_names_need_no_map() -> None:
    own = match(["jazz", "polka", "blues"], GTZAN, {})
    assert own.known == {"jazz": 5, "blues": 0}
    assert own.outside == ("polka",)
    assert (own.repaired, own.left_out, own.taken) == ({}, (), {})


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("Hip-Hop", "hiphop"),
        ("hip hop", "hiphop"),
        ("RAP", "hiphop"),
        ("Reggea", "reggae"),
        ("Heavy Metal", "metal"),
        ("Classic", "classical"),
        ("  Jazz ", "jazz"),
    ],
)
def test_other_spellings_of_a_known_set_are_taken_for_it(label: str, meant: str) -> None:
    own = match([label], GTZAN, {})
    assert own.known == {label: GTZAN.index(meant)}
    assert own.repaired == {label: meant}
    assert own.outside == ()


def test_labels_of_nobody_s_set_differ_by_case_and_punctuation_alone() -> None:
    own = match(["DUB STEP", "rap", "Ju-Jazz"], ["dubstep", "ju_jazz", "hiphop club"], {})
    assert own.repaired == {"DUB STEP": "dubstep", "Ju-Jazz": "ju_jazz"}
    assert own.outside == ("rap",)


def test_a_label_of_signs_alone_is_nobody_s() -> None:
    assert match(["!!!"], ["???", "jazz"], {}).outside == ("!!!",)


def test_a_spelling_that_two_labels_of_the_model_have_is_taken_for_neither() -> None:
    own = match(["Hip Hop"], ["hip-hop", "hiphop", "jazz"], {})
    assert own.known == {}
    assert own.outside == ("Hip Hop",)


def test_two_labels_are_not_made_one_by_a_spelling() -> None:
    own = match(["hiphop", "rap", "jazz"], GTZAN, {})
    assert own.known == {"hiphop": 4, "jazz": 5}
    assert own.taken == {"rap": "hiphop"}
    assert (own.repaired, own.outside) == ({}, ())
    both = match(["Hip-Hop", "rap"], GTZAN, {})
    assert both.known == {}
    assert both.taken == {"Hip-Hop": "hiphop", "rap": "hiphop"}


def test_a_map_may_make_two_labels_one() -> None:
    own = match(["hiphop", "rap"], GTZAN, {"rap": "hiphop"})
    assert own.known == {"hiphop": 4, "rap": 4}
    assert own.taken == {}


def test_a_map_goes_first() -> None:
    own = match(["jazz", "rock", "Hip-Hop"], GTZAN, {"jazz": "blues", "rock": "", "Hip-Hop": "pop"})
    assert own.known == {"jazz": 0, "Hip-Hop": 7}
    assert own.left_out == ("rock",)
    assert own.repaired == {}


def test_what_a_map_takes_is_not_taken_by_a_spelling() -> None:
    own = match(["beats", "Hip-Hop"], GTZAN, {"beats": "hiphop"})
    assert own.known == {"beats": 4}
    assert own.taken == {"Hip-Hop": "hiphop"}


@given(
    st.lists(st.sampled_from([*GTZAN, "Hip-Hop", "rap", "polka", "Jazz", "???"]), unique=True),
    st.dictionaries(st.sampled_from(["rap", "polka", "jazz"]), st.sampled_from(["", *GTZAN])),
)
def test_every_label_has_exactly_one_fate(labels: list[str], mapping: dict[str, str]) -> None:
    own = match(labels, GTZAN, mapping)
    fates = [*own.known, *own.left_out, *own.taken, *own.outside]
    assert sorted(fates) == sorted(labels)
    assert set(own.repaired) <= set(own.known)
    for label, place in own.known.items():
        expected = mapping.get(label) or own.repaired.get(label) or label
        assert GTZAN[place] == expected


def test_strangers_are_told_which_map_would_mend_it() -> None:
    refuse_strangers("x", ["jazz"], GTZAN, match(["jazz"], GTZAN, {}))
    with pytest.raises(DatasetError) as error:
        refuse_strangers("mine", ["jazzz", "polka"], GTZAN, match(["jazzz", "polka"], GTZAN, {}))
    assert str(error.value) == (
        "mine: none of its labels (jazzz, polka); expected some of the model's: "
        f"{', '.join(GTZAN)}."
        " Map them: --map jazzz=jazz"
    )


def test_strangers_that_are_heard_are_enough() -> None:
    polka, left = match(["polka"], GTZAN, {}), match(["polka"], GTZAN, {"polka": ""})
    refuse_strangers("x", ["polka"], GTZAN, polka, heard=True)
    with pytest.raises(DatasetError, match="x: none of its labels"):
        refuse_strangers("x", ["polka"], GTZAN, left, heard=True)
    for heard in (False, True):
        with pytest.raises(DatasetError, match="x: no clip bears a label that was asked for"):
            refuse_strangers("x", [], GTZAN, match([], GTZAN, {}), heard)


# ------------------------------------------------------------------- maps from files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "label,model\nrap,hiphop\nbig band, jazz \npolka,\n"),
        ("map.csv", "﻿Label;Model label\nrap;hiphop\nbig band;jazz\npolka;\n"),
        ("map.tsv", "model_label\tlabel\thow\nhiphop\trap\tsure\njazz\tbig band\t\n\tpolka\t\n"),
        ("map.jsonl", '{"label":"rap","model":"hiphop"}\n{"label":"big band","model":"jazz"}\n'
         '{"label":"polka","model":null}\n'),
        ("map.toml", 'rap = "hiphop"\n"big band" = "jazz"\npolka = ""\n'),
    ],
)  # fmt: skip
def test_maps_from_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_map(tmp_path / name) == {"rap": "hiphop", "big band": "jazz", "polka": ""}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "genre,model\nrap,hiphop\n", "columns genre, model; expected the columns label"),
        ("a.csv", "label,other\nrap,hiphop\n", "columns label, other; expected"),
        ("a.csv", "label,model\nrap,hiphop\nrap,pop\n", "'rap' twice; expected each label once"),
        ("a.csv", "label,model\nrap\n", "line 2: 1 cells"),
        ("a.csv", "", "empty"),
        ("a.toml", "rap = 3\n", 'rap = 3; expected "label" = "model label"'),
        ("a.toml", "[rap]\nto = 'x'\n", "rap = {'to': 'x'}"),
        ("a.toml", "rap == hiphop\n", "expected TOML"),
        ("a.toml", "rap = 'a'\nrap = 'b'\n", "expected TOML"),
    ],
)
def test_a_map_that_is_none(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError) as error:
        read_map(tmp_path / name)
    assert said in str(error.value)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["none.csv", "none.toml"])
def test_a_map_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=r"none.*: No such file"):
        read_map(tmp_path / name)


def test_a_toml_map_of_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"rap = '\xff\xfe'\n")
    with pytest.raises(DatasetError, match="expected TOML"):
        read_map(tmp_path / "a.toml")


def test_a_typed_map_names_what_there_is() -> None:
    assert check_map({"rap": "hiphop", "polka": ""}, ["rap", "polka"], GTZAN) == ()
    with pytest.raises(DatasetError, match=r"map rap=hipop: hipop is no label of the model") as e:
        check_map({"rap": "hipop"}, ["rap"], GTZAN)
    assert "Did you mean hiphop?" in str(e.value)
    with pytest.raises(DatasetError, match=r"map rapp=hiphop: rapp is no label of the data"):
        check_map({"rapp": "hiphop"}, ["rap"], GTZAN)


def test_a_list_may_hold_more_than_the_data_and_says_so() -> None:
    listed = {"rap": "hiphop", "polka": "", "a": "pop", "b": "pop", "c": "pop"}
    assert check_map(listed, ["rap"], GTZAN, "l.csv") == (
        "l.csv: labels that the data do not have: polka, a, b and 1 more",
    )
    with pytest.raises(DatasetError, match="hipop is no label of the model"):
        check_map({"rap": "hipop"}, ["rap"], GTZAN, "l.csv")
