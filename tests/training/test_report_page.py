"""The report page: what it says, that it fetches nothing, and how it looks in a browser."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from genrewise.training import metrics
from genrewise.training.report import figures, sections, tex
from genrewise.training.report.html import Extras, deciding, mistakes, write_report
from genrewise.training.report.pieces import bar, clock, per_cent, share, table

LABELS = ("blues", "hip & hop", "jazz", "<metal>", "pop")
VOID = {"meta", "img", "source", "br"}


def scored(n, seed, labels=LABELS, per=4):
    """A made-up part: clips of tracks, each with windows, and their figures."""
    rng = np.random.default_rng(seed)
    C = len(labels)
    truth = rng.choice([c for c in range(C) if c != 2], n)
    scores = rng.normal(size=(n, C)) * 1.2
    scores[np.arange(n), truth] += 2.5
    windows = scores[:, None] + rng.normal(size=(n, per, C))
    p = np.exp(windows) / np.exp(windows).sum(-1, keepdims=True)
    clips, groups = p.mean(1), rng.integers(0, n // 2, n)
    found = {
        "window": metrics.level_scores(
            truth.repeat(per), p.reshape(-1, C), labels, groups.repeat(per)
        ),
        "clip": metrics.level_scores(truth, clips, labels, groups, answered=clips.max(1) > 0.4),
    }
    found["track"] = found["clip"]
    return found, truth, p


def rows(truth, p, part, labels=LABELS):
    out = []
    for i, (t, windows) in enumerate(zip(truth, p, strict=True)):
        at = {"part": part, "path": f"{t}/song {i}.wav", "track": f"t{i}", "truth": labels[t]}
        levels = [("window", w) for w in windows] + [
            (x, windows.mean(0)) for x in ("clip", "track")
        ]
        for k, (level, row) in enumerate(levels):
            where = {"start": 5.0 * k, "stop": 5.0 * k + 5.0} if level == "window" else {}
            best = {"answer": labels[int(row.argmax())], "confidence": float(row.max())}
            named = {f"p_{label}": float(v) for label, v in zip(labels, row, strict=True)}
            out.append({**at, "level": level, **where, **best, **named})
    return out


def history(n=12):
    return [
        {
            "epoch": float(e),
            "train_loss": 2.0 / e,
            "train_accuracy": 1 - 1 / (e + 1),
            "valid_loss": 1.0 + 1.0 / e,
            "valid_accuracy": 0.6,
            "lr": 1e-3,
            "seconds": 1.0,
        }
        for e in range(1, n + 1)
    ]


@pytest.fixture(scope="module")
def run():
    validation, v_truth, v_p = scored(90, 1)
    test, truth, p = scored(60, 2)
    clips = v_p.mean(1)
    rule = metrics.choose_unknown(clips.max(1), np.ones(90), clips.argmax(1) == v_truth, 0.1)
    report = {
        "name": "own-genres",
        "title": 'Five genres of "mine"',
        "protocol": "honest",
        "data": {
            "name": "music",
            "labels": list(LABELS),
            "clips": 150,
            "tracks": 140,
            "groups": 71,
            "failed": [["a/<b>.wav", "0 bytes; expected an audio file"]],
            "warnings": ["jazz: 3 groups only"],
        },
        "split": {
            "rule": "by group, stratified",
            "seed": 3,
            "checksum": "0123456789abcdef" * 4,
            "warnings": [],
            "pool": 90,
            "test": 60,
        },
        "candidates": [{"members": ["linear", "kernel"], "accuracy": 0.75, "n": 90}],
        "unknown": {
            "min_confidence": rule.confidence,
            "max_distance": rule.distance,
            "answered": rule.answered,
            "right_when_answered": rule.right_when_answered,
            "target_risk": 0.1,
            "reached": rule.reached,
            "table": list(rule.table),
        },
        "validation": validation,
        "test": test,
        "published": {"accuracy": 0.7685, "unit": "window", "protocol": "clips shuffled"},
        "log": ["test part opened: 60 clips, once"],
        "environment": {"numpy": "2.4"},
    }
    return report, rows(v_truth, v_p, "validation") + rows(truth, p, "test")


@pytest.fixture(scope="module")
def extras():
    rng = np.random.default_rng(0)
    truth = [LABELS[i % 5] for i in range(50)]
    return Extras(
        history={"the net": history()},
        best_epoch={"the net": 9},
        embedding=rng.normal(size=(50, 8)) + np.arange(50)[:, None] % 5,
        embedding_truth=truth,
        data_html='<section class="data-report"><h2>Data: music</h2></section>',
        recipe={"name": "own", "fit": {"folds": 5}},
    )


@pytest.fixture(scope="module")
def folder(run, extras, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    assert write_report(folder, *run, extras) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Every tag and whether it is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def said(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_is_whole_and_fetches_nothing(html):
    tags = Tags(html)
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


def test_every_link_has_its_section(html):
    tags = Tags(html)
    ids = {a["id"] for _, a in tags.seen if "id" in a}
    links = [a["href"][1:] for tag, a in tags.seen if tag == "a"]
    assert len(links) == 11
    assert set(links) == ids


def test_the_headline_is_honest(run, html):
    said, scores = Tags(html).said(), run[0]["test"]["track"]
    lo, hi = scores["interval"]
    assert f"Right about {100 * scores['accuracy']:.0f} of 100 tracks it had never heard" in said
    assert f"95 % interval: {100 * lo:.0f} to {100 * hi:.0f}." in said
    assert f"60 tracks in {scores['groups']} groups, test part, protocol honest" in said
    assert "Guessing would be right about 20 of 100" in said


def test_levels_stand_side_by_side_with_their_intervals(run, html):
    said = Tags(html).said()
    for part in ("test", "validation"):
        for level in ("window", "clip", "track"):
            s = run[0][part][level]
            assert f"{share(s['interval'][0])}–{share(s['interval'][1])}" in said
            assert share(s["ece"]) in said
    assert "Out of fold" in said


def test_what_is_absent_confused_and_refused_is_said(run, html):
    said = Tags(html).said()
    assert "Not in the test part, and in no average: jazz" in said
    assert "Warning: jazz: 3 groups only" in said
    assert "test part opened: 60 clips, once" in said
    assert "Most often:" in said
    assert re.search(r"taken for .{3,12} \(\d+\)", said)
    unknown = run[0]["unknown"]
    assert f"below a confidence of {share(unknown['min_confidence'])}" in said
    assert f"{per_cent(unknown['answered'])} are answered" in said
    assert "0123456789abcdef" in said


def test_published_figures_stand_beside_ours_at_their_level(run, html):
    said = Tags(html).said()
    ours = share(run[0]["test"]["window"]["accuracy"])
    assert re.search(rf"ours, by window, honest +accuracy +\.768 +{re.escape(ours)}", said)
    assert "protocol: clips shuffled" in said


def test_names_from_outside_are_escaped(html):
    assert "<metal>" not in html
    assert "&lt;metal&gt;" in html
    assert "hip &amp; hop" in html
    assert "hip & hop" not in html


def test_mistakes_are_the_surest_first_with_their_seconds(run, html):
    report, predictions = run
    worst = mistakes(predictions, "test", "track")
    assert 0 < len(worst) <= 15
    confidences = [row["confidence"] for row in worst]
    assert confidences == sorted(confidences, reverse=True)
    wrong = [
        row["confidence"]
        for row in predictions
        if row["part"] == "test" and row["level"] == "track" and row["truth"] != row["answer"]
    ]
    assert confidences[0] == max(wrong)
    first = worst[0]
    windows = [
        row
        for row in predictions
        if (row["part"], row["level"], row["path"]) == ("test", "window", first["path"])
    ]
    loudest = max(windows, key=lambda w: w[f"p_{first['answer']}"])
    assert first["seconds"][0] == (loudest["start"], loudest["stop"])
    assert len(first["seconds"]) == 2
    a, b = first["seconds"][0]
    assert f"{clock(a)}–{clock(b)}" in Tags(html).said()
    assert report["test"]["track"]["n"] == 60


def test_a_tracks_mistake_names_the_clip_that_spoke_loudest():
    at = {"part": "test", "track": "t", "truth": "a"}
    clip = {"start": 0.0, "stop": 5.0, "answer": "b", "confidence": 0.5, "p_a": 0.5}
    predictions = [
        {**at, "level": "window", "path": "quiet.wav", **clip, "p_b": 0.2},
        {**at, "level": "window", "path": "loud.wav", **clip, "p_b": 0.9},
        {**at, "level": "track", "path": "quiet.wav", "answer": "b", "confidence": 0.6},
        {**at, "level": "track", "path": "x", "track": "u", "answer": "b", "confidence": 0.5},
    ]
    first, second = mistakes(predictions, "test", "track")
    assert (first["path"], first["seconds"]) == ("loud.wav", [(0.0, 5.0)])
    assert (second["path"], second["seconds"]) == ("x", [])


def test_deciding_seconds_do_not_overlap():
    windows = [
        {"start": s, "stop": s + 10.0, "p_a": p}
        for s, p in ((0.0, 0.3), (5.0, 0.9), (10.0, 0.8), (15.0, 0.7))
    ]
    assert deciding(windows, "a") == [(5.0, 15.0), (15.0, 25.0)]
    assert deciding(windows, "a", most=1) == [(5.0, 15.0)]
    assert deciding([], "a") == []


def test_figures_lie_beside_the_page_as_png_and_svg(folder):
    names = {path.stem for path in (folder / "figures").glob("*.png")}
    assert names == {path.stem for path in (folder / "figures").glob("*.svg")}
    assert names == {
        "confusion", "confusion-normalised", "genres", "calibration", "unknown",
        "curves-the-net-loss", "curves-the-net-accuracy", "plane",
    }  # fmt: skip
    for path in (folder / "figures").iterdir():
        data = path.read_bytes()
        if path.suffix == ".png":
            assert data.startswith(b"\x89PNG")
        else:
            assert ElementTree.fromstring(data).tag.endswith("svg")


def test_dark_pictures_differ_from_light_ones_in_colour_only(html):
    pairs = re.findall(r'srcset="data:[^,]+,([^"]+)"><img src="data:[^,]+,([^"]+)"', html)
    assert len(pairs) == 8
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


def test_a_report_without_a_test_part_says_so(run, tmp_path):
    report, predictions = run
    without = {**report, "test": {}, "published": {}, "candidates": [], "unknown": {}}
    page = write_report(tmp_path, without, predictions).read_text(encoding="utf-8")
    tags = Tags(page)
    assert tags.open == []
    assert "held out in turn, without a test part" in tags.said()
    assert "90 tracks" in tags.said()
    for gone in ("Published and ours", "Map of the tracks", "Training", "Recipe"):
        assert gone not in tags.said()
    assert "Files that could not be used: 1" in tags.said()
    assert "a/&lt;b&gt;.wav: 0 bytes; expected an audio file" in page


def test_a_report_without_mistakes_or_predictions(run, tmp_path):
    report, _ = run
    truth = np.array([0, 1, 3, 4] * 5)
    p = np.eye(5)[truth]
    flawless = dict.fromkeys(("window", "clip", "track"), metrics.level_scores(truth, p, LABELS))
    page = write_report(tmp_path, {**report, "test": flawless}, []).read_text(encoding="utf-8")
    said = Tags(page).said()
    assert "Right about 100 of 100" in said
    assert "95 % interval: 83 to 100" in said
    assert "Worst mistakes" not in said
    assert "What it confuses Nothing." in said


# figures


def drawn_texts(figure):
    axes = figure.axes[0]
    return [t.get_text() for t in axes.texts]


def test_the_matrix_shows_shares_or_counts():
    matrix = [[3, 1], [0, 4]]
    assert drawn_texts(figures.confusion(matrix, "ab", normalised=False)) == ["3", "1", "4"]
    assert drawn_texts(figures.confusion(matrix, "ab", normalised=True)) == ["75", "25", "100"]
    empty = figures.confusion([[0, 0], [0, 4]], "ab", normalised=True)
    assert drawn_texts(empty) == ["100"]


def test_calibration_intervals_are_wilsons():
    from scipy.stats import binomtest

    for hits, n in ((0, 12), (7, 20), (15, 15)):
        expected = binomtest(hits, n).proportion_ci(method="wilson")
        assert figures._wilson(hits / n, n) == pytest.approx(
            (expected.low, expected.high), abs=1e-3
        )


def test_calibration_draws_a_point_for_each_bin():
    made = metrics.reliability(np.linspace(0.1, 1, 40), np.arange(40) > 15)
    figure = figures.calibration(made)
    line = figure.axes[0].containers[0].lines[0]
    assert line.get_xdata() == pytest.approx([row["confidence"] for row in made])
    assert line.get_ydata() == pytest.approx([row["accuracy"] for row in made])


def test_components_are_scikit_learns():
    from sklearn.decomposition import PCA

    X = np.random.default_rng(0).normal(size=(80, 6)) * [5, 3, 1, 1, 0.5, 0.1]
    places, explained = figures.principal(X)
    pca = PCA(2).fit(X)
    assert np.allclose(np.abs(places), np.abs(pca.transform(X)), atol=1e-9)
    assert explained == pytest.approx(pca.explained_variance_ratio_)
    assert np.array_equal(figures.principal(X)[0], places)


def test_components_of_a_single_direction():
    places, explained = figures.principal(np.arange(5.0)[:, None])
    assert places.shape == (5, 2)
    assert explained == pytest.approx([1.0, 0.0])


def test_many_labels_have_marks_of_their_own():
    labels = [f"genre {i}" for i in range(24)]
    rng = np.random.default_rng(0)
    figure = figures.plane(rng.normal(size=(48, 4)), labels * 2, labels)
    marks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines}
    assert len(marks) == 24


def test_curves_mark_the_epoch_kept():
    figure = figures.curves(history(), "loss", 9)
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines[:2]] == ["training", "validation"]
    assert list(lines[2].get_xdata()) == [9, 9]
    alone = figures.curves([{"epoch": 1.0, "train_loss": 1.0}], "loss")
    assert len(alone.axes[0].lines) == 1


# tables


def test_tables_for_a_paper(run, folder):
    text = (folder / "tables.tex").read_text(encoding="utf-8")
    s = run[0]["test"]["track"]
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert rf"track & 60 & {s['accuracy']:.3f} & [{s['interval'][0]:.3f}" in text
    assert r"hip \& hop & " in text
    body = re.findall(r"^(.*?) \\\\$", text, re.M)
    assert {line.count("&") - line.count(r"\&") for line in body} == {6, 4}
    assert "jazz" not in text  # absent, so in no table


def test_latex_takes_any_name():
    assert tex.escape(r"50% a_b #1 {x} ~^\ &$") == (
        r"50\% a\_b \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} \&\$"
    )


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
    assert sections.plane({}) == ""


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1920])
def test_the_page_fits_its_window(folder, width, tmp_path):
    """A browser lays the page out; nothing but tables may be wider than the window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium: install chromium to try the page in a browser")
    page = tmp_path / "probe.html"
    probe = (
        "<script>addEventListener('load',()=>{const f=document.querySelector('iframe');"
        "const d=f.contentDocument;document.title=d.documentElement.scrollWidth+' '"
        "+d.images.length+' '+[...d.images].filter(i=>i.complete&&i.naturalWidth).length;})"
        "</script>"
    )
    shutil.copy(folder / "report.html", tmp_path / "report.html")
    frame = f'<iframe src="report.html" style="width:{width}px;height:2000px;border:0"></iframe>'
    page.write_text(f"<!doctype html><title>-</title>{frame}{probe}", encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=8000", page.as_uri()],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    wide, images, shown = map(int, found.groups())
    assert wide <= width
    assert images == shown == 8
