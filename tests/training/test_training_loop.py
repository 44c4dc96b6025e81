"""The keeper: what it judges, when it stops, what it writes."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from genrewise.errors import RecipeError
from genrewise.training.models.training_loop import Keeper, Stop


def a_net(seed=0, lr=0.1):
    torch.manual_seed(seed)
    module = nn.Linear(2, 2)
    optimiser = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.9)
    return SimpleNamespace(module_=module, optimizer_=optimiser, history=None, device="cpu")


def keeper(**found):
    settings = {
        "seed": 0,
        "patience": 3,
        "monitor": "valid_loss",
        "plateau": None,
        "lr_decay": 0.0,
        "checkpoint": "",
        "key": "k",
    }
    return Keeper(**(settings | found))


class History:
    """As skorch keeps it: the last row by name."""

    def __init__(self, **row):
        self.row = row

    def __getitem__(self, at):
        return self.row[at[1]]


def epoch(keep, net, valid_loss, right=5, of=10, step=0.0):
    """One epoch that ends with a loss; the weights move by `step`."""
    keep.on_epoch_begin(net)
    with torch.no_grad():
        net.module_.weight += step
    scores = torch.eye(2)[[0] * of]
    truth = torch.tensor([0] * right + [1] * (of - right))
    keep.on_batch_end(net, batch=(None, truth), training=True, y_pred=scores)
    keep.on_batch_end(net, batch=(None, truth), training=False, y_pred=scores)
    net.history = History(train_loss=1.0, valid_loss=valid_loss)
    keep.on_epoch_end(net)


def test_it_stops_after_as_many_epochs_without_a_better_score():
    net, keep = a_net(), keeper(patience=2)
    keep.on_train_begin(net)
    for loss in (3.0, 2.0, 2.5):
        epoch(keep, net, loss)
    assert not keep.finished()
    epoch(keep, net, 2.0)  # as good is not better
    assert keep.finished()
    with pytest.raises(Stop):
        keep.on_epoch_begin(net)
    assert (keep.best_epoch, keep.best, len(keep.rows)) == (2, 2.0, 4)


def test_without_patience_it_never_stops():
    net, keep = a_net(), keeper(patience=0)
    keep.on_train_begin(net)
    for loss in range(1, 30):
        epoch(keep, net, float(loss))
    assert not keep.finished()
    assert keep.best_epoch == 1


def test_the_best_weights_come_back():
    net, keep = a_net(), keeper()
    keep.on_train_begin(net)
    start = net.module_.weight.detach().clone()
    for loss, step in ((3.0, 1.0), (1.0, 1.0), (2.0, 1.0)):
        epoch(keep, net, loss, step=step)
    assert torch.allclose(net.module_.weight, start + 3)
    keep.on_train_end(net)
    assert torch.allclose(net.module_.weight, start + 2)


def test_accuracy_is_better_when_it_is_higher():
    net, keep = a_net(), keeper(monitor="valid_accuracy")
    keep.on_train_begin(net)
    for right in (4, 8, 6):
        epoch(keep, net, 1.0, right=right)
    assert keep.best_epoch == 2
    assert [row["valid_accuracy"] for row in keep.rows] == [0.4, 0.8, 0.6]
    assert [row["train_accuracy"] for row in keep.rows] == [0.4, 0.8, 0.6]


def test_the_rate_falls_on_a_plateau():
    net, keep = a_net(lr=0.1), keeper(plateau=(0.5, 1), patience=0)
    keep.on_train_begin(net)
    for loss in (2.0, 2.0, 1.0, 1.0, 0.5):
        epoch(keep, net, loss)
    assert [row["lr"] for row in keep.rows] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(0.025)
    net, keep = a_net(lr=0.1), keeper(plateau=(0.5, 3), patience=0)
    keep.on_train_begin(net)
    for loss in (2.0, 2.0, 2.0, 2.0, 2.0):
        epoch(keep, net, loss)
    assert [row["lr"] for row in keep.rows] == pytest.approx([0.1] * 4 + [0.05])


def test_random_numbers_of_an_epoch_depend_on_nothing_but_seed_and_epoch():
    drawn = {}
    for before in (0, 17):
        net, keep = a_net(), keeper(seed=3, patience=0)
        keep.on_train_begin(net)
        for number in range(3):
            torch.rand(before)
            keep.on_epoch_begin(net)
            drawn[before, number] = torch.rand(1).item()
            keep.rows.append({})
    assert [drawn[0, i] for i in range(3)] == [drawn[17, i] for i in range(3)]
    assert len({drawn[0, i] for i in range(3)}) == 3
    net, keep = a_net(), keeper(seed=4)
    keep.on_epoch_begin(net)
    assert torch.rand(1).item() != drawn[0, 0]


def test_a_checkpoint_holds_all_that_decides(tmp_path):
    file = str(tmp_path / "deep" / "net.pt")
    net, keep = a_net(), keeper(checkpoint=file, plateau=(0.5, 1))
    keep.on_train_begin(net)
    for loss in (2.0, 3.0, 2.5):
        net.optimizer_.zero_grad()
        net.module_(torch.ones(1, 2)).sum().backward()
        net.optimizer_.step()
        epoch(keep, net, loss)
    other, again = a_net(seed=9), keeper(checkpoint=file, plateau=(0.5, 1))
    again.on_train_begin(other)
    assert again.rows == keep.rows
    assert (again.best, again.best_epoch, again.misses) == (2.0, 1, 2)
    assert torch.equal(other.module_.weight, net.module_.weight)
    assert other.optimizer_.param_groups[0]["lr"] == net.optimizer_.param_groups[0]["lr"] == 0.025
    momentum = [s["momentum_buffer"] for s in net.optimizer_.state.values()]
    assert all(
        torch.equal(a, b["momentum_buffer"])
        for a, b in zip(momentum, other.optimizer_.state.values(), strict=True)
    )
    assert again.scheduler.state_dict() == keep.scheduler.state_dict()
    assert torch.equal(again.best_weights["weight"], keep.best_weights["weight"])


def test_a_kill_while_writing_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    file = tmp_path / "net.pt"
    net, keep = a_net(), keeper(checkpoint=str(file))
    keep.on_train_begin(net)
    epoch(keep, net, 2.0)
    whole = file.read_bytes()

    def cut_short(_state, path):
        path.write_bytes(b"half of")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", cut_short)
        with pytest.raises(OSError, match="no space left"):
            epoch(keep, net, 1.0)
    assert file.read_bytes() == whole
    again = keeper(checkpoint=str(file))
    again.on_train_begin(a_net())
    assert len(again.rows) == 1


def test_two_processes_do_not_write_into_one_file(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "save", lambda _, path: (seen.append(path.name), path.touch()))
    net, keep = a_net(), keeper(checkpoint=str(tmp_path / "net.pt"))
    epoch(keep, net, 1.0)
    monkeypatch.setattr(os, "getpid", lambda: 424242)
    epoch(keep, net, 1.0)
    assert len(set(seen)) == 2
    assert seen[1] == "net.pt.424242.part"


def test_a_checkpoint_cannot_run_code(tmp_path):
    """A pickle of anything but weights is refused, not executed."""
    file = tmp_path / "net.pt"

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"key": "k", "module": Trap()}, file)
    with pytest.raises(RecipeError, match="not a checkpoint"):
        keeper(checkpoint=str(file)).on_train_begin(a_net())
    assert not (tmp_path / "sprung").exists()
