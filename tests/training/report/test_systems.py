"""Reports are found below folders and put together to a row a system."""

from __future__ import annotations

import json

import pytest

from genrewise.errors import DatasetError
from genrewise.training.report.collect import collect, kind_of, read_report
from genrewise.training.report.systems import row, systems


def test_kinds_are_told_apart(make_report, make_seeds):
    assert kind_of(make_report("a")) == "run"
    assert kind_of({**make_report("a"), "test": {}}) == "run"
    assert kind_of({**make_report("a"), "test": {}, "validation": {}}) == ""
    assert kind_of(make_seeds("a", [0.5])) == "seeds"
    assert kind_of({"kind": "sweep", "name": "s", "protocol": "honest"}) == "sweep"
    assert kind_of({"kind": "set", "systems": []}) == "set"
    assert kind_of({"model": "m", "dataset": "d", "test": {}}) == "evaluation"
    for other in ({}, [], 3, {"name": "x"}, {"name": "x", "protocol": "honest"}):
        assert kind_of(other) == ""


def test_reports_are_found_below_with_their_place(put, make_report, make_seeds, tmp_path):
    put("one/honest/report.json", make_report("one"))
    put("one/honest/seeds.json", make_seeds("one", [0.5, 0.7]))
    put("deep/er/report.json", make_report("two"))
    put("other.json", {"name": "no report of ours"})
    found = collect([tmp_path])
    assert [(s.name, s.place) for s in found.runs] == [("two", "deep/er"), ("one", "one/honest")]
    assert [s.place for s in found.seeds] == ["one/honest"]
    assert (found.sweeps, found.failed) == ((), ())


def test_a_run_folder_itself_and_a_file_will_do_and_nothing_counts_twice(
    put, make_report, tmp_path
):
    path = put("mine/report.json", make_report("one"))
    found = collect([tmp_path / "mine", path, tmp_path])
    assert [(s.name, s.place) for s in found.runs] == [("one", "mine")]


