"""The reference pages: commands, Python names, errors and recipe keys, from the program itself.

``scripts/docs`` writes ``docs/reference/``; ``scripts/docs --check`` says what is out of date
and ends with 1 where anything is.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import genrewise
from genrewise import errors
from genrewise.cli import COMMANDS, group
from genrewise.training.recipe import Recipe
from genrewise.training.schema import recipe_schema, sweep_schema
from genrewise.training.sweep_spec import Sweep

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by scripts/docs; do not edit. -->\n"

#: Modules whose exported names make the Python page, beside the package itself.
MODULES = (
    "genrewise.audio",
    "genrewise.windows",
    "genrewise.votes",
    "genrewise.bundle",
    "genrewise.inference",
    "genrewise.engine",
    "genrewise.features.frontend",
    "genrewise.features.spectral",
    "genrewise.features.harmony",
    "genrewise.features.rhythm",
    "genrewise.features.summary",
    "genrewise.features.pictures",
    "genrewise.training.datasets",
    "genrewise.training.splits",
    "genrewise.training.metrics",
    "genrewise.training.recipe",
)


def fenced(text: str) -> str:
    """Text as it is, in a block of its own."""
    return f"```text\n{text.rstrip()}\n```\n"


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """The words that call a command and those below it, and the help of each."""
    settings: dict[str, Any] = {"terminal_width": 88, "max_content_width": 88}
    ctx = click.Context(
        command, info_name=name, parent=parent, **{**command.context_settings, **settings}
    )
    yield ctx.command_path, command.get_help(ctx)
    if isinstance(command, click.Group):
        for child in command.list_commands(ctx):
            found = command.get_command(ctx, child)
            assert found is not None
            yield from commands(found, child, ctx)


def command_page() -> str:
    """Help of every command."""
    parts = ["# Commands\n", NOTE]
    for name, shown in commands(group, "genrewise"):
        extra = COMMANDS.get(name.removeprefix("genrewise "), ("", "", ""))[1]
        parts.append(f"## `{name}`\n")
        if extra:
            parts.append(f"Needs the extra `{extra}`.\n")
        parts.append(fenced(shown))
    return "\n".join(parts)


def signature(value: Any) -> str:
    """Parameters with their types, as written."""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    # Defaults that are objects show where they live in memory; sorts of sets vary.
    return re.sub(r" at 0x[0-9a-f]+", "", text).replace("'", "")


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that a class defines itself and documents."""
    for name, value in vars(cls).items():
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(plain, property)):
            continue
        if plain.__doc__:
            yield name, plain


def entry(name: str, value: Any) -> Iterator[str]:
    """One exported name: signature and docstring, and the methods where it is a class."""
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    yield f"### `{name}`\n"
    shown = signature(value) if not issubclass_of_error(value) else ""
    yield fenced(f"{name}{shown}\n\n{inspect.cleandoc(value.__doc__ or '')}")
    if inspect.isclass(value):
        for method, function in members(value):
            shown = "" if isinstance(function, property) else signature(function)
            doc = inspect.cleandoc(function.__doc__ or "")
            yield fenced(f"{name}.{method}{shown}\n\n{doc}")


def issubclass_of_error(value: Any) -> bool:
    """Whether it is an exception class, whose signature is that of the root."""
    return inspect.isclass(value) and issubclass(value, Exception)


def module_part(module: ModuleType) -> Iterator[str]:
    """What a module exports."""
    yield f"## `{module.__name__}`\n"
    yield fenced(inspect.cleandoc(module.__doc__ or ""))
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if getattr(value, "__module__", module.__name__) == module.__name__:
            yield from entry(name, value)


def python_page() -> str:
    """The package's public names and what its modules export."""
    parts = [
        "# Python\n",
        NOTE,
        "## `genrewise`\n",
        fenced(inspect.cleandoc(genrewise.__doc__ or "")),
    ]
    parts.append("| name | from |\n|---|---|")
    for name in genrewise.__all__:
        home = getattr(getattr(genrewise, name), "__module__", "genrewise")
        parts.append(f"| `{name}` | `{home}` |")
    parts.append("")
    for name in MODULES:
        __import__(name)
        parts += module_part(sys.modules[name])
    return "\n".join(parts)


def error_page() -> str:
    """Every error with its exit code."""
    parts = ["# Errors\n", NOTE, "| error | exit code | when |", "|---|---|---|"]
    for name in errors.__all__:
        value = getattr(errors, name)
        if inspect.isclass(value):
            first = inspect.cleandoc(value.__doc__ or "").splitlines()[0]
            parts.append(f"| `{name}` | {value.exit_code} | {first} |")
    return "\n".join(parts) + "\n"


def default_text(field: Any) -> str:
    """A default as it is written in TOML."""
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if hasattr(value, "model_fields"):
        return ""
    return "" if value in ("", (), {}) else f"`{json.dumps(value)}`"


def sections(model: Any) -> Iterator[tuple[str, Any]]:
    """Sections of a file by their headings, the top first; a name of one's own is NAME."""
    yield "", model
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield name, field.annotation
            continue
        for inner in getattr(field.annotation, "__args__", ()):
            if hasattr(inner, "model_fields"):
                yield f"{name}.NAME", inner


def keys_page(title: str, model: Any, schema_name: str) -> str:
    """Sections and keys of a kind of file, with defaults."""
    parts = [f"# {title}\n", NOTE, f"The JSON schema for editors is `{schema_name}`.\n"]
    for name, section in sections(model):
        parts.append(f"## `[{name}]`\n" if name else "## At the top\n")
        parts.append(inspect.cleandoc(section.__doc__ or "") + "\n")
        parts.append("| key | type | default |\n|---|---|---|")
        for key, field in section.model_fields.items():
            if not hasattr(field.annotation, "model_fields"):
                kind = inspect.formatannotation(field.annotation).replace("|", "or")
                kind = re.sub(r"[a-z_.]+\.(?=[A-Z])", "", kind)
                parts.append(f"| `{key}` | {kind} | {default_text(field)} |")
        parts.append("")
    return "\n".join(parts)


def schema(values: Any) -> str:
    """A JSON schema as it is written."""
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def pages() -> dict[str, str]:
    """File name to contents of everything under ``docs/reference/``."""
    return {
        "commands.md": command_page(),
        "errors.md": error_page(),
        "python.md": python_page(),
        "recipe.schema.json": schema(recipe_schema()),
        "recipes.md": keys_page("Recipe keys", Recipe, "recipe.schema.json"),
        "sweep.schema.json": schema(sweep_schema()),
        "sweeps.md": keys_page("Sweep keys", Sweep, "sweep.schema.json"),
    }


def main(args: list[str]) -> int:
    """Write, or compare with what is there."""
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in args:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name}: {'out of date' if '--check' in args else 'written'}")
    return int("--check" in args and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
