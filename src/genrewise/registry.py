"""Tables of names: a name stands for ``"module:object"``, imported when asked for.

Listing a registry imports nothing, so it is cheap and works without the extras.
Third parties add entries by entry points of the group ``genrewise.KIND``, e.g.
``genrewise.models``; a name of ours is never replaced by one of theirs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genrewise.errors import GenrewiseError, MissingExtra, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Registry"]


@dataclass(frozen=True)
class Registry:
    """Names of one kind and where their objects live.

    Parameters
    ----------
    kind : str
        What the names stand for, in the singular: ``"model"``.
    entries : mapping of str to str
        Name to ``"module:object"``.
    extra : str
        The extra that the modules need; empty where the base install is enough.
    extras : mapping of str to str
        Names that need another extra than the rest.
    """

    kind: str
    entries: Mapping[str, str]
    extra: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)

    def _plugins(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points  # costs more than all of genrewise's base

        found = entry_points(group=f"genrewise.{self.kind.replace(' ', '_')}s")
        return {e.name: e for e in found if e.name not in self.entries}

    def names(self) -> list[str]:
        """All names, ours first, in the order of the table; imports nothing."""
        return [*self.entries, *sorted(self._plugins())]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> Any:
        """The object behind a name.

        Raises
        ------
        UnknownName
            With the nearest names, where there is no such name.
        MissingExtra
            Where a third-party library that the module needs is not installed.
        GenrewiseError
            Where a plug-in cannot be imported, whatever it lacks: no extra of ours helps.
        """
        target = self.entries.get(name)
        if target is None:
            return self._plugin(name)
        module, _, attribute = target.partition(":")
        try:
            value: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            extra = self.extras.get(name, self.extra)
            if not extra or (error.name or "").startswith("genrewise"):
                raise
            raise MissingExtra(f"{self.kind} {name}", extra, error.name or "") from error
        for part in attribute.split("."):
            value = getattr(value, part)
        return value

    def _plugin(self, name: str) -> Any:
        point = self._plugins().get(name)
        if point is None:
            raise UnknownName(self.kind, name, self.names())
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise GenrewiseError(
                f"{self.kind} {name}, which is {point.value}: {error}",
                "a plug-in that can be imported",
                "install it again or remove it",
            ) from error
