"""The report on a set of runs: tables, figures, page, and what it says of the protocols."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from genrewise.training.report import grids, set_figures, set_grids, set_report
from genrewise.training.report.grids import Points, Span
from genrewise.training.report.set_report import headline, read_set, write_set


def predictions(folder, right):
    head = "part,level,track,truth,answer\n"
    rows = [f"test,track,t{i},dub,{'dub' if r else 'polka'}\n" for i, r in enumerate(right)]
    (folder / "predictions.csv").write_text(head + "".join(rows), encoding="utf-8")


@pytest.fixture
def runs(put, make_report, make_seeds, tmp_path):
    """Two systems under both protocols, one of our own, seeds, and predictions of two."""
    for name, gap in (("000-cnn", 0.3), ("001-ann", 0.1)):
        report = {**make_report(name, 0.5), "system": name[:3]}
        path = put(f"{name}/honest/report.json", report)
        predictions(path.parent, [True] * (10 if gap > 0.2 else 4) + [False] * 6)
        more = {**make_report(name, 0.5 + gap, "published"), "system": name[:3]}
        put(f"{name}/published/report.json", more)
    put("own & mine/honest/report.json", {**make_report("own & mine", 0.6), "published": {}})
    put("000-cnn/honest/seeds.json", make_seeds("000-cnn", [0.4, 0.5]))
    return tmp_path


@pytest.fixture
def whole(runs):
    return read_set([runs])


@pytest.fixture
def out(whole, tmp_path):
    return write_set(tmp_path / "out", whole).parent


def by_name(grid):
    """Rows by their first cell, as mappings of column to cell."""
    return {row[0]: dict(zip(grid.head, row, strict=True)) for row in grid.rows}


def test_the_overview_has_every_figure_in_its_column(whole):
    rows = by_name(set_grids.overview(whole.rows))
    assert list(rows) == ["000-cnn", "001-ann", "own & mine"]
    cnn = rows["000-cnn"]
    assert cnn["measured"] == "accuracy by window"
    assert (cnn["the authors"], cnn["clips, tracks"]) == (0.77, "40, 20")
    assert cnn["ours, published protocol"] == pytest.approx(0.75)
    assert cnn["ours, honest"] == pytest.approx(0.45)
    assert isinstance(cnn["difference, points"], Points)
    assert cnn["difference, points"] == pytest.approx(0.3)
    assert cnn["honest by track (95 %)"] == Span(0.5, 0.4, 0.6)
    assert cnn["seeds: mean (range)"] == "2: 0.400 (0.350–0.450)"
    assert cnn["minutes"] == "2.0"
    own = rows["own & mine"]
    assert (
        own["the authors"] is own["ours, published protocol"] is own["difference, points"] is None
    )
    assert own["ours, honest"] == pytest.approx(0.6)


def test_columns_that_hold_nothing_are_left_out(put, make_report, tmp_path):
    put("report.json", {**make_report("mine"), "published": {}})
    grid = set_grids.overview(read_set([tmp_path]).rows)
    assert [c for c in grid.head if "seeds" in c or "authors" in c or "difference" in c] == []
    assert all(len(row) == len(grid.head) for row in grid.rows)


def test_the_protocols_worth_comes_largest_first_with_its_cause(whole):
    grid = set_grids.protocols(whole.rows)
    assert [row[0] for row in grid.rows] == ["000-cnn", "001-ann"]
    assert [grids.plain(row[1]) for row in grid.rows] == ["+30.0", "+10.0"]
    assert [row[2] for row in grid.rows] == ["90 %", "90 %"]


def test_the_headline_counts_both_protocols_only(whole, put, make_report, tmp_path):
    assert headline(whole).startswith(
        "2 systems were run under both protocols. Under the authors' split they score 20 points"
        " higher on average, 30 points higher for 000-cnn: same systems"
    )
    put("alone/report.json", make_report("alone"))
    alone = read_set([tmp_path / "alone"])
    assert headline(alone) == "No system was run under both protocols."
    one = read_set([tmp_path / "001-ann"])
    assert headline(one).startswith(
        "One system was run under both protocols. Under the authors' split it scores 10 points"
        " higher: same system"
    )


def test_genres_stand_together_where_the_labels_are_the_same(whole):
    ((labels, level, scores),) = whole.genres
    assert (labels, level) == (("dub", "polka", "waltz"), "track")
    assert list(scores) == ["000-cnn", "001-ann", "own & mine"]
    grid = set_grids.genres(labels, scores, level)
    assert grid.rows[2] == ["own & mine", 0.6, 0.6, None]  # no waltz in the test part


def test_genres_of_a_single_system_are_no_comparison(put, make_report, tmp_path):
    put("a/report.json", make_report("a"))
    other = make_report("b")
    put("b/report.json", {**other, "data": {**other["data"], "labels": ["dub", "polka"]}})
    assert read_set([tmp_path]).genres == []


def test_pairs_show_who_alone_is_right(put, make_report, tmp_path):
    for name, right in (("a", "11110000"), ("b", "11111111")):
        predictions(put(f"{name}/report.json", make_report(name)).parent, map(int, right))
    grid = set_grids.versus(read_set([tmp_path]).duels)
    assert [list(row) for row in grid.rows] == [["a", "b", 8, 4, 8, 0, 4, "0.125"]]


def test_small_probabilities_are_not_shown_as_nought():
    duel = {"a": "a", "b": "b", "n": 50, "right_a": 0, "right_b": 40, "only_a": 0, "only_b": 40}
    assert set_grids.versus([{**duel, "p": 1e-9}]).rows[0][-1] == "< 0.001"


def test_the_folder_holds_page_json_markdown_tex_and_figures(out):
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "report.html", "report.json", "report.md", "table.tex",
        "figures/protocols.png", "figures/protocols.svg",
        "figures/genres-1.png", "figures/genres-1.svg",
    }  # fmt: skip
    for path in (out / "figures").glob("*.svg"):
        assert ElementTree.fromstring(path.read_bytes()).tag.endswith("svg")


def test_json_holds_the_rows_and_is_no_report_of_a_run(out, whole):
    values = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert values["kind"] == "set"
    assert values["systems"] == whole.rows
    assert values["genres"][0]["f1"]["own & mine"] == {"dub": 0.6, "polka": 0.6}
    assert read_set([out.parent]).rows == whole.rows


def test_the_page_fetches_nothing_and_says_everything(out, parsed):
    tags = parsed((out / "report.html").read_text(encoding="utf-8"))
    assert tags.open == []
    for tag, attributes in tags.seen:
        assert tag not in ("script", "link", "iframe", "audio")
        assert attributes.get("src", "data:").startswith("data:")
    links = [a["href"][1:] for tag, a in tags.seen if tag == "a"]
    assert links == ["systems", "protocols", "genres", "authors"]
    said = tags.said()
    assert "3 systems" in said
    assert "own & mine" in said
    assert "accuracy by window .770, n 2,000; windows shuffled; table 2" in said


def test_markdown_and_latex_have_the_same_tables(out):
    text, tex = ((out / name).read_text(encoding="utf-8") for name in ("report.md", "table.tex"))
    assert re.findall("^## (.*)", text, re.M) == [
        "Systems", "What the protocol is worth", "Genre by genre: 3 genres",
    ]  # fmt: skip
    assert tex.count(r"\begin{tabular}") == 3
    assert "| 000-cnn | accuracy by window | 0.770 | 0.750 | 0.450 | +30.0 |" in text
    assert r"own \& mine & " in tex


def test_the_same_runs_give_the_same_files(whole, out, tmp_path):
    again = write_set(tmp_path / "again", whole).parent
    for path in out.rglob("*"):
        if path.is_file():
            assert (again / path.relative_to(out)).read_bytes() == path.read_bytes()


def test_what_could_not_be_read_stands_on_the_page(runs, tmp_path):
    (runs / "bad").mkdir()
    (runs / "bad" / "report.json").write_text("{", encoding="utf-8")
    whole = read_set([runs])
    page = write_set(tmp_path / "out", whole).read_text(encoding="utf-8")
    assert "Could not be read" in page
    assert "bad/report.json" in page


def test_dumbbells_mark_all_three_and_their_intervals(whole):
    axes = set_figures.dumbbells(whole.rows).axes[0]
    marks = {}
    for line in axes.lines:
        if line.get_marker() in ("D", "s", "o"):
            key = (line.get_marker(), int(line.get_ydata()[0]))
            marks[key] = pytest.approx(float(line.get_xdata()[0]))
    assert marks == {
        ("D", 2): 0.77, ("s", 2): 0.75, ("o", 2): 0.45,
        ("D", 1): 0.77, ("s", 1): 0.55, ("o", 1): 0.45,
        ("o", 0): 0.6,
    }  # fmt: skip
    names = [tick.get_text().split("\n")[0] for tick in axes.get_yticklabels()]
    assert names == ["own & mine", "001-ann", "000-cnn"]
    assert len(set_figures.dumbbells(whole.rows).legends[0].get_texts()) == 3


def test_heat_shows_hundredths_and_leaves_absent_genres_empty(whole):
    ((labels, _, scores),) = whole.genres
    axes = set_figures.heat(labels, scores).axes[0]
    assert [t.get_text() for t in axes.texts] == ["50", "50", "50", "50", "60", "60"]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(labels)


def test_a_set_of_seeds_alone_still_makes_a_page(put, make_seeds, tmp_path):
    put("a/seeds.json", make_seeds("a", [0.5, 0.7]))
    page = write_set(tmp_path / "out", read_set([tmp_path / "a"])).read_text(encoding="utf-8")
    assert "2: 0.600 (0.500–0.700)" in page
    assert set_report.draw(read_set([tmp_path / "a"])) == {}


def trial(number, rate, accuracy):
    scores = {"clip": {"accuracy": accuracy, "interval": [accuracy - 0.1, accuracy + 0.1]}}
    done = {"state": "done", "reason": "", "minutes": 0.5, "best_epoch": {}, "history": {}}
    return {**done, "number": number, "settings": {"fit.rate": rate}, "figure": accuracy} | {
        "validation": scores
    }


def test_sweeps_show_every_setting_and_the_best(put, tmp_path, parsed):
    best = {"number": 1, "settings": {"fit.rate": 0.01}, "figure": 0.7}
    sweep = {
        "kind": "sweep", "name": "003-rate", "protocol": "published", "total": 2,
        "judge": {"figure": "validation/clip/accuracy"}, "keys": {"fit.rate": "rate"},
        "trials": [trial(0, 0.1, 0.4), trial(1, 0.01, 0.7)], "best": best,
        "close": [], "agrees": True,
    }  # fmt: skip
    put("runs/report.json", sweep)
    whole = read_set([tmp_path / "runs"])
    page = write_set(tmp_path / "out", whole)
    said = parsed(page.read_text(encoding="utf-8")).said()
    assert "003-rate, published Best of 2 settings: rate 0.01" in said
    values = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert values["sweeps"][0]["best"] == best
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## Sweep 003-rate, published" in text
    assert text.count("| 0.700 |") == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_its_window(out, width, browse):
    assert browse(out / "report.html", width) == 2
