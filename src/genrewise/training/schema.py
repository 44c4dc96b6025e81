"""JSON schemas of recipes and sweeps, for editors that complete and check TOML."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from genrewise.training.models import MODELS
from genrewise.training.recipe import Recipe
from genrewise.training.sweep_spec import Sweep

__all__ = ["recipe_schema", "sweep_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": _DRAFT, **model.model_json_schema()}


def recipe_schema() -> dict[str, Any]:
    """JSON schema of a recipe.

    A file may lay itself over another with ``base``, and then leave out anything, in its
    sections too; models are completed by name, though further ones may be installed.
    """
    schema = _schema(Recipe)
    base = {"type": "string", "title": "Base", "description": "Recipe this one is laid over."}
    schema["properties"] = {"base": base, **schema["properties"]}
    required = schema.pop("required")
    schema["anyOf"] = [{"required": ["base"]}, {"required": required}]
    for section in schema["$defs"].values():
        section.pop("required", None)
    schema["$defs"]["Member"]["properties"]["model"]["examples"] = sorted(MODELS)
    return schema


def sweep_schema() -> dict[str, Any]:
    """JSON schema of a sweep."""
    return _schema(Sweep)
