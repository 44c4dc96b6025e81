"""The networks of the registry: an architecture with the settings that its author gave.

A factory takes the parameters of its architecture and the settings of
:class:`~genrewise.training.models.skorch_net.Network` side by side, all by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from genrewise.training.models.arguments import factory
from genrewise.training.models.nets import NETS
from genrewise.training.models.skorch_net import Network

__all__ = [
    "ann_001",
    "cnn_000",
    "cnn_001",
    "cnn_002",
    "cnn_003",
    "cnn_004",
    "crnn_004",
    "mlp",
]

#: What a factory fills in itself.
_GIVEN = ("architecture", "n_classes", "params", "seed")


def _network(architecture: str, **settings: Any) -> Callable[..., Network]:
    """A factory of networks.

    Parameters
    ----------
    architecture : str
        A name of :data:`~genrewise.training.models.nets.NETS`; its keywords, with their
        defaults, are parameters of the factory.
    **settings
        Defaults that differ from those of the estimator.
    """
    own = [
        p
        for p in inspect.signature(NETS[architecture]).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    ]
    shared = [
        p.replace(kind=p.KEYWORD_ONLY, default=settings.pop(p.name, p.default))
        for p in inspect.signature(Network).parameters.values()
        if p.name not in _GIVEN
    ]
    assert not settings, f"{architecture}: no setting {', '.join(settings)}"
    named = {p.name for p in own}
    defaults = {p.name: p.default for p in (*own, *shared)}
    assert len(defaults) == len(own) + len(shared), f"{architecture}: a keyword twice"

    def make(n_classes: int, seed: int, **params: Any) -> Network:
        values = {name: _plain(value) for name, value in {**defaults, **params}.items()}
        inner = {name: value for name, value in values.items() if name in named}
        outer = {name: value for name, value in values.items() if name not in named}
        return Network(architecture, n_classes, inner, seed, **outer)

    first = list(inspect.signature(make).parameters.values())[:2]
    make.__name__ = architecture.replace("-", "_")
    make.__signature__ = inspect.Signature([*first, *own, *shared])  # type: ignore[attr-defined]
    return factory(make)


def _plain(value: Any) -> Any:
    """Lists, as a file has them, as tuples, so that equal settings are equal."""
    return tuple(value) if isinstance(value, list) else value


#: Ours: nobody's network, for features.
mlp = _network("mlp", optimiser="adamw", weight_decay=1e-2, max_epochs=200, patience=20)

#: Adam, 90 epochs and a patience of 20 are printed; the rest is ours.
cnn_000 = _network("cnn-000", max_epochs=90, patience=20, standardise="global")

#: Adam, batches of 32 and 100 epochs are printed.
ann_001 = _network("ann-001", batch_size=32, max_epochs=100)

#: SGD with Nesterov's momentum and a falling rate is printed, though not how fast it falls;
#: batches of 32 are printed of the other network.  The first layer standardises.
cnn_001 = _network(
    "cnn-001", optimiser="sgd", lr=1e-2, lr_decay=1e-3, batch_size=32, standardise="none"
)

#: Class weights and the choice of the epoch on validation are printed.
cnn_002 = _network(
    "cnn-002", batch_size=32, max_epochs=60, class_weight="balanced", standardise="global"
)

#: Adam, its rate, the patience and a plateau are printed (its factor and patience in the
#: sweep only: theirs that did best); pictures come scaled to 0 to 1.
cnn_003 = _network(
    "cnn-003", lr=1e-4, batch_size=32, patience=15, plateau=(0.1, 5), standardise="none"
)

#: Nothing of the fit is printed.
cnn_004 = _network("cnn-004", batch_size=32, max_epochs=60, standardise="band")
crnn_004 = _network("crnn-004", batch_size=32, max_epochs=60, standardise="band")
