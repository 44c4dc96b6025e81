"""Models, their figures, and a matrix that can be asked."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.web.conftest import MODEL, Server
from tests.web.page.conftest import ROOT, Visitor

REPORT = json.loads((ROOT / f"results/{MODEL}/honest/report.json").read_text("utf-8"))


@pytest.fixture
def model(visitor: Visitor, showing: Server) -> Any:
    page = visitor.open(showing, f"/models/{MODEL}")
    page.wait_for_selector("table")
    return page


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", "\xa0%")


def test_the_start_page_tells_the_honest_number(page: Any, server: Server) -> None:
    (found,) = (m for m in server.get("/models").json if m["name"] == MODEL)
    track = found["metrics"]["track"]
    section = page.get_by_role("region", name="How often is it right?")
    expect(section).to_contain_text(percent(track["accuracy"]))
    expect(section).to_contain_text(f"of {track['n']} tracks it had never heard")
    low, high = map(percent, track["interval"])
    expect(section).to_contain_text(f"{low} to {high}")
    expect(section).to_contain_text(f"Of the rest, {percent(track['right_when_answered'])}")


def test_all_models_stand_with_their_intervals(visitor: Visitor, showing: Server) -> None:
    page = visitor.open(showing, "/models")
    models = showing.get("/models").json
    expect(page.locator("article")).to_have_count(len(models))
    for found, card in zip(models, page.locator("article").all(), strict=True):
        assert card.locator("h2 a").inner_text() == found["name"]
        figures = found["metrics"].get("track")
        if figures is None:  # it gives several genres at once, and is measured otherwise
            assert f"{found['metrics']['tags']['auc']:.2f}" in card.inner_text()
            continue
        assert percent(figures["accuracy"]) in card.inner_text()
        low, high = map(percent, figures["interval"])
        assert card.get_by_role("img").get_attribute("aria-label").endswith(f"{low} to {high}")


def test_a_cell_of_the_matrix_is_told_by_click_and_by_keys(model: Any) -> None:
    track = REPORT["test"]["track"]
    labels = REPORT["data"]["labels"]
    matrix = track["confusion"]
    row, column = labels.index("country"), labels.index("rock")
    n, of = matrix[row][column], sum(matrix[row])
    model.get_by_role("button", name=f"Country taken for Rock: {n} of {of}").click()
    story = model.locator(".story")
    expect(story).to_contain_text("Country taken for Rock")
    expect(story).to_contain_text(f"{n} of {of}, {percent(n / of)}")
    back, of_back = matrix[column][row], sum(matrix[column])
    expect(story).to_contain_text(f"Rock taken for Country: {back} of {of_back}.")
    model.keyboard.press("ArrowLeft")
    beside = labels[column - 1].capitalize()
    expect(story).to_contain_text(f"Country taken for {beside}")
    focused = model.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith(f"Country taken for {beside}: {matrix[row][column - 1]} of {of}")
    for _ in range(len(labels)):
        model.keyboard.press("ArrowUp")
    assert model.evaluate("document.activeElement.getAttribute('aria-label')") == focused
    assert model.locator("tbody [tabindex='0']").count() == 1


def test_the_cells_are_those_of_the_report_in_counts_and_in_per_cent(model: Any) -> None:
    matrix = REPORT["test"]["track"]["confusion"]
    cells = model.locator(".two td button").all_inner_texts()
    expected = [str(n) if n else "·" for row in matrix for n in row]
    assert cells == expected
    model.get_by_label("in per cent").check()
    shares = [str(int(100 * n / sum(row) + 0.5)) if n else "·" for row in matrix for n in row]
    assert model.locator(".two td button").all_inner_texts() == shares


def test_genre_by_genre(model: Any) -> None:
    table = model.get_by_role("region", name="Genre by genre")
    for label, found in REPORT["test"]["track"]["per_label"].items():
        row = table.get_by_role("row").filter(has_text=label.replace("hiphop", "Hip-Hop").title())
        cells = row.get_by_role("cell").all_inner_texts()
        expected = [f"{found[key]:.2f}" for key in ("precision", "recall", "f1")]
        assert cells[:4] == [str(found["n"]), *expected]
    expect(table).to_contain_text("None of them in the test: Reggae.")


def test_by_window_the_figures_are_others(model: Any) -> None:
    model.get_by_text("By window", exact=True).click()
    window = REPORT["test"]["window"]
    expect(model.get_by_text(f"right, of {window['n']} windows in the test")).to_be_visible()
    model.get_by_text("By track", exact=True).click()
    n = REPORT["test"]["track"]["n"]
    expect(model.get_by_text(f"right, of {n} tracks in the test")).to_be_visible()


def test_the_card_is_read_as_text(model: Any, showing: Server) -> None:
    model.get_by_role("heading", name="Model card").click()
    card = showing.get(f"/models/{MODEL}").json["card"]
    titles = [line.lstrip("# ") for line in card.splitlines() if line.startswith("## ")]
    assert model.locator(".markdown h3").all_inner_texts() == titles
    assert model.locator(".markdown table").count() >= 3


def test_published_stands_against_ours(visitor: Visitor, showing: Server) -> None:
    page = visitor.open(showing, "/models")
    report = json.loads((ROOT / "results/000-cnn/published/report.json").read_text("utf-8"))
    table = page.get_by_role("region", name="Published against ours")
    row = table.get_by_role("row", name=re.compile("^000-cnn "))
    ours = report["test"]["window"]
    expect(row).to_contain_text(percent(report["published"]["value"]))
    expect(row).to_contain_text(percent(ours["accuracy"]))
    row.get_by_role("link").first.click()
    pair = page.get_by_role("region", name="Published against ours")
    expect(pair).to_contain_text(percent(report["published"]["value"]))
    expect(pair).to_contain_text(percent(ours["accuracy"]))
    expect(pair).to_contain_text(report["published"]["protocol"])
    expect(page.get_by_role("img", name="How cnn learned")).to_be_visible()


def test_a_model_that_is_not_there(visitor: Visitor, showing: Server) -> None:
    page = visitor.open(showing, "/models/nobody")
    expect(page.get_by_role("alert")).to_be_visible()
    visitor.expect("404")
