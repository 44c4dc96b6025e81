"""Weights of a network in a file, and a network that begins with those of another."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from genrewise.errors import RecipeError
from genrewise.files import replace_file

__all__ = ["load_weights", "save_weights"]


def save_weights(net: nn.Module, path: str | Path) -> None:
    """Write every tensor of a network by its name, as an ``.npz``.

    Raises
    ------
    RecipeError
        The file cannot be written.
    """
    held = io.BytesIO()
    tensors = {name: value.detach().cpu().numpy() for name, value in net.state_dict().items()}
    np.savez(held, **tensors)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(Path(path), held.getvalue())
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}", "a place for weights") from error


def _read(path: str | Path) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror or error}", "weights of a network") from error
    except (ValueError, AttributeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise RecipeError(f"{path}: no file of weights", "one that save_weights wrote") from error


def load_weights(net: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Begin with the weights of another network: all whose name and shape agree.

    A last layer for other labels keeps its random ones, and so does whatever another
    architecture does not have.

    Returns
    -------
    tuple of str
        Names of the tensors that were taken.

    Raises
    ------
    RecipeError
        The file is none of weights, or none agrees.
    """
    there = _read(path)
    # Counters of batches have the same shape in every network: they prove nothing.
    ours = {k: v for k, v in net.state_dict().items() if v.is_floating_point()}
    taken = tuple(k for k, v in ours.items() if k in there and there[k].shape == tuple(v.shape))
    if not taken:
        raise RecipeError(
            f"{path}: none of its {len(there)} tensors fits this network",
            "weights of the same architecture",
        )
    with torch.no_grad():
        for name in taken:
            ours[name].copy_(torch.from_numpy(there[name]))
    return taken
