"""What the model is not sure of, one file after another, and what a person says to it.

Every answer is kept at once; the last ones can be taken back.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from genrewise.library.catalogue import (
    Decision,
    Model,
    decide,
    entries,
    restate,
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
            if found is not None and _is_open(found):
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
            self._keep([(found, verdict, genres)])
            self.place += 1

    def accept_above(self, confidence: float) -> int:
        """Accept all that is left and at least so sure; returns how many."""
        chosen: dict[int | None, Suggestion] = {}
        answered = self._audio_answered()
        for found in self._left():
            audio = found.entry.file.audio
            # Probabilities are kept in single precision, in which .7 is a little less.
            sure = round(found.proposal.confidence, 6) >= confidence
            if sure and _is_open(found) and audio not in answered:
                chosen.setdefault(audio, found)
        if chosen:
            self._keep([(found, "accepted", found.proposal.genres) for found in chosen.values()])
        return len(chosen)

    def _left(self) -> Iterator[Suggestion]:
        """What follows for the files that are left; whole albums only where these vote."""
        left = self.rows[self.place :]
        if self.policy.album:
            yield from (found for row in left if (found := self._suggestion(row)) is not None)
            return
        for entry in entries(self.db, left, self.model.id):
            yield from consider([entry], self.policy)

    def _keep(self, answers: Sequence[tuple[Suggestion, str, Sequence[str]]]) -> None:
        """Keep answers, all or none, and what it takes to take them back."""
        steps = [self._step(found) for found, _, _ in answers]
        said = zip(steps, answers, strict=True)
        decide(self.db, ((step.audio, verdict, genres) for step, (_, verdict, genres) in said))
        self._history.append(steps)
        self.answered.update(dict.fromkeys(step.row for step in steps))
        rows = [row for step in steps for row, _, _ in step.states]
        found = [
            suggestion
            for entry in entries(self.db, rows, self.model.id)
            for suggestion in consider([entry], self.policy)
        ]
        restate(self.db, [(s.entry.file.id, s.proposal.state, s.proposal.reason) for s in found])

    def _step(self, found: Suggestion) -> _Step:
        file = found.entry.file
        assert file.audio is not None  # nothing is proposed for what was not heard
        rows = self.db.execute(
            "SELECT id, state, error FROM files WHERE audio = ? AND state != 'missing'",
            (file.audio,),
        ).fetchall()
        states = tuple((row["id"], row["state"], row["error"]) for row in rows)
        return _Step(file.id, file.audio, found.entry.decision, states)

    def undo(self) -> int:
        """Take the last answer back, or all of the last accepting at once; returns how many."""
        if not self._history:
            return 0
        steps = self._history.pop()
        nothing = Decision("", (), "")
        before = [(step.audio, step.before or nothing) for step in steps]
        decide(self.db, ((audio, said.verdict, said.genres) for audio, said in before))
        restate(self.db, [state for step in steps for state in step.states])
        for step in steps:
            self.answered.pop(step.row, None)
        self.place = min(self.place, self.rows.index(steps[0].row))
        return len(steps)


def _is_open(found: Suggestion) -> bool:
    """Whether there is something to decide on."""
    return found.proposal.state in ("review", "proposed")
