"""The networks of system 004: five modules, alone or beside a recurrent network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genrewise.errors import RecipeError
from genrewise.training.models.nets.parts import SideBySide, after

__all__ = ["BothWays", "cnn_004", "crnn_004"]

#: Modules of system 004.
MODULES = 5


class BothWays(nn.Module):
    """A picture read column by column, forwards and backwards; the last state of either way.

    Parameters
    ----------
    shape : sequence of int
        Of one row: channels, rows, columns.
    units : int
        Of each way.
    columns : int
        How many neighbouring columns are averaged to one step.
    """

    def __init__(self, shape: Sequence[int], units: int, columns: int) -> None:
        super().__init__()
        self.fewer = nn.AvgPool2d((1, columns))
        self.recurrent = nn.GRU(shape[0] * shape[1], units, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Both last states, shape (N, 2 units)."""
        steps = self.fewer(x).flatten(1, 2).transpose(1, 2)
        # Many small products gain nothing from bfloat16, and their errors would add up.
        with torch.autocast(x.device.type, enabled=False):
            _, last = self.recurrent(steps)
        return torch.cat([last[0], last[1]], dim=1)


def _modules(
    shape: Sequence[int], filters: Sequence[int], kernel: int, dropout: float
) -> nn.Sequential:
    """Five times convolution, normalisation, ReLU, max pooling, dropout; flat at the end."""
    if len(filters) != MODULES:
        raise RecipeError(f"{len(filters)} filters for system 004", f"{MODULES}, a module each")
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in filters:
        # The normalisation has an offset of its own.
        layers.append(nn.Conv2d(channels, width, kernel, padding="same", bias=False))
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten())


def cnn_004(
    shape: Sequence[int],
    n_classes: int,
    *,
    filters: Sequence[int] = (16, 32, 64, 64, 64),
    kernel: int = 3,
    dropout: float = 0.25,
    units: int = 64,
) -> nn.Sequential:
    """The convolutional network of system 004.

    Printed are five modules of convolution, normalisation, ReLU, max pooling and dropout,
    then dense layers.  Filters, kernel, padding, dropout and the units of the first dense
    layer are ours.

    Parameters
    ----------
    shape : sequence of int
        Channels, mel bands, frames; 32 or more of the latter two.
    filters : sequence of int
        One for each module.
    kernel : int
        Side of each convolution, odd.
    dropout : float
        At the end of each module.
    units : int
        Of the dense layer between the modules and the labels.

    Raises
    ------
    RecipeError
        For pictures that are too small, or another number of modules.
    """
    layers = _modules(shape, filters, kernel, dropout)
    (seen,) = after(layers, shape, "cnn-004")
    dense = [nn.Linear(seen, units), nn.ReLU()]
    return nn.Sequential(layers, *dense, nn.Linear(units, n_classes))


def crnn_004(
    shape: Sequence[int],
    n_classes: int,
    *,
    filters: Sequence[int] = (16, 32, 64, 64, 64),
    kernel: int = 3,
    dropout: float = 0.25,
    recurrent_units: int = 64,
    columns: int = 4,
) -> nn.Sequential:
    """The parallel network of system 004.

    Printed are the modules of :func:`cnn_004` beside a bidirectional recurrent network on
    the same input, both outputs joined before the last layer.  The kind of recurrent unit
    (gated, Cho et al. 2014), their number and the columns of a step are ours, as is what
    :func:`cnn_004` names.

    Parameters
    ----------
    shape : sequence of int
        Channels, mel bands, frames; 32 or more of the latter two.
    filters, kernel, dropout
        As for :func:`cnn_004`.
    recurrent_units : int
        In each direction.
    columns : int
        Frames that are averaged to one step.

    Raises
    ------
    RecipeError
        For pictures that are too small, or another number of modules.
    """
    modules = _modules(shape, filters, kernel, dropout)
    (seen,) = after(modules, shape, "crnn-004")
    beside = BothWays(shape, recurrent_units, columns)
    return nn.Sequential(
        SideBySide(modules, beside), nn.Linear(seen + 2 * recurrent_units, n_classes)
    )
