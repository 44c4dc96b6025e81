"""The recipe of ``genrewise train``: strong without a choice to make."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genrewise.cache import backbone_file
from genrewise.training.models import MODELS, parameters
from genrewise.training.recipe import Recipe, override, parse

__all__ = ["fast_settings", "model_name", "recipe_for"]

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


def _there(backbone: str) -> bool:
    return backbone_file(backbone).is_file()


def model_name(text: str) -> str:
    """A name fit for a model, from that of a file: ``"Meine Musik é"`` → ``"Meine-Musik-e"``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:100] or "model"


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
    there = _there("musicnn-msd")
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


def _fast_feature(spec: Mapping[str, Any]) -> str:
    """An input that synthetic music has in place of one that it has not; empty where it has."""
    kind = spec.get("kind")
    if kind == "backbone" and not _there(str(spec.get("backbone", ""))):
        return '{kind="statistics"}'
    if kind == "table":
        return '{kind="summary",set="gtzan57"}'
    if kind == "picture-file":
        width, height = spec.get("size", (128, 128))
        return f'{{kind="picture",picture="mel",size=[{width},{height}]}}'
    return ""


#: Parameters that make a model's fit long, and what they are where it only has to run.
_SHORT = {"max_epochs": 2, "n_estimators": 10}

#: Frames of a long spectrogram where it only has to run.
_FRAMES = 96


def _short(recipe: Recipe) -> Iterator[str]:
    """Overrides that shorten fits and spectrograms."""
    for key, member in recipe.model.members.items():
        known = parameters(member.model)
        for name, value in _SHORT.items():
            if name in known:
                yield f"model.members.{key}.params.{name}={value}"
    for key, spec in recipe.features.items():
        frames = spec.get("n_frames") if spec.get("kind") == "log-mel" else 0
        if isinstance(frames, int) and frames > 2 * _FRAMES:
            yield f"features.{key}.n_frames={_FRAMES}"
    if recipe.windows.count:
        yield "windows.count=2"


def fast_settings(recipe: Recipe) -> tuple[str, ...]:
    """Overrides that make any recipe run on synthetic music in seconds.

    Where a backbone is not in the cache, statistics stand in for it, as features of the
    music do for a table of them and its pictures for files: that the recipe runs can then be
    shown anywhere.
    """
    stands = {key: _fast_feature(spec) for key, spec in recipe.features.items()}
    return (
        'data.source="synthetic:genres=4,tracks_per_genre=8,seconds=6,tracks_per_artist=1"',
        "data.labels=[]",
        "data.rows={}",
        'data.group_by=""',
        *(f"features.{key}={spec}" for key, spec in stands.items() if spec),
        *_short(recipe),
        'model.label_set=""',
        "fit.folds=2",
        "expect={}",
    )
