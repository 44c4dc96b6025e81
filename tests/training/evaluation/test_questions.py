"""Several collections, two models, parts, limits and labels: by a model of known answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from genrewise.errors import DatasetError, UnknownName
from genrewise.training.evaluate import Evaluation, Question, evaluate

Make = Callable[..., Any]


def asked(model: str, *sources: str | Path, **more: Any) -> Evaluation:
    return evaluate(Question(model, tuple(map(str, sources)), workers=1, **more))


def report(model: str, *sources: str | Path, **more: Any) -> dict[str, Any]:
    return asked(model, *sources, **more).report


# ------------------------------------------------------------------- one set


def test_figures_are_those_of_the_answers(pitch: str, tones: Path) -> None:
    found = report(pitch, tones)
    assert (found["model"], found["dataset"], found["part"]) == ("pitch", "tones", "")
    assert found["labels"] == ["low", "middle", "high"]
    for level in ("clip", "track", "window"):
        assert (found[level]["n"], found[level]["accuracy"]) == (10, 0.8)
    assert found["clip"]["confusion"] == [[3, 1, 0], [1, 3, 0], [0, 0, 2]]
    assert found["clip"]["answered"] == 1.0
    assert "sets" not in found
    json.dumps(found, allow_nan=False)


def test_predictions_are_rows_for_a_table(pitch: str, tones: Path) -> None:
    found = asked(pitch, tones)
    levels = Counter(row["level"] for row in found.predictions)
    assert levels == {"clip": 10, "track": 10, "window": 10}
    wrong = [
        r["path"] for r in found.predictions if r["level"] == "clip" and r["truth"] != r["answer"]
    ]
    assert sorted(wrong) == ["low/900.wav", "middle/300.wav"]
    for row in found.predictions:
        assert (row["set"], row["model"], row["part"]) == ("tones", "pitch", "")
        p = [row[f"p_{label}"] for label in ("low", "middle", "high")]
        assert sum(p) == pytest.approx(1.0, abs=1e-4)
        assert row["confidence"] == max(p)
        if row["level"] == "window":
            assert (row["start"], row["stop"], row["answered"]) == (0.0, 1.0, "")
        else:
            assert (row["start"], row["stop"], row["answered"]) == ("", "", True)
    assert found.listen["tones"]["low/150.wav"] == (str(tones / "low" / "150.wav"), 0.0)


def test_unknown_is_counted_beside_accuracy(make_model: Make, tones: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path, edges=(700.0, 2000.0), least=0.9)
    clip = report(model, tones)["clip"]  # 700 Hz lies near the edge
    assert clip["answered"] == 0.9
    assert clip["right_when_answered"] == pytest.approx(7 / 9)


def test_answering_only_the_surest(pitch: str, make_tones: Make, tmp_path: Path) -> None:
    """Sure far from 500 Hz; 560 is wrong and the least sure, 400 is right and surer."""
    folder = make_tones(tmp_path / "m", {"low": (150, 200, 400, 560)})
    found = report(pitch, folder)
    assert found["track"]["answered_at_5_percent_wrong"] == 0.75
    assert "answered_at_5_percent_wrong" not in found["clip"]
    folder = make_tones(tmp_path / "n", {"low": (490, 1000)})  # where it is surest it is wrong
    assert report(pitch, folder)["track"]["answered_at_5_percent_wrong"] == 0.0


def test_a_map_and_spellings(pitch: str, make_tones: Make, tmp_path: Path) -> None:
    clips = {"LOW": (150,), "mid": (800,), "Shrill": (4000,), "polka": (100,)}
    folder = make_tones(tmp_path / "m", clips)
    (tmp_path / "map.csv").write_text("label,model\nmid,middle\npolka,\nwaltz,low\n")
    listed = str(tmp_path / "map.csv")
    found = report(pitch, folder, mapping={"Shrill": "high"}, map_file=listed)
    assert found["clip"]["n"] == 3
    assert found["clip"]["accuracy"] == 1.0
    assert found["repaired"] == {"LOW": "low"}
    assert found["left_out"] == ["polka"]
    assert (found["taken"], found["outside"]) == ({}, [])
    line = f"{listed}: labels that the data do not have: waltz"
    assert line in found["warnings"]


def test_what_is_typed_goes_before_what_is_listed(pitch: str, tones: Path, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('low = "high"\nmiddle = ""\n')
    found = report(pitch, tones, mapping={"low": "low"}, map_file=str(tmp_path / "map.toml"))
    assert found["left_out"] == ["middle"]
    assert found["clip"]["per_label"]["low"]["n"] == 4
    assert found["clip"]["accuracy"] == pytest.approx(5 / 6)


def test_taken_labels_are_left_out(pitch: str, make_tones: Make, tmp_path: Path) -> None:
    folder = make_tones(tmp_path / "m", {"low": (150,), "Low!": (160,), "high": (4000,)})
    found = report(pitch, folder)
    assert found["taken"] == {"Low!": "low"}
    assert found["clip"]["n"] == 2
    assert report(pitch, folder, mapping={"Low!": "low"})["clip"]["n"] == 3


def test_restricted_to_one_label_there_is_nothing_to_choose(pitch: str, tones: Path) -> None:
    with pytest.raises(DatasetError, match=r"tones: one label to choose among, low; expected two"):
        report(pitch, tones, labels=("low",), restrict=True)
    assert report(pitch, tones, labels=("low",))["clip"]["n"] == 4


def test_a_limit_is_spread_over_labels(pitch: str, tones: Path) -> None:
    found = report(pitch, tones, limit=6)
    assert {label: s["n"] for label, s in found["clip"]["per_label"].items()} == {
        "low": 2,
        "middle": 2,
        "high": 2,
    }
    assert report(pitch, tones, limit=100)["clip"]["n"] == 10


def test_warnings_of_the_data_are_told(pitch: str, tones: Path, tmp_path: Path) -> None:
    assert report(pitch, tones)["warnings"] == [
        "no file names an artist or album in its tags: each is its own group",
    ] or any("own group" in line for line in report(pitch, tones)["warnings"])
    rows = ["path,label,group", f"{tones}/low/150.wav,low,a", "gone.wav,low,a", f"{tones}/x.wav,,b"]
    (tmp_path / "m.csv").write_text("\n".join(rows))
    warnings = report(pitch, tmp_path / "m.csv")["warnings"]
    assert any("1 rows without a label" in line for line in warnings)
    assert any("gone.wav" in line for line in warnings)


@pytest.mark.parametrize(("learnt", "warned"), [("tones", True), ("others", False), ("", False)])
def test_a_model_that_learnt_from_a_set_of_that_name(
    make_model: Make, tones: Path, tmp_path: Path, learnt: str, warned: bool
) -> None:
    model = make_model(tmp_path, training={"data": learnt})
    said = any("learnt from a set named tones" in line for line in report(model, tones)["warnings"])
    assert said == warned


def test_pictures_are_no_music(pitch: str, tmp_path: Path) -> None:
    for label in ("low", "high"):
        (tmp_path / "p" / label).mkdir(parents=True)
        (tmp_path / "p" / label / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(DatasetError, match="p: a data set of pictures; expected one of music"):
        report(pitch, tmp_path / "p")


@pytest.mark.parametrize("kind", ["absent", "empty", "unlabelled", "text"])
def test_what_is_no_labelled_music_is_one_line(
    pitch: str, make_tones: Make, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / kind
    if kind == "empty":
        place.mkdir()
    elif kind == "unlabelled":
        make_tones(tmp_path, {kind: (100,)})
    elif kind == "text":
        place.write_text("no table")
    with pytest.raises(DatasetError) as error:
        report(pitch, place)
    assert kind in str(error.value)
    assert "\n" not in str(error.value)
    assert "expected" in str(error.value)


def test_no_such_model(tones: Path) -> None:
    with pytest.raises(UnknownName, match="no model named 'smal-gtzan-v1'"):
        report("smal-gtzan-v1", tones)
    with pytest.raises(UnknownName, match="no model named 'smal-gtzan-v1'"):
        report("small-gtzan-v1", tones, against="smal-gtzan-v1")


# ------------------------------------------------------------------- several sets


@pytest.fixture
def sets(make_tones: Make, tmp_path: Path) -> tuple[Path, Path]:
    """One collection that the model knows well, one in which low is mostly no longer low."""
    first = make_tones(tmp_path / "first", {"low": (100, 200, 300, 400), "high": (3000, 4000)})
    clips = {"low": (110, 800, 900, 1000), "high": (3300, 3400), "middle": (1100,)}
    return first, make_tones(tmp_path / "other", clips)


def test_sets_stand_side_by_side(pitch: str, sets: tuple[Path, Path]) -> None:
    found = asked(pitch, *sets)
    assert found.report["model"] == "pitch"
    assert [one["dataset"] for one in found.sets] == ["first", "other"]
    assert [one["clip"]["accuracy"] for one in found.sets] == [1.0, pytest.approx(4 / 7)]
    for one, source in zip(found.sets, sets, strict=True):
        alone = report(pitch, source)
        assert {key: one[key] for key in ("clip", "track", "window")} == {
            key: alone[key] for key in ("clip", "track", "window")
        }
    assert {row["set"] for row in found.predictions} == {"first", "other"}


def test_the_fall_is_of_the_genres_that_both_hold(pitch: str, sets: tuple[Path, Path]) -> None:
    (one,) = report(pitch, *sets)["falls"]
    assert (one["first"], one["other"]) == ("first", "other")
    assert one["genres"] == {
        "low": {"first": 1.0, "other": 0.25, "fall": 0.75, "n": [4, 4]},
        "high": {"first": 1.0, "other": 1.0, "fall": 0.0, "n": [2, 2]},
    }
    assert one["mean"]["fall"] == 0.375


def test_falls_are_all_from_the_first(pitch: str, sets: tuple[Path, Path], tones: Path) -> None:
    found = report(pitch, *sets, tones)["falls"]
    assert [(one["first"], one["other"]) for one in found] == [
        ("first", "other"),
        ("first", "tones"),
    ]
    assert found[1]["genres"]["low"]["other"] == 0.75


def test_a_fall_among_the_labels_alone(pitch: str, sets: tuple[Path, Path]) -> None:
    """Each set has its own labels to choose among; recalls are of the same genres all the same."""
    (one,) = report(pitch, *sets, restrict=True)["falls"]
    assert one["genres"]["high"] == {"first": 1.0, "other": 1.0, "fall": 0.0, "n": [2, 2]}


def test_sets_without_a_common_genre(pitch: str, make_tones: Make, tmp_path: Path) -> None:
    sources = [make_tones(tmp_path / name, {name: (100,)}) for name in ("low", "high")]
    nested = [make_tones(tmp_path / f"of {p.name}", {p.name: (100,)}) for p in sources]
    assert report(pitch, *nested)["falls"] == [
        {"model": "pitch", "first": "of low", "other": "of high", "genres": {}, "mean": None}
    ]


def test_sets_of_one_name_are_told_apart_by_where_they_are(
    pitch: str, make_tones: Make, tmp_path: Path
) -> None:
    sources = [make_tones(tmp_path / k / "m", {"low": (100,), "high": (9000,)}) for k in "ab"]
    found = report(pitch, *sources)
    assert [one["dataset"] for one in found["sets"]] == list(map(str, sources))


def with_split(folder: Path, part: str) -> Path:
    """A manifest of a folder of tones in which every second clip is of a part."""
    files = sorted(folder.rglob("*.wav"))
    rows = [
        f"{file.relative_to(folder)},{file.parent.name},{file.stem},{part if i % 2 else 'train'}"
        for i, file in enumerate(files)
    ]
    listed = folder / "parts.csv"
    listed.write_text("\n".join(["path,label,group,split", *rows]))
    return listed


def test_a_part_is_that_of_the_sets_that_have_one(pitch: str, sets: tuple[Path, Path]) -> None:
    split = with_split(sets[0], "valid")
    found = report(pitch, split, sets[1], part="valid")["sets"]
    assert [one["clip"]["n"] for one in found] == [3, 7]
    assert [one["part"] for one in found] == ["valid", ""]
    assert "other has no split: taken whole, not its part valid" in found[1]["warnings"]
    with pytest.raises(DatasetError, match="no item in part 'test'; expected one of train, valid"):
        report(pitch, split, sets[1], part="test")
    with pytest.raises(DatasetError, match="no item in part 'valid'; expected a data set with"):
        report(pitch, sets[1], part="valid")


def test_labels_may_lie_in_either_set(pitch: str, sets: tuple[Path, Path]) -> None:
    found = report(pitch, *sets, labels=("high", "middle"))["sets"]
    assert [list(one["clip"]["per_label"]) for one in found] == [["high"], ["middle", "high"]]
    with pytest.raises(UnknownName, match=r"no label named 'hihg'.*Did you mean high"):
        report(pitch, *sets, labels=("hihg",))


def test_a_map_may_be_for_one_of_the_sets(pitch: str, make_tones: Make, tmp_path: Path) -> None:
    first = make_tones(tmp_path / "first", {"low": (100,)})
    other = make_tones(tmp_path / "other", {"deep": (100,), "high": (90,)})
    found = report(pitch, first, other, mapping={"deep": "low"})["sets"]
    assert [one["track"]["accuracy"] for one in found] == [1.0, 0.5]


# ------------------------------------------------------------------- two models


def test_two_models_on_the_same_clips(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    """B parts low from middle at 250 Hz and middle from high at 850."""
    other = make_model(tmp_path, "other", edges=(250.0, 850.0))
    found = asked(pitch, tones, against=other)
    both = found.report["against"]
    assert both["model"] == "other"
    assert both["labels"] == ["high", "low", "middle"]
    for level in ("clip", "track"):
        s = both[level]
        # low 300, middle 1000 and 1300 are only A's, middle 300 is only B's, low 900 nobody's
        assert [s[k] for k in ("n", "both", "only_a", "only_b", "neither")] == [10, 5, 3, 1, 1]
        assert s["p"] == pytest.approx(binomtest(1, 4).pvalue)
        assert s["difference"] == pytest.approx(0.2)
    assert both["scores"]["clip"]["accuracy"] == pytest.approx(0.6)
    assert {row["model"] for row in found.predictions} == {"pitch", "other"}


def test_a_model_against_itself(pitch: str, tones: Path) -> None:
    found = asked(pitch, tones, against=pitch)
    clip = found.report["against"]["clip"]
    assert (clip["only_a"], clip["only_b"], clip["p"], clip["difference"]) == (0, 0, 1.0, 0.0)
    assert Counter(row["model"] for row in found.predictions) == {pitch: 30, f"{pitch}, again": 30}


def test_two_models_of_one_name_are_called_by_their_files(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    newer = make_model(tmp_path, "pitch", edges=(950.0, 2000.0))
    found = asked(pitch, tones, against=newer)
    assert (found.report["model"], found.report["against"]["model"]) == (pitch, newer)
    assert Counter(row["model"] for row in found.predictions) == {pitch: 30, newer: 30}


def test_two_models_are_compared_on_labels_that_both_know(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    other = make_model(tmp_path, "other", labels=("low", "shrill", "high"))
    found = report(pitch, tones, against=other)
    assert found["clip"]["n"] == 10
    assert found["against"]["labels"] == ["high", "low"]
    assert found["against"]["clip"]["n"] == 6
    mapped = report(pitch, tones, against=other, mapping={"middle": "middle"})
    assert mapped["against"]["clip"]["n"] == 6


def test_tracks_of_several_clips_vote(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    rows = [f"{tones}/low/{hz}.wav,low,g,mix" for hz in (150, 200, 900)]
    rows += [f"{tones}/high/{hz}.wav,high,h,other" for hz in (3000, 4000)]
    (tmp_path / "m.csv").write_text("\n".join(["path,label,group,track", *rows]))
    other = make_model(tmp_path, "other", edges=(180.0, 2000.0))
    both = report(pitch, tmp_path / "m.csv", against=other)["against"]
    assert [both["clip"][k] for k in ("n", "groups", "both", "only_a")] == [5, 2, 3, 1]
    assert [both["track"][k] for k in ("n", "both", "only_a")] == [2, 1, 1]


def test_models_without_a_common_label_are_refused_before_any_work(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    stranger = make_model(tmp_path, "stranger", labels=("dub", "jungle", "garage"))

    def never(_unit: str, _total: int) -> Any:
        raise AssertionError("work was begun")

    with pytest.raises(DatasetError) as error:
        report(pitch, tones, against=stranger, bars=never)
    assert str(error.value) == (
        "pitch and stranger share no label of tones (high, low, middle); expected a label that both"
        " know. Map them: --map"
    )


def test_no_clip_in_question_for_the_second_model(
    make_model: Make, pitch: str, tones: Path, tmp_path: Path
) -> None:
    rows = [f"{tones}/low/150.wav,low,a,train", f"{tones}/high/3000.wav,high,b,valid"]
    (tmp_path / "m.csv").write_text("\n".join(["path,label,group,split", *rows]))
    other = make_model(tmp_path, "other", labels=("low", "x", "y"))
    with pytest.raises(DatasetError, match="no clip in question bears a label of other"):
        report(pitch, tmp_path / "m.csv", against=other, part="valid")


def test_a_file_that_fails_is_out_of_the_comparison(
    make_model: Make, pitch: str, make_tones: Make, tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "m", {"low": (100, 200), "high": (4000,)})
    (folder / "low" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    found = report(pitch, folder, against=make_model(tmp_path, "other"))
    assert [path for path, _ in found["failed"]] == ["low/bad.mp3"]
    assert found["against"]["clip"]["n"] == found["clip"]["n"] == 3


def test_against_on_every_set(
    make_model: Make, pitch: str, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    other = make_model(tmp_path, "other", edges=(950.0, 2000.0))
    found = report(pitch, *sets, against=other)["sets"]
    assert [one["against"]["clip"]["only_b"] for one in found] == [0, 2]


# ------------------------------------------------------------------- robustness


def test_robustness_is_of_the_items_asked(pitch: str, tones: Path) -> None:
    some = ("20 dB softer", "5 % faster")
    found = report(pitch, tones, robustness=True, damages=some, limit=6, restrict=True)
    rows = {row["damage"]: row for row in found["robustness"]["rows"]}
    assert list(rows) == ["clean", *some]
    assert all(row["n"] == 6 for row in rows.values())
    assert rows["clean"]["accuracy"] == found["clip"]["accuracy"]
    assert "robustness" not in report(pitch, tones)
