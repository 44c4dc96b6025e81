"""The rooms behind the page: a library that is reviewed, a folder that is labelled by ear."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.web.conftest import MODEL, SR, Server, music, serving, wav
from tests.web.page.conftest import Visitor, answered, choose

LONG = "A rather long name of a song that somebody wrote down with everything in it – live.wav"


def genrewise(*args: str) -> str:
    command = [sys.executable, "-m", "genrewise", *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a library of six songs of which nobody is sure."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "Misc").mkdir()
    for i in range(5):
        (folder / "Misc" / f"song {i}.wav").write_bytes(wav(music(4.0, seed=i)))
    (folder / "Misc" / LONG).write_bytes(wav(music(4.0, seed=5)))
    db = folder / "library.sqlite3"
    genrewise("tag", str(folder), "--db", str(db), "--model", MODEL, "--min-confidence", "1")
    with serving(folder / "s", "--db", str(db)) as running:
        yield running


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with eight songs to label: tones and noises."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "songs").mkdir()
    t = np.arange(4 * SR) / SR
    for i in range(4):
        tone = 0.3 * np.sin(2 * np.pi * 60 * (i + 4) * t)
        noise = 0.1 * np.random.default_rng(i).standard_normal(len(t))
        (folder / "songs" / f"tone {i}.wav").write_bytes(wav(tone.astype(np.float32)))
        (folder / "songs" / f"noise {i}.wav").write_bytes(wav(noise.astype(np.float32)))
    with serving(folder / "s", "--label", str(folder / "songs")) as running:
        yield running


def test_a_library_is_reviewed_by_keys(visitor: Visitor, shelf: Server) -> None:
    waiting = shelf.get("/library/review").json
    page = visitor.open(shelf, "/")
    page.get_by_role("link", name="Review").click()
    first, second, third = waiting["items"][:3]
    item = page.get_by_role("region", name="The file that is due")
    expect(item.get_by_role("heading")).to_have_text(first["name"])
    expect(item).to_contain_text("Misc")
    expect(item.get_by_role("button", name="Play")).to_be_enabled()
    if first["proposed"]:
        expect(item.get_by_role("button", name="Accept")).to_contain_text(first["proposed"][0])
    page.keyboard.press("s")
    expect(item.get_by_role("heading")).to_have_text(second["name"])
    page.keyboard.press("c")
    page.keyboard.type("hiph")
    page.keyboard.press("Enter")
    expect(item.get_by_role("heading")).to_have_text(third["name"])
    page.keyboard.press("c")
    page.keyboard.type("Zydeco")
    expect(page.get_by_role("button", name="“Zydeco”, a new one")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{waiting['left'] - 3} to go, 3 answered")).to_be_visible()
    for expected in (third, second, first):
        page.keyboard.press("u")
        expect(item.get_by_role("heading")).to_have_text(expected["name"])
    expect(page.get_by_text(f"{waiting['left']} to go, 0 answered")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_the_end_of_the_queue_is_said(visitor: Visitor, shelf: Server) -> None:
    left = shelf.get("/library/review").json["left"]
    page = visitor.open(shelf, "/review")
    for i in range(left):
        expect(page.get_by_text(f"{left - i} to go")).to_be_visible()
        page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Nothing left to review.")).to_be_visible()
    for i in range(left):
        page.keyboard.press("u")
        expect(page.get_by_text(f"{i + 1} to go")).to_be_visible()


def test_songs_that_sound_alike_are_heard(visitor: Visitor, shelf: Server) -> None:
    page = visitor.open(shelf)
    choose(page, ("mine.wav", wav(music(4.0, seed=40))))
    answered(page)
    alike = page.get_by_role("region", name="In your library")
    song = alike.get_by_role("listitem").first
    expect(song).to_contain_text("%")
    song.get_by_role("button").first.click()
    expect(song.get_by_role("button", name="Pause")).to_be_visible()
    expect(song.get_by_role("slider", name="Position")).to_be_visible()


def test_a_server_without_rooms_shows_no_doors(page: Any, visitor: Visitor, server: Server) -> None:
    expect(page.get_by_role("link", name="Models")).to_be_visible()
    assert page.get_by_role("link", name="Review").count() == 0
    assert page.get_by_role("link", name="Label").count() == 0
    other = visitor.open(server, "/review")
    visitor.expect("404")
    expect(other.get_by_role("alert")).to_have_text("This server shows no library.")


@pytest.mark.slow
def test_from_songs_to_a_model_that_answers(visitor: Visitor, studio: Server) -> None:
    page = visitor.open(studio, "/label")
    expect(page.get_by_role("heading", name="Cut the songs of “songs” into clips")).to_be_visible()
    page.get_by_label("Seconds a clip").fill("2")
    page.get_by_role("button", name="Cut").click()
    clip = page.get_by_role("region", name="The clip that is due")
    expect(clip.get_by_role("button", name="Pause")).to_be_visible()
    names = [clip["name"] for clip in studio.get("/labelling/clips").json["clips"]]
    assert len(names) == 16
    page.keyboard.press("n")
    page.keyboard.type("Hiss")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 16 clips labelled")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_text("1 of 16 clips labelled, 1 skipped")).to_be_visible()
    page.keyboard.press("u")
    page.keyboard.press("1")
    for i, name in enumerate(names[2:], 2):
        expect(page.get_by_text(f"{i} of 16 clips labelled")).to_be_visible()
        expect(clip.get_by_role("heading")).to_have_text(name)
        if name == "tone 0" and names[i - 1] != name:
            page.keyboard.press("n")
            page.keyboard.type("Hum")
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("1" if name.startswith("noise") else "2")
    expect(page.get_by_role("heading", name="Every clip has an answer.")).to_be_visible()
    page.get_by_role("button", name="Make the folder").click()
    expect(page.get_by_text("“songs-labelled/training” holds 16 clips.")).to_be_visible()
    made = studio.folder.parent.parent / "songs-labelled" / "training" / "manifest.csv"
    rows = list(csv.DictReader(made.read_text("utf-8").splitlines()))
    assert {(row["label"], row["group"][:4]) for row in rows} == {("Hiss", "nois"), ("Hum", "tone")}
    page.get_by_role("button", name="Train a model").click()
    done = page.get_by_role("status").filter(has_text="100")
    expect(done).to_contain_text("of 2 songs", timeout=280_000)
    expect(page.get_by_label("What the training says")).to_contain_text("16 clips of 8 tracks")
    page.get_by_role("link", name=re.compile("The model is called songs")).click()
    expect(page.get_by_role("heading", name="songs", level=1)).to_be_visible()
    page.goto(f"{studio.url}#/")
    choose(page, ("new.wav", wav(0.1 * np.random.default_rng(9).standard_normal(5 * SR))))
    answered(page)
    page.get_by_role("combobox", name="Model to compare with").select_option("songs")
    expect(page.locator(".side")).to_have_count(2)
    expect(page.locator(".side").last.locator("li").first).to_contain_text("Hiss")


def test_labels_are_still_there_after_a_new_start(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "a.wav").write_bytes(wav(music(6.0)))
    for start in range(2):
        with serving(tmp_path / f"s{start}", "--label", str(tmp_path / "songs")) as server:
            page = visitor.open(server, "/label")
            if start == 0:
                page.get_by_label("Seconds a clip").fill("2")
                page.get_by_role("button", name="Cut").click()
                page.get_by_role("button", name="New label").click()
                page.keyboard.type("Chords")
                page.keyboard.press("Enter")
            expect(page.get_by_text("1 of 3 clips labelled")).to_be_visible()
            expect(page.get_by_role("button", name="Chords")).to_be_visible()
            page.context.close()
