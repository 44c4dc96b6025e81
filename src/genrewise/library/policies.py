"""What is to be written, as a pure function of what stands there, what was heard and what is asked.

A policy holds the user's wishes, a proposal what follows from them for one file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from genrewise.labels import fold
from genrewise.library.catalogue import Answer, Entry
from genrewise.library.genre_field import Tags
from genrewise.library.speech import SPEECH, is_speech

__all__ = [
    "ALSO",
    "EXISTING",
    "MIN_CONFIDENCE",
    "Policy",
    "Proposal",
    "pick",
    "propose",
    "same",
    "vote_album",
]

#: Below this a genre is not written by default but shown to a person.  On music like that the
#: models of this package learned from, 93 and 94 % of what lies above it is right, and 85 % of all
#: that they answer.
MIN_CONFIDENCE = 0.75

#: What becomes of a genre that stands there.
EXISTING = ("keep", "replace", "append")

#: Probability that a second genre must have.
ALSO = 0.2


@dataclass(frozen=True)
class Policy:
    """The user's wishes.

    Parameters
    ----------
    min_confidence : float
        Below it nothing is written; at 0 the most probable genre is, even where the model says
        "unknown".
    existing : str
        One of `EXISTING`.
    genres : int
        How many at the most.
    names : mapping of str to tuple of str
        What to write for a label; a label without any stands for itself.
    album : bool
        One genre for the songs of an album.
    field : str
        One of ``genre_field.FIELDS``.
    sidecar : bool
        Write a file beside the music and not into it.
    keep_mtime : bool
    retag : bool
        Also what genrewise wrote itself and nobody changed since.
    """

    min_confidence: float = MIN_CONFIDENCE
    existing: str = "keep"
    genres: int = 1
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    album: bool = False
    field: str = "genre"
    sidecar: bool = False
    keep_mtime: bool = False
    retag: bool = False


@dataclass(frozen=True)
class Proposal:
    """What follows for one file.

    Parameters
    ----------
    state : str
        One of ``catalogue.STATES``.
    genres : tuple of str
        What the field is to hold (proposed), would hold if the model were sure (review), or
        holds.
    confidence : float
        That of the genres together; 1 where the user said so.
    runner_up : str
        By its name.
    reason : str
        Why it is not simply proposed, in words.
    """

    state: str
    genres: tuple[str, ...] = ()
    confidence: float = 0.0
    runner_up: str = ""
    reason: str = ""


@dataclass(frozen=True)
class _Pick:
    """Genres by their names, their probability together, and the next one."""

    genres: tuple[str, ...]
    confidence: float
    runner_up: str


def same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two lists name the same genres: case, blanks and punctuation do not matter."""
    return [fold(g) for g in one] == [fold(g) for g in other]


def pick(probabilities: Mapping[str, float], policy: Policy) -> _Pick:
    """The most probable genres under the names that the user wants.

    Labels of one name count together.  A second genre and those after it must reach `ALSO`.
    """
    sums: dict[tuple[str, ...], float] = {}
    for label, p in probabilities.items():
        name = policy.names.get(label, (label,))
        sums[name] = sums.get(name, 0.0) + p
    order = sorted(sums, key=lambda name: -sums[name])
    chosen = order[:1] + [name for name in order[1 : policy.genres] if sums[name] >= ALSO]
    genres = tuple(dict.fromkeys(genre for name in chosen for genre in name))
    rest = order[len(chosen) :]
    total = min(1.0, sum(sums[name] for name in chosen))
    return _Pick(genres, total, "; ".join(rest[0]) if rest else "")


def vote_album(answers: Sequence[Answer]) -> Answer | None:
    """What the songs of an album say together: the genre of the largest summed log-probability.

    Its confidence is that of the geometric mean, as songs of one album are no independent
    witnesses.  It is unknown where more than half of the songs are; silent ones have no say.

    Returns
    -------
    Answer or None
        None where no song says anything.
    """
    heard = [a for a in answers if a.reason != "silent"]
    if not heard:
        return None
    labels = list(heard[0].probabilities)
    logs = [
        sum(math.log(max(a.probabilities[label], 1e-9)) for a in heard) / len(heard)
        for label in labels
    ]
    weights = [math.exp(value - max(logs)) for value in logs]
    p = {label: w / sum(weights) for label, w in zip(labels, weights, strict=True)}
    order = sorted(labels, key=lambda label: -p[label])
    unknown = 2 * sum(a.genre is None for a in heard) > len(heard)
    return Answer(
        "ok",
        None if unknown else order[0],
        p[order[0]],
        order[1],
        "most songs of the album are unknown" if unknown else "",
        p,
        {},
    )


