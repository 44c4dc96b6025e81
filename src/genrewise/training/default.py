"""The recipe of ``genrewise train``: strong without a choice to make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genrewise.cache import cache_dir
from genrewise.training.models import MODELS
from genrewise.training.recipe import Recipe, override, parse

__all__ = ["fast_settings", "recipe_for"]

_TIMBRE = {"kind": "statistics"}


def _deep(layer: str) -> dict[str, Any]:
    return {
        "kind": "backbone",
        "backbone": "musicnn-msd",
        "layers": [layer],
        "summary": ["mean"],
        "hop": 187,
    }


#: Without a backbone.
_OWN: dict[str, Any] = {
    "features": {"timbre": _TIMBRE},
    "model": {
        "candidates": [["linear"], ["kernel"], ["linear", "kernel"]],
        "members": {
            "linear": {"model": "lda", "inputs": ["timbre"]},
            "kernel": {"model": "svc", "inputs": ["timbre"]},
        },
    },
}

#: With one.  The mixes were the best, or near it, on ten genres and on seven sub-genres.
_BACKBONE: dict[str, Any] = {
    "features": {"timbre": _TIMBRE, "deep": _deep("penultimate"), "pooled": _deep("pooled")},
    "model": {
        "candidates": [
            ["linear", "kernel"],
            ["deep", "pooled"],
            ["deep", "pooled", "kernel"],
            ["deep", "pooled", "linear", "kernel"],
        ],
        "members": {
            "deep": {"model": "lda", "inputs": ["deep"]},
            "pooled": {"model": "lda", "inputs": ["pooled"], "params": {"shrinkage": 0.3}},
            "linear": {"model": "lda", "inputs": ["timbre"]},
            "kernel": {"model": "svc", "inputs": ["timbre"]},
        },
    },
}


def recipe_for(
    source: str,
    name: str,
    *,
    model: str = "",
    labels: Sequence[str] = (),
    group_by: str = "",
    fast: bool = False,
    settings: Sequence[str] = (),
) -> Recipe:
    """The recipe for a user's music.

    Parameters
    ----------
    source : str
        As for :func:`genrewise.training.datasets.read`.
    name : str
        Of the model.
    model : str
        One kind of classifier instead of a choice.
    labels : sequence of str
        A subset.
    group_by : str
    fast : bool
        Leave out the backbone.
    settings : sequence of str
        ``key=value`` overrides.

    Raises
    ------
    RecipeError, UnknownName
    """
    there = (cache_dir() / "backbones" / "musicnn-msd.onnx").is_file()
    values: dict[str, Any] = {
        "name": name,
        "data": {"source": source, "labels": list(labels), "group_by": group_by},
        **(_BACKBONE if there and not fast else _OWN),
        "fit": {"refit": "all"},
    }
    if model:
        MODELS.get(model)
        member = {"model": model, "inputs": list(values["features"])}
        values["model"] = {"members": {model: member}}
    for setting in settings:
        values = override(values, setting)
    return parse(values, f"train {source}")


def fast_settings() -> tuple[str, ...]:
    """Overrides that make any recipe run on synthetic music in seconds."""
    return (
        'data.source="synthetic:tracks_per_genre=6,seconds=6"',
        "data.labels=[]",
        "data.rows={}",
        'model.label_set=""',
        "fit.folds=2",
        "expect={}",
    )
