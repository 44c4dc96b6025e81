"""What a network's training does between epochs: stop, slow down, keep, go on.

Everything that decides how training goes on is in one checkpoint, and random numbers are
drawn anew from (seed, epoch), so a run that was killed ends in the same weights as one that
was not.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor, nn

from genrewise.errors import RecipeError
from genrewise.training.models.shortcuts import shortened

__all__ = ["Batches", "Keeper", "Net", "Stop", "watcher"]

#: Told each row of a history as it is written; what it raises ends the training.
watcher: ContextVar[Callable[[dict[str, float]], None] | None] = ContextVar("watcher", default=None)


class Stop(Exception):
    """Training is over; skorch's own way is KeyboardInterrupt, which hides a real Ctrl-C."""


class Batches:
    """Batches cut out of whole arrays, which is several times faster than row by row.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
        With rows `X` (those on disk stay there) and labels `y`.
    batch_size : int
    shuffle : bool
        By torch's random numbers, as all that is random here.
    crop : bool
        Move every window to a new place of its track first.
    transform : callable or None
        Rows, labels and a generator to rows and labels: indices, or shares of every label.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        crop: bool = False,
        transform: Callable[..., tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.X, self.y = dataset.X, dataset.y
        self.batch_size, self.shuffle = batch_size, shuffle
        self.crop, self.transform = crop, transform

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = len(self.X)
        order = torch.randperm(n).numpy() if self.shuffle else np.arange(n)
        X = self.X.moved(np.random.default_rng(_draw())) if self.crop else self.X
        chance = torch.Generator().manual_seed(_draw()) if self.transform else None
        edges = [*range(0, n, self.batch_size), n]
        if len(edges) > 2 and edges[-1] - edges[-2] == 1:
            del edges[-2]  # batch normalisation cannot take a single row
        for a, b in itertools.pairwise(edges):
            rows = order[a:b] if self.shuffle else slice(a, b)
            x = torch.from_numpy(np.ascontiguousarray(X[rows], dtype=np.float32))
            y = torch.from_numpy(np.asarray(self.y[rows], dtype=np.int64))
            yield self.transform(x, y, chance) if self.transform else (x, y)


def _draw() -> int:
    """A seed out of torch's random numbers."""
    return int(torch.randint(2**62, ()))


class Net(NeuralNet):  # type: ignore[misc]
    """skorch's network with automatic bfloat16, channels last, and checkpoints to go on from."""

    #: Train under autocast.
    bf16 = False

    def infer(self, x: Tensor, **_: Any) -> Tensor:
        """Logits; in bfloat16 only while training, so that validation is what exports."""
        x = x.to(self.device)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        lower = self.bf16 and self.module_.training
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=lower):
            return shortened(self.module_)(x).float()

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        """Cross-entropy; labels are weighted in training only."""
        del X
        weight = self.criterion_.weight if training else None
        return nn.functional.cross_entropy(y_pred, y_true.to(y_pred.device), weight)

    def train_out(self, X: Any, y: Any) -> Net:
        """Train to the end, from the checkpoint where there is one; Ctrl-C goes up."""
        self.notify("on_train_begin", X=X, y=y)
        done = len(dict(self.callbacks_)["keeper"].rows)
        with contextlib.suppress(Stop):
            self.fit_loop(X, y, epochs=self.max_epochs - done)
        self.notify("on_train_end", X=X, y=y)
        return self


