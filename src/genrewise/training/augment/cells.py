"""Kinds that change the values of pictures where they stand: blur, masks, a circular shift."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from genrewise.training.augment.geometry import uniform

__all__ = ["CHANGES"]

#: Cells: bounds of the standard deviation of a blur, and how far its bell is followed.
BLUR, REACH = (0.5, 1.5), 4
#: Masks along each axis, and the share of the axis that the widest one hides.
MASKS, WIDEST = 2, 1 / 8


def _smoothed(x: Tensor, bell: Tensor, axis: int) -> Tensor:
    """Weighted sum of the neighbours along an axis (2 or 3); edges are repeated."""
    pad = (REACH, REACH, 0, 0) if axis == 3 else (0, 0, REACH, REACH)
    wide = functional.pad(x, pad, mode="replicate")
    out = torch.zeros_like(x)
    for k in range(2 * REACH + 1):
        out.addcmul_(wide.narrow(axis, k, x.shape[axis]), bell[:, k, None, None, None])
    return out


def blur(x: Tensor, generator: Generator) -> Tensor:
    """A Gaussian bell of a width drawn for each row."""
    width = uniform(len(x), *BLUR, generator)[:, None]
    at = torch.arange(-REACH, REACH + 1, device=generator.device)
    bell = torch.exp(-0.5 * (at / width) ** 2)
    bell = (bell / bell.sum(dim=1, keepdim=True)).to(x.device)
    return _smoothed(_smoothed(x, bell, 3), bell, 2)


def time_shift(x: Tensor, generator: Generator) -> Tensor:
    """Columns turned round the end: what leaves on the right comes in on the left."""
    width = x.shape[3]
    by = torch.randint(width, (len(x), 1), generator=generator, device=generator.device)
    come_from = (torch.arange(width, device=by.device) - by) % width
    return x.gather(3, come_from.to(x.device)[:, None, None].expand(x.shape))


def _hidden(n: int, size: int, generator: Generator) -> Tensor:
    """Which cells of an axis are masked, shape (n, size)."""
    hidden = torch.zeros(n, size, dtype=torch.bool, device=generator.device)
    at = torch.arange(size, device=generator.device)
    for _ in range(MASKS):
        width = torch.floor(uniform(n, 0.0, WIDEST * size + 1, generator))
        first = torch.floor(uniform(n, 0.0, 1.0, generator) * (size - width + 1))
        hidden |= (at >= first[:, None]) & (at < (first + width)[:, None])
    return hidden


def spec_augment(x: Tensor, generator: Generator) -> Tensor:
    """Bands and stretches of time set to the row's mean.

    Park et al. 2019, "SpecAugment", without its time warping, which they found to matter
    least; the width of a mask is uniform from 0 on, two masks an axis as in their policies.
    """
    bands = _hidden(len(x), x.shape[2], generator).to(x.device)
    times = _hidden(len(x), x.shape[3], generator).to(x.device)
    masked = bands[:, None, :, None] | times[:, None, None, :]
    return torch.where(masked, x.mean(dim=(1, 2, 3), keepdim=True), x)


#: ``(rows, generator) -> rows`` by kind.
CHANGES: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "blur": blur,
    "time-shift": time_shift,
    "spec-augment": spec_augment,
}
