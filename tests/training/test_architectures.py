"""The networks of the systems: layers and numbers of parameters as their authors print them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.models import nets
from genrewise.training.models.nets.convolutional import CNN_000_PARAMETERS, CNN_000_SHAPES
from genrewise.training.models.nets.parallel import BothWays
from genrewise.training.models.nets.parts import Affine, SideBySide, after

#: A row that each takes, and rows that none of them does.
SHAPES = {
    "mlp": (40,),
    "cnn-000": (1, 64, 173),
    "ann-001": (1, 16, 16),
    "cnn-001": (3, 52, 50),
    "cnn-002": (1, 32, 24),
    "cnn-003": (1, 16, 40),
    "cnn-004": (1, 32, 70),
    "crnn-004": (1, 64, 33),
}


def leaves(net):
    """Names of the layers that do something, in order."""
    return [type(m).__name__ for m in net.modules() if not list(m.children())]


def counts(net):
    """Parameters of every layer that has some."""
    found = [
        sum(p.numel() for p in m.parameters()) for m in net.modules() if not list(m.children())
    ]
    return [n for n in found if n]


def rows(shape, n=2, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def test_there_is_a_row_for_each():
    assert SHAPES.keys() == nets.NETS.keys()


@pytest.mark.parametrize("name", list(nets.NETS))
@pytest.mark.parametrize("n_classes", [2, 10])
def test_every_network_ends_in_a_dense_layer_with_an_output_a_label(name, n_classes):
    net = nets.build(name, SHAPES[name], n_classes)
    assert isinstance(net, nn.Sequential)
    assert isinstance(net[-1], nn.Linear)
    assert net.training
    x = rows(SHAPES[name])
    assert net(x).shape == (2, n_classes)
    body = net[:-1].eval()
    assert torch.equal(net.eval()(x), net[-1](body(x)))


@pytest.mark.parametrize("name", list(nets.NETS))
def test_building_draws_the_weights_and_nothing_else(name):
    """Asking a network for its shapes leaves no trace in random numbers or running means."""
    torch.manual_seed(3)
    one = nets.build(name, SHAPES[name], 4)
    torch.manual_seed(3)
    other = nets.build(name, SHAPES[name], 4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )
    means = [v for k, v in one.state_dict().items() if k.endswith("running_mean")]
    assert all((v == 0).all() for v in means)


@pytest.mark.parametrize("name", [n for n in SHAPES if n not in ("mlp", "ann-001")])
@pytest.mark.parametrize("shape", [(40,), (64, 173), (1, 4, 4)])
def test_rows_that_are_no_pictures_or_too_small_are_refused(name, shape):
    with pytest.raises(RecipeError, match=name):
        nets.build(name, shape, 4)


def test_names_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean cnn-00"):
        nets.build("cnn-0000", (1, 64, 173), 10)


# system 000


def test_cnn_000_has_the_printed_number_of_parameters():
    net = nets.build("cnn-000", (1, 64, 173), 10)
    assert counts(net) == [624, 28_848, 57_648, 451_648, 650]
    assert sum(counts(net)) == CNN_000_PARAMETERS == 539_418


def test_cnn_000_has_the_printed_shapes():
    net = nets.build("cnn-000", (1, 64, 173), 10)
    x = torch.zeros(2, 1, 64, 173)
    for block, shape in zip(list(net)[:4], CNN_000_SHAPES, strict=True):
        x = block(x)
        assert tuple(x.shape[1:]) == shape
    assert nn.Flatten()(x).shape == (2, 7056)
    assert net(torch.zeros(2, 1, 64, 173)).shape == (2, 10)


def test_cnn_000_pools_by_the_mean_before_its_relu_as_the_table_says():
    net = nets.build("cnn-000", (1, 64, 173), 10)
    second = list(net)[1]
    x = torch.randn(1, 24, 60, 169)
    expected = torch.relu(nn.functional.avg_pool2d(x, 2))
    assert torch.equal(second[1](second[0](x)), expected)
    assert isinstance(list(nets.build("cnn-000", (1, 64, 173), 4, pool="max"))[1][0], nn.MaxPool2d)


def test_cnn_000_drops_out_in_the_dense_part_only():
    net = nets.build("cnn-000", (1, 64, 173), 10, dropout=0.4, dense_dropout=0.2)
    kinds = [type(m).__name__ for m in net]
    assert kinds.index("Dropout") > kinds.index("Flatten")
    assert [m.p for m in net if isinstance(m, nn.Dropout)] == [0.4, 0.2]


def test_cnn_000_refuses_other_windows():
    with pytest.raises(RecipeError, match=r"\(1, 128, 128\) for cnn-000.*64 mel bands"):
        nets.build("cnn-000", (1, 128, 128), 10)
    with pytest.raises(UnknownName, match="Did you mean max"):
        nets.build("cnn-000", (1, 64, 173), 10, pool="maxx")


# system 001


def test_ann_001_is_five_dense_layers():
    net = nets.build("ann-001", (1, 64, 64), 10)
    assert leaves(net) == ["Flatten", *["Linear", "ReLU"] * 4, "Linear"]
    assert [m.out_features for m in net if isinstance(m, nn.Linear)] == [512, 256, 128, 64, 10]
    assert counts(net) == [4096 * 512 + 512, 131_328, 32_896, 8_256, 650]


def test_ann_001_takes_a_few_values_too():
    assert counts(nets.build("ann-001", (26,), 10))[0] == 27 * 512


def test_cnn_001_is_the_printed_code():
    net = nets.build("cnn-001", (1, 128, 128), 10)
    block = ["Conv2d", "ReLU", "MaxPool2d", "BatchNorm2d"]
    dense = ["Flatten", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
    assert leaves(net) == ["BatchNorm2d", *block * 3, *dense]
    convolutions = [m for m in net if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 128, 256]
    assert {m.kernel_size for m in convolutions} == {(7, 7)}
    assert {(m.stride, m.padding) for m in convolutions} == {((1, 1), (0, 0))}
    assert next(m.p for m in net if isinstance(m, nn.Dropout)) == 0.5


def test_cnn_001_has_the_sizes_that_its_layers_give():
    """128 → 122 → 61 → 55 → 27 → 21 → 10: without padding, halves rounded down."""
    net = nets.build("cnn-001", (1, 128, 128), 10)
    x, sizes = rows((1, 128, 128)), []
    for layer in net.eval():
        x = layer(x)
        sizes += [tuple(x.shape[1:])] if isinstance(layer, nn.MaxPool2d) else []
    assert sizes == [(64, 61, 61), (128, 27, 27), (256, 10, 10)]
    assert counts(net) == [
        *(2, 49 * 64 + 64, 128),
        *(49 * 64 * 128 + 128, 256),
        *(49 * 128 * 256 + 256, 512),
        *(25_600 * 32 + 32, 64, 330),
    ]


def test_cnn_001_takes_colour_and_its_normalisation_is_the_printed_librarys():
    net = nets.build("cnn-001", (3, 64, 80), 10)
    assert net[1].in_channels == 3
    normal = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert len(normal) == 5
    assert {(m.momentum, m.eps) for m in normal} == {(0.01, 1e-3)}


def test_cnn_001_needs_fifty_rows():
    nets.build("cnn-001", (1, 50, 50), 10)
    with pytest.raises(RecipeError, match="pictures of 49x50 for cnn-001; expected larger"):
        nets.build("cnn-001", (1, 49, 50), 10)


# system 002


def test_cnn_002_is_the_printed_code():
    net = nets.build("cnn-002", (1, 128, 128), 5)
    block = ["Conv2d", "ReLU", "MaxPool2d"]
    assert leaves(net) == [*block * 3, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert counts(net) == [320, 18_496, 73_856, 8_388_864, 1_285]
    x, sizes = rows((1, 128, 128)), []
    for layer in net.eval():
        x = layer(x)
        sizes += [tuple(x.shape[1:])] if isinstance(layer, nn.MaxPool2d) else []
    assert sizes == [(32, 64, 64), (64, 32, 32), (128, 16, 16)]
    assert net[-2].p == 0.5


# system 003


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_cnn_003_has_the_kernel_of_the_sweep(kernel):
    net = nets.build("cnn-003", (1, 128, 128), 10, kernel=kernel, filters=(8, 16), units=32)
    block = ["Conv2d", "ReLU", "MaxPool2d", "Dropout"]
    assert leaves(net) == [*block * 2, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert {m.kernel_size for m in net if isinstance(m, nn.Conv2d)} == {(kernel, kernel)}
    square = kernel * kernel
    dense = 16 * 32 * 32 * 32 + 32
    assert counts(net) == [square * 8 + 8, square * 8 * 16 + 16, dense, 330]


def test_cnn_003_has_seven_by_seven_as_its_base():
    net = nets.build("cnn-003", (1, 128, 128), 10, dropout=0.1, dense_dropout=0.4)
    assert {m.kernel_size for m in net if isinstance(m, nn.Conv2d)} == {(7, 7)}
    assert [m.p for m in net if isinstance(m, nn.Dropout)] == [0.1, 0.1, 0.1, 0.4]


# system 004


@pytest.mark.parametrize("name", ["cnn-004", "crnn-004"])
def test_system_004_has_five_modules(name):
    net = nets.build(name, (1, 64, 173), 8)
    module = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Dropout"]
    assert leaves(net)[:26] == [*module * 5, "Flatten"]
    assert [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)] == [
        16, 32, 64, 64, 64,
    ]  # fmt: skip
    with pytest.raises(RecipeError, match="3 filters for system 004; expected 5"):
        nets.build(name, (1, 64, 173), 8, filters=(8, 16, 32))


def test_cnn_004_is_flat_then_dense():
    net = nets.build("cnn-004", (1, 64, 173), 8, units=20)
    assert leaves(net)[26:] == ["Linear", "ReLU", "Linear"]
    assert net[0](rows((1, 64, 173))).shape == (2, 64 * 2 * 5)
    assert counts(net)[-2:] == [640 * 20 + 20, 168]


def test_crnn_004_joins_both_branches_on_the_same_input():
    net = nets.build("crnn-004", (1, 64, 173), 8, recurrent_units=24, columns=2).eval()
    assert isinstance(net[0], SideBySide)
    modules, recurrent = net[0].branches
    x = rows((1, 64, 173))
    assert torch.equal(net[0](x), torch.cat([modules(x), recurrent(x)], dim=1))
    assert net[1].in_features == 640 + 2 * 24


def test_crnn_004_has_the_modules_of_cnn_004():
    alone = nets.build("cnn-004", (1, 64, 173), 8)[0]
    beside = nets.build("crnn-004", (1, 64, 173), 8)[0].branches[0]
    assert str(alone) == str(beside)
    beside.load_state_dict(alone.state_dict())
    x = rows((1, 64, 173))
    assert torch.equal(alone.eval()(x), beside.eval()(x))


def test_the_recurrent_network_reads_both_ways():
    """Its first half is a run over the columns, its second one over them backwards."""
    both = BothWays((2, 6, 12), units=5, columns=3)
    x = rows((2, 6, 12), n=3)
    steps = x.reshape(3, 12, 4, 3).mean(dim=3).transpose(1, 2)
    forth = nn.GRU(12, 5, batch_first=True)
    back = nn.GRU(12, 5, batch_first=True)
    for name, value in both.recurrent.named_parameters():
        one_way = back if name.endswith("_reverse") else forth
        getattr(one_way, name.removesuffix("_reverse")).data = value.data
    expected = torch.cat([forth(steps)[1][0], back(steps.flip(1))[1][0]], dim=1)
    assert torch.allclose(both(x), expected, atol=1e-6)


# parts


def test_an_affine_map_behind_a_network():
    net = nn.Linear(4, 3)
    matrix, offset = torch.randn(3, 2), torch.randn(2)
    x = torch.randn(5, 4)
    mapped = Affine(net, matrix, offset)(x)
    assert torch.allclose(mapped, net(x) @ matrix + offset, atol=1e-6)


def test_the_shape_behind_layers_is_what_they_give_and_leaves_them_as_they_were():
    layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.MaxPool2d(2))
    before = {k: v.clone() for k, v in layers.state_dict().items()}
    assert after(layers, (1, 9, 12), "it") == (3, 3, 5)
    assert layers.training
    assert all(torch.equal(v, before[k]) for k, v in layers.state_dict().items())