class Keeper(Callback):  # type: ignore[misc]
    """Early stopping with the best weights restored, learning rate on a plateau, checkpoints.

    Parameters
    ----------
    seed : int
    patience : int
        Epochs without a better score before training stops; 0 never stops.
    monitor : {"valid_loss", "valid_accuracy"}
    plateau : (float, int) or None
        Factor of the learning rate and epochs without a better score before it is used.
    lr_decay : float
        The rate of step `i`, from 0, is the first one divided by ``1 + lr_decay * i``.
    checkpoint : str
        File written after every epoch; empty writes none.
    key : str
        What the checkpoint must belong to: settings and data.

    Attributes
    ----------
    rows : list of dict
        The history, a row an epoch.
    best_epoch : int
        0 where no score was watched.
    """

    def __init__(
        self,
        seed: int,
        patience: int,
        monitor: str,
        plateau: tuple[float, int] | None,
        lr_decay: float,
        checkpoint: str,
        key: str,
    ) -> None:
        self.seed, self.patience, self.monitor = seed, patience, monitor
        self.plateau, self.lr_decay = plateau, lr_decay
        self.checkpoint, self.key = checkpoint, key
        self.rows: list[dict[str, float]] = []
        self.best, self.best_epoch, self.misses = float("inf"), 0, 0
        self.best_weights: dict[str, Tensor] = {}
        self.scheduler: Any = None
        self.steps, self._first_lr = 0, 0.0
        self._right = {True: [0, 0], False: [0, 0]}
        self._began = 0.0

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Go on from the checkpoint where there is one."""
        self._first_lr = net.optimizer_.param_groups[0]["lr"]
        if self.plateau is not None:
            factor, patience = self.plateau
            # Torch waits for more than so many epochs, Keras and we for as many.
            self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
                net.optimizer_, factor=factor, patience=patience - 1
            )
        if self.checkpoint and Path(self.checkpoint).exists():
            self._load(net)

    def finished(self) -> bool:
        """The score has not become better for `patience` epochs."""
        return 0 < self.patience <= self.misses

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Draw new random numbers for this epoch, whatever came before it."""
        del net
        if self.finished():
            raise Stop
        torch.manual_seed(self.seed * 100_003 + len(self.rows) + 1)
        self._right = {True: [0, 0], False: [0, 0]}
        self._began = time.perf_counter()

    def on_batch_begin(self, net: Any, training: bool = False, **_: Any) -> None:
        """Let the learning rate fall with the steps."""
        if training and self.lr_decay:
            for group in net.optimizer_.param_groups:
                group["lr"] = self._first_lr / (1.0 + self.lr_decay * self.steps)
            self.steps += 1

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, y_pred: Any = None, **_: Any
    ) -> None:
        """Count right answers; of a mixture, its greater part is right."""
        del net
        truth = batch[1].to(y_pred.device)
        truth = truth if truth.ndim == 1 else truth.argmax(dim=1)
        tally = self._right[bool(training)]
        tally[0] += int((y_pred.argmax(dim=1) == truth).sum())
        tally[1] += len(truth)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Write the row of the history, judge, slow down, keep."""
        row = {
            "epoch": float(len(self.rows) + 1),
            "train_loss": float(net.history[-1, "train_loss"]),
        }
        row["train_accuracy"] = self._right[True][0] / max(self._right[True][1], 1)
        if self._right[False][1]:
            row["valid_loss"] = float(net.history[-1, "valid_loss"])
            row["valid_accuracy"] = self._right[False][0] / self._right[False][1]
        row["lr"] = float(net.optimizer_.param_groups[0]["lr"])
        row["seconds"] = time.perf_counter() - self._began
        self.rows.append(row)
        if self.monitor in row:
            self._judge(net, row[self.monitor] * (1.0 if self.monitor == "valid_loss" else -1.0))
        if self.checkpoint:
            self._save(net)
        if (told := watcher.get()) is not None:
            told(row)

    def _judge(self, net: Any, score: float) -> None:
        if score < self.best:
            self.best, self.best_epoch, self.misses = score, len(self.rows), 0
            state = net.module_.state_dict()
            self.best_weights = {k: v.detach().clone() for k, v in state.items()}
        else:
            self.misses += 1
        if self.scheduler is not None:
            self.scheduler.step(score)

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Restore the best weights."""
        if self.best_weights:
            net.module_.load_state_dict(self.best_weights)

    def _save(self, net: Any) -> None:
        state = {
            "key": self.key,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "rows": self.rows,
            "steps": self.steps,
            "best": [self.best, self.best_epoch, self.misses],
            "best_weights": self.best_weights,
        }
        # Beside it first: a kill while writing leaves the last one whole.
        beside = Path(f"{self.checkpoint}.{os.getpid()}.part")
        beside.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, beside)
        beside.replace(self.checkpoint)

    def _load(self, net: Any) -> None:
        try:
            state = torch.load(self.checkpoint, map_location=net.device, weights_only=True)
            key = state["key"]
        except Exception as error:
            raise RecipeError(
                f"{self.checkpoint}: not a checkpoint ({type(error).__name__})",
                todo="delete it to start again",
            ) from error
        if key != self.key:
            raise RecipeError(
                f"{self.checkpoint}: a checkpoint of other settings or data",
                "the ones it was begun with",
                "delete it to start again",
            )
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.rows = [dict(row) for row in state["rows"]]
        self.steps = state["steps"]
        self.best, self.best_epoch, self.misses = state["best"]
        self.best_weights = state["best_weights"]
