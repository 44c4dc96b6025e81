"""The recipes and sweeps that come along, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genrewise.errors import UnknownName
from genrewise.training import recipe, sweep_spec

__all__ = ["entries", "entry", "source"]


def entries() -> list[dict[str, Any]]:
    """All of them, by system, recipes first.

    Returns
    -------
    list of dict
        ``name``, ``kind`` ("recipe" or "sweep"), ``system`` ("000" to "004", None for the
        models that come along), ``published`` (what the authors printed; None where they
        printed nothing), ``minutes`` on two CPUs, ``title`` and ``protocols``.
    """
    found = [_recipe(name) for name in recipe.names()]
    found += [_sweep(name) for name in sweep_spec.sweep_names()]
    return sorted(found, key=lambda one: (one["system"] or "~", one["kind"], one["name"]))


def entry(name: str) -> dict[str, Any]:
    """One of them, by name.

    Raises
    ------
    UnknownName
    """
    if name in recipe.names():
        return _recipe(name)
    if name in sweep_spec.sweep_names():
        return _sweep(name)
    raise UnknownName("recipe or sweep", name, [*recipe.names(), *sweep_spec.sweep_names()])


def source(name: str) -> str:
    """Its TOML file as it is."""
    folder: Path = {"recipe": recipe.FOLDER, "sweep": sweep_spec.FOLDER}[entry(name)["kind"]]
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def _recipe(name: str) -> dict[str, Any]:
    found = recipe.load(name)
    published = found.published.model_dump(mode="json", exclude_defaults=True)
    return _entry(name, "recipe", found, published) | {
        "protocols": ["honest", *found.protocols],
    }


def _sweep(name: str) -> dict[str, Any]:
    found = sweep_spec.read_sweep(name)
    published = found.published.model_dump(mode="json", exclude_defaults=True)
    base = recipe.load(found.base)
    return _entry(name, "sweep", found, published) | {
        "choices": [*base.choices, *found.choices],
        "reductions": [*base.reductions, *found.reductions],
        "protocols": ["honest", *base.protocols],
        "base": found.base,
        "settings": found.total(),
    }


def _entry(name: str, kind: str, found: Any, published: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "system": found.system or None,
        "published": published or None,
        "minutes": found.minutes,
        "title": found.title,
        "choices": list(found.choices),
        "reductions": list(found.reductions),
    }
