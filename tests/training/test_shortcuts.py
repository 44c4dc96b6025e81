"""Shortened networks: the same values and gradients, with fewer products."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from genrewise.training.models import nets
from genrewise.training.models.nets.parts import SideBySide, Standardise
from genrewise.training.models.shortcuts import shortened

SHAPES = {"mlp": (57,), "ann-001": (1, 50, 50), "cnn-000": (1, 64, 173)}


def batch(shape: tuple[int, ...], n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1)).double()


def gradients(module: nn.Module, call: Any, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What a module gives, and the gradients of its weights for a sum of random shares."""
    module.zero_grad()
    out = call(x)
    shares = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).double()
    (out * shares).sum().backward()
    return out.detach(), [p.grad.clone() for p in module.parameters() if p.grad is not None]


def assert_same(module: nn.Module, x: Tensor) -> None:
    one, its = gradients(module, module, x)
    other, theirs = gradients(module, shortened(module), x)
    torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
    assert len(theirs) == len(its) > 0
    for a, b in zip(theirs, its, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def products(call: Any, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        call(x)
    return int(counter.get_total_flops())


@pytest.mark.parametrize("name", list(nets.NETS))
def test_every_network_gives_the_same(name: str) -> None:
    torch.manual_seed(0)
    shape = SHAPES.get(name, (1, 64, 64))
    net = nets.build(name, shape, 4)
    module = nn.Sequential(Standardise(torch.tensor(0.1), torch.tensor(2.0)), net).double().eval()
    assert_same(module, batch(shape))


@pytest.mark.parametrize("pool", ["average", "max"])
def test_in_training_too(pool: str) -> None:
    torch.manual_seed(0)
    net = nets.build("cnn-000", (1, 64, 173), 4, pool=pool, dropout=0.0, dense_dropout=0.0)
    assert_same(net.double().train(), batch((1, 64, 173), 2))


@pytest.mark.parametrize("channels", [1, 3])
def test_normalisation_in_training_too(channels: int) -> None:
    torch.manual_seed(0)
    net = nets.build("cnn-001", (channels, 50, 50), 4, dropout=0.0).double().train()
    for p in net.parameters():
        torch.nn.init.normal_(p, 0.1, 0.1)
    twin = copy.deepcopy(net)
    x = batch((channels, 50, 50), 4)
    one, its = gradients(net, net, x)
    other, theirs = gradients(twin, shortened(twin), x)
    torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
    for a, b in zip(theirs, its, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    # The running means are those of the layers themselves.
    due = dict(net.named_buffers())
    for key, value in twin.named_buffers():
        torch.testing.assert_close(value, due[key])


def test_an_averaged_network_takes_a_third_of_the_products() -> None:
    net, x = nets.build("cnn-000", (1, 64, 173), 10), torch.zeros(1, 1, 64, 173)
    assert products(shortened(net), x) < 0.38 * products(net, x)
    pooled = nets.build("cnn-000", (1, 64, 173), 10, pool="max")
    assert products(shortened(pooled), x) == products(pooled, x)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@given(
    channels=st.sampled_from([1, 2, 4]),
    size=st.tuples(st.integers(5, 14), st.integers(5, 14)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    padding=st.sampled_from(["same", "valid", 0, 1, (0, 2)]),
    bias=st.booleans(),
    grouped=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_convolution_with_its_average(
    channels: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    padding: Any,
    bias: bool,
    grouped: bool,
) -> None:
    groups = channels if grouped else 1
    conv = nn.Conv2d(channels, 4, kernel, padding=padding, bias=bias, groups=groups).double()
    module = nn.Sequential(conv, nn.AvgPool2d(2), nn.Flatten())
    x = batch((channels, *size))
    assume(min(conv(x).shape[2:]) >= 2)
    assert_same(module, x)


@pytest.mark.parametrize(
    ("conv", "pool"),
    [
        ({}, {"kernel_size": 3}),
        ({}, {"kernel_size": 2, "stride": 1}),
        ({}, {"kernel_size": 2, "padding": 1}),
        ({}, {"kernel_size": 2, "ceil_mode": True}),
        ({"stride": 2}, {"kernel_size": 2}),
        ({"dilation": 2}, {"kernel_size": 2}),
        ({"padding": 1, "padding_mode": "circular"}, {"kernel_size": 2}),
    ],
)
def test_what_is_no_plain_average_is_left(conv: dict[str, Any], pool: dict[str, Any]) -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3, **conv), nn.AvgPool2d(**pool)).double()
    x = batch((2, 15, 17))
    assert_same(module, x)
    assert products(shortened(module), x) == products(module, x)


def test_layers_within_layers_are_found() -> None:
    inner = nn.Sequential(nn.AvgPool2d(2), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Flatten()))
    branch = nn.Sequential(nn.Sequential(nn.Conv2d(1, 3, 5)), inner)
    module = nn.Sequential(SideBySide(branch, nn.Flatten())).double()
    x = batch((1, 16, 16))
    assert_same(module, x)
    assert products(shortened(module), x) < 0.5 * products(module, x)


def test_what_is_no_sequence_is_called_as_it_is() -> None:
    layer = nn.Linear(3, 2)
    assert shortened(layer) is layer


@pytest.mark.parametrize(
    ("norm", "conv"),
    [
        ({}, {}),
        ({}, {"bias": False}),
        ({}, {"stride": 2, "dilation": 2}),
        ({}, {"padding": 1}),
        ({}, {"padding": "same"}),
        ({}, {"groups": 2}),
        ({"affine": False}, {}),
        ({"momentum": None}, {}),
        ({"track_running_stats": False}, {}),
    ],
)
@pytest.mark.parametrize("learning", [False, True])
def test_any_normalisation_before_a_convolution(
    norm: dict[str, Any], conv: dict[str, Any], learning: bool
) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm2d(2, **norm), nn.Conv2d(2, 4, 3, **conv)).double()
    for p in module.parameters():
        torch.nn.init.normal_(p)
    module.train(learning)
    twin = copy.deepcopy(module)
    x = batch((2, 9, 11))
    for _ in range(2):  # running means of the first change what the second gives
        one, its = gradients(module, module, x)
        other, theirs = gradients(twin, shortened(twin), x)
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
        for a, b in zip(theirs, its, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    for key, value in twin.named_buffers():
        torch.testing.assert_close(value, dict(module.named_buffers())[key])


def test_the_input_gets_its_gradient_where_it_is_asked_for() -> None:
    torch.manual_seed(0)
    module = nets.build("cnn-001", (1, 50, 50), 4).double().eval()
    found = []
    for call in (module, shortened(module)):
        x = batch((1, 50, 50)).requires_grad_()
        call(x).square().sum().backward()
        found.append(x.grad)
    torch.testing.assert_close(found[1], found[0], rtol=1e-8, atol=1e-12)


def test_no_gradient_is_carried_back_to_the_input() -> None:
    module = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 8, 7))
    x = torch.zeros(2, 1, 20, 20)
    counts = [products(lambda x, call=call: call(x).sum().backward(), x) for call in
              (module, shortened(module))]  # fmt: skip
    # Forward, weights, and for the module itself the input as well.
    assert counts[0] * 2 == counts[1] * 3
