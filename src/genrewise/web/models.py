"""The models that a server answers with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genrewise import bundle
from genrewise.errors import nearest
from genrewise.labels import display
from genrewise.web.problems import Problem

__all__ = ["Models"]

#: Seconds for which the list of models is believed: every file is read and checked for it.
_FRESH = 60.0


class Models:
    """Models by name; files are named by the one who starts the server and by nobody else.

    Parameters
    ----------
    own : str
        Name or file of the model of this server; empty for the best that is here.

    Raises
    ------
    GenrewiseError
        It cannot be had or read.
    """

    def __init__(self, own: str) -> None:
        path = bundle.find(own)
        found = bundle.read(path)
        self._own_path = path
        self.own = found.info.name
        self._known: dict[str, dict[str, Any]] = {}
        self._paths: dict[str, str] = {}
        self._read = 0.0
        self._made: dict[str, Path] = {}
        self._digests: dict[str, str] = {}
        self._lock = threading.Lock()

    def _fresh(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            now = time.monotonic()
            if not self._known or now - self._read > _FRESH:
                self._known, self._paths, self._read = {}, {}, now
                for entry in bundle.list_models():
                    self._put(asdict(entry))
                self._put(asdict(bundle.entry(self.own, self._own_path)))
                for name, path in self._made.items():
                    self._put(asdict(bundle.entry(name, path)))
            return self._known

    def _put(self, values: dict[str, Any]) -> None:
        """Keep a model without the path, which is nobody's business."""
        path = values.pop("path")
        values["error"] = "damaged" if values["error"] else ""
        values["names"] = {label: display(label) for label in values["labels"]}
        self._paths[values["name"]] = path
        self._known[values["name"]] = values

    def add(self, path: Path) -> None:
        """Know one model more: one that was made here."""
        with self._lock:
            self._made[path.stem] = path
            self._read = 0.0
            self._digests.pop(os.fspath(path), None)

    def all(self) -> list[dict[str, Any]]:
        """The models as ``genrewise models --json`` lists them, without where they lie."""
        return list(self._fresh().values())

    def one(self, name: str) -> dict[str, Any]:
        """A model as it is listed.

        Raises
        ------
        Problem
            404 where there is none.
        """
        known = self._fresh()
        if name not in known:
            raise Problem(404, _unknown(name, known))
        return known[name]

    def file(self, name: str) -> str:
        """What a worker opens for a name; empty for the server's own.

        Raises
        ------
        Problem
            422 where there is no such model or it cannot answer.
        """
        if name in ("", self.own):
            return ""
        known = self._fresh()
        if name not in known:
            raise Problem(422, _unknown(name, known))
        if not known[name]["available"]:
            raise Problem(422, f"The model {name} cannot answer on this server.")
        return self._paths[name]

    def digest(self, name: str) -> str:
        """The hash of a model's file, which tells two of a name apart; empty without one."""
        self._fresh()
        path = self._paths.get(name)
        if path is None:
            return ""
        if path not in self._digests:
            self._digests[path] = bundle.read(path).digest
        return self._digests[path]

    def card(self, name: str) -> str:
        """A model's card, Markdown."""
        self.one(name)
        return bundle.card(self._paths[name])


def _unknown(name: str, known: Iterable[str]) -> str:
    """What is said of a name that no model has; the name itself is not repeated."""
    near = nearest(name[:100], known)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no model of that name here.{hint}"
