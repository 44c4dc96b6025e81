"""The network that learns: convolutions over time, every mel band a channel of the first."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["POOLED", "Student"]

#: Channels and steps of the layers; those without a step add to what came before.
_LAYERS = ((192, 5, 2), (288, 3, 2), (288, 3, 1), (384, 3, 2), (384, 3, 1), (384, 3, 1))

#: Mean and maximum over time of the last layer.
POOLED = 2 * _LAYERS[-1][0]


class _Layer(nn.Module):
    """Convolution over time, normalised; its input is added where the shape stays."""

    def __init__(self, before: int, channels: int, width: int, step: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(before, channels, width, step, width // 2, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.stays = before == channels and step == 1

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(self.convolution(x)))
        return x + y if self.stays else y


class Student(nn.Module):
    """From log-mel patches to the teacher's tags, its last layer, and a summary of its own.

    Parameters
    ----------
    bands : int
        Of a patch.
    tags, penultimate, summary : int
        Values to learn: log-odds of the teacher's tags, its penultimate layer, and the main
        components of its pooled layer.
    """

    def __init__(
        self, bands: int = 96, tags: int = 50, penultimate: int = 200, summary: int = 128
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(bands)
        layers, before = [], bands
        for channels, width, step in _LAYERS:
            layers.append(_Layer(before, channels, width, step))
            before = channels
        self.layers = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(POOLED, 384), nn.ReLU())
        self.tags = nn.Linear(384, tags)
        self.penultimate = nn.Linear(384, penultimate)
        self.summary = nn.Linear(384, summary)

    def pool(self, patches: Tensor) -> Tensor:
        """Patches of shape (n, frames, bands) to (n, POOLED)."""
        y = self.layers(self.norm(patches.transpose(1, 2)))
        return torch.cat([y.mean(dim=2), y.amax(dim=2)], dim=1)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-odds of the tags, penultimate layer and summary, each of shape (n, values)."""
        y = self.hidden(self.pool(patches))
        return (
            cast("Tensor", self.tags(y)),
            cast("Tensor", self.penultimate(y)),
            cast("Tensor", self.summary(y)),
        )
