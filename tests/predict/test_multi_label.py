"""A model that gives several labels at once, with a real, tiny network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrewise.answering import NO_TAG
from genrewise.bundle import Member, Tag, Unknown, head, read
from genrewise.errors import BundleError
from genrewise.features.statistics import names
from genrewise.inference import Classifier
from genrewise.inputs import extract_samples
from genrewise.records import ClassifyJob, record

F32 = NDArray[np.float32]
Make = Callable[..., Path]
Sounds = dict[str, Callable[..., F32]]
SR = 22050
#: Hiss is a kind of noise, and so is rustle, which is not calibrated.
LABELS = ("hiss", "noise", "rustle", "tone")
TAGS = {
    "hiss": Tag(0.3, True, "noise"),
    "noise": Tag(0.5, True),
    "rustle": Tag(0.2, False, "noise"),
    "tone": Tag(0.5, True),
}
#: Slope and shift of each label's log-odds in the root of the rate of zero crossings, which is
#: about .7 for noise and .2 for the tone.
LINES = ((20.0, -13.0), (30.0, -13.5), (5.0, -4.5), (-30.0, 13.5))


@pytest.fixture
def several(make: Make, networks: dict[str, Callable[..., bytes]]) -> Make:
    """Write the model with changes; gives its file."""
    weights = np.zeros((len(names()), len(LABELS)))
    weights[names().index("spectral_zcr_mean")] = [slope for slope, _ in LINES]
    made = networks["tags"](weights, [shift for _, shift in LINES])

    def write_it(**changes: Any) -> Path:
        values = {
            "labels": LABELS,
            "members": (Member("tags.onnx", ("s",), (1.0,) * len(LABELS)),),
            "multi_label": True,
            "tags": TAGS,
            "unknown": Unknown(),
            "embedding": {},
        }
        return make({"tags.onnx": made}, **values | changes)

    return write_it


def by_hand(model: Classifier, y: F32) -> NDArray[np.float64]:
    """Window probabilities of the four lines."""
    found = extract_samples(y, SR, model.inputs, model.rule)
    rate = found.arrays["s"][:, names().index("spectral_zcr_mean")].astype(np.float64)
    z = np.stack([slope * rate + shift for slope, shift in LINES], axis=1)
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def test_windows_are_not_normalised(several: Make, sounds: Sounds) -> None:
    model, y = Classifier(several()), sounds["music"](9.0)
    found = extract_samples(y, SR, model.inputs, model.rule)
    given = model.window_probabilities(found.arrays)
    np.testing.assert_allclose(given, by_hand(model, y), atol=1e-5)
    assert not np.allclose(given.sum(axis=1), 1.0)


def test_noise_bears_what_reaches_its_threshold(several: Make, sounds: Sounds) -> None:
    model, y = Classifier(several()), sounds["noise"](6.0)
    found = model.predict(y, SR)
    p = by_hand(model, y).mean(axis=0)
    assert list(found.probabilities.values()) == pytest.approx(p, abs=1e-4)
    assert p[0] > 0.5  # hiss is likely, so it stands before noise
    assert (found.genre, found.genres) == ("hiss", ("hiss", "noise", "rustle"))
    assert found.confidence == found.probabilities["hiss"]
    assert (found.runner_up, found.reason) == ("noise", "")
    assert sum(found.probabilities.values()) > 1.5
    assert {s.genre for s in found.timeline} == {"hiss"}
    assert found.timeline[0].confidence == found.timeline[0].probabilities[0]
    assert found.deciding[0].genre == "hiss"


def test_a_tone_is_one(several: Make, sounds: Sounds) -> None:
    found = Classifier(several()).predict(sounds["tone"](6.0), SR)
    assert (found.genre, found.genres) == ("tone", ("tone",))
    assert found.confidence > 0.9


def test_silence_bears_nothing(several: Make, sounds: Sounds) -> None:
    found = Classifier(several()).predict(sounds["tone"](6.0) * np.float32(1e-5), SR)
    assert (found.genre, found.genres, found.reason) == (None, (), "silent")
    assert set(found.probabilities.values()) == {0.0}
    assert (found.timeline, found.deciding, found.confidence) == ((), (), 0.0)


def test_no_tag_above_its_threshold(several: Make, sounds: Sounds) -> None:
    high = {label: Tag(1.0, True) for label in LABELS}
    found = Classifier(several(tags=high)).predict(sounds["music"](6.0), SR)
    assert (found.genre, found.genres, found.reason) == (None, (), NO_TAG)
    assert NO_TAG == "no tag above its threshold"
    best, second = sorted(found.probabilities.values())[:-3:-1]
    assert found.confidence == best
    assert found.probabilities[found.runner_up] == second
    assert found.timeline


def test_the_rules_for_unknown_hold_as_well(several: Make, sounds: Sounds) -> None:
    y = sounds["noise"](6.0)
    found = Classifier(several(unknown=Unknown(0.999999))).predict(y, SR)
    assert (found.genre, found.genres, found.reason) == (None, (), "low confidence")
    embedding = {
        "file": "place.onnx", "inputs": ["s"], "size": 3,
        "centres": [[9.0, 9.0, 9.0]] * len(LABELS),
    }  # fmt: skip
    strange = several(unknown=Unknown(0.0, 0.1), embedding=embedding)
    found = Classifier(strange).predict(y, SR)
    assert (found.genres, found.reason) == ((), "far from the training music")


def test_two_members_are_weighed_label_by_label(
    several: Make, sounds: Sounds, networks: dict[str, Callable[..., bytes]], make: Make
) -> None:
    even = networks["tags"](np.zeros((len(names()), 4)), [0.0] * 4)
    files = {**read(several()).files, "even.onnx": even}
    members = (
        Member("tags.onnx", ("s",), (1.0, 3.0, 1.0, 0.0)),
        Member("even.onnx", ("s",), (1.0, 1.0, 0.0, 2.0)),
    )
    values = {"labels": LABELS, "multi_label": True, "tags": TAGS, "embedding": {}}
    model = Classifier(make(files, members=members, **values))
    y = sounds["noise"](6.0)
    p = by_hand(model, y)
    found = extract_samples(y, SR, model.inputs, model.rule)
    mixed = (p * [1, 3, 1, 0] + np.array([0.5, 0.5, 0.0, 1.0])) / [2, 4, 1, 2]
    np.testing.assert_allclose(model.window_probabilities(found.arrays), mixed, atol=1e-5)


@pytest.mark.parametrize("vote", ["majority", "loudest"])
def test_votes_that_need_one_choice_are_refused(several: Make, vote: str) -> None:
    with pytest.raises(BundleError, match=f"vote '{vote}'; expected one of mean, log-mean, trimm"):
        Classifier(several(vote=vote))


def test_the_file_says_what_its_tags_are(several: Make) -> None:
    path = several()
    assert read(path).info.tags == TAGS
    assert head(path) == read(path).info
    assert head(path).multi_label


# ------------------------------------------------------------------------- records


def test_a_record_has_all_genres(several: Make, sounds: Sounds) -> None:
    found = Classifier(several()).predict(sounds["noise"](6.0), SR)
    plain = record(found, ClassifyJob())
    assert plain["genres"] == ["hiss", "noise", "rustle"]
    assert plain["genre"] == "hiss"
    assert plain["confidence"] == plain["probabilities"]["hiss"]


def test_least_confidence_leaves_genres_out(several: Make, sounds: Sounds) -> None:
    found = Classifier(several()).predict(sounds["noise"](6.0), SR)
    p = found.probabilities
    assert p["rustle"] < p["hiss"] < p["noise"]
    between = (p["hiss"] + p["noise"]) / 2
    plain = record(found, ClassifyJob(min_confidence=between))
    assert (plain["genre"], plain["genres"]) == ("noise", ["noise"])
    assert plain["confidence"] == p["noise"]
    assert plain["reason"] == ""
    none = record(found, ClassifyJob(min_confidence=1.0))
    assert (none["genre"], none["genres"], none["reason"]) == (None, [], "low confidence")
    assert none["confidence"] == p["hiss"]


def test_a_model_of_one_genre_gives_it_alone(make: Make, sounds: Sounds) -> None:
    found = Classifier(make()).predict(sounds["noise"](6.0), SR)
    assert (found.genre, found.genres) == ("noise", ("noise",))
    assert record(found, ClassifyJob())["genres"] == ["noise"]
    doubtful = Classifier(make(unknown=Unknown(1.0))).predict(sounds["music"](6.0), SR)
    assert (doubtful.genre, doubtful.genres) == (None, ())
    assert record(doubtful, ClassifyJob())["genres"] == []
