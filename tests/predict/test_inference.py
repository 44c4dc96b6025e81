"""From sound to genre: what a prediction holds, and when it says that it does not know."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genrewise
from genrewise.bundle import Calibration, Member, Unknown
from genrewise.errors import AudioError, BundleError, RecipeError, UnknownName
from genrewise.evidence import packed
from genrewise.features.statistics import names
from genrewise.inference import Classifier, Prediction, classify
from genrewise.inputs import extract_samples, make_input
from genrewise.votes import temper, vote

SR = 22050
Make = Callable[..., Path]
Sounds = dict[str, Callable[..., Any]]
Networks = dict[str, Callable[..., bytes]]


def joined(sounds: Sounds, plan: str, each: float = 6.0) -> Any:
    """n, t and a space for noise, tone and silence."""
    made = {"n": sounds["noise"], "t": sounds["tone"], " ": lambda s: np.zeros(round(s * SR), "f4")}
    return np.concatenate([made[letter](each) for letter in plan])


def well_formed(found: Prediction, seconds: float) -> None:
    """What holds of every answer."""
    p = found.probabilities
    assert sum(p.values()) == pytest.approx(1.0, abs=1e-6)
    assert found.confidence == max(p.values())
    assert (found.genre is None) == bool(found.reason)
    best = max(p, key=lambda label: p[label])
    assert found.genre in (None, best)
    assert found.runner_up in p
    assert found.runner_up != best
    assert found.seconds == pytest.approx(seconds)
    if found.reason != "silent":  # which this model puts at the origin
        assert np.linalg.norm(found.embedding) == pytest.approx(1.0, abs=1e-5)
    assert found.embedding.dtype == np.float32
    for a, b in itertools.pairwise(found.timeline):
        assert a.stop <= b.start
    for a, b in itertools.combinations(found.deciding, 2):
        assert a.stop <= b.start or b.stop <= a.start
    shares = [s.probabilities[list(p).index(best)] for s in found.deciding]
    assert shares == sorted(shares, reverse=True)
    for segment in (*found.timeline, *found.deciding):
        assert segment.confidence == max(segment.probabilities)
        assert sum(segment.probabilities) == pytest.approx(1.0, abs=1e-6)
        assert segment.genre == list(p)[int(np.argmax(segment.probabilities))]


@pytest.mark.parametrize("kind", ["noise", "tone"])
def test_the_right_answer(make: Make, sounds: Sounds, kind: str) -> None:
    model = Classifier(make())
    found = model.predict(sounds[kind](10.0), SR)
    well_formed(found, 10.0)
    assert (found.genre, found.reason, found.model) == (kind, "", "tiny")
    assert found.confidence > 0.95
    assert (found.partial, found.lost, found.stated) == (False, 0.0, None)
    assert model.name == "tiny"
    assert model.labels == ("noise", "tone")
    assert model.card == "# Tiny\n"


def test_probabilities_by_hand(make: Make, sounds: Sounds) -> None:
    """Window probabilities, vote and temperature are what the parts give."""
    model = Classifier(make(calibration=Calibration(2.0)))
    y = joined(sounds, "ntn", 4.0)
    found = extract_samples(y, SR, model.inputs, model.rule)
    zcr = found.arrays["s"][:, names().index("spectral_zcr_mean")].astype(float)
    logits = np.stack([30 * zcr - 13.5, 13.5 - 30 * zcr], axis=1)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.window_probabilities(found.arrays), expected, atol=1e-4)
    p = model.predict(y, SR).probabilities
    assert list(p.values()) == pytest.approx(list(temper(vote(expected), 2.0)), abs=1e-4)


def test_members_are_weighted_label_by_label(
    make: Make, sounds: Sounds, networks: Networks
) -> None:
    even = networks["classifier"](np.zeros((len(names()), 2)), [0.0, 0.0])
    members = (
        Member("tiny.onnx", ("s",), (1.0, 3.0)),
        Member("even.onnx", ("s",), (2.0, 1.0)),
    )
    model = Classifier(make({"even.onnx": even}, members=members))
    arrays = extract_samples(sounds["music"](5.0), SR, model.inputs, model.rule).arrays
    alone = Classifier(make()).window_probabilities(arrays)
    mixed = alone * [1.0, 3.0] + 0.5 * np.array([2.0, 1.0])
    expected = mixed / mixed.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.window_probabilities(arrays), expected, atol=1e-6)


@given(st.text("nt ", min_size=1, max_size=4), st.floats(0.3, 5))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_mixture_is_answered_well(make: Make, sounds: Sounds, plan: str, each: float) -> None:
    y = joined(sounds, plan, each)
    found = Classifier(make()).predict(y, SR)
    well_formed(found, len(y) / SR)
    if plan.strip() == "":
        assert found.reason == "silent"


# --------------------------------------------------------------- "unknown"


def test_unknown_by_confidence(make: Make, sounds: Sounds) -> None:
    y = joined(sounds, "nt")
    found = Classifier(make(unknown=Unknown(0.9, 0.0))).predict(y, SR)
    assert (found.genre, found.reason) == (None, "low confidence")
    assert found.confidence < 0.9
    assert Classifier(make(unknown=Unknown(0.1, 0.0))).predict(y, SR).genre is not None


def test_unknown_by_distance(make: Make, sounds: Sounds) -> None:
    y = sounds["noise"](6.0)
    plain = Classifier(make()).predict(y, SR)
    assert plain.distance > 0
    near, far = (
        Classifier(make(unknown=Unknown(0.0, plain.distance * share))).predict(y, SR)
        for share in (1.01, 0.99)
    )
    assert (near.genre, near.reason) == ("noise", "")
    assert (far.genre, far.reason) == (None, "far from the training music")
    assert far.probabilities == near.probabilities


def test_the_distance_by_hand(make: Make, sounds: Sounds) -> None:
    model = Classifier(make())
    y = sounds["noise"](6.0)
    rows = extract_samples(y, SR, model.inputs, model.rule).arrays["s"].mean(axis=0)
    place = rows[[names().index(f"spectral_{k}_mean") for k in ("zcr", "centroid")]]
    z = np.r_[place, 0.0]
    centres = np.array([[0.7, 1.9, 0.0], [0.2, 0.4, 0.0]])
    found = model.predict(y, SR)
    expected = np.sqrt(((centres - z) ** 2).sum(axis=1).min() / 3)
    assert found.distance == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(found.embedding, z / np.linalg.norm(z), atol=1e-4)


def test_the_tracks_it_learned_from_that_sound_alike(make: Make, sounds: Sounds) -> None:
    y, plain = sounds["noise"](6.0), Classifier(make())
    own = plain.predict(y, SR)
    assert own.nearest == ()  # of a file that does not hold them
    away = np.array([[0.0, 0.0, 1.0], own.embedding, own.embedding * [1.0, 0.5, 1.0]])
    tracks = {"file": "tracks.f16", "names": ["c", "same", "near"], "labels": [1, 0, 1]}
    embedding = {**plain.info.embedding, "tracks": tracks}
    model = Classifier(make({"tracks.f16": packed(away)}, embedding=embedding))
    found = model.predict(y, SR).nearest
    assert [(n.track, n.genre) for n in found] == [
        ("same", "noise"),
        ("near", "tone"),
        ("c", "tone"),
    ]
    assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert model.predict(0 * y, SR).nearest == ()  # silence sounds like nothing
    with pytest.raises(BundleError, match=r"tracks\.f16 of 12 bytes; expected 6 for each track"):
        Classifier(make({"tracks.f16": packed(away[:2])}, embedding=embedding))


def test_a_model_without_an_embedding(make: Make, sounds: Sounds) -> None:
    found = Classifier(make(embedding={}, unknown=Unknown(0.0, 1e-9))).predict(
        sounds["tone"](4.0), SR
    )
    assert (found.genre, found.distance, found.embedding.shape) == ("tone", 0.0, (0,))


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_has_no_genre(make: Make, sounds: Sounds, level: float) -> None:
    found = Classifier(make()).predict(sounds["noise"](8.0) * np.float32(level), SR)
    well_formed(found, 8.0)
    assert (found.genre, found.reason) == (None, "silent")
    assert found.probabilities == {"noise": 0.5, "tone": 0.5}
    assert found.timeline == found.deciding == ()


def test_silent_windows_have_no_vote(make: Make, sounds: Sounds) -> None:
    model = Classifier(make(windows={"length": 3.0, "hop": 3.0}))
    alone = model.predict(sounds["noise"](3.0), SR)
    found = model.predict(joined(sounds, "n" + " " * 9, 3.0), SR)
    assert found.genre == "noise"
    for label, p in alone.probabilities.items():
        assert found.probabilities[label] == pytest.approx(p, abs=0.01)
    np.testing.assert_allclose(found.embedding, alone.embedding, atol=0.02)
    assert [(s.start, s.stop) for s in found.timeline] == [(0.0, 3.0)]
    assert [(s.start, s.stop) for s in found.deciding] == [(0.0, 3.0)]


# ----------------------------------------------------------------- over time


def test_the_timeline_covers_the_track(make: Make, sounds: Sounds) -> None:
    """Also the rest that was too short for a window of its own."""
    found = Classifier(make()).predict(joined(sounds, "nt", 5.17), SR)
    assert found.timeline[0].start == 0.0
    assert found.timeline[-1].stop == pytest.approx(10.34, abs=1e-4)
    for a, b in itertools.pairwise(found.timeline):
        assert a.stop == b.start
    assert found.timeline[0].genre == "noise"
    assert found.timeline[-1].genre == "tone"
    changes = [b.start for a, b in itertools.pairwise(found.timeline) if a.genre != b.genre]
    assert len(changes) == 1
    assert abs(changes[0] - 5.17) <= 3.0


def test_what_was_asked_to_be_dropped_is_not_shown(make: Make, sounds: Sounds) -> None:
    rule = {"length": 4.0, "hop": 4.0, "tail": "drop"}
    found = Classifier(make(windows=rule)).predict(sounds["noise"](7.0), SR)
    assert [(s.start, s.stop) for s in found.timeline] == [(0.0, 4.0)]


def test_the_seconds_that_decided(make: Make, sounds: Sounds) -> None:
    y = joined(sounds, "tntnnnnnn", 3.0)
    model = Classifier(make(windows={"length": 3.0, "hop": 1.5}))
    found = model.predict(y, SR)
    assert found.genre == "noise"
    assert len(found.deciding) == 3
    assert all(s.genre == "noise" for s in found.deciding)
    everything = model.window_probabilities(
        extract_samples(y, SR, model.inputs, model.rule).arrays
    )[:, 0]
    assert found.deciding[0].probabilities[0] == pytest.approx(everything.max(), abs=1e-6)


@pytest.mark.parametrize(
    ("plan", "n"), [("n", 1), ("nnt", 1), ("nntnt", 1), ("nntntn", 2), ("nn    ", 1), ("n" * 30, 3)]
)
def test_no_more_than_a_third_decided(make: Make, sounds: Sounds, plan: str, n: int) -> None:
    found = Classifier(make()).predict(joined(sounds, plan, 3.0), SR)
    assert len(found.deciding) == n


def test_without_the_deciding_seconds_the_answer_is_less_sure(make: Make, sounds: Sounds) -> None:
    y = joined(sounds, "nnttnnnt", 3.0)
    model = Classifier(make(windows={"length": 3.0, "hop": 3.0}))
    found = model.predict(y, SR)
    cut = np.ones(len(y), dtype=bool)
    for s in found.deciding:
        cut[round(s.start * SR) : round(s.stop * SR)] = False
    best = max(found.probabilities, key=lambda label: found.probabilities[label])
    without = model.predict(y[cut], SR).probabilities[best]
    assert without < found.probabilities[best]
    length = int(np.count_nonzero(~cut))
    for first in range(0, len(y) - length, 3 * SR):  # whatever else is as long costs no more
        other = np.delete(y, slice(first, first + length))
        assert without <= model.predict(other, SR).probabilities[best] + 1e-3


# ---------------------------------------------------------------- parts of a track


def test_a_long_track_is_heard_in_places(make: Make, sounds: Sounds, tmp_path: Path) -> None:
    y = joined(sounds, "nnnt", 30.0)
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    model = Classifier(make())
    some = model.predict_file(tmp_path / "a.wav", listen=4)
    well_formed(some, 120.0)
    assert some.heard == pytest.approx(12.0)
    assert [(s.start, s.stop) for s in some.timeline] == [
        (13.5, 16.5),
        (43.5, 46.5),
        (73.5, 76.5),
        (103.5, 106.5),
    ]
    assert [s.genre for s in some.timeline] == ["noise", "noise", "noise", "tone"]
    everything = model.predict_file(tmp_path / "a.wav", listen=None)
    assert everything.heard == pytest.approx(120.0)
    assert some.genre == everything.genre == "noise"
    usual = model.predict_file(tmp_path / "a.wav")
    assert usual.heard == pytest.approx(30.0)
    assert len(usual.timeline) == 10


# ----------------------------------------------------------------- many ways in


def test_a_file_is_its_samples(make: Make, sounds: Sounds, tmp_path: Path) -> None:
    y = sounds["music"](25.0)
    soundfile.write(tmp_path / "a.wav", np.stack([y, y], axis=1), SR, subtype="FLOAT")
    model = Classifier(make())
    a, b = model.predict(y, SR), model.predict_file(tmp_path / "a.wav")
    assert list(a.probabilities.values()) == pytest.approx(list(b.probabilities.values()), abs=1e-5)
    np.testing.assert_allclose(a.embedding, b.embedding, atol=1e-5)
    assert [s.start for s in a.timeline] == [s.start for s in b.timeline]
    assert (b.stated, a.stated) == (25.0, None)
    part = model.predict_file(tmp_path / "a.wav", start=5.0, duration=6.0)
    same = model.predict(y[5 * SR : 11 * SR], SR)
    assert part.seconds == same.seconds == 6.0
    assert list(part.probabilities.values()) == pytest.approx(
        list(same.probabilities.values()), abs=1e-5
    )


def test_a_batch_is_its_items(make: Make, sounds: Sounds) -> None:
    model = Classifier(make())
    items = [(sounds["noise"](4.0), SR), (sounds["tone"](3.0, 44100), 44100)]
    found = model.predict_batch(iter(items))
    assert [p.genre for p in found] == ["noise", "tone"]
    for prediction, (y, sr) in zip(found, items, strict=True):
        assert prediction.probabilities == model.predict(y, sr).probabilities
    assert model.predict_batch([]) == []
    with pytest.raises(AudioError, match=r"0\.050 s"):
        model.predict_batch([*items, (np.zeros(1000, "f4"), 20_000)])


def test_damaged_samples_are_partial(make: Make, sounds: Sounds) -> None:
    y = sounds["noise"](6.0)
    y[:2205] = np.nan
    found = Classifier(make()).predict(y, SR)
    assert (found.genre, found.partial) == ("noise", True)
    assert found.lost == pytest.approx(0.1)


def test_threads_give_the_same(make: Make, sounds: Sounds) -> None:
    y = sounds["music"](9.0)
    one = Classifier(make()).predict(y, SR)
    two = Classifier(make(), threads=2).predict(y, SR)
    assert list(one.probabilities.values()) == pytest.approx(list(two.probabilities.values()))
    with pytest.raises(RecipeError, match="0 threads"):
        Classifier(make(), threads=0)
    model = Classifier(make())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.predict(y, SR), range(8)))
    assert {str(p.probabilities) for p in found} == {str(one.probabilities)}


def test_classify_keeps_the_model(
    make: Make, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", sounds["noise"](4.0), SR)
    made = []
    real = Classifier.__init__
    monkeypatch.setattr(
        Classifier, "__init__", lambda self, *a, **k: made.append(a) or real(self, *a, **k)
    )
    path = make()
    for model in (path, str(path), os.path.relpath(path)):
        assert genrewise.classify(tmp_path / "a.wav", model).genre == "noise"
    assert len(made) == 1
    make(labels=("hiss", "hum"), name="tiny")
    os.utime(path, ns=(1, 1))
    assert classify(tmp_path / "a.wav", path).genre == "hiss"
    assert len(made) == 2


@pytest.mark.usefixtures("cache")
def test_classify_with_our_own_model(sounds: Sounds, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sounds["music"](12.0, 44100), 44100)
    found = genrewise.classify(tmp_path / "a.wav")
    assert found.model == "small-gtzan-v1"
    assert len(found.probabilities) == 10
    well_formed(found, 12.0)
    assert found.embedding.shape == (64,)


def test_classify_says_what_is_wrong_with_a_model(tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        classify(tmp_path / "a.wav", "no-such-model")
    for name in ("gone.genrewise", "a\0b.genrewise"):
        with pytest.raises(BundleError):
            classify(tmp_path / "a.wav", str(tmp_path / name))
    with pytest.raises(AudioError, match="gone"):
        classify(tmp_path / "gone.wav", "small-gtzan-v1")


# ------------------------------------------------------- models that do not fit


def test_another_front_end_is_refused(make: Make) -> None:
    with pytest.raises(BundleError, match="differs from the one that the model learned with"):
        Classifier(make(fingerprints={"s": "0" * 12}))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"windows": {"length": 0}}, "window length 0 s"),
        ({"windows": {"length": "3"}}, "three numbers"),
        ({"windows": {"width": 3}}, "width"),
        ({"vote": "loudest"}, "vote 'loudest'; expected one of mean"),
        ({"inputs": {"s": {"kind": "magic"}}}, "no input named 'magic'"),
        ({"inputs": {"s": {"kind": "log-mel"}}}, "without frontend"),
        ({"multi_label": True}, "tags in bundle.json; expected each label once"),
    ],
)
def test_settings_of_no_use(make: Make, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BundleError, match=text) as caught:
        Classifier(make(**changes))
    assert "tiny.genrewise: " in str(caught.value)


@pytest.mark.parametrize("kind", ["junk", "inputs", "labels", "rank", "output", "nan", "zero"])
def test_networks_of_other_shapes(
    make: Make, sounds: Sounds, networks: Networks, kind: str
) -> None:
    n = len(names())
    networks_by_kind = {
        "junk": b"\x08\x07junk",
        "inputs": networks["classifier"](np.zeros((5, 2)), [0, 0]),
        "labels": networks["classifier"](np.zeros((n, 3)), [0, 0, 0]),
        "rank": networks["backbone"](),
        "output": networks["embedding"](np.zeros((n, 2))),
        "nan": networks["classifier"](np.full((n, 2), np.nan), [0, 0]),
        "zero": networks["classifier"](np.zeros((n, 2)), [-np.inf, -np.inf]),
    }
    model = Classifier(make({"tiny.onnx": networks_by_kind[kind]}))
    with pytest.raises(BundleError, match=r"tiny\.genrewise: tiny\.onnx") as caught:
        model.predict(sounds["tone"](4.0), SR)
    assert "\n" not in str(caught.value)


def test_an_embedding_of_another_size(make: Make, sounds: Sounds, networks: Networks) -> None:
    wrong = networks["embedding"](np.zeros((len(names()), 2)))
    with pytest.raises(BundleError, match=r"place\.onnx gives embedding of shape \(\d+, 2\)"):
        Classifier(make({"place.onnx": wrong})).predict(sounds["tone"](4.0), SR)


@pytest.mark.usefixtures("backbone")
def test_a_model_on_a_backbone(make: Make, sounds: Sounds, networks: Networks) -> None:
    spec = make_input(
        {
            "kind": "backbone",
            "backbone": "musicnn-msd",
            "layers": ["tags"],
            "summary": ["mean"],
            "hop": 187,
        }
    )
    weights = np.random.default_rng(1).normal(0, 1, (50 + len(names()), 2)) * 1e-3
    model = Classifier(
        make(
            {"both.onnx": networks["classifier"](weights, [0.0, 0.5])},
            inputs={"d": spec.to_json(), "s": {"kind": "statistics", "version": 1}},
            fingerprints={"d": spec.fingerprint(), "s": "e173308909e0"},
            members=(Member("both.onnx", ("d", "s"), (1.0, 1.0)),),
        )
    )
    for seconds in (0.2, 3.0, 20.0):
        well_formed(model.predict(sounds["music"](seconds), SR), seconds)
