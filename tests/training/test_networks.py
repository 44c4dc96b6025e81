"""Networks: stopping, restoring, and going on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from genrewise.errors import RecipeError, UnknownName
from genrewise.training import models
from genrewise.training.models import nets, precision, rows, training_loop
from genrewise.training.models.skorch_net import Network


def music(n=240, n_classes=3, d=12, seed=0, apart=1.5):
    rng = np.random.default_rng(seed)
    y = np.arange(n) // 3 % n_classes
    X = rng.normal(size=(n, d)) + apart * np.eye(n_classes, d)[y]
    return (X * np.logspace(-2, 3, d) + 10.0).astype(np.float32), y, np.arange(n) // 3


def quick(**params):
    return models.make("mlp", 3, **({"hidden": (16,), "max_epochs": 12, "lr": 5e-3} | params))


def weights(net):
    return {k: v.numpy().copy() for k, v in net.module_.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert np.array_equal(one[key], other[key]), key


def test_cnn_000_learns_what_bands_tell():
    rng = np.random.default_rng(0)
    y = np.arange(48) % 2
    X = rng.normal(size=(48, 1, 64, 173)).astype(np.float32) - 8.0
    X[y == 1, :, 10:30] += 1.0
    cnn = models.make(
        "cnn-000", 2, 0, max_epochs=6, batch_size=8, precision="float32", lr=2e-3, patience=0
    )
    models.fit(cnn, X, y, groups=np.arange(48))
    assert (cnn.predict(X) == y).mean() > 0.9
    assert cnn.module_[0].mean.shape == (1, 1, 1)
    assert cnn.module_[0].mean.item() == pytest.approx(X.mean(), abs=0.2)


# stopping, restoring, history


def test_the_best_epochs_weights_are_restored():
    X, y, groups = music(120, apart=0.6)
    other, truth, _ = music(120, seed=1, apart=0.6)
    net = quick(max_epochs=60, patience=8, dropout=0.0, lr=2e-2)
    models.fit(net, X, y, groups=groups, valid=(other, truth))
    losses = [row["valid_loss"] for row in net.history_]
    assert net.best_epoch_ == int(np.argmin(losses)) + 1
    assert len(losses) == net.best_epoch_ + 8 < 60
    p = net.predict_proba(other)[np.arange(120), truth]
    assert -np.log(p).mean() == pytest.approx(min(losses), rel=1e-4)
    assert losses[-1] > 1.02 * min(losses)


def test_the_score_watched_may_be_the_accuracy():
    X, y, groups = music(120, apart=0.6)
    net = quick(max_epochs=40, patience=5, monitor="valid_accuracy")
    models.fit(net, X, y, groups=groups)
    scores = [row["valid_accuracy"] for row in net.history_]
    assert net.best_epoch_ == int(np.argmax(scores)) + 1
    assert len(scores) == min(40, net.best_epoch_ + 5)


def test_history_says_what_happened():
    X, y, groups = music()
    net = models.fit(quick(max_epochs=4), X, y, groups=groups)
    assert [row["epoch"] for row in net.history_] == [1, 2, 3, 4]
    for row in net.history_:
        keys = "epoch train_loss train_accuracy valid_loss valid_accuracy lr seconds"
        assert list(row) == keys.split()
        assert 0 <= row["train_accuracy"] <= 1
        assert row["lr"] == pytest.approx(5e-3)
    assert net.history_[-1]["train_loss"] < net.history_[0]["train_loss"]
    assert json.loads(json.dumps(net.history_)) == net.history_


def test_held_out_groups_are_whole(monkeypatch):
    seen = {}

    def spy(_self, X, _y, valid):
        seen["train"], seen["valid"] = X[:, 0], valid[0][:, 0]
        raise RecipeError("enough")

    monkeypatch.setattr(Network, "_train", spy)
    X, y, _ = music()
    X[:, 0] = groups = np.arange(240) // 8
    with pytest.raises(RecipeError, match="enough"):
        models.fit(quick(), X, y, groups=groups)
    assert not set(seen["train"]) & set(seen["valid"])
    assert {*seen["train"], *seen["valid"]} == set(groups.astype(np.float32))
    assert 0.1 < len(seen["valid"]) / 240 < 0.2


def test_without_a_validation_side_all_epochs_are_run():
    X, y, _ = music()
    net = models.fit(quick(validation=0.0, patience=2, max_epochs=6), X, y)
    assert len(net.history_) == net.best_epoch_ == 6
    assert "valid_loss" not in net.history_[0]


def test_the_plateau_lowers_the_learning_rate():
    X, y, groups = music(120, apart=0.0)
    net = quick(max_epochs=30, patience=0, plateau=(0.1, 3), lr=1e-2)
    models.fit(net, X, y, groups=groups)
    rates = [row["lr"] for row in net.history_]
    assert rates[0] == pytest.approx(1e-2)
    assert rates[-1] <= 1.01e-3
    assert rates == sorted(rates, reverse=True)


def test_class_weights_enter_the_loss():
    y = np.array([0] * 30 + [1] * 10)
    net = quick(class_weight="balanced")
    net.classes_ = np.arange(3)
    assert net._weights(y).tolist() == pytest.approx([40 / 60, 2.0, 1.0])
    net.class_weight = None
    assert net._weights(y) is None


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_every_optimiser_learns(optimiser):
    X, y, groups = music(apart=2.5)
    net = models.fit(quick(optimiser=optimiser, lr=2e-2), X, y, groups=groups)
    assert (net.predict(X) == y).mean() > 0.85


# what goes in


def test_standardising_is_part_of_the_network():
    X, y, groups = music()
    net = models.fit(quick(validation=0.0), X, y, groups=groups)
    layer = net.module_[0]
    assert np.allclose(layer.mean.numpy(), X.mean(0, dtype=np.float64), rtol=1e-4)
    assert np.allclose(layer.deviation.numpy(), X.std(0, dtype=np.float64), rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "shape"), [("feature", (2, 8, 5)), ("band", (2, 8, 1)), ("global", (1, 1, 1))]
)
def test_moments_are_numpys(kind, shape):
    X = np.random.default_rng(0).normal(3.0, 2.0, (600, 2, 8, 5)).astype(np.float32)
    axes = {"feature": 0, "band": (0, 3), "global": None}[kind]
    mean, deviation = rows.moments(X, kind)
    assert mean.shape == deviation.shape == shape
    assert mean.dtype == deviation.dtype == np.float32
    wide = X.astype(np.float64)
    assert np.allclose(mean.ravel(), wide.mean(axes).ravel(), atol=1e-6)
    assert np.allclose(deviation.ravel(), wide.std(axes).ravel(), atol=1e-6)


def test_a_constant_column_is_harmless():
    X, y, groups = music()
    X[:, 3] = 1e6
    net = models.fit(quick(), X, y, groups=groups)
    assert np.isfinite(net.predict_proba(X)).all()


def test_arrays_on_disk_stay_there(tmp_path):
    X, y, _ = music()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    valid = (X[:30], y[:30])
    from_disk = models.fit(quick(max_epochs=3), mapped, y, valid=valid)
    from_memory = models.fit(quick(max_epochs=3), X, y, valid=valid)
    assert_same(weights(from_disk), weights(from_memory))


def test_batches_hold_every_row_once_and_none_alone():
    from skorch.dataset import Dataset

    data = Dataset(np.arange(33, dtype=np.float32)[:, None], np.arange(33))
    torch.manual_seed(0)
    batches = list(training_loop.Batches(data, 8, shuffle=True))
    assert [len(x) for x, _ in batches] == [8, 8, 8, 9]
    rows = torch.cat([y for _, y in batches]).tolist()
    assert rows != sorted(rows)
    assert sorted(rows) == list(range(33))
    assert all(torch.equal(x[:, 0].long(), y) for x, y in batches)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"optimiser": "adamm"}, "Did you mean adam"),
        ({"standardise": "bands"}, "Did you mean band"),
        ({"monitor": "val_loss"}, "Did you mean valid_loss"),
        ({"validation": 0.9}, "0 to 0.5"),
        ({"batch_size": 0}, "more than 0"),
        ({"device": "cuda"}, "cpu or auto"),
    ],
)
def test_settings_outside_their_range_are_refused(params, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    X, y, _ = music()
    with pytest.raises((RecipeError, UnknownName), match=said):
        quick(**params).fit(X, y)


def test_labels_must_be_indices():
    X, y, _ = music()
    for wrong in (y + 1, y - 1, y.astype(str), y / 2):
        with pytest.raises(RecipeError, match="integers from 0 to 2"):
            quick().fit(X, wrong)


def test_labels_may_be_words_where_no_number_of_labels_is_given():
    X, y, groups = music(apart=2.5)
    words = np.array(["blues", "disco", "jazz"])[y]
    net = Network("mlp", params={"hidden": (16,)}, max_epochs=15, lr=1e-2)
    net.fit(X, words, groups=groups)
    assert net.classes_.tolist() == ["blues", "disco", "jazz"]
    assert (net.predict(X) == words).mean() > 0.85
    with pytest.raises(RecipeError, match="those of `y`"):
        net.fit(X, words, valid=(X[:2], np.array(["pop", "pop"])))


def test_fitting_leaves_the_callers_random_numbers_alone():
    X, y, _ = music()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quick(max_epochs=2).fit(X, y)
    assert torch.equal(torch.rand(3), expected)


def test_fitting_is_quiet(capsys):
    X, y, _ = music()
    quick(max_epochs=3, patience=1).fit(X, y)
    assert capsys.readouterr() == ("", "")


# bfloat16


@pytest.mark.parametrize(
    ("flags", "pays"),
    [
        ("fpu avx2 avx512f", False),
        ("avx512f avx512_bf16", True),
        ("amx_tile amx_bf16", True),
    ],
)
def test_bfloat16_only_where_the_processor_has_it(monkeypatch, flags, pays):
    text = f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: amx_bf16_like\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert precision.cpu_flags() == frozenset(flags.split())
    cnn = nets.build("cnn-002", (1, 16, 16), 2)
    assert precision.bf16_pays(cnn) is pays
    assert Network("cnn-002", 2)._bf16(cnn, "cpu") is pays
    assert Network("cnn-002", 2, precision="bfloat16")._bf16(cnn, "cpu") is True
    assert Network("cnn-002", 2, precision="float32")._bf16(cnn, "cpu") is False
    assert precision.bf16_pays(nets.build("ann-001", (1, 16, 16), 2)) is False


def test_without_a_list_of_flags_there_is_no_bfloat16(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert precision.cpu_flags() == frozenset()
    assert precision.bf16_pays(nn.Conv2d(1, 1, 3)) is False


def test_training_in_bfloat16_predicts_in_float32():
    X, y, groups = music(apart=2.5)
    pictures = X[:, None, :, None].astype(np.float32)
    net = Network("mlp", 3, {"hidden": (16,)}, max_epochs=10, lr=1e-2, precision="bfloat16")
    net.fit(pictures, y, groups=groups)
    assert net.precision_ == "bfloat16"
    assert all(v.dtype != torch.bfloat16 for v in net.module_.state_dict().values())
    assert (net.predict(pictures) == y).mean() > 0.85


# going on after a kill

SCRIPT = """
import os, signal, sys
import numpy as np
from genrewise.training import models
from genrewise.training.models import training_loop

