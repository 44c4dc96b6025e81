"""Networks as scikit-learn estimators, trained by skorch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
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
from genrewise.training.models.arguments import grouped_folds
from genrewise.training.models.memory import keep_memory
from genrewise.training.models.nets.parts import Affine, Probabilities, Standardise
from genrewise.training.models.precision import bf16_pays
from genrewise.training.models.rows import Rows, blocks, is_lazy, moments, take
from genrewise.training.models.training_loop import Batches, Keeper, Net
from genrewise.training.models.weights import load_weights, save_weights

__all__ = ["Network"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_OPTIMISERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
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
    lr_decay : float
        The rate of step `i` is ``lr / (1 + lr_decay * i)``, as in Keras; 0 leaves it.
        Not beside a plateau.
    validation : float
        Share of the groups held out where `fit` gets no validation side; 0: none, no stopping.
    class_weight : None, "balanced" or dict
        In the training loss; the validation loss is not weighted.
    standardise : {"none", "feature", "band", "global"}
        Mean and deviation of the training side, for every value, for every row of a
        spectrogram, or for all: a part of the network.
    random_crop : bool
        Every epoch sees every window at a new random place of its track; for windows that
        are cut when asked for.
    augment : mapping or None
        `kinds`, `probability` and `mode` of a recipe's augmentation, for training batches;
        a mode other than "inline" is not the network's business.
    start : str
        A file of :meth:`save_weights` to begin with: every tensor whose name and shape
        agree; all layers are trained.  Empty for random weights.
    device : str
        "cpu", "cuda", "cuda:1" …, or "auto".
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 for training where it pays: see
        :func:`~genrewise.training.models.precision.bf16_pays`.
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
    started_from_ : tuple of str
        Tensors that `start` gave.
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
        lr_decay: float = 0.0,
        validation: float = 0.15,
        class_weight: Any = None,
        standardise: str = "feature",
        random_crop: bool = False,
        augment: Mapping[str, Any] | None = None,
        start: str = "",
        device: str = "cpu",
        precision: str = "auto",
        checkpoint: str = "",
    ) -> None:
        self.architecture, self.n_classes, self.params = architecture, n_classes, params
        self.seed, self.optimiser, self.lr, self.weight_decay = seed, optimiser, lr, weight_decay
        self.batch_size, self.max_epochs, self.patience = batch_size, max_epochs, patience
        self.monitor, self.plateau, self.lr_decay = monitor, plateau, lr_decay
        self.validation, self.class_weight, self.standardise = validation, class_weight, standardise
        self.random_crop, self.augment, self.start = random_crop, augment, start
        self.device, self.precision, self.checkpoint = device, precision, checkpoint

    def fit(
        self,
        X: Rows,
        y: NDArray[Any],
        groups: NDArray[Any] | None = None,
        valid: tuple[Rows, NDArray[Any]] | None = None,
    ) -> Self:
        """Train until the validation score has not become better for `patience` epochs.

        Parameters
        ----------
        X : rows, shape (n, ...), float32
            An array, or windows that are cut when they are asked for.
        y : ndarray of int, shape (n,)
        groups : ndarray, shape (n,), optional
            What the held-out part must not split; not used where `valid` is given.
        valid : pair of rows and ndarray, optional
            Inputs and labels to stop by.

        Raises
        ------
        RecipeError
            A setting outside its range, labels that are no index, a device that is not
            there, a checkpoint of something else, or weights to start from that do not fit.
        """
        self._check()
        X, y = self._rows(X, y)
        if not self.n_classes:
            check_classification_targets(y)
        self.classes_ = np.arange(self.n_classes) if self.n_classes else np.unique(y)
        y = self._labels(y)
        if valid is not None:
            valid = (valid[0], self._labels(valid[1]))
        elif self.validation > 0:
            n_folds = max(2, round(1 / self.validation))
            train, held = grouped_folds(y, groups, n_folds, self.seed)[0]
            valid, X, y = (take(X, held), y[held]), take(X, train), y[train]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self._train(X, y, valid)
        return self

    def _rows(self, X: Rows, y: NDArray[Any]) -> tuple[Rows, NDArray[Any]]:
        """Inputs and labels that belong together."""
        if is_lazy(X):
            if len(X) != len(y):
                raise RecipeError(f"{len(X)} windows with {len(y)} labels", "as many of both")
            self.n_features_in_ = X.shape[1]
            return X, np.asarray(y)
        if self.random_crop:
            raise RecipeError(
                "random_crop with windows that are cut already",
                "windows of frames that lie on the disk",
                "leave random_crop out, or use a log-mel feature",
            )
        return validate_data(self, X, y, dtype=np.float32, allow_nd=True)  # type: ignore[no-any-return]

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
        if self.lr_decay < 0 or (self.lr_decay and self.plateau):
            raise RecipeError(
                f"lr_decay {self.lr_decay:g} with plateau {self.plateau}", "0 or more, or a plateau"
            )
        if self.plateau and not (0 < self.plateau[0] < 1 and self.plateau[1] >= 1):
            raise RecipeError(f"plateau {self.plateau}", "a factor below 1, and 1 or more epochs")

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

    def _key(self, X: Rows, y: I64) -> str:
        """Settings and data that a checkpoint belongs to."""
        settings = {k: v for k, v in self.get_params().items() if k not in ("checkpoint", "device")}
        digest = hashlib.sha256(repr(sorted(settings.items())).encode())
        digest.update(repr(X.shape).encode() + y.tobytes())
        digest.update(np.ascontiguousarray(X[np.array([0, len(X) // 2, len(X) - 1])]).tobytes())
        return digest.hexdigest()

    def _module(self, X: Rows) -> nn.Module:
        net = nets.build(self.architecture, X.shape[1:], len(self.classes_), **(self.params or {}))
        self.started_from_ = load_weights(net, self.start) if self.start else ()
        module: nn.Module = net
        if self.standardise != "none":
            mean, deviation = map(torch.from_numpy, moments(X, self.standardise))
            module = nn.Sequential(Standardise(mean, deviation), net)
        return _laid_out(module, torch.channels_last) if len(X.shape) == 4 else module

    def _bf16(self, module: nn.Module, device: str) -> bool:
        if self.precision != "auto":
            return self.precision == "bfloat16"
        return bf16_pays(module) if device == "cpu" else bool(torch.cuda.is_bf16_supported())

    def _transform(self) -> Callable[..., Any] | None:
        """What happens to training batches."""
        if not self.augment or self.augment.get("mode", "inline") != "inline":
            return None
        from genrewise.training.augment import batch_transform

        kinds, probability = self.augment["kinds"], self.augment["probability"]
        found: Callable[..., Any] = batch_transform(kinds, probability, len(self.classes_))
        return found if kinds else None

    def _weights(self, y: I64) -> torch.Tensor | None:
        if self.class_weight is None:
            return None
        weights = np.ones(len(self.classes_))
        weights[y] = compute_sample_weight(self.class_weight, y)
        return torch.as_tensor(weights, dtype=torch.float32)

    def _train(self, X: Rows, y: I64, valid: tuple[Any, Any] | None) -> None:
        keep_memory()
        device, module = self._device(), self._module(X)
        bf16 = self._bf16(module, device)
        kind, options = _OPTIMISERS[self.optimiser]
        keeper = Keeper(
            self.seed,
            self.patience,
            self.monitor,
            self.plateau,
            self.lr_decay,
            self.checkpoint,
            self._key(X, y),
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
            iterator_train__crop=self.random_crop,
            iterator_train__transform=self._transform(),
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

    def _outputs(self, net: nn.Module, X: Rows) -> F64:
        """What a network gives for rows as `fit` had them, block by block."""
        check_is_fitted(self, "module_")
        if not is_lazy(X):
            X = validate_data(self, X, dtype=np.float32, allow_nd=True, reset=False)
        with torch.inference_mode():
            parts = [net(torch.from_numpy(block)).double().numpy() for block in blocks(X)]
        return np.concatenate(parts)

    def predict_proba(self, X: Rows) -> F64:
        """Probabilities, shape (n, C), rows summing to 1."""
        check_is_fitted(self, "module_")
        logits = torch.from_numpy(self._outputs(self.module_, X))
        p: F64 = torch.softmax(logits, dim=1).numpy()
        return p

    def embed(self, X: Rows) -> F64:
        """The values before the last dense layer, shape (n, e)."""
        check_is_fitted(self, "module_")
        return self._outputs(_body(self.module_), X)

    def predict(self, X: Rows) -> NDArray[Any]:
        """The most probable label of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def export_module(self) -> nn.Module:
        """The network with its softmax, as it is exported."""
        check_is_fitted(self, "module_")
        return Probabilities(_plain(self.module_)).eval()

    def embedding_module(self, matrix: F64, offset: F64) -> nn.Module:
        """The network up to its last dense layer, then an affine map, as it is exported.

        Parameters
        ----------
        matrix, offset : ndarray, shape (e, k) and (k,)
            On the values of :meth:`embed`.
        """
        check_is_fitted(self, "module_")
        tail = [torch.from_numpy(np.asarray(part, dtype=np.float32)) for part in (matrix, offset)]
        return Affine(_plain(_body(self.module_)), *tail).eval()

    def save_weights(self, path: str | Path) -> None:
        """Write the weights as an ``.npz`` that another network can :attr:`start` from.

        Mean and deviation of the inputs are no weights: they come with the data.
        """
        check_is_fitted(self, "module_")
        save_weights(_net(self.module_), path)


def _net(module: nn.Module) -> nn.Sequential:
    """The architecture without what standardises its inputs."""
    assert isinstance(module, nn.Sequential)
    inner = module[1] if isinstance(module[0], Standardise) else module
    assert isinstance(inner, nn.Sequential)
    return inner


def _body(module: nn.Module) -> nn.Sequential:
    """A trained module without its last dense layer."""
    assert isinstance(module, nn.Sequential)
    before = [module[0]] if isinstance(module[0], Standardise) else []
    return nn.Sequential(*before, _net(module)[:-1]).eval()


def _plain(module: nn.Module) -> nn.Module:
    """A copy as it is exported."""
    return _laid_out(copy.deepcopy(module), torch.contiguous_format)


def _laid_out(module: nn.Module, layout: torch.memory_format) -> nn.Module:
    return module.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
