"""The folder of a sweep: one program at a time writes it, and nothing is lost when it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genrewise.errors import DatasetError, RecipeError
from genrewise.files import replace_file

__all__ = ["JOURNAL", "STATE", "alone", "read_state", "same_plan", "write_state"]

#: What holds the whole sweep at any time, and Optuna's own record of it.
STATE, JOURNAL = "sweep.json", "journal.log"

#: Keys of the state that say what the sweep is.
PLAN = ("spec", "recipe", "total")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other programs out of a folder; the system lets go when this one is killed.

    Raises
    ------
    DatasetError
        Another one is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "sweep.lock").open("w", encoding="ascii") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise DatasetError(
                f"{folder}: another sweep is running here",
                "a folder of its own",
                "wait for it, or end it",
            ) from error
        yield


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write plain values, whole or not at all."""
    text = json.dumps(state, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text.encode("utf-8"))


def read_state(folder: Path) -> dict[str, Any] | None:
    """What a sweep left in a folder; None where there was none.

    Raises
    ------
    RecipeError
        It cannot be read.
    """
    path = folder / STATE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{path}: {error}", "the state of a sweep", "delete its folder"
        ) from error
    if not isinstance(state, dict) or state.get("kind") != "sweep":
        raise RecipeError(f"{path}: no state of a sweep", "one", "give another folder")
    return state


def same_plan(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse to go on with another sweep than the one that was begun.

    Raises
    ------
    RecipeError
        With the first key that differs.
    """
    for part in PLAN:
        found = _difference(old.get(part), new[part], part)
        if found:
            raise RecipeError(
                f"{folder} holds a sweep of other settings: {found}",
                "those it was begun with",
                "give another folder, or take back the change",
            )


def _difference(old: Any, new: Any, place: str) -> str:
    """Where two plain values differ first; empty where they do not."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            found = _difference(old.get(key), new.get(key), f"{place}.{key}")
            if found:
                return found
        return ""
    return "" if old == new else f"{place} was {json.dumps(old)}, is {json.dumps(new)}"
