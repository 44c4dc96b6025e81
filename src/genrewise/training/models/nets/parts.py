"""What networks are made of, whatever their system."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from genrewise.errors import RecipeError, UnknownName

__all__ = ["Affine", "Probabilities", "SideBySide", "Standardise", "after", "pooling"]


class Standardise(nn.Module):
    """Subtract a mean and divide by a deviation that the training side gave.

    Part of the network, so that an exported one needs no scaler beside it.

    Parameters
    ----------
    mean, deviation : Tensor
        Of a shape that broadcasts against a row.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised rows."""
        return (x - self.mean) / self.deviation


class Probabilities(nn.Module):
    """A network with the softmax that its exported form ends in."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities, shape (N, C)."""
        return torch.softmax(self.net(x), dim=1)


class Affine(nn.Module):
    """A network followed by ``x @ matrix + offset``.

    Parameters
    ----------
    net : Module
        Gives (N, d).
    matrix, offset : Tensor, shape (d, e) and (e,)
    """

    matrix: Tensor
    offset: Tensor

    def __init__(self, net: nn.Module, matrix: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("matrix", matrix)
        self.register_buffer("offset", offset)

    def forward(self, x: Tensor) -> Tensor:
        """The map's values, shape (N, e)."""
        return torch.addmm(self.offset, self.net(x), self.matrix)


class SideBySide(nn.Module):
    """Branches that see the same rows; their outputs, (N, d) each, are joined."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs joined in the order of the branches."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def after(layers: nn.Module, shape: Sequence[int], name: str) -> tuple[int, ...]:
    """Shape of a row behind some layers: asked of the layers, not computed beside them.

    Parameters
    ----------
    layers : Module
        Nothing in them changes.
    shape : sequence of int
        Of one row: channels, rows, columns.
    name : str
        Of the network, for the error.

    Raises
    ------
    RecipeError
        The rows are no pictures, or too small for the layers.
    """
    if len(shape) != 3:
        raise RecipeError(f"rows of shape {tuple(shape)} for {name}", "(channels, rows, columns)")
    training = layers.training
    try:
        with torch.inference_mode():
            row = layers.eval()(torch.zeros(1, *shape))[0]
    except RuntimeError as error:  # a kernel or a pool that is larger than what is left
        raise RecipeError(
            f"pictures of {shape[1]}x{shape[2]} for {name}", "larger ones: no layer may end empty"
        ) from error
    finally:
        layers.train(training)
    return tuple(row.shape)


_POOLS: dict[str, Callable[[int], nn.Module]] = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}


def pooling(name: str) -> Callable[[int], nn.Module]:
    """A kind of pooling by name.

    Raises
    ------
    UnknownName
    """
    if name not in _POOLS:
        raise UnknownName("pooling", name, _POOLS)
    return _POOLS[name]
