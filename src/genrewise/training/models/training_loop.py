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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor, nn

from genrewise.errors import RecipeError

__all__ = ["Batches", "Keeper", "Net", "Stop", "cpu_has_bf16", "faster_in_bf16"]


class Stop(Exception):
    """Training is over; skorch's own way is KeyboardInterrupt, which hides a real Ctrl-C."""


class Batches:
    """Batches cut out of whole arrays, which is several times faster than row by row.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
        With arrays `X` (memory-mapped ones stay on disk) and `y`.
    batch_size : int
    shuffle : bool
        By torch's random numbers.
    """

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False) -> None:
        self.X, self.y = dataset.X, dataset.y
        self.batch_size, self.shuffle = batch_size, shuffle

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = len(self.X)
        order = torch.randperm(n).numpy() if self.shuffle else np.arange(n)
        edges = [*range(0, n, self.batch_size), n]
        if len(edges) > 2 and edges[-1] - edges[-2] == 1:
            del edges[-2]  # batch normalisation cannot take a single row
        for a, b in itertools.pairwise(edges):
            rows = order[a:b] if self.shuffle else slice(a, b)
            x = np.ascontiguousarray(self.X[rows], dtype=np.float32)
            yield torch.from_numpy(x), torch.from_numpy(np.asarray(self.y[rows], dtype=np.int64))


class Net(NeuralNet):  # type: ignore[misc]
    """skorch's network with automatic bfloat16, channels last, and checkpoints to go on from."""

    #: Train under autocast.
    bf16 = False

    def infer(self, x: Tensor, **fit_params: Any) -> Any:
        """Logits; in bfloat16 only while training, so that validation is what exports."""
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        lower = self.bf16 and self.module_.training
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=lower):
            return super().infer(x, **fit_params).float()

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
        checkpoint: str,
        key: str,
    ) -> None:
        self.seed, self.patience, self.monitor = seed, patience, monitor
        self.plateau, self.checkpoint, self.key = plateau, checkpoint, key
        self.rows: list[dict[str, float]] = []
        self.best, self.best_epoch, self.misses = float("inf"), 0, 0
        self.best_weights: dict[str, Tensor] = {}
        self.scheduler: Any = None
        self._right = {True: [0, 0], False: [0, 0]}
        self._began = 0.0

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Go on from the checkpoint where there is one."""
        if self.plateau is not None:
            factor, patience = self.plateau
            self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
                net.optimizer_, factor=factor, patience=patience
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

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, y_pred: Any = None, **_: Any
    ) -> None:
        """Count right answers."""
        del net
        truth = batch[1].to(y_pred.device)
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
        self.best, self.best_epoch, self.misses = state["best"]
        self.best_weights = state["best_weights"]


def cpu_has_bf16() -> bool:
    """The processor multiplies bfloat16 itself; elsewhere it is emulated and slower."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:  # no Linux: nothing tells, so do without
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _step_seconds(module: nn.Module, x: Tensor, y: Tensor, bf16: bool, repeats: int = 3) -> float:
    """Fastest of some training steps."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = module(x)
        loss: Any = nn.functional.cross_entropy(logits.float(), y)
        loss.backward()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def faster_in_bf16(module: nn.Module, X: NDArray[np.float32], n_classes: int) -> bool:
    """Measured on one batch: a training step is at least a tenth faster in bfloat16.

    Parameters
    ----------
    module : Module
        A throw-away copy; its gradients and running means change.
    X : ndarray, shape (n, ...)
        A batch.
    """
    x = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32))
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    y = torch.arange(len(X)) % n_classes
    module.train()
    plain = _step_seconds(module, x, y, bf16=False)
    return _step_seconds(module, x, y, bf16=True) < 0.9 * plain
