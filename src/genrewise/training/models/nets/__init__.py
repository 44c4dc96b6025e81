"""Networks as torch modules; they take float32 and give logits.

Input sizes come with the first call, so every module is built for the shape of a row.  Each
is a sequence whose last layer is dense, one output a label: what stands before it is an
embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from genrewise.errors import UnknownName
from genrewise.training.models.nets.convolutional import cnn_000, cnn_001, cnn_002, cnn_003
from genrewise.training.models.nets.dense import ann_001, mlp
from genrewise.training.models.nets.parallel import cnn_004, crnn_004

__all__ = ["NETS", "build"]

#: Architectures by name; each takes the shape of a row, the labels and its own parameters.
NETS: dict[str, Callable[..., nn.Sequential]] = {
    "mlp": mlp,
    "cnn-000": cnn_000,
    "ann-001": ann_001,
    "cnn-001": cnn_001,
    "cnn-002": cnn_002,
    "cnn-003": cnn_003,
    "cnn-004": cnn_004,
    "crnn-004": crnn_004,
}


def build(name: str, shape: Sequence[int], n_classes: int, **params: Any) -> nn.Sequential:
    """A network by name.

    Raises
    ------
    UnknownName
        Where there is no such architecture.
    RecipeError
        Where it cannot take such rows.
    """
    if name not in NETS:
        raise UnknownName("network", name, NETS)
    return NETS[name](shape, n_classes, **params)