def test_what_cannot_be_read_is_listed_with_the_reason(put, make_report, tmp_path):
    put("a/report.json", make_report("one"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.json").write_text('{"name": ', encoding="utf-8")
    put("c/report.json", {"something": "else"})
    failed = dict(collect([tmp_path]).failed)
    assert set(failed) == {str(tmp_path / name / "report.json") for name in "bc"}
    assert "Expecting value" in failed[str(tmp_path / "b" / "report.json")]
    assert "no report of a run" in failed[str(tmp_path / "c" / "report.json")]


def test_sets_and_evaluations_are_passed_over(put, make_report, tmp_path):
    put("a/report.json", make_report("one"))
    put("out/report.json", {"kind": "set", "systems": []})
    put("eval/report.json", {"model": "m", "dataset": "d"})
    found = collect([tmp_path])
    assert (len(found.runs), found.failed) == (1, ())


def test_nothing_to_report_is_an_error(put, tmp_path):
    with pytest.raises(DatasetError, match="not there"):
        collect([tmp_path / "gone"])
    with pytest.raises(DatasetError, match=r"no report there; expected folders with report\.json"):
        collect([tmp_path])
    put("out/report.json", {"kind": "set", "systems": []})
    with pytest.raises(DatasetError, match="no report there"):
        collect([tmp_path])


def test_reading_one_says_what_it_expected(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        read_report(tmp_path / "report.json")
    (tmp_path / "report.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(DatasetError, match="genrewise run, train or sweep"):
        read_report(tmp_path / "report.json")


def one(folder):
    """The only row."""
    (system,) = systems(collect([folder]))
    return row(system)


def test_a_row_compares_the_same_figure_at_the_same_unit(put, make_report, tmp_path):
    put("a/published/report.json", make_report("a", 0.8, protocol="published", minutes=2.5))
    put("a/honest/report.json", make_report("a", 0.5, minutes=1.25))
    found = one(tmp_path)
    assert (found["figure"], found["unit"]) == ("accuracy", "window")
    assert found["authors"]["value"] == 0.77
    assert found["published"]["value"] == pytest.approx(0.75)  # by window, .05 below the track
    assert found["honest"]["value"] == pytest.approx(0.45)
    assert found["difference"] == pytest.approx(0.3)
    assert found["minutes"] == 3.75
    assert found["honest"]["levels"]["track"]["accuracy"] == pytest.approx(0.5)
    assert found["published"]["leaks"]["windows"] == 180


def test_f1_is_compared_as_f1_and_has_no_interval(put, make_report, tmp_path):
    printed = {"figure": "macro_f1", "value": 0.3, "unit": "clip"}
    for protocol, accuracy in (("published", 0.8), ("honest", 0.5)):
        report = make_report("a", accuracy, protocol=protocol)
        put(f"{protocol}/report.json", {**report, "published": printed})
    found = one(tmp_path)
    assert (found["figure"], found["unit"]) == ("macro_f1", "clip")
    assert found["honest"]["value"] == pytest.approx(0.45)
    assert found["honest"]["interval"] is None
    assert found["difference"] == pytest.approx(0.3)


@pytest.mark.parametrize("protocol", ["published", "honest"])
def test_one_protocol_alone_has_no_difference(put, make_report, tmp_path, protocol):
    put("report.json", make_report("a", 0.8, protocol=protocol))
    found = one(tmp_path)
    other = {"published": "honest", "honest": "published"}[protocol]
    assert found[other] is None
    assert found["difference"] is None
    assert found[protocol]["value"] == pytest.approx(0.75)


def test_by_file_stands_in_for_honest_and_says_so(put, make_report, tmp_path):
    put("report.json", make_report("a", protocol="by file"))
    assert one(tmp_path)["honest"]["protocol"] == "by file"


def test_own_models_are_compared_by_track(put, make_report, tmp_path):
    put("report.json", {**make_report("a", 0.6), "published": {}})
    found = one(tmp_path)
    assert (found["authors"], found["figure"], found["unit"]) == (None, "accuracy", "track")
    assert found["honest"]["value"] == pytest.approx(0.6)


def test_seeds_give_mean_and_range(put, make_report, make_seeds, tmp_path):
    put("a/report.json", make_report("a", 0.5))
    put("a/seeds.json", make_seeds("a", [0.5, 0.7, 0.6]))
    found = one(tmp_path)["seeds"]
    assert found["n"] == 3
    window = found["levels"]["window"]
    assert window["mean"] == pytest.approx(0.55)
    assert (window["least"], window["most"]) == (pytest.approx(0.45), pytest.approx(0.65))
    assert found["levels"]["track"]["most"] == pytest.approx(0.7)


def test_seeds_alone_are_a_row_too(put, make_seeds, tmp_path):
    put("a/seeds.json", make_seeds("a", [0.5, 0.7]))
    found = one(tmp_path)
    assert (found["honest"], found["published"], found["minutes"]) == (None, None, None)
    assert (found["unit"], found["seeds"]["n"]) == ("track", 2)


def test_two_runs_of_a_name_stand_each_for_itself(put, make_report, tmp_path):
    put("first/report.json", make_report("a", 0.5))
    put("second/report.json", make_report("a", 0.6))
    put("other/report.json", make_report("b", 0.6))
    made = systems(collect([tmp_path]))
    assert [s.label for s in made] == ["a (first)", "a (second)", "b"]


def test_systems_come_by_number_then_own_ones(put, make_report, tmp_path):
    for name, system in (("zeta", "000"), ("alpha", "004"), ("beta", ""), ("gamma", "000")):
        put(f"{name}/report.json", {**make_report(name), "system": system})
    made = systems(collect([tmp_path]))
    assert [s.label for s in made] == ["gamma", "zeta", "alpha", "beta"]
    assert [row(s)["system"] for s in made] == ["000", "000", "004", ""]


def test_a_run_without_a_test_part_says_which_part_it_is(put, make_report, tmp_path):
    report = make_report("a", 0.5)
    put("report.json", {**report, "validation": report["test"], "test": {}})
    assert one(tmp_path)["honest"]["part"] == "validation"


def test_a_row_is_plain_values(put, make_report, make_seeds, tmp_path):
    put("a/report.json", make_report("a"))
    put("a/seeds.json", make_seeds("a", [0.5]))
    found = one(tmp_path)
    assert json.loads(json.dumps(found)) == found