folder, after = sys.argv[1], int(sys.argv[2])
save = training_loop.Keeper._save

def save_and_die(self, net):
    save(self, net)
    if len(self.rows) == after:
        os.kill(os.getpid(), signal.SIGKILL)

training_loop.Keeper._save = save_and_die
data = np.load(folder + "/data.npz")
net = models.make("mlp", 3, 4, hidden=(16,), max_epochs=12, lr=5e-3, plateau=(0.5, 1), patience=6)
net.set_params(checkpoint=folder + "/net.pt")
models.fit(net, data["X"], data["y"], groups=data["groups"])
"""


def resumable(tmp_path, **params):
    net = models.make(
        "mlp", 3, 4, hidden=(16,), max_epochs=12, lr=5e-3, plateau=(0.5, 1), patience=6, **params
    )
    return net.set_params(checkpoint=str(tmp_path / "net.pt"))


def without_times(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture(scope="module")
def uninterrupted():
    X, y, groups = music(apart=0.8)
    net = resumable(Path("unused")).set_params(checkpoint="")
    return models.fit(net, X, y, groups=groups)


def test_a_killed_fit_goes_on_to_the_same_weights(tmp_path, uninterrupted):
    X, y, groups = music(apart=0.8)
    np.savez(tmp_path / "data.npz", X=X, y=y, groups=groups)
    dead = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), "5"], capture_output=True, check=False
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    assert [path.name for path in tmp_path.glob("net.pt*")] == ["net.pt"]
    resumed = models.fit(resumable(tmp_path), X, y, groups=groups)
    assert len(resumed.history_) > 5
    assert without_times(resumed.history_) == without_times(uninterrupted.history_)
    assert resumed.best_epoch_ == uninterrupted.best_epoch_
    assert_same(weights(resumed), weights(uninterrupted))


@pytest.mark.parametrize("after", [1, 7])
def test_ctrl_c_goes_up_and_what_is_done_is_kept(tmp_path, uninterrupted, monkeypatch, after):
    X, y, groups = music(apart=0.8)
    judge = training_loop.Keeper.on_batch_end

    def interrupt(self, net, **found):
        judge(self, net, **found)
        if len(self.rows) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_loop.Keeper, "on_batch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            models.fit(resumable(tmp_path), X, y, groups=groups)
    resumed = models.fit(resumable(tmp_path), X, y, groups=groups)
    assert without_times(resumed.history_) == without_times(uninterrupted.history_)
    assert_same(weights(resumed), weights(uninterrupted))


def test_a_fit_that_is_done_is_not_done_again(tmp_path, monkeypatch):
    X, y, groups = music(apart=0.8)
    first = models.fit(resumable(tmp_path), X, y, groups=groups)
    monkeypatch.setattr(training_loop.Net, "train_step", lambda *_, **__: pytest.fail("trained"))
    again = models.fit(resumable(tmp_path), X, y, groups=groups)
    assert_same(weights(again), weights(first))
    assert again.history_ == first.history_


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    X, y, groups = music(apart=0.8)
    models.fit(resumable(tmp_path), X, y, groups=groups)
    with pytest.raises(RecipeError, match=r"other settings or data.*Delete it"):
        models.fit(resumable(tmp_path, dropout=0.1), X, y, groups=groups)
    with pytest.raises(RecipeError, match="other settings or data"):
        models.fit(resumable(tmp_path), X + 1.0, y, groups=groups)


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path):
    X, y, groups = music(apart=0.8)
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(RecipeError, match=r"net\.pt: not a checkpoint .*Delete it") as error:
        models.fit(resumable(tmp_path), X, y, groups=groups)
    assert "\n" not in str(error.value)
