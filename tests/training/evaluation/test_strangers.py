"""Music outside a model's labels: what is counted, and what of a report is left without labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genrewise.errors import DatasetError
from genrewise.training.evaluate import Evaluation, Question, evaluate
from genrewise.training.metrics import bootstrap_interval
from genrewise.training.strangers import Stranger, strangers

Make = Callable[..., Any]
BAD = b"words, not music. " * 40


def asked(model: str, *sources: str | Path, **more: Any) -> Evaluation:
    return evaluate(Question(model, tuple(map(str, sources)), workers=1, outside=True, **more))


def report(model: str, *sources: str | Path, **more: Any) -> dict[str, Any]:
    return asked(model, *sources, **more).report


# ------------------------------------------------------------------- what is counted


def said(*rows: tuple[str, str, str]) -> list[Stranger]:
    """Strangers from label, group and answer."""
    return [Stranger(label, ("set", group), answer) for label, group, answer in rows]


def test_answers_are_counted_by_label() -> None:
    found = said(
        ("polka", "a", "jazz"),
        ("polka", "a", ""),
        ("dub", "b", "rock"),
        ("polka", "b", "blues"),
        ("polka", "c", "rock"),
        ("polka", "c", "rock"),
        ("dub", "d", ""),
        ("dub", "d", ""),
    )
    given = [True, False, True, True, True, True, False, False]
    assert strangers(found) == {
        "n": 8,
        "groups": 4,
        "n_answered": 5,
        "answered": 0.625,
        "taken_for": {"rock": 3, "blues": 1, "jazz": 1},
        "interval": list(bootstrap_interval(given, list("aabbccdd"))),
        "per_label": {
            "dub": {"n": 3, "groups": 2, "n_answered": 1, "answered": 1 / 3}
            | {"taken_for": {"rock": 1}},
            "polka": {"n": 5, "groups": 3, "n_answered": 4, "answered": 0.8}
            | {"taken_for": {"rock": 2, "blues": 1, "jazz": 1}},
        },
    }
    order = [list(one["taken_for"]) for one in (strangers(found), strangers(found[::-1]))]
    assert order == [["rock", "blues", "jazz"]] * 2  # most first, then by name


def test_groups_are_resampled_whole() -> None:
    """Ten clips of two groups tell less than ten of ten."""
    few = strangers(said(*[("polka", str(k % 2), "jazz" * (k % 2)) for k in range(10)]))
    many = strangers(said(*[("polka", str(k), "jazz" * (k % 2)) for k in range(10)]))
    assert few["interval"] == [0.0, 1.0]
    assert 0.0 < many["interval"][0] < 0.5 < many["interval"][1] < 1.0
    assert strangers(said(("polka", "a", "jazz")))["interval"] == [0.0, 1.0]


def test_a_model_that_says_nothing_is_right() -> None:
    found = strangers(said(*[("polka", str(k), "") for k in range(20)]))
    assert (found["n_answered"], found["answered"], found["taken_for"]) == (0, 0.0, {})
    low, high = found["interval"]  # what twenty groups may hide, not nothing
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_groups_of_two_sets_are_not_one() -> None:
    found = [Stranger("polka", (name, "1"), "") for name in ("here", "there")]
    assert strangers(found)["groups"] == 2


# ------------------------------------------------------------------- in an evaluation


@pytest.fixture(scope="module")
def careful(make_model: Make, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Low below 500 Hz, high above 2000, "unknown" close to these."""
    return str(make_model(tmp_path_factory.mktemp("careful"), "careful", least=0.9))


#: One known clip of each label; of those outside polka is heard as low, low and high, and dub as
#: unknown and middle.
CLIPS = {
    "low": (150,),
    "middle": (1000,),
    "high": (4000,),
    "polka": (160, 210, 3000),
    "dub": (500, 1100),
}


