"""How the models that come along are made from data, each by one command.

``scripts/models``                    list them
``scripts/models NAME -o FOLDER …``   make one; what follows goes to its command
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src" / "genrewise" / "models"

#: The one that no recipe makes.
TAGS = "tags-v1"


def names() -> list[str]:
    """The models that come along."""
    return sorted(path.stem for path in FOLDER.glob("*.genrewise"))


def words(name: str) -> list[str]:
    """What follows ``python -m`` to make a model; the folder comes after it."""
    if name == TAGS:
        return ["genrewise.training.tags"]
    return ["genrewise", "run", f"models/{name}"]


def listing() -> str:
    """A line a model: name and command."""
    found = names()
    width = max(map(len, found))
    return "\n".join(
        f"{name:{width}}  python -m {' '.join(words(name))} -o FOLDER" for name in found
    )


def main(arguments: Sequence[str]) -> int:
    """List, or make; returns the exit code."""
    if not arguments:
        print(listing())
        return 0
    name, *more = arguments
    if name not in names():
        print(f"no model named {name!r}; expected one of {', '.join(names())}", file=sys.stderr)
        return 2
    return subprocess.run([sys.executable, "-m", *words(name), *more], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
