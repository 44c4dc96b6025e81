"""Networks as torch modules; they take float32 and give logits.

Input sizes come with the first call, so every module is built for the shape of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genrewise.errors import RecipeError, UnknownName

__all__ = ["CNN_000_PARAMETERS", "NETS", "Probabilities", "Standardise", "build", "cnn_000", "mlp"]

#: System 000: what its printed layer table adds up to.
CNN_000_PARAMETERS = 539_418
CNN_000_INPUT = (1, 64, 173)
#: Channels, rows (mel bands) and columns (frames) after each block of its table.
CNN_000_SHAPES = ((24, 60, 169), (48, 30, 84), (48, 15, 42), (48, 7, 21))


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


def mlp(
    shape: Sequence[int],
    n_classes: int,
    *,
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.5,
    batch_norm: bool = True,
) -> nn.Module:
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


def cnn_000(
    shape: Sequence[int],
    n_classes: int,
    *,
    dropout: float = 0.5,
    dense_dropout: float = 0.5,
    pool: str = "average",
) -> nn.Module:
    """The network of system 000 by its printed layer table.

    Parameters
    ----------
    shape : sequence of int
        (1, 64, 173): a channel, mel bands, frames.
    n_classes : int
        539,418 parameters with 10.
    dropout : float
        Before the dense layer.
    dense_dropout : float
        After it; the rate is not printed.
    pool : {"average", "max"}
        The table has average pooling; the text speaks of max.

    Raises
    ------
    RecipeError
        For another shape or pooling.
    """
    if tuple(shape) != CNN_000_INPUT:
        raise RecipeError(
            f"rows of shape {tuple(shape)} for cnn-000",
            f"{CNN_000_INPUT}: 2 s at 22,050 Hz, n_fft 512, hop 256, 64 mel bands",
        )
    pools: dict[str, type[nn.Module]] = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
    if pool not in pools:
        raise UnknownName("pooling", pool, pools)
    downsample: Callable[[int], nn.Module] = pools[pool]
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 24, 5)),
        nn.Sequential(downsample(2), nn.ReLU(), nn.Conv2d(24, 48, 5, padding="same")),
        nn.Sequential(downsample(2), nn.ReLU(), nn.Conv2d(48, 48, 5, padding="same")),
        nn.Sequential(downsample(2), nn.ReLU()),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(7056, 64),
        nn.ReLU(),
        nn.Dropout(dense_dropout),
        nn.Linear(64, n_classes),
    )
    parameters = sum(p.numel() for p in net.parameters())
    assert parameters == CNN_000_PARAMETERS + 65 * (n_classes - 10), parameters
    return net


#: Architectures by name; each takes the shape of a row, the labels and its own parameters.
NETS: dict[str, Callable[..., nn.Module]] = {"mlp": mlp, "cnn-000": cnn_000}


def build(name: str, shape: Sequence[int], n_classes: int, **params: Any) -> nn.Module:
    """A network by name.

    Raises
    ------
    UnknownName
        Where there is no such architecture.
    """
    if name not in NETS:
        raise UnknownName("network", name, NETS)
    return NETS[name](shape, n_classes, **params)
