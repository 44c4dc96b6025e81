"""Rows of the tables that hold the models against each other; see :mod:`figures`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

#: Music that was not learnt from, by the name of an evaluation, and how it is called.
ELSEWHERE = {"free-music": "free music of games, by track", "loops": "loops of 1992, by clip"}

#: The surest that can be answered with one in twenty wrong.
SUREST = "answered_at_5_percent_wrong"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _row(model: str, music: str, scores: dict[str, Any], surest: float) -> list[str]:
    """One model on one kind of music."""
    low, high = scores["interval"]
    right = f"{scores['accuracy']:.3f} ({low:.3f}–{high:.3f})"
    return [f"`{model}`", music, str(scores["n"]), right, f"{scores['ece']:.3f}", f"{surest:.0%}"]


def quality_rows(root: Path, models: Iterable[str]) -> Iterator[list[str]]:
    """Every model on the test part, out of fold over all it ships with, and elsewhere."""
    for name in models:
        found = _read(root / "results" / name / "honest" / "report.json")
        whole, data = found["whole"], found["data"]["name"]
        level = "by section" if name.startswith("hard-techno") else "by track"
        tested = whole[f"test_{SUREST}"]
        yield _row(name, f"{data}, test part, {level}", found["test"]["track"], tested)
        track = whole["track"]
        yield _row(name, f"{data}, all out of fold, {level}", track, track[SUREST])
        for key, music in ELSEWHERE.items():
            path = root / "results" / "evaluate" / f"{name}-{key}.json"
            if path.is_file():
                track = _read(path)["track"]
                yield _row(name, music, track, track[SUREST])


def cost_rows(root: Path, models: Iterable[str]) -> Iterator[list[str]]:
    """What a model answers that it cannot know, what a song costs, what lies on the disk."""
    warm = _read(root / "benchmarks" / "results" / "warm.json")["values"]["models"]
    for name in models:
        path = root / "results" / "evaluate" / f"{name}-free-music.json"
        outside = _read(path)["strangers"] if path.is_file() else None
        shown = "–" if outside is None else f"{outside['answered']:.0%}, n {outside['n']}"
        yield [f"`{name}`", shown, f"{warm[name]['ms']:.0f}", f"{warm[name]['mb']:.1f}"]
