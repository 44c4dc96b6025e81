"""The same function of the same weights with less to compute, for training.

What is learnt, exported and predicted with is the network as it was built; this is only
another order of its sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from genrewise.training.models.nets.parts import SideBySide

__all__ = ["shortened"]

Step = Callable[[Tensor], Tensor]


def shortened(module: nn.Module) -> Step:
    """A function that gives what a module gives, to rounding, and its gradients.

    A convolution whose output is averaged two by two is one convolution of stride 2, with
    0.36 of the products for a kernel of 5.  A ReLU before max pooling may as well come after it,
    on a quarter of the values.  Scale and offset of a normalisation right behind the input
    may as well scale the kernels of the convolution after it: the gradient then need not go
    back to the input.

    Parameters
    ----------
    module : Module
        Whatever is no sequence, and nothing of ours that holds some, is called as it is.

    Returns
    -------
    callable
        Of a batch; it holds the module's own layers, in whatever mode they are.
    """
    if isinstance(module, SideBySide):
        branches = [shortened(branch) for branch in module.branches]
        return lambda x: torch.cat([branch(x) for branch in branches], dim=1)
    if not isinstance(module, nn.Sequential):
        return module
    waiting = list(_flat(module))[::-1]
    steps: list[Step] = []
    while waiting:
        layer, after = waiting.pop(), waiting[-1] if waiting else None
        if isinstance(layer, nn.Conv2d) and _plain(layer) and _halves(after):
            steps.append(partial(_averaged, layer))
            waiting.pop()
        elif isinstance(layer, nn.BatchNorm2d) and isinstance(after, nn.Conv2d) and _bare(after):
            steps.append(partial(_normalised, layer, after))
            waiting.pop()
        elif isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2d):
            steps += [waiting.pop(), layer]
        else:
            steps.append(shortened(layer))
    return partial(_through, steps)


def _flat(module: nn.Sequential) -> Iterator[nn.Module]:
    """Layers in order, those of sequences within it too."""
    for layer in module:
        if isinstance(layer, nn.Sequential):
            yield from _flat(layer)
        else:
            yield layer


def _through(steps: list[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def _halves(layer: nn.Module | None) -> bool:
    """Whether a layer takes the mean of two by two values and leaves a rest out."""
    return (
        isinstance(layer, nn.AvgPool2d)
        and layer.kernel_size in (2, (2, 2))
        and layer.stride in (2, (2, 2))
        and layer.padding in (0, (0, 0))
        and not layer.ceil_mode
    )


def _plain(conv: nn.Conv2d) -> bool:
    """Whether a convolution looks at every place, with zeros around, alike on both sides."""
    odd = all(side % 2 for side in conv.kernel_size)
    return (
        conv.stride == (1, 1)
        and conv.dilation == (1, 1)
        and conv.padding_mode == "zeros"
        and (conv.padding != "same" or odd)
    )


def _bare(conv: nn.Conv2d) -> bool:
    """Whether nothing is put around what a convolution looks at: an offset is one everywhere."""
    return _margins(conv) == (0, 0) and conv.groups == 1


def _margins(conv: nn.Conv2d) -> tuple[int, int]:
    """Zeros put above and below, left and right."""
    if isinstance(conv.padding, str):
        high, wide = conv.kernel_size
        return ((high - 1) // 2, (wide - 1) // 2) if conv.padding == "same" else (0, 0)
    return conv.padding[0], conv.padding[1]


def _averaged(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution and the mean of two by two of its values, as one convolution.

    The mean of four neighbours is that of four kernels, each moved on by one.
    """
    corners = ((0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0))
    kernel = torch.stack([functional.pad(conv.weight, corner) for corner in corners]).mean(dim=0)
    return functional.conv2d(
        _channels_last(x), kernel, conv.bias, 2, _margins(conv), groups=conv.groups
    )


def _channels_last(x: Tensor) -> Tensor:
    """One channel lies alike in either layout: with strides that say "last", so does what follows.

    Otherwise the first convolution answers in the other layout, at half the speed.
    """
    return x[:, 0].unsqueeze(3).permute(0, 3, 1, 2) if x.shape[1] == 1 else x


def _normalised(norm: nn.BatchNorm2d, conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Batch normalisation and a convolution without margins."""
    seen, momentum = norm.num_batches_tracked, norm.momentum
    if x.requires_grad or not norm.affine or seen is None or momentum is None:
        return conv(norm(x))  # type: ignore[no-any-return]
    if norm.training:
        seen.add_(1)
    means = norm.running_mean, norm.running_var
    x = functional.batch_norm(x, *means, None, None, norm.training, momentum, norm.eps)
    kernel = conv.weight * norm.weight[:, None, None]
    offset = torch.einsum("oihw,i->o", conv.weight, norm.bias)
    bias = offset if conv.bias is None else conv.bias + offset
    return functional.conv2d(_channels_last(x), kernel, bias, conv.stride, 0, conv.dilation)
