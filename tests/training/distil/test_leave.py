"""The file answers as the student does, in whole numbers nearly so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genrewise.training.distil.leave import LAYERS, agreement, answers, to_int8, to_onnx
from genrewise.training.distil.lessons import Lessons
from genrewise.training.distil.student import POOLED
from genrewise.training.distil.teach import Goals, Plan, goals_of, teach


@pytest.fixture(scope="module")
def taught(lessons: Lessons) -> tuple[Lessons, Goals, torch.nn.Module]:
    goals = goals_of(lessons)
    return lessons, goals, teach(lessons, goals, Plan(epochs=1, batch_size=64))[0]


def test_the_file_answers_as_the_student(taught: tuple[Lessons, Goals, torch.nn.Module]) -> None:
    lessons, goals, student = taught
    x = lessons.patches[:20].astype(np.float32)
    found = answers(to_onnx(student, goals), x)
    assert {name: y.shape for name, y in found.items()} == {
        "tags": (20, 50),
        "penultimate": (20, 200),
        "pooled": (20, POOLED),
    }
    with torch.inference_mode():
        odds, last, _ = student(torch.from_numpy(x))
        pooled = student.pool(torch.from_numpy(x))
    mean, deviation = goals.tag_scale
    p = 1 / (1 + np.exp(-(odds.numpy() * deviation + mean)))
    np.testing.assert_allclose(found["tags"], p, atol=1e-4)
    mean, deviation = goals.penultimate_scale
    np.testing.assert_allclose(found["penultimate"], last.numpy() * deviation + mean, atol=1e-3)
    np.testing.assert_allclose(found["pooled"], pooled.numpy(), atol=1e-3)


def test_whole_numbers_are_small_and_alike(
    taught: tuple[Lessons, Goals, torch.nn.Module],
) -> None:
    lessons, goals, student = taught
    full = to_onnx(student, goals)
    small = to_int8(full, lessons.patches[:128].astype(np.float32))
    assert len(small) < 0.4 * len(full)
    x = lessons.patches[140:220].astype(np.float32)
    alike = agreement(answers(full, x), answers(small, x))
    assert set(alike) == set(LAYERS)
    assert min(alike.values()) > 0.9


def test_agreement() -> None:
    rng = np.random.default_rng(1)
    one = {
        "tags": rng.uniform(0.01, 0.9, (50, 50)).astype(np.float32),
        "penultimate": rng.normal(size=(50, 200)).astype(np.float32),
        "pooled": rng.normal(size=(50, 30)).astype(np.float32),
    }
    assert agreement(one, one) == pytest.approx(dict.fromkeys(LAYERS, 1.0), abs=1e-5)
    moved = {**one, "pooled": one["pooled"] * 3 + rng.normal(size=30).astype(np.float32)}
    assert agreement(one, moved)["pooled"] == pytest.approx(1.0, abs=1e-5)
    other = {name: np.roll(x, 1, axis=0) for name, x in one.items()}
    assert max(abs(v) for v in agreement(one, other).values()) < 0.2
