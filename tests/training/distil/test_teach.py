"""A student learns what follows from the music, and the same twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genrewise.training.distil.lessons import Lessons
from genrewise.training.distil.student import POOLED, Student
from genrewise.training.distil.teach import Plan, changed, goals_of, teach

PLAN = Plan(epochs=6, batch_size=16, held_out=0.1)


def test_goals_are_standardised(lessons: Lessons) -> None:
    goals = goals_of(lessons)
    for values in (goals.tags, goals.penultimate):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-3)
    assert goals.summary.shape == (240, 128)
    assert goals.summary.std() == pytest.approx(1, abs=1e-3)
    spread = goals.summary.std(axis=0)
    assert (np.diff(spread) < 1e-3).all()  # the main component first
    mean, deviation = goals.tag_scale
    p = 1 / (1 + np.exp(-(goals.tags * deviation + mean)))
    np.testing.assert_allclose(p, lessons.answers[:, :50], atol=2e-3)


def test_the_main_components_hold_what_varies(lessons: Lessons) -> None:
    """96 means make 1,506 values: 128 components hold them all."""
    goals = goals_of(lessons)
    pooled = lessons.answers[:, 250:].astype(np.float64)
    pooled = (pooled - pooled.mean(axis=0)) / pooled.std(axis=0)
    solved = np.linalg.lstsq(goals.summary.astype(np.float64), pooled, rcond=None)[0]
    left = pooled - goals.summary @ solved
    assert (left**2).mean() < 0.01


def test_changed_patches_keep_their_level(lessons: Lessons) -> None:
    x = torch.from_numpy(lessons.patches[:64].astype(np.float32))
    y = changed(x, torch.Generator().manual_seed(3))
    power = [(torch.pow(10.0, patch) - 1).mean(dim=(1, 2)) for patch in (x, y)]
    torch.testing.assert_close(power[0], power[1], rtol=1e-3, atol=1e-3)
    assert (y >= 0).all()
    again = changed(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(y, again)
    other = changed(x, torch.Generator().manual_seed(4))
    assert (other - y).abs().mean() > 0.05
    highs = (y[:, :, -1] == 0).all(dim=1).float().mean()
    assert 0.1 < highs < 0.7  # a share of them lost the highest band


def test_the_shapes_of_a_student() -> None:
    student = Student().eval()
    x = torch.rand(3, 187, 96)
    tags, penultimate, summary = student(x)
    assert (tags.shape, penultimate.shape, summary.shape) == ((3, 50), (3, 200), (3, 128))
    assert student.pool(x).shape == (3, POOLED)
    assert sum(p.numel() for p in student.parameters()) < 2.5e6


def test_a_student_learns_and_does_so_twice(lessons: Lessons) -> None:
    goals = goals_of(lessons)
    seen: list[int] = []
    student, history = teach(lessons, goals, PLAN, lambda n, _: seen.append(n))
    assert seen == [0, 1, 2, 3, 4, 5]
    assert history[-1].loss < 0.5 * history[0].loss
    assert min(history[-1].tags, history[-1].penultimate, history[-1].summary) > 0.5
    again, _ = teach(lessons, goals, PLAN)
    for a, b in zip(student.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not student.training
