"""A song goes in; its genre, why, and what one can do with it come out."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect
from tests.web.conftest import Server, music, wav
from tests.web.page.conftest import SAMPLES, Visitor, answered, choose

#: Makes files of base64 in the page and lets them fall on it.
DROP = """([files]) => {
  const held = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    held.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
  }
}"""


def drop(page: Any, *files: Path) -> None:
    given = [[f.name, "audio/mpeg", base64.b64encode(f.read_bytes()).decode()] for f in files]
    page.evaluate(DROP, [given])


def sample(name: str) -> np.ndarray[Any, Any]:
    y, sr = soundfile.read(SAMPLES / name, dtype="float32", always_2d=True)
    assert sr in (22050, 44100, 48000)
    return y.mean(axis=1)


def as_mp3(path: Path, name: str) -> Path:
    sr = soundfile.info(SAMPLES / name).samplerate
    soundfile.write(path, sample(name), sr, format="MP3")
    return path


def as_m4a(path: Path, name: str) -> Path:
    sr = soundfile.info(SAMPLES / name).samplerate
    y = sample(name)
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=sr, layout="mono")
        for start in range(0, len(y) - 1023, 1024):
            frame = av.AudioFrame.from_ndarray(y[None, start : start + 1024], "fltp", "mono")
            frame.sample_rate = sr
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def bars(page: Any) -> dict[str, str]:
    rows = page.locator(".top .bars li").all()
    return {
        r.locator(".name").inner_text(): r.locator(".value").inner_text().replace("\xa0", " ")
        for r in rows
    }


@pytest.mark.parametrize("kind", ["mp3", "m4a"])
def test_a_dropped_file_shows_the_answer_of_the_interface(
    page: Any, server: Server, tmp_path: Path, kind: str
) -> None:
    name = "second-chorus.ogg"
    path = (as_mp3 if kind == "mp3" else as_m4a)(tmp_path / f"a song.{kind}", name)
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    drop(page, path)
    genre = answered(page)
    found = server.classify(path.read_bytes(), path.name, timeline="1")
    assert found["genre"] == "jazz"
    assert genre == "Jazz"
    ranked = sorted(found["probabilities"].items(), key=lambda pair: -pair[1])
    assert next(iter(bars(page).items())) == ("Jazz", f"{ranked[0][1]:.0%}".replace("%", " %"))
    assert len(bars(page)) == 5
    page.get_by_role("button", name="Show all 10").click()
    assert [label.lower().replace("-", "") for label in bars(page)] == [
        label for label, _ in ranked
    ]
    expect(page.get_by_text(path.name)).to_be_visible()
    page.wait_for_selector(".spectrogram canvas")
    assert server.left() == []


def test_the_seconds_that_decided_play_by_key_and_stop_at_their_end(page: Any) -> None:
    page.get_by_role("button", name="Second chorus").click()
    answered(page)
    button = page.get_by_role("button", name=re.compile("Decided"))
    start, stop = (60 * int(m) + int(s) for m, s in re.findall(r"(\d+):(\d+)", button.inner_text()))
    slider = page.get_by_role("slider", name="Position")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    page.locator("h1").click()
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert start <= int(slider.get_attribute("aria-valuenow")) <= start + 5
    box = slider.bounding_box()
    length = int(slider.get_attribute("aria-valuemax"))
    page.mouse.click(box["x"] + box["width"] * (stop - 1) / length, box["y"] + 20)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert abs(int(slider.get_attribute("aria-valuenow")) - stop) <= 1


def test_the_sound_is_wandered_through_by_keys(page: Any) -> None:
    page.get_by_role("button", name="Worn groove").click()
    answered(page)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    slider = page.get_by_role("slider", name="Position")
    slider.focus()
    for key, at in [
        ("ArrowRight", 5),
        ("ArrowRight", 10),
        ("ArrowLeft", 5),
        ("End", 26),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", str(at))
    expect(slider).to_have_attribute("aria-valuetext", "0:00 of 0:26")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_unknown_is_said_with_its_reason(page: Any) -> None:
    choose(page, ("nothing.wav", wav(np.zeros(22050 * 5, np.float32))))
    assert answered(page) == "Unknown"
    expect(page.get_by_text("There is nothing to hear in it.")).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Decided")).count() == 0


def test_a_file_that_is_no_audio_gets_one_sentence(page: Any) -> None:
    choose(page, ("letter.mp3", b"Dear all,\n" * 300))
    expect(page.get_by_role("status").filter(has_text="expected")).to_be_visible()
    assert page.locator("h1").inner_text() == "letter.mp3"
    page.get_by_role("link", name="Another song").click()
    expect(page.get_by_role("heading", name="Your songs")).to_be_visible()


def test_an_empty_file_is_not_sent(page: Any) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, ("empty.mp3", b""))
    expect(page.get_by_text("This file is empty.")).to_be_visible()
    assert "POST" not in sent


def test_a_damaged_file_says_how_much_was_lost(page: Any, tmp_path: Path) -> None:
    whole = as_mp3(tmp_path / "a.mp3", "low-string.ogg").read_bytes()
    choose(page, ("cut.mp3", whole[: len(whole) // 2]))
    answered(page)
    expect(page.get_by_text(re.compile(r"damaged: \d+ seconds could not be read"))).to_be_visible()


def test_json_and_csv_are_those_of_the_command_line(page: Any) -> None:
    page.get_by_role("button", name="Low string").click()
    answered(page)
    with page.expect_download() as taken:
        page.get_by_role("button", name="JSON").click()
    assert taken.value.suggested_filename == "Low string.json"
    record = json.loads(Path(taken.value.path()).read_text("utf-8"))
    assert record["genre"] == "metal"
    assert record["path"] == "low-string.ogg"
    assert record["timeline"][0]["start"] == 0
    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV").click()
    (row,) = csv.DictReader(io.StringIO(Path(taken.value.path()).read_text("utf-8")))
    assert list(row)[:7] == [
        *("path", "status", "genre", "confidence", "seconds", "elapsed", "model")
    ]
    assert float(row["p_1"]) == record["probabilities"]["metal"]
    assert row["label_1"] == "metal"


def test_the_link_keeps_the_result_for_the_session(page: Any, server: Server) -> None:
    choose(page, ("mine.wav", wav(music(6.0))))
    genre = answered(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    found = re.search(r"#/result/([\w-]+)$", link)
    assert found
    server.ask("DELETE", f"/api/v1/classifications/{found[1]}")
    page.goto(server.url)
    page.goto(link)
    page.reload()
    assert answered(page) == genre
    page.wait_for_selector(".spectrogram canvas")
    expect(page.get_by_text("the sound is not here any more")).to_be_visible()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    page.set_input_files(
        ".sheet input[type=file]",
        {"name": "mine.wav", "mimeType": "audio/wav", "buffer": wav(music(6.0))},
    )
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()


def test_a_link_works_elsewhere_while_the_server_remembers(
    page: Any, visitor: Visitor, server: Server
) -> None:
    page.get_by_role("button", name="Slow movement").click()
    genre = answered(page)
    route = page.url.partition("#")[2]
    assert answered(visitor.open(server, route)) == genre
    lost = visitor.open(server, "/result/nobody-knows")
    expect(lost.get_by_role("heading", name="This result is gone.")).to_be_visible()
    visitor.expect("404")


def test_two_models_side_by_side(page: Any) -> None:
    page.get_by_role("button", name="Second chorus").click()
    answered(page)
    choice = page.get_by_role("combobox", name="Model to compare with")
    others = [o.get_attribute("value") for o in choice.locator("option").all()][1:]
    assert "small-gtzan-v1" not in others
    if not others:
        pytest.skip("no second model is available here")
    choice.select_option(others[-1])
    expect(page.locator(".side")).to_have_count(2)
    assert page.locator(".side h3").all_inner_texts() == ["small-gtzan-v1", others[-1]]


def test_long_names_break_nothing(page: Any) -> None:
    name = "Ein sehr langer Name " + "mit vielen Wörtern " * 6 + "— 長い曲名 🎷.mp3"
    choose(page, (name, wav(music(5.0))))
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    page.get_by_role("link", name="All songs").click()
    expect(page.get_by_title(name)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
