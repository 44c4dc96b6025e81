"""What networks learn from: windows cut when they are asked for, moved, changed; weights to
start from, and the values before the last layer."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from genrewise.errors import RecipeError, UnknownName
from genrewise.training import models
from genrewise.training.frames import Cuts
from genrewise.training.models import rows, training_loop
from genrewise.training.models.skorch_net import Network
from genrewise.training.models.weights import load_weights, save_weights

BANDS, FRAMES, LONG = 6, 8, 30


class Watched(Cuts):
    """Cuts that note what is asked of them."""

    asked: list[int] = []  # noqa: RUF012  # of all of them, by intent
    places: list[np.ndarray] = []  # noqa: RUF012

    def __getitem__(self, which):
        found = super().__getitem__(which)
        self.asked.append(len(found))
        return found

    def moved(self, rng):
        found = super().moved(rng)
        self.places.append(found.at)
        return found


@pytest.fixture(autouse=True)
def _nothing_asked():
    Watched.asked.clear()
    Watched.places.clear()


def cuts(tracks=60, each=4, seed=0, apart=1.5, kind=Watched):
    """Windows of tracks whose bands tell the label; groups are the tracks."""
    rng = np.random.default_rng(seed)
    label = np.arange(tracks) % 3
    frames = rng.normal(size=(tracks, LONG, BANDS)).astype(np.float32)
    frames += (apart * np.eye(3, BANDS)[label])[:, None].astype(np.float32)
    track = np.repeat(np.arange(tracks), each)
    at = track * LONG + rng.integers(0, LONG - FRAMES, len(track))
    X = kind(frames.reshape(-1, BANDS), at, track * LONG, track * LONG + LONG, FRAMES)
    return X, label[track], track


def whole(X):
    return Cuts.__getitem__(X, np.arange(len(X)))


def small(**params):
    given = {"hidden": (16,), "max_epochs": 6, "lr": 5e-3, "batch_size": 32}
    return models.make("mlp", 3, 4, **(given | params))


def weights(net):
    return {k: v.numpy().copy() for k, v in net.module_.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert np.array_equal(one[key], other[key]), key


def without_times(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


# windows that are cut when they are asked for


@pytest.mark.parametrize("standardise", ["none", "feature", "band", "global"])
def test_windows_cut_on_the_way_teach_what_an_array_of_them_teaches(standardise):
    X, y, groups = cuts()
    lazy = models.fit(small(standardise=standardise), X, y, groups=groups)
    array = models.fit(small(standardise=standardise), whole(X), y, groups=groups)
    assert_same(weights(lazy), weights(array))
    assert without_times(lazy.history_) == without_times(array.history_)
    assert np.array_equal(lazy.predict_proba(X), array.predict_proba(whole(X)))
    assert np.array_equal(lazy.predict(X), array.predict(whole(X)))
    assert np.array_equal(lazy.embed(X), array.embed(whole(X)))


def test_a_validation_side_may_be_windows_too():
    X, y, _ = cuts()
    other, truth, _ = cuts(seed=1)
    lazy = models.fit(small(), X, y, valid=(other, truth))
    array = models.fit(small(), whole(X), y, valid=(whole(other), truth))
    assert_same(weights(lazy), weights(array))
    assert lazy.history_[-1]["valid_accuracy"] > 0.8


def test_never_more_windows_at_once_than_a_batch_or_a_block():
    X, y, groups = cuts(tracks=240, each=5)
    net = models.fit(small(max_epochs=2), X, y, groups=groups)
    net.predict_proba(X)
    net.embed(X)
    assert max(Watched.asked) <= rows.BLOCK
    assert sum(n > 33 for n in Watched.asked) < 20  # blocks are for moments and answers only


def test_windows_and_labels_must_be_as_many():
    X, y, _ = cuts()
    with pytest.raises(RecipeError, match="240 windows with 239 labels"):
        models.fit(small(), X, y[:-1])


def test_blocks_and_moments_of_windows_are_those_of_the_array():
    X, _, _ = cuts(tracks=90)
    assert np.array_equal(np.concatenate(list(rows.blocks(X))), whole(X))
    for kind in ("feature", "band", "global"):
        for a, b in zip(rows.moments(X, kind), rows.moments(whole(X), kind), strict=True):
            assert np.array_equal(a, b)
    taken = rows.take(X, np.array([5, 2]))
    assert rows.is_lazy(taken)
    assert np.array_equal(taken[np.arange(2)], whole(X)[[5, 2]])
    assert not rows.is_lazy(rows.take(whole(X), np.array([5, 2])))


def test_moments_keep_their_digits_far_from_zero():
    rng = np.random.default_rng(0)
    X = (1e5 + rng.normal(size=(2000, 3))).astype(np.float32)
    mean, deviation = rows.moments(X, "feature")
    assert np.allclose(mean, X.mean(0, dtype=np.float64), rtol=1e-7)
    assert np.allclose(deviation, X.std(0, dtype=np.float64), rtol=1e-6)


def test_moments_of_nothing_are_refused():
    with pytest.raises(RecipeError, match="0 rows for a network"):
        rows.moments(np.zeros((0, 3), np.float32), "feature")


# random crops


def test_every_epoch_has_new_windows_of_the_same_tracks():
    X, y, groups = cuts()
    net = models.fit(small(random_crop=True, validation=0.0), X, y, groups=groups)
    assert len(Watched.places) == len(net.history_) == 6
    for at in Watched.places:
        assert (at >= X.low).all()
        assert (at + FRAMES <= X.high).all()
    assert len({at.tobytes() for at in [*Watched.places, X.at]}) == 7


def test_crops_hang_on_the_seed_and_nothing_else():
    X, y, groups = cuts()
    fits = [
        models.fit(small(random_crop=True).set_params(seed=seed), X, y, groups=groups)
        for seed in (0, 0, 1)
    ]
    assert_same(weights(fits[0]), weights(fits[1]))
    first, second, third = np.split(np.stack([p[:200] for p in Watched.places]), 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_the_validation_side_is_not_moved(monkeypatch):
    X, y, _ = cuts()
    other, truth, _ = cuts(seed=1)
    seen = []
    iterate = training_loop.Batches.__iter__

    def spy(self):
        for x, labels in iterate(self):
            if not self.shuffle:
                seen.append(x.numpy().copy())
            yield x, labels

    monkeypatch.setattr(training_loop.Batches, "__iter__", spy)
    models.fit(small(random_crop=True, max_epochs=3), X, y, valid=(other, truth))
    assert np.array_equal(np.concatenate(seen), np.concatenate([whole(other)] * 3))


def test_windows_that_are_cut_already_cannot_be_moved():
    X, y, _ = cuts()
    with pytest.raises(RecipeError, match=r"random_crop with windows that are cut.*Leave"):
        models.fit(small(random_crop=True), whole(X), y)


def test_a_killed_fit_with_crops_and_changes_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    X, y, groups = cuts()
    given = {
        "random_crop": True,
        "augment": {"kinds": ("mirror", "mixup"), "probability": 0.5},
        "optimiser": "sgd",
        "lr_decay": 1e-2,
        "max_epochs": 5,
    }
    straight = models.fit(small(**given), X, y, groups=groups)
    judge = training_loop.Keeper.on_batch_end

    def interrupt(self, net, **found):
        judge(self, net, **found)
        if len(self.rows) == 3:
            raise KeyboardInterrupt

    file = str(tmp_path / "net.pt")
    with monkeypatch.context() as patch:
        patch.setattr(training_loop.Keeper, "on_batch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            models.fit(small(**given, checkpoint=file), X, y, groups=groups)
    resumed = models.fit(small(**given, checkpoint=file), X, y, groups=groups)
    assert without_times(resumed.history_) == without_times(straight.history_)
    assert_same(weights(resumed), weights(straight))


# changed batches


def seen_batches(monkeypatch, net, X, y, **more):
    """What training and validation batches hold, epoch by epoch."""
    seen = {True: [], False: []}
    judge = training_loop.Keeper.on_batch_end

    def spy(self, net, batch=None, training=False, **found):
        seen[training].append(tuple(part.numpy().copy() for part in batch))
        judge(self, net, batch=batch, training=training, **found)

    monkeypatch.setattr(training_loop.Keeper, "on_batch_end", spy)
    models.fit(net, X, y, **more)
    return seen


def test_training_batches_are_changed_and_no_others(monkeypatch):
    X, y, _ = cuts()
    array = whole(X)
    augment = {"kinds": ("mirror",), "probability": 1.0, "mode": "inline"}
    net = small(augment=augment, max_epochs=1)
    seen = seen_batches(monkeypatch, net, array, y, valid=(array, y))
    known = {row.tobytes() for row in array}
    assert all(row.tobytes() in known for x, _ in seen[False] for row in x)
    mirrored = {row[:, :, ::-1].tobytes() for row in array}
    assert all(row.tobytes() in mirrored for x, _ in seen[True] for row in x)


def test_mixtures_have_shares_of_labels_and_are_counted(monkeypatch):
    X, y, groups = cuts(apart=3.0)
    augment = {"kinds": ("mixup",), "probability": 1.0}
    net = small(augment=augment, max_epochs=15, class_weight="balanced")
    seen = seen_batches(monkeypatch, net, X, y, groups=groups)
    shares = np.concatenate([target for _, target in seen[True]])
    assert shares.shape[1] == 3
    assert np.allclose(shares.sum(1), 1.0)
    assert ((shares > 0.1) & (shares < 0.9)).any()
    assert all(target.dtype == np.int64 for _, target in seen[False])
    assert 0.6 < net.history_[-1]["train_accuracy"] <= 1.0
    assert (net.predict(X) == y).mean() > 0.95


def test_the_same_changes_come_with_the_same_seed():
    X, y, groups = cuts()
    augment = {"kinds": ("spec-augment", "mixup"), "probability": 0.7}
    one, other, plain = (
        models.fit(small(augment=given), X, y, groups=groups) for given in (augment, augment, None)
    )
    assert_same(weights(one), weights(other))
    assert not np.array_equal(one.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    "augment",
    [
        {"kinds": ("mirror",), "probability": 1.0, "mode": "saved"},
        {"kinds": (), "probability": 0.5, "mode": "inline"},
        {},
    ],
)
def test_what_is_not_inline_leaves_batches_alone(augment):
    X, y, groups = cuts()
    plain = models.fit(small(), X, y, groups=groups)
    assert_same(weights(models.fit(small(augment=augment), X, y, groups=groups)), weights(plain))


def test_kinds_that_are_none_are_refused():
    X, y, groups = cuts()
    with pytest.raises(UnknownName, match="Did you mean mirror"):
        models.fit(small(augment={"kinds": ("miror",), "probability": 1.0}), X, y, groups=groups)


# learning rate and loss


def test_the_rate_falls_with_the_steps_as_in_keras():
    X, y, _ = cuts()
    net = small(optimiser="sgd", lr=0.1, lr_decay=0.05, validation=0.0, max_epochs=3)
    models.fit(net, X, y)
    steps = 8  # 240 windows in batches of 32
    last = [0.1 / (1 + 0.05 * (steps * epoch - 1)) for epoch in (1, 2, 3)]
    assert [row["lr"] for row in net.history_] == pytest.approx(last)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"lr_decay": -0.1}, "lr_decay -0.1"),
        ({"lr_decay": 0.1, "plateau": (0.5, 3)}, "or a plateau"),
        ({"plateau": (1.5, 3)}, "a factor below 1"),
        ({"plateau": (0.5, 0)}, "1 or more epochs"),
    ],
)
def test_rates_outside_their_range_are_refused(params, said):
    X, y, _ = cuts()
    with pytest.raises(RecipeError, match=said):
        models.fit(small(**params), X, y)


def test_labels_are_weighted_in_training_only():
    """The validation loss is the mean over the rows, whatever their labels weigh."""
    X, y, _ = cuts(apart=0.5)
    rare = (y != 2) | (np.arange(len(y)) % 4 == 0)
    X, y = X.select(rare), y[rare]
    net = small(class_weight="balanced", max_epochs=8)
    models.fit(net, X, y, valid=(X, y))
    p = net.predict_proba(X)[np.arange(len(y)), y]
    best = net.history_[net.best_epoch_ - 1]["valid_loss"]
    assert best == pytest.approx(-np.log(p).mean(), rel=1e-4)


# weights to start from, and what lies before the last layer


@pytest.fixture
def first(tmp_path):
    """A network that has learnt three labels, and the file of its weights."""
    X, y, groups = cuts()
    net = models.fit(small(), X, y, groups=groups)
    file = tmp_path / "deep" / "first.npz"
    net.save_weights(file)
    return net, file


def still(n_classes, **params):
    """A network that hardly moves from where it starts."""
    given = {"hidden": (16,), "max_epochs": 1, "lr": 1e-12, "weight_decay": 0.0}
    return models.make("mlp", n_classes, 9, **(given | params))


def test_weights_that_are_read_are_those_that_were_written(first):
    net, file = first
    X, y, groups = cuts()
    with np.load(file) as written:
        assert set(written.files) == set(net.module_[1].state_dict())
    same = models.fit(still(3, start=str(file)), X, y, groups=groups)
    assert set(same.started_from_) == {
        k for k, v in net.module_[1].state_dict().items() if v.is_floating_point()
    }
    for key in ("1.1.weight", "1.5.weight", "1.5.bias"):
        assert np.allclose(weights(same)[key], weights(net)[key], atol=1e-9)


def test_of_other_labels_the_last_layer_is_new_and_the_rest_is_kept(first):
    net, file = first
    X, y, groups = cuts()
    five = models.fit(still(5, start=str(file)), X, y, groups=groups)
    fresh = models.fit(still(5), X, y, groups=groups)
    assert not {"5.weight", "5.bias"} & set(five.started_from_)
    assert np.allclose(weights(five)["1.1.weight"], weights(net)["1.1.weight"], atol=1e-9)
    for key in ("1.5.weight", "1.5.bias"):
        assert np.array_equal(weights(five)[key], weights(fresh)[key])


def test_all_layers_go_on_learning(first):
    _, file = first
    X, y, groups = cuts(seed=2)
    begun = models.fit(still(5, start=str(file)), X, y, groups=groups)
    moved = models.fit(still(5, start=str(file), lr=1e-2), X, y, groups=groups)
    for name, value in moved.module_[1].named_parameters():
        assert not torch.allclose(value, dict(begun.module_[1].named_parameters())[name]), name


def test_what_was_learnt_helps_where_there_is_little(first):
    _, file = first
    X, y, groups = cuts(tracks=12, each=1, seed=5)
    other, truth, _ = cuts(seed=6)
    given = {"max_epochs": 2, "validation": 0.0}
    helped = models.fit(small(**given, start=str(file)), X, y, groups=groups)
    alone = models.fit(small(**given), X, y, groups=groups)
    right = [(net.predict(other) == truth).mean() for net in (helped, alone)]
    assert right[0] > right[1] + 0.2


def test_the_same_weights_give_the_same_bytes(first, tmp_path):
    net, file = first
    net.save_weights(tmp_path / "again.npz")
    digests = {hashlib.sha256(p.read_bytes()).digest() for p in (file, tmp_path / "again.npz")}
    assert len(digests) == 1


def test_weights_of_which_none_fits_are_refused(tmp_path):
    save_weights(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), tmp_path / "other.npz")
    X, y, groups = cuts()
    with pytest.raises(RecipeError, match=r"none of its 7 tensors fits.*same architecture"):
        models.fit(small(start=str(tmp_path / "other.npz")), X, y, groups=groups)


def test_a_counter_of_batches_is_no_weight(tmp_path):
    np.savez(tmp_path / "w.npz", **{"1.num_batches_tracked": np.array(7)})
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    with pytest.raises(RecipeError, match="none of its 1 tensors"):
        load_weights(net, tmp_path / "w.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_file_of_no_weights_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(RecipeError, match=r"w\.npz: no file of weights") as error:
        load_weights(nn.Linear(2, 2), tmp_path / "w.npz")
    assert "\n" not in str(error.value)


def test_a_file_of_weights_cannot_run_code(tmp_path):
    np.savez(tmp_path / "w.npz", weight=np.array([print], dtype=object))
    with pytest.raises(RecipeError, match="no file of weights"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.npz")


def test_places_without_weights_or_for_none_are_said(tmp_path):
    with pytest.raises(RecipeError, match=r"gone\.npz: No such file"):
        load_weights(nn.Linear(2, 2), tmp_path / "gone.npz")
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match="a place for weights"):
        save_weights(nn.Linear(2, 2), tmp_path / "file" / "w.npz")


def test_the_embedding_is_what_the_last_layer_sees(first):
    net, _ = first
    X, _, _ = cuts(seed=3)
    values = net.embed(X)
    assert values.shape == (240, 16)
    assert values.dtype == np.float64
    last = net.module_[1][-1]
    scores = values @ last.weight.detach().numpy().T.astype(float) + last.bias.detach().numpy()
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert np.allclose(p, net.predict_proba(X), atol=1e-5)


def test_an_embedding_may_be_mapped_on(first):
    net, _ = first
    X, _, _ = cuts(seed=3)
    rng = np.random.default_rng(0)
    matrix, offset = rng.normal(size=(16, 5)), rng.normal(size=5)
    module = net.embedding_module(matrix, offset)
    assert not module.training
    with torch.inference_mode():
        mapped = module(torch.from_numpy(whole(X))).numpy()
    assert np.allclose(mapped, net.embed(X) @ matrix + offset, atol=1e-4)


def test_an_estimator_that_has_learnt_nothing_has_nothing_to_give(tmp_path):
    from sklearn.exceptions import NotFittedError

    net = Network()
    for ask in (
        lambda: net.embed(np.zeros((1, 2))),
        lambda: net.save_weights(tmp_path / "w.npz"),
        lambda: net.embedding_module(np.zeros((2, 2)), np.zeros(2)),
    ):
        with pytest.raises(NotFittedError):
            ask()
    assert not list(tmp_path.iterdir())