@pytest.fixture(scope="module")
def mixed(make_tones: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(make_tones(tmp_path_factory.mktemp("mixed") / "mixed", CLIPS))


@pytest.fixture(scope="module")
def foreign(make_tones: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of which the model knows no label."""
    clips = {"polka": (170, 500), "waltz": (5000,)}
    return Path(make_tones(tmp_path_factory.mktemp("foreign") / "foreign", clips))


MIXED = {
    "n": 5,
    "groups": 5,
    "n_answered": 4,
    "answered": 0.8,
    "taken_for": {"low": 2, "high": 1, "middle": 1},
    "interval": list(bootstrap_interval([False, True, True, True, True])),
    "per_label": {
        "dub": {"n": 2, "groups": 2, "n_answered": 1, "answered": 0.5, "taken_for": {"middle": 1}},
        "polka": {"n": 3, "groups": 3, "n_answered": 3, "answered": 1.0}
        | {"taken_for": {"low": 2, "high": 1}},
    },
}
FOREIGN = {
    "n": 3,
    "groups": 3,
    "n_answered": 2,
    "answered": 2 / 3,
    "taken_for": {"high": 1, "low": 1},
    "per_label": {
        "polka": {"n": 2, "groups": 2, "n_answered": 1, "answered": 0.5, "taken_for": {"low": 1}},
        "waltz": {"n": 1, "groups": 1, "n_answered": 1, "answered": 1.0, "taken_for": {"high": 1}},
    },
}


def without_interval(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "interval"}


def test_strangers_stand_beside_the_figures_and_change_none(careful: str, mixed: Path) -> None:
    found = report(careful, mixed)
    assert found["strangers"] == MIXED
    assert found["outside"] == ["dub", "polka"]
    plain = evaluate(Question(careful, (str(mixed),), workers=1)).report
    assert "strangers" not in plain
    assert {**plain, "strangers": MIXED} == found
    assert found["clip"]["n"] == 3
    json.dumps(found, allow_nan=False)


def test_labels_that_a_map_names_are_no_strangers(careful: str, mixed: Path) -> None:
    found = report(careful, mixed, mapping={"polka": "low", "dub": ""})
    assert "strangers" not in found
    assert (found["clip"]["n"], found["left_out"]) == (6, ["dub"])
    assert list(report(careful, mixed, mapping={"polka": ""})["strangers"]["per_label"]) == ["dub"]


def test_labels_asked_for_are_those_of_strangers_too(careful: str, mixed: Path) -> None:
    found = report(careful, mixed, labels=("low", "dub"))
    assert list(found["strangers"]["per_label"]) == ["dub"]
    assert found["clip"]["n"] == 1


def test_strangers_are_rows_of_the_predictions(careful: str, mixed: Path) -> None:
    found = asked(careful, mixed)
    rows = [row for row in found.predictions if row["truth"] in {"dub", "polka"}]
    assert len(found.predictions) == 3 * 3 + len(rows)
    assert [(r["path"], r["truth"], r["answer"], r["answered"]) for r in rows[:1] + rows[2:]] == [
        ("dub/1100.wav", "dub", "middle", True),
        ("polka/160.wav", "polka", "low", True),
        ("polka/210.wav", "polka", "low", True),
        ("polka/3000.wav", "polka", "high", True),
    ]
    assert (rows[1]["path"], rows[1]["answered"]) == ("dub/500.wav", False)
    for row in rows:
        assert (row["level"], row["start"], row["stop"]) == ("clip", "", "")
        p = [row[f"p_{label}"] for label in ("low", "middle", "high")]
        assert sum(p) == pytest.approx(1.0, abs=1e-4)
        assert row["confidence"] == max(p)


def test_a_limit_is_for_strangers_of_its_own(careful: str, mixed: Path) -> None:
    found = report(careful, mixed, limit=2)
    assert found["clip"]["n"] == found["strangers"]["n"] == 2
    assert {k: one["n"] for k, one in found["strangers"]["per_label"].items()} == {
        "dub": 1,
        "polka": 1,
    }


def test_a_restricted_answer_is_among_the_labels_kept(pitch: str, mixed: Path) -> None:
    """Where low may not be said, a polka of 160 Hz is taken for the next label above."""
    kept = ("middle", "high", "polka")
    assert report(pitch, mixed, labels=kept)["strangers"]["taken_for"] == {"low": 2, "high": 1}
    found = report(pitch, mixed, labels=kept, restrict=True)["strangers"]
    assert found["taken_for"] == {"middle": 2, "high": 1}


def test_strangers_of_a_part(careful: str, mixed: Path, tmp_path: Path) -> None:
    rows = [f"{mixed}/low/150.wav,low,a,valid", f"{mixed}/polka/160.wav,polka,b,train"]
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(["path,label,group,split", *rows]))
    assert "strangers" not in report(careful, manifest, part="valid")
    with pytest.raises(DatasetError, match="no item in part 'train'; expected one of train, valid"):
        report(careful, manifest, part="train")  # of the labels that it knows
    manifest.write_text("\n".join(["path,label,group,split", rows[1]]))
    assert report(careful, manifest, part="train")["strangers"]["n"] == 1
    with pytest.raises(DatasetError, match="no item in part 'test'"):
        report(careful, manifest, part="test")


@pytest.mark.parametrize("bad", ["polka", "low"])
def test_damaged_files_are_listed(careful: str, make_tones: Make, tmp_path: Path, bad: str) -> None:
    folder = make_tones(tmp_path / "m", CLIPS)
    (folder / bad / "bad.mp3").write_bytes(BAD)
    found = report(careful, folder)
    assert [path for path, _ in found["failed"]] == [f"{bad}/bad.mp3"]
    assert (found["strangers"]["n"], found["clip"]["n"]) == (5, 3)


def test_where_all_of_one_kind_are_damaged_the_other_is_told(
    careful: str, make_tones: Make, tmp_path: Path
) -> None:
    strange = make_tones(tmp_path / "strange", {"polka": (150,)})
    known = make_tones(tmp_path / "known", {"low": (150,)})
    for folder, label in ((strange, "low"), (known, "polka")):
        (folder / label).mkdir()
        (folder / label / "bad.mp3").write_bytes(BAD)
    found = report(careful, strange)
    assert "clip" not in found
    assert found["strangers"]["n_answered"] == 1
    assert f"{strange.name}: no clip with a label of careful, so no accuracy" in found["warnings"]
    found = report(careful, known)
    assert found["clip"]["n"] == 1
    assert "strangers" not in found
    for folder, label in ((strange, "polka"), (known, "low")):
        (folder / label / "150.wav").write_bytes(BAD)
        with pytest.raises(DatasetError, match="no file could be read"):
            report(careful, folder)


# ------------------------------------------------------------------- sets of strangers alone


def test_a_set_of_strangers_alone(careful: str, foreign: Path) -> None:
    with pytest.raises(DatasetError, match=r"foreign: none of its labels \(polka, waltz\)"):
        evaluate(Question(careful, (str(foreign),), workers=1))
    found = asked(careful, foreign)
    assert without_interval(found.report["strangers"]) == FOREIGN
    assert not {"track", "clip", "window"} & set(found.report)
    assert found.report["labels"] == ["low", "middle", "high"]
    assert "foreign: no clip with a label of careful, so no accuracy" in found.report["warnings"]
    assert [row["level"] for row in found.predictions] == ["clip"] * 3
    json.dumps(found.report, allow_nan=False)


def test_what_needs_labels_is_left_out(careful: str, foreign: Path) -> None:
    found = report(careful, foreign, robustness=True)
    assert "robustness" not in found
    with pytest.raises(DatasetError, match=r"foreign: no label to choose among; .*--restrict"):
        report(careful, foreign, restrict=True)
    with pytest.raises(DatasetError, match="foreign: none of its labels"):
        report(careful, foreign, mapping={"polka": "", "waltz": ""})


def test_sets_of_strangers_beside_others(
    careful: str, foreign: Path, tones: Path, mixed: Path
) -> None:
    found = report(careful, foreign, tones)
    assert "clip" not in found["sets"][0]
    assert found["sets"][1]["clip"]["n"] == 10
    assert found["falls"] == []
    assert "strangers" not in found  # of one set alone
    falls = report(careful, foreign, tones, mixed)["falls"]
    assert [(one["first"], one["other"]) for one in falls] == [("tones", "mixed")]


def test_all_sets_together(careful: str, mixed: Path, foreign: Path) -> None:
    found = report(careful, mixed, foreign)
    assert [without_interval(one["strangers"]) for one in found["sets"]] == [
        without_interval(MIXED),
        FOREIGN,
    ]
    whole = found["strangers"]
    assert [whole[k] for k in ("n", "groups", "n_answered", "answered")] == [8, 8, 6, 0.75]
    assert whole["taken_for"] == {"low": 3, "high": 2, "middle": 1}
    assert list(whole["per_label"]) == ["dub", "polka", "waltz"]
    assert whole["per_label"]["polka"] == {
        "n": 5,
        "groups": 5,
        "n_answered": 4,
        "answered": 0.8,
        "taken_for": {"low": 3, "high": 1},
    }
    assert whole["interval"] == list(bootstrap_interval([False, *[True] * 5, False, True]))


# ------------------------------------------------------------------- two models


def test_a_second_model_hears_the_same_strangers(
    careful: str, make_model: Make, mixed: Path, foreign: Path, tmp_path: Path
) -> None:
    other = make_model(tmp_path, "other", labels=("low", "polka", "high"))
    found = report(careful, mixed, against=other)
    assert found["strangers"] == MIXED
    second = found["against"]["scores"]["strangers"]
    assert list(second["per_label"]) == ["dub"]  # polka it knows
    assert second["n_answered"] == 2  # it is never unsure
    assert found["against"]["clip"]["n"] == 2
    alone = report(careful, foreign, against=other)
    assert set(alone["against"]) == {"model", "labels", "scores"}
    assert alone["against"]["labels"] == []
    assert list(alone["against"]["scores"]["strangers"]["per_label"]) == ["waltz"]
    every = make_model(tmp_path, "every", labels=("waltz", "polka", "high"))
    assert report(careful, foreign, against=every)["against"]["scores"] == {}


def test_no_label_asked_for_in_a_set(careful: str, tones: Path, foreign: Path) -> None:
    with pytest.raises(DatasetError, match="foreign: no clip bears a label that was asked for"):
        report(careful, tones, foreign, labels=("low",))
