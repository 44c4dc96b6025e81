"""Windows, clips and tracks: what votes together, what counts and what is written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrewise.training.datasets import Dataset, Item
from genrewise.training.levels import levels, sections
from genrewise.training.metrics import level_scores
from genrewise.training.problem import Problem
from genrewise.training.splits import Split
from genrewise.training.store import Table
from genrewise.training.unknown import UnknownRule
from genrewise.votes import vote

LABELS = ("a", "b", "c")

#: Two tracks, of which one carries two labels; clips of one or two windows.
ITEMS = (
    Item("1.wav", "a", "g1", "t1"),
    Item("2.wav", "a", "g1", "t1"),
    Item("3.wav", "b", "g1", "t1"),
    Item("4.wav", "b", "g2", "t2"),
    Item("5.wav", "c", "g3", "t3"),
)
OF = np.array([0, 0, 1, 2, 2, 3, 4])


@pytest.fixture
def problem() -> Problem:
    dataset = Dataset("some", "", ITEMS, LABELS)
    start = np.array([0.0, 5.0, 0.0, 0.0, 5.0, 0.0, 0.0])
    heard = np.array([True, False, True, True, True, True, True])
    table = Table({}, OF, start, start + 10, heard)
    split = Split((0, 1, 2, 3), (), (), "", 0)
    y, groups = dataset.targets(), np.array([0, 0, 0, 1, 2])
    return Problem(dataset, table, split, y, groups, (0, 1, 2, 3), ())


WINDOWS = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.0, 1.0, 0.0],
        [0.6, 0.3, 0.1],
        [0.5, 0.4, 0.1],
        [0.1, 0.8, 0.1],
        [0.2, 0.5, 0.3],
    ]
)
CLIPS = np.array([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0.6, 0.3, 0.1]])


def scored(problem: Problem, rule: UnknownRule, distance: Any = (1.0, 3.0, 1.0, 1.0)) -> Any:
    rows = np.arange(6)
    return levels(problem, rows, WINDOWS, CLIPS, np.array(distance), rule, "test")


def rule(confidence: float = 0.0, distance: float = 0.0) -> UnknownRule:
    return UnknownRule(confidence, distance, 1.0, 1.0, True, ())


def test_sections_vote_by_the_mean_in_order_of_appearance() -> None:
    keys = [("t", "b"), ("s", "a"), ("t", "b"), ("t", "a")]
    p = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.9, 0.1]])
    names, votes, first = sections(keys, p)
    assert names == [("t", "b"), ("s", "a"), ("t", "a")]
    np.testing.assert_allclose(votes, [[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    assert first.tolist() == [0, 1, 3]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.randoms())
def test_every_clip_votes_once(numbers: list[int], rng: Any) -> None:
    p = np.array([[v := rng.random(), 1 - v] for _ in numbers])
    keys = [(str(n), "x") for n in numbers]
    names, votes, first = sections(keys, p)
    assert names == list(dict.fromkeys(keys))
    for name, own, position in zip(names, votes, first, strict=True):
        np.testing.assert_allclose(own, vote(p[[k == name for k in keys]]))
        assert keys.index(name) == position


def test_each_level_counts_its_own(problem: Problem) -> None:
    scores, _ = scored(problem, rule())
    assert [scores[level]["n"] for level in ("window", "clip", "track")] == [5, 4, 3]
    # The silent window of the first clip is in no figure.
    assert scores["window"]["accuracy"] == pytest.approx(4 / 5)
    assert scores["clip"]["accuracy"] == pytest.approx(2 / 4)
    # t1 as a: mean of the first two clips; t1 as b; t2 as b.
    assert scores["track"]["accuracy"] == pytest.approx(2 / 3)
    assert scores["track"]["groups"] == 2
    assert scores["clip"]["absent"] == ["c"]


def test_figures_are_those_of_level_scores(problem: Problem) -> None:
    scores, _ = scored(problem, rule(0.55))
    answered = CLIPS.max(axis=1) >= 0.55
    again = level_scores([0, 0, 1, 1], CLIPS, LABELS, [0, 0, 0, 1], answered=answered)
    assert scores["clip"] == again
    assert scores["clip"]["answered"] == 0.75


@pytest.mark.parametrize(
    ("confidence", "distance", "clips", "tracks"),
    [(0.0, 0.0, 1.0, 1.0), (0.7, 0.0, 0.25, 0.0), (0.0, 2.0, 0.75, 1.0), (0.99, 0.0, 0.0, 0.0)],
)
def test_unknown_is_by_confidence_and_by_distance(
    problem: Problem, confidence: float, distance: float, clips: float, tracks: float
) -> None:
    scores, _ = scored(problem, rule(confidence, distance))
    assert scores["clip"]["answered"] == clips
    # A section is as near as its nearest clip.
    assert scores["track"]["answered"] == pytest.approx(tracks)
    assert scores["window"]["answered"] == 1.0


def test_every_window_clip_and_section_is_written_down(problem: Problem) -> None:
    _, rows = scored(problem, rule())
    assert [row["level"] for row in rows] == ["window"] * 6 + ["clip"] * 4 + ["track"] * 3
    first = rows[0]
    assert first == {
        "path": "1.wav",
        "track": "t1",
        "group": "g1",
        "start": 0.0,
        "stop": 10.0,
        "part": "test",
        "level": "window",
        "truth": "a",
        "answer": "a",
        "confidence": 0.8,
        "runner_up": "b",
        "p_a": 0.8,
        "p_b": 0.1,
        "p_c": 0.1,
    }
    tracks = [(row["track"], row["truth"], row["answer"]) for row in rows[-3:]]
    assert tracks == [("t1", "a", "a"), ("t1", "b", "b"), ("t2", "b", "a")]
    assert all("start" not in row for row in rows[6:])
    assert rows[-3]["p_a"] == pytest.approx(0.6)
