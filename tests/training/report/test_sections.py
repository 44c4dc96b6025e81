"""Each section of a report by itself: what it says, and when it says nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from genrewise.training import metrics
from genrewise.training.report import backing, figures, sections
from genrewise.training.report.pieces import (
    bar,
    clock,
    levels_of,
    note,
    part_of,
    per_cent,
    pictures,
    share,
    table,
    text,
)

LABELS = ["blues", "jazz", "pop"]


def words(html):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html)).strip()


def scores(n=40, wrong=10, answered=None):
    truth = np.arange(n) % 3
    answer = truth.copy()
    answer[:wrong] = (answer[:wrong] + 1) % 3
    p = np.full((n, 3), 0.1)
    p[np.arange(n), answer] = 0.8
    given = None if answered is None else np.arange(n) >= n - answered
    return metrics.level_scores(truth, p, LABELS, np.arange(n) // 2, answered=given)


@pytest.fixture
def report():
    levels = {"window": scores(80, 40), "clip": scores(), "track": scores(20, 2, answered=15)}
    return {
        "name": "mine",
        "title": "three",
        "protocol": "honest",
        "data": {"name": "d", "labels": LABELS, "clips": 60, "tracks": 40, "groups": 30},
        "split": {"rule": "by group", "seed": 1, "checksum": "f" * 64, "pool": 40, "test": 20},
        "validation": levels,
        "test": levels,
    }


def test_the_part_is_test_where_there_is_one(report):
    assert part_of(report) == "test"
    assert part_of({**report, "test": {}}) == "validation"
    assert part_of({"validation": {}}) == "validation"


def test_levels_come_smallest_first_and_may_be_missing():
    assert list(levels_of({"track": 1, "window": 2, "clip": 3})) == ["window", "clip", "track"]
    assert list(levels_of({"clip": 3})) == ["clip"]


def test_the_headline_is_about_the_largest_level(report):
    said = words(sections.headline(report))
    assert "Right in 18 of 20 tracks it had never heard: 90 % . 95 % interval: 70 to 100 %" in said
    assert "20 tracks in 10 groups, test part, protocol honest" in said
    assert "Guessing among 3 genres would be right in 33 %" in said
    for part in ("test", "validation"):
        report[part] = {"clip": report[part]["clip"]}
    assert "Right in 30 of 40 clips" in words(sections.headline(report))


def test_one_item_is_no_share_of_a_hundred(report):
    report["test"] = {"track": scores(1, 0)}
    assert "Right in 1 of 1 track it had never heard" in words(sections.headline(report))


LEAKY = {
    "protocol": "published",
    "leaks": {"tracks": 12, "groups": 9, "windows": 78, "of": 80},
    "published": {"figure": "accuracy", "value": 0.7685, "unit": "window"},
}


def test_the_headline_of_a_leaking_split_is_at_the_authors_unit_and_says_so(report):
    said = words(sections.headline({**report, **LEAKY}))
    assert "Right in 40 of 80 windows by the authors' split, which mixes" in said
    assert "never heard" not in said
    assert "protocol published" in said


def test_the_banner_is_red_and_counts_what_leaks(report):
    html = sections.banner({**report, **LEAKY})
    assert html.startswith('<div class="note red" role="note"><svg')
    said = words(html)
    assert "Not what it is worth on new music." in said
    assert "78 of 80 test windows (98 %) come from tracks that were learnt from;" in said
    assert "12 tracks and 9 groups (artists, songs) stand on both sides." in said


def test_the_banner_speaks_only_where_there_is_something_to_know(report):
    assert sections.banner(report) == ""
    clean = {"tracks": 0, "groups": 0, "windows": 0, "of": 80}
    for leaks in (None, clean):
        html = sections.banner({**report, **LEAKY, "leaks": leaks})
        assert "note blue" in html
        assert "No track and no group stands on both sides" in html
    only_artists = sections.banner({**report, **LEAKY, "leaks": {**clean, "groups": 4}})
    assert "note red" in only_artists
    assert "included: 4 groups (artists, songs) stand on both sides." in words(only_artists)
    assert "Artists are not known here" in words(sections.banner({**report, "protocol": "by file"}))


def test_levels_show_three_cards_and_two_tables(report):
    html = sections.levels(report)
    assert html.count('class="card"') == 3
    assert html.count("<table") == 2
    assert html.count('role="img"') == 3
    said = words(html)
    for figure in ("n 80 40 20", "accuracy .500 .750 .900", "answered 1.000 1.000 .750"):
        assert said.count(figure) == 2
    assert "right when answered .500 .750 1.000" in said


def test_marks_of_the_interval_lie_where_it_is(report):
    lo, hi = report["test"]["track"]["interval"]
    html = sections.levels(report)
    assert f"left:{100 * lo:.1f}%;width:{100 * (hi - lo):.1f}%" in html
    assert "left:90.0%" in html


def test_without_a_test_part_there_is_one_table(report):
    assert sections.levels({**report, "test": {}}).count("<table") == 1


def test_how_names_split_and_warnings(report):
    report["split"]["warnings"] = ["label <x> is small"]
    said = sections.how(report)
    assert "Split: by group, seed 1; 40 clips to learn and choose from, 20 for the test" in said
    assert "Warning: label &lt;x&gt; is small" in said
    assert "<details>" not in said
    assert "Not in the test part" not in said
    assert "No group stands on both sides." in said
    assert "<li>opened</li>" in sections.how({**report, "log": ["opened"]})


def test_how_says_what_a_published_split_mixes(report):
    leaks = {**LEAKY["leaks"], "chosen_on_test": True}
    said = words(sections.how({**report, **LEAKY, "leaks": leaks, "minutes": 3.25}))
    assert "78 of 80 test windows (98 %)" in said
    assert "No group stands" not in said
    assert "on both sides; the test part also stopped the training." in said
    assert "3.2 minutes from data to report" in said


def test_genres_have_a_row_each_and_bars(report):
    html = sections.genres(report, {})
    assert html.count("<tr>") == 4
    assert html.count("--w:") == 9
    row = report["test"]["track"]["per_label"]["jazz"]
    assert f"jazz {row['n']} " in words(html)
    assert "Test part, by track" in words(html)


def test_confusion_names_the_commonest_first(report):
    report["test"]["track"] = {
        **report["test"]["track"],
        "confusion": [[5, 1, 0], [4, 6, 2], [0, 0, 7]],
    }
    said = words(sections.confusion(report, {}))
    assert "Most often: jazz taken for blues (4), jazz taken for pop (2)" in said
    assert "blues taken for jazz (1)" in said


@pytest.mark.parametrize("reached", [True, False])
def test_confidence_says_the_rule_and_whether_it_holds(report, reached):
    assert sections.confidence(report, {}) == ""
    report["unknown"] = {
        "min_confidence": 0.42,
        "max_distance": 2.5,
        "answered": 0.8,
        "right_when_answered": 0.9,
        "reached": reached,
        "table": [{"confidence": 0.3, "answered": 1.0, "right_when_answered": 0.7}],
    }
    said = words(sections.confidence(report, {}))
    assert "below a confidence of .420, or farther than 2.50" in said
    assert "80 % are answered and 90 % of these are right" in said
    assert ("more was not to be had" in said) is not reached
    assert ".300 100 % 70 %" in said


def test_mistakes_become_paragraphs_on_a_telephone(report):
    worst = [
        {
            "path": "a/b & c.wav",
            "track": "t",
            "truth": "jazz",
            "answer": "pop",
            "confidence": 0.9,
            "seconds": [(65.0, 70.0), (0.0, 5.0)],
        },
        {"path": "", "track": "t2", "truth": "a", "answer": "b", "confidence": 0.5, "seconds": []},
    ]
    html = backing.mistakes(report, worst)
    assert '<table class="stack">' in html
    assert '<td data-name="truth" class="left">jazz</td>' in html
    assert "a/b &amp; c.wav jazz pop .900 1:05–1:10, 0:00–0:05" in words(html)
    assert "t2 a b .500 –" in words(html)
    assert backing.mistakes(report, []) == ""


def test_training_shows_candidates_of_any_shape(report):
    assert backing.training(report, {}) == ""
    report["candidates"] = [
        {"members": ["linear", "kernel"], "accuracy": 0.81234, "n": 40},
        {"members": ["linear"], "accuracy": 0.8, "nll": 1.25},
    ]
    said = words(backing.training(report, {}))
    assert "members accuracy n nll" in said
    assert "linear + kernel .812 40" in said
    assert "linear .800 – 1.250" in said


def test_candidates_show_their_test_figures_where_they_have_them(report):
    report["published"] = {"figure": "macro_f1", "value": 0.5, "unit": "clip"}
    level = scores(wrong=10)
    report["candidates"] = [
        {"members": ["svc"], "accuracy": 0.8, "test": {"clip": level, "track": level}},
        {"members": ["forest"], "accuracy": 0.7},
    ]
    said = words(backing.training(report, {}))
    assert "members accuracy test macro F1 by clip test macro F1 by track" in said
    figure = share(level["macro_f1"])
    assert f"svc .800 {figure} {figure} forest .700 – –" in said
    assert "Nothing was chosen by the test figures" in said


def test_curves_are_shown_by_member(report, epochs):
    report["history"] = {"the net": epochs(2), "other": epochs(2)}
    report["best_epoch"] = {"the net": 2}
    name = backing.curve_name("the net", "loss")
    drawn = {name: figures.svg(figures.curves(epochs(2), "loss", 2))}
    html = backing.training(report, drawn)
    assert "the net 2 epochs; the weights of epoch 2 were kept (dotted)." in words(html)
    assert html.count("<figure>") == 1
    assert "other" not in html


def test_published_figures_stand_in_a_table_with_their_protocol(report):
    assert sections.published(report) == ""
    assert sections.published({**report, "published": {"figure": "", "value": None}}) == ""
    report["published"] = {
        "figure": "accuracy",
        "value": 0.7,
        "unit": "clip",
        "n": None,
        "protocol": "clips of a track on both sides",
        "source": "",
        "more": {"per_genre": {"rock": 0.58}, "epochs": [23, 38]},
    }
    said = words(sections.published(report))
    assert "unit n accuracy (95 %) protocol" in said
    assert "the authors clip – .700 clips of a track on both sides" in said
    assert re.search(r"ours clip 40 \.750 \(\S+\) no track, artist or known copy", said)
    assert re.search(r"ours track 20 \.900 ", said)
    assert "per genre: rock 0.58" in said
    assert "epochs: 23, 38" in said
    assert "By clip, ours is 5.0 points above the authors" in said


def test_choices_and_reductions_stand_without_a_figure_too(report):
    report |= {"choices": ["64 <filters>"], "reductions": ["10 epochs"]}
    html = sections.published(report)
    assert words(html) == (
        "Published and ours Not printed by the authors; ours 64 &lt;filters&gt;"
        " Smaller here than published 10 epochs"
    )


def test_files_that_failed_are_listed_and_escaped(report):
    assert backing.data(report) == ""
    report["data"]["failed"] = [["<a>.wav", "0 bytes"], ["b.wav", "silent"]]
    html = backing.data(report)
    assert "could not be used: 2" in html
    assert "&lt;a&gt;.wav: 0 bytes" in html


def test_environment_and_recipe_are_folded(report):
    assert backing.environment(report, {}) == ""
    report["environment"] = {"python": "3.11", "cpu": "<x>"}
    html = backing.environment(report, {"fit": {"folds": 5}, "path": "é"})
    assert html.count("<details>") == 2
    assert "cpu: &lt;x&gt;" in html
    assert "é" in html
    assert "&quot;folds&quot;: 5" in html


def test_pictures_that_were_not_drawn_leave_no_trace():
    assert pictures([("a", "x")], {}) == ""
    made = pictures([("a", "x"), ("b", "y")], {"b": "<svg>#1d2330</svg>"})
    assert made.count("<figure>") == 1
    assert 'alt="b"' in made


def test_dark_colours_replace_light_ones_once():
    light = f"<svg>{figures.INK} {figures.PAPER} {figures.BLUE}</svg>"
    dark = figures.darkened(light)
    assert figures.INK not in dark
    assert figures.PAPER not in dark
    assert figures.BLUE in dark
    assert figures.darkened("<svg>#fffffe</svg>") == "<svg>#fffffe</svg>"


def test_cells_of_every_kind():
    assert text(0.5) == ".500"
    assert text(7) == "7"
    assert text(["a", "b"]) == '<td class="left">a + b</td>'
    assert text("<") == '<td class="left">&lt;</td>'


def test_a_table_of_nothing_is_a_head():
    html = table(["a", "b"], [], "none")
    assert html.count("<th ") == 2
    assert "<tbody></tbody>" in html
    assert "none" in html


def test_cells():
    assert share(0.7685) == ".768"
    assert share(1.0) == "1.000"
    assert share(-0.25) == "-0.250"
    assert share(None) == per_cent(None) == "–"
    assert per_cent(0.605) == "60 %"
    assert (clock(0), clock(65.4), clock(3599.6)) == ("0:00", "1:05", "60:00")
    assert "--w:25%" in bar(0.25)
    made = table(["a & b", "c"], [["x", '<td class="left">y</td>']], "caption", stack=True)
    assert '<th scope="col" class=left>c</th>' in made
    assert '<td data-name="c" class="left">y</td>' in made
    assert "a &amp; b" in made
    assert backing.plane({}) == ""


def test_a_note_escapes_and_is_told_apart_without_colour():
    red, blue = note("red", "A <b>", "x & y"), note("blue", "A", "x")
    assert "<b>A &lt;b&gt;.</b> x &amp; y" in red
    assert red.split("<path")[1] != blue.split("<path")[1]


def test_tables_of_many_columns_are_set_closer():
    def kinds(n, *, stack=False):
        return re.findall("<table(.*?)>", table(["x"] * n, [], stack=stack))[0]

    assert [kinds(9), kinds(10)] == ["", ' class="dense"']
    assert kinds(10, stack=True) == ' class="stack dense"'
    assert kinds(2, stack=True) == ' class="stack"'
