"""What the model is not sure of, one file after another, and what a person says to it.

Every answer is kept at once; the last ones can be taken back.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from genrewise.library.catalogue import (
    Decision,
    Model,
    decide,
    entries,
    restate,
    undecide,
)
from genrewise.library.policies import Policy
from genrewise.library.tagging import Suggestion, album_of, consider

__all__ = ["Review", "names_to_choose", "queue"]


def queue(
    db: sqlite3.Connection, paths: Sequence[str] = (), *, proposed: bool = False
) -> array[int]:
    """Rows of the files that wait for a person, by their paths.

    Parameters
    ----------
    db : Connection
    paths : sequence of str
        Files and folders to which to keep; none for all.
    proposed : bool
        Also those that would be written without a look.
    """
    states = ("review", "proposed") if proposed else ("review",)
    marks = ", ".join("?" * len(states))
    rows = db.execute(f"SELECT id, path FROM files WHERE state IN ({marks}) ORDER BY path", states)
    tops = [os.fsencode(os.path.realpath(path)) for path in paths]
    return array("q", [r["id"] for r in rows.fetchall() if not tops or _below(r["path"], tops)])


def _below(path: bytes, tops: Sequence[bytes]) -> bool:
    return any(
        path == top or path.startswith(os.path.join(top, b""))  # noqa: PTH118
        for top in tops
    )


def names_to_choose(db: sqlite3.Connection, model: Model, policy: Policy) -> list[str]:
    """Genres to choose from: those of the model under the user's names, then the user's own."""
    names = [name for label in model.labels for name in policy.names.get(label, (label,))]
    rows = db.execute(
        "SELECT j.value AS genre FROM files f, json_each(f.genres) j"
        " GROUP BY j.value ORDER BY count(*) DESC, j.value"
    )
    return list(dict.fromkeys([*names, *(row["genre"] for row in rows.fetchall())]))


@dataclass(frozen=True)
class _Step:
    """An answer, what had been said before and in which states the audio's files were."""

    row: int
    audio: int
    before: Decision | None
    states: tuple[tuple[int, str, str], ...]


@dataclass
class Review:
    """A queue of files and a person's answers.

    Parameters
    ----------
    db : Connection
    model : Model
    policy : Policy
        Says under which names genres are proposed.
    rows : array of int
        Of :func:`queue`.
    """

    db: sqlite3.Connection
    model: Model
    policy: Policy
    rows: array[int]
    place: int = 0
    answered: dict[int, None] = field(default_factory=dict)
    _history: list[list[_Step]] = field(default_factory=list)

    def current(self) -> Suggestion | None:
        """The file that is due, with what follows for it; None at the end.

        What went away meanwhile, or was answered as another copy of the same audio, is passed
        over.
        """
        while self.place < len(self.rows):
            found = self._suggestion(self.rows[self.place])
            if found is not None and found.proposal.state in ("review", "proposed"):
                seen = found.entry.file.audio in self._audio_answered()
                if not seen:
                    return found
            self.place += 1
        return None

    def _audio_answered(self) -> set[int]:
        return {step.audio for steps in self._history for step in steps}

    def _suggestion(self, row: int) -> Suggestion | None:
        group = album_of(self.db, row)
        found = consider(list(entries(self.db, group, self.model.id)), self.policy)
        return next((s for s in found if s.entry.file.id == row), None)

    def answer(self, verdict: str, genres: Sequence[str] = ()) -> None:
        """Keep what a person says of the file that is due, and go on to the next.

        Parameters
        ----------
        verdict : str
            Of ``catalogue.VERDICTS``.
        genres : sequence of str
            None where it was skipped.
        """
        found = self.current()
        if found is not None:
            self._history.append([self._keep(found, verdict, genres)])
            self.place += 1

    def accept_above(self, confidence: float) -> int:
        """Accept all that is left and at least so sure; returns how many."""
        start = self.place
        steps: list[_Step] = []
        while (found := self.current()) is not None:
            done = {step.audio for step in steps}
            # Probabilities are kept in single precision, in which .7 is a little less.
            sure = round(found.proposal.confidence, 6) >= confidence
            if sure and found.entry.file.audio not in done:
                steps.append(self._keep(found, "accepted", found.proposal.genres))
            self.place += 1
        self.place = start
        if steps:
            self._history.append(steps)
        return len(steps)

    def _keep(self, found: Suggestion, verdict: str, genres: Sequence[str]) -> _Step:
        file, before = found.entry.file, found.entry.decision
        assert file.audio is not None  # nothing is proposed for what was not heard
        rows = self.db.execute(
            "SELECT id, state, error FROM files WHERE audio = ? AND state != 'missing'",
            (file.audio,),
        ).fetchall()
        decide(self.db, file.audio, verdict, genres)
        self.answered[file.id] = None
        self._restate([row["id"] for row in rows])
        return _Step(file.id, file.audio, before, tuple((r[0], r[1], r[2]) for r in rows))

    def _restate(self, rows: Sequence[int]) -> None:
        """Bring the states of files up to date."""
        found = [self._suggestion(row) for row in rows]
        restate(
            self.db,
            [
                (s.entry.file.id, s.proposal.state, s.proposal.reason)
                for s in found
                if s is not None
            ],
        )

    def undo(self) -> int:
        """Take the last answer back, or all of the last accepting at once; returns how many."""
        if not self._history:
            return 0
        steps = self._history.pop()
        for step in reversed(steps):
            if step.before is None:
                undecide(self.db, step.audio)
            else:
                decide(self.db, step.audio, step.before.verdict, step.before.genres)
            self.answered.pop(step.row, None)
            restate(self.db, step.states)
        self.place = min(self.place, self.rows.index(steps[0].row))
        return len(steps)
