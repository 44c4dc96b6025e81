"""From lessons to a file and its figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.training.distil import make as making
from genrewise.training.distil.leave import answers
from genrewise.training.distil.lessons import Excerpt, Lessons
from genrewise.training.distil.make import excerpts_of, make
from genrewise.training.distil.teach import Epoch, Plan

PLAN = Plan(epochs=1, batch_size=64)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, teacher: Path) -> Path:
    monkeypatch.setattr(making, "_SEEN", 128)
    monkeypatch.setattr(making, "_COMPARED", 64)
    monkeypatch.setattr(making, "_TIMES", 3)
    return teacher


@pytest.mark.parametrize("parity", [0.5, 1.1])
def test_whole_numbers_where_they_cost_nothing(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch, parity: float
) -> None:
    monkeypatch.setattr(making, "PARITY", parity)
    seen: list[Epoch] = []
    made = make(lessons, PLAN, lambda _, epoch: seen.append(epoch))
    report = made.report
    assert report["int8"]["kept"] == (parity < 1)
    assert len(made.network) == report["bytes"]
    assert report["bytes"] == report["int8" if parity < 1 else "float32"]["bytes"]
    assert report["patches"] == 240
    assert report["excerpts"] == 60
    assert [epoch["loss"] for epoch in report["history"]] == [epoch.loss for epoch in seen]
    assert report["teacher"]["backbone"] == "musicnn-msd"
    assert min(report["milliseconds"], report["teacher_milliseconds"]) > 0
    found = answers(made.network, lessons.patches[:3].astype(np.float32))
    assert np.isfinite(found["pooled"]).all()


def test_what_a_folder_gives(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,label,split\na.wav,jazz,train\nb é.wav,,\nc.wav,rock,valid\nd.wav,rock,test\n,,\n",
        encoding="utf-8",
    )
    assert excerpts_of(tmp_path) == [
        Excerpt(str(tmp_path / "a.wav")),
        Excerpt(str(tmp_path / "b é.wav")),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "a table with a column path"), ("", "0 rows"), ("name\nx\n", "1 rows")],
)
def test_folders_that_give_nothing(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=words):
        excerpts_of(tmp_path)
