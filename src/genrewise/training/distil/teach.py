"""Teaching: the student hears changed patches and has to say what was said of the unchanged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrewise.training.distil.lessons import Lessons
from genrewise.training.distil.student import Student
from genrewise.training.models.precision import cpu_flags

__all__ = ["Epoch", "Goals", "Plan", "changed", "goals_of", "teach"]

F32 = NDArray[np.float32]

#: Layers of the teacher side by side, as lessons hold them.
_TAGS, _PENULTIMATE, _POOLED = slice(0, 50), slice(50, 250), slice(250, 1756)
#: What a tag's probability is kept from, for its log-odds.
_LEAST = 1e-4
#: Components of the pooled layer that the student learns.
_COMPONENTS = 128


@dataclass(frozen=True)
class Plan:
    """How to teach.

    Attributes
    ----------
    epochs, batch_size : int
    lr, weight_decay : float
        Of AdamW; the rate rises in the first epoch and falls along a cosine to nothing.
    held_out : float
        Share of the excerpts that only measure.
    seed : int
    """

    epochs: int = 20
    batch_size: int = 128
    lr: float = 2e-3
    weight_decay: float = 1e-2
    held_out: float = 0.03
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Goals:
    """What the teacher said, as the student learns it: mean 0, deviation 1 over the lessons.

    Attributes
    ----------
    tags, penultimate, summary : ndarray, shape (n, values), float32
    tag_scale, penultimate_scale : tuple of ndarray
        Mean and deviation by which the student's answers become the teacher's again.
    """

    tags: F32
    penultimate: F32
    summary: F32
    tag_scale: tuple[F32, F32]
    penultimate_scale: tuple[F32, F32]


@dataclass(frozen=True)
class Epoch:
    """How one epoch went: the loss, and the share of variance explained in held-out excerpts."""

    loss: float
    tags: float
    penultimate: float
    summary: float


def _standard(x: F32) -> tuple[F32, tuple[F32, F32]]:
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    return (x - mean) / deviation, (mean, deviation)


def goals_of(lessons: Lessons) -> Goals:
    """Standardised log-odds, penultimate layer and main components of the pooled layer."""
    answers = lessons.answers
    p = np.clip(answers[:, _TAGS].astype(np.float32), _LEAST, 1 - _LEAST)
    tags, tag_scale = _standard(np.log(p / (1 - p)))
    penultimate, penultimate_scale = _standard(answers[:, _PENULTIMATE].astype(np.float32))
    pooled, _ = _standard(answers[:, _POOLED].astype(np.float32))
    vectors = np.linalg.eigh(pooled.T @ pooled / len(pooled))[1]
    main = vectors[:, ::-1][:, :_COMPONENTS]
    summary = pooled @ main
    summary /= summary.std()  # one scale for all: the main ones count most
    return Goals(tags, penultimate, summary.astype(np.float32), tag_scale, penultimate_scale)


def _curve(n: int, bands: int, rng: torch.Generator) -> Tensor:
    """A smooth gain over the mel bands, in dB, one for each of `n` patches."""
    knots = 6.0 * torch.randn(n, 1, 5, generator=rng)
    return torch.nn.functional.interpolate(knots, bands, mode="linear", align_corners=True)


def changed(patches: Tensor, rng: torch.Generator) -> Tensor:
    """Patches through a random equaliser, a third without their highs or lows, half with noise.

    Parameters
    ----------
    patches : Tensor, shape (n, frames, bands)
        log10(1 + 10,000 x) of mel powers x, all of one level.
    rng : torch.Generator

    Returns
    -------
    Tensor, shape (n, frames, bands)
        Each of the level that it had.
    """
    n, _, bands = patches.shape
    power = torch.pow(10.0, patches) - 1.0
    before = power.mean(dim=(1, 2), keepdim=True)
    power = power * torch.pow(10.0, _curve(n, bands, rng) / 10.0)
    edges = torch.randint(40, 2 * bands, (n, 1, 1), generator=rng)
    power = power * (torch.arange(bands) < edges)
    lows = torch.randint(-12, 8, (n, 1, 1), generator=rng)
    power = power * (torch.arange(bands) >= lows)
    # Between 45 and 15 dB below the music, about white; half have none.
    noise = torch.pow(10.0, -1.5 - 3.0 * torch.rand(n, 1, 1, generator=rng))
    noise = noise * (torch.rand(n, 1, 1, generator=rng) < 0.5)
    power = power + noise * before * -torch.log(torch.rand(power.shape, generator=rng) + 1e-9)
    after = torch.clamp(power.mean(dim=(1, 2), keepdim=True), min=1e-9)
    return torch.log10(power * (before / after) + 1.0)


def _explained(student: Student, patches: Tensor, goals: tuple[Tensor, ...]) -> list[float]:
    """Share of the variance of each goal that the student's answers explain."""
    student.eval()
    with torch.inference_mode():
        found = [student(patches[i : i + 512]) for i in range(0, len(patches), 512)]
    return [
        1.0 - float(((torch.cat(got) - want) ** 2).mean() / want.var())
        for got, want in zip(zip(*found, strict=True), goals, strict=True)
    ]


