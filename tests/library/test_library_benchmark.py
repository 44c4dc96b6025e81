"""The benchmark of a whole library: its files are what they are said to be, its figures hold."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from genrewise.audio import load
from genrewise.errors import GenrewiseError
from genrewise.library.database import open_database
from genrewise.library.genre_field import read_tags

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / "benchmarks" / "results" / "library.json"


@pytest.fixture(params=["library_files"])
def benchmark(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield __import__(request.param)
    for name in ("library", "library_files", "common"):
        sys.modules.pop(name, None)


def test_the_plan_is_the_same_each_time(benchmark: ModuleType, tmp_path: Path) -> None:
    made = benchmark.plans(tmp_path, 3000, [Path("/a.opus"), Path("/b.opus")])
    assert made == benchmark.plans(tmp_path, 3000, [Path("/a.opus"), Path("/b.opus")])
    assert len({plan.path for plan in made}) == 3000
    damages = Counter(plan.damage for plan in made if plan.damage)
    assert set(damages) == set(benchmark.DAMAGES)
    assert 0.01 < damages.total() / 3000 < 0.03
    assert 0.015 < sum(bool(plan.copies) for plan in made) / 3000 < 0.035
    kinds = Counter(plan.kind for plan in made)
    assert max(kinds.values()) < 1.3 * min(kinds.values())
    whole = {plan.path: plan for plan in made if not plan.damage and not plan.copies}
    for plan in made:
        if plan.copies:
            first = whole[plan.copies]
            assert (first.kind, first.source) == (plan.kind, plan.source)


def test_every_kind_is_a_file_of_its_kind(benchmark: ModuleType, tmp_path: Path) -> None:
    containers = set()
    for plan in benchmark.plans(tmp_path, len(benchmark.KINDS), []):
        whole = benchmark.Plan(plan.path, "", plan.kind, plan.seed)
        seconds = benchmark.make(whole)
        audio = load(plan.path)
        assert len(audio.y) / audio.sr == pytest.approx(seconds, abs=0.1), plan
        tags = read_tags(Path(plan.path))
        containers.add(tags.container)
        how = benchmark.KINDS[plan.kind][4]
        assert bool(tags.title) == (how != "none" and bool(benchmark.fields(whole))), plan
    assert containers == {
        "MP3", "FLAC", "Ogg", "MP4", "ASF", "WAV", "AIFF", "WavPack", "True Audio",
    }  # fmt: skip


def test_damage_is_damage(benchmark: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "Album 1" / "0 Sång 3.flac"
    for damage in benchmark.DAMAGES:
        benchmark.make(benchmark.Plan(str(path), "", 3, 3, damage))
        try:
            audio = load(path)
        except GenrewiseError:
            continue
        assert audio.partial, damage


@pytest.mark.parametrize("benchmark", ["library"], indirect=True)
def test_the_reader_is_another_program(benchmark: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    with benchmark.Reader(path) as reader:
        time.sleep(3 * benchmark.PAUSE)
        assert reader.seconds == []  # there is none yet
        with closing(open_database(path)) as db:
            db.execute("BEGIN IMMEDIATE")  # somebody writes: readers do not wait
            end = time.monotonic() + 30
            while len(reader.seconds) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            db.rollback()
    assert len(reader.seconds) >= 3
    assert reader.refused == 0
    found = benchmark.quantiles(reader.seconds)
    assert 0 < found["median"] <= found["p99"] <= found["longest"] < 30
    assert benchmark.quantiles([]) == {"n": 0, "median": 0.0, "p99": 0.0, "longest": 0.0}


@pytest.mark.parametrize("benchmark", ["library"], indirect=True)
def test_renaming_keeps_what_is_in_the_files(benchmark: ModuleType, tmp_path: Path) -> None:
    for i in range(10):
        folder = tmp_path / "Music" / "Artist" / f"Album {i}"
        folder.mkdir(parents=True)
        (folder / "a.mp3").write_text(str(i))
    before = benchmark.digests(tmp_path)
    assert benchmark.rename(tmp_path / "Music") == 2
    after = benchmark.digests(tmp_path)
    assert sorted(after.values()) == sorted(before.values())
    assert len(set(after) - set(before)) == 2
    assert hashlib.sha256(b"7").hexdigest() in after.values()


def test_the_figures_that_are_kept_hold_the_promise() -> None:
    values = json.loads(KEPT.read_text("utf-8"))["values"]
    assert values["heard_again"] is False
    assert values["restored"] is True
    assert values["read_seconds"]["refused"] == 0
    assert values["damaged"] > 0
    assert values["again"]["seconds"] <= 10
    assert values["again"]["cpu"] < values["first"]["cpu"] / 10
    assert values["read_seconds"]["listening"]["median"] < 0.05
    if values["files"] >= 10_000:
        assert values["first"]["together"] <= 1.15 * values["few"]["together"]
