"""The convolutional networks of systems 000 to 003."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from genrewise.errors import RecipeError
from genrewise.training.models.nets.parts import after, pooling

__all__ = ["CNN_000_PARAMETERS", "CNN_000_SHAPES", "cnn_000", "cnn_001", "cnn_002", "cnn_003"]

#: System 000: what its printed layer table adds up to.
CNN_000_PARAMETERS = 539_418
CNN_000_INPUT = (1, 64, 173)
#: Channels, rows (mel bands) and columns (frames) after each block of its table.
CNN_000_SHAPES = ((24, 60, 169), (48, 30, 84), (48, 15, 42), (48, 7, 21))


def cnn_000(
    shape: Sequence[int],
    n_classes: int,
    *,
    dropout: float = 0.5,
    dense_dropout: float = 0.5,
    pool: str = "average",
) -> nn.Sequential:
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
    downsample = pooling(pool)
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


def cnn_001(
    shape: Sequence[int],
    n_classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256),
    kernel: int = 7,
    units: int = 32,
    dropout: float = 0.5,
    norm_momentum: float = 0.01,
    norm_eps: float = 1e-3,
) -> nn.Sequential:
    """The convolutional network of system 001, as its code is printed.

    Batch normalisation stands before every convolution and before both dense layers; the
    convolutions are not padded.

    Parameters
    ----------
    shape : sequence of int
        Channels (1 for grey, 3 for colour), rows, columns; 50 or more of either.
    filters : sequence of int
        Of each convolution.
    kernel : int
        Side of each.
    units : int
        Of the dense layer.
    dropout : float
        Behind it.
    norm_momentum : float
        Weight of a batch in the running means; .01 is what the printed code's library
        calls momentum .99.
    norm_eps : float
        Added to variances; of that library too.

    Raises
    ------
    RecipeError
        For pictures that are too small.
    """
    channels = shape[0]
    layers: list[nn.Module] = [nn.BatchNorm2d(channels, norm_eps, norm_momentum)]
    for width in filters:
        layers += [nn.Conv2d(channels, width, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        layers.append(nn.BatchNorm2d(width, norm_eps, norm_momentum))
        channels = width
    seen = math.prod(after(nn.Sequential(*layers), shape, "cnn-001"))
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(seen, units),
        nn.ReLU(),
        nn.BatchNorm1d(units, norm_eps, norm_momentum),
        nn.Dropout(dropout),
        nn.Linear(units, n_classes),
    )


def cnn_002(
    shape: Sequence[int],
    n_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    kernel: int = 3,
    units: int = 256,
    dropout: float = 0.5,
) -> nn.Sequential:
    """The network of system 002, as its code is printed: padded convolutions, no dropout in them.

    Parameters
    ----------
    shape : sequence of int
        (1, 128, 128) are theirs: grey mel pictures.
    filters : sequence of int
        Of each convolution.
    kernel : int
        Side of each, odd.
    units : int
        Of the dense layer.
    dropout : float
        Behind it.

    Raises
    ------
    RecipeError
        For pictures that are too small.
    """
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in filters:
        layers += [nn.Conv2d(channels, width, kernel, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    seen = math.prod(after(nn.Sequential(*layers), shape, "cnn-002"))
    dense = [nn.Linear(seen, units), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Flatten(), *dense, nn.Linear(units, n_classes))


def cnn_003(
    shape: Sequence[int],
    n_classes: int,
    *,
    kernel: int = 7,
    filters: Sequence[int] = (16, 32, 64),
    dropout: float = 0.25,
    units: int = 128,
    dense_dropout: float = 0.5,
) -> nn.Sequential:
    """The network of system 003: blocks of convolution, ReLU, max pooling and dropout.

    Printed are the kinds of layers and the kernel.  The number of blocks and of their
    filters, padding, both dropout rates and the units of the dense layer are ours.

    Parameters
    ----------
    shape : sequence of int
        (1, 128, 128) are theirs: grey pictures from 0 to 1.
    kernel : int
        Side of each convolution: 7 in their base, 3 and 5 in their sweep.
    filters : sequence of int
        A block each.
    dropout : float
        At the end of each block.
    units : int
        Of the dense layer.
    dense_dropout : float
        Behind it.

    Raises
    ------
    RecipeError
        For pictures that are too small.
    """
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in filters:
        layers += [nn.Conv2d(channels, width, kernel, padding="same"), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        channels = width
    seen = math.prod(after(nn.Sequential(*layers), shape, "cnn-003"))
    dense = [nn.Linear(seen, units), nn.ReLU(), nn.Dropout(dense_dropout)]
    return nn.Sequential(*layers, nn.Flatten(), *dense, nn.Linear(units, n_classes))
