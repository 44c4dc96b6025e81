"""The microphone: genre as it listens, and an answer for the whole."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect
from tests.web.conftest import Server, Start
from tests.web.page.conftest import Visitor, answered


def test_it_says_what_it_hears_and_then_answers_for_the_whole(page: Any, server: Server) -> None:
    page.get_by_role("link", name="Use the microphone").click()
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("region", name="Right now")).to_be_visible()
    genre = page.locator(".genre").inner_text()
    assert genre
    expect(page.get_by_role("heading", name="So far")).to_be_visible()
    assert server.left() == []
    page.get_by_role("button", name="Answer for the whole recording").click()
    answered(page)
    expect(page.get_by_text("Microphone ")).to_be_visible()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    length = int(page.get_by_role("slider", name="Position").get_attribute("aria-valuemax"))
    assert 5 <= length <= 60


def test_what_it_heard_is_forgotten_by_the_server(visitor: Visitor, start: Start) -> None:
    server = start()
    page = visitor.open(server, "/listen")
    asked: list[str] = []
    page.on("response", lambda r: asked.append(f"{r.request.method} {r.status}"))
    page.get_by_role("button", name="Start listening").click()
    expect(page.locator(".genre")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start anew")).to_be_visible()
    page.wait_for_timeout(500)
    assert asked.count("DELETE 204") >= asked.count("POST 202") >= 1


def test_without_a_microphone_it_says_so(visitor: Visitor, server: Server) -> None:
    page = visitor.open(server, "/listen")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("told not to give the microphone")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotFoundError')) }"
    )
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("No microphone was found")
