"""The figures of a vocabulary: a row a tag, and where each tag is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrewise.labels import display, genre
from genrewise.training.metrics import ece
from genrewise.training.tags.data import Pool
from genrewise.training.tags.heads import Settings, looks, sides
from genrewise.training.tags.learn import LEAST, QUANTILE, Learnt, apply
from genrewise.training.tags.scores import average_precision, f1, interval, roc_area
from genrewise.training.tags.table import KINDS, KNOWN, LEFT_OUT

__all__ = ["elsewhere", "report_of"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Tracks of a collection below which a ranking of it says nothing.
_FEW = 5


def _ranking(truth: I64, p: F64, groups: Sequence[str]) -> dict[str, Any]:
    """Area under the ROC curve and average precision, each with its interval."""
    even = np.ones(len(p))
    scores = {"auc": roc_area, "average_precision": average_precision}
    found: dict[str, Any] = {}
    for name, score in scores.items():
        found[name] = float(score(truth, p, even))
        found[f"{name}_interval"] = interval(score, truth, p, groups)
    return found


def _labelled(tag: Learnt, pool: Pool) -> dict[str, Any]:
    """Figures of a tag with labels, out of fold."""
    side, groups = tag.side, np.array(pool.groups)
    truth, p, answer = side.truth[side.sure], tag.p[side.sure], tag.answer[side.sure]
    counted = side.weight > 0
    unsure = counted & ~side.sure
    return {
        "positive": int((truth == 1).sum()),
        "negative": int((truth == 0).sum()),
        "unsure": int(unsure.sum()),
        "groups": len(set(groups[side.sure & (side.truth == 1)])),
        **_ranking(truth, p, list(groups[side.sure])),
        # The worst case: no track of an unsure genre bears the tag.
        "average_precision_unsure_as_negative": float(
            average_precision(side.truth[counted], tag.p[counted], np.ones(counted.sum()))
        ),
        "f1": f1(truth, answer),
        "recall": float(answer[truth == 1].mean()),
        "false": float(answer[truth == 0].mean()),
        "unsure_given": float(tag.answer[unsure].mean()) if unsure.any() else None,
        "ece": ece(p, truth == 1),
    }


def _known(tag: Learnt, pool: Pool) -> dict[str, Any]:
    """Where a tag without labels is heard: artists that are known for it, and all others."""
    artists = [f"gtzan/{name}" for name in KNOWN.get(tag.rule.label, ())]
    groups = np.array(pool.groups)
    mine = np.isin(groups, artists) | pool.of([tag.rule.label])
    heard = np.isfinite(tag.p)
    return {
        "artists": len(set(groups[mine])),
        "tracks": int(mine.sum()),
        "given": float(tag.answer[mine].mean()) if mine.any() else None,
        "others_given": float(tag.answer[heard & ~mine].mean()),
    }


def _tag_row(tag: Learnt, pool: Pool) -> dict[str, Any]:
    rule, about = tag.rule, genre(tag.rule.label)
    return {
        "label": rule.label,
        "display": display(rule.label),
        "id3v1": about.id3v1 if about else "",
        "discogs": about.discogs if about else "",
        "musicbrainz": about.musicbrainz if about else "",
        "parent": about.parent if about else "",
        "own": list(rule.own),
        "positive_words": list(rule.positive),
        "unsure_words": list(rule.unsure),
        "calibrated": tag.calibrated,
        "threshold": tag.threshold,
        **(_labelled(tag, pool) if tag.calibrated else _known(tag, pool)),
    }


def _heard_in(learnt: Sequence[Learnt], pool: Pool) -> dict[str, dict[str, float]]:
    """Share of the tracks of each genre that are given each tag."""
    found: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        mine = pool.of([kind])
        for tag in learnt:
            heard = mine & np.isfinite(tag.p)
            if heard.any():
                found.setdefault(kind, {})[tag.rule.label] = float(tag.answer[heard].mean())
    return found


def elsewhere(learnt: Sequence[Learnt], pool: Pool) -> dict[str, dict[str, Any]]:
    """Figures of the tags with labels on a collection that nothing was learnt from.

    Parameters
    ----------
    learnt : sequence of Learnt
    pool : Pool

    Returns
    -------
    dict
        By tag, of those with five examples and five counter-examples or more.
    """
    seen, groups = looks(pool.x), np.array(pool.groups)
    found = {}
    for tag in learnt:
        side = sides(pool, tag.rule, Settings())
        asked, truth = side.sure, side.truth[side.sure]
        if tag.calibrated and min((truth == 1).sum(), (truth == 0).sum()) >= _FEW:
            p = apply(tag.head, seen, pool)[asked]
            given = p >= tag.threshold
            found[tag.rule.label] = {
                "positive": int((truth == 1).sum()),
                "negative": int((truth == 0).sum()),
                "groups": len(set(groups[asked][truth == 1])),
                **_ranking(truth, p, list(groups[asked])),
                "f1": f1(truth, given),
                "recall": float(given[truth == 1].mean()),
                "false": float(given[truth == 0].mean()),
                "ece": ece(p, truth == 1),
            }
    return found


def _pooled_ece(learnt: Sequence[Learnt]) -> float:
    """Calibration over all answers of all tags with labels."""
    labelled = [tag for tag in learnt if tag.calibrated]
    p = np.concatenate([tag.p[tag.side.sure] for tag in labelled])
    return ece(p, np.concatenate([tag.side.truth[tag.side.sure] == 1 for tag in labelled]))


def report_of(learnt: Sequence[Learnt], pool: Pool) -> dict[str, Any]:
    """Everything that card and pages show of a vocabulary, but for other collections.

    Parameters
    ----------
    learnt : sequence of Learnt
    pool : Pool
    """
    rows = [_tag_row(tag, pool) for tag in learnt]
    labelled = [row for row in rows if row["calibrated"]]
    by_set = {
        name: dict(sorted(Counter(k for s, k in zip(pool.sets, pool.kinds, strict=True)
                                  if s == name).items()))
        for name in dict.fromkeys(pool.sets)
    }  # fmt: skip
    return {
        "kind": "tags",
        "data": {
            "sets": by_set,
            "tracks": len(pool),
            "audio": int(pool.audio.sum()),
            "groups": len(set(pool.groups)),
            "windows": len(pool.x),
        },
        "rule": {"quantile": QUANTILE, "least": LEAST},
        "tags": rows,
        "mean": {
            "tags": len(labelled),
            **{key: float(np.mean([row[key] for row in labelled]))
               for key in ("auc", "average_precision", "f1", "ece")},
            "pooled_ece": _pooled_ece(learnt),
        },
        "heard_in": _heard_in(learnt, pool),
        "left_out": dict(LEFT_OUT),
    }  # fmt: skip