def _rate(plan: Plan, step: int, per_epoch: int) -> float:
    """Learning rate of a step."""
    warm = min(1.0, (step + 1) / per_epoch)
    return plan.lr * warm * 0.5 * (1.0 + math.cos(math.pi * step / (plan.epochs * per_epoch)))


def teach(
    lessons: Lessons,
    goals: Goals,
    plan: Plan,
    progress: Callable[[int, Epoch], None] | None = None,
) -> tuple[Student, list[Epoch]]:
    """Teach a student; same lessons, plan and number of threads, same student.

    Parameters
    ----------
    lessons : Lessons
    goals : Goals
        Of the same lessons.
    plan : Plan
    progress : callable, optional
        Called after each epoch.
    """
    torch.manual_seed(plan.seed)
    rng = torch.Generator().manual_seed(plan.seed)
    chance = np.random.default_rng(plan.seed)
    names = np.unique(lessons.excerpt)
    away = chance.choice(names, max(1, round(plan.held_out * len(names))), replace=False)
    out = np.isin(lessons.excerpt, away)
    learnt = np.flatnonzero(~out)
    wanted = [torch.from_numpy(x) for x in (goals.tags, goals.penultimate, goals.summary)]
    test = torch.from_numpy(lessons.patches[out].astype(np.float32))
    test_goals = tuple(goal[torch.from_numpy(out)] for goal in wanted)
    student = Student()
    per_epoch = len(learnt) // plan.batch_size
    optimiser = torch.optim.AdamW(
        student.parameters(), plan.lr, weight_decay=plan.weight_decay, fused=True
    )
    bf16 = not cpu_flags().isdisjoint(("avx512_bf16", "amx_bf16"))
    history = []
    for epoch in range(plan.epochs):
        student.train()
        total, order = 0.0, chance.permutation(learnt)
        for step in range(per_epoch):
            rows = order[step * plan.batch_size : (step + 1) * plan.batch_size]
            x = torch.from_numpy(lessons.patches[rows].astype(np.float32))
            x = changed(x, rng)
            optimiser.param_groups[0]["lr"] = _rate(plan, epoch * per_epoch + step, per_epoch)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                found = student(x)
            picked = [goal[torch.from_numpy(rows)] for goal in wanted]
            parts = [
                torch.nn.functional.mse_loss(a.float(), b)
                for a, b in zip(found, picked, strict=True)
            ]
            loss = parts[0] + parts[1] + parts[2]
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach())
        history.append(Epoch(total / per_epoch, *_explained(student, test, test_goals)))
        if progress:
            progress(epoch, history[-1])
    student.eval()
    return student, history
