"""The fixed interface, and what stands in the way of a figure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise.errors import DatasetError
from genrewise.inference import Classifier
from genrewise.training.datasets import read
from genrewise.training.datasets.synthetic import generate
from genrewise.training.evaluate import Question, evaluate
from genrewise.training.metrics import level_scores

KEYS = {
    "accuracy",
    "interval",
    "macro_f1",
    "weighted_f1",
    "n",
    "answered",
    "right_when_answered",
    "ece",
}


def ask(model: str, *sources: str | Path, **more: Any) -> dict[str, Any]:
    """The report of an evaluation in one process."""
    return evaluate(Question(model, tuple(map(str, sources)), workers=1, **more)).report


@pytest.fixture(scope="module")
def found(pitch: str, tones: Path) -> dict[str, Any]:
    return ask(pitch, tones)


def test_the_interface_is_fixed(found: dict[str, Any]) -> None:
    for level in ("track", "clip", "window"):
        assert set(found[level]) >= KEYS
        scores = found[level]
        assert 0 <= scores["interval"][0] <= scores["accuracy"] <= scores["interval"][1] <= 1
        assert isinstance(scores["n"], int)
        for key in ("macro_f1", "weighted_f1", "answered", "ece"):
            assert 0 <= scores[key] <= 1
    assert found["failed"] == []
    assert found["outside"] == []
    json.dumps(found, allow_nan=False)


def test_clip_figures_are_those_of_single_answers(
    found: dict[str, Any], pitch: str, tones: Path
) -> None:
    dataset, classifier = read(tones), Classifier(pitch)
    answers = [classifier.predict_file(dataset.file(i)) for i in range(len(dataset))]
    p = [list(a.probabilities.values()) for a in answers]
    answered = [a.genre is not None for a in answers]
    groups = [item.group for item in dataset.items]
    truth = [classifier.labels.index(item.label) for item in dataset.items]
    again = level_scores(truth, p, classifier.labels, groups, answered=answered)
    assert again["confusion"] == found["clip"]["confusion"]
    for key in KEYS - {"interval"}:
        assert found["clip"][key] == pytest.approx(again[key])


def test_a_track_with_two_labels_is_two_sections(pitch: str, tones: Path, tmp_path: Path) -> None:
    """One track of which some clips are low and the others middle."""
    rows = ["path,label,group,track"]
    for label in ("low", "middle"):
        rows += [f"{file},{label},dj,mix" for file in sorted((tones / label).glob("*.wav"))]
    manifest = tmp_path / "sections.csv"
    manifest.write_text("\n".join(rows))
    found = ask(pitch, manifest)
    assert found["clip"]["n"] == 8
    assert found["track"]["n"] == 2
    assert found["track"]["accuracy"] == 1.0  # three of four clips of each are right
    assert found["track"]["absent"] == ["high"]
    assert found["track"]["interval"] == [0.0, 1.0]  # one group says nothing of others


def test_labels_are_mapped_left_out_and_restricted(pitch: str, tones: Path, tmp_path: Path) -> None:
    folder = tmp_path / "named otherwise"
    shutil.copytree(tones, folder)
    (folder / "low").rename(folder / "tief")
    (folder / "high").rename(folder / "noise")
    found = ask(pitch, folder, mapping={"tief": "low"}, restrict=True)
    assert found["outside"] == ["noise"]
    assert found["labels"] == ["low", "middle"]
    assert found["clip"]["n"] == 8
    assert np.array(found["clip"]["confusion"]).shape == (2, 2)
    whole = ask(pitch, folder)
    assert whole["outside"] == ["noise", "tief"]
    assert whole["labels"] == ["low", "middle", "high"]
    assert whole["clip"]["absent"] == ["low", "high"]


def test_restricted_answers_are_among_the_labels_kept(
    pitch: str, make_tones: Callable[..., Path], tmp_path: Path
) -> None:
    """A tone of 3 kHz is high; where only low and middle may be said, it is middle."""
    folder = make_tones(tmp_path / "m", {"low": (200,), "middle": (1000, 3000)})
    assert ask(pitch, folder)["clip"]["confusion"] == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert ask(pitch, folder, restrict=True)["clip"]["confusion"] == [[1, 0], [0, 2]]


def test_no_label_in_common_says_how_to_map(pitch: str, tones: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected some of the model's: .*Map them: --map") as e:
        ask("small-gtzan-v1", tones)
    assert "\n" not in str(e.value)
    with pytest.raises(DatasetError, match=r"polka.*is no label of the model"):
        ask(pitch, tones, mapping={"low": "polka"})
    with pytest.raises(DatasetError, match=r"lov.*is no label of the data.*mean low"):
        ask(pitch, tones, mapping={"lov": "low"})


def test_nothing_readable_is_an_error(pitch: str, tmp_path: Path) -> None:
    for label in ("low", "high"):
        (tmp_path / "m" / label).mkdir(parents=True)
        (tmp_path / "m" / label / "bad.mp3").write_bytes(b"words, not music. " * 40)
    with pytest.raises(DatasetError, match="no file could be read"):
        ask(pitch, tmp_path / "m")


def test_a_model_that_ships_answers_by_name(tmp_path: Path) -> None:
    genres = ("blues", "metal", "disco")
    generate(tmp_path / "m", 1, 3.0, genres=genres, tracks_per_artist=1)
    found = ask("small-gtzan-v1", tmp_path / "m")
    assert found["model"] == "small-gtzan-v1"
    assert found["clip"]["n"] == 3
    assert len(found["labels"]) == 10


def test_silence_has_no_windows_and_is_unknown(
    pitch: str, make_tone: Callable[..., Any], tmp_path: Path
) -> None:
    import soundfile

    (tmp_path / "m" / "low").mkdir(parents=True)
    soundfile.write(tmp_path / "m" / "low" / "a.wav", 0.0 * make_tone(200.0), 22050)
    found = ask(pitch, tmp_path / "m")
    assert (found["clip"]["n"], found["clip"]["answered"]) == (1, 0.0)
    assert found["clip"]["right_when_answered"] is None
    assert "window" not in found
