"""``genrewise recipes``: which recipes and sweeps there are, and what stands in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from genrewise.cli.options import no_colour_option
from genrewise.cli.output import json_text, ready_stdout, say, table

__all__ = ["recipes"]


def _published(entry: Mapping[str, Any]) -> str:
    """What the authors printed, in a few characters."""
    found = entry["published"] or {}
    if found.get("value") is not None:
        unit = f" by {found['unit']}" if found.get("unit") else ""
        return f"{found.get('figure', '').replace('_f1', ' F1')} {found['value']:.3f}{unit}".strip()
    return "in words" if found else "–"


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    minutes = f"{entry['minutes']:g}" if entry["minutes"] else "–"
    return entry["system"] or "–", entry["name"], entry["kind"], minutes, _published(entry)


def _lines(title: str, values: list[str]) -> list[str]:
    return [f"{title}:", *(f"  - {value}" for value in values)] if values else []


def _full(entry: Mapping[str, Any], text: str) -> str:
    """One recipe or sweep: what it is, what is ours, what is smaller, then its file."""
    published = entry["published"] or {}
    lines = [f"{entry['name']}: {entry['title']}" if entry["title"] else entry["name"]]
    lines += [f"  {entry['kind']}, protocols {', '.join(entry['protocols'])}"]
    lines += [f"published {key}: {value}" for key, value in published.items()]
    lines += _lines("ours, not printed by the authors", entry["choices"])
    lines += _lines("smaller here than published", entry["reductions"])
    return "\n".join([*lines, "", text.rstrip(), ""])


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--json", "as_json", is_flag=True, help="A list of objects; of NAME, one object.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of a recipe, for editors.")
@no_colour_option
def recipes(name: str | None, as_json: bool, schema: bool) -> None:
    """List the recipes and sweeps that come along, or show NAME in full.

    Minutes are those of a run on two CPUs. Run a recipe by "genrewise run NAME -o FOLDER",
    a sweep by "genrewise sweep NAME -o FOLDER".
    """
    from genrewise.training import catalogue
    from genrewise.training.schema import recipe_schema

    out = ready_stdout()
    if schema:
        out.write(json_text(recipe_schema(), 1) + "\n")
    elif name and as_json:
        out.write(json_text(catalogue.entry(name), 1) + "\n")
    elif name:
        out.write(_full(catalogue.entry(name), catalogue.source(name)))
    elif as_json:
        out.write(json_text(catalogue.entries(), 1) + "\n")
    else:
        rows = list(map(_row, catalogue.entries()))
        table(("system", "name", "kind", "minutes", "published"), rows, right=(3,))
        say("genrewise recipes NAME shows one in full")
