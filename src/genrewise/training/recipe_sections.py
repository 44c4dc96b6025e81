"""Sections of a recipe, as frozen models that refuse what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from genrewise.windows import WindowRule

__all__ = [
    "Augment",
    "Data",
    "Fit",
    "Member",
    "Model",
    "Published",
    "Rows",
    "Section",
    "Split",
    "UnknownRule",
    "Vote",
    "Windows",
]


class Section(BaseModel):
    """Plain values that never change; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Published(Section):
    """What the authors printed, with what it was measured on."""

    figure: Literal["", "accuracy", "macro_f1", "weighted_f1"] = ""
    value: float | None = None
    unit: Literal["", "window", "clip", "track"] = ""
    n: int | None = None
    protocol: str = ""
    source: str = ""
    more: Mapping[str, Any] = Field(default_factory=dict)


class Rows(Section):
    """Further training rows of one input, for tracks without audio (``.npz``)."""

    input: str = ""
    file: str = ""


class Data(Section):
    """Where the music is.

    `source` is what :func:`genrewise.training.datasets.read` takes; a relative one is also
    looked for below the data folder.  Files of the folder `unlabelled` are classified by the
    model in the end; what it says of them is left as ``unlabelled.csv``.
    """

    source: str = ""
    labels: tuple[str, ...] = ()
    group_by: str = ""
    rows: Rows = Rows()
    unlabelled: str = ""


class Split(Section):
    """What is dealt to the parts, in which shares.

    With the rule ``groups`` a split column of the data set comes first.  The others deal
    tracks, clips or windows at random, whatever else they share: published systems did, and
    their protocol needs it.  `valid` is the share of all that is held back to stop and to
    choose by; 0 takes .15 of what is not tested.  With `valid_is_test` one part is both.
    Without `column` a split column of the data set is not used.
    """

    rule: Literal["groups", "tracks", "clips", "windows"] = "groups"
    seed: int = Field(default=0, ge=0)
    test: float = Field(default=0.2, ge=0, lt=1)
    valid: float = Field(default=0.0, ge=0, lt=1)
    valid_is_test: bool = False
    column: bool = True


class Windows(Section):
    """See :class:`genrewise.windows.WindowRule`.

    With a `count`, training, validation and test take that many windows at random places of
    each clip (drawn by `seed`); a model file still hears a track from end to end.
    """

    length: float = Field(default=10.0, gt=0)
    hop: float = Field(default=5.0, gt=0)
    tail: Literal["shift", "pad", "drop"] = "shift"
    silence_db: float = -60.0
    count: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)

    def rule(self) -> WindowRule:
        """The window rule."""
        return WindowRule(self.length, self.hop, self.tail, self.silence_db)


class Augment(Section):
    """Changed copies of what is learnt from; see :mod:`genrewise.training.augment`.

    `kinds` change pictures and spectrograms, ``inline`` anew for every batch with a
    `probability`, or ``saved`` once as so many `copies`.  The kinds of `waveform` change the
    samples, once, as so many copies.
    """

    kinds: tuple[str, ...] = ()
    probability: float = Field(default=0.5, ge=0, le=1)
    mode: Literal["inline", "saved"] = "inline"
    waveform: tuple[str, ...] = ()
    copies: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)


class Member(Section):
    """One classifier: a model of the registry, what it looks at, its parameters.

    `stack` names members whose probabilities it sees as further columns.  `start` names a
    recipe with a member of the same name, whose weights a network starts from.
    """

    model: str
    inputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = Field(default_factory=dict)
    stack: tuple[str, ...] = ()
    start: str = ""


class Model(Section):
    """Members and which of them may be mixed; validation picks one of the candidates.

    `in_sample` gives a stack the probabilities of members for what they learnt from, the
    fault of a published system; it is refused under the honest protocol.
    """

    label_set: str = ""
    in_sample: bool = False
    members: Mapping[str, Member] = Field(min_length=1)
    candidates: tuple[tuple[str, ...], ...] = ()


class Fit(Section):
    """How answers are had that choose and calibrate, and what is fitted in the end.

    `choose` "folds" cross-validates over training and validation together and refits on both;
    "holdout" learns from the training part alone, stops networks by the validation part
    and chooses on it.  `pick` "first" takes the first candidate, whatever validation says: the
    others are shown beside it.  `refit` "all" fits what ships on the test part too, once
    that was scored.
    """

    folds: int = Field(default=5, ge=2)
    seed: int = Field(default=0, ge=0)
    windows_per_item: int = Field(default=12, ge=1)
    refit: Literal["train", "all"] = "train"
    choose: Literal["folds", "holdout"] = "folds"
    pick: Literal["likeliest", "first"] = "likeliest"


class Vote(Section):
    """Rule of :mod:`genrewise.votes`.

    The geometric mean is no more often right than the arithmetic one, but better calibrated
    after a temperature: ECE .036 against .099 on ten genres, four members, out of fold.
    """

    rule: Literal["mean", "log-mean", "majority", "trimmed"] = "log-mean"


class UnknownRule(Section):
    """When to say "unknown": the share of wrong answers aimed at, on validation."""

    target_risk: float = Field(default=0.15, gt=0, lt=1)
    least_answered: float = Field(default=0.6, gt=0, le=1)
    far: float = Field(default=0.01, ge=0, lt=1)
