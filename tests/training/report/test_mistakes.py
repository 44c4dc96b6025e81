"""The worst mistakes, the seconds that decided, and excerpts of them."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
import soundfile

from genrewise.errors import AudioError
from genrewise.training.datasets import Dataset, Item
from genrewise.training.report import listen
from genrewise.training.report.html import Extras, write_report
from genrewise.training.report.mistakes import deciding, with_excerpts, worst
from genrewise.training.report.pieces import clock

SR = 22050


def test_mistakes_are_the_surest_first_with_their_seconds(run, html, parsed):
    report, predictions = run
    found = worst(predictions, "test", "track")
    assert 0 < len(found) <= 15
    confidences = [row["confidence"] for row in found]
    assert confidences == sorted(confidences, reverse=True)
    wrong = [
        row["confidence"]
        for row in predictions
        if row["part"] == "test" and row["level"] == "track" and row["truth"] != row["answer"]
    ]
    assert confidences[0] == max(wrong)
    first = found[0]
    windows = [
        row
        for row in predictions
        if (row["part"], row["level"], row["path"]) == ("test", "window", first["path"])
    ]
    loudest = max(windows, key=lambda w: w[f"p_{first['answer']}"])
    assert first["seconds"][0] == (loudest["start"], loudest["stop"])
    assert len(first["seconds"]) == 2
    a, b = first["seconds"][0]
    assert f"{clock(a)}–{clock(b)}" in parsed(html).said()
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
    first, second = worst(predictions, "test", "track")
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


def test_a_picture_has_no_seconds():
    """Nobody knows where in the music it was taken."""
    windows = [{"start": 0.0, "stop": math.nan, "p_a": p} for p in (0.9, 0.4)]
    assert deciding(windows, "a") == []
    assert deciding([*windows, {"start": 1.0, "stop": 3.0, "p_a": 0.1}], "a") == [(1.0, 3.0)]


@pytest.fixture
def ladder(tmp_path):
    """20 s whose pitch rises by 100 Hz a second, from 200 Hz."""
    t = np.arange(20 * SR) / SR
    phase = 2 * np.pi * np.cumsum(200 + 100 * np.floor(t)) / SR
    path = tmp_path / "ladder.wav"
    soundfile.write(path, 0.5 * np.sin(phase), SR)
    return str(path)


def decoded(data):
    y, sr = soundfile.read(io.BytesIO(data), dtype="float32")
    assert (sr, y.ndim) == (listen.SR, 1)
    return y


def pitches(y):
    """The strongest frequency of each whole second, in Hz."""
    n = len(y) // listen.SR
    spectra = np.abs(np.fft.rfft(y[: n * listen.SR].reshape(n, -1) * np.hanning(listen.SR)))
    return spectra.argmax(axis=1)


def test_an_excerpt_is_the_seconds_asked_for(ladder):
    y = decoded(listen.excerpt(ladder, 6.0, 11.0))
    assert len(y) == 5 * listen.SR
    assert pitches(y) == pytest.approx([800, 900, 1000, 1100, 1200], abs=3)


def test_a_long_window_gives_its_middle_and_a_short_one_is_widened(ladder):
    for start, stop in ((0.0, 17.0), (8.0, 9.0)):
        assert pitches(decoded(listen.excerpt(ladder, start, stop))) == pytest.approx(
            [800, 900, 1000, 1100, 1200], abs=3
        )
    first = decoded(listen.excerpt(ladder, 0.0, 2.0))
    assert pitches(first)[0] == pytest.approx(200, abs=3)


def test_an_excerpt_is_small_mono_faded_and_always_the_same(ladder):
    data = listen.excerpt(ladder, 6.0, 11.0)
    assert len(data) < 30_000
    assert data == listen.excerpt(ladder, 6.0, 11.0)
    y = decoded(data)
    edge = listen.SR // 500
    assert np.abs(y[:edge]).max() < 0.1
    assert np.abs(y[listen.SR : 2 * listen.SR]).max() > 0.4
    assert np.abs(y[-edge:]).max() < 0.1


def test_a_file_shorter_than_an_excerpt_is_heard_whole(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.full(SR // 2, 0.25), SR)
    y = decoded(listen.excerpt(str(tmp_path / "short.wav"), 0.0, 0.5))
    assert len(y) / listen.SR == pytest.approx(0.5, abs=0.1)


def test_a_file_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav"):
        listen.excerpt(str(tmp_path / "gone.wav"), 0.0, 5.0)


def dataset(items, kind="audio"):
    return Dataset("d", "/music", tuple(items), ("a",), kind=kind)


def test_sources_name_the_file_and_where_a_clip_begins():
    items = [
        Item("a/1.wav", "a", "g", "t1"),
        Item("a/2.wav", "a", "g", "t2", start=30.0, duration=10.0),
        Item("http://host/3.mp3", "a", "g", "t3"),
    ]
    assert listen.sources(dataset(items)) == {
        "a/1.wav": ("/music/a/1.wav", 0.0),
        "a/2.wav": ("/music/a/2.wav", 30.0),
        "http://host/3.mp3": ("http://host/3.mp3", 0.0),
    }


def test_a_path_with_clips_at_several_places_and_pictures_are_not_heard():
    parts = [Item("a.wav", "a", "g", "t", start=s) for s in (0.0, 8.0)]
    same = [Item("b.wav", "a", "g", "u")] * 2
    assert listen.sources(dataset([*parts, *same])) == {"b.wav": ("/music/b.wav", 0.0)}
    assert listen.sources(dataset([Item("b.png", "a", "g", "u")], "pictures")) == {}


def wrong(path, seconds=((1.0, 3.0),)):
    row = {"path": path, "track": path, "truth": "a", "answer": "b", "confidence": 0.9}
    return {**row, "seconds": list(seconds)}


def test_excerpts_begin_where_the_clip_does(ladder):
    (row,) = with_excerpts([wrong("x")], {"x": (ladder, 7.0)})
    data = base64.b64decode(row["excerpt"].removeprefix("data:audio/mpeg;base64,"))
    assert data == listen.excerpt(ladder, 8.0, 10.0)


def test_at_most_so_many_are_heard_and_failures_say_why(ladder, tmp_path):
    gone = str(tmp_path / "gone.wav")
    rows = [wrong("gone"), wrong("nowhere"), wrong("x", ()), wrong("x"), wrong("x"), wrong("x")]
    found = with_excerpts(rows, {"x": (ladder, 0.0), "gone": (gone, 0.0)}, most=2)
    assert ["excerpt" in row for row in found] == [False, False, False, True, True, False]
    assert found[0]["silent"] == "no such file; expected an audio file"
    assert all("silent" not in row for row in found[1:])


def test_the_page_plays_excerpts_only_where_it_is_asked_to(run, ladder, html, parsed, tmp_path):
    assert "<audio" not in html
    report, predictions = run
    listen_to = {row["path"]: (ladder, 0.0) for row in predictions}
    page = write_report(tmp_path, report, predictions, Extras(listen=listen_to))
    tags = parsed(page.read_text(encoding="utf-8"))
    players = [attributes for tag, attributes in tags.seen if tag == "audio"]
    n = min(10, len(worst(predictions, "test", "track")))
    assert len(players) == n > 0
    assert all(p["src"].startswith("data:audio/mpeg;base64,") for p in players)
    assert all(p["preload"] == "metadata" for p in players)
    assert re.search("excerpts are part of this page", tags.said())
    for other in ("report.md", "table.tex"):
        assert "audio" not in (tmp_path / other).read_text(encoding="utf-8")
