"""Networks as scikit-learn estimators, trained by skorch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.models import nets
from genrewise.training.models.arguments import factory, grouped_folds
from genrewise.training.models.training_loop import (
    Batches,
    Keeper,
    Net,
    cpu_has_bf16,
    faster_in_bf16,
)

__all__ = ["Network", "cnn_000", "mlp"]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

_OPTIMISERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}

_STANDARDISE = ("none", "feature", "band", "global")


class Network(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A torch network that fits, predicts and clones like any other estimator.

    Parameters
    ----------
    architecture : str
        A name of :data:`genrewise.training.models.nets.NETS`.
    n_classes : int
        Outputs; labels are integers below it.  0: a label for each value in `y`.
    params : mapping
        Parameters of the architecture.
    seed : int
    optimiser : {"adam", "adamw", "sgd"}
        The last with Nesterov momentum .9.
    lr, weight_decay : float
    batch_size, max_epochs : int
    patience : int
        Epochs without a better score before training stops; 0 never stops.
    monitor : {"valid_loss", "valid_accuracy"}
        The score; weights of its best epoch are restored.
    plateau : (float, int) or None
        Multiply the learning rate by the first after so many epochs without a better score.
    validation : float
        Share of the groups held out where `fit` gets no validation side; 0: none, no stopping.
    class_weight : None, "balanced" or dict
        In the training loss.
    standardise : {"none", "feature", "band", "global"}
        Mean and deviation of the training side, for every value, for every row of a
        spectrogram, or for all: a part of the network.
    device : str
        "cpu", "cuda", "cuda:1" …, or "auto".
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 for training where the processor has it and a step on the
        first batch is faster with it.
    checkpoint : str
        File from which a killed fit goes on; empty for none.

    Attributes
    ----------
    module_ : torch.nn.Module
        On the CPU.
    classes_ : ndarray
        0 to `n_classes` - 1, or the values of `y`.
    history_ : list of dict
        A row an epoch: epoch, train_loss, train_accuracy, valid_loss, valid_accuracy, lr,
        seconds.
    best_epoch_ : int
        Whose weights these are; the last where there was no validation side.
    precision_ : str
        What training ran in.
    """

    def __init__(
        self,
        architecture: str = "mlp",
        n_classes: int = 0,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        optimiser: str = "adam",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        batch_size: int = 64,
        max_epochs: int = 100,
        patience: int = 15,
        monitor: Literal["valid_loss", "valid_accuracy"] = "valid_loss",
        plateau: tuple[float, int] | None = None,
        validation: float = 0.15,
        class_weight: Any = None,
        standardise: str = "feature",
        device: str = "cpu",
        precision: str = "auto",
        checkpoint: str = "",
    ) -> None:
        self.architecture, self.n_classes, self.params = architecture, n_classes, params
        self.seed, self.optimiser, self.lr, self.weight_decay = seed, optimiser, lr, weight_decay
        self.batch_size, self.max_epochs, self.patience = batch_size, max_epochs, patience
        self.monitor, self.plateau, self.validation = monitor, plateau, validation
        self.class_weight, self.standardise = class_weight, standardise
        self.device, self.precision, self.checkpoint = device, precision, checkpoint

    def fit(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        groups: NDArray[Any] | None = None,
        valid: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> Self:
        """Train until the validation score has not become better for `patience` epochs.

        Parameters
        ----------
        X : ndarray, shape (n, ...), float32
        y : ndarray of int, shape (n,)
        groups : ndarray, shape (n,), optional
            What the held-out part must not split; not used where `valid` is given.
        valid : pair of ndarray, optional
            Inputs and labels to stop by.

        Raises
        ------
        RecipeError
            A setting outside its range, labels that are no index, a device that is not
            there, or a checkpoint of something else.
        """
        self._check()
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        if not self.n_classes:
            check_classification_targets(y)
        self.classes_ = np.arange(self.n_classes) if self.n_classes else np.unique(y)
        y = self._labels(y)
        if valid is not None:
            valid = (_inputs(valid[0]), self._labels(valid[1]))
        elif self.validation > 0:
            n_folds = max(2, round(1 / self.validation))
            train, held = grouped_folds(y, groups, n_folds, self.seed)[0]
            valid, X, y = (X[held], y[held]), X[train], y[train]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self._train(X, y, valid)
        return self

    def _check(self) -> None:
        if self.optimiser not in _OPTIMISERS:
            raise UnknownName("optimiser", self.optimiser, _OPTIMISERS)
        if self.standardise not in _STANDARDISE:
            raise UnknownName("way to standardise", self.standardise, _STANDARDISE)
        if self.monitor not in ("valid_loss", "valid_accuracy"):
            raise UnknownName("score", self.monitor, ("valid_loss", "valid_accuracy"))
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise UnknownName("precision", self.precision, ("auto", "float32", "bfloat16"))
        if not 0.0 <= self.validation <= 0.5:
            raise RecipeError(f"validation {self.validation}", "0 to 0.5")
        for name in ("batch_size", "max_epochs", "lr"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} {getattr(self, name)}", "more than 0")

    def _labels(self, y: NDArray[Any]) -> I64:
        """Indices of labels in `classes_`."""
        labels = np.asarray(y)
        if not np.isin(labels, self.classes_).all() or (
            self.n_classes and labels.dtype.kind not in "iu"
        ):
            raise RecipeError(
                "labels of a network",
                f"integers from 0 to {self.n_classes - 1}" if self.n_classes else "those of `y`",
            )
        if len(self.classes_) < 2:
            raise RecipeError("one label in the training data", "two or more")
        return np.searchsorted(self.classes_, labels).astype(np.int64)

    def _device(self) -> str:
        cuda = torch.cuda.is_available()
        if self.device == "auto":
            return "cuda" if cuda else "cpu"
        if self.device.startswith("cuda") and not cuda:
            raise RecipeError("device cuda: none here", "cpu or auto")
        return self.device

    def _key(self, X: F32, y: I64) -> str:
        """Settings and data that a checkpoint belongs to."""
        settings = {k: v for k, v in self.get_params().items() if k not in ("checkpoint", "device")}
        digest = hashlib.sha256(repr(sorted(settings.items())).encode())
        digest.update(repr(X.shape).encode() + y.tobytes())
        digest.update(np.ascontiguousarray(X[[0, len(X) // 2, -1]]).tobytes())
        return digest.hexdigest()

    def _module(self, X: F32) -> nn.Module:
        net = nets.build(self.architecture, X.shape[1:], len(self.classes_), **(self.params or {}))
        module: nn.Module = net
        if self.standardise != "none":
            module = nn.Sequential(nets.Standardise(*_moments(X, self.standardise)), net)
        return _laid_out(module, torch.channels_last) if X.ndim == 4 else module

    def _bf16(self, module: nn.Module, X: F32, device: str) -> bool:
        if self.precision != "auto" or X.ndim != 4:
            return self.precision == "bfloat16"
        if device != "cpu":
            return bool(torch.cuda.is_bf16_supported())
        if not cpu_has_bf16():
            return False
        with torch.random.fork_rng():
            return faster_in_bf16(copy.deepcopy(module), X[: self.batch_size], len(self.classes_))

    def _weights(self, y: I64) -> torch.Tensor | None:
        if self.class_weight is None:
            return None
        weights = np.ones(len(self.classes_))
        weights[y] = compute_sample_weight(self.class_weight, y)
        return torch.as_tensor(weights, dtype=torch.float32)

    def _train(self, X: F32, y: I64, valid: tuple[Any, Any] | None) -> None:
        device, module = self._device(), self._module(X)
        bf16 = self._bf16(module, X, device)
        kind, options = _OPTIMISERS[self.optimiser]
        keeper = Keeper(
            self.seed, self.patience, self.monitor, self.plateau, self.checkpoint, self._key(X, y)
        )
        net = Net(
            module,
            criterion=nn.CrossEntropyLoss,
            criterion__weight=self._weights(y),
            optimizer=kind,
            optimizer__weight_decay=self.weight_decay,
            **{f"optimizer__{name}": value for name, value in options.items()},
            lr=self.lr,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            train_split=None if valid is None else predefined_split(Dataset(*valid)),
            callbacks=[("keeper", keeper)],
            callbacks__print_log=None,
            device=device,
            verbose=0,
        ).initialize()
        net.bf16 = bf16
        net.train_out(X, y)
        self.module_ = net.module_.cpu().eval()
        self.history_ = keeper.rows
        self.best_epoch_ = keeper.best_epoch or len(keeper.rows)
        self.precision_ = "bfloat16" if bf16 else "float32"

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities, shape (n, C), rows summing to 1."""
        check_is_fitted(self, "module_")
        X = validate_data(self, X, dtype=np.float32, allow_nd=True, reset=False)
        out = np.empty((len(X), len(self.classes_)))
        with torch.inference_mode():
            for i in range(0, len(X), 256):
                rows = torch.from_numpy(np.ascontiguousarray(X[i : i + 256]))
                out[i : i + 256] = torch.softmax(self.module_(rows).double(), dim=1).numpy()
        return out

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def export_module(self) -> nn.Module:
        """The network with its softmax, as it is exported."""
        check_is_fitted(self, "module_")
        plain = _laid_out(copy.deepcopy(self.module_), torch.contiguous_format)
        return nets.Probabilities(plain).eval()


def _laid_out(module: nn.Module, layout: torch.memory_format) -> nn.Module:
    return module.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _inputs(X: NDArray[Any]) -> F32:
    """Float32 without a copy where it is already; a memory map stays one."""
    return X if X.dtype == np.float32 else np.asarray(X, dtype=np.float32)


def _moments(X: F32, kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation, in passes over blocks so that no second copy of `X` is made."""
    over = {"feature": (0,), "band": (0, X.ndim - 1), "global": tuple(range(X.ndim))}[kind]
    blocks = range(0, len(X), 256)

    def average(of: Any) -> NDArray[np.float64]:
        total = sum(of(X[i : i + 256].astype(np.float64)).sum(over, keepdims=True) for i in blocks)
        mean: NDArray[np.float64] = total / np.prod([X.shape[axis] for axis in over])
        return np.squeeze(mean, axis=0)

    mean = average(lambda block: block)
    deviation = np.sqrt(average(lambda block: (block - mean) ** 2))
    # A column that never changes tells nothing; dividing by its deviation would blow it up.
    deviation = np.where(deviation > 1e-7 * np.maximum(np.abs(mean), 1e-12), deviation, 1.0)
    return torch.from_numpy(mean).float(), torch.from_numpy(deviation).float()


@factory
def mlp(
    n_classes: int,
    seed: int,
    *,
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.5,
    batch_norm: bool = True,
    optimiser: str = "adamw",
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
    batch_size: int = 64,
    max_epochs: int = 200,
    patience: int = 20,
    plateau: tuple[float, int] | None = None,
    monitor: Literal["valid_loss", "valid_accuracy"] = "valid_loss",
    validation: float = 0.15,
    class_weight: Any = None,
    standardise: str = "feature",
    device: str = "cpu",
) -> Network:
    """Dense layers on standardised values; see :class:`Network`."""
    return Network(
        "mlp",
        n_classes,
        {"hidden": tuple(hidden), "dropout": dropout, "batch_norm": batch_norm},
        seed,
        optimiser,
        lr,
        weight_decay,
        batch_size,
        max_epochs,
        patience,
        monitor,
        plateau,
        validation,
        class_weight,
        standardise,
        device,
    )


@factory
def cnn_000(
    n_classes: int,
    seed: int,
    *,
    dropout: float = 0.5,
    dense_dropout: float = 0.5,
    pool: str = "average",
    optimiser: str = "adam",
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    batch_size: int = 64,
    max_epochs: int = 90,
    patience: int = 20,
    plateau: tuple[float, int] | None = None,
    monitor: Literal["valid_loss", "valid_accuracy"] = "valid_loss",
    validation: float = 0.15,
    class_weight: Any = None,
    standardise: str = "global",
    device: str = "cpu",
    precision: str = "auto",
) -> Network:
    """The network of system 000 on (1, 64, 173) log-mel windows; see :class:`Network`.

    Adam, at most 90 epochs and a patience of 20 are printed; batch size, learning rate
    and the scaling of the input are not, and are ours.
    """
    return Network(
        "cnn-000",
        n_classes,
        {"dropout": dropout, "dense_dropout": dense_dropout, "pool": pool},
        seed,
        optimiser,
        lr,
        weight_decay,
        batch_size,
        max_epochs,
        patience,
        monitor,
        plateau,
        validation,
        class_weight,
        standardise,
        device,
        precision,
    )
