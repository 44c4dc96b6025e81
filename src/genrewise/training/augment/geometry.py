"""Kinds that move what is in a picture, as matrices, so that one sampling does them all.

A matrix of shape (n, 3, 3) takes a place in the new picture to the place in the old one it
comes from.  Places are in halves of a side from the middle, so -1 and 1 are the edges.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

__all__ = ["MOVES", "moved", "uniform"]

#: Degrees, shares of a side and factors within which it is drawn; not printed by 001.
ANGLE, STRETCH, ZOOM = 10.0, 0.1, 1.25

Move = Callable[[int, float, Generator], Tensor]


def uniform(n: int, low: float, high: float, generator: Generator) -> Tensor:
    """Random numbers between two bounds, shape (n,), float32, where the generator is."""
    drawn = torch.rand(n, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def _matrices(xx: Tensor, xy: Tensor, yx: Tensor, yy: Tensor) -> Tensor:
    """Matrices about the middle, shape (n, 3, 3), of four entries."""
    out = torch.zeros(len(xx), 3, 3, device=xx.device)
    out[:, 0, 0], out[:, 0, 1], out[:, 1, 0], out[:, 1, 1] = xx, xy, yx, yy
    out[:, 2, 2] = 1.0
    return out


def mirror(n: int, aspect: float, generator: Generator) -> Tensor:
    """Left becomes right."""
    del aspect
    one = torch.ones(n, device=generator.device)
    return _matrices(-one, 0 * one, 0 * one, one)


def rotate(n: int, aspect: float, generator: Generator) -> Tensor:
    """Upside down, half a turn or a small angle, one of the three for each row.

    A quarter turn would need square pictures.
    """
    which = torch.randint(3, (n,), generator=generator, device=generator.device)
    angle = uniform(n, -math.radians(ANGLE), math.radians(ANGLE), generator)
    angle = torch.where(which == 2, angle, 0.0)
    sign_x = torch.where(which == 1, -1.0, 1.0)
    sign_y = torch.where(which == 2, 1.0, -1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return _matrices(sign_x * cos, -sin / aspect, sin * aspect, sign_y * cos)


def stretch(n: int, aspect: float, generator: Generator) -> Tensor:
    """Wider or narrower and higher or lower, each on its own."""
    del aspect
    width = uniform(n, 1 - STRETCH, 1 + STRETCH, generator)
    height = uniform(n, 1 - STRETCH, 1 + STRETCH, generator)
    return _matrices(1 / width, 0 * width, 0 * width, 1 / height)


def zoom(n: int, aspect: float, generator: Generator) -> Tensor:
    """Into a part of the picture, somewhere in it."""
    del aspect
    part = 1 / uniform(n, 1.0, ZOOM, generator)
    out = _matrices(part, 0 * part, 0 * part, part)
    out[:, 0, 2] = (1 - part) * uniform(n, -1.0, 1.0, generator)
    out[:, 1, 2] = (1 - part) * uniform(n, -1.0, 1.0, generator)
    return out


#: ``(n, width / height, generator) -> matrices`` by kind.
MOVES: dict[str, Move] = {
    "mirror": mirror,
    "rotate": rotate,
    "stretch": stretch,
    "zoom": zoom,
}


def moved(x: Tensor, matrix: Tensor) -> Tensor:
    """Pictures after their matrices.

    Mirror images are exact; all else is interpolated between four cells.

    Parameters
    ----------
    x : Tensor, shape (n, C, H, W)
    matrix : Tensor, shape (n, 3, 3)

    Returns
    -------
    Tensor, shape (n, C, H, W)
        What lay outside has the least value of its row.
    """
    matrix = matrix.to(x.device)
    exact = (matrix.abs() == torch.eye(3, device=x.device)).all(dim=2).all(dim=1)
    left_right, upside_down = exact & (matrix[:, 0, 0] < 0), exact & (matrix[:, 1, 1] < 0)
    out = x
    for rows, change in (
        (left_right, lambda part: part.flip(-1)),
        (upside_down, lambda part: part.flip(-2)),
        (~exact, lambda part: _sampled(part, matrix[~exact])),
    ):
        found = torch.nonzero(rows).flatten()
        if len(found):
            out = out.index_copy(0, found, change(out[found]))
    return out


def _sampled(x: Tensor, matrix: Tensor) -> Tensor:
    grid = functional.affine_grid(matrix[:, :2], list(x.shape), align_corners=False)
    # Cells at the edge reach to it, half a cell beyond their middle; nothing lies beyond.
    out = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1.0).all(dim=3)
    return torch.where(inside[:, None], out, x.amin(dim=(1, 2, 3), keepdim=True))
