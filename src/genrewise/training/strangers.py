"""Music outside a model's labels: how often it answered where "unknown" would have been right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from genrewise.training.metrics import bootstrap_interval

__all__ = ["Stranger", "strangers"]


class Stranger(NamedTuple):
    """What a model said of a clip whose label it does not know.

    Parameters
    ----------
    label : str
        Of the clip.
    group : tuple of (str, str)
        Its data set and its group there: groups of two data sets are never one.
    answer : str
        The genre that was said; empty for "unknown".
    """

    label: str
    group: tuple[str, str]
    answer: str


def _counts(found: Sequence[Stranger]) -> dict[str, Any]:
    answers = Counter(one.answer for one in found if one.answer)
    return {
        "n": len(found),
        "groups": len({one.group for one in found}),
        "n_answered": answers.total(),
        "answered": answers.total() / len(found),
        "taken_for": dict(sorted(answers.items(), key=lambda pair: (-pair[1], pair[0]))),
    }


def strangers(found: Sequence[Stranger]) -> dict[str, Any]:
    """How often a model answered where "unknown" would have been right.

    Parameters
    ----------
    found : sequence of Stranger
        One or more.

    Returns
    -------
    dict
        ``n`` clips in ``groups``; ``n_answered`` of them, a share ``answered``, were given a
        genre; ``interval`` of that share [lo, hi], with whole groups resampled; ``taken_for``:
        genre to number of clips, most first; ``per_label``: by the clips' labels the same but
        for the interval.
    """
    numbers = {group: k for k, group in enumerate(dict.fromkeys(one.group for one in found))}
    given = [bool(one.answer) for one in found]
    interval = bootstrap_interval(given, [numbers[one.group] for one in found])
    labels = sorted({one.label for one in found})
    return {
        **_counts(found),
        "interval": list(interval),
        "per_label": {label: _counts([o for o in found if o.label == label]) for label in labels},
    }