def propose(
    entry: Entry, policy: Policy, *, voted: Answer | None = None, beside: Sequence[str] = ()
) -> Proposal:
    """What follows for one file.

    Parameters
    ----------
    entry : Entry
    policy : Policy
    voted : Answer, optional
        Of the album, which counts instead of the song's.
    beside : sequence of str
        Genres in the sidecar, where there is one.

    Returns
    -------
    Proposal
    """
    file, answer = entry.file, voted or entry.answer
    if file.state == "missing" or (file.state == "failed" and entry.answer is None):
        return Proposal(file.state, file.genres, reason=file.error)
    current = tuple(beside) if policy.sidecar and beside else file.field(policy.field)
    if why := _passed_over(entry, policy):
        return Proposal("skipped", current, reason=why)
    if entry.decision is not None and entry.decision.genres:
        return _decided(entry.decision.genres, current, file.ours, policy)
    if answer is None:
        return Proposal("new", current)
    return _heard(answer, current, file.ours, policy)


def _passed_over(entry: Entry, policy: Policy) -> str:
    """Why nothing is to be written, whatever was heard; empty where something may be."""
    record = entry.answer.more if entry.answer else None
    if is_speech(record, Tags(genres=entry.file.genres), entry.file.path):
        return SPEECH
    if entry.decision is not None and entry.decision.verdict == "skipped":
        return "you said so"
    if not entry.file.container and not policy.sidecar:
        return "its tags cannot be written; a sidecar can"
    return ""


def _decided(
    genres: tuple[str, ...], current: tuple[str, ...], ours: tuple[str, ...], policy: Policy
) -> Proposal:
    """The user has said what it is."""
    if same(current, genres):
        return Proposal("written" if same(current, ours) else "kept", current, 1.0)
    if current and same(ours, genres) and policy.existing != "replace":
        # It was written once and somebody wrote something else since: the later word counts.
        return Proposal("kept", current, 1.0, reason="changed since it was written")
    return Proposal("proposed", genres, 1.0, reason="you said so")


def _heard(
    answer: Answer, current: tuple[str, ...], ours: tuple[str, ...], policy: Policy
) -> Proposal:
    """A model has said what it is."""
    by_us = bool(current) and same(current, ours)
    found = pick(answer.probabilities, policy)
    stays = Proposal("written" if by_us else "kept", current, found.confidence, found.runner_up)
    if current and not _may_change(by_us, policy):
        return stays
    appends = policy.existing == "append"  # of what stands there, a part may be the user's own
    genres = _appended(current, found.genres) if appends else found.genres
    if same(current, genres):
        return stays
    doubt = _doubt(answer, found, policy)
    if doubt and current and (by_us or appends):
        return stays
    state = "review" if doubt else "proposed"
    return Proposal(state, genres, found.confidence, found.runner_up, doubt)


def _may_change(by_us: bool, policy: Policy) -> bool:
    """Whether a genre that stands there may become another."""
    if by_us:
        return policy.retag or policy.existing == "replace"
    return policy.existing != "keep"


def _appended(current: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Genres that stand there, then those of the new ones that do not."""
    there = {fold(genre) for genre in current}
    return current + tuple(genre for genre in more if fold(genre) not in there)


def _doubt(answer: Answer, found: _Pick, policy: Policy) -> str:
    """Why a genre is not to be written without a person's look; empty where it is."""
    if policy.min_confidence == 0:
        return ""
    if answer.genre is None:
        return answer.reason or "unknown"
    if found.confidence < policy.min_confidence:
        return f"below {policy.min_confidence:g}"
    return ""
