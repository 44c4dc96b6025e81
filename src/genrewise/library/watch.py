"""What arrives in a folder, once it is complete: found by looking again and again.

No service of the system is asked, so that it works on any disk and over any network.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from genrewise.engine import Refused
from genrewise.library.catalogue import Model, entries, restate
from genrewise.library.scan import Scan, Stand, forget_links, look, scan
from genrewise.library.tagging import Suggestion

__all__ = ["REST", "Arrivals", "hold_back", "is_unfinished", "take"]

#: Seconds that a file must have stood still.
REST = 3.0

#: Endings by which programs mark what they have not fetched or written to its end.
_UNFINISHED = (
    *(".!qb", ".aria2", ".crdownload", ".download", ".opdownload", ".part", ".partial"),
    *(".tmp", ".temp", ".unfinished"),
)


def is_unfinished(path: str) -> bool:
    """Whether a name says that the file is not complete."""
    return path.lower().endswith(_UNFINISHED)


@dataclass
class _Seen:
    """A file as it was seen last, since when, and whether it was given out as it is."""

    size: int
    mtime_ns: int
    since: float
    given: bool = False


@dataclass
class Arrivals:
    """Remembers files between two looks, and gives out those that have come to rest.

    Parameters
    ----------
    rest : float
        Seconds that size and time must not have changed.
    """

    rest: float = REST
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def look(self, paths: Iterable[str | Refused], now: float) -> list[str]:
        """Files that stand still long enough and have not been given out as they are.

        Parameters
        ----------
        paths : iterable of str or Refused
            All that is there now; what is refused is passed over.
        now : float
            Seconds on a clock that does not jump.
        """
        forget_links()
        there: dict[str, _Seen] = {}
        ready = []
        for path in paths:
            if isinstance(path, Refused) or is_unfinished(path):
                continue
            try:
                stand = look(path)
            except OSError:  # it went away meanwhile
                continue
            seen = there.get(stand.path) or self._update(stand, now)
            there[stand.path] = seen
            if not seen.given and stand.size > 0 and now - seen.since >= self.rest:
                seen.given = True
                ready.append(stand.path)
        self._seen = there
        return ready

    def _update(self, stand: Stand, now: float) -> _Seen:
        seen = self._seen.get(stand.path)
        if seen is None or (seen.size, seen.mtime_ns) != (stand.size, stand.mtime_ns):
            return _Seen(stand.size, stand.mtime_ns, now)
        return seen

    @property
    def waiting(self) -> int:
        """How many files have not come to rest yet."""
        return sum(not seen.given and seen.size > 0 for seen in self._seen.values())

    def settle(self, path: str) -> None:
        """Note how a file is now that it was written by ourselves: that is no arrival."""
        with suppress(OSError):
            stand = look(path)
            self._seen[stand.path] = _Seen(stand.size, stand.mtime_ns, 0.0, given=True)


def take(db: sqlite3.Connection, paths: Sequence[str], model: Model) -> tuple[Scan, array[int]]:
    """Take arrivals into the catalogue.

    Parameters
    ----------
    db : Connection
    paths : sequence of str
    model : Model

    Returns
    -------
    scan : Scan
        With the files that are to be listened to.
    rows : array of int
        Rows of the files that are new or changed, or that nobody has looked at yet; what the
        library knows is left as it is.
    """
    found = scan(db, paths, model.id)
    todo = set(found.work)
    known = entries(db, found.scope, model.id)
    rows = [e.file.id for e in known if e.file.id in todo or e.file.state == "new"]
    return found, array("q", rows)


def hold_back(db: sqlite3.Connection, suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """Leave files of which a part is missing to a person: they may still be arriving.

    One that does arrive has changed and is listened to again.
    """
    found, held = [], []
    for suggestion in suggestions:
        answer, proposal = suggestion.entry.answer, suggestion.proposal
        if answer is not None and answer.status == "partial" and proposal.state == "proposed":
            proposal = replace(proposal, state="review", reason="a part of it is missing")
            held.append((suggestion.entry.file.id, proposal.state, proposal.reason))
        found.append(replace(suggestion, proposal=proposal))
    restate(db, held)
    return found
