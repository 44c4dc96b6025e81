"""Any model on any labelled music: the fixed interface and what stands in its way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrewise.cli import main
from genrewise.errors import DatasetError
from genrewise.inference import Classifier
from genrewise.training.datasets import read
from genrewise.training.datasets.synthetic import generate
from genrewise.training.default import recipe_for
from genrewise.training.evaluate import evaluate
from genrewise.training.job import Job, run_recipe
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


@pytest.fixture(scope="module")
def model(music: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREWISE_CACHE", str(shared_cache))
        recipe = recipe_for(str(music), "mine", fast=True, settings=["fit.folds=2"])
        run_recipe(Job(recipe, "mine", folder / "mine.genrewise", folder / "report", workers=1))
    return folder / "mine.genrewise"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Music by artists that the model has never heard, one file of it unreadable."""
    folder = tmp_path_factory.mktemp("fresh") / "more music"
    genres = ("metal", "techno", "waltz")
    generate(folder, 3, 6.0, seed=5, genres=genres, tracks_per_artist=1)
    return folder


@pytest.fixture(scope="module")
def found(model: Path, fresh: Path) -> dict[str, Any]:
    return evaluate(str(model), str(fresh), workers=1)


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
    assert found["model"] == "mine"
    assert found["labels"] == ["metal", "techno", "waltz"]
    json.dumps(found, allow_nan=False)


def test_it_is_right_about_what_it_never_heard(found: dict[str, Any]) -> None:
    assert found["clip"]["n"] == found["track"]["n"] == 9
    assert found["window"]["n"] >= 9
    assert found["clip"]["accuracy"] >= 8 / 9


def test_clip_figures_are_those_of_single_answers(
    found: dict[str, Any], model: Path, fresh: Path
) -> None:
    dataset, classifier = read(fresh), Classifier(model)
    answers = [classifier.predict_file(dataset.file(i)) for i in range(len(dataset))]
    p = [list(a.probabilities.values()) for a in answers]
    answered = [a.genre is not None for a in answers]
    groups = [item.group for item in dataset.items]
    again = level_scores(dataset.targets(), p, dataset.labels, groups, answered=answered)
    assert again["confusion"] == found["clip"]["confusion"]
    for key in KEYS - {"interval"}:
        assert found["clip"][key] == pytest.approx(again[key])


def sections_of(folder: Path) -> Path:
    """One track of which one clip is techno and the others waltz."""
    rows = ["path,label,group,track"]
    for genre in ("techno", "waltz"):
        rows += [f"{genre}/{f.name},{genre},dj,mix" for f in sorted((folder / genre).glob("*.wav"))]
    manifest = folder / "sections.csv"
    manifest.write_text("\n".join(rows))
    return manifest


def test_a_track_with_two_labels_is_two_sections(model: Path, fresh: Path) -> None:
    found = evaluate(str(model), str(sections_of(fresh)), workers=1)
    assert found["clip"]["n"] == 6
    assert found["track"]["n"] == 2
    assert found["track"]["absent"] == ["metal"]
    assert found["track"]["interval"] == [0.0, 1.0]  # one group says nothing of others


def test_unreadable_files_are_listed_and_make_the_exit_code(
    model: Path, fresh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "é and blanks"
    shutil.copytree(fresh, folder)
    (folder / "manifest.csv").unlink()
    (folder / "waltz" / "bad.mp3").write_bytes(b"words, not music. " * 40)
    code = main(["evaluate", str(model), str(folder), "--json", "--workers", "1"])
    out, err = capsys.readouterr()
    assert code == 1
    found = json.loads(out)
    assert [path for path, _ in found["failed"]] == ["waltz/bad.mp3"]
    assert found["clip"]["n"] == 9
    assert "waltz/bad.mp3: " in err
    (folder / "waltz" / "bad.mp3").unlink()
    assert main(["evaluate", str(model), str(folder), "--json", "--workers", "1"]) == 0


def test_labels_are_mapped_left_out_and_restricted(
    model: Path, fresh: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "named otherwise"
    shutil.copytree(fresh, folder)
    (folder / "manifest.csv").unlink()
    (folder / "waltz").rename(folder / "ländler")
    (folder / "metal").rename(folder / "noise")
    found = evaluate(
        str(model), str(folder), mapping={"ländler": "waltz"}, restrict=True, workers=1
    )
    assert found["outside"] == ["noise"]
    assert found["labels"] == ["techno", "waltz"]
    assert found["clip"]["n"] == 6
    assert np.array(found["clip"]["confusion"]).shape == (2, 2)
    whole = evaluate(str(model), str(folder), workers=1)
    assert whole["outside"] == ["ländler", "noise"]
    assert whole["labels"] == ["metal", "techno", "waltz"]
    assert whole["clip"]["absent"] == ["metal", "waltz"]


def test_a_part_and_some_labels_alone(model: Path, fresh: Path) -> None:
    lines = (fresh / "manifest.csv").read_text().splitlines()
    parts = [f"{line},{'test' if i % 3 == 2 else 'train'}" for i, line in enumerate(lines[1:])]
    listed = fresh / "parts.csv"
    listed.write_text("\n".join([lines[0] + ",split", *parts]))
    found = evaluate(str(model), str(listed), part="test", labels=["waltz", "metal"], workers=1)
    assert found["clip"]["n"] == 2
    with pytest.raises(DatasetError, match="no item in part 'valid'"):
        evaluate(str(model), str(listed), part="valid", workers=1)


def test_no_label_in_common_says_how_to_map(model: Path, fresh: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected some of the model's: .*Map them: --map") as e:
        evaluate("small-gtzan-v1", str(fresh), labels=["waltz"], workers=1)
    assert "\n" not in str(e.value)
    with pytest.raises(DatasetError, match=r"polka.*is no label of the model"):
        evaluate(str(model), str(fresh), mapping={"waltz": "polka"}, workers=1)
    with pytest.raises(DatasetError, match=r"walz.*is no label of"):
        evaluate(str(model), str(fresh), mapping={"walz": "waltz"}, workers=1)


def test_nothing_readable_is_an_error(model: Path, tmp_path: Path) -> None:
    for genre in ("techno", "waltz"):
        (tmp_path / "m" / genre).mkdir(parents=True)
        (tmp_path / "m" / genre / "bad.mp3").write_bytes(b"words, not music. " * 40)
    with pytest.raises(DatasetError, match="no file could be read"):
        evaluate(str(model), str(tmp_path / "m"), workers=1)


def test_models_by_name_and_the_table(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["evaluate", "small-gtzan-v1", str(fresh), "--workers", "1"])
    out, err = capsys.readouterr()
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["window", "clip", "track"]
    assert "left out: techno, which the model does not know" in err
    assert main(["evaluate", "smal-gtzan-v1", str(fresh)]) == 2
    assert "small-gtzan-v1" in capsys.readouterr().err


@pytest.mark.parametrize("pair", ["=waltz", "waltz=", "waltz"])
def test_maps_are_pairs(pair: str, fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "small-gtzan-v1", str(fresh), "--map", pair]) == 2
    assert "expected LABEL=LABEL" in capsys.readouterr().err
