"""A server that goes away, is full, wants a token, fetches addresses: the page says so."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, expect
from tests.web.conftest import Start, long_song, music, serving, wav
from tests.web.page.conftest import Visitor, answered, choose

GONE = "The server does not answer."
NETWORK = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
NETWORK += ("ERR_INCOMPLETE_CHUNKED_ENCODING",)


def test_what_waits_for_a_lost_server_goes_on_when_it_is_back(
    visitor: Visitor, tmp_path: Path
) -> None:
    with serving(tmp_path / "one") as server:
        page = visitor.open(server)
        visitor.expect(*NETWORK)
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
        server.stop()
    choose(page, ("mine.wav", wav(music(4.0))))
    expect(page.get_by_text(GONE)).to_be_visible()
    with serving(tmp_path / "two", "--port", str(server.port)) as again:
        answered(page)
        expect(page.get_by_text(GONE)).to_be_hidden()
        assert again.left() == []


def test_a_server_lost_while_it_listens_is_asked_once_more(
    visitor: Visitor, tmp_path: Path
) -> None:
    with serving(tmp_path / "one", "--workers", "1") as server:
        page = visitor.open(server)
        visitor.expect(*NETWORK, "404")
        choose(page, ("long.flac", long_song(2)))
        expect(page.get_by_role("status").filter(has_text="Listening")).to_be_visible()
        server.process.kill()
        server.process.wait()
        expect(page.get_by_text(GONE)).to_be_visible()
    with serving(tmp_path / "two", "--port", str(server.port)):
        answered(page)


def test_a_page_that_only_lies_open_notices_too(visitor: Visitor, tmp_path: Path) -> None:
    with serving(tmp_path / "one") as server:
        page = visitor.open(server)
        visitor.expect(*NETWORK)
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    expect(page.get_by_text(GONE)).to_be_visible()
    again = page.get_by_role("button", name="Try now")
    expect(again).to_be_visible()
    with serving(tmp_path / "two", "--port", str(server.port)):
        with suppress(Error):  # it looks by itself as well, and may have been first
            again.click(timeout=2000)
        expect(page.get_by_text(GONE)).to_be_hidden()


def test_a_full_server_is_waited_for(visitor: Visitor, start: Start) -> None:
    server = start("--workers", "1", "--queue", "1")
    page = visitor.open(server)
    visitor.expect("503")
    ids = [server.upload(long_song(3.5), timeline="1").json["id"]]
    while server.get(f"/classifications/{ids[0]}").json["status"] != "running":
        pass
    ids.append(server.upload(long_song(3.5), timeline="1").json["id"])
    choose(page, ("mine.wav", wav(music(4.0))))
    expect(page.get_by_text("The server is busy.")).to_be_visible()
    for id_ in ids:
        server.ask("DELETE", f"/api/v1/classifications/{id_}")
    answered(page)
    expect(page.get_by_text("The server is busy.")).to_be_hidden()


def test_a_token_is_asked_for_and_kept_for_the_session(visitor: Visitor, start: Start) -> None:
    server = start(GENREWISE_TOKEN="open-sesame-and-more")
    page = visitor.open(server)
    visitor.expect("401")
    dialog = page.get_by_role("dialog", name="This server asks for a token")
    expect(dialog).to_be_visible()
    page.get_by_label("Token", exact=True).fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(dialog).to_be_visible()
    page.get_by_label("Token", exact=True).fill("open-sesame-and-more")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Worn groove").click()
    answered(page)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    page.reload()
    answered(page)
    expect(dialog).to_be_hidden()


def test_a_token_in_the_address_is_taken_and_leaves_it(visitor: Visitor, start: Start) -> None:
    server = start(GENREWISE_TOKEN="open-sesame-and-more")
    page = visitor.open(server, "/?token=open-sesame-and-more")
    expect(page.get_by_role("button", name="Worn groove")).to_be_visible()
    assert "token" not in page.url


def test_an_address_can_be_pasted_only_where_the_server_allows_it(
    page: Any, visitor: Visitor, start: Start
) -> None:
    expect(page.get_by_role("button", name="Worn groove")).to_be_visible()
    assert page.get_by_role("button", name="Paste an address").count() == 0
    other = visitor.open(start("--allow-urls"))
    other.get_by_role("button", name="Paste an address").click()
    other.get_by_label("Address of an audio file").fill("http://127.0.0.1/song.mp3")
    other.get_by_label("Address of an audio file").press("Enter")
    visitor.expect("40", "42")
    said = other.locator("main [role=status]")
    expect(said).to_contain_text(re.compile("public|private|address", re.IGNORECASE))


def test_a_file_that_is_too_large_is_not_sent(visitor: Visitor, start: Start) -> None:
    server = start("--max-size", "100k")
    page = visitor.open(server)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, ("big.wav", wav(music(10.0))))
    expect(page.get_by_text("the server takes up to 102 kB")).to_be_visible()
    assert "POST" not in sent


def test_what_the_browser_keeps_is_only_answers(page: Any) -> None:
    page.get_by_role("button", name="Low string").click()
    answered(page)
    page.wait_for_selector(".spectrogram canvas")
    held = page.evaluate("JSON.stringify({...sessionStorage})")
    assert {key.split(".")[1] for key in json.loads(held)} == {"results", "picture"}
    assert page.evaluate("Object.keys(localStorage)") == []
    assert page.context.cookies() == []
