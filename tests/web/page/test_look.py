"""What everybody needs of a page: keys, readers, both lights, any width, few bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.web.conftest import MODEL, Server, music, wav
from tests.web.page.conftest import STATIC, UI, Visitor, answered, choose

AXE = UI / "node_modules" / "axe-core" / "axe.min.js"
BUDGET = 200_000

Enter = Callable[[Any], None]


def start(page: Any) -> None:
    expect(page.get_by_role("button", name="Worn groove")).to_be_visible()


def result(page: Any) -> None:
    page.get_by_role("button", name="Worn groove").click()
    answered(page)
    page.wait_for_selector(".spectrogram canvas")


def listed(page: Any) -> None:
    choose(page, ("a.wav", wav(music(3.0))), ("letter.mp3", b"Dear all,\n" * 300))
    expect(page.get_by_text("2 songs")).to_be_visible()


def models(page: Any) -> None:
    page.get_by_role("link", name="Models").click()
    page.wait_for_selector("article")


def model(page: Any) -> None:
    models(page)
    page.get_by_role("link", name=MODEL).click()
    page.get_by_role("heading", name="Model card").click()
    page.wait_for_selector(".markdown table")


def report(page: Any) -> None:
    models(page)
    page.get_by_role("link", name="the report of 000-cnn", exact=False).first.click()
    page.wait_for_selector("figure")


def listening(page: Any) -> None:
    page.get_by_role("link", name="Use the microphone").click()
    page.get_by_role("button", name="Start listening").click()
    page.wait_for_selector(".genre")


STATES: list[Enter] = [start, result, listed, models, model, report, listening]


@pytest.fixture
def axe() -> str:
    """A program that looks for what hinders people; here once the page has been built."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: run scripts/page --check")
    return AXE.read_text("utf-8")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
@pytest.mark.parametrize("enter", STATES)
def test_axe_finds_nothing(
    axe: str, visitor: Visitor, showing: Server, enter: Enter, width: int, scheme: str
) -> None:
    page = visitor.open(showing, viewport={"width": width, "height": 800}, color_scheme=scheme)
    enter(page)
    # Evaluated from outside, as the page itself may not run other scripts.
    page.evaluate(axe)
    found = page.evaluate("axe.run(document).then((r) => r.violations)")
    assert [(v["impact"], v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("width", [320, 360, 1920])
def test_nothing_is_wider_than_the_window(visitor: Visitor, showing: Server, width: int) -> None:
    for enter in STATES:
        page = visitor.open(showing, viewport={"width": width, "height": 800})
        enter(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, enter.__name__
        page.context.close()


def test_everything_compressed_is_small(visitor: Visitor, showing: Server) -> None:
    sizes = {
        p.relative_to(STATIC).as_posix(): len(gzip.compress(p.read_bytes(), 9, mtime=0))
        for p in STATIC.rglob("*")
        if p.suffix in (".html", ".js", ".css", ".svg")
    }
    assert sum(sizes.values()) < BUDGET, sizes
    page = visitor.open(showing)
    start(page)
    first = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter((e) => !e.name.includes('/api/')).reduce((sum, e) => sum + e.encodedBodySize, 0)"
    )
    assert 0 < first < BUDGET / 2


def test_it_is_used_by_keys_alone(page: Any) -> None:
    start(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    seen = []
    for _ in range(20):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if seen[-1].startswith("Low string"):
            break
    assert seen[0] == "Choose files"
    page.keyboard.press("Enter")
    answered(page)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_new_page_is_announced_by_its_heading(page: Any) -> None:
    start(page)
    assert page.title() == "Genrewise: which genre is it?"
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_focused()
    assert page.title() == "Models · Genrewise"


def test_light_and_dark_follow_the_system_until_somebody_says_otherwise(
    visitor: Visitor, server: Server
) -> None:
    page = visitor.open(server, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    light = page.evaluate(paper)
    assert dark != light
    page.get_by_role("button", name="Switch to dark").click()
    assert page.evaluate(paper) == dark
    page.reload()
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()
    assert page.evaluate(paper) == dark
    page.get_by_role("button", name="Switch to light").click()
    assert page.evaluate(paper) == light
    assert page.evaluate("localStorage.length") == 0


def test_nothing_moves_where_motion_is_not_wanted(visitor: Visitor, server: Server) -> None:
    page = visitor.open(server, reduced_motion="reduce")
    result(page)
    assert page.evaluate("document.getAnimations().length") == 0
    moving = visitor.open(server, reduced_motion="no-preference")
    start(moving)
    durations = moving.locator(".button").first.evaluate(
        "(e) => getComputedStyle(e).transitionDuration"
    )
    assert durations != "0s"


def test_no_script_of_another_place_could_run(server: Server) -> None:
    policy = server.ask("GET", "/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    html = (STATIC / "index.html").read_text("utf-8")
    assert "http://" not in html
    assert "https://" not in html
    assert " style=" not in html
