"""Networks of dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["ann_001", "mlp"]

#: Units of the hidden layers that system 001 prints.
ANN_001_HIDDEN = (512, 256, 128, 64)


def mlp(
    shape: Sequence[int],
    n_classes: int,
    *,
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.5,
    batch_norm: bool = True,
) -> nn.Sequential:
    """Dense layers with ReLU; the input is flattened.

    Parameters
    ----------
    shape : sequence of int
        Of one row.
    hidden : sequence of int
        Units of each hidden layer.
    dropout : float
        After each hidden layer.
    batch_norm : bool
        Before each ReLU.
    """
    width = int(torch.Size(shape).numel())
    layers: list[nn.Module] = [nn.Flatten()]
    for units in hidden:
        layers.append(nn.Linear(width, units, bias=not batch_norm))
        layers += [nn.BatchNorm1d(units)] if batch_norm else []
        layers += [nn.ReLU(), nn.Dropout(dropout)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def ann_001(shape: Sequence[int], n_classes: int) -> nn.Sequential:
    """The dense network of system 001: flatten, 512, 256, 128, 64 with ReLU, one per label.

    Nothing is ours: all its layers are printed.  Its input size is not.

    Parameters
    ----------
    shape : sequence of int
        Of one row: a picture, or a few values.
    """
    width = int(torch.Size(shape).numel())
    layers: list[nn.Module] = [nn.Flatten()]
    for units in ANN_001_HIDDEN:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes))
