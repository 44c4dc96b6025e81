"""Every network on pictures learns what is easy, the same way twice, and goes on after a stop."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from genrewise.training import models
from genrewise.training.models import factories, training_loop
from genrewise.training.models.nets import NETS
from genrewise.training.models.skorch_net import Network

#: Small networks with the rows that they take; what is printed of their layers is as it is.
SMALL = {
    "cnn-001": ((1, 50, 50), {"filters": (8, 8, 8)}),
    "cnn-002": ((1, 24, 24), {"filters": (4, 8, 8), "units": 16}),
    "cnn-003": ((1, 24, 24), {"filters": (4, 8), "units": 16, "lr": 3e-3, "kernel": 5}),
    "cnn-004": ((1, 32, 40), {"filters": (4, 4, 8, 8, 8), "units": 16, "lr": 3e-3}),
    "crnn-004": ((1, 32, 40), {"filters": (4, 4, 8, 8, 8), "recurrent_units": 8, "lr": 3e-3}),
}


def bands(shape, n=60, seed=0):
    """Noise that is louder in one of three places of the rows, by the label."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, *shape)).astype(np.float32)
    third = shape[1] // 3
    for row, label in zip(X, y, strict=True):
        row[:, label * third : (label + 1) * third] += 1.5
    return X, y


def made(name, seed=0, **params):
    given = {"max_epochs": 14, "batch_size": 10, "patience": 0, "plateau": None}
    return models.make(name, 3, seed, **(given | SMALL[name][1] | params))


def weights(net):
    return [v.numpy().copy() for v in net.module_.state_dict().values()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("name", list(SMALL))
def test_what_is_easy_is_learnt(name):
    shape = SMALL[name][0]
    X, y = bands(shape)
    other, truth = bands(shape, seed=1)
    net = models.fit(made(name, precision="float32"), X, y, valid=(X, y))
    assert (net.predict(other) == truth).mean() > 0.9
    assert net.embed(other).shape[0] == 60


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(name, precision):
    X, y = bands(SMALL[name][0])
    given = {"max_epochs": 2, "precision": precision}
    one, two, other = (
        models.fit(made(name, seed, **given), X, y, valid=(X, y)) for seed in (1, 1, 2)
    )
    assert one.precision_ == precision
    assert same(one, two)
    assert not same(one, other)
    assert [row["train_loss"] for row in one.history_] == [
        row["train_loss"] for row in two.history_
    ]


@pytest.mark.parametrize("name", list(SMALL))
def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(name, tmp_path, monkeypatch):
    X, y = bands(SMALL[name][0])
    given = {"max_epochs": 4, "precision": "bfloat16"}
    straight = models.fit(made(name, **given), X, y, valid=(X, y))
    given["checkpoint"] = str(tmp_path / "net.pt")
    save = training_loop.Keeper._save

    def save_and_stop(self, net):
        save(self, net)
        if len(self.rows) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_loop.Keeper, "_save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            models.fit(made(name, **given), X, y, valid=(X, y))
    resumed = models.fit(made(name, **given), X, y, valid=(X, y))
    assert len(resumed.history_) == 4
    assert same(resumed, straight)


def test_precision_is_the_same_choice_every_time():
    """By a rule, not a clock: two runs of one recipe never differ by it."""
    X, y = bands(SMALL["cnn-002"][0])
    found = {
        models.fit(made("cnn-002", max_epochs=1), X, y, valid=(X, y)).precision_ for _ in range(3)
    }
    assert len(found) == 1


# the registry


def test_every_architecture_has_a_factory_and_is_registered():
    assert {name.replace("-", "_") for name in NETS} == set(factories.__all__)
    assert set(NETS) <= set(models.MODELS)


@pytest.mark.parametrize("name", list(NETS))
def test_a_factory_takes_the_settings_of_both(name):
    """Every keyword of the architecture with its default, and every setting of the estimator."""
    known = models.parameters(name)
    own = {
        p.name: p.default
        for p in inspect.signature(NETS[name]).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    settings = set(Network().get_params()) - {"architecture", "n_classes", "params", "seed"}
    assert set(known) == set(own) | settings
    assert not set(own) & settings
    assert {key: known[key] for key in own} == own


@pytest.mark.parametrize("name", list(NETS))
def test_a_factory_hands_every_setting_on(name):
    net = models.make(name, 4, 7, lr=0.125, batch_size=3)
    assert (net.architecture, net.n_classes, net.seed) == (name, 4, 7)
    assert (net.lr, net.batch_size) == (0.125, 3)
    known = models.parameters(name)
    for key, value in net.get_params().items():
        if key in known and key not in ("lr", "batch_size"):
            assert value == known[key], key
    assert all(net.params[key] == known[key] for key in net.params)


def test_lists_of_a_file_are_as_good_as_tuples():
    one = models.make("cnn-003", 4, filters=[8, 16], plateau=[0.3, 10])
    other = models.make("cnn-003", 4, filters=(8, 16), plateau=(0.3, 10))
    assert one.get_params() == other.get_params()


def test_what_authors_print_of_the_fit_is_the_default():
    def of(name, *keys):
        return tuple(models.parameters(name)[key] for key in keys)

    assert of("cnn-000", "optimiser", "max_epochs", "patience") == ("adam", 90, 20)
    assert of("ann-001", "optimiser", "batch_size", "max_epochs") == ("adam", 32, 100)
    assert of("cnn-001", "optimiser", "batch_size", "standardise") == ("sgd", 32, "none")
    assert models.parameters("cnn-001")["lr_decay"] > 0
    assert models.make("cnn-001", 10, optimiser="adam", lr_decay=0.0).optimiser == "adam"
    assert of("cnn-002", "class_weight") == ("balanced",)
    assert of("cnn-003", "optimiser", "lr", "patience") == ("adam", 1e-4, 15)
    assert of("cnn-003", "kernel", "monitor", "plateau") == (7, "valid_loss", (0.1, 5))


def test_convolutions_of_a_fitted_network_lie_by_channels():
    """Kept so for answers: the layout of the weights decides that of the sums."""
    X, y = bands(SMALL["cnn-002"][0])
    net = models.fit(made("cnn-002", max_epochs=1), X, y, valid=(X, y))
    second = [m for m in net.module_.modules() if isinstance(m, torch.nn.Conv2d)][1]
    assert second.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.export_module().net[1][3].weight.is_contiguous()
