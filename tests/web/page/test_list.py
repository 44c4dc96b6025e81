"""Several files at once: a list with progress, cancelled and taken along as one likes."""

from __future__ import annotations

import csv
import io
import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import expect
from tests.web.conftest import Server, Start, long_song, music, wav
from tests.web.page.conftest import Visitor, choose


def rows(page: Any) -> Any:
    return page.locator("section[aria-labelledby=jobs-title] li")


def test_twenty_files_each_get_their_answer(page: Any, server: Server) -> None:
    files = [(f"{i:02d}.wav", wav(music(3.0, seed=i))) for i in range(19)]
    choose(page, *files, ("letter.mp3", b"Dear all,\n" * 300))
    expect(page.get_by_text("20 songs")).to_be_visible()
    assert rows(page).count() == 20
    names = page.locator(".name").all_inner_texts()
    assert names == [name for name, _ in files] + ["letter.mp3"]
    assert rows(page).last.get_by_text("expected").count() == 1
    with page.expect_download() as taken:
        page.get_by_role("button", name="All as CSV").click()
    table = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text("utf-8"))))
    assert [row["path"] for row in table] == [name for name, _ in files]
    for i in (0, 7, 18):
        found = server.classify(files[i][1], files[i][0], timeline="1", picture="1")
        assert table[i]["genre"] == (found["genre"] or "")
        assert float(table[i]["confidence"]) == found["confidence"]


def test_a_file_of_the_list_is_taken_off(page: Any) -> None:
    choose(page, ("a.wav", wav(music(3.0))), ("b.wav", wav(music(3.0, 1))))
    expect(page.get_by_text("2 songs")).to_be_visible()
    page.get_by_role("button", name="Remove a.wav").click()
    assert page.locator(".name").all_inner_texts() == ["b.wav"]
    page.reload()
    expect(page.get_by_role("link", name="b.wav")).to_be_visible()
    assert rows(page).count() == 1


def test_cancelling_ends_the_work_and_leaves_nothing(
    visitor: Visitor, start: Start, tmp_path: Path
) -> None:
    server = start("--workers", "1")
    page = visitor.open(server)
    files = [tmp_path / name for name in ("long.flac", "next.flac", "last.flac")]
    for path in files:
        path.write_bytes(long_song(3.5))
    choose(page, *files)
    heard = rows(page).filter(has_text="Listening")  # whichever arrived first
    expect(heard).to_have_count(1)
    heard.get_by_role("button").click()
    expect(rows(page).filter(has_text="Cancelled")).to_have_count(1)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.get_by_text("3 songs")).to_be_visible()
    for _ in range(100):
        if not server.left():
            break
        time.sleep(0.1)
    assert server.left() == []
    page.get_by_role("button", name="Try last.flac again").click()
    expect(rows(page).last.get_by_text("Listening")).to_be_visible()
    page.get_by_role("button", name="Cancel last.flac").click()
    expect(rows(page).last.get_by_text("Cancelled")).to_be_visible()


def test_one_file_is_followed_and_cancelled_on_its_own_page(visitor: Visitor, start: Start) -> None:
    server = start("--workers", "1")
    page = visitor.open(server)
    choose(page, ("long.flac", long_song(3.5)))
    expect(page.get_by_role("status").filter(has_text="Listening")).to_be_visible()
    bar = page.get_by_role("progressbar", name="Progress of long.flac")
    expect(bar).to_have_attribute("value", re.compile(r"0\.\d+"))
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Cancelled")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
