"""The page, tables and rows of an evaluation: what they say, and that they need nothing else."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from genrewise.training.evaluate import Evaluation, Question, evaluate
from genrewise.training.report.evaluation import (
    against,
    damages,
    falls,
    page,
    strangers,
    tables,
    write_evaluation,
)
from genrewise.training.report.grids import Grid, Range, Span, markdown, plain

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def whole(
    pitch: str, make_model: Make, make_tones: Make, tmp_path_factory: pytest.TempPathFactory
) -> Evaluation:
    """Two sets, two models, damages, another spelling, a broken file, a label with a <."""
    folder = tmp_path_factory.mktemp("page")
    first = make_tones(folder / "first", {"Low": (100, 200, 300), "high": (3000, 4000)})
    clips = {"low": (110, 900, 1000), "high": (3300, 300), "<dub>": (500,)}
    second = make_tones(folder / "<second>", clips)
    (second / "low" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    other = make_model(folder, "other", edges=(950.0, 2000.0))
    sources = (str(first), str(second))
    some = ("20 dB softer", "mp3, 64 kbit/s", "5 % faster", "5 s of hiss in front")
    return evaluate(Question(pitch, sources, against=other, damages=some, workers=1))


@pytest.fixture(scope="module")
def html(whole: Evaluation) -> str:
    return page(whole)


class Outline(HTMLParser):
    """Headings, ids and links of a page; what is opened and not closed."""

    VOID = frozenset({"meta", "img", "source", "path", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        self.fetched += [values[key] for key in ("src", "srcset") if key in values]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"h1", "h2", "h3"}:
            self.headings.append(data)


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    found.close()
    assert found.open == []
    return found


def text_of(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_page_has_its_sections_in_order(html: str) -> None:
    found = outline(html)
    assert found.headings[0] == "pitch on first and <second>"
    wanted = [
        "Accuracy",
        "From one collection to another",
        "Two models on the same music",
        "Damaged audio",
        "first",
        "<second>",
        "Labels and files",
    ]
    assert [h for h in found.headings if h in wanted] == wanted
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)


def test_the_page_fetches_nothing(html: str) -> None:
    found = outline(html)
    assert found.fetched
    assert all(address.startswith("data:") for address in found.fetched)
    assert "<script" not in html
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", html)


def test_what_came_from_the_music_is_escaped(html: str) -> None:
    assert "<dub>" not in html
    assert "&lt;dub&gt; is left out, which the model does not know" in html
    assert "<second>" not in html


def test_the_page_says_the_figures(html: str, whole: Evaluation) -> None:
    said = text_of(html)
    assert "Right in 5 of 5 tracks of first: 100 %" in said
    assert "Right in 2 of 5 tracks of &lt;second&gt;: 40 %" in said
    assert "first: Low is taken for low" in said
    assert "low/bad.mp3: " in said
    assert said.count("low/bad.mp3: ") == 1
    assert all(grid.caption.split(",")[0].split("<")[0] in said for grid in tables(whole))


def test_mistakes_can_be_heard(html: str, whole: Evaluation) -> None:
    del whole
    players = re.findall(r'aria-label="excerpt of ([^"]+)"', html)
    assert sorted(players) == ["high/300.wav", "low/1000.wav", "low/900.wav"]
    assert "The excerpts are part of this page" in html


def cells(grid: Grid) -> dict[str, dict[str, Any]]:
    """A grid by the first cell of its rows and by its heads."""
    return {str(row[0]): dict(zip(grid.head, row, strict=True)) for row in grid.rows}


def test_the_grid_of_a_fall(whole: Evaluation) -> None:
    rows = cells(falls(whole.report["falls"][0]))
    assert rows["low"]["first"] == 1.0
    assert rows["low"]["<second>"] == pytest.approx(1 / 3)
    assert plain(rows["low"]["points lost"]) == "+66.7"
    assert (rows["low"]["n first"], rows["low"]["n <second>"]) == (3, 3)
    assert plain(rows["mean"]["points lost"]) == "+58.3"
    assert re.fullmatch(r"[+-][\d.]+ to [+-][\d.]+", rows["mean"]["95 %"])


def test_a_fall_without_a_genre_is_an_empty_grid() -> None:
    one = {"model": "m", "first": "a", "other": "b", "genres": {}, "mean": None}
    assert falls(one).rows == []
    assert falls(one).caption == "m, from a to b, by track; genres that both hold"


def test_the_grid_of_two_models(whole: Evaluation) -> None:
    rows = cells(against(whole.sets[1]))
    clip = rows["clip"]
    assert [clip[k] for k in ("n", "both right", "only A", "only B", "neither")] == [5, 2, 0, 1, 2]
    assert (clip["A"], clip["B"]) == (0.4, pytest.approx(0.6))
    assert plain(clip["A − B, points"]) == "-20.0"
    assert clip["p (McNemar)"] == "1"
    assert "A is pitch, B is other" in against(whole.sets[1]).caption


def test_the_grid_of_damages(whole: Evaluation) -> None:
    rows = cells(damages(whole.sets[0]))
    clean = rows["clean"]
    assert clean["n"] == 5
    assert clean["accuracy (95 %)"] == Span(
        1.0, *whole.sets[0]["robustness"]["rows"][0]["interval"]
    )
    assert plain(clean["points"]) == plain(clean["points for the truth"]) == "+0.0"
    shown = markdown(damages(whole.sets[0]))
    assert "-0.0 " not in shown
    assert (clean["95 %"], clean["lost"]) == ("+0.0 to +0.0", None)
    assert shown.count("\n") == len(rows) + 4  # caption, blank, head, rule


def test_what_costs_too_much_is_marked(whole: Evaluation, html: str) -> None:
    found = whole.sets[0]["robustness"]
    rows = cells(damages(whole.sets[0]))
    marked = {name for name, row in rows.items() if row["lost"] == "over 3 points"}
    assert marked == {row["damage"] for row in found["rows"] if row["change"] < -0.03}
    assert "5 s of hiss in front" in marked
    assert rows["5 s of hiss in front"]["95 %"].endswith(" to -20.0")
    assert found["summary"] == f"{len(marked)} of {len(rows) - 1} damages cost more than 3 points"
    assert damages(whole.sets[0]).caption.endswith(f"; {found['summary']}")
    said = text_of(html)
    assert found["summary"] in said
    assert said.count("over 3 points") >= len(marked)


def test_a_report_of_before_the_marks_is_shown_as_it_was(whole: Evaluation) -> None:
    one = json.loads(json.dumps(whole.sets[0]))
    del one["robustness"]["summary"]
    for row in one["robustness"]["rows"]:
        del row["lost_more"]
    grid = damages(one)
    assert not {"95 %", "lost"} & set(grid.head)
    assert all(len(row) == len(grid.head) == 8 for row in grid.rows)
    assert grid.caption == "pitch on first, by clip; points against the same clips undamaged"


def test_all_tables_are_there(whole: Evaluation) -> None:
    kinds = [grid.head[0] for grid in tables(whole)]
    assert kinds == ["", "", "recall", "by", "by", "audio", "audio", "genre", "genre"]


def test_the_files_of_a_report(whole: Evaluation, tmp_path: Path) -> None:
    target = write_evaluation(tmp_path / "new" / "folder", whole)
    folder = target.parent
    assert target.read_text("utf-8") == page(whole)
    assert json.loads((folder / "report.json").read_text("utf-8")) == json.loads(
        json.dumps(whole.report)
    )
    tex = (folder / "table.tex").read_text("utf-8")
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{table}") == len(tables(whole))
    assert r"95 \% interval" in tex
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(whole.predictions)
    assert list(rows[0])[:5] == ["set", "model", "part", "level", "path"]
    first = whole.predictions[0]
    assert {key: rows[0][key] for key in ("path", "truth", "answer")} == {
        key: first[key] for key in ("path", "truth", "answer")
    }


def test_the_same_answers_make_the_same_page(whole: Evaluation, html: str) -> None:
    assert page(whole) == html


def test_one_set_alone_has_no_comparisons(pitch: str, tones: Path) -> None:
    found = evaluate(Question(pitch, (str(tones),), workers=1))
    headings = outline(page(found)).headings
    assert headings[0] == "pitch on tones"
    assert "Genre by genre" in headings
    assert "What it confuses" in headings
    assert not {"Damaged audio", "Two models on the same music"} & set(headings)
    assert [grid.head[0] for grid in tables(found)] == ["", "genre"]


def test_a_part_stands_in_the_title(pitch: str, tones: Path, tmp_path: Path) -> None:
    rows = [f"{tones}/low/{hz}.wav,low,a{hz},valid" for hz in (150, 200)]
    (tmp_path / "m.csv").write_text("\n".join(["path,label,group,split", *rows]))
    found = evaluate(Question(pitch, (str(tmp_path / "m.csv"),), part="valid", workers=1))
    assert outline(page(found)).headings[0].endswith("(valid part)")
    assert tables(found)[0].caption.endswith(", valid part")


# ------------------------------------------------------------------- outside the labels


@pytest.fixture(scope="module")
def outside(
    pitch: str, make_model: Make, make_tones: Make, tmp_path_factory: pytest.TempPathFactory
) -> Evaluation:
    """A set with strangers beside its labels, one of strangers alone; two models."""
    folder = tmp_path_factory.mktemp("outside")
    mixed = make_tones(folder / "mixed", {"low": (100,), "high": (3000,), "<dub>": (200, 4000)})
    alone = make_tones(folder / "alone", {"polka": (150, 300), "waltz": (1000,)})
    (alone / "polka" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    other = make_model(folder, "other", edges=(300.0, 2000.0), least=0.7)
    sources = (str(mixed), str(alone))
    return evaluate(Question(pitch, sources, against=other, outside=True, workers=1))


def test_the_grid_of_strangers(outside: Evaluation) -> None:
    grid = strangers(outside.sets[1]["strangers"], "here")
    assert grid.caption == "here, by clip; labels that the model does not know"
    interval = Range(*outside.sets[1]["strangers"]["interval"])
    assert list(grid.rows) == [
        ["polka", 2, 2, 2, 1.0, None, "low 2"],
        ["waltz", 1, 1, 1, 1.0, None, "middle 1"],
        ["all", 3, 3, 3, 1.0, interval, "low 2, middle 1"],
    ]
    nothing = {"n": 1, "groups": 1, "n_answered": 0, "answered": 0.0, "taken_for": {}}
    quiet = strangers({**nothing, "interval": [0.0, 1.0], "per_label": {}}, "here")
    assert markdown(quiet).splitlines()[-1] == "| all | 1 | 1 | 0 | 0.000 | 0.000–1.000 | – |"


def test_strangers_have_their_section_and_headline(outside: Evaluation) -> None:
    html = page(outside)
    found = outline(html)
    wanted = ["Accuracy", "Outside the labels", "Two models on the same music", "mixed", "alone"]
    assert [h for h in found.headings if h in wanted] == wanted[:-1]  # alone has no figures
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    said = text_of(html)
    assert "Right in 2 of 2 tracks of mixed: 100 %" in said
    assert "Answered 2 of 2 clips of mixed whose labels it does not know: 100 %" in said
    assert "tracks of alone" not in said
    assert "Answered 3 of 3 clips of alone whose labels it does not know: 100 %" in said
    assert "alone. alone: no clip with a label of pitch, so no accuracy" in said
    assert said.count("polka/bad.mp3: ") == 1
    assert "is left out" not in said
    assert "<dub>" not in html
    assert said.count("answered at 5 % wrong") == 1


def test_tables_of_strangers(outside: Evaluation, tmp_path: Path) -> None:
    captions = [grid.caption for grid in tables(outside)]
    tail = ", by clip; labels that the model does not know"
    assert captions == [
        "pitch on mixed",
        f"pitch on mixed{tail}",
        f"other on mixed{tail}",
        f"pitch on alone{tail}",
        f"other on alone{tail}",
        f"pitch on all sets{tail}",
        "A is pitch, B is other, on mixed",
        "pitch on mixed, by track",
    ]
    write_evaluation(tmp_path, outside)
    tex = (tmp_path / "table.tex").read_text("utf-8")
    assert tex.count(r"\begin{tabular}") == len(captions)
    assert "low 2, middle 1" in tex
    # 150 Hz is low to the other model as well, 300 lies on its edge.
    (polka, *_) = strangers(outside.sets[1]["against"]["scores"]["strangers"], "").rows
    assert polka == ["polka", 2, 2, 1, 0.5, None, "low 1"]


def test_one_set_of_strangers_alone_makes_a_page(
    pitch: str, make_tones: Make, tmp_path: Path
) -> None:
    folder = make_tones(tmp_path / "alone", {"polka": (150,), "waltz": (1000,)})
    found = evaluate(Question(pitch, (str(folder),), outside=True, workers=1))
    headings = outline(page(found)).headings
    assert headings == ["pitch on alone", "Outside the labels"]
    assert [grid.head[0] for grid in tables(found)] == ["outside"]
