"""The report page: what it says, that it fetches nothing, and how it looks in a browser."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from genrewise.training import metrics
from genrewise.training.report import figures
from genrewise.training.report.html import write_report
from genrewise.training.report.pieces import per_cent, share

LABELS = ("blues", "hip & hop", "jazz", "<metal>", "pop")


def test_the_page_is_whole_and_fetches_nothing(html, parsed):
    tags = parsed(html)
    assert tags.open == []
    for tag, attributes in tags.seen:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name in ("src", "srcset"):
            if name in attributes:
                assert attributes[name].startswith("data:image/svg+xml;base64,")
        if "href" in attributes:
            assert attributes["href"].startswith("#")
    assert "url(" not in html
    assert "@import" not in html


def test_every_link_has_its_section(html, parsed):
    tags = parsed(html)
    ids = {a["id"] for _, a in tags.seen if "id" in a}
    links = [a["href"][1:] for tag, a in tags.seen if tag == "a"]
    assert len(links) == 12
    assert set(links) == ids


def test_the_headline_counts(run, html, parsed):
    said, scores = parsed(html).said(), run[0]["test"]["track"]
    lo, hi = scores["interval"]
    right = round(scores["accuracy"] * 60)
    assert f"Right in {right} of 60 tracks it had never heard" in said
    assert f"95 % interval: {100 * lo:.0f} to {100 * hi:.0f} %." in said
    assert f"60 tracks in {scores['groups']} groups, test part, protocol honest" in said
    assert "Guessing among 5 genres would be right in 20 %" in said


def test_levels_stand_side_by_side_with_their_intervals(run, html, parsed):
    said = parsed(html).said()
    for part in ("test", "validation"):
        for level in ("window", "clip", "track"):
            s = run[0][part][level]
            assert f"{share(s['interval'][0])}–{share(s['interval'][1])}" in said
            assert share(s["ece"]) in said
    assert "Validation: what the model was chosen" in said


def test_what_is_absent_confused_and_refused_is_said(run, html, parsed):
    said = parsed(html).said()
    assert "Not in the test part, and in no average: jazz" in said
    assert "Warning: jazz: 3 groups only" in said
    assert "test part opened: 60 clips, once" in said
    assert "Most often:" in said
    assert re.search(r"taken for .{3,12} \(\d+\)", said)
    unknown = run[0]["unknown"]
    assert f"below a confidence of {share(unknown['min_confidence'])}" in said
    assert f"{per_cent(unknown['answered'])} are answered" in said
    assert "0123456789abcdef" in said


def test_published_figures_stand_beside_ours_at_their_level(run, html, parsed):
    said = parsed(html).said()
    ours = run[0]["test"]["window"]
    lo, hi = ours["interval"]
    assert "the authors window 2,000 .768 clips shuffled" in said.replace(".769", ".768")
    spans = f"{share(ours['accuracy'])} ({share(lo)}–{share(hi)})"
    assert f"ours window 240 {spans} no track, artist or known copy on both sides" in said
    assert re.search(r"ours clip 60 \S+ \(", said)
    assert re.search(r"ours track 60 \S+ \(", said)
    for line in ("recall: 0.77", "Source: its report.", "dropout of .5", "30 epochs for 100"):
        assert line in said


def test_names_from_outside_are_escaped(html):
    assert "<metal>" not in html
    assert "&lt;metal&gt;" in html
    assert "hip &amp; hop" in html
    assert "hip & hop" not in html


def test_figures_lie_beside_the_page_as_png_and_svg(folder):
    names = {path.stem for path in (folder / "figures").glob("*.png")}
    assert names == {path.stem for path in (folder / "figures").glob("*.svg")}
    assert names == {
        "confusion", "confusion-normalised", "genres", "calibration", "unknown",
        "curves-the-net-loss", "curves-the-net-accuracy", "plane", "samples",
    }  # fmt: skip
    for path in (folder / "figures").iterdir():
        data = path.read_bytes()
        if path.suffix == ".png":
            assert data.startswith(b"\x89PNG")
        else:
            assert ElementTree.fromstring(data).tag.endswith("svg")


def test_dark_pictures_differ_from_light_ones_in_colour_only(html):
    pairs = re.findall(r'srcset="data:[^,]+,([^"]+)"><img src="data:[^,]+,([^"]+)"', html)
    assert len(pairs) == 9
    for dark, light in pairs:
        text, other = (base64.b64decode(x).decode() for x in (light, dark))
        assert figures.PAPER in text
        assert figures.PAPER not in other
        assert re.sub("#[0-9a-f]{6}", "#", text) == re.sub("#[0-9a-f]{6}", "#", other)


def test_the_same_run_gives_the_same_page(run, extras, folder, html, tmp_path):
    again = write_report(tmp_path, *run, extras)
    assert again.read_text(encoding="utf-8") == html
    for path in (folder / "figures").glob("*.png"):
        assert (tmp_path / "figures" / path.name).read_bytes() == path.read_bytes()


def test_the_users_own_matplotlib_settings_change_nothing(run, extras, html, tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "figure.dpi": 40}):
        assert write_report(tmp_path, *run, extras).read_text(encoding="utf-8") == html


def test_a_report_without_a_test_part_says_so(run, parsed, tmp_path):
    report, predictions = run
    without = {**report, "test": {}, "candidates": [], "unknown": {}, "history": {}}
    without |= {"published": {}, "choices": [], "reductions": []}
    page = write_report(tmp_path, without, predictions).read_text(encoding="utf-8")
    tags = parsed(page)
    assert tags.open == []
    assert "held out in turn, without a test part" in tags.said()
    assert "90 tracks" in tags.said()
    for gone in ("Published and ours", "Map of the tracks", "Training", "Recipe"):
        assert gone not in tags.said()
    assert "Files that could not be used: 1" in tags.said()
    assert "a/&lt;b&gt;.wav: 0 bytes; expected an audio file" in page


def test_a_report_without_mistakes_or_predictions(run, parsed, tmp_path):
    report, _ = run
    truth = np.array([0, 1, 3, 4] * 5)
    p = np.eye(5)[truth]
    flawless = dict.fromkeys(("window", "clip", "track"), metrics.level_scores(truth, p, LABELS))
    page = write_report(tmp_path, {**report, "test": flawless}, []).read_text(encoding="utf-8")
    said = parsed(page).said()
    assert "Right in 20 of 20 tracks it had never heard: 100 %" in said
    assert "95 % interval: 83 to 100 %" in said
    assert "Worst mistakes" not in said
    assert "What it confuses Nothing." in said


def test_tables_for_a_paper(run, folder):
    text = (folder / "table.tex").read_text(encoding="utf-8")
    s = run[0]["test"]["track"]
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    assert re.search(rf"^accuracy & \S+ & \S+ & {s['accuracy']:.3f} ", text, re.M)
    assert r"hip \& hop & " in text
    body = re.findall(r"^(.*?) \\\\$", text, re.M)
    assert {line.count("&") - line.count(r"\&") for line in body} == {3, 4}
    assert "jazz" not in text  # absent, so in no table


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1920])
def test_the_page_fits_its_window(folder, width, browse):
    assert browse(folder / "report.html", width) == 9
