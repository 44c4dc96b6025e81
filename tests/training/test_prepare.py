"""Data sets made ready: music, pictures and tables; what does not fit is refused at once."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from genrewise import engine
from genrewise.errors import DatasetError, LeakageError, MissingExtra, RecipeError, UnknownName
from genrewise.training import datasets
from genrewise.training import prepare as preparing
from genrewise.training.datasets.duplicates import Duplicate
from genrewise.training.frames import Cuts
from genrewise.training.job import run_recipe
from genrewise.training.prepare import Job, prepare
from genrewise.training.problem import make_problem, make_split
from genrewise.training.recipe import parse

GENRES = ("blues", "rock")
PICTURES = {"picture": {"kind": "picture-file", "size": [8, 8]}}
TABLE = {"row": {"kind": "table"}}
SOUND = {"timbre": {"kind": "statistics"}}
SR = 8000
MEL = {
    "mel": {
        "kind": "log-mel",
        "n_frames": 10,
        "frontend": {"sr": SR, "n_fft": 512, "hop_length": 256, "n_mels": 8},
    }
}


def job_for(
    source: Path | str, folder: Path, features: Any, said: list[str] | None = None, **more: Any
) -> Job:
    """A job of one member that sees all features; `more` are sections of the recipe."""
    member = {"model": more.pop("model", "lda"), "inputs": list(features)}
    values = {
        "name": "mine",
        "data": {"source": str(source), **more.pop("data", {})},
        "features": features,
        "model": {"members": {"m": {**member, "params": more.pop("params", {})}}},
        "split": {"test": 0.25, **more.pop("split", {})},
        "fit": {"folds": 2, **more.pop("fit", {})},
    }
    recipe = parse({**values, **more}, "here")
    say = (lambda _: None) if said is None else said.append
    return Job(recipe, "mine", folder / "mine.genrewise", folder / "run", say, workers=1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREWISE_CACHE", str(tmp_path_factory.mktemp("own")))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark blues and bright rock, twelve pictures each, and one that is none."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for genre, light in zip(GENRES, (60, 180), strict=True):
        (root / genre).mkdir()
        for k in range(12):
            pixels = np.clip(rng.normal(light, 25, (16, 16)), 0, 254).astype(np.uint8)
            Image.fromarray(pixels).save(root / genre / f"{k}.png")
    (root / "rock" / "torn.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of features: two genres, twelve rows each, apart in every column."""
    path, rng = tmp_path_factory.mktemp("table") / "features.csv", np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", *(f"f{i}" for i in range(6)), "label"])
        for g, genre in enumerate(GENRES):
            for k in range(12):
                writer.writerow([f"{genre}.{k:05d}.wav", *rng.normal(4 * g, 1, 6), genre])
    return path


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two genres of two tones; four tracks each, of 1 s."""
    root, rng = tmp_path_factory.mktemp("songs"), np.random.default_rng(0)
    for g, genre in enumerate(GENRES):
        (root / genre).mkdir()
        for k in range(4):
            t = np.arange(SR) / SR
            y = 0.3 * np.sin(2 * np.pi * (220 + 440 * g + 5 * k) * t) + rng.normal(0, 0.05, SR)
            soundfile.write(root / genre / f"{k}.wav", y, SR)
    return root


def stored(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
    return found


# -- what is no music


def test_pictures_end_in_a_report_without_a_model_file(pictures: Path, tmp_path: Path) -> None:
    said: list[str] = []
    net = {"model": "ann-001", "params": {"max_epochs": 8, "lr": 1e-3}}
    job = job_for(pictures, tmp_path, PICTURES, said, **net)
    report = run_recipe(job)
    assert "no model file: it would not hear music but see pictures" in said
    assert "24 pictures of 24 groups" not in said  # the torn one is there till it is opened
    assert "25 pictures of 25 groups" in said
    assert not job.out.exists()
    assert "bundle" not in report
    assert stored(job)["test"] == report["test"]
    assert report["data"]["clips"] == 25
    assert [path for path, _ in report["data"]["failed"]] == ["rock/torn.png"]
    assert report["split"]["pool"] + report["split"]["test"] == 24
    assert report["test"]["clip"]["accuracy"] > 0.7
    assert {"report.html", "predictions.csv", "split.csv"} <= {p.name for p in job.folder.iterdir()}


def test_a_table_ends_in_a_report_without_a_model_file(rows: Path, tmp_path: Path) -> None:
    said: list[str] = []
    unlabelled = {"unlabelled": str(rows.parent)}
    job = job_for(rows, tmp_path, TABLE, said, data=unlabelled)
    report = run_recipe(job)
    assert "no model file: it would not hear music but see features" in said
    assert f"{rows.parent}: not classified, without a model file" in said
    assert not job.out.exists()
    assert not (job.folder / "unlabelled.csv").exists()
    assert report["test"]["clip"]["accuracy"] == 1.0
    assert report["data"]["clips"] == 24
    assert report["chosen"] == ["m"]
    with (job.folder / "predictions.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert sum(row["level"] == "clip" for row in found) == 24


def test_pictures_are_at_the_size_that_was_asked_for(pictures: Path, tmp_path: Path) -> None:
    ready = prepare(job_for(pictures, tmp_path, {"p": {"kind": "picture-file", "size": [5, 3]}}))
    assert ready.table.arrays["p"].shape == (24, 1, 3, 5)
    assert len(ready.dataset) == 24
    ((path, why),) = ready.failed
    assert (path, why) == ("rock/torn.png", "no picture that Pillow reads")
    truth = ready.dataset.targets()[ready.table.item]
    light = ready.table.arrays["p"].mean(axis=(1, 2, 3))
    assert ((light > 0.47) == (truth == 1)).all()


def test_the_rows_of_a_table_are_its_windows(rows: Path, tmp_path: Path) -> None:
    ready = prepare(job_for(rows, tmp_path, TABLE))
    assert list(ready.table.arrays) == ["row"]
    assert ready.table.arrays["row"].shape == (24, 6)
    assert ready.table.item.tolist() == list(range(24))
    assert ready.failed == ()
    assert ready.looked.clips == 24


# -- music


def test_windows_of_music_line_up_with_what_can_be_read(songs: Path, tmp_path: Path) -> None:
    rule = {"length": 0.5, "hop": 0.5}
    ready = prepare(job_for(songs, tmp_path, SOUND, windows=rule))
    assert len(ready.dataset) == 8
    assert ready.table.item.tolist() == np.repeat(np.arange(8), 2).tolist()
    assert ready.table.start.tolist() == [0.0, 0.5] * 8
    assert ready.looked.clips == 8
    assert (tmp_path / "run").is_dir()


def test_random_windows_stay_uncut(songs: Path, tmp_path: Path) -> None:
    ready = prepare(job_for(songs, tmp_path, MEL, model="mlp", windows={"count": 3}))
    cuts = ready.table.arrays["mel"]
    assert isinstance(cuts, Cuts)
    assert cuts.shape == (24, 1, 8, 10)
    assert ready.table.item.tolist() == np.repeat(np.arange(8), 3).tolist()


def test_windows_are_dealt_though_the_clips_are_few(songs: Path, tmp_path: Path) -> None:
    """A share of windows that is less than one clip is still a share."""
    (tmp_path / "few").mkdir()
    for genre in GENRES:
        (tmp_path / "few" / genre).symlink_to(songs / genre)
    job = job_for(
        tmp_path / "few",
        tmp_path,
        SOUND,
        protocol="published",
        windows={"length": 0.1, "hop": 0.1},
        split={"rule": "windows", "test": 0.05, "valid": 0.05},
    )
    ready = prepare(job)
    problem = make_problem(ready.dataset, ready.table, job.recipe)
    assert (len(problem.table), len(problem.test), len(problem.split.valid)) == (80, 4, 4)


# -- what does not fit


@pytest.mark.parametrize(
    ("source", "features", "said"),
    [
        ("pictures", SOUND, "a data set of pictures for the input timbre, statistics"),
        ("pictures", TABLE, "a data set of pictures for the input row, table"),
        ("rows", PICTURES, "a data set of features for the input picture, picture-file"),
        ("rows", MEL, "a data set of features for the input mel, log-mel"),
        ("songs", PICTURES, "a data set of audio for the input picture, picture-file"),
        ("songs", TABLE, "a data set of audio for the input row, table"),
    ],
)
def test_inputs_that_a_data_set_does_not_have_are_refused(
    source: str, features: Any, said: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    given: Path = request.getfixturevalue(source)
    with pytest.raises(DatasetError, match=said) as caught:
        prepare(job_for(given, tmp_path, features))
    text = str(caught.value)
    wanted = {"picture-file": "pictures", "table": "features"}
    kind = next(iter(features.values()))["kind"]
    assert text.endswith(f"expected a data set of {wanted.get(kind, 'music')}")
    assert text.startswith(f"{given.stem}")
    assert "\n" not in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("features", "sections", "error", "said"),
    [
        (SOUND, {"augment": {"kinds": ["miror"]}}, UnknownName, "Did you mean mirror"),
        (SOUND, {"augment": {"waveform": ["noize"]}}, UnknownName, "Did you mean noise"),
        (SOUND, {"windows": {"count": 3}}, RecipeError, "random windows of an input statistics"),
        (
            MEL,
            {"windows": {"count": 3}, "augment": {"waveform": ["gain"]}},
            RecipeError,
            "changed copies of the sound with random windows; expected one of them",
        ),
        (SOUND, {"data": {"unlabelled": "nowhere"}}, DatasetError, "nowhere: no such folder"),
        (SOUND, {"params": {"shrinkag": 1}}, RecipeError, "Did you mean shrinkage"),
        ({"x": {**MEL["mel"], "n_frames": 0}}, {}, RecipeError, "log-mel pictures of 0 frames"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_before_any_file_is_opened(
    features: Any,
    sections: Any,
    error: type[Exception],
    said: str,
    songs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preparing, "read_dataset", None)
    with pytest.raises(error, match=said) as caught:
        prepare(job_for(songs, tmp_path, features, **sections))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("library", ["matplotlib", "onnx", "skl2onnx", "onnxmltools"])
def test_libraries_of_the_end_are_missed_at_the_beginning(
    library: str, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = preparing.find_spec
    monkeypatch.setattr(
        preparing, "find_spec", lambda name: None if name == library else find(name)
    )
    monkeypatch.setattr(preparing, "read_dataset", None)
    with pytest.raises(MissingExtra, match=rf"{library}.*\[train\]"):
        prepare(job_for(songs, tmp_path, SOUND))


def test_too_few_groups_are_refused_before_windows_are_cut(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{songs}/{g}/{k}.wav,{g},{g}" for g in GENRES for k in range(4)]
    manifest = tmp_path / "list.csv"
    manifest.write_text("\n".join(["path,label,group", *lines]))
    monkeypatch.setattr(preparing, "extract_dataset", None)
    with pytest.raises(DatasetError, match="too few groups"):
        prepare(job_for(manifest, tmp_path, SOUND))


def test_copies_across_a_published_split_cost_the_training_side(
    fma_made: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    job = job_for(fma_made, tmp_path, SOUND, said, split={"test": 0.1})
    dataset = datasets.read(str(fma_made))
    place = {item.split: i for i, item in reversed(list(enumerate(dataset.items)))}
    learnt, held = place["train"], place["test"]
    pair = Duplicate(min(learnt, held), max(learnt, held), 0.0, 20.0, 0.05)
    apart = preparing._together(job, dataset, [pair])
    changed = [i for i, item in enumerate(apart.items) if item != dataset.items[i]]
    assert (changed, apart.items[learnt].split) == ([learnt], "")
    assert said == [
        "warning: 1 left out of what is learnt from, copies of what the data set's own split"
        f" holds back: {dataset.items[learnt].path}"
    ]
    assert learnt not in parted(apart, job)
    # A split of the user's own is refused, as it can be corrected.
    own = preparing._together(job, replace(dataset, official=False), [pair])
    with pytest.raises(LeakageError, match="stands on two sides"):
        parted(own, job)


def parted(dataset: datasets.Dataset, job: Job) -> set[int]:
    """Everything that has a part."""
    split = make_split(dataset, job.recipe)
    return {*split.train, *split.valid, *split.test}


def test_nothing_is_opened_twice(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(job_for(songs, tmp_path, SOUND))
    asked: list[Any] = []
    run = engine.run

    def counted(setup: Any, items: Any, **how: Any) -> Any:
        asked.extend(items)
        return run(setup, items, **how)

    monkeypatch.setattr(engine, "run", counted)
    second = prepare(job_for(songs, tmp_path, SOUND))
    assert asked == []
    np.testing.assert_array_equal(first.table.arrays["timbre"], second.table.arrays["timbre"])
